//! `imgveil encrypt`: where it writes.

use crate::common::sandbox::*;
use crate::runs::{MANY, done, many, summary};
use serde_json::Value;

#[test]
fn an_output_folder_with_something_in_it_is_not_touched() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.write("out/notes.txt", b"mine");
    let words = "out exists and is not empty: nothing was written; choose another output or remove it first";
    sandbox.refuses("encrypt -k k.key in out", USAGE, words);
    sandbox.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    sandbox.refuses("decrypt -k k.key enc out", USAGE, words);
    // A complete set is not written again. The same run finds it complete.
    let before = sandbox.tree("enc");
    let done = sandbox.run("encrypt -k k.key in enc");
    let words =
        "note: enc: this very run was completed before, and nothing was done; --retry-failed tries what it set aside\n";
    assert_eq!((done.code, done.err.as_str()), (0, words));
    assert_same(&before, &sandbox.tree("enc"));
    let words = "enc is a finished set with other options (scheme was `shuffle-flip` and is `shuffle-flip scramble` \
                 now): nothing was written; another output starts anew, and `imgveil update` takes over the options of \
                 the set";
    sandbox.refuses("encrypt -k k.key --scramble in enc", USAGE, words);
    // An empty folder may be an output.
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.does("decrypt -k k.key enc empty", 2, "0.0", "shuffle-flip");
}

#[test]
fn an_output_file_is_not_touched() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    for name in ["out.npz", "out"] {
        sandbox.write(name, b"mine");
        let words =
            format!("{name} exists and is not empty: nothing was written; choose another output or remove it first");
        sandbox.refuses(&format!("encrypt -k k.key in {name}"), USAGE, &words);
        sandbox.refuses(&format!("decrypt -k k.key enc {name}"), USAGE, &words);
    }
}

#[test]
fn an_npz_in_a_missing_folder_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    sandbox.refuses("encrypt -k k.key in away/out.npz", USAGE, "there is no away: check the path");
}

#[test]
fn an_output_inside_the_input_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a/1.png", "in/a/2.png"]);
    for out in ["in/out", "in/a/b/out", "in/out.npz", "in", "in/a/../../in/out"] {
        let words = format!("the output DIR/{out} lies inside the input DIR/in: choose a folder outside of it");
        sandbox.refuses(&format!("encrypt -k k.key in {out}"), USAGE, &words);
    }
    sandbox.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    let words = "the output DIR/enc/out lies inside the input DIR/enc: choose a folder outside of it";
    sandbox.refuses("decrypt -k k.key enc/ enc/out", USAGE, words);
}

/// The output may be handed out; the list names the plain files.
#[test]
fn the_list_is_never_in_the_output() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.write("in/c.png", b"no image");
    std::fs::create_dir_all(sandbox.path("work/deep")).unwrap();
    assert_eq!(sandbox.run_in("work", "encrypt -k ../k.key ../in .").code, USAGE, "deep/ is in it");
    assert_eq!(sandbox.run_in("work/deep", "encrypt -k ../../k.key ../../in .").code, PARTLY);
    assert_eq!(sandbox.files("work/deep"), ["a.png", "b.png", "imgveil.json"]);
    assert_eq!(sandbox.files("work")[0], "deep.failed.csv");
}

#[test]
fn two_runs_write_the_same_bytes() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a/1.png", "in/a/2.jpg", "in/b/3.png", "in/b/4.jpeg"]);
    for scheme in ["shuffle-flip", "keystream"] {
        let runs = ["1", "2"].map(|run| format!("{scheme}-{run}"));
        for run in &runs {
            sandbox.does(&format!("encrypt -k k.key -s {scheme} in {run}"), 4, "0.0", scheme);
            sandbox.does(&format!("encrypt -k k.key -s {scheme} in {run}.npz"), 4, "0.0", scheme);
        }
        assert_same(&sandbox.tree(&runs[0]), &sandbox.tree(&runs[1]));
        assert_eq!(sandbox.tree(&runs[0]).len(), 7);
        assert!(sandbox.read(&format!("{}.npz", runs[0])) == sandbox.read(&format!("{}.npz", runs[1])));
    }
    assert_ne!(sandbox.read("shuffle-flip-1/a/1.png"), sandbox.read("keystream-1/a/1.png"));
}

#[test]
fn an_encrypted_set_is_not_encrypted_again() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    sandbox.does("encrypt -k k.key -s keystream in enc.npz", 2, "0.0", "keystream");
    for (name, scheme) in [("enc", "shuffle-flip"), ("enc.npz", "keystream")] {
        let words = format!(
            "{name} is encrypted already (scheme {scheme}, key {FINGERPRINT}); decrypt it first if you want another \
             scheme"
        );
        sandbox.refuses(&format!("encrypt -k k.key {name} out"), USAGE, &words);
    }
}

#[test]
fn a_dry_run_writes_nothing_and_says_what_would_be_done() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    sandbox.write("in/notes.txt", b"notes");
    let before = sandbox.tree("");
    for (format, out) in [("", "out"), ("", "out.npz"), ("--format npy", "new/out"), ("--format webdataset", "out")] {
        let line = format!("encrypt neutral -k k.key --dry-run {format} in {out}");
        let told = done(&sandbox, &line);
        assert!(
            told.out.starts_with(&format!("would encrypt {MANY} images (0.7 MB of pixels) to {out} as ")),
            "{}",
            told.out
        );
        assert_eq!(told.err, "would pass over 1 other file\n");
        let json = summary(&sandbox, &line.replacen(' ', " --json ", 1));
        assert_eq!((&json["images"], &json["bytes"]), (&Value::from(MANY), &Value::from(MANY * 64 * 64)));
        assert_eq!(json["splits"], serde_json::json!({ "train": MANY * 3 / 4, "test": MANY / 4 }));
        assert_eq!(json["classes"], serde_json::json!({ "0": MANY / 2, "1": MANY / 2 }));
        assert_eq!(json["sizes"], serde_json::json!([{ "geometry": "64x64x1", "images": MANY }]));
    }
    assert_same(&before, &sandbox.tree(""));
    sandbox.write("in/train/0/broken.png", b"not a picture");
    let before = sandbox.tree("");
    let told = sandbox.run("encrypt neutral -k k.key --dry-run in out");
    assert_eq!(told.code, PARTLY);
    assert!(
        told.err.contains(&format!("1 image would be set aside:\n  train/0/broken.png: {FOREIGN}")),
        "{}",
        told.err
    );
    assert_same(&before, &sandbox.tree(""));
    // A dry run reports what would stop the run.
    sandbox.refuses_like("encrypt neutral -k k.key --dry-run --block 7 in out", USAGE, |words| words.contains("7"));
    sandbox.refuses_like("encrypt neutral -k k.key --dry-run in in/out", USAGE, |words| words.contains("inside"));
}
