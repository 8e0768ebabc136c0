//! `imgveil merge` and `--partition`, of which `--shard` is an older name.

use crate::common::sandbox::*;
use crate::runs::with_broken;
use crate::runs::{MANY, Tree, done, left, many, records, remove, start, summary};
use serde_json::Value;
use std::process::Child;

/// Compares the trees of a run alone and of merged partitions. Merging has no key: a merged manifest has the seals of
/// its parts in place of its own.
#[track_caller]
fn assert_same_but_the_seals(mut one: Tree, mut merged: Tree) {
    let manifest = |tree: &mut Tree| -> Value {
        serde_json::from_slice(&tree.insert("/imgveil.json".into(), Vec::new()).unwrap()).unwrap()
    };
    let (mut alone, mut joined) = (manifest(&mut one), manifest(&mut merged));
    assert_same(&one, &merged);
    let removed = |manifest: &mut Value, field: &str| manifest.as_object_mut().unwrap().remove(field);
    assert!(removed(&mut alone, "seal").is_some() && removed(&mut joined, "seal").is_none());
    assert!(removed(&mut alone, "parts").is_none() && removed(&mut joined, "parts").is_some());
    assert_eq!(alone, joined);
}

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
        assert_same_but_the_seals(left(&sandbox, &one), left(&sandbox, "merge out"));
        done(&sandbox, "verify -k k.key out");
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
    sandbox.refuses_like("encrypt neutral -k k.key in out", USAGE, |words| {
        words.contains("out holds partitions of a set")
    });
    done(&sandbox, "encrypt neutral -k k.key in whole");
    sandbox.refuses_like("encrypt neutral -k k.key --shard 1/2 in whole", USAGE, |w| {
        w.contains("whole is a finished set: nothing was written")
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
        assert_same_but_the_seals(left(&sandbox, "encrypt one"), left(&sandbox, "merge out"));
        remove(&sandbox, "encrypt one");
        remove(&sandbox, "merge out");
    }
}

/// Machines share no file: the salt of their partitions follows from the key and the list of images.
#[test]
fn parts_of_one_list_of_images_have_one_salt() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png", "in/c.png", "in/d.png", "away/in/x.png"]);
    for i in 1..=4 {
        sandbox.write(&format!("away/in/{}.png", ["a", "b", "c", "d"][i - 1]), &sandbox.read("in/a.png"));
    }
    std::fs::remove_file(sandbox.path("away/in/x.png")).unwrap();
    done(&sandbox, "encrypt random-salt neutral -k k.key --partition 1/2 in out");
    // Another path of the same list.
    done(&sandbox, "encrypt random-salt neutral -k k.key --partition 2/2 away/in out");
    done(&sandbox, "merge out");
    done(&sandbox, "verify -k k.key out");
    let salt = |set: &str| sandbox.manifest(set)["salt"].as_str().unwrap().to_owned();
    let first = salt("out");
    remove(&sandbox, "merge out");
    done(&sandbox, "encrypt random-salt neutral -k k.key --partition 1/2 in out");
    sandbox.greys(&["in/e.png"]);
    done(&sandbox, "encrypt random-salt neutral -k k.key --partition 2/2 in out");
    let words = "out: partition 2/2 was made from another list of images, or by another version, than partition 1/2: \
                 write them again";
    sandbox.refuses("merge out", USAGE, words);
    // Other lists, and runs without partitions, have other salts.
    done(&sandbox, "encrypt random-salt neutral -k k.key in one");
    done(&sandbox, "encrypt random-salt neutral -k k.key in two");
    assert!(first != salt("one") && salt("one") != salt("two"));
}

/// A merged set has no seal of its own: its parts' seals vouch for the whole.
#[test]
fn a_merged_set_is_authenticated() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a/1.png", "in/a/2.png", "in/b/3.png", "in/b/4.png"]);
    (1..=2).for_each(|i| drop(done(&sandbox, &format!("encrypt neutral -k k.key --partition {i}/2 in out"))));
    done(&sandbox, "merge out");
    done(&sandbox, "verify -k k.key out");
    let whole = sandbox.manifest("out");
    let words = "out/imgveil.json was changed after it was written: its seal does not fit. Nothing of it was used; \
                 restore it from the copy that you were given";
    let part = |manifest: &mut Value, i: usize, field: &str| manifest["parts"][i][field].take();
    type Edit<'a> = (&'a str, &'a dyn Fn(&mut Value));
    let edits: [Edit; 7] = [
        ("a part less", &|m| drop(m["parts"].as_array_mut().unwrap().pop())),
        ("parts exchanged", &|m| m["parts"].as_array_mut().unwrap().swap(0, 1)),
        ("a slot moved", &|m| m["parts"][0]["slots"][0] = 9.into()),
        ("an image dropped", &|m| drop(m["images"].as_array_mut().unwrap().pop())),
        ("images exchanged", &|m| m["images"].as_array_mut().unwrap().swap(0, 3)),
        ("a tool", &|m| m["tool"] = "imgveil 9".into()),
        ("seals exchanged", &|m| {
            let (one, two) = (part(m, 0, "seal"), part(m, 1, "seal"));
            (m["parts"][0]["seal"], m["parts"][1]["seal"]) = (two, one);
        }),
    ];
    for (what, edit) in edits {
        let mut changed = whole.clone();
        edit(&mut changed);
        sandbox.write("out/imgveil.json", changed.to_string().as_bytes());
        let done = sandbox.run("decrypt -k k.key out back");
        assert_eq!((done.code, done.err.as_str()), (DATASET, format!("error: {words}\n").as_str()), "{what}");
    }
    sandbox.write("out/imgveil.json", whole.to_string().as_bytes());
    done(&sandbox, "decrypt -k k.key out back");
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
