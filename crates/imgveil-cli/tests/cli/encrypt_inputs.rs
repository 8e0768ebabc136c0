//! `imgveil encrypt`: what it reads, and what it sets aside.

use crate::common::sandbox::*;
use crate::sets::npz;
use image::{DynamicImage, GrayAlphaImage};

#[test]
fn a_missing_input_is_named() {
    let sandbox = Sandbox::new();
    sandbox.refuses("encrypt -k k.key in out", USAGE, "there is no in: check the path");
    sandbox.refuses("decrypt -k k.key in.npz out", USAGE, "there is no in.npz: check the path");
}

#[test]
fn an_empty_folder_is_no_set() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("in/a")).unwrap();
    let words = "in holds no image; expected images, a folder of class folders, or train/ val/ test/ of them";
    sandbox.refuses("encrypt -k k.key in out", DATASET, words);
    sandbox.refuses("decrypt -k k.key in out", DATASET, words);
}

#[test]
fn a_folder_of_other_files_is_no_set() {
    let sandbox = Sandbox::new();
    let words = |files: &str| {
        format!(
            "in holds no image ({files}); expected images, a folder of class folders, or train/ val/ test/ \
             of them"
        )
    };
    sandbox.write("in/notes.txt", b"no image");
    sandbox.write("in/a/more.md", b"no image");
    sandbox.refuses("encrypt -k k.key in out", DATASET, &words("2 other files"));
    std::fs::remove_file(sandbox.path("in/a/more.md")).unwrap();
    sandbox.refuses("encrypt -k k.key in out", DATASET, &words("1 other file"));
}

#[test]
fn one_is_counted_in_the_singular() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    sandbox.does("encrypt -k k.key in alone", 1, "0.0", "shuffle-flip");
    sandbox.write("in/notes.txt", b"no image");
    let words = "passed over 1 file that is no image\n";
    sandbox.run("encrypt -k k.key in out").is(0, &did("encrypt", 1, "0.0", "shuffle-flip"), words);
    sandbox.write("in/fake.png", b"no image");
    std::fs::remove_file(sandbox.path("in/notes.txt")).unwrap();
    sandbox.sets_aside("encrypt -k k.key in part", 1, &[("fake.png", FOREIGN)]);
}

#[test]
fn other_files_are_passed_over_and_counted() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.write("in/notes.txt", b"no image");
    sandbox.write("in/x/table.csv", b"1,2");
    sandbox.write("in/.hidden.png", b"no image");
    let words = "passed over 2 files that are no images\n";
    sandbox.run("encrypt -k k.key in out").is(0, &did("encrypt", 2, "0.0", "shuffle-flip"), words);
    assert_eq!(sandbox.files("out"), ["a.png", "b.png", "imgveil.json"]);
}

#[test]
fn a_file_is_a_set_if_it_holds_images() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["a.png"]);
    sandbox.write("notes.txt", b"no set");
    let words = "notes.txt is no set that can be read: neither a folder, nor arrays (.npz, .npy), nor shards (.tar), \
    nor a file of images";
    sandbox.refuses("encrypt -k k.key notes.txt out", DATASET, words);
    let words =
        "a.png is not an encrypted set: it has no imgveil.json; give the folder or .npz that `imgveil encrypt` wrote";
    sandbox.refuses("decrypt -k k.key a.png out", DATASET, words);
    // A file of images is a set of its own.
    sandbox.does("encrypt -k k.key a.png out", 1, "0.0", "shuffle-flip");
    sandbox.does("decrypt -k k.key out back", 1, "0.0", "shuffle-flip");
    assert_eq!(sandbox.pixels("back/a.png"), sandbox.pixels("a.png"));
}

#[test]
fn text_named_like_an_image_is_set_aside() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.write("in/c.png", b"no image");
    sandbox.write("in/x/say \"hi\", d.jpeg", b"");
    sandbox.sets_aside("encrypt -k k.key in out", 2, &[("c.png", FOREIGN), ("x/say \"hi\", d.jpeg", FOREIGN)]);
    assert_eq!(sandbox.files("out"), ["a.png", "b.png", "imgveil.json"]);
    let top: Vec<String> = sandbox.tree("").into_keys().filter(|name| !name.starts_with("in/")).collect();
    assert_eq!(top, ["k.key", "out.failed.csv", "out/", "out/a.png", "out/b.png", "out/imgveil.json"]);
    // The output is a complete set of the images that could be read.
    sandbox.does("decrypt -k k.key out back", 2, "0.0", "shuffle-flip");
    assert_eq!(sandbox.pixels("back/b.png"), sandbox.pixels("in/b.png"));
}

#[test]
fn a_long_list_is_cut_on_the_screen_and_whole_in_the_file() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    let names: Vec<String> = (0..13).map(|i| format!("fake-{i:02}.jpg")).collect();
    names.iter().for_each(|name| sandbox.write(&format!("in/{name}"), b"no image"));
    let failed: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), FOREIGN)).collect();
    sandbox.sets_aside("encrypt -k k.key in out", 2, &failed);
}

#[test]
fn the_list_of_an_npz_lies_beside_it_too() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png", "in/e.png"]);
    sandbox.write("in/c.png", b"no image");
    sandbox.write("in/d.jpg", in_scan(&jpeg(8, 8)));
    let done = sandbox.run("encrypt -k k.key in out.npz");
    assert_eq!((done.code, done.out), (PARTLY, did("encrypt", 3, "0.0", "shuffle-flip")));
    let list = format!("path,reason\n\"c.png\",\"{FOREIGN}\"\n\"d.jpg\",\"{CUT}\"\n");
    assert_eq!(String::from_utf8(sandbox.read("out.npz.failed.csv")).unwrap(), list);
    let arrays = npz(&sandbox.read("out.npz"));
    assert_eq!(arrays.keys().collect::<Vec<_>>(), ["images.npy", "imgveil.json"]);
    sandbox.does("decrypt -k k.key out.npz back", 3, "0.0", "shuffle-flip");
    for name in ["a.png", "b.png", "e.png"] {
        assert_eq!(sandbox.pixels(&format!("back/{name}")), sandbox.pixels(&format!("in/{name}")));
    }
}

#[test]
fn a_set_of_bad_files_only_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.png", b"no image");
    sandbox.write("in/b.jpg", b"no image");
    let words = format!("none of the 2 images can be read; the first one, a.png: {FOREIGN}");
    sandbox.refuses("encrypt -k k.key in out", DATASET, &words);
    sandbox.refuses("encrypt -k k.key in out.npz", DATASET, &words);
}

/// Their headers are valid, so the damage is found late. An empty set is not written all the same.
#[test]
fn a_set_of_truncated_files_only_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.jpg", in_scan(&jpeg(16, 16)));
    sandbox.write("in/b.jpg", in_scan(&jpeg(16, 16)));
    let words = format!("none of the 2 images can be read; the first one, a.jpg: {CUT}");
    sandbox.refuses("encrypt -k k.key in out", DATASET, &words);
    sandbox.refuses("encrypt -k k.key in out.npz", DATASET, &words);
}

#[test]
fn truncated_files_are_set_aside() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png", "whole.png"]);
    let whole = jpeg(8, 8);
    sandbox.write("in/c.jpg", &whole[..whole.len() - 2]);
    sandbox.write("in/d.jpg", in_scan(&whole));
    let whole = sandbox.read("whole.png");
    sandbox.write("in/e.png", &whole[..whole.len() - 20]);
    let png = "is damaged: the file ends before the image does (truncated)";
    sandbox.sets_aside("encrypt -k k.key in out", 2, &[("c.jpg", CUT), ("d.jpg", CUT), ("e.png", png)]);
}

/// The decoder's message ends with a line feed, which would break the list on the screen and in the file.
#[test]
fn files_truncated_in_their_headers_are_set_aside_with_a_line_each() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.write("in/c.jpg", &jpeg(8, 8)[..40]);
    sandbox.write("in/d.jpg", &jpeg(8, 8)[..50]);
    let done = sandbox.run("encrypt -k k.key in out");
    assert_eq!((done.code, done.out), (PARTLY, did("encrypt", 2, "0.0", "shuffle-flip")));
    let lines: Vec<&str> = done.err.lines().collect();
    let [_, first, second, "the whole list is in out.failed.csv"] = lines[..] else { panic!("{}", done.err) };
    assert!(first.starts_with("  c.jpg: is damaged: ") && second.starts_with("  d.jpg: is damaged: "), "{}", done.err);
    let list = String::from_utf8(sandbox.read("out.failed.csv")).unwrap();
    assert!(list.lines().count() == 3 && list.lines().skip(1).all(|line| line.ends_with('"')), "{list}");
}

#[cfg(unix)]
#[test]
fn files_that_cannot_be_read_are_set_aside_by_their_names() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    std::os::unix::fs::symlink("nowhere", sandbox.path("in/gone.png")).unwrap();
    std::fs::create_dir(sandbox.path("in/v1.2")).unwrap();
    std::os::unix::fs::symlink("nowhere", sandbox.path("in/v1.2/scan.jpeg")).unwrap();
    let words = unreadable();
    sandbox.sets_aside("encrypt -k k.key in out", 2, &[("gone.png", &words), ("v1.2/scan.jpeg", &words)]);
}

#[cfg(target_os = "linux")]
#[test]
fn files_whose_names_are_no_text_are_set_aside_by_their_names() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    for name in [b"caf\xe9.png", b"fac\xe9.png"] {
        std::fs::copy(sandbox.path("in/a.png"), sandbox.path("in").join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    let words = "has a name that is not UTF-8; rename it";
    sandbox.sets_aside("encrypt -k k.key in out", 2, &[("caf\u{fffd}.png", words), ("fac\u{fffd}.png", words)]);
}

/// A dangling link is no image, and train/ and val/ beside it are still splits.
#[cfg(unix)]
#[test]
fn a_dangling_link_beside_the_splits_leaves_them_splits() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/train/a/1.png", "in/train/b/2.png", "in/val/a/3.png", "in/val/b/4.png"]);
    std::os::unix::fs::symlink("nowhere", sandbox.path("in/latest")).unwrap();
    assert!([0, PARTLY].contains(&sandbox.run("encrypt -k k.key in out").code));
    let manifest = sandbox.manifest("out");
    assert_eq!(manifest["classes"], serde_json::json!(["a", "b"]));
    let splits: Vec<&str> =
        manifest["images"].as_array().unwrap().iter().map(|i| i["split"].as_str().unwrap()).collect();
    assert_eq!(splits, ["train", "train", "val", "val"]);
}

#[test]
fn sixteen_bits_come_back_in_folders_and_arrays() {
    let sandbox = Sandbox::new();
    let wide = |seed: u32, channels: u32| -> Vec<u16> {
        samples(16 * 24 * channels * 2, seed).chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
    };
    let grey = |seed| DynamicImage::ImageLuma16(image::ImageBuffer::from_raw(24, 16, wide(seed, 1)).unwrap());
    let colour = |seed| DynamicImage::ImageRgb16(image::ImageBuffer::from_raw(24, 16, wide(seed, 3)).unwrap());
    for (folder, picture) in [("grey", &grey as &dyn Fn(u32) -> DynamicImage), ("colour", &colour)] {
        for seed in 0..3 {
            sandbox.picture(&format!("{folder}/{seed}.png"), picture(seed));
        }
        for options in
            ["-s ele", "-s skk --key-scope image", "-s keystream", "-s none --resize 8x8", "-s shf --block 5 --pad"]
        {
            for (enc, npz) in [("enc", "back.npz"), ("enc.npz", "again.npz")] {
                assert_eq!(sandbox.run(&format!("encrypt -k k.key {options} {folder} {enc}")).code, 0, "{options}");
                assert_eq!(sandbox.run(&format!("decrypt -k k.key {enc} back")).code, 0, "{options}");
                assert_eq!(sandbox.run(&format!("decrypt -k k.key {enc} {npz}")).code, 0, "{options}");
                // And from the array into a folder.
                assert_eq!(sandbox.run(&format!("encrypt -k k.key -s none {npz} folder")).code, 0, "{options}");
                for seed in 0..3 {
                    let back = sandbox.pixels(&format!("back/{seed}.png"));
                    assert_eq!(sandbox.pixels(&format!("folder/images/{seed:06}.png")), back, "{options}");
                    if !options.contains("resize") {
                        assert_eq!(back, sandbox.pixels(&format!("{folder}/{seed}.png")), "{options}");
                    }
                }
                for written in ["enc", "back", "folder"] {
                    let _ = std::fs::remove_dir_all(sandbox.path(written));
                }
                for written in ["enc.npz", "back.npz", "again.npz"] {
                    let _ = std::fs::remove_file(sandbox.path(written));
                }
            }
        }
    }
}

#[test]
fn eight_and_sixteen_bits_together_are_no_array() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    sandbox.picture("in/b.png", DynamicImage::new_luma16(8, 8));
    let words = "images differ: a is 8x8x1 (height x width x channels), b is 8x8x1x16; bring them to one size with \
    --resize HEIGHTxWIDTH, to one number of channels with --channels, and to one depth beforehand, \
        or write a folder of files";
    sandbox.refuses("encrypt -k k.key in out.npz", USAGE, words);
    sandbox.refuses("encrypt -k k.key --format npy in out", USAGE, words);
    let words = "note: images differ in depth (1 of 8 bits, 1 of 16 bits), and training takes one depth\n\
                 note: 16-bit samples use 9 bits: flips stay within 511; --depth 16 for the whole range\n";
    sandbox.run("encrypt -k k.key in out").is(0, &did("encrypt", 2, "0.0", "shuffle-flip"), words);
    sandbox.does("decrypt -k k.key out back", 2, "0.0", "shuffle-flip");
    assert_eq!(
        [sandbox.pixels("back/a.png"), sandbox.pixels("back/b.png")],
        [sandbox.pixels("in/a.png"), sandbox.pixels("in/b.png")]
    );
}

#[test]
fn alpha_is_dropped_where_it_says_nothing_and_set_aside_where_it_does() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    sandbox.picture("in/b.png", GrayAlphaImage::from_pixel(8, 8, image::LumaA([7, 255])));
    sandbox.picture("in/c.png", GrayAlphaImage::from_pixel(8, 8, image::LumaA([7, 254])));
    let words = "is of a kind that is not supported: it has translucent pixels; put it on a background (flatten its \
    alpha channel) first";
    sandbox.sets_aside("encrypt -k k.key in out", 2, &[("c.png", words)]);
    sandbox.does("decrypt -k k.key out back", 2, "0.0", "shuffle-flip");
    assert_eq!(sandbox.pixels("back/b.png"), (8, 8, vec![7; 64]));
}

#[test]
fn several_sizes_are_no_array_and_resizing_helps() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/x/a.png", "in/x/b.png"]);
    sandbox.picture("in/y/c.png", grey(16, 12, 3));
    sandbox.refuses(
        "encrypt -k k.key in out.npz",
        USAGE,
        "images differ: x/a is 8x8x1 (height x width x channels), y/c is 16x12x1; bring them to one size with --resize \
         HEIGHTxWIDTH, to one number of channels with --channels, and to one depth beforehand, \
        or write a folder of files",
    );
    let words = "note: images have 2 sizes, and training takes one; --resize HEIGHTxWIDTH makes them alike\n";
    sandbox.run("encrypt -k k.key in mixed").is(0, &did("encrypt", 3, "0.0", "shuffle-flip"), words);
    sandbox.does("decrypt -k k.key mixed same", 3, "0.0", "shuffle-flip");
    assert_eq!(sandbox.pixels("same/y/c.png"), sandbox.pixels("in/y/c.png"));
    sandbox.does("encrypt -k k.key --resize 8 in out", 3, "0.0", "shuffle-flip");
    sandbox.does("decrypt -k k.key out back", 3, "0.0", "shuffle-flip");
    assert_eq!(sandbox.files("back"), ["x/a.png", "x/b.png", "y/c.png"]);
    assert_eq!(sandbox.pixels("back/x/a.png"), sandbox.pixels("in/x/a.png"));
    let (height, width, _) = sandbox.pixels("back/y/c.png");
    assert_eq!((height, width), (8, 8));
    // Two sizes that padding would make equal are still two sizes.
    sandbox.picture("near/a.png", grey(7, 7, 0));
    sandbox.picture("near/b.png", grey(8, 8, 0));
    sandbox.refuses_like("encrypt -k k.key --pad near padded.npz", USAGE, |words| words.contains("a is 7x7x1"));
}

#[test]
fn grey_and_rgb_together_are_no_array() {
    let sandbox = Sandbox::new();
    sandbox.picture("in/a.png", grey(8, 8, 0));
    sandbox.picture("in/b.png", rgb(8, 8, 1));
    sandbox.refuses(
        "encrypt -k k.key in out.npz",
        USAGE,
        "images differ: a is 8x8x1 (height x width x channels), b is 8x8x3; bring them to one size with --resize \
         HEIGHTxWIDTH, to one number of channels with --channels, and to one depth beforehand, \
        or write a folder of files",
    );
    let words = "note: images differ in channels (1 grey, 1 RGB), and training takes one number of them; --channels 1 \
    or --channels 3 makes them alike\n";
    sandbox.run("encrypt -k k.key in out").is(0, &did("encrypt", 2, "0.0", "shuffle-flip"), words);
    // An option gives all of them one number of channels.
    for (channels, bytes) in [("1", 64), ("3", 192)] {
        let npz = format!("{channels}.npz");
        sandbox.does(&format!("encrypt -k k.key --channels {channels} in {npz}"), 2, "0.0", "shuffle-flip");
        sandbox.does(&format!("decrypt -k k.key {npz} {channels}"), 2, "0.0", "shuffle-flip");
        let (a, b) = (sandbox.pixels(&format!("{channels}/a.png")).2, sandbox.pixels(&format!("{channels}/b.png")).2);
        assert_eq!((a.len(), b.len()), (bytes, bytes));
        let (grey, rgb) = (sandbox.pixels("in/a.png").2, sandbox.pixels("in/b.png").2);
        if channels == "3" {
            assert_eq!((a, b), (grey.iter().flat_map(|&v| [v; 3]).collect(), rgb));
        } else {
            let luma = |p: &[u8]| imgveil_data::format::luma(p[0].into(), p[1].into(), p[2].into()) as u8;
            assert_eq!((a, b), (grey, rgb.chunks(3).map(luma).collect()));
        }
    }
    assert_eq!(sandbox.run("encrypt -k k.key --channels 2 in no").code, USAGE);
}

#[test]
fn blocks_that_do_not_tile_are_refused_and_padding_or_cutting_helps() {
    let sandbox = Sandbox::new();
    sandbox.picture("in/a.png", grey(10, 7, 0));
    sandbox.picture("in/b.png", grey(10, 7, 1));
    sandbox.refuses(
        "encrypt -k k.key in out",
        USAGE,
        "blocks of 4x4 pixels do not tile an image of 10x7: use --pad (grow the image; decryption restores its size), \
         --crop (cut it) or another --block",
    );
    sandbox.does("encrypt -k k.key --block 5x7 in blocks", 2, "0.0", "shuffle-flip");
    // Padded: the encrypted image is larger, and decryption cuts it back.
    sandbox.does("encrypt -k k.key --pad in padded", 2, "0.0", "shuffle-flip");
    let (height, width, _) = sandbox.pixels("padded/a.png");
    assert_eq!((height, width), (12, 8));
    sandbox.does("decrypt -k k.key padded back", 2, "0.0", "shuffle-flip");
    assert_eq!(sandbox.files("back"), ["a.png", "b.png"]);
    assert_eq!(sandbox.pixels("back/a.png"), sandbox.pixels("in/a.png"));
    assert_eq!(sandbox.pixels("back/b.png"), sandbox.pixels("in/b.png"));
    // Cut evenly on both sides. Decryption does not undo it.
    sandbox.does("encrypt -k k.key --crop in cut", 2, "0.0", "shuffle-flip");
    sandbox.does("decrypt -k k.key cut middle", 2, "0.0", "shuffle-flip");
    let middle = image::imageops::crop_imm(&grey(10, 7, 0), 1, 1, 4, 8).to_image();
    assert_eq!(sandbox.pixels("middle/a.png"), (8, 4, middle.into_raw()));
}

#[test]
fn padding_and_cutting_exclude_each_other() {
    Sandbox::new().refuses(
        "encrypt random-salt default-scheme -k k.key --pad --crop in out",
        USAGE,
        "the argument '--pad' cannot be used with '--crop'\n\n\
         Usage: imgveil encrypt --pad --device <DEVICE> --keep-names <--key <FILE>|--tables <FILE>|--keys <random>> <IN> \
         <OUT>\n\nFor more information, try '--help'.",
    );
}

/// `--crop` is given already, so the message must not propose it.
#[test]
fn an_image_smaller_than_a_block_is_not_told_to_be_cut() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    let right = |words: &str| words.contains("16x16") && words.contains("--pad") && !words.contains("--crop (cut it)");
    sandbox.refuses_like("encrypt -k k.key --crop --block 16 in out", USAGE, right);
}

#[test]
fn images_that_differ_in_their_endings_are_all_kept() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a/x.png", "in/b/x.png"]);
    sandbox.does("encrypt -k k.key in before", 2, "0.0", "shuffle-flip");
    sandbox.greys(&["in/a/x.jpg"]);
    let told = sandbox.run("encrypt -k k.key in out");
    let words = "note: 1 image is called like another one but for the ending: such names keep it\n";
    told.is(0, &did("encrypt", 3, "0.0", "shuffle-flip"), words);
    assert_eq!(sandbox.files("out"), ["a/x.jpg.png", "a/x.png", "b/x.png", "imgveil.json"]);
    assert_eq!(sandbox.read("out/a/x.png"), sandbox.read("before/a/x.png"));
    sandbox.does("decrypt -k k.key out back", 3, "0.0", "shuffle-flip");
    for (back, plain) in [("a/x.png", "a/x.png"), ("a/x.jpg.png", "a/x.jpg")] {
        assert_eq!(sandbox.pixels(&format!("back/{back}")), sandbox.pixels(&format!("in/{plain}")));
    }
}
