//! `imgveil schemes`.

use crate::common::sandbox::*;
use crate::sets::OWN;
use serde_json::Value;

#[test]
fn schemes_are_listed_with_what_they_are_worth() {
    let list = "\
scheme             inverse  key space                JPEG  key per image  source
none               yes      0                        yes   no             -
shuffle-flip       yes      250                      no    no             after Tanaka 2018
le                 yes      256 (tables: 590)        no    no             Tanaka 2018
ele                yes      256 (tables: 1,882,639)  no    no             Madono 2020
etc                yes      256 (tables: 2,505)      yes   no             Chuman 2019
skk                yes      256 (tables: 280,231)    no    option         Sirichotedumrong 2019
skk-filter         lossy    256 (tables: 280,231)    no    option         after Huang 2022
shf                yes      202                      no    no             AprilPyone 2021
np                 yes      48                       no    no             AprilPyone 2021
vit                yes      256 (tables: 7,474)      no    no             Kiya 2023
etc-image          yes      256                      no    yes            after Aso 2024
shuffle-flip-image yes      256                      no    yes            this project
vit-image          yes      256                      no    yes            Aso 2024
instahide          lossy    256                      no    yes            Huang 2020
pixelate           lossy    0                        yes   no             -
blur               lossy    0                        yes   no             -
dp-pix             lossy    256                      yes   yes            Fan 2018
keystream          yes      256                      no    yes            ChaCha20

For images of 224x224x3. Key space: log2 of the number of different things that keys can do to an
image. A secret has 256 bits, so no key reaches more; what written-out tables could do beyond that
is given as (tables: ...). It says nothing about attacks which need no search, and most of these
schemes fall to one: `imgveil schemes NAME` tells to which.
JPEG: whether encrypted images still compress as JPEG and survive it. Key per image: all images
share a key unless they need not (option) or cannot (yes).
";
    Sandbox::new().run("schemes").is(0, list, "");
}

#[test]
fn schemes_are_listed_for_any_size_and_as_json() {
    let sandbox = Sandbox::new();
    let done = sandbox.run("schemes --size 28x28x1");
    for line in [
        "shuffle-flip       yes      60                       no    no             after Tanaka 2018",
        "etc                yes      -                        yes   no             Chuman 2019",
        "- etc: blocks of 16x16 do not tile an image of 28x28.",
    ] {
        assert!(done.out.lines().any(|l| l == line), "{line}: {}", done.out);
    }
    let done = sandbox.run("schemes --size 8x8x1x16");
    assert!(done.out.contains("\n- vit: blocks of 16x16 are larger than an image of 8x8.\n"), "{}", done.out);
    assert!(done.out.contains("\n- instahide: mixing works on 8-bit samples"), "{}", done.out);
    let done = sandbox.run("schemes --size 28x28x1 --json");
    let list: Vec<Value> = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, done.err.as_str(), list.len()), (0, "", 18));
    let expected = serde_json::json!({
        "name": "np", "summary": "samples are negated or not by their places in the block, with one key for all blocks",
        "inverse": true, "key_space": { "bits": 16.0, "tables": 16.0 }, "jpeg": false, "key_per_image": "no",
        "source": "AprilPyone 2021",
    });
    assert_eq!(list[8], expected);
    assert_eq!((&list[4]["key_space"], &list[5]["key_per_image"]), (&Value::Null, &Value::from("option")));
    assert_eq!(list[17]["key_space"], serde_json::json!({ "bits": 256.0, "tables": null }));
}

#[test]
fn a_scheme_is_explained_stage_by_stage() {
    let text = "\
etc: blocks are turned, negated, recoloured and scrambled as wholes, and still compress as JPEG

Stages, in the order in which they encrypt
  1. rotation-inversion block=8x8
     every 8x8 block is turned and mirrored in one of the 8 ways in which a square falls on itself
  2. negative-positive block=8x8
     some 8x8 blocks are negated as wholes (p becomes max - p)
  3. colour-shuffling block=8x8 key=block
     the channels of every 8x8 block are brought into one of their 6 orders (does nothing to images
     of 32x32x1: the images are grey: one channel has one order)
  4. block-scrambling block=8x8
     the 8x8 blocks change places in the image

Options
  --block SIZE           the block in pixels: 4, or HEIGHTxWIDTH [default: 16x16]
  --channel-table NAME   the orders of the channels: permutations, or as-published (cannot be
                         undone) [default: permutations]

Source          Chuman, Sirichotedumrong & Kiya, \"Encryption-then-compression systems using
                grayscale-based image encryption for JPEG images\", IEEE TIFS 14(6), 2019, its
                section on the colour-based scheme that it starts from
Inverse         yes: decryption gives every pixel back exactly
Key per image   no: all images share the key
JPEG            yes: blocks of 8x8 are taken as wholes and stay as smooth inside as they were
Key space       108, in bits, for images of 32x32x1
Tables          written out (--tables), the key has 108 bits. Names and hashes also depend on the
                salt of the tables, which has 256
What breaks it  whoever puts the blocks together as a jigsaw puzzle; what is inside a block is plain
                to see
Measured        4 encrypted images of one key and size and nothing else give all others back
                exactly; 1 known pair gives all others back exactly; 1 image of the attacker's
                choice gives all others back exactly (grey X-rays of 224x224; `imgveil attack`
                measures yours)
Left open       the published code orders channels by assigning them one after another in place,
                which loses channels in five of its six cases (--channel-table as-published does the
                same). Our keys draw the 8 symmetries of the square uniformly; the paper draws
                rotations and inversions apart, which gives some of the 8 twice

Key space: log2 of the number of different things that keys can do to an image. A secret has 256
bits, so no key reaches more; what written-out tables could do beyond that is given as (tables:
...). It says nothing about attacks which need no search, and most of these schemes fall to one.
";
    Sandbox::new().run("schemes etc --block 8 --size 32x32x1").is(0, text, "");
}

#[test]
fn a_scheme_of_ones_own_is_explained_too() {
    let sandbox = Sandbox::new();
    sandbox.write("own.toml", OWN.as_bytes());
    let text = "\
two-sizes: a scheme of your own, from own.toml

Stages, in the order in which they encrypt
  1. pixel-shuffling block=4x4 key=shared
     the samples of every 4x4 block change places inside it, by one permutation for all blocks
  2. sign-flip block=4x4 key=shared
     some samples of every 4x4 block are negated (p becomes max - p), in all blocks at the same
     places
  3. rotation-inversion block=8x8
     every 8x8 block is turned and mirrored in one of the 8 ways in which a square falls on itself
  4. block-scrambling block=8x8
     the 8x8 blocks change places in the image

Inverse         yes: decryption gives every pixel back exactly
Key per image   no: all images share the key
JPEG            no: pixel-shuffling leaves no smooth areas, and JPEG compresses nothing else
Key space       at most 256 (tables: 548), in bits, for images of 64x64x1
Tables          written out (--tables), the key has at most 548 bits. Names and hashes also depend
                on the salt of the tables, which has 256
What breaks it  not known to imgveil: nobody has tried. Where all images share a key, expect it to
                be read off a few plain images with their encryptions

Key space: log2 of the number of different things that keys can do to an image. A secret has 256
bits, so no key reaches more; what written-out tables could do beyond that is given as (tables:
...). It says nothing about attacks which need no search, and most of these schemes fall to one.
";
    sandbox.run("schemes own.toml --size 64x64x1").is(0, text, "");
    let done = sandbox.run("schemes own.toml --size 12x12x1");
    let line = "Key space       - for images of 12x12x1: blocks of 8x8 do not tile an image of 12x12";
    assert!(done.out.lines().any(|l| l == line), "{}", done.out);
    let done = sandbox.run("schemes own.toml --size 8x8x1 --json");
    let json: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    assert_eq!((&json["name"], &json["options"], &json["about"]), (&"two-sizes".into(), &Value::Null, &Value::Null));
    assert_eq!(
        json["stages"][3],
        serde_json::json!({
            "stage": "block-scrambling block=8x8", "does": "the 8x8 blocks change places in the image",
            "idle": "the image is a single block", "key_space": { "bits": 0.0, "tables": 0.0 },
        })
    );
}

#[test]
fn what_is_no_scheme_is_not_explained() {
    let sandbox = Sandbox::new();
    let words = "there is no scheme `rot13`; the schemes are none, shuffle-flip, le, ele, etc, skk, skk-filter, shf, \
    np, vit, etc-image, shuffle-flip-image, vit-image, instahide, pixelate, blur, dp-pix, keystream";
    sandbox.refuses("schemes rot13", USAGE, words);
    sandbox.refuses("schemes own.toml", USAGE, "there is no scheme file own.toml: check the path");
    sandbox.write("own.toml", b"[[stage]]\n");
    sandbox.refuses_like("schemes own.toml", USAGE, |words| {
        words.contains("own.toml:1: this stage does not say what it is")
    });
    sandbox.refuses(
        "schemes le --scramble",
        USAGE,
        "scheme `le` has no block scrambling to choose; leave that option out",
    );
    let words = "--block is an option of one scheme: name it, as in `imgveil schemes shuffle-flip`";
    sandbox.refuses("schemes --block 8", USAGE, words);
    let words = "invalid value '28x28' for '--size <SIZE>': `28x28` is not a geometry; write HEIGHTxWIDTHxCHANNELS, \
    such as 224x224x3, and x16 behind it for 16-bit samples\n\nFor more information, try '--help'.";
    sandbox.refuses("schemes --size 28x28", USAGE, words);
}

/// A search through all tables of `np` takes a moment.
#[test]
fn tables_of_few_bits_are_named() {
    let said = Sandbox::new().run("schemes np --size 28x28x1").out;
    let words = "Tables          written out (--tables), the key has 16 bits: few enough to try all of them.";
    assert!(said.contains(words), "{said}");
}
