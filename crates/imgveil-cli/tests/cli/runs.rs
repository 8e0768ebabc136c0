//! Helpers for tests that start, kill and repeat runs.

use crate::common::sandbox::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

pub type Tree = BTreeMap<String, Vec<u8>>;

/// The number of images in the sets of interrupted runs.
pub const MANY: usize = 180;

/// Images of one size, in two classes and two splits that both have images of both classes.
pub fn many(sandbox: &Sandbox) {
    let split = |i: usize| ["train", "test"][usize::from(i % 4 == 3)];
    let name = |i: usize| format!("in/{}/{}/{i:03}.png", split(i), 2 * i / MANY);
    (0..MANY).for_each(|i| sandbox.picture(&name(i), grey(64, 64, i as u32)));
}

/// As many images of two sizes, grey and in colour.
pub fn mixed(sandbox: &Sandbox) {
    for i in 0..MANY {
        let name = format!("in/{}/{i:03}.png", i % 3);
        match i % 2 {
            0 => sandbox.picture(&name, grey(64, 64, i as u32)),
            _ => sandbox.picture(&name, rgb(32, 40, i as u32)),
        }
    }
}

pub fn start(sandbox: &Sandbox, line: &str) -> Child {
    sandbox.command("", line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The output of a command: the last of its words.
pub fn output(line: &str) -> &str {
    line.split_whitespace().last().unwrap()
}

/// The journal of a run.
pub fn journal(sandbox: &Sandbox, line: &str) -> PathBuf {
    match output(line) {
        out if out.ends_with(".npz") => sandbox.path(&format!("{out}.imgveil-partial/.imgveil-partial")),
        out => sandbox.path(&format!("{out}/.imgveil-partial")),
    }
}

/// The records of a journal, one for each image that is complete.
pub fn records(journal: &Path) -> Vec<Value> {
    let bytes = std::fs::read(journal).unwrap_or_default();
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let lines = bytes[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.skip(1).map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// The files of a run: the output, and the lists beside it.
pub fn left(sandbox: &Sandbox, line: &str) -> Tree {
    let out = output(line);
    let ours = |name: &String| {
        name.as_str() == out || name.starts_with(&format!("{out}/")) || name.starts_with(&format!("{out}."))
    };
    let named = |(name, bytes): (String, Vec<u8>)| (name[out.len()..].to_owned(), bytes);
    sandbox.tree("").into_iter().filter(|(name, _)| ours(name)).map(named).collect()
}

pub fn remove(sandbox: &Sandbox, line: &str) {
    for name in left(sandbox, line).into_keys().rev() {
        let path = sandbox.path(&format!("{}{name}", output(line)));
        if name.ends_with('/') { std::fs::remove_dir(path) } else { std::fs::remove_file(path) }.unwrap();
    }
}

/// Kills a run when its journal has at least three images, and before it is done.
pub fn cut(sandbox: &Sandbox, line: &str) {
    let journal = journal(sandbox, line);
    for _ in 0..50 {
        let mut run = start(sandbox, line);
        while records(&journal).len() < 3 && run.try_wait().unwrap().is_none() {}
        run.kill().unwrap();
        run.wait().unwrap();
        if (3..MANY).contains(&records(&journal).len()) {
            return;
        }
        remove(sandbox, line);
    }
    panic!("fifty runs could not be cut");
}

#[track_caller]
pub fn done(sandbox: &Sandbox, line: &str) -> Done {
    let done = sandbox.run(line);
    assert_eq!(done.code, 0, "{line}: {}", done.err);
    done
}

#[track_caller]
pub fn summary(sandbox: &Sandbox, line: &str) -> Value {
    serde_json::from_str(&done(sandbox, line).out).unwrap()
}

/// Two splits, two classes, and one file that is no picture.
pub fn with_broken(sandbox: &Sandbox) {
    many(sandbox);
    sandbox.write("in/train/0/broken.png", b"not a picture");
}
