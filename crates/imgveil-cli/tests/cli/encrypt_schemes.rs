//! `imgveil encrypt`: the built-in schemes, their options, and sizes.

use crate::common::sandbox::*;

#[test]
fn an_unknown_scheme_lists_those_there_are() {
    let words = "there is no scheme `rot13`; the schemes are none, shuffle-flip, le, ele, etc, skk, skk-filter, shf, \
    np, vit, etc-image, shuffle-flip-image, vit-image, instahide, pixelate, blur, dp-pix, keystream";
    Sandbox::new().refuses("encrypt -k k.key -s rot13 in out", USAGE, words);
}

#[test]
fn options_that_a_scheme_has_not_are_refused() {
    let sandbox = Sandbox::new();
    for (options, option) in
        [("--block 4", "block"), ("--key-scope block", "key scope"), ("--scramble", "block scrambling to choose")]
    {
        for scheme in ["keystream", "none"] {
            let words = format!("scheme `{scheme}` has no {option}; leave that option out");
            sandbox.refuses(&format!("encrypt -k k.key -s {scheme} {options} in out"), USAGE, &words);
        }
    }
}

#[test]
fn key_scopes_that_a_scheme_has_not_are_refused() {
    let sandbox = Sandbox::new();
    let words = "scheme `shuffle-flip` has no key scope `image`, only shared and block";
    sandbox.refuses("encrypt -k k.key --key-scope image in out", USAGE, words);
    let words = "scheme `skk` has no key scope `block`, only shared and image";
    sandbox.refuses("encrypt -k k.key -s skk --key-scope block in out", USAGE, words);
}

/// Every scheme encrypts and decrypts real files. Decryption of a lossy one is refused and writes nothing.
#[test]
fn every_scheme_is_undone_or_says_that_it_cannot_be() {
    let sandbox = Sandbox::new();
    for seed in 0..3 {
        sandbox.picture(&format!("in/{seed}.png"), rgb(32, 32, seed));
    }
    for (options, lossy) in [
        ("-s none", None),
        ("-s shuffle-flip --block 8 --key-scope block --scramble", None),
        ("-s le", None),
        ("-s ele", None),
        ("-s etc", None),
        ("-s etc --channel-table as-published", Some(("etc", "colour shuffling as published drops channels"))),
        ("-s skk", None),
        ("-s skk --key-scope image", None),
        ("-s skk-filter --statistic mean", Some(("skk-filter", "the block statistic keeps one value of each block"))),
        ("-s pixelate", Some(("pixelate", "the block statistic keeps one value of each block"))),
        ("-s blur", Some(("blur", "a blur rounds what little is left of fine detail"))),
        ("-s dp-pix --block 4x8", Some(("dp-pix", "noise cuts samples off at the ends of their range"))),
        ("-s shf", None),
        ("-s np", None),
        ("-s vit --sign-flip", None),
        ("-s keystream", None),
    ] {
        let done = sandbox.run(&format!("encrypt -k k.key {options} in enc"));
        assert_eq!((done.code, done.err.as_str()), (0, ""), "{options}");
        match lossy {
            None => {
                assert_eq!(sandbox.run("decrypt -k k.key enc back").code, 0, "{options}");
                for seed in 0..3 {
                    let name = format!("{seed}.png");
                    assert_eq!(
                        sandbox.pixels(&format!("back/{name}")),
                        sandbox.pixels(&format!("in/{name}")),
                        "{options}"
                    );
                    let same = sandbox.pixels(&format!("enc/{name}")) == sandbox.pixels(&format!("in/{name}"));
                    assert_eq!(same, options == "-s none", "{options}");
                }
                std::fs::remove_dir_all(sandbox.path("back")).unwrap();
            }
            Some((scheme, why)) => {
                let words = format!(
                    "this set was encrypted with {scheme}, which cannot be undone: {why}. Nothing was written; keep \
                    the plain images if you need them again"
                );
                sandbox.refuses("decrypt -k k.key enc back", USAGE, &words);
            }
        }
        std::fs::remove_dir_all(sandbox.path("enc")).unwrap();
    }
}

#[test]
fn stages_that_do_nothing_to_grey_images_are_named() {
    let sandbox = Sandbox::new();
    sandbox.picture("in/a.png", grey(32, 32, 1));
    let done = sandbox.run("encrypt -k k.key -s etc in out");
    let words = "note: colour-shuffling block=16x16 key=block does nothing here: the images are grey: one channel has \
    one order\n";
    assert_eq!((done.code, done.err.as_str()), (0, words));
    let done = sandbox.run("encrypt -k k.key -s skk in skk");
    let words = "note: colour-shuffling block=1x1 key=block does nothing here: the images are grey: one channel has \
    one order\n";
    assert_eq!((done.code, done.err.as_str()), (0, words));
}

#[test]
fn mixtures_are_floats_in_an_npz_and_stay_so() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/x/a.png", "in/x/b.png", "in/y/c.png"]);
    let folder = "this scheme mixes images and gives floats, which no PNG holds: mixed must be an .npz file";
    sandbox.refuses("encrypt -k k.key -s instahide in mixed", USAGE, folder);
    sandbox.does("encrypt -k k.key -s instahide in mixed.npz", 3, "0.0", "instahide");
    let words = "mixed.npz holds mixtures of images (scheme instahide), as floats: they cannot be undone or encrypted \
    again, only trained on";
    sandbox.refuses("decrypt -k k.key mixed.npz back", USAGE, words);
    sandbox.refuses("encrypt -k k.key mixed.npz again.npz", USAGE, words);
    let exists = "mixed.npz is a finished set of mixtures, which cannot be brought up to date: nothing was written; \
                  choose another output";
    sandbox.refuses("encrypt -k k.key -s instahide in mixed.npz", USAGE, exists);
}

#[test]
fn sizes_that_are_none_are_refused() {
    let sandbox = Sandbox::new();
    for bad in ["0", "4x", "big", "70000", "4x0"] {
        let words = format!(
            "invalid value '{bad}' for '--block <SIZE>': `{bad}` is not a block size: write 4 for 4x4 pixels, or \
             HEIGHTxWIDTH such as 4x8 (1 to 65535 a side)\n\nFor more information, try '--help'."
        );
        sandbox.refuses(&format!("encrypt -k k.key --block {bad} in out"), USAGE, &words);
        let words = format!(
            "invalid value '{bad}' for '--resize <SIZE>': `{bad}` is not a size: write 224 or HEIGHTxWIDTH such as \
             192x256\n\nFor more information, try '--help'."
        );
        sandbox.refuses(&format!("encrypt -k k.key --resize {bad} in out"), USAGE, &words);
    }
    let words = "invalid value 'all' for '--key-scope <SCOPE>': `all` is not a key scope: write `shared` (one key for \
                 all blocks), `block` (a key per block) or `image` (a key per image)\n\nFor more information, try \
                 '--help'.";
    sandbox.refuses("encrypt -k k.key --key-scope all in out", USAGE, words);
}
