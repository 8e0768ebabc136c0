//! `imgveil preview`.

use crate::common::crafted_files::nifti;
use crate::common::sandbox::*;
use crate::sets::OWN;
use serde_json::Value;

const RANDOM: &str = "No key was given: the sheet shows a random one, which was not kept. -k FILE shows yours.\n";

/// What a preview prints when it is done.
fn showed(line: &str, schemes: &str, exact: usize, lossy: usize) -> String {
    format!("wrote {line} under {schemes}, {exact} decrypted exactly, {lossy} lossy, on CPU, N threads\n")
}

#[test]
fn a_preview_shows_an_image_under_every_scheme() {
    let sandbox = Sandbox::new();
    sandbox.picture("a.png", rgb(40, 56, 1));
    sandbox.picture("grey.png", grey(28, 28, 1));
    sandbox.run("preview a.png -k k.key -o sheet.png").is(0, &showed("sheet.png: a.png", "25 schemes", 16, 9), "");
    // Of a grey image the published channel table loses nothing.
    sandbox.run("preview grey.png -k k.key").is(0, &showed("preview.png: grey.png", "25 schemes", 17, 8), "");
    sandbox.run("preview a.png -k k.key -o again.png").is(0, &showed("again.png: a.png", "25 schemes", 16, 9), "");
    assert!(sandbox.read("sheet.png") == sandbox.read("again.png"));
    // Whether a random key loses a channel with the published table varies, so etc is left out.
    sandbox.run("preview a.png -s le -o random.png").is(0, &showed("random.png: a.png", "2 schemes", 2, 0), RANDOM);
    sandbox.run("preview a.png -s le -o other.png").is(0, &showed("other.png: a.png", "2 schemes", 2, 0), RANDOM);
    assert!(sandbox.read("random.png") != sandbox.read("other.png"));
    let files = ["a.png", "again.png", "grey.png", "k.key", "other.png", "preview.png", "random.png", "sheet.png"];
    assert_eq!(sandbox.files(""), files);
    for sheet in ["sheet.png", "preview.png"] {
        let (height, width, _) = sandbox.pixels(sheet);
        assert!((1000..3000).contains(&height) && (1000..3000).contains(&width), "{height}x{width}");
    }
}

/// The middle slice of a volume of 16 bits, whose values lie close together, from black to white.
#[test]
fn a_volume_is_shown_by_its_middle_with_more_contrast() {
    let sandbox = Sandbox::new();
    let slice = |z: i16| (0..296 * 304).flat_map(move |i| (1000 * z + (z % 2) * (i % 304) as i16).to_le_bytes());
    let words: Vec<u8> = (0..3).flat_map(slice).collect();
    let mut volume = nifti([304, 296, 3], &words, "");
    volume[70..72].copy_from_slice(&4u16.to_le_bytes());
    volume[72..74].copy_from_slice(&16u16.to_le_bytes());
    sandbox.write("brain.nii", &volume);
    sandbox.run("preview brain.nii -k k.key -s none").is(0, &showed("preview.png: brain.nii", "1 scheme", 1, 0), "");
    sandbox.picture("shown.png", image::GrayImage::from_fn(304, 296, |x, _| image::Luma([(x * 255 / 303) as u8])));
    assert!(shows(&sandbox, "preview.png", "shown.png"));
}

/// Whether a sheet shows this grey picture somewhere, pixel by pixel.
fn shows(sandbox: &Sandbox, sheet: &str, picture: &str) -> bool {
    let (sheet_height, sheet_width, sheet) = sandbox.pixels(sheet);
    let (height, width, picture) = sandbox.pixels(picture);
    let (sheet_height, sheet_width) = (sheet_height as usize, sheet_width as usize);
    let (height, width) = (height as usize, width as usize);
    let row_is = |x: usize, y: usize, row: usize| {
        let shown = sheet[((y + row) * sheet_width + x) * 3..][..width * 3].iter();
        shown.copied().eq(picture[row * width..][..width].iter().flat_map(|&sample| [sample; 3]))
    };
    (0..=sheet_height - height).any(|y| (0..=sheet_width - width).any(|x| (0..height).all(|row| row_is(x, y, row))))
}

/// Keys per image depend on a set's salt and on the image's name there.
#[test]
fn a_preview_shows_what_encryption_makes() {
    let sandbox = Sandbox::new();
    sandbox.picture("in/scan.png", grey(296, 304, 1));
    sandbox.write("own.toml", OWN.as_bytes());
    let schemes = "-s shuffle-flip -s own.toml -s skk -s keystream -s none";
    let preview = |place: &str, sheet: &str| {
        sandbox.run(&format!("preview in/scan.png -k k.key {schemes} {place} -o {sheet}")).is(
            0,
            &showed(&format!("{sheet}: in/scan.png"), "7 schemes", 7, 0),
            "",
        );
    };
    preview("", "sheet.png");
    preview(&format!("--salt {SALT} --name scan"), "placed.png");
    preview(&format!("--salt {SALT}"), "neutral.png");
    let shared = ["none", "shuffle-flip", "shuffle-flip --key-scope block --scramble", "own.toml", "skk"];
    let per_image = ["skk --key-scope image", "keystream"];
    for options in shared.into_iter().chain(per_image) {
        assert_eq!(sandbox.run(&format!("encrypt -k k.key -s {options} in enc")).code, 0);
        assert!(shows(&sandbox, "placed.png", "enc/scan.png"), "{options}");
        assert_eq!(shows(&sandbox, "sheet.png", "enc/scan.png"), !per_image.contains(&options), "{options}");
        assert_eq!(sandbox.run(&format!("encrypt neutral -k k.key -s {options} in neutral")).code, 0);
        let image = sandbox.files("neutral").into_iter().find(|name| name.ends_with(".png")).unwrap();
        assert!(shows(&sandbox, "neutral.png", &format!("neutral/{image}")), "{options}");
        std::fs::remove_dir_all(sandbox.path("enc")).unwrap();
        std::fs::remove_dir_all(sandbox.path("neutral")).unwrap();
        std::fs::remove_file(sandbox.path("neutral.names.csv")).unwrap();
    }
    let refused = sandbox.run(&format!("preview in/scan.png --salt {SALT}"));
    assert!(refused.code == USAGE && refused.err.contains("--key"), "{refused:?}");
    assert_eq!(sandbox.run("encrypt -k k.key -s le in enc").code, 0);
    assert!(!shows(&sandbox, "sheet.png", "enc/scan.png"));
}

#[test]
fn a_preview_tells_in_json_what_it_shows() {
    let sandbox = Sandbox::new();
    sandbox.picture("a.png", grey(29, 30, 1));
    let done = sandbox.run("preview a.png -k k.key -s etc -s skk-filter --json");
    let json: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let schemes = json["schemes"].as_array().unwrap();
    let names: Vec<&str> = schemes.iter().map(|shown| shown["scheme"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["none", "etc", "etc", "skk-filter", "skk-filter", "skk-filter", "skk-filter"]);
    // Two blocks of 16 do not fit; two of 14 do along both sides, and the rest is cut off.
    let expected = serde_json::json!({
        "scheme": { "name": "etc", "stages": [
            "rotation-inversion block=14x14", "negative-positive block=14x14", "colour-shuffling block=14x14 key=block",
            "block-scrambling block=14x14",
        ] },
        "geometry": "28x28x1", "lossy": null,
        "idle": ["colour-shuffling block=14x14 key=block: the images are grey: one channel has one order"],
    });
    assert_eq!(schemes[1], expected);
    assert_eq!(schemes[3]["lossy"], "the block statistic keeps one value of each block");
    assert_eq!((&json["sheet"], &json["geometry"]), (&Value::from("preview.png"), &Value::from("29x30x1")));
    assert_eq!(json["key"], FINGERPRINT);
}

#[test]
fn a_preview_is_refused_with_a_reason() {
    let sandbox = Sandbox::new();
    sandbox.picture("a.png", grey(8, 8, 1));
    sandbox.write("text.png", b"no image");
    sandbox.write("there.png", b"mine");
    sandbox.write("own.toml", OWN.as_bytes());
    sandbox.write("large.toml", b"[[stage]]\nstage = 'block-scrambling'\nblock = '16x4'\n");
    sandbox.write("bad.toml", b"[[stage]]\nstage = 'shuffle'\n");
    sandbox.refuses("preview b.png -k k.key", USAGE, "there is no b.png: check the path");
    sandbox.refuses("preview text.png -k k.key", DATASET, &format!("text.png: {FOREIGN}"));
    sandbox.refuses_like("preview . -k k.key", DATASET, |words| words.starts_with("error: .: cannot be read: "));
    let words = "there.png exists and is not empty: nothing was written; choose another output or remove it first";
    sandbox.refuses("preview a.png -k k.key -o there.png", USAGE, words);
    sandbox.refuses("preview a.png -k k.key -o away/sheet.png", USAGE, "there is no away: check the path");
    let words = "the sheet is a PNG file, and sheet.jpg is no name for one: let it end in .png";
    sandbox.refuses("preview a.png -k k.key -o sheet.jpg", USAGE, words);
    let words = "there is no key file no.key: check the path, or make a key with `imgveil keygen -o FILE`";
    sandbox.refuses("preview a.png -k no.key", USAGE, words);
    sandbox.key("text.key", "no key", 0o600);
    sandbox.refuses_like("preview a.png -k text.key", KEY, |words| words.contains("text.key is not a usable key file"));
    let words = "there is no scheme `rot13`; the schemes are none, shuffle-flip, le, ele, etc, skk, skk-filter, shf, \
    np, vit, etc-image, shuffle-flip-image, vit-image, instahide, pixelate, blur, dp-pix, keystream";
    sandbox.refuses("preview a.png -s rot13", USAGE, words);
    sandbox.refuses("preview a.png -s no.toml", USAGE, "there is no scheme file no.toml: check the path");
    sandbox.refuses_like("preview a.png -s bad.toml", USAGE, |words| {
        words.starts_with("error: bad.toml:2: `shuffle` is not")
    });
    let words = "scheme large works on blocks of 16x4, which are larger than the image of 8x8x1: leave it out, or \
    give a larger image";
    sandbox.refuses("preview a.png -k k.key -s all -s large.toml", USAGE, words);
    let right = |words: &str| words.starts_with("error: there is no adapter number 99: ");
    sandbox.refuses_like("preview a.png --device 99", DEVICE, right);
    sandbox.run("preview a.png -k k.key -s all -s own.toml").is(
        0,
        &showed("preview.png: a.png", "26 schemes", 18, 8),
        "",
    );
}
