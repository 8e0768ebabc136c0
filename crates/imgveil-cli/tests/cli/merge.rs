//! `imgveil merge` and `--partition`, of which `--shard` is an older name.

use crate::common::sandbox::*;
use crate::runs::with_broken;
use crate::runs::{MANY, done, left, many, records, remove, start, summary};
use std::process::Child;

#[test]
fn parts_that_processes_write_at_once_are_one_set_when_they_are_merged() {
    let sandbox = Sandbox::new();
    with_broken(&sandbox);
    for format in ["", "--format jpeg", "--format webdataset --per-shard 7"] {
        let one = format!("encrypt neutral -k k.key {format} in one");
        assert_eq!(sandbox.run(&one).code, PARTLY);
        let part = |i: usize| format!("encrypt neutral -k k.key {format} --partition {i}/4 in out");
        let mut runs: Vec<Child> = (1..=4).map(|i| start(&sandbox, &part(i))).collect();
        let mut codes: Vec<i32> = runs.iter_mut().map(|run| run.wait().unwrap().code().unwrap()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 0, 0, PARTLY]);
        let merged = done(&sandbox, "merge out");
        assert_eq!(merged.out, format!("joined 4 partitions of out: {MANY} images\n"));
        assert_same(&left(&sandbox, &one), &left(&sandbox, "merge out"));
        sandbox.refuses_like("merge out", USAGE, |words| words.contains("out: it holds no partitions of a set"));
        // The merged set equals that of a single run, so a single run has nothing to do.
        let again = sandbox.run(&format!("encrypt neutral -k k.key {format} in out"));
        assert!(again.code == 0 && again.err.contains("completed before"), "{}", again.err);
        remove(&sandbox, &one);
        remove(&sandbox, "merge out");
    }
}

#[test]
fn a_set_whose_parts_are_not_merged_is_not_used() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    let part =
        |i: usize, more: &str| done(&sandbox, &format!("encrypt neutral -k k.key {more} --partition {i}/3 in out"));
    for format in ["", "--format webdataset --per-shard 7"] {
        part(1, format);
        part(3, format);
        sandbox.refuses("merge out", USAGE, "out: partition 2/3 is missing: run it, then merge again");
        let words = "out holds partitions of a set that are not joined yet: run `imgveil merge out` once every \
        partition is done";
        for line in [
            "decrypt -k k.key out back",
            "verify out",
            "verify -k k.key out",
            "encrypt -k k.key out twice",
            "inspect out",
        ] {
            sandbox.refuses(line, USAGE, words);
        }
        #[cfg(feature = "train")]
        sandbox.refuses("train --data out --epochs 1 --device cpu -o run", USAGE, words);
        part(2, format);
        done(&sandbox, "merge out");
        done(&sandbox, "verify -k k.key out");
        remove(&sandbox, "merge out");
    }
}

#[test]
fn parts_that_do_not_belong_together_are_not_merged() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    sandbox.key("other.key", &key(1), 0o600);
    done(&sandbox, "encrypt neutral -k k.key --shard 1/2 in out");
    done(&sandbox, "encrypt neutral -k other.key --shard 2/2 in out");
    let words = "out: partition 2/2 was made with another key, scheme, format or set of classes than partition 1/2";
    sandbox.refuses("merge out", USAGE, words);
    remove(&sandbox, "merge out");
    // Three runs of three partitions, and one of two.
    (1..=3).for_each(|i| drop(done(&sandbox, &format!("encrypt neutral -k k.key --shard {i}/3 in out"))));
    done(&sandbox, "encrypt neutral -k k.key --shard 2/2 in out");
    sandbox.refuses_like("merge out", USAGE, |words| words.contains("different divisions, such as 2/2 and 1/3"));
    // A run without --partition does not mix with partitions, nor partitions with a complete set.
    sandbox
        .refuses_like("encrypt neutral -k k.key in out", USAGE, |words| words.contains("out exists and is not empty"));
    done(&sandbox, "encrypt neutral -k k.key in whole");
    sandbox.refuses_like("encrypt neutral -k k.key --shard 1/2 in whole", USAGE, |w| {
        w.contains("exists and is not empty")
    });
    let words = "the partitions of a set cannot be written to arrays by several processes: leave --partition out, or \
    write png, jpeg or webdataset";
    sandbox.refuses("encrypt neutral -k k.key --shard 1/2 in out.npz", USAGE, words);
    sandbox.refuses("encrypt neutral -k k.key --shard 1/2 --format npy in arrays", USAGE, words);
    sandbox.refuses(
        "merge in",
        USAGE,
        "in: it holds no partitions of a set; partitions are written by `imgveil encrypt --partition I/N`",
    );
    sandbox.refuses("merge no", USAGE, "there is no no: check the path");
}

/// The other partitions are complete, and its journal exists.
#[test]
fn a_part_that_was_killed_is_run_again() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    for format in ["", "--format webdataset --per-shard 3"] {
        done(&sandbox, &format!("encrypt neutral -k k.key {format} in one"));
        done(&sandbox, &format!("encrypt neutral -k k.key {format} --shard 1/2 in out"));
        let line = format!("encrypt neutral -k k.key {format} --shard 2/2 in out");
        let journal = sandbox.path("out/.imgveil-partial-2-of-2");
        for round in 0.. {
            assert!(round < 50, "fifty runs could not be cut");
            let mut run = start(&sandbox, &line);
            while records(&journal).len() < 3 && run.try_wait().unwrap().is_none() {}
            run.kill().unwrap();
            run.wait().unwrap();
            if records(&journal).len() >= 3 {
                break;
            }
            remove(&sandbox, &line);
            done(&sandbox, &format!("encrypt neutral -k k.key {format} --shard 1/2 in out"));
        }
        let words = "a partition is still at work or was cut (.imgveil-partial-2-of-2): let it finish, or run it again";
        sandbox.refuses("merge out", USAGE, &format!("out: {words}"));
        let resumed = summary(&sandbox, &line.replacen(' ', " --json ", 1))["resumed"].as_u64().unwrap();
        assert!(resumed >= 3);
        done(&sandbox, "merge out");
        assert_same(&left(&sandbox, "encrypt one"), &left(&sandbox, "merge out"));
        remove(&sandbox, "encrypt one");
        remove(&sandbox, "merge out");
    }
}

/// The same image in two partitions, as when the input changed between them.
#[test]
fn an_image_in_two_partitions_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png", "in/c.png", "in/d.png"]);
    for part in ["1/2", "2/2"] {
        assert_eq!(sandbox.run(&format!("encrypt -k k.key --partition {part} in out")).code, 0);
    }
    let name = |part: u32| format!("out/imgveil.part-{part}-of-2.json");
    let [first, mut second] =
        [1, 2].map(|part| serde_json::from_slice::<serde_json::Value>(&sandbox.read(&name(part))).unwrap());
    let whole = second.clone();
    second["images"][0] = first["images"][0].clone();
    sandbox.write(&name(2), &serde_json::to_vec(&second).unwrap());
    sandbox.refuses_like("merge out", USAGE, |words| words.contains("is in two places of the partitions"));
    // A manifest that somebody else put there is not replaced.
    sandbox.write(&name(2), &serde_json::to_vec(&whole).unwrap());
    sandbox.write("out/imgveil.json", b"mine");
    sandbox
        .refuses_like("merge out", USAGE, |words| words.contains("imgveil.json is a file that imgveil did not write"));
    std::fs::remove_file(sandbox.path("out/imgveil.json")).unwrap();
    assert_eq!(sandbox.run("merge out").code, 0);
}
