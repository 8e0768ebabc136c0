//! A run that is killed once and started again.

use crate::common::sandbox::*;
use std::process::{Child, Stdio};
use std::time::Instant;

const MANY: usize = 400;

fn many(sandbox: &Sandbox) {
    (0..MANY as u32).for_each(|i| sandbox.picture(&format!("in/{}/{i:03}.png", i % 3), grey(64, 64, i)));
}

fn start(sandbox: &Sandbox, line: &str) -> Child {
    sandbox.command("", line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a run when it has written some images but not all.
fn cut(sandbox: &Sandbox, line: &str) {
    let out = sandbox.path(line.split_whitespace().last().unwrap());
    let images = |limit: usize| {
        let files = walkdir::WalkDir::new(&out).into_iter().flatten().map(|entry| entry.into_path());
        files.filter(|path| path.extension().is_some_and(|e| e == "png")).take(limit).count()
    };
    for _ in 0..50 {
        let mut run = start(sandbox, line);
        while images(1) == 0 && run.try_wait().unwrap().is_none() {}
        run.kill().unwrap();
        run.wait().unwrap();
        if (1..MANY).contains(&images(MANY)) {
            return;
        }
        std::fs::remove_dir_all(&out).unwrap();
    }
    panic!("fifty runs could not be cut");
}

/// Kills a job at random moments, starts it again, and compares with an uninterrupted run.
fn survives_kills(sandbox: &Sandbox, job: &str) {
    let begun = Instant::now();
    assert_eq!(sandbox.run(&format!("{job} unbroken")).code, 0);
    let mut whole = begun.elapsed();
    let unbroken = sandbox.tree("unbroken");
    assert!(unbroken.len() >= MANY && !unbroken.keys().any(|name| name.contains(".imgveil-")));
    let line = format!("{job} broken");
    let (broken, partial) = (sandbox.path("broken"), sandbox.path("broken/.imgveil-partial"));
    // Some kills come between the last write and the end of the process.
    let complete = || broken.exists() && !partial.exists() && sandbox.files("broken").len() >= MANY;
    let mut waits = Vec::new();
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    for round in 0..10 {
        let hash = blake3::hash(format!("{seed} {round}").as_bytes());
        let wait = whole.mul_f64(f64::from(hash.as_bytes()[0]) / 255.0);
        waits.push(wait);
        let mut run = start(sandbox, &line);
        std::thread::sleep(wait);
        run.kill().unwrap();
        match run.wait().unwrap().code() {
            Some(0) => assert!(complete(), "after {waits:?}"),
            // On some systems a killed process has the exit code 1. Nothing else may fail with it.
            Some(code) if !cfg!(windows) => panic!("exit code {code} after {waits:?}: {}", sandbox.run(&line).err),
            _ => {}
        }
        if complete() {
            assert_same(&unbroken, &sandbox.tree("broken"));
            std::fs::remove_dir_all(&broken).unwrap();
            // The first run was slower, on a busy machine.
            whole = whole.mul_f64(0.7);
        }
    }
    // The last run continues one that was certainly interrupted in the middle.
    if !partial.exists() {
        cut(sandbox, &line);
    }
    let last = sandbox.run(&line);
    assert_eq!((last.code, last.err.as_str()), (0, ""), "after {waits:?}");
    assert_same(&unbroken, &sandbox.tree("broken"));
    assert!(sandbox.files("").iter().all(|name| !name.contains(".imgveil-")), "something was left beside the output");
}

#[test]
fn encryption_that_is_killed_goes_on() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    survives_kills(&sandbox, "encrypt -k k.key --key-scope block in");
}

#[test]
fn decryption_that_is_killed_goes_on() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    sandbox.does("encrypt -k k.key in enc", MANY, "1.6", "shuffle-flip");
    survives_kills(&sandbox, "decrypt -k k.key enc");
}

/// Killed before the journal had its head. A file of a name like ours is not known to be ours, and stays.
#[test]
fn a_run_that_was_killed_at_its_very_beginning_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.write("out/.imgveil-partial", b"{\"journal\":3,\"job\":\"enc");
    sandbox.does("encrypt -k k.key in out", 2, "0.0", "shuffle-flip");
    assert_eq!(sandbox.files("out"), ["a.png", "b.png", "imgveil.json"]);
    sandbox.write("other/.imgveil-Ab12Cd", b"imgveil enc");
    let note = "note: 1 file that imgveil did not write was left: .imgveil-Ab12Cd\n";
    sandbox.run("encrypt -k k.key in other").is(0, &did("encrypt", 2, "0.0", "shuffle-flip"), note);
    assert_eq!(sandbox.files("other"), [".imgveil-Ab12Cd", "a.png", "b.png", "imgveil.json"]);
}

#[test]
fn another_run_does_not_go_on_where_one_was_cut() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    cut(&sandbox, "encrypt -k k.key in out");
    let words = |what: &str| {
        format!(
            "out holds a run that was cut, and this run is another one ({what}): nothing was written. The same run \
             goes on there, and another output starts anew"
        )
    };
    let scramble = "scheme was `shuffle-flip` and is `shuffle-flip scramble` now";
    sandbox.key("other.key", &key(1), 0o600);
    sandbox.refuses("encrypt -k other.key in out", USAGE, &words("another key, input or option"));
    sandbox.refuses("encrypt -k k.key --scramble in out", USAGE, &words(scramble));
    sandbox.refuses("encrypt -k k.key --resize 32 in out", USAGE, &words("size was `kept` and is `32x32` now"));
    std::fs::create_dir(sandbox.path("moved")).unwrap();
    std::fs::copy(sandbox.path("in/0/000.png"), sandbox.path("moved/000.png")).unwrap();
    sandbox.refuses("encrypt -k k.key moved out", USAGE, &words("input was another one"));
    sandbox.does("encrypt -k k.key in out", MANY, "1.6", "shuffle-flip");
}

/// An image that was removed from the input between the runs must not be in the output.
#[test]
fn a_run_that_goes_on_leaves_no_image_that_is_not_in_the_set_any_more() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    cut(&sandbox, "encrypt -k k.key in out");
    let written = sandbox.files("out").into_iter().find(|name| name.ends_with(".png")).unwrap();
    std::fs::remove_file(sandbox.path(&format!("in/{written}"))).unwrap();
    sandbox.does("encrypt -k k.key in out", MANY - 1, "1.6", "shuffle-flip");
    sandbox.does("encrypt -k k.key in fresh", MANY - 1, "1.6", "shuffle-flip");
    assert_same(&sandbox.tree("fresh"), &sandbox.tree("out"));
}

/// The output of an interrupted run has no imgveil.json yet, but is not a plain set.
#[test]
fn a_cut_set_is_not_taken_for_a_plain_one() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    cut(&sandbox, "encrypt -k k.key in out");
    let right = |words: &str| words.contains("out") && words.contains("cut") && words.contains("again");
    sandbox.refuses_like("decrypt -k k.key out back", DATASET, right);
    sandbox.refuses_like("encrypt -k k.key out twice", DATASET, right);
    #[cfg(feature = "train")]
    sandbox.refuses_like("train --data out --epochs 1 -o run", DATASET, right);
}
