//! The audit log.

use crate::common::sandbox::*;
use crate::runs::done;
use serde_json::Value;

fn events(sandbox: &Sandbox, log: &str) -> Vec<Value> {
    let text = String::from_utf8(sandbox.read(log)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_event_is_a_line() {
    for out in ["out", "out.npz"] {
        let sandbox = Sandbox::new();
        sandbox.greys(&["in/a/1.png", "in/a/2.png", "in/b/3.png"]);
        sandbox.write("in/b/broken.png", b"no picture");
        assert_eq!(sandbox.run(&format!("encrypt neutral -k k.key --log audit.jsonl in {out}")).code, PARTLY);
        std::fs::remove_file(sandbox.path("in/b/broken.png")).unwrap();
        sandbox.picture("in/b/4.png", grey(8, 8, 4));
        done(&sandbox, &format!("update -k k.key --log audit.jsonl in {out}"));
        done(&sandbox, &format!("decrypt -k k.key --log audit.jsonl {out} back"));
        done(&sandbox, &format!("verify -k k.key --log verified.jsonl {out}"));
        let verified = self::events(&sandbox, "verified.jsonl");
        assert_eq!(verified.len(), 2);
        let end = &verified[1];
        assert_eq!((&end["command"], &end["checked"], &end["decrypted"]), (&"verify".into(), &4.into(), &true.into()));
        assert_eq!((&end["key"], &end["code"]), (&FINGERPRINT.into(), &0.into()));
        sandbox.key("other.key", &key(1), 0o600);
        assert_eq!(sandbox.run(&format!("update -k other.key --log audit.jsonl in {out}")).code, KEY);
        let events = events(&sandbox, "audit.jsonl");
        let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(names, ["start", "set-aside", "end", "start", "end", "start", "end", "start", "end"]);
        assert!(events.iter().all(|event| event["time"].as_str().unwrap().ends_with('Z')), "{events:?}");
        assert_eq!(events[0]["command"], "encrypt");
        assert_eq!(events[0]["tool"], concat!("imgveil ", env!("CARGO_PKG_VERSION")));
        assert!(events[0]["arguments"].as_array().unwrap().contains(&"--log".into()));
        assert_eq!((&events[1]["path"], &events[1]["reason"]), (&"b/broken.png".into(), &FOREIGN.into()));
        assert_eq!(events[2]["code"], PARTLY);
        let counts = |event: &Value| (event["images"].as_u64().unwrap(), event["set_aside"].as_u64().unwrap());
        assert_eq!((counts(&events[2]), counts(&events[4]), counts(&events[6])), ((3, 1), (4, 0), (4, 0)));
        assert_eq!(events[4]["changes"]["new"], 1);
        assert_eq!(events[2]["key"], FINGERPRINT);
        assert!(events[8]["error"].as_str().unwrap().contains("was encrypted with key"));
        if out == "out" {
            let hash = blake3::hash(&sandbox.read("out/imgveil.json")).to_hex().to_string();
            assert_eq!((&events[4]["manifest"], &events[6]["manifest"]), (&hash.as_str().into(), &hash.into()));
        }
        let text = String::from_utf8(sandbox.read("audit.jsonl")).unwrap();
        assert!(!text.to_lowercase().contains("imgveil-secret-key"), "{text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(sandbox.path("audit.jsonl").metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

/// A key's text in place of the path of its file is refused, and not written down either.
#[test]
fn no_key_gets_into_the_log() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a/1.png"]);
    let text = String::from_utf8(sandbox.read("k.key")).unwrap();
    let secret = text.lines().find(|line| line.starts_with("IMGVEIL-SECRET-KEY-1")).unwrap().to_owned();
    for line in [format!("-k {secret}"), format!("-k{secret}"), format!("--key={}", secret.to_lowercase())] {
        assert_eq!(sandbox.run(&format!("encrypt {line} --log audit.jsonl in out")).code, USAGE);
    }
    let log = String::from_utf8(sandbox.read("audit.jsonl")).unwrap().to_lowercase();
    assert_eq!(log.lines().count(), 6);
    assert!(!log.contains(&secret.to_lowercase()[24..44]), "{log}");
}

#[test]
fn a_log_is_not_handed_out_and_must_be_writable() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a/1.png"]);
    done(&sandbox, "encrypt -k k.key in out");
    let words =
        "the log out/audit.jsonl would lie inside the output, which is handed out; name another place with --log";
    sandbox.refuses("update -k k.key --log out/audit.jsonl in out", USAGE, words);
    sandbox.refuses_like("encrypt -k k.key --log none/audit.jsonl in other", 1, |words| {
        words.contains("cannot write the log none/audit.jsonl")
    });
}

#[test]
fn a_quiet_command_prints_its_result_and_warnings() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a/1.png", "in/b/2.png"]);
    sandbox.write("in/b/broken.png", b"no picture");
    sandbox.write("in/notes.txt", b"text");
    let told = sandbox.run("encrypt neutral --quiet --threads 1 -k k.key in out");
    assert_eq!((told.code, told.set.as_str()), (PARTLY, ""));
    assert_eq!(told.err, format!("warning: 1 image was set aside:\n  b/broken.png: {FOREIGN}\n"));
    assert!(told.out.starts_with("encrypted 2 images"), "{}", told.out);
    let raw = sandbox.command("", "encrypt --threads 1 -k k.key in one").output().unwrap();
    assert!(String::from_utf8(raw.stdout).unwrap().ends_with("on CPU, 1 thread\n"));
    let words = "invalid value '0' for '--threads <N>': write a number of threads from 1 to 1024\n\nFor more \
                 information, try '--help'.";
    sandbox.refuses("encrypt --threads 0 -k k.key in two", USAGE, words);
}
