//! Tells the program which commit it is built from, where it is built from a git checkout: `imgveil bench` prints it.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else { return };
    println!("cargo::rustc-env=IMGVEIL_COMMIT={commit}");
    // What moves when there is another commit: HEAD, or the branch that it names.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        // A file that is not there would have everything built again every time.
        if let Some(file) = git(&["rev-parse", "--git-path", name]).filter(|file| Path::new(file).exists()) {
            println!("cargo::rerun-if-changed={file}");
        }
    }
}

/// What git says, if it is there and this is a checkout of this project.
fn git(words: &[&str]) -> Option<String> {
    // A package that was unpacked inside somebody else's checkout is not of their commit.
    if !Path::new("../../.git").exists() {
        return None;
    }
    let output = Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|text| !text.is_empty())
}
