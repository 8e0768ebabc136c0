//! Files that were set aside, repaired, and tried again.

use crate::common::sandbox::*;
use crate::runs::with_broken;
use crate::runs::{MANY, done, left, summary};
use serde_json::Value;

#[test]
fn what_was_set_aside_is_tried_again_once_it_is_repaired() {
    for format in ["", "--format jpeg", "--format npy", "--format webdataset --per-shard 7"] {
        let sandbox = Sandbox::new();
        with_broken(&sandbox);
        sandbox.write("in/test/1/broken.png", b"not a picture either");
        let line = format!("encrypt neutral -k k.key {format} in out");
        let first = sandbox.run(&line);
        assert_eq!(first.code, PARTLY);
        assert!(first.err.contains(&format!("broken.png: {FOREIGN}")), "{}", first.err);
        let before = left(&sandbox, &line);
        assert_eq!(String::from_utf8(before[".failed.csv"].clone()).unwrap().lines().count(), 3);
        // One of the two is repaired, then the other.
        sandbox.picture("in/train/0/broken.png", grey(64, 64, 4711));
        let words =
            "out: this very run was completed before, and nothing was done; --retry-failed tries what it set aside";
        let told = sandbox.run(&line);
        assert_eq!((told.code, told.err.contains(words)), (0, true), "{}", told.err);
        let retry = format!("encrypt neutral --json -k k.key {format} --retry-failed in out");
        let second = sandbox.run(&retry);
        assert_eq!(second.code, PARTLY, "{}", second.err);
        let second: Value = serde_json::from_str(&second.out).unwrap();
        assert_eq!((second["images"].as_u64(), second["failed"].as_array().unwrap().len()), (Some(MANY as u64 + 1), 1));
        sandbox.picture("in/test/1/broken.png", grey(64, 64, 4712));
        let third = summary(&sandbox, &retry);
        assert_eq!(third["images"], MANY + 2);
        if !format.contains("npy") {
            assert_eq!(third["resumed"], MANY + 1);
        }
        let fresh = format!("encrypt neutral -k k.key {format} in fresh");
        done(&sandbox, &fresh);
        assert_same(&left(&sandbox, &fresh), &left(&sandbox, &line));
        done(&sandbox, "verify -k k.key out");
    }
    let sandbox = Sandbox::new();
    with_broken(&sandbox);
    assert_eq!(sandbox.run("encrypt neutral -k k.key in out.npz").code, PARTLY);
    let words = "out.npz was written whole, and nothing can be added to it in place: `imgveil update` writes it \
    anew with what it lacks";
    sandbox.refuses("encrypt neutral -k k.key --retry-failed in out.npz", USAGE, words);
}
