//! Key files under a passphrase, keys from standard input and from the environment, and `imgveil key check`.

use crate::common::sandbox::*;
use imgveil::internal::key::Key;
use imgveil_data::key_file::{Passphrase, save_sealed};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

const WORDS: &str = "three words here";

/// A sandbox whose `s.key` holds the key of `k.key` under the passphrase of `p.txt`.
fn sealed() -> Sandbox {
    let sandbox = Sandbox::new();
    let key = Key::parse(key(0).as_bytes()).unwrap();
    save_sealed(&key, &sandbox.path("s.key"), &Passphrase::new(WORDS).unwrap()).unwrap();
    sandbox.key("p.txt", &format!("{WORDS}\n"), 0o600);
    sandbox.key("wrong.txt", "three words there\n", 0o600);
    sandbox
}

impl Sandbox {
    fn run_with(&self, line: &str, input: &[u8], variables: &[(&str, &str)]) -> Done {
        let mut command = self.command("", line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).envs(variables.iter().copied());
        let mut child = command.spawn().unwrap();
        // A command that does not read its input closes it.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| stable(&String::from_utf8(bytes).unwrap(), self.0.path());
        Done::of(output.status.code().unwrap(), text(output.stdout), &text(output.stderr))
    }
}

const NO_TERMINAL: &str = "s.key is sealed with a passphrase, and there is no terminal to ask for it: give \
                           --passphrase-file FILE, or let IMGVEIL_PASSPHRASE_FILE name the file";

#[test]
fn a_sealed_key_encrypts_and_decrypts_as_the_key_does() {
    let sandbox = sealed();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.does("encrypt -k k.key in plain", 2, "0.0", "shuffle-flip");
    sandbox.does("encrypt -k s.key --passphrase-file p.txt in sealed", 2, "0.0", "shuffle-flip");
    assert_same(&sandbox.tree("plain"), &sandbox.tree("sealed"));
    let named = [("IMGVEIL_PASSPHRASE_FILE", "p.txt")];
    let done = sandbox.run_with("decrypt -k s.key sealed back", b"", &named);
    done.is(0, &did("decrypt", 2, "0.0", "shuffle-flip"), "");
    assert_eq!(sandbox.pixels("in/a.png"), sandbox.pixels("back/a.png"));
    // From standard input, with and without a line end.
    for (number, words) in [WORDS.to_owned(), format!("{WORDS}\r\n")].iter().enumerate() {
        let line = format!("decrypt -k s.key --passphrase-file - sealed back{number}");
        sandbox.run_with(&line, words.as_bytes(), &[]).is(0, &did("decrypt", 2, "0.0", "shuffle-flip"), "");
    }
    let done = sandbox.run("verify -k s.key --passphrase-file p.txt sealed");
    assert!(done.code == 0 && done.out.starts_with("2 of 2 images decrypted to what was encrypted"), "{done:?}");
    let note = "note: k.key is not sealed, and the passphrase is not used\n";
    let done = sandbox.run("decrypt -k k.key --passphrase-file p.txt sealed back2");
    done.is(0, &did("decrypt", 2, "0.0", "shuffle-flip"), note);
}

#[test]
fn without_its_passphrase_a_sealed_key_is_refused_and_nothing_is_written() {
    let sandbox = sealed();
    sandbox.greys(&["in/a.png"]);
    for line in ["encrypt -k s.key in out", "preview -k s.key in/a.png", "verify -k s.key in"] {
        sandbox.refuses(line, USAGE, NO_TERMINAL);
    }
    sandbox.refuses(
        "encrypt -k s.key --passphrase-file wrong.txt in out",
        KEY,
        "s.key cannot be opened: the passphrase is wrong",
    );
    sandbox.refuses_like("encrypt -k s.key --passphrase-file none.txt in out", USAGE, |words| {
        words.starts_with("error: none.txt is not a usable file of a passphrase: ")
    });
    sandbox.key("two.txt", "one\ntwo\n", 0o600);
    sandbox.refuses(
        "encrypt -k s.key --passphrase-file two.txt in out",
        USAGE,
        "two.txt is not a usable file of a passphrase: it has several lines, and a passphrase has one",
    );
    let text = String::from_utf8(sandbox.read("s.key")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    sandbox.key("cut.key", &lines[..lines.len() - 2].join("\n"), 0o600);
    sandbox.refuses_like("encrypt -k cut.key --passphrase-file p.txt in out", KEY, |words| {
        words.starts_with("error: cut.key cannot be opened: its sealed text is damaged (")
            && words.ends_with("); take it from a backup\n")
    });
    // Tables are never sealed.
    sandbox.refuses(
        "encrypt --tables s.key --passphrase-file p.txt in out",
        KEY,
        "s.key is not a usable tables file: it is sealed, and tables are read unsealed only: open it with age first",
    );
}

#[test]
fn keys_come_from_standard_input_and_from_the_environment() {
    let sandbox = sealed();
    sandbox.greys(&["in/a.png"]);
    let done = || did("encrypt", 1, "0.0", "shuffle-flip");
    sandbox.run_with("encrypt -k - in out1", key(0).as_bytes(), &[]).is(0, &done(), "");
    let text = key(0);
    let variables: [&[(&str, &str)]; 3] = [
        &[("IMGVEIL_KEY", "k.key")],
        &[("IMGVEIL_KEY", "s.key"), ("IMGVEIL_PASSPHRASE_FILE", "p.txt")],
        &[("IMGVEIL_KEY", &text)],
    ];
    for (number, variables) in variables.iter().enumerate() {
        let out = format!("out{}", number + 2);
        sandbox.run_with(&format!("encrypt in {out}"), b"", variables).is(0, &done(), "");
        assert_same(&sandbox.tree("out1"), &sandbox.tree(&out));
    }
    // What is on the command line counts.
    sandbox.key("other.key", &key(1), 0o600);
    let other = [("IMGVEIL_KEY", "other.key")];
    sandbox.run_with("encrypt -k k.key in out5", b"", &other).is(0, &done(), "");
    assert_same(&sandbox.tree("out1"), &sandbox.tree("out5"));
    let checked = sandbox.run_with("verify out1", b"", &[("IMGVEIL_KEY", "k.key")]);
    assert!(
        checked.code == 0 && checked.out.starts_with("1 of 1 image decrypted to what was encrypted"),
        "{checked:?}"
    );
    assert_eq!(sandbox.run_with("verify out1", b"", &other).code, KEY);
    let missing = sandbox.run_with("encrypt in out6", b"", &[("IMGVEIL_KEY", "no.key")]);
    let words = "error: there is no key file no.key: check the path, or make a key with `imgveil keygen -o FILE` \
                 (IMGVEIL_KEY names this file)\n";
    missing.is(USAGE, "", words);
    // An empty variable is none.
    let none = sandbox.run_with("encrypt in out6", b"", &[("IMGVEIL_KEY", "")]);
    assert!(none.code == USAGE && none.err.contains("<--key <FILE>|--tables <FILE>"), "{}", none.err);
    let broken = sandbox.run_with("encrypt -k - in out6", b"no key", &[]);
    let words = "error: standard input is not a usable key file: its secret line is damaged (";
    assert!(broken.code == KEY && broken.err.starts_with(words), "{}", broken.err);
}

#[test]
fn passphrases_are_added_changed_and_removed() {
    let sandbox = Sandbox::new();
    let plain = sandbox.read("k.key");
    sandbox.key("p.txt", "three words here\n", 0o600);
    sandbox.key("q.txt", "other long words\n", 0o600);
    let kept = "Keep the passphrase apart from the file, and a backup of both: without either, nothing can be \
                decrypted.\n";
    sandbox.refuses(
        "key passphrase k.key",
        USAGE,
        "the key is to be sealed with a new passphrase, and there is no terminal to ask for it: give \
         --new-passphrase-file FILE",
    );
    let done = sandbox.run("key passphrase --new-passphrase-file p.txt k.key");
    done.is(0, &format!("k.key is sealed with a passphrase now, fingerprint {FINGERPRINT}\n"), kept);
    let sealed = sandbox.read("k.key");
    assert!(sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(sandbox.path("k.key")).unwrap().permissions().mode() & 0o7777, 0o600);
    }
    sandbox.refuses(
        "key passphrase --passphrase-file q.txt --new-passphrase-file p.txt k.key",
        KEY,
        "k.key cannot be opened: the passphrase is wrong",
    );
    let done = sandbox.run("key passphrase --passphrase-file p.txt --new-passphrase-file q.txt k.key");
    done.is(0, &format!("k.key has a new passphrase, fingerprint {FINGERPRINT}\n"), kept);
    let done = sandbox.run("key passphrase --passphrase-file q.txt --remove k.key");
    let open = "Whoever can read the file has the key.\n";
    done.is(0, &format!("k.key has no passphrase now, fingerprint {FINGERPRINT}\n"), open);
    assert_eq!(sandbox.read("k.key"), plain);
    sandbox.refuses("key passphrase --remove k.key", USAGE, "k.key has no passphrase");
    assert_eq!(sandbox.files(""), ["k.key", "p.txt", "q.txt"]);
}

#[test]
fn keygen_seals_a_new_key() {
    let sandbox = Sandbox::new();
    sandbox.key("p.txt", "three words here\n", 0o600);
    let done = sandbox.run("keygen -o new.key --passphrase-file p.txt");
    assert_eq!(done.code, 0);
    let fingerprint = done.out.strip_prefix("wrote new.key, fingerprint ").unwrap();
    let fingerprint = fingerprint.strip_suffix(", sealed with a passphrase\n").unwrap();
    let text = String::from_utf8(sandbox.read("new.key")).unwrap();
    assert!(text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n") && !text.contains(fingerprint), "{text}");
    let checked = sandbox.run("key check --passphrase-file p.txt --json new.key");
    let expected = json!({
        "file": "new.key", "kind": "key file", "sealed": true, "fingerprint": fingerprint,
        "mode": if cfg!(unix) { json!("0600") } else { Value::Null },
        "private": if cfg!(unix) { json!(true) } else { Value::Null },
    });
    assert_eq!(serde_json::from_str::<Value>(&checked.out).unwrap(), expected);
    sandbox.refuses(
        "keygen -o other.key --passphrase",
        USAGE,
        "the key is to be sealed with a new passphrase, and there is no terminal to ask for it: give \
         --passphrase-file FILE, or let IMGVEIL_PASSPHRASE_FILE name the file",
    );
    // Before anybody is asked.
    sandbox.refuses_like("keygen -o k.key --passphrase", USAGE, |words| words.contains("k.key exists already"));
    sandbox.key("short.txt", "12345678901", 0o600);
    let done = sandbox.run("keygen -o short.key --passphrase-file short.txt");
    let warning = "warning: programs guess passphrases of less than 12 characters: several words that have nothing to \
                   do with each other are better\n";
    assert!(done.code == 0 && done.err.starts_with(warning), "{}", done.err);
}

#[cfg(unix)]
#[test]
fn a_key_is_described_and_not_shown() {
    let sandbox = sealed();
    let told = |name: &str, mode: &str| format!("{name}\n  fingerprint  {FINGERPRINT}\n  mode         {mode}\n");
    let private = "0600: only its owner can read it";
    sandbox.run("key check k.key").is(0, &told("k.key: key file", private), "");
    sandbox.run("key check s.key").is(
        0,
        "s.key: key file, sealed with a passphrase\n  fingerprint  not known without the passphrase\n  mode         \
         0600: only its owner can read it\n",
        "",
    );
    let done = sandbox.run("key check --passphrase-file p.txt s.key");
    done.is(0, &told("s.key: key file, sealed with a passphrase", private), "");
    sandbox.key("open.key", &key(0), 0o644);
    let open = "0644: others can read it; `chmod 600` changes that";
    sandbox.run("key check open.key").is(0, &told("open.key: key file", open), "");
    let done = sandbox.run_with("key check -", key(0).as_bytes(), &[]);
    done.is(0, &format!("-: key file\n  fingerprint  {FINGERPRINT}\n"), "");
    assert_eq!(sandbox.run("key export-tables -k k.key -s le --size 8x8x1 -o t.npz").code, 0);
    let done = sandbox.run("key check t.npz");
    assert!(done.code == 0 && done.out.starts_with("t.npz: written-out tables\n  fingerprint  "), "{done:?}");
    sandbox.refuses(
        "key check --passphrase-file wrong.txt s.key",
        KEY,
        "s.key cannot be opened: the passphrase is wrong",
    );
    sandbox.key("damaged.key", &key(0).replace(FINGERPRINT, "424ea5f0f753f05b"), 0o600);
    sandbox.refuses_like("key check damaged.key", KEY, |words| words.contains("its fingerprint line says"));
}

/// Neither the log nor any message has a passphrase.
#[test]
fn passphrases_stay_out_of_logs() {
    let sandbox = sealed();
    sandbox.greys(&["in/a.png"]);
    let lines = [
        "encrypt -v -k s.key --passphrase-file p.txt --log log in out",
        "encrypt -v -k s.key --passphrase-file wrong.txt --log log in out2",
        "encrypt -v -k s.key --log log in out3",
    ];
    for line in lines {
        let done = sandbox.run(line);
        let log = String::from_utf8(sandbox.read("log")).unwrap();
        for text in [&done.out, &done.err, &log] {
            assert!(!text.contains("words") && !text.contains("KEY-1"), "{text}");
        }
    }
}
