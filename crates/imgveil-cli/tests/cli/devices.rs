//! `imgveil devices` and `--device`.

use crate::common::sandbox::*;
use serde_json::Value;

/// The adapters differ between machines, so only the beginning of the message is compared. It must not say "there are
/// 0 (llvmpipe ...)" where there is one, whose number is 0.
#[test]
fn devices_that_are_not_there_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    assert_eq!(sandbox.run("encrypt -k k.key in enc").code, 0);
    let unknown = |words: &str| {
        words.starts_with("error: no adapter's name contains `abacus`: ") && words.ends_with("use --device cpu\n")
    };
    let number = |words: &str| {
        words.starts_with("error: there is no adapter number 99: ")
            && words.ends_with("use --device cpu\n")
            && !words.contains(": there are 0 (")
    };
    for job in ["encrypt -k k.key in", "decrypt -k k.key enc"] {
        sandbox.refuses_like(&format!("{job} --device abacus out"), DEVICE, unknown);
        sandbox.refuses_like(&format!("{job} --device 99 out"), DEVICE, number);
    }
}

#[test]
fn devices_are_listed_with_the_numbers_that_they_are_chosen_by() {
    let sandbox = Sandbox::new();
    let done = sandbox.run("devices --json");
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let list: Vec<Value> = serde_json::from_str(&done.out).unwrap();
    let text = sandbox.run("devices");
    assert_eq!((text.code, text.err.as_str()), (0, ""));
    for (i, adapter) in list.iter().enumerate() {
        assert_eq!(adapter["index"], i);
        let line = format!("{i}  {} ({}, ", adapter["name"].as_str().unwrap(), adapter["kind"].as_str().unwrap());
        assert!(text.out.lines().any(|l| l.starts_with(&line)), "{line}: {}", text.out);
        assert!(adapter["binding_limit"].as_u64().unwrap() > 0 && adapter["f16"].is_boolean());
    }
    assert_eq!(list.is_empty(), text.out.starts_with("no GPU adapter: "));
}

#[test]
fn a_device_has_a_time_limit() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/1.png"]);
    sandbox.does("encrypt --device-timeout 5 -k k.key in out", 1, "0.0", "shuffle-flip");
    let words = "invalid value '0' for '--device-timeout <SECONDS>': 0 is not in 1..=4294967295\n\n\
                 For more information, try '--help'.";
    sandbox.refuses("encrypt --device-timeout 0 -k k.key in other", USAGE, words);
    sandbox.refuses("bench --device cpu --device-timeout 0", USAGE, words);
}
