//! `imgveil keygen`, and key files that cannot be used.

use crate::common::sandbox::*;
use imgveil::internal::key::Key;
use serde_json::Value;

#[test]
fn keygen_writes_a_private_text_file_and_tells_its_fingerprint() {
    let sandbox = Sandbox::new();
    let done = sandbox.run("keygen -o new.key");
    let text = String::from_utf8(sandbox.read("new.key")).unwrap();
    let fingerprint = Key::parse(text.as_bytes()).unwrap().fingerprint().to_string();
    done.is(
        0,
        &format!("wrote new.key, fingerprint {fingerprint}\n"),
        "Keep a backup in a safe place: without the key nothing can be decrypted, and with it everything.\n",
    );
    let lines: Vec<&str> = text.split('\n').collect();
    let [first, created, named, secret, ""] = lines[..] else { panic!("{} lines", lines.len()) };
    let words = "# imgveil secret key. Whoever holds it can decrypt: keep it off shared disks and out of e-mail.";
    assert_eq!((first, named), (words, format!("# fingerprint: {fingerprint}").as_str()));
    // 2026-01-01T00:00:00Z, with any digits.
    let shape: String = created.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "# created: 0000-00-00T00:00:00Z");
    assert!(&created[11..15] >= "2026", "{created}");
    assert!(secret.starts_with("IMGVEIL-SECRET-KEY-1") && secret.len() == 78, "a secret line of another form");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(sandbox.path("new.key")).unwrap().permissions().mode() & 0o7777, 0o600);
    }
    assert_eq!(sandbox.files(""), ["k.key", "new.key"]);
    // No two keys are the same.
    assert_eq!(sandbox.run("keygen -o other.key").code, 0);
    assert_ne!(sandbox.read("new.key"), sandbox.read("other.key"));
}

#[test]
fn keygen_tells_json() {
    let sandbox = Sandbox::new();
    let done = sandbox.run("keygen --json");
    let fingerprint = Key::parse(&sandbox.read("imgveil.key")).unwrap().fingerprint().to_string();
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let expected = serde_json::json!({ "file": "imgveil.key", "fingerprint": fingerprint });
    assert_eq!(serde_json::from_str::<Value>(&done.out).unwrap(), expected);
}

#[test]
fn keygen_never_overwrites() {
    Sandbox::new().refuses(
        "keygen -o k.key",
        USAGE,
        "k.key exists already; a key is never overwritten, because what it encrypted would be lost: choose another \
         name",
    );
}

/// The message names the folder, not a temporary file in it.
#[test]
fn keygen_into_a_missing_folder_names_the_folder() {
    let right = |words: &str| words.contains("there is no folder away") && !words.contains(".tmp");
    Sandbox::new().refuses_like("keygen -o away/new.key", USAGE, right);
}

#[test]
fn a_missing_key_file_is_named() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    let words = "there is no key file no.key: check the path, or make a key with `imgveil keygen -o FILE`";
    sandbox.refuses("encrypt -k no.key in out", USAGE, words);
    sandbox.refuses("decrypt -k no.key in out", USAGE, words);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_used_with_a_warning() {
    let sandbox = Sandbox::new();
    sandbox.key("k.key", &key(0), 0o644);
    sandbox.greys(&["in/a.png", "in/b.png"]);
    let warning = "warning: k.key has mode 0644: other users can read the key; run `chmod 600 k.key`\n";
    sandbox.run("encrypt -k k.key in out").is(0, &did("encrypt", 2, "0.0", "shuffle-flip"), warning);
    sandbox.run("decrypt -k k.key out back").is(0, &did("decrypt", 2, "0.0", "shuffle-flip"), warning);
}

#[test]
fn a_damaged_key_is_refused_and_not_shown() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    let text = key(0);
    let secret = text.find("KEY-1").unwrap() + "KEY-1".len();
    let damaged = format!("{}P{}", &text[..secret], &text[secret + 1..]);
    assert_ne!(text, damaged);
    sandbox.key("damaged.key", &damaged, 0o600);
    sandbox.refuses(
        "encrypt -k damaged.key in out",
        KEY,
        "damaged.key is not a usable key file: its secret line is damaged (invalid checksum); compare it with a backup",
    );
}

#[test]
fn a_key_whose_fingerprint_was_changed_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    sandbox.key("changed.key", &key(0).replace(FINGERPRINT, "424ea5f0f753f05b"), 0o600);
    sandbox.refuses(
        "encrypt -k changed.key in out",
        KEY,
        "changed.key is not a usable key file: its fingerprint line says 424ea5f0f753f05b, but the secret's \
         fingerprint is 324ea5f0f753f05b; one of the two lines was changed",
    );
}

#[test]
fn what_is_no_key_file_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    sandbox.key("notes.txt", "one\ntwo\n", 0o600);
    sandbox.key("empty.key", "", 0o600);
    for (name, lines) in [("notes.txt", 2), ("empty.key", 0)] {
        let words = format!(
            "{name} is not a usable key file: it holds {lines} lines that are no comments; a key file has exactly one, \
             IMGVEIL-SECRET-KEY-1..."
        );
        sandbox.refuses(&format!("encrypt -k {name} in out"), KEY, &words);
    }
    sandbox.refuses(
        "encrypt -k in/a.png in out",
        KEY,
        "in/a.png is not a usable key file: it is not a key file (a few lines of text)",
    );
}
