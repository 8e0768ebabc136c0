//! `imgveil check`. Its checks have tests in the crates that they belong to.

use crate::common::sandbox::*;
use serde_json::Value;

/// What the core checks without a GPU, in order.
const CHECKS: [&str; 8] = [
    "known answers",
    "every float of every depth",
    "random programs",
    "keys per image",
    "mixtures",
    "batches under way",
    "resident, paged and streamed sets",
    "traffic",
];

/// Leaves training out, which has tests of its own.
fn encryption(command: &str) -> String {
    if cfg!(feature = "train") { format!("{command} --no-training") } else { command.to_owned() }
}

#[test]
fn each_check_is_a_line_and_the_last_line_is_the_verdict() {
    let sandbox = Sandbox::new();
    let done = sandbox.run(&encryption("check --device cpu --short"));
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.out);
    let lines: Vec<&str> = done.out.lines().collect();
    assert!(lines[0].starts_with("checking CPU"), "{}", done.out);
    for (line, name) in lines[1..].iter().zip(CHECKS) {
        assert!(line.starts_with(&format!("  ok      {name} ")), "{line}");
    }
    assert!(lines[9].contains(": all 8 checks passed in "), "{}", done.out);
    assert_eq!(lines.len(), 10, "{}", done.out);
}

#[test]
fn json_names_the_device_and_every_check() {
    let sandbox = Sandbox::new();
    let done = sandbox.run(&encryption("check --device cpu --device cpu --short --seed 7 --json"));
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.out);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&report["passed"], &report["seed"], &report["short"]), (&true.into(), &7.into(), &true.into()));
    let devices = report["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 1, "the same device twice is checked once");
    let checks = devices[0]["checks"].as_array().unwrap();
    let names: Vec<&str> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(names, CHECKS);
    assert!(checks.iter().all(|check| check["passed"] == true && check["seconds"].as_f64().unwrap() >= 0.0));
}

#[test]
fn a_device_that_is_not_there_cannot_be_checked() {
    let sandbox = Sandbox::new();
    let done = sandbox.run("check --device abacus");
    assert_eq!((done.code, done.out.as_str()), (DEVICE, ""));
    assert!(done.err.starts_with("error: no adapter's name contains `abacus`: "), "{}", done.err);
}
