//! `imgveil decrypt`: what it refuses and what it sets aside.

use crate::common::crafted_files::dicom;
use crate::common::sandbox::*;
use imgveil::internal::key::Key;

#[test]
fn a_wrong_key_decrypts_nothing() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    let other = key(1);
    sandbox.key("other.key", &other, 0o600);
    let given = Key::parse(other.as_bytes()).unwrap().fingerprint();
    let words = format!(
        "this set was encrypted with key {FINGERPRINT}, and the key given is {given}: nothing was written; find the \
         right key file, or the right tables"
    );
    sandbox.refuses("decrypt -k other.key enc back", KEY, &words);
    sandbox.refuses("decrypt -k other.key enc back.npz", KEY, &words);
}

#[test]
fn a_plain_folder_is_not_decrypted() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    let words =
        "in is not an encrypted set: it has no imgveil.json; give the folder or .npz that `imgveil encrypt` wrote";
    sandbox.refuses("decrypt -k k.key in out", DATASET, words);
}

#[test]
fn a_damaged_manifest_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    assert_eq!(sandbox.run("encrypt -k k.key in enc").code, 0);
    let text = String::from_utf8(sandbox.read("enc/imgveil.json")).unwrap();
    sandbox.write("enc/imgveil.json", b"no JSON");
    let words = "enc/imgveil.json: is damaged or not imgveil's (expected ident at line 1 column 2); restore it from \
                 the copy that you were given";
    sandbox.refuses("decrypt -k k.key enc back", DATASET, words);
    sandbox.refuses("encrypt -k k.key enc again", DATASET, words);
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from));
        sandbox.write("enc/imgveil.json", text.replace(from, to).as_bytes());
    };
    changed("\"format\": 2", "\"format\": 3");
    let words =
        "enc/imgveil.json: has format 3, and this version of imgveil reads formats 1 and 2: use a newer imgveil";
    sandbox.refuses("decrypt -k k.key enc back", DATASET, words);
    changed("\"a.png\"", "\"../in/a.png\"");
    let words =
        "enc/imgveil.json: names the file `../in/a.png`, which lies outside of the set: it is not to be trusted";
    sandbox.refuses("decrypt -k k.key enc back", DATASET, words);
}

#[test]
fn changed_files_are_set_aside_and_the_others_decrypted() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png", "in/c.png", "in/d.png", "in/e.png"]);
    sandbox.does("encrypt -k k.key in enc", 5, "0.0", "shuffle-flip");
    let mut bytes = sandbox.read("enc/b.png");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    sandbox.write("enc/b.png", &bytes);
    std::fs::remove_file(sandbox.path("enc/c.png")).unwrap();
    // The file is right and the manifest is not, although it has a seal: a holder of the key changed it.
    let plain = sandbox.manifest("enc")["images"][3]["plain"].as_str().unwrap().to_owned();
    sandbox.reseal("enc", &plain, &"0".repeat(32));
    sandbox.sets_aside(
        "decrypt -k k.key enc back",
        2,
        &[
            ("b.png", "was changed since it was encrypted: its hash is not the one in imgveil.json"),
            ("c.png", &unreadable()),
            ("d.png", "does not decrypt to the image that was encrypted: imgveil.json or the file was changed"),
        ],
    );
    assert_eq!(sandbox.files("back"), ["a.png", "e.png"]);
    assert_eq!(sandbox.pixels("back/a.png"), sandbox.pixels("in/a.png"));
    assert_eq!(sandbox.pixels("back/e.png"), sandbox.pixels("in/e.png"));
}

/// As with encryption, a set without one usable file is refused.
#[test]
fn a_set_whose_files_were_all_changed_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    sandbox.write("enc/a.png", b"changed");
    sandbox.write("enc/b.png", b"changed");
    let right = |words: &str| words.contains("none of the 2 images") && words.contains("a.png: was changed since");
    sandbox.refuses_like("decrypt -k k.key enc back", DATASET, right);
    sandbox.refuses_like("decrypt -k k.key enc back.npz", DATASET, right);
}

#[test]
fn dicom_objects_get_their_pixels_back() {
    let sandbox = Sandbox::new();
    let frames: Vec<Vec<u8>> = (0..2).map(|frame| (0..16).map(|sample| 16 * frame + sample).collect()).collect();
    let class = "1.2.840.10008.5.1.4.1.1.7";
    let texts: [(u32, &[u8; 2], &str); 2] = [(0x0008_0016, b"UI", class), (0x0008_0018, b"UI", "1.2.3")];
    sandbox.write("in/scan.dcm", &dicom(4, 4, &frames, &texts));
    sandbox.greys(&["in/b.png"]);
    assert_eq!(sandbox.run("encrypt -k k.key -s keystream in enc").code, 0);
    let done = sandbox.run("decrypt -k k.key --into in enc back");
    assert_eq!(done.code, PARTLY);
    assert!(done.out.starts_with("wrote back 2 images (0.0 MB of pixels)"), "{}", done.out);
    let aside = "b.png: is neither a DICOM object nor a NIfTI volume: decrypt it without originals";
    assert!(done.err.contains(aside), "{:?}", done.err);
    let (original, copy) = (sandbox.read("in/scan.dcm"), sandbox.read("back/scan.dcm"));
    assert_eq!(copy[copy.len() - 32..], original[original.len() - 32..]);
    assert!(copy.windows(5).any(|window| window == b"2.25."));
    assert_eq!(sandbox.run("decrypt -k k.key --format dicom --into in --keep-uids enc kept").code, PARTLY);
    assert!(!sandbox.read("kept/scan.dcm").windows(7).any(|window| window == b"2.25.1."));

    let words = "with --into, files have the format of their originals: leave --format out";
    sandbox.refuses("decrypt -k k.key --format png --into in enc other", USAGE, words);
    let words = "DICOM objects and NIfTI volumes are written by `imgveil decrypt --into ORIGINALS`";
    sandbox.refuses("decrypt -k k.key --format dicom enc other", USAGE, words);
    assert_eq!(sandbox.run("encrypt -k k.key -s keystream --window auto in windowed").code, 0);
    let words = "the set was encrypted with a window: its images are not the pixels that its originals store";
    sandbox.refuses("decrypt -k k.key --into in windowed other", USAGE, words);
}
