//! Updates that are cut: the set is as it was, or the same command completes it.

use crate::common::sandbox::*;
use crate::runs::{done, left, many, remove, start};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Changes a third of the images, adds a class, and takes some images away.
fn change(sandbox: &Sandbox) {
    for i in (0..180).step_by(3) {
        let split = ["train", "test"][usize::from(i % 4 == 3)];
        sandbox.picture(&format!("in/{split}/{}/{i:03}.png", 2 * i / 180), grey(64, 64, 1000 + i as u32));
    }
    for i in 0..30 {
        sandbox.picture(&format!("in/train/extra/{i:03}.png"), grey(64, 64, 2000 + i));
    }
    for name in ["in/train/0/001.png", "in/test/1/091.png", "in/train/1/100.png"] {
        std::fs::remove_file(sandbox.path(name)).unwrap();
    }
}

fn restore(sandbox: &Sandbox, tree: &BTreeMap<String, Vec<u8>>, line: &str) {
    remove(sandbox, line);
    let out = crate::runs::output(line);
    for (name, bytes) in tree {
        let name = format!("{out}{name}");
        match name.ends_with('/') {
            true => std::fs::create_dir_all(sandbox.path(&name)).unwrap(),
            false => sandbox.write(&name, bytes),
        }
    }
}

#[test]
fn a_cut_update_leaves_the_set_or_is_completed_by_the_same_command() {
    for (form, out) in
        [("", "out"), ("--format npy", "out"), ("--format webdataset --per-shard 20", "out"), ("", "out.npz")]
    {
        let sandbox = Sandbox::new();
        many(&sandbox);
        done(&sandbox, &format!("encrypt neutral -k k.key {form} in {out}"));
        let line = format!("update --prune -k k.key in {out}");
        let old = left(&sandbox, &line);
        change(&sandbox);
        let begun = Instant::now();
        done(&sandbox, &line);
        let whole = begun.elapsed();
        let new = left(&sandbox, &line);
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        for round in 0..3 {
            restore(&sandbox, &old, &line);
            let mut waits = Vec::new();
            for cut in 0..4 {
                let hash = blake3::hash(format!("{seed} {round} {cut}").as_bytes());
                waits.push(whole.mul_f64(f64::from(hash.as_bytes()[0]) / 255.0));
                let mut run = start(&sandbox, &line);
                std::thread::sleep(waits[cut]);
                run.kill().unwrap();
                run.wait().unwrap();
            }
            let last = sandbox.run(&line);
            assert_eq!(last.code, 0, "after {waits:?}: {}", last.err);
            assert_same(&new, &left(&sandbox, &line));
        }
    }
}

/// The last step moves files one by one. Whatever was moved, the next run moves the rest.
#[test]
fn an_update_that_is_decided_is_completed() {
    for form in ["", "--format npy", "--format webdataset --per-shard 3"] {
        let sandbox = Sandbox::new();
        sandbox.greys(&["in/a/1.png", "in/a/2.png", "in/b/3.png", "in/b/4.png", "in/c/5.png"]);
        done(&sandbox, &format!("encrypt neutral -k k.key {form} in out"));
        let line = "update --prune -k k.key in out";
        let old = left(&sandbox, line);
        std::fs::remove_dir_all(sandbox.path("in/c")).unwrap();
        sandbox.picture("in/a/2.png", grey(8, 8, 77));
        sandbox.picture("in/d/6.png", grey(8, 8, 78));
        done(&sandbox, line);
        let new = left(&sandbox, line);
        let is_file = |name: &&String| name.starts_with('/') && !name.ends_with('/') && *name != "/imgveil.json";
        let written: Vec<&String> =
            new.keys().filter(is_file).filter(|name| old.get(*name) != new.get(*name)).collect();
        assert!(written.len() >= 2, "{written:?}");
        for moved in 0..=written.len() {
            restore(&sandbox, &old, line);
            for (number, name) in written.iter().enumerate() {
                let place = if number < moved { format!("out{name}") } else { format!("out/.imgveil-update{name}") };
                sandbox.write(&place, &new[*name]);
            }
            sandbox.write("out/.imgveil-update/imgveil.json", &new["/imgveil.json"]);
            // Until then, the file of names has the lines of both.
            let both = [&new[".names.csv"][..], &old[".names.csv"]["id,name,class\n".len()..]].concat();
            let mut lines: Vec<&str> = std::str::from_utf8(&both).unwrap().lines().collect();
            let mut seen = std::collections::HashSet::new();
            lines.retain(|line| seen.insert(line.split(',').next().unwrap().to_owned()));
            sandbox.write("out.names.csv", (lines.join("\n") + "\n").as_bytes());
            // Nobody reads a set whose files are on their way.
            assert_eq!(sandbox.run("verify --device cpu out").code, DATASET);
            done(&sandbox, line);
            assert_same(&new, &left(&sandbox, line));
        }
        // The same folder under another key decides nothing.
        restore(&sandbox, &old, line);
        let text = String::from_utf8(new["/imgveil.json"].clone()).unwrap();
        sandbox.write("out/.imgveil-update/imgveil.json", text.replace("\"label\": 0", "\"label\": 1").as_bytes());
        assert_eq!(sandbox.run(line).code, DATASET);
    }
}

/// Until the last step, others read the set as it was.
#[test]
fn the_set_is_whole_while_it_is_updated() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    done(&sandbox, "encrypt neutral -k k.key in out");
    change(&sandbox);
    let line = "update --prune -k k.key in out";
    let journal = sandbox.path("out/.imgveil-update/.imgveil-partial");
    for _ in 0..50 {
        let mut run = start(&sandbox, line);
        let begun = Instant::now();
        while !journal.exists() && run.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(20) {}
        run.kill().unwrap();
        run.wait().unwrap();
        if journal.exists() {
            done(&sandbox, "decrypt -k k.key out back");
            assert_eq!(sandbox.files("back").len(), 180);
            return;
        }
    }
    panic!("fifty updates could not be cut");
}
