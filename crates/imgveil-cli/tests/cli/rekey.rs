//! `imgveil rekey`: a set under another key, in every form.

use crate::common::crafted_files::dicom;
use crate::common::sandbox::*;
use crate::runs::{MANY, cut, left, many, remove, summary};
use serde_json::Value;

const OTHER: &str = "ffeeddccbbaa99887766554433221100";

/// A set of two splits and classes, with images that need padding, and a second key.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.key("new.key", &key(1), 0o600);
    for (seed, name) in (1..).zip(["train/cat/a", "train/cat/b", "train/dog/a", "test/cat/c", "test/dog/d"]) {
        sandbox.picture(&format!("in/{name}.png"), grey(9, 14, seed));
    }
    sandbox
}

/// A set without what differs between two runs of the same content: the identity of the run, and with it the seal.
fn content(sandbox: &Sandbox, set: &str) -> (Vec<(String, Vec<u8>)>, Value) {
    let (files, manifest) = if set.ends_with(".npz") {
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(sandbox.read(set))).unwrap();
        let mut files = Vec::new();
        for number in 0..zip.len() {
            let mut member = zip.by_index(number).unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut member, &mut bytes).unwrap();
            files.push((String::from_utf8_lossy(member.name_raw()).into_owned(), bytes));
        }
        files.sort();
        let at = files.iter().position(|(name, _)| name == "imgveil.json").unwrap();
        let manifest = files.remove(at).1;
        (files, manifest)
    } else {
        let mut tree = sandbox.tree(set);
        let manifest = tree.remove("imgveil.json").unwrap();
        (tree.into_iter().collect(), manifest)
    };
    let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
    for field in ["run", "seal"] {
        assert!(manifest.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    (files, manifest)
}

#[track_caller]
fn runs(sandbox: &Sandbox, line: &str) {
    let done = sandbox.run(line);
    assert_eq!(done.code, 0, "{line}: {}", done.err);
}

/// The rekeyed set is what `encrypt` with the new key writes from the decrypted images.
/// What samples mean is the same under another key, in the copy and in what is written back from it.
#[test]
fn the_scale_of_values_is_carried_over() {
    let sandbox = sandbox();
    let texts: [(u32, &[u8; 2], &str); 4] = [
        (0x0008_0016, b"UI", "1.2.840.10008.5.1.4.1.1.2"),
        (0x0008_0018, b"UI", "1.2.3"),
        (0x0028_1052, b"DS", "-1024"),
        (0x0028_1053, b"DS", "0.3"),
    ];
    sandbox.write("scans/a.dcm", &dicom(8, 8, &[vec![7; 64], vec![9; 64]], &texts));
    runs(&sandbox, "encrypt neutral -k k.key scans old");
    runs(&sandbox, "rekey --from k.key --to new.key old new");
    let rescales = |set: &str| -> Vec<serde_json::Value> {
        let manifest = sandbox.manifest(set);
        manifest["images"].as_array().unwrap().iter().map(|entry| entry["rescale"].clone()).collect()
    };
    let expected = serde_json::json!({"slope": 0.3, "offset": -1024.0});
    assert_eq!([rescales("old"), rescales("new")], [vec![expected.clone(), expected.clone()], vec![expected; 2]]);
    runs(&sandbox, "decrypt -k new.key --keep-uids --names new.names.csv --into scans new back");
    runs(&sandbox, "verify -k new.key new");
}

#[test]
fn a_rekeyed_set_is_that_of_an_encryption_with_the_new_key() {
    let forms = [("png", ""), ("npz", ".npz"), ("npy", ""), ("webdataset --per-shard 2", "")];
    let schemes = ["shuffle-flip", "etc", "skk", "keystream", "shuffle-flip-image"];
    for (number, (form, ending)) in forms.iter().enumerate() {
        let sandbox = sandbox();
        // Every scheme as a folder, and every form.
        let schemes = if number == 0 { &schemes[..] } else { &schemes[number..=number] };
        for scheme in schemes {
            let set = |name: &str| format!("{scheme}-{name}{ending}");
            let (old, new, again, back) = (set("old"), set("new"), set("again"), format!("{scheme}-back"));
            let how = format!("-s {scheme} --pad --format {form}");
            runs(&sandbox, &format!("encrypt neutral -k k.key {how} in {old}"));
            let before = sandbox.tree("");
            let plain = |name: &String| name.starts_with(&new);
            runs(&sandbox, &format!("rekey --from k.key --to new.key --salt {OTHER} {old} {new}"));
            // Nothing but the new set was written, and the old one is as it was.
            let mut after = sandbox.tree("");
            after.retain(|name, _| !plain(name));
            assert_same(&before, &after);
            runs(&sandbox, &format!("decrypt -k k.key --names {old}.names.csv {old} {back}"));
            runs(&sandbox, &format!("encrypt neutral -k new.key --salt {OTHER} {how} {back} {again}"));
            let (rekeyed, encrypted) = (content(&sandbox, &new), content(&sandbox, &again));
            assert!(rekeyed == encrypted, "{scheme} as {form}");
            assert_ne!(rekeyed.0, content(&sandbox, &old).0);
            let names = |set: &str| String::from_utf8(sandbox.read(&format!("{set}.names.csv"))).unwrap();
            assert_eq!(names(&new), names(&again), "{scheme} as {form}");
            assert!(names(&new).contains("train/cat/a"));
            runs(&sandbox, &format!("verify -k new.key {new}"));
        }
    }
}

#[test]
fn a_rekeyed_set_decrypts_with_the_new_key_only_and_can_be_brought_up_to_date() {
    let sandbox = sandbox();
    runs(&sandbox, "encrypt neutral random-salt -k k.key --pad in old");
    let done = sandbox.run("rekey --from k.key --to new.key old new");
    assert!(done.code == 0 && done.out.starts_with("rekeyed 5 images (0.0 MB of pixels) in N s"), "{done:?}");
    assert_eq!(done.err, "which image is which: new.names.csv (keep it with the key)\n");
    assert_eq!(sandbox.run("decrypt -k k.key new back").code, KEY);
    runs(&sandbox, "decrypt -k new.key --names new.names.csv new back");
    assert_eq!(sandbox.files("back"), sandbox.files("in"));
    for name in sandbox.files("in") {
        assert_eq!(sandbox.pixels(&format!("in/{name}")), sandbox.pixels(&format!("back/{name}")), "{name}");
    }
    let (old, new) = (sandbox.manifest("old"), sandbox.manifest("new"));
    for same in ["scheme", "options", "encoding", "classes", "format"] {
        assert_eq!(old[same], new[same], "{same}");
    }
    for other in ["key", "salt", "run", "seal"] {
        assert_ne!(old[other], new[other], "{other}");
    }
    // The names of images have nothing in common.
    assert!(
        new["images"].as_array().unwrap().iter().all(|image| !old.to_string().contains(image["id"].as_str().unwrap()))
    );
    // The next week's delivery.
    sandbox.picture("in/train/dog/e.png", grey(9, 14, 9));
    let done = sandbox.run("update -k new.key in new");
    assert!(done.code == 0 && done.err.contains("1 new, 0 changed, 0 gone, 5 unchanged"), "{}", done.err);
    // The same run again has nothing to do.
    runs(&sandbox, "encrypt -k k.key --pad in kept");
    runs(&sandbox, "rekey --from k.key --to new.key kept kept2");
    let done = sandbox.run("rekey --from k.key --to new.key kept kept2");
    assert!(done.code == 0 && done.err.contains("this very run was completed before"), "{done:?}");
    assert!(!sandbox.files("").contains(&"kept2.names.csv".to_owned()));
    assert!(sandbox.files("kept2").contains(&"train/cat/a.png".to_owned()));
}

#[test]
fn without_the_file_of_names_the_new_one_leads_back_to_the_old_set() {
    let sandbox = sandbox();
    runs(&sandbox, "encrypt neutral -k k.key --pad in old");
    std::fs::remove_file(sandbox.path("old.names.csv")).unwrap();
    let done = sandbox.run("rekey --from k.key --to new.key old new");
    let note = "note: no file of names says which image is which: the new one leads back to the names in the old set\n";
    assert!(done.code == 0 && done.err.starts_with(note), "{}", done.err);
    runs(&sandbox, "decrypt -k new.key --names new.names.csv new back");
    let manifest = sandbox.manifest("old");
    let mut names: Vec<String> =
        manifest["images"].as_array().unwrap().iter().map(|i| format!("{}.png", i["name"].as_str().unwrap())).collect();
    names.sort();
    assert_eq!(sandbox.files("back"), names);
}

#[test]
fn what_is_wrong_is_found_before_anything_is_written() {
    let sandbox = sandbox();
    sandbox.key("third.key", &key(2), 0o600);
    runs(&sandbox, "encrypt neutral -k k.key --pad in old");
    sandbox.refuses_like("rekey --from third.key --to new.key old new", KEY, |words| words.contains(FINGERPRINT));
    sandbox.refuses(
        "rekey --from k.key --to k.key old new",
        USAGE,
        &format!("both keys are the same ({FINGERPRINT}): there is nothing to change"),
    );
    sandbox.refuses(
        "rekey --from k.key --to new.key old new.npz",
        USAGE,
        "new.npz is no name for a set that is stored as png: it is a folder",
    );
    sandbox.refuses_like("rekey --from k.key --to new.key old old/new", USAGE, |words| words.contains("old"));
    sandbox.refuses_like("rekey --from k.key --to new.key in new", DATASET, |words| words.contains("imgveil encrypt"));
    sandbox.refuses(
        "rekey --from - --to - old new",
        USAGE,
        "standard input has one key or passphrase: give files for the others",
    );
    // A scheme that loses a part of the images.
    runs(&sandbox, "encrypt neutral -k k.key -s skk-filter --block 7x7 --crop in lossy");
    sandbox.refuses_like("rekey --from k.key --to new.key lossy new", USAGE, |words| words.contains("skk-filter"));
    // A changed manifest.
    let manifest = String::from_utf8(sandbox.read("old/imgveil.json")).unwrap();
    sandbox.write("old/imgveil.json", manifest.replacen("\"label\": 0", "\"label\": 1", 1).as_bytes());
    let before = sandbox.tree("");
    let done = sandbox.run("rekey --from k.key --to new.key old new");
    assert_eq!((done.code, done.out.as_str()), (DATASET, ""), "{}", done.err);
    assert_same(&before, &sandbox.tree(""));
}

#[test]
fn a_run_that_was_killed_goes_on_to_the_same_bytes() {
    let sandbox = Sandbox::new();
    sandbox.key("new.key", &key(1), 0o600);
    many(&sandbox);
    runs(&sandbox, "encrypt neutral -k k.key in old");
    let line = |out: &str| format!("rekey --from k.key --to new.key --salt {OTHER} old {out}");
    runs(&sandbox, &line("whole"));
    // Without a salt of its own, a run goes on with that of the cut one.
    let own = "rekey --from k.key --to new.key old broken";
    for line in [line("broken"), own.to_owned()] {
        cut(&sandbox, &line);
        let resumed = summary(&sandbox, &line.replacen(' ', " --json ", 1))["resumed"].as_u64().unwrap();
        assert!((3..MANY as u64).contains(&resumed), "{resumed}");
        if line != own {
            assert_same(&left(&sandbox, &line_of("whole")), &left(&sandbox, &line));
        }
        runs(&sandbox, "verify -k new.key broken");
        remove(&sandbox, &line);
    }
    // Another key does not go on there.
    sandbox.key("third.key", &key(2), 0o600);
    cut(&sandbox, &line("broken"));
    let other = sandbox.run("rekey --from k.key --to third.key old broken");
    assert!(other.code == USAGE && other.err.contains("broken holds a run that was cut"), "{other:?}");
}

fn line_of(out: &str) -> String {
    format!("rekey {out}")
}

#[test]
fn a_dry_run_writes_nothing_and_an_image_that_was_changed_is_set_aside() {
    let sandbox = sandbox();
    runs(&sandbox, "encrypt neutral -k k.key --pad in old");
    let before = sandbox.tree("");
    let done = sandbox.run("rekey --from k.key --to new.key --dry-run old new");
    assert!(
        done.code == 0 && done.out.starts_with("would rekey 5 images (0.0 MB of pixels) to new as png\n"),
        "{done:?}"
    );
    assert_same(&before, &sandbox.tree(""));
    let files: Vec<String> = sandbox.files("old").into_iter().filter(|name| name.ends_with(".png")).collect();
    let (one, other) = (&files[0], &files[1]);
    sandbox.write(&format!("old/{one}"), &sandbox.read(&format!("old/{other}")));
    let done = sandbox.run("rekey --from k.key --to new.key --log log old new");
    assert!(done.code == DATASET && done.err.contains("warning: 1 image was set aside:\n"), "{done:?}");
    assert!(done.err.contains(one.as_str()), "{}", done.err);
    assert_eq!(sandbox.manifest("new")["images"].as_array().unwrap().len(), 4);
    let log = String::from_utf8(sandbox.read("log")).unwrap();
    let end: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((end["old_key"].as_str(), end["set_aside"].as_u64()), (Some(FINGERPRINT), Some(1)), "{log}");
}

/// Sets of version 0.1 become sets of this version, with the names that they have.
#[test]
fn sets_of_the_first_version_get_another_key() {
    let sandbox = sandbox();
    let assets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/compat-0.1");
    let old = |name: &str| assets.join(name).to_str().unwrap().to_owned();
    for set in ["shuffle-flip", "skk", "ele", "keystream.npz"] {
        let out = format!("new-{set}");
        let (from, old) = (old("example.key"), old(set));
        let done = sandbox.run(&format!("rekey --from {from} --to new.key {old} {out}"));
        assert!(done.code == 0 && done.err.contains("note: the set is of format 1"), "{set}: {}", done.err);
        runs(&sandbox, &format!("verify --strict -k new.key {out}"));
        assert_eq!(sandbox.path(&format!("{out}.names.csv")).exists(), set != "skk");
    }
    let mut kept: Vec<String> = walkdir::WalkDir::new(old("skk"))
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(old("skk")).unwrap().to_str().unwrap().replace('\\', "/"))
        .collect();
    kept.sort();
    assert_eq!(sandbox.files("new-skk"), kept);
}
