//! Sets that are brought up to date.

use crate::common::crafted_files::dicom;
use crate::common::sandbox::*;
use crate::runs::{done, left};
use std::collections::BTreeMap;

/// The forms of a set: flags of `encrypt`, and the output.
const FORMS: [(&str, &str); 4] =
    [("", "out"), ("--format npy", "out"), ("--format webdataset --per-shard 3", "out"), ("", "out.npz")];

/// Seven images of two classes.
fn begin(sandbox: &Sandbox) {
    sandbox.greys(&["in/normal/1.png", "in/normal/2.png", "in/normal/3.png", "in/normal/4.png"]);
    sandbox.picture("in/sick/1.png", grey(8, 8, 11));
    sandbox.picture("in/sick/2.png", grey(8, 8, 12));
    sandbox.picture("in/sick/3.png", grey(8, 8, 13));
}

/// The second week: a class that sorts before the others, a new image, a changed one, and one that is gone.
fn second_week(sandbox: &Sandbox) {
    sandbox.picture("in/flu/1.png", grey(8, 8, 21));
    sandbox.picture("in/normal/5.png", grey(8, 8, 22));
    sandbox.picture("in/normal/2.png", grey(8, 8, 23));
    std::fs::remove_file(sandbox.path("in/sick/3.png")).unwrap();
}

/// Names in the set and classes by the names in the input, as the file of names has them.
fn names(sandbox: &Sandbox, out: &str) -> BTreeMap<String, (String, String)> {
    let file = std::fs::File::open(sandbox.path(&format!("{out}.names.csv"))).unwrap();
    let line = |line: csv::StringRecord| (line[1].to_owned(), (line[0].to_owned(), line[2].to_owned()));
    csv::Reader::from_reader(file).records().map(|record| line(record.unwrap())).collect()
}

/// Decrypts a set under its names and compares every image with the input. Returns the images that are not there.
fn compared(sandbox: &Sandbox, out: &str) -> Vec<String> {
    done(sandbox, &format!("verify --strict --device cpu -k k.key {out}"));
    let _ = std::fs::remove_dir_all(sandbox.path("back"));
    done(sandbox, &format!("decrypt -k k.key --names {out}.names.csv {out} back"));
    let (plain, back) = (sandbox.files("in"), sandbox.files("back"));
    for name in plain.iter().filter(|name| name.ends_with(".png")) {
        assert_eq!(sandbox.pixels(&format!("in/{name}")), sandbox.pixels(&format!("back/{name}")), "{name}");
    }
    back.into_iter().filter(|name| !plain.contains(name)).collect()
}

fn manifest(sandbox: &Sandbox, out: &str) -> serde_json::Value {
    if !out.ends_with(".npz") {
        return sandbox.manifest(out);
    }
    let mut zip = zip::ZipArchive::new(std::fs::File::open(sandbox.path(out)).unwrap()).unwrap();
    serde_json::from_reader(zip.by_name("imgveil.json").unwrap()).unwrap()
}

/// The entry of an image.
fn entry(manifest: &serde_json::Value, name: &str) -> serde_json::Value {
    manifest["images"].as_array().unwrap().iter().find(|entry| entry["name"] == name).unwrap().clone()
}

#[test]
fn what_is_new_or_changed_is_encrypted_and_all_else_stays_as_it_was_sent() {
    for (form, out) in FORMS {
        let sandbox = Sandbox::new();
        begin(&sandbox);
        done(&sandbox, &format!("encrypt neutral -k k.key {form} in {out}"));
        let (before, old, was) = (sandbox.tree(""), names(&sandbox, out), manifest(&sandbox, out));
        second_week(&sandbox);
        let told = "2 new, 1 changed, 1 gone, 5 unchanged\n";
        let kept = "note: 1 image that is no longer in the input stays in the set; --prune removes it\n";
        let changed = sandbox.tree("");
        let line = format!("update -k k.key in {out}");
        sandbox.run(&line.replace("-k", "--dry-run -k")).is(0, "would encrypt 3 images\n", &format!("{told}{kept}"));
        assert_same(&changed, &sandbox.tree(""));
        let updated = sandbox.run(&line);
        let names_words = format!("which image is which: {out}.names.csv (keep it with the key)\n");
        assert_eq!((updated.code, updated.err), (0, format!("{told}{kept}{names_words}")));
        assert_eq!(updated.set, "  splits   all (8)\n  classes  0 = normal (5), 1 = sick (2), 2 = flu (1)\n");
        assert!(updated.out.starts_with("updated 9 images"), "{}", updated.out);
        assert_eq!(compared(&sandbox, out), ["sick/3.png"]);
        let (new, is) = (names(&sandbox, out), manifest(&sandbox, out));
        for (name, line) in &old {
            assert_eq!(new[name], *line);
            let (was, is) = (entry(&was, &line.0), entry(&is, &line.0));
            assert_eq!(is["label"], was["label"]);
            for field in ["id", "plain", "blake3"] {
                assert_eq!(is[field] == was[field], name != "normal/2", "{form} {name} {field}");
            }
        }
        assert_eq!(is["classes"], serde_json::json!(["0", "1", "2"]));
        assert_eq!(entry(&is, &new["flu/1"].0)["label"], 2);
        assert_eq!(is["salt"], was["salt"]);
        if form.is_empty() && out == "out" {
            let now = sandbox.tree("");
            let same = |name: &&String| name.starts_with("out/") && name.ends_with(".png");
            let untouched = before.keys().filter(same).filter(|name| now.get(*name) == before.get(*name)).count();
            assert_eq!(untouched, 6);
        }
        // Nothing is left to do, and nothing is written.
        let after = sandbox.tree("");
        let words = format!("{out} is up to date: nothing to do\n");
        sandbox.run(&line).is(0, &words, &format!("0 new, 0 changed, 1 gone, 7 unchanged\n{kept}").replace("7", "8"));
        assert_same(&after, &sandbox.tree(""));
        let pruned = sandbox.run(&line.replace("-k", "--prune -k"));
        assert!(pruned.out.starts_with("updated 8 images"), "{}", pruned.err);
        assert_eq!(compared(&sandbox, out), [""; 0]);
        assert!(!sandbox.tree("").keys().any(|name| name.contains(".imgveil-")));
        // A class that is without images for a week keeps its number.
        std::fs::rename(sandbox.path("in/normal"), sandbox.path("away")).unwrap();
        assert_eq!(sandbox.run(&line.replace("-k", "--prune -k")).code, 0);
        std::fs::rename(sandbox.path("away"), sandbox.path("in/normal")).unwrap();
        assert_eq!(sandbox.run(&line).code, 0);
        assert_eq!(entry(&manifest(&sandbox, out), &names(&sandbox, out)["normal/1"].0)["label"], 0);
        assert_eq!(compared(&sandbox, out), [""; 0]);
        // All files of the set are those of its manifest.
        let files = left(&sandbox, &line);
        sandbox.run(&line).is(0, &words, "0 new, 0 changed, 0 gone, 8 unchanged\n");
        assert_same(&files, &left(&sandbox, &line));
    }
}

/// Two images under one stream would give away their difference.
#[test]
fn a_changed_image_gets_another_stream() {
    let sandbox = Sandbox::new();
    sandbox.picture("in/1.png", grey(8, 8, 1));
    sandbox.picture("in/2.png", grey(8, 8, 2));
    done(&sandbox, "encrypt -k k.key -s keystream in out");
    let old = sandbox.pixels("out/1.png").2;
    sandbox.picture("in/1.png", grey(8, 8, 3));
    done(&sandbox, "update -k k.key in out");
    let new = sandbox.pixels("out/1.png").2;
    let xor = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a ^ b).collect::<Vec<_>>();
    let plain = xor(&samples(64, 1), &samples(64, 3));
    let leaked = xor(&old, &new).iter().zip(&plain).filter(|(a, b)| a == b).count();
    assert!(leaked < 8, "{leaked} of 64 samples");
    done(&sandbox, "verify --device cpu -k k.key out");
}

/// A label that a list corrects changes the label and the name of the image, and nothing else.
#[test]
fn a_corrected_label_is_a_change() {
    for (form, out) in FORMS {
        let sandbox = Sandbox::new();
        sandbox.greys(&["in/1.png", "in/2.png", "in/3.png"]);
        sandbox.write("labels.csv", b"name,label\n1,well\n2,ill\n3,ill\n");
        done(&sandbox, &format!("encrypt neutral -k k.key --labels labels.csv {form} in {out}"));
        let words = format!(
            "{out} was made with other options: source of labels was `a file` and is `folders or arrays` now; leave \
             them out (--labels names the file of labels, if there was one), or encrypt into another output"
        );
        sandbox.refuses(&format!("update -k k.key in {out}"), USAGE, &words);
        sandbox.write("labels.csv", b"name,label\n1,well\n2,well\n3,ill\n4,bad\n");
        sandbox.picture("in/4.png", grey(8, 8, 4));
        let updated = sandbox.run(&format!("update -k k.key --labels labels.csv in {out}"));
        assert!(updated.err.starts_with("1 new, 1 changed, 0 gone, 2 unchanged\n"), "{}", updated.err);
        assert_eq!(compared(&sandbox, out), [""; 0]);
        let (names, is) = (names(&sandbox, out), manifest(&sandbox, out));
        // Classes were numbered by their names: ill, well; and bad is new.
        for (name, label, class) in [("1", 1, "well"), ("2", 1, "well"), ("3", 0, "ill"), ("4", 2, "bad")] {
            assert_eq!((&entry(&is, &names[name].0)["label"], names[name].1.as_str()), (&label.into(), class));
        }
    }
}

#[test]
fn options_of_the_set_are_taken_over_and_others_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.picture("in/a/1.png", rgb(9, 11, 1));
    done(&sandbox, "encrypt -k k.key -s etc --block 4 --pad --channels 1 in out");
    assert_eq!(sandbox.manifest("out")["options"], serde_json::json!(["fit=pad", "channels=1", "names=kept"]));
    sandbox.picture("in/b/2.png", rgb(10, 13, 2));
    let refused = |flags: &str, words: &str| {
        let words = format!(
            "out was made with other options: {words}; leave them out (--labels names the file of labels, if there \
             was one), or encrypt into another output"
        );
        sandbox.refuses(&format!("update -k k.key {flags} in out"), USAGE, &words);
    };
    refused("-s ele", "scheme was `etc block=4x4` and is `ele` now");
    refused("--crop --channels 3", "fit to the blocks was `pad` and is `crop` now; channels was `1` and is `3` now");
    refused("--format npy", "form of the output was `png` and is `npy` now");
    assert_eq!(sandbox.run("update -k k.key --pad -s etc --block 4 --keep-names in out").code, 0);
    assert_eq!(sandbox.manifest("out")["classes"], serde_json::json!(["a", "b"]));
    done(&sandbox, "verify --device cpu -k k.key out");
    sandbox.key("other.key", &key(1), 0o600);
    assert_eq!(sandbox.run("update -k other.key in out").code, KEY);
    // A set of an earlier version, whose manifest has no options: those that are stated are checked by its run.
    let options = "  \"options\": [\n    \"fit=pad\",\n    \"channels=1\",\n    \"names=kept\"\n  ],\n";
    sandbox.reseal("out", options, "");
    sandbox.picture("in/b/3.png", rgb(10, 13, 3));
    assert_eq!(sandbox.run("update -k k.key --pad --keep-names in out").code, USAGE);
    let told = sandbox.run("update -k k.key --pad --channels 1 --keep-names in out");
    assert_eq!((told.code, told.err.contains("1 new, 0 changed, 0 gone, 2 unchanged")), (0, true), "{}", told.err);
    assert_eq!(sandbox.manifest("out")["options"], serde_json::json!(["fit=pad", "channels=1", "names=kept"]));
}

#[test]
fn a_missing_file_of_names_is_written_again_or_asked_for() {
    let sandbox = Sandbox::new();
    begin(&sandbox);
    done(&sandbox, "encrypt neutral -k k.key in out");
    let names = sandbox.read("out.names.csv");
    let again = "note: out.names.csv was missing and is written again\n";
    let remove = || std::fs::remove_file(sandbox.path("out.names.csv")).unwrap();
    remove();
    let told = format!("0 new, 0 changed, 0 gone, 7 unchanged\n{again}");
    sandbox.run("update -k k.key in out").is(0, "out is up to date: nothing to do\n", &told);
    assert_eq!(sandbox.read("out.names.csv"), names);
    remove();
    let rerun = sandbox.run("encrypt neutral -k k.key in out");
    assert!(rerun.err.contains(again), "{}", rerun.err);
    assert_eq!(sandbox.read("out.names.csv"), names);
    // Numbers of classes are found by the images that are still there.
    remove();
    second_week(&sandbox);
    assert_eq!(sandbox.run("update -k k.key in out").code, 0);
    assert_eq!(sandbox.manifest("out")["classes"], serde_json::json!(["0", "1", "2"]));
    // Nothing tells which number `sick` has.
    remove();
    std::fs::rename(sandbox.path("in/sick"), sandbox.path("sick")).unwrap();
    sandbox.picture("in/sick/9.png", grey(8, 8, 29));
    sandbox
        .refuses_like("update -k k.key in out", USAGE, |words| words.contains("`sick`") && words.contains("--names"));
}

/// What the set has of a file that cannot be read now is not gone.
#[test]
fn a_broken_file_removes_nothing() {
    let sandbox = Sandbox::new();
    begin(&sandbox);
    done(&sandbox, "encrypt neutral -k k.key in out");
    let before = sandbox.tree("out");
    sandbox.write("in/normal/1.png", b"not a picture");
    let line = "update --prune -k k.key in out";
    let told = sandbox.run(line);
    assert_eq!(told.code, PARTLY);
    assert!(told.err.starts_with("0 new, 0 changed, 0 gone, 6 unchanged, 1 unreadable\n"), "{}", told.err);
    assert_same(&before, &sandbox.tree("out"));
    assert!(sandbox.path("out.failed.csv").exists());
    sandbox.picture("in/normal/1.png", grey(8, 8, 31));
    done(&sandbox, line);
    assert_eq!(compared(&sandbox, "out"), [""; 0]);
    assert!(!sandbox.path("out.failed.csv").exists());
    // Another input shares no image with the set.
    sandbox.picture("other/x.png", grey(8, 8, 41));
    let words = "other holds no image of the set out: nothing was removed; check that it is the right input";
    let told = sandbox.run("update --prune -k k.key other out");
    assert_eq!((told.code, told.err.lines().last()), (USAGE, Some(format!("error: {words}").as_str())));
}

#[test]
fn damaged_files_of_the_set_are_written_again_and_strangers_stay() {
    let sandbox = Sandbox::new();
    begin(&sandbox);
    done(&sandbox, "encrypt -k k.key in out");
    let before = sandbox.tree("out");
    sandbox.write("out/notes.txt", b"mine");
    sandbox.write("out/sick/1.png", b"damaged");
    std::fs::remove_file(sandbox.path("out/normal/3.png")).unwrap();
    let told = done(&sandbox, "update -k k.key in out");
    assert!(told.err.starts_with("0 new, 0 changed, 0 gone, 5 unchanged, 2 damaged in the set\n"), "{}", told.err);
    let mut after = sandbox.tree("out");
    assert_eq!(after.remove("notes.txt"), Some(b"mine".to_vec()));
    assert_same(&before, &after);
    // A file of the user is in the way of a new image.
    sandbox.write("out/normal/9.png", b"mine");
    sandbox.picture("in/normal/9.png", grey(8, 8, 51));
    let words = "out/normal/9.png is a file that imgveil did not write: it was left as it is; move it away and start";
    let told = sandbox.run("update -k k.key in out");
    assert!((told.code, told.err.contains(words)) == (USAGE, true), "{}", told.err);
    assert_eq!(sandbox.read("out/normal/9.png"), b"mine");
}

/// A folder of the name that updates use, in a set that comes back from somebody else: what is in it stays.
#[test]
fn strangers_in_the_folder_of_updates_stay() {
    for (form, out, folder) in
        [("", "out", "out/.imgveil-update"), ("", "out.npz", "out.npz.imgveil-update.npz.imgveil-partial")]
    {
        let sandbox = Sandbox::new();
        begin(&sandbox);
        done(&sandbox, &format!("encrypt neutral -k k.key {form} in {out}"));
        let mine = format!("{folder}/a/mine.txt");
        sandbox.write(&mine, b"mine");
        std::fs::create_dir(sandbox.path(&format!("{folder}/empty"))).unwrap();
        // With nothing to do, and with something.
        sandbox.run(&format!("update -k k.key in {out}"));
        assert_eq!(sandbox.read(&mine), b"mine", "{out}");
        second_week(&sandbox);
        sandbox.run(&format!("update -k k.key in {out}"));
        assert_eq!(sandbox.read(&mine), b"mine", "{out}");
        std::fs::remove_dir_all(sandbox.path(folder)).unwrap();
        done(&sandbox, &format!("update -k k.key in {out}"));
        assert_eq!(sandbox.run(&format!("update -k k.key in {out}")).code, 0);
        assert!(!sandbox.path(folder).exists(), "{out}");
    }
}

/// A finished output is never to be removed.
#[test]
fn a_rerun_says_what_an_update_would_do() {
    for (form, out) in FORMS {
        let sandbox = Sandbox::new();
        begin(&sandbox);
        let line = format!("encrypt neutral -k k.key {form} in {out}");
        done(&sandbox, &line);
        second_week(&sandbox);
        let since =
            "note: since then: 2 new, 1 changed, 1 gone, 5 unchanged; `imgveil update` brings the output up to date\n";
        let before = sandbox.tree("");
        let told = sandbox.run(&line);
        assert_eq!((told.code, told.err.contains(since)), (0, true), "{}", told.err);
        let words = format!(
            "{out} is a finished set with other options (scheme was `shuffle-flip` and is `ele` now): nothing was \
             written; another output starts anew, and `imgveil update` takes over the options of the set"
        );
        let told = sandbox.run(&line.replace("-k", "-s ele -k"));
        assert_eq!((told.code, told.err.as_str()), (USAGE, format!("error: {words}\n").as_str()));
        sandbox.key("other.key", &key(1), 0o600);
        let told = sandbox.run(&line.replace("k.key", "other.key"));
        assert!(told.err.contains("is a finished set under another key (324ea5f0f753f05b)"), "{}", told.err);
        std::fs::remove_file(sandbox.path("other.key")).unwrap();
        assert_same(&before, &sandbox.tree(""));
    }
}

/// Labels of what was sent do not change by another way of adding images either.
#[test]
fn retrying_keeps_the_numbers_of_classes() {
    let sandbox = Sandbox::new();
    begin(&sandbox);
    done(&sandbox, "encrypt neutral -k k.key in out");
    let was = sandbox.manifest("out");
    sandbox.picture("in/flu/1.png", grey(8, 8, 21));
    done(&sandbox, "encrypt neutral -k k.key --retry-failed in out");
    let is = sandbox.manifest("out");
    assert_eq!(is["images"].as_array().unwrap().len(), 8);
    for old in was["images"].as_array().unwrap() {
        assert_eq!(entry(&is, old["name"].as_str().unwrap()), *old);
    }
    assert_eq!(is["classes"], serde_json::json!(["0", "1", "2"]));
    assert_eq!(compared(&sandbox, "out"), [""; 0]);
}

/// The scale of values is in the manifest and in what `inspect` says. A corrected one is a change, whatever the pixels.
#[test]
fn a_corrected_scale_of_values_is_a_change() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    let scan = |slope| dicom(8, 8, &[vec![7; 64]], &[(0x0028_1052, b"DS", "-1024"), (0x0028_1053, b"DS", slope)]);
    sandbox.write("in/scan.dcm", &scan("2"));
    done(&sandbox, "encrypt -k k.key in out");
    let before = manifest(&sandbox, "out");
    assert_eq!(entry(&before, "scan")["rescale"], serde_json::json!({"slope": 2.0, "offset": -1024.0}));
    assert!(entry(&before, "a").get("rescale").is_none());
    let told = done(&sandbox, "inspect out").out;
    assert!(told.contains("\n  values   a value is 2 x sample - 1024 (1)\n"), "{told}");
    assert_eq!(done(&sandbox, "inspect in").out.lines().last(), told.lines().last());
    let json: serde_json::Value = serde_json::from_str(&done(&sandbox, "inspect --json out").out).unwrap();
    assert_eq!(json["values"], serde_json::json!([{"slope": 2.0, "offset": -1024.0, "images": 1}]));
    sandbox.write("in/scan.dcm", &scan("0.1"));
    let told = done(&sandbox, "update -k k.key in out");
    assert!(told.err.contains("0 new, 1 changed, 0 gone, 2 unchanged"), "{}{}", told.out, told.err);
    let after = manifest(&sandbox, "out");
    assert_eq!(entry(&after, "scan")["rescale"], serde_json::json!({"slope": 0.1, "offset": -1024.0}));
    assert_eq!(entry(&after, "scan")["blake3"], entry(&before, "scan")["blake3"]);
    done(&sandbox, "verify --strict --device cpu -k k.key out");
    // It is under the seal.
    let text = std::fs::read_to_string(sandbox.path("out/imgveil.json")).unwrap();
    sandbox.write("out/imgveil.json", text.replace("\"slope\": 0.1", "\"slope\": 0.2").as_bytes());
    assert_eq!(sandbox.run("verify --device cpu -k k.key out").code, DATASET);
}
