//! The command as people run it: its words, its exit codes, and what it leaves on the disk.

mod common;

use common::desk::*;
use image::{DynamicImage, GrayAlphaImage};
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Key;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

// ---- The command itself -------------------------------------------------------------------------------------------

#[test]
fn the_version_is_told() {
    Desk::new().run("--version").is(0, concat!("imgveil ", env!("CARGO_PKG_VERSION"), "\n"), "");
}

#[test]
fn without_arguments_the_short_help_is_shown_as_an_error() {
    let desk = Desk::new();
    let help = desk.run("-h");
    assert!(help.out.contains("\nUsage: imgveil [OPTIONS] <COMMAND>\n") && help.out.contains("Exit codes: 0 done; "));
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    let output = Command::new(env!("CARGO_BIN_EXE_imgveil")).current_dir(desk.0.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(USAGE));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), help.out);
}

#[test]
fn every_subcommand_has_help_with_an_example() {
    let desk = Desk::new();
    let help = desk.run("--help").out;
    let commands = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let mut commands: Vec<&str> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    commands.retain(|&command| command != "help");
    let trains: &[&str] =
        if cfg!(feature = "train") { &["train", "predict", "study", "export", "model", "demo"] } else { &[] };
    assert_eq!(
        commands,
        [
            &[
                "keygen", "key", "encrypt", "decrypt", "verify", "inspect", "merge", "devices", "schemes", "preview",
                "bench"
            ],
            trains
        ]
        .concat()
    );
    for command in commands {
        let text = help_of(&desk, command);
        let examples = text.split_once("\nExample").unwrap_or_else(|| panic!("{command}: {text}")).1;
        assert!(examples.contains(&format!("\n  imgveil {command}")), "{command}: {text}");
    }
    let text = help_of(&desk, "key export-tables");
    assert!(text.contains("\nExamples:\n  imgveil key export-tables -k "), "{text}");
}

fn help_of(desk: &Desk, command: &str) -> String {
    // Not `run`: that adds a device, and puts placeholders into the text.
    let help = Command::new(env!("CARGO_BIN_EXE_imgveil"))
        .args(command.split(' '))
        .arg("--help")
        .env_remove("COLUMNS")
        .current_dir(desk.0.path())
        .output()
        .unwrap();
    assert_eq!((help.status.code(), help.stderr.len()), (Some(0), 0), "{command}");
    String::from_utf8(help.stdout).unwrap()
}

/// `--help` is the only manual that everybody has: what a command does in more than a line must be in it.
#[test]
fn help_tells_what_a_command_does_and_not_only_its_options() {
    let desk = Desk::new();
    let mut told = vec![
        ("keygen", "Whoever holds it can decrypt; without it nobody can, so keep a backup."),
        ("encrypt", "Files that cannot be read are set aside with their reasons, and the rest is done."),
        ("decrypt", "A wrong key is refused by its fingerprint before anything is written."),
        ("key export-tables", "Schemes with a key for every image have no tables."),
        ("devices", "`--device auto` takes the first one if it is hardware, else the CPU"),
        (
            "preview",
            "Blocks that do not tile the image cut it, and where it is small they are made smaller; the sheet says so.",
        ),
        ("bench", "Everything is compared with the CPU engine before it is timed."),
        ("schemes", "where it comes from, what breaks it, and how many keys it has for images of a size"),
    ];
    if cfg!(feature = "train") {
        told.push(("train", "The best epoch by validation AUC is kept and scored on the test images."));
        told.push(("predict", "an encrypted set, or a plain one with the key (encrypted as in training)"));
        told.push(("study", "What is done already is kept, and a run that was cut goes on where it was"));
        told.push(("export", "for PyTorch or `imgveil train --weights`"));
        told.push(("model encrypt", "Images must be encrypted with the same key, scheme, block and size."));
        told.push(("demo", "trains a small network on each encrypted set without the key"));
    }
    for (command, words) in told {
        let help = help_of(&desk, command);
        let unwrapped = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(unwrapped.contains(words), "{command}: {help}");
    }
}

/// A line that the terminal's width cuts in two is no command that can be copied.
#[test]
fn examples_are_whole_lines() {
    let desk = Desk::new();
    let commands = [
        "keygen",
        "key",
        "key export-tables",
        "encrypt",
        "decrypt",
        "verify",
        "inspect",
        "devices",
        "schemes",
        "preview",
        "bench",
    ];
    let trains: &[&str] = if cfg!(feature = "train") { &["train", "predict", "study"] } else { &[] };
    for &command in commands.iter().chain(trains) {
        let help = help_of(&desk, command);
        let examples = help.split_once("\nExample").unwrap().1.split_once('\n').unwrap().1;
        for line in examples.split("\n\n").next().unwrap().lines() {
            assert!(line.starts_with("  imgveil "), "`{line}` in the help of {command}");
        }
    }
}

#[test]
fn an_unknown_subcommand_is_refused() {
    Desk::new().refuses(
        "encript in out",
        USAGE,
        "unrecognized subcommand 'encript'\n\n  tip: some similar subcommands exist: 'decrypt', 'encrypt'\n\n\
         Usage: imgveil [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.",
    );
}

#[test]
fn missing_arguments_are_named() {
    Desk::new().refuses(
        "encrypt -k k.key",
        USAGE,
        "the following required arguments were not provided:\n  <IN>\n  <OUT>\n\n\
         Usage: imgveil encrypt --device <DEVICE> --keep-names <--key <FILE>|--tables <FILE>> <IN> <OUT>\n\nFor more information, try '--help'.",
    );
}

#[test]
fn verbose_tells_the_device_and_the_scheme() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.run("encrypt -v -k k.key --block 2x4 --scramble in out").is(
        0,
        &did("encrypt", 2, "0.0", "shuffle-flip"),
        "device: CPU, N threads (as asked)\n\
         scheme: shuffle-flip [pixel-shuffling block=2x4 key=shared; sign-flip block=2x4 key=shared; block-scrambling \
         block=2x4]\n",
    );
}

// ---- Keys ---------------------------------------------------------------------------------------------------------

#[test]
fn keygen_writes_a_private_text_file_and_tells_its_fingerprint() {
    let desk = Desk::new();
    let done = desk.run("keygen -o new.key");
    let text = String::from_utf8(desk.read("new.key")).unwrap();
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
        assert_eq!(std::fs::metadata(desk.path("new.key")).unwrap().permissions().mode() & 0o7777, 0o600);
    }
    assert_eq!(desk.files(""), ["k.key", "new.key"]);
    // No two keys are the same.
    assert_eq!(desk.run("keygen -o other.key").code, 0);
    assert_ne!(desk.read("new.key"), desk.read("other.key"));
}

#[test]
fn keygen_tells_json() {
    let desk = Desk::new();
    let done = desk.run("keygen --json");
    let fingerprint = Key::parse(&desk.read("imgveil.key")).unwrap().fingerprint().to_string();
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let expected = serde_json::json!({ "file": "imgveil.key", "fingerprint": fingerprint });
    assert_eq!(serde_json::from_str::<Value>(&done.out).unwrap(), expected);
}

#[test]
fn keygen_never_overwrites() {
    Desk::new().refuses(
        "keygen -o k.key",
        USAGE,
        "k.key exists already; a key is never overwritten, because what it encrypted would be lost: choose another \
         name",
    );
}

/// The command cannot be done as it is written, as with an .npz in a missing folder; and nobody knows a file `.tmp...`.
#[test]
fn keygen_into_a_missing_folder_names_the_folder() {
    let right = |words: &str| words.contains("there is no folder away") && !words.contains(".tmp");
    Desk::new().refuses_like("keygen -o away/new.key", USAGE, right);
}

#[test]
fn a_missing_key_file_is_named() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    let words = "there is no key file no.key: check the path, or make a key with `imgveil keygen -o FILE`";
    desk.refuses("encrypt -k no.key in out", USAGE, words);
    desk.refuses("decrypt -k no.key in out", USAGE, words);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_used_with_a_warning() {
    let desk = Desk::new();
    desk.key("k.key", &key(0), 0o644);
    desk.greys(&["in/a.png", "in/b.png"]);
    let warning = "warning: k.key has mode 0644: other users can read the key; run `chmod 600 k.key`\n";
    desk.run("encrypt -k k.key in out").is(0, &did("encrypt", 2, "0.0", "shuffle-flip"), warning);
    desk.run("decrypt -k k.key out back").is(0, &did("decrypt", 2, "0.0", "shuffle-flip"), warning);
}

#[test]
fn a_damaged_key_is_refused_and_not_shown() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    let text = key(0);
    let secret = text.find("KEY-1").unwrap() + "KEY-1".len();
    let damaged = format!("{}P{}", &text[..secret], &text[secret + 1..]);
    assert_ne!(text, damaged);
    desk.key("damaged.key", &damaged, 0o600);
    desk.refuses(
        "encrypt -k damaged.key in out",
        KEY,
        "damaged.key is not a usable key file: its secret line is damaged (invalid checksum); compare it with a backup",
    );
}

#[test]
fn a_key_whose_fingerprint_was_changed_is_refused() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    desk.key("changed.key", &key(0).replace(FINGERPRINT, "424ea5f0f753f05b"), 0o600);
    desk.refuses(
        "encrypt -k changed.key in out",
        KEY,
        "changed.key is not a usable key file: its fingerprint line says 424ea5f0f753f05b, but the secret's \
         fingerprint is 324ea5f0f753f05b; one of the two lines was changed",
    );
}

#[test]
fn what_is_no_key_file_is_refused() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    desk.key("notes.txt", "one\ntwo\n", 0o600);
    desk.key("empty.key", "", 0o600);
    for (name, lines) in [("notes.txt", 2), ("empty.key", 0)] {
        let words = format!(
            "{name} is not a usable key file: it holds {lines} lines that are no comments; a key file has exactly one, \
             IMGVEIL-SECRET-KEY-1..."
        );
        desk.refuses(&format!("encrypt -k {name} in out"), KEY, &words);
    }
    desk.refuses(
        "encrypt -k in/a.png in out",
        KEY,
        "in/a.png is not a usable key file: it is not a key file (a few lines of text)",
    );
}

#[test]
fn a_wrong_key_decrypts_nothing() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    let other = key(1);
    desk.key("other.key", &other, 0o600);
    let given = Key::parse(other.as_bytes()).unwrap().fingerprint();
    let words = format!(
        "this set was encrypted with key {FINGERPRINT}, and the key given is {given}: nothing was written; find the \
         right key file, or the right tables"
    );
    desk.refuses("decrypt -k other.key enc back", KEY, &words);
    desk.refuses("decrypt -k other.key enc back.npz", KEY, &words);
}

// ---- Tables -------------------------------------------------------------------------------------------------------

/// The fingerprint of a file of tables, as anyone can see it.
fn fingerprint_of(desk: &Desk, tables: &str) -> String {
    imgveil_data::tables_file::load(&desk.path(tables)).unwrap().tables.key().fingerprint().to_string()
}

/// A JSON file of tables, changed.
fn change(desk: &Desk, from: &str, to: &str, change: impl FnOnce(&mut Value)) {
    let mut tables: Value = serde_json::from_slice(&desk.read(from)).unwrap();
    change(&mut tables);
    desk.key(to, &tables.to_string(), 0o600);
}

const AS_SECRET: &str =
    "These tables are as secret as the key: whoever holds them can decrypt what either has encrypted.\n";

#[test]
fn exported_tables_are_private_files_and_never_overwritten() {
    let desk = Desk::new();
    let done = desk.run("key export-tables -k k.key --size 8x8x1");
    let fingerprint = fingerprint_of(&desk, "tables.npz");
    let arrays = "flip (16), perm (16), plan (64) of elements of 8 bits";
    done.is(0, &format!("wrote tables.npz, fingerprint {fingerprint}: {arrays}\n"), AS_SECRET);
    let done = desk.run("key export-tables -k k.key --size 8x8x1 -o tables.json");
    done.is(0, &format!("wrote tables.json, fingerprint {fingerprint}: {arrays}\n"), AS_SECRET);
    // A lossy scheme is no gather: no plan.
    let done = desk.run("key export-tables -k k.key -s skk-filter --size 6x7x3 -o filter.npz");
    let fingerprint = fingerprint_of(&desk, "filter.npz");
    done.is(0, &format!("wrote filter.npz, fingerprint {fingerprint}: channel (6, 7), flip (6, 7, 3)\n"), AS_SECRET);
    assert_eq!(desk.files(""), ["filter.npz", "k.key", "tables.json", "tables.npz"]);
    #[cfg(unix)]
    for name in ["tables.npz", "tables.json"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o7777, 0o600);
    }
    for name in ["tables.npz", "tables.json", "k.key.npz"] {
        desk.write("k.key.npz", b"mine");
        let words = format!(
            "{name} exists already; tables are never overwritten, because what they encrypted would be lost: choose \
             another name"
        );
        desk.refuses(&format!("key export-tables -k k.key --size 8x8x1 -o {name}"), USAGE, &words);
    }
}

#[test]
fn export_tells_json() {
    let desk = Desk::new();
    let done = desk.run("key export-tables -k k.key -s ele --size 8x8x3 -o t.json --json");
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let stages = ["nibble-shuffling block=4x4 key=block", "block-scrambling block=4x4"];
    let expected = serde_json::json!({
        "file": "t.json", "fingerprint": fingerprint_of(&desk, "t.json"), "size": "8x8x3", "plan_bits": 4,
        "scheme": { "name": "ele", "stages": stages },
        "arrays": { "keys": [4, 96], "revs": [4, 96], "perm": [4], "plan": [384], "plan_bits": [] },
    });
    assert_eq!(serde_json::from_str::<Value>(&done.out).unwrap(), expected);
}

#[test]
fn exports_that_cannot_be_are_refused() {
    let desk = Desk::new();
    let refuses = |options: &str, code: i32, words: &str| {
        desk.refuses(&format!("key export-tables -k k.key {options}"), code, words);
    };
    refuses(
        "-s keystream --size 8x8x1",
        USAGE,
        "scheme `keystream` has no tables: stage 0 (keystream key=image) draws a key for every image, and a table would \
         have to hold one for each; use the key file itself (-k)",
    );
    refuses(
        "-s none --size 8x8x1",
        USAGE,
        "scheme `none` has no tables: nothing that it does to images of 8x8x1 depends on a key; use the key file itself (-k)",
    );
    refuses("--size 8x8x1 -o t.csv", USAGE, "cannot tell which format t.csv is to have: name it FILE.npz or FILE.json");
    refuses(
        "--size 8x8x1 -o away/t.npz",
        USAGE,
        "there is no folder away: make it first, or choose another path for the tables",
    );
    refuses(
        "--size 8x8",
        USAGE,
        "invalid value '8x8' for '--size <SIZE>': `8x8` is not a geometry; write HEIGHTxWIDTHxCHANNELS, such as 224x224x3, \
         and x16 behind it for 16-bit samples\n\nFor more information, try '--help'.",
    );
    desk.refuses_like("key export-tables -k k.key --size 9x8x1", USAGE, |words| words.contains("do not tile"));
    desk.refuses_like("key export-tables -k no.key --size 8x8x1", USAGE, |words| words.contains("no key file no.key"));
    desk.refuses_like("key export-tables --size 8x8x1", USAGE, |words| words.contains("--key <FILE>"));
}

#[test]
fn tables_do_what_their_key_does() {
    let schemes = [
        "shuffle-flip",
        "shuffle-flip --block 2x4 --key-scope block --scramble",
        "le",
        "ele",
        "etc --block 4",
        "etc --block 8 --channel-table as-published",
        "skk",
        "skk-filter --statistic mean",
        "shf",
        "np",
        "vit --block 8 --sign-flip",
    ];
    for (colour, size) in [(false, "16x24x1"), (true, "16x24x3")] {
        let desk = Desk::new();
        set(&desk, colour);
        for (i, options) in schemes.iter().enumerate() {
            let name = options.split(' ').next().unwrap();
            let tables = format!("t{i}.{}", ["npz", "json"][i % 2]);
            assert_eq!(desk.run(&format!("key export-tables -k k.key -s {options} --size {size} -o {tables}")).code, 0);
            let keyed = desk.run(&format!("encrypt -k k.key -s {options} in enc{i}"));
            assert_eq!((keyed.code, keyed.out), (0, did("encrypt", 6, "0.0", name)), "{}", keyed.err);
            let fingerprint = fingerprint_of(&desk, &tables);
            assert_ne!(fingerprint, FINGERPRINT);
            let told = |verb: &str| did(verb, 6, "0.0", name).replace(FINGERPRINT, &fingerprint);
            desk.run(&format!("encrypt --tables {tables} -s {options} in tab{i}")).is(0, &told("encrypt"), &keyed.err);
            assert_eq!(desk.manifest(&format!("tab{i}"))["key"], fingerprint);
            for (_, written) in SET {
                assert!(
                    desk.read(&format!("enc{i}/{written}")) == desk.read(&format!("tab{i}/{written}")),
                    "{options}"
                );
            }
            if name == "skk-filter" || (colour && options.contains("as-published")) {
                let right = |words: &str| words.contains("cannot be undone");
                desk.refuses_like(&format!("decrypt --tables {tables} tab{i} back{i}"), USAGE, right);
                continue;
            }
            desk.run(&format!("decrypt --tables {tables} tab{i} back{i}")).is(0, &told("decrypt"), "");
            for (source, written) in SET {
                assert_eq!(
                    desk.pixels(&format!("back{i}/{written}")),
                    desk.pixels(&format!("in/{source}")),
                    "{options}"
                );
            }
        }
    }
}

#[test]
fn other_tables_and_keys_decrypt_nothing() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.key("other.key", &key(1), 0o600);
    for name in ["k", "other"] {
        assert_eq!(desk.run(&format!("key export-tables -k {name}.key --size 8x8x1 -o {name}.npz")).code, 0);
    }
    let (ours, others) = (fingerprint_of(&desk, "k.npz"), fingerprint_of(&desk, "other.npz"));
    assert_eq!(desk.run("encrypt --tables k.npz in enc").code, 0);
    let words = |set: &str, given: &str| {
        format!(
            "this set was encrypted with key {set}, and the key given is {given}: nothing was written; find the right key \
             file, or the right tables"
        )
    };
    desk.refuses("decrypt --tables other.npz enc back", KEY, &words(&ours, &others));
    // The key itself would give the right pixels, but it is not what the ids and hashes were made with.
    desk.refuses("decrypt -k k.key enc back", KEY, &words(&ours, FINGERPRINT));
    desk.does("encrypt -k k.key in keyed", 2, "0.0", "shuffle-flip");
    desk.refuses("decrypt --tables k.npz keyed back", KEY, &words(FINGERPRINT, &ours));
    // With the right ones, and the same arrays in the other format, everything is back.
    assert_eq!(desk.run("key export-tables -k k.key --size 8x8x1 -o k.json").code, 0);
    assert_eq!(desk.run("decrypt --tables k.json enc back").code, 0);
    assert_eq!(desk.pixels("back/a.png"), desk.pixels("in/a.png"));
}

#[test]
fn exactly_one_of_key_and_tables_is_given() {
    let desk = Desk::new();
    let more = "\n\nFor more information, try '--help'.";
    desk.refuses(
        "encrypt in out",
        USAGE,
        &format!(
            "the following required arguments were not provided:\n  <--key <FILE>|--tables <FILE>>\n\n\
             Usage: imgveil encrypt --device <DEVICE> --keep-names <--key <FILE>|--tables <FILE>> <IN> <OUT>{more}"
        ),
    );
    let right = |words: &str| words.contains("not provided:\n  <--key <FILE>|--tables <FILE>>\n");
    desk.refuses_like("decrypt in out", USAGE, right);
    let both = "error: the argument '--key <FILE>' cannot be used with '--tables <FILE>'\n";
    for job in ["encrypt -k k.key --tables t.npz in out", "decrypt -k k.key --tables t.npz in out"] {
        desk.refuses_like(job, USAGE, |words| words.starts_with(both));
    }
    #[cfg(feature = "train")]
    desk.refuses_like("train -k k.key --tables t.npz --data in", USAGE, |words| words.starts_with(both));
}

#[test]
fn a_missing_tables_file_is_named() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    let words = "there is no tables file no.npz: check the path, or make one with `imgveil key export-tables -k KEY`";
    desk.refuses("encrypt --tables no.npz in out", USAGE, words);
    desk.refuses("decrypt --tables no.npz in out", USAGE, words);
}

#[cfg(unix)]
#[test]
fn tables_that_others_can_read_are_used_with_a_warning() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    assert_eq!(desk.run("key export-tables -k k.key --size 8x8x1").code, 0);
    std::fs::set_permissions(desk.path("tables.npz"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let done = desk.run("encrypt --tables tables.npz in out");
    let warning = "warning: tables.npz has mode 0644: other users can read the tables; run `chmod 600 tables.npz`\n";
    assert_eq!((done.code, done.err.as_str()), (0, warning));
}

#[test]
fn damaged_tables_are_refused() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    let refuses = |name: &str, words: &str| {
        let words = format!("{name} is not a usable tables file: {words}");
        desk.refuses(&format!("encrypt --tables {name} in out"), KEY, &words);
    };
    refuses("k.key", "it is neither an .npz file nor JSON; numpy.savez writes one, `imgveil key export-tables` both");
    desk.key("t.json", "{\"perm\": {\"shape\": [2], \"values\": [0, -1]}}", 0o600);
    refuses(
        "t.json",
        "array `perm`: invalid value: integer `-1`, expected u32 at line 1 column 40; expected {\"NAME\": {\"shape\": \
         [...], \"values\": [...]}, ...}",
    );
    desk.write("t.npz", b"no archive");
    desk.refuses_like("encrypt --tables t.npz in out", KEY, |words| {
        words.contains("t.npz is not a usable tables file: ")
    });
    desk.write("t.npz", &write_npz(&BTreeMap::from([("notes.txt".to_owned(), (vec![1], vec![1]))])));
    refuses("t.npz", "it holds `notes.txt`, which is no array: an .npz of tables has members NAME.npy alone");
}

#[test]
fn tables_that_do_not_fit_are_refused_before_anything_is_written() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    assert_eq!(desk.run("key export-tables -k k.key --size 8x8x1 -o k.json").code, 0);
    let refuses = |options: &str, code: i32, words: &str| {
        desk.refuses(&format!("encrypt --tables {options} in out"), code, words);
    };
    change(&desk, "k.json", "missing.json", |tables| drop(tables.as_object_mut().unwrap().remove("flip")));
    refuses(
        "missing.json",
        KEY,
        "the tables have no array `flip` (stage 1, sign-flip block=4x4 key=shared), of shape (D) = (16), D being the samples \
         of a block: add it, or choose the scheme that they are for",
    );
    refuses(
        "k.json --block 8",
        KEY,
        "in the tables, array `perm` (stage 0, pixel-shuffling block=8x8 key=shared) has shape (16), and for images of 8x8x1 it \
         must have (D) = (64), D being the samples of a block: check that the tables were made for this block and size",
    );
    refuses(
        "k.json -s shf",
        KEY,
        "the tables have no array `key` (stage 0, pixel-shuffling block=4x4 key=shared), of shape (D) = (16), D being the \
         samples of a block: add it, or choose the scheme that they are for",
    );
    change(&desk, "k.json", "more.json", |tables| tables["blocks"] = tables["perm"].clone());
    refuses(
        "more.json",
        KEY,
        "the tables have an array `blocks`, and those of scheme `shuffle-flip` are perm, flip: remove it, or choose the scheme \
         that the tables are for",
    );
    change(&desk, "k.json", "twice.json", |tables| {
        tables["perm"]["values"] = serde_json::json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 11, 12, 13, 14, 15]);
    });
    refuses(
        "twice.json",
        KEY,
        "in the tables, array `perm` (stage 0, pixel-shuffling block=4x4 key=shared) is no permutation: 3 stands at [3] and \
         again at [10]: correct it",
    );
    change(&desk, "k.json", "two.json", |tables| tables["flip"]["values"][5] = 2.into());
    refuses(
        "two.json",
        KEY,
        "in the tables, array `flip` (stage 1, sign-flip block=4x4 key=shared) has 2 at [5], and its values are 0 to 1: correct \
         it",
    );
    let done = desk.run("encrypt --tables k.json -s skk --key-scope image in out");
    let words =
        "error: scheme `skk` has no tables: stage 0 (pixel-negative-positive key=image) draws a key for every image";
    assert!(done.code == USAGE && done.err.contains(words), "{}", done.err);
    refuses(
        "k.json -s keystream",
        USAGE,
        "scheme `keystream` has no tables: stage 0 (keystream key=image) draws a key for every image, and a table would \
         have to hold one for each; use the key file itself (-k)",
    );
    refuses(
        "k.json -s none",
        USAGE,
        "scheme `none` has no tables: nothing that it does to images of 8x8x1 depends on a key; use the key file itself (-k)",
    );
    // What nobody reads may be wrong: the plan says only what the others do.
    change(&desk, "k.json", "plan.json", |tables| tables["plan"] = "not looked at".into());
    assert_eq!(desk.run("encrypt --tables plan.json in enc").code, 0);
    assert_eq!(desk.run("decrypt --tables k.json enc back").code, 0);
}

// ---- Inputs -------------------------------------------------------------------------------------------------------

#[test]
fn a_missing_input_is_named() {
    let desk = Desk::new();
    desk.refuses("encrypt -k k.key in out", USAGE, "there is no in: check the path");
    desk.refuses("decrypt -k k.key in.npz out", USAGE, "there is no in.npz: check the path");
}

#[test]
fn an_empty_folder_is_no_set() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("in/a")).unwrap();
    let words = "in holds no image; expected images, a folder of class folders, or train/ val/ test/ of them";
    desk.refuses("encrypt -k k.key in out", DATASET, words);
    desk.refuses("decrypt -k k.key in out", DATASET, words);
}

#[test]
fn a_folder_of_other_files_is_no_set() {
    let desk = Desk::new();
    let words = |files: &str| {
        format!(
            "in holds no image ({files}); expected images, a folder of class folders, or train/ val/ test/ \
             of them"
        )
    };
    desk.write("in/notes.txt", b"no image");
    desk.write("in/a/more.md", b"no image");
    desk.refuses("encrypt -k k.key in out", DATASET, &words("2 other files"));
    std::fs::remove_file(desk.path("in/a/more.md")).unwrap();
    desk.refuses("encrypt -k k.key in out", DATASET, &words("1 other file"));
}

#[test]
fn one_is_counted_in_the_singular() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    desk.does("encrypt -k k.key in alone", 1, "0.0", "shuffle-flip");
    desk.write("in/notes.txt", b"no image");
    let words = "passed over 1 file that is no image\n";
    desk.run("encrypt -k k.key in out").is(0, &did("encrypt", 1, "0.0", "shuffle-flip"), words);
    desk.write("in/fake.png", b"no image");
    std::fs::remove_file(desk.path("in/notes.txt")).unwrap();
    desk.sets_aside("encrypt -k k.key in part", 1, &[("fake.png", FOREIGN)]);
}

#[test]
fn other_files_are_passed_over_and_counted() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.write("in/notes.txt", b"no image");
    desk.write("in/x/table.csv", b"1,2");
    desk.write("in/.hidden.png", b"no image");
    let words = "passed over 2 files that are no images\n";
    desk.run("encrypt -k k.key in out").is(0, &did("encrypt", 2, "0.0", "shuffle-flip"), words);
    assert_eq!(desk.files("out"), ["a.png", "b.png", "imgveil.json"]);
}

#[test]
fn a_file_is_a_set_if_it_holds_images() {
    let desk = Desk::new();
    desk.greys(&["a.png"]);
    desk.write("notes.txt", b"no set");
    let words = "notes.txt is no set that can be read: neither a folder, nor arrays (.npz, .npy), nor shards (.tar), nor a file \
                 of images";
    desk.refuses("encrypt -k k.key notes.txt out", DATASET, words);
    let words =
        "a.png is not an encrypted set: it has no imgveil.json; give the folder or .npz that `imgveil encrypt` wrote";
    desk.refuses("decrypt -k k.key a.png out", DATASET, words);
    // A file of images is a set of its own.
    desk.does("encrypt -k k.key a.png out", 1, "0.0", "shuffle-flip");
    desk.does("decrypt -k k.key out back", 1, "0.0", "shuffle-flip");
    assert_eq!(desk.pixels("back/a.png"), desk.pixels("a.png"));
}

#[test]
fn text_named_like_an_image_is_set_aside() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.write("in/c.png", b"no image");
    desk.write("in/x/say \"hi\", d.jpeg", b"");
    desk.sets_aside("encrypt -k k.key in out", 2, &[("c.png", FOREIGN), ("x/say \"hi\", d.jpeg", FOREIGN)]);
    assert_eq!(desk.files("out"), ["a.png", "b.png", "imgveil.json"]);
    let top: Vec<String> = desk.tree("").into_keys().filter(|name| !name.starts_with("in/")).collect();
    assert_eq!(top, ["k.key", "out.failed.csv", "out/", "out/a.png", "out/b.png", "out/imgveil.json"]);
    // What is there is complete.
    desk.does("decrypt -k k.key out back", 2, "0.0", "shuffle-flip");
    assert_eq!(desk.pixels("back/b.png"), desk.pixels("in/b.png"));
}

#[test]
fn a_long_list_is_cut_on_the_screen_and_whole_in_the_file() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    let names: Vec<String> = (0..13).map(|i| format!("fake-{i:02}.jpg")).collect();
    names.iter().for_each(|name| desk.write(&format!("in/{name}"), b"no image"));
    let failed: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), FOREIGN)).collect();
    desk.sets_aside("encrypt -k k.key in out", 2, &failed);
}

#[test]
fn the_list_of_an_npz_lies_beside_it_too() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png", "in/e.png"]);
    desk.write("in/c.png", b"no image");
    desk.write("in/d.jpg", in_scan(&jpeg(8, 8)));
    let done = desk.run("encrypt -k k.key in out.npz");
    assert_eq!((done.code, done.out), (PARTLY, did("encrypt", 3, "0.0", "shuffle-flip")));
    let list = format!("path,reason\n\"c.png\",\"{FOREIGN}\"\n\"d.jpg\",\"{CUT}\"\n");
    assert_eq!(String::from_utf8(desk.read("out.npz.failed.csv")).unwrap(), list);
    let arrays = npz(&desk.read("out.npz"));
    assert_eq!(arrays.keys().collect::<Vec<_>>(), ["images.npy", "imgveil.json"]);
    desk.does("decrypt -k k.key out.npz back", 3, "0.0", "shuffle-flip");
    for name in ["a.png", "b.png", "e.png"] {
        assert_eq!(desk.pixels(&format!("back/{name}")), desk.pixels(&format!("in/{name}")));
    }
}

#[test]
fn a_set_of_bad_files_only_is_refused() {
    let desk = Desk::new();
    desk.write("in/a.png", b"no image");
    desk.write("in/b.jpg", b"no image");
    let words = format!("none of the 2 images can be read; the first one, a.png: {FOREIGN}");
    desk.refuses("encrypt -k k.key in out", DATASET, &words);
    desk.refuses("encrypt -k k.key in out.npz", DATASET, &words);
}

/// Their headers are fine: that nothing can be read shows late, and is no less a reason to write no empty set.
#[test]
fn a_set_of_truncated_files_only_is_refused() {
    let desk = Desk::new();
    desk.write("in/a.jpg", in_scan(&jpeg(16, 16)));
    desk.write("in/b.jpg", in_scan(&jpeg(16, 16)));
    let words = format!("none of the 2 images can be read; the first one, a.jpg: {CUT}");
    desk.refuses("encrypt -k k.key in out", DATASET, &words);
    desk.refuses("encrypt -k k.key in out.npz", DATASET, &words);
}

#[test]
fn truncated_files_are_set_aside() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png", "whole.png"]);
    let whole = jpeg(8, 8);
    desk.write("in/c.jpg", &whole[..whole.len() - 2]);
    desk.write("in/d.jpg", in_scan(&whole));
    let whole = desk.read("whole.png");
    desk.write("in/e.png", &whole[..whole.len() - 20]);
    let png = "is damaged: the file ends before the image does (truncated)";
    desk.sets_aside("encrypt -k k.key in out", 2, &[("c.jpg", CUT), ("d.jpg", CUT), ("e.png", png)]);
}

/// The decoder's words end with a line feed, which would break the list on the screen and in the file.
#[test]
fn files_truncated_in_their_headers_are_set_aside_with_a_line_each() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.write("in/c.jpg", &jpeg(8, 8)[..40]);
    desk.write("in/d.jpg", &jpeg(8, 8)[..50]);
    let done = desk.run("encrypt -k k.key in out");
    assert_eq!((done.code, done.out), (PARTLY, did("encrypt", 2, "0.0", "shuffle-flip")));
    let lines: Vec<&str> = done.err.lines().collect();
    let [_, first, second, "the whole list is in out.failed.csv"] = lines[..] else { panic!("{}", done.err) };
    assert!(first.starts_with("  c.jpg: is damaged: ") && second.starts_with("  d.jpg: is damaged: "), "{}", done.err);
    let list = String::from_utf8(desk.read("out.failed.csv")).unwrap();
    assert!(list.lines().count() == 3 && list.lines().skip(1).all(|line| line.ends_with('"')), "{list}");
}

#[cfg(unix)]
#[test]
fn files_that_cannot_be_read_are_set_aside_by_their_names() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    std::os::unix::fs::symlink("nowhere", desk.path("in/gone.png")).unwrap();
    std::fs::create_dir(desk.path("in/v1.2")).unwrap();
    std::os::unix::fs::symlink("nowhere", desk.path("in/v1.2/scan.jpeg")).unwrap();
    let words = unreadable();
    desk.sets_aside("encrypt -k k.key in out", 2, &[("gone.png", &words), ("v1.2/scan.jpeg", &words)]);
}

#[cfg(target_os = "linux")]
#[test]
fn files_whose_names_are_no_text_are_set_aside_by_their_names() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    for name in [b"caf\xe9.png", b"fac\xe9.png"] {
        std::fs::copy(desk.path("in/a.png"), desk.path("in").join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    let words = "has a name that is not UTF-8; rename it";
    desk.sets_aside("encrypt -k k.key in out", 2, &[("caf\u{fffd}.png", words), ("fac\u{fffd}.png", words)]);
}

/// A link to nowhere is no image, and no reason to take train/ and val/ for classes.
#[cfg(unix)]
#[test]
fn a_dangling_link_beside_the_splits_leaves_them_splits() {
    let desk = Desk::new();
    desk.greys(&["in/train/a/1.png", "in/train/b/2.png", "in/val/a/3.png", "in/val/b/4.png"]);
    std::os::unix::fs::symlink("nowhere", desk.path("in/latest")).unwrap();
    assert!([0, PARTLY].contains(&desk.run("encrypt -k k.key in out").code));
    let manifest = desk.manifest("out");
    assert_eq!(manifest["classes"], serde_json::json!(["a", "b"]));
    let splits: Vec<&str> =
        manifest["images"].as_array().unwrap().iter().map(|i| i["split"].as_str().unwrap()).collect();
    assert_eq!(splits, ["train", "train", "val", "val"]);
}

#[test]
fn sixteen_bits_come_back_in_folders_and_arrays() {
    let desk = Desk::new();
    let wide = |seed: u32, channels: u32| -> Vec<u16> {
        samples(16 * 24 * channels * 2, seed).chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
    };
    let grey = |seed| DynamicImage::ImageLuma16(image::ImageBuffer::from_raw(24, 16, wide(seed, 1)).unwrap());
    let colour = |seed| DynamicImage::ImageRgb16(image::ImageBuffer::from_raw(24, 16, wide(seed, 3)).unwrap());
    for (folder, picture) in [("grey", &grey as &dyn Fn(u32) -> DynamicImage), ("colour", &colour)] {
        for seed in 0..3 {
            desk.picture(&format!("{folder}/{seed}.png"), picture(seed));
        }
        for options in
            ["-s ele", "-s skk --key-scope image", "-s keystream", "-s none --resize 8x8", "-s shf --block 5 --pad"]
        {
            for (enc, npz) in [("enc", "back.npz"), ("enc.npz", "again.npz")] {
                assert_eq!(desk.run(&format!("encrypt -k k.key {options} {folder} {enc}")).code, 0, "{options}");
                assert_eq!(desk.run(&format!("decrypt -k k.key {enc} back")).code, 0, "{options}");
                assert_eq!(desk.run(&format!("decrypt -k k.key {enc} {npz}")).code, 0, "{options}");
                // And from the array into a folder once more.
                assert_eq!(desk.run(&format!("encrypt -k k.key -s none {npz} folder")).code, 0, "{options}");
                for seed in 0..3 {
                    let back = desk.pixels(&format!("back/{seed}.png"));
                    assert_eq!(desk.pixels(&format!("folder/images/{seed:06}.png")), back, "{options}");
                    if !options.contains("resize") {
                        assert_eq!(back, desk.pixels(&format!("{folder}/{seed}.png")), "{options}");
                    }
                }
                for written in ["enc", "back", "folder"] {
                    let _ = std::fs::remove_dir_all(desk.path(written));
                }
                for written in ["enc.npz", "back.npz", "again.npz"] {
                    let _ = std::fs::remove_file(desk.path(written));
                }
            }
        }
    }
}

#[test]
fn eight_and_sixteen_bits_together_are_no_array() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    desk.picture("in/b.png", DynamicImage::new_luma16(8, 8));
    let words = "images differ: a is 8x8x1 (height x width x channels), b is 8x8x1x16; bring them to one size with --resize \
                 HEIGHTxWIDTH, and to one number of channels and one depth beforehand, or write a folder of files";
    desk.refuses("encrypt -k k.key in out.npz", USAGE, words);
    desk.refuses("encrypt -k k.key --format npy in out", USAGE, words);
    desk.does("encrypt -k k.key in out", 2, "0.0", "shuffle-flip");
    desk.does("decrypt -k k.key out back", 2, "0.0", "shuffle-flip");
    assert_eq!(
        [desk.pixels("back/a.png"), desk.pixels("back/b.png")],
        [desk.pixels("in/a.png"), desk.pixels("in/b.png")]
    );
}

#[test]
fn alpha_is_dropped_where_it_says_nothing_and_set_aside_where_it_does() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    desk.picture("in/b.png", GrayAlphaImage::from_pixel(8, 8, image::LumaA([7, 255])));
    desk.picture("in/c.png", GrayAlphaImage::from_pixel(8, 8, image::LumaA([7, 254])));
    let words = "is of a kind that is not supported: it has translucent pixels; put it on a background (flatten its alpha channel) \
                 first";
    desk.sets_aside("encrypt -k k.key in out", 2, &[("c.png", words)]);
    desk.does("decrypt -k k.key out back", 2, "0.0", "shuffle-flip");
    assert_eq!(desk.pixels("back/b.png"), (8, 8, vec![7; 64]));
}

#[test]
fn several_sizes_are_no_array_and_resizing_helps() {
    let desk = Desk::new();
    desk.greys(&["in/x/a.png", "in/x/b.png"]);
    desk.picture("in/y/c.png", grey(16, 12, 3));
    desk.refuses(
        "encrypt -k k.key in out.npz",
        USAGE,
        "images differ: x/a is 8x8x1 (height x width x channels), y/c is 16x12x1; bring them to one size with --resize \
         HEIGHTxWIDTH, and to one number of channels and one depth beforehand, or write a folder of files",
    );
    desk.does("encrypt -k k.key in mixed", 3, "0.0", "shuffle-flip");
    desk.does("decrypt -k k.key mixed same", 3, "0.0", "shuffle-flip");
    assert_eq!(desk.pixels("same/y/c.png"), desk.pixels("in/y/c.png"));
    desk.does("encrypt -k k.key --resize 8 in out", 3, "0.0", "shuffle-flip");
    desk.does("decrypt -k k.key out back", 3, "0.0", "shuffle-flip");
    assert_eq!(desk.files("back"), ["x/a.png", "x/b.png", "y/c.png"]);
    assert_eq!(desk.pixels("back/x/a.png"), desk.pixels("in/x/a.png"));
    let (height, width, _) = desk.pixels("back/y/c.png");
    assert_eq!((height, width), (8, 8));
    // Two sizes that padding would grow to one are still two.
    desk.picture("near/a.png", grey(7, 7, 0));
    desk.picture("near/b.png", grey(8, 8, 0));
    desk.refuses_like("encrypt -k k.key --pad near padded.npz", USAGE, |words| words.contains("a is 7x7x1"));
}

#[test]
fn grey_and_rgb_together_are_no_array() {
    let desk = Desk::new();
    desk.picture("in/a.png", grey(8, 8, 0));
    desk.picture("in/b.png", rgb(8, 8, 1));
    desk.refuses(
        "encrypt -k k.key in out.npz",
        USAGE,
        "images differ: a is 8x8x1 (height x width x channels), b is 8x8x3; bring them to one size with --resize \
         HEIGHTxWIDTH, and to one number of channels and one depth beforehand, or write a folder of files",
    );
    desk.does("encrypt -k k.key in out", 2, "0.0", "shuffle-flip");
}

#[test]
fn blocks_that_do_not_tile_are_refused_and_padding_or_cutting_helps() {
    let desk = Desk::new();
    desk.picture("in/a.png", grey(10, 7, 0));
    desk.picture("in/b.png", grey(10, 7, 1));
    desk.refuses(
        "encrypt -k k.key in out",
        USAGE,
        "blocks of 4x4 pixels do not tile an image of 10x7: use --pad (grow the image; decryption restores its size), \
         --crop (cut it) or another --block",
    );
    desk.does("encrypt -k k.key --block 5x7 in blocks", 2, "0.0", "shuffle-flip");
    // Padded: the encrypted image is larger, and decryption gives back the pixels that were.
    desk.does("encrypt -k k.key --pad in padded", 2, "0.0", "shuffle-flip");
    let (height, width, _) = desk.pixels("padded/a.png");
    assert_eq!((height, width), (12, 8));
    desk.does("decrypt -k k.key padded back", 2, "0.0", "shuffle-flip");
    assert_eq!(desk.files("back"), ["a.png", "b.png"]);
    assert_eq!(desk.pixels("back/a.png"), desk.pixels("in/a.png"));
    assert_eq!(desk.pixels("back/b.png"), desk.pixels("in/b.png"));
    // Cut evenly on both sides, for good.
    desk.does("encrypt -k k.key --crop in cut", 2, "0.0", "shuffle-flip");
    desk.does("decrypt -k k.key cut middle", 2, "0.0", "shuffle-flip");
    let middle = image::imageops::crop_imm(&grey(10, 7, 0), 1, 1, 4, 8).to_image();
    assert_eq!(desk.pixels("middle/a.png"), (8, 4, middle.into_raw()));
}

#[test]
fn padding_and_cutting_exclude_each_other() {
    Desk::new().refuses(
        "encrypt -k k.key --pad --crop in out",
        USAGE,
        "the argument '--pad' cannot be used with '--crop'\n\n\
         Usage: imgveil encrypt --pad --device <DEVICE> --keep-names <--key <FILE>|--tables <FILE>> <IN> <OUT>\n\nFor more information, try '--help'.",
    );
}

/// Cutting was asked for already and cannot help.
#[test]
fn an_image_smaller_than_a_block_is_not_told_to_be_cut() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    let right = |words: &str| words.contains("16x16") && words.contains("--pad") && !words.contains("--crop (cut it)");
    desk.refuses_like("encrypt -k k.key --crop --block 16 in out", USAGE, right);
}

#[test]
fn two_images_of_one_name_are_refused() {
    let desk = Desk::new();
    desk.greys(&["in/a/x.png", "in/a/x.jpg", "in/b/x.png"]);
    let words = "`a/x` is the name of two images (such as x.png and x.jpg in one folder): rename one of them";
    desk.refuses("encrypt -k k.key in out", USAGE, words);
    desk.refuses("encrypt -k k.key in out.npz", USAGE, words);
}

// ---- Outputs ------------------------------------------------------------------------------------------------------

#[test]
fn an_output_folder_with_something_in_it_is_not_touched() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.write("out/notes.txt", b"mine");
    let words = "out exists and is not empty: nothing was written; choose another output or remove it first";
    desk.refuses("encrypt -k k.key in out", USAGE, words);
    desk.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    desk.refuses("decrypt -k k.key enc out", USAGE, words);
    // A set that is complete is not written again either; asked for by the run that made it, it is there.
    let before = desk.tree("enc");
    let done = desk.run("encrypt -k k.key in enc");
    let words =
        "note: enc: this very run was completed before, and nothing was done; --retry-failed tries what it set aside\n";
    assert_eq!((done.code, done.err.as_str()), (0, words));
    assert_same(&before, &desk.tree("enc"));
    let words = "enc exists and is not empty: nothing was written; choose another output or remove it first";
    desk.refuses("encrypt -k k.key --scramble in enc", USAGE, words);
    // An empty folder is as good as none.
    std::fs::create_dir(desk.path("empty")).unwrap();
    desk.does("decrypt -k k.key enc empty", 2, "0.0", "shuffle-flip");
}

#[test]
fn an_output_file_is_not_touched() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    for name in ["out.npz", "out"] {
        desk.write(name, b"mine");
        let words =
            format!("{name} exists and is not empty: nothing was written; choose another output or remove it first");
        desk.refuses(&format!("encrypt -k k.key in {name}"), USAGE, &words);
        desk.refuses(&format!("decrypt -k k.key enc {name}"), USAGE, &words);
    }
}

#[test]
fn an_npz_in_a_missing_folder_is_refused() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    desk.refuses("encrypt -k k.key in away/out.npz", USAGE, "there is no away: check the path");
}

#[test]
fn an_output_inside_the_input_is_refused() {
    let desk = Desk::new();
    desk.greys(&["in/a/1.png", "in/a/2.png"]);
    for out in ["in/out", "in/a/b/out", "in/out.npz", "in", "in/a/../../in/out"] {
        let words = format!("the output DIR/{out} lies inside the input DIR/in: choose a folder outside of it");
        desk.refuses(&format!("encrypt -k k.key in {out}"), USAGE, &words);
    }
    desk.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    let words = "the output DIR/enc/out lies inside the input DIR/enc: choose a folder outside of it";
    desk.refuses("decrypt -k k.key enc/ enc/out", USAGE, words);
}

/// The output may be handed out; the list names the plain files.
#[test]
fn the_list_is_never_in_the_output() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.write("in/c.png", b"no image");
    std::fs::create_dir_all(desk.path("work/deep")).unwrap();
    assert_eq!(desk.run_in("work", "encrypt -k ../k.key ../in .").code, USAGE, "deep/ is in it");
    assert_eq!(desk.run_in("work/deep", "encrypt -k ../../k.key ../../in .").code, PARTLY);
    assert_eq!(desk.files("work/deep"), ["a.png", "b.png", "imgveil.json"]);
    assert_eq!(desk.files("work")[0], "deep.failed.csv");
}

#[test]
fn two_runs_write_the_same_bytes() {
    let desk = Desk::new();
    desk.greys(&["in/a/1.png", "in/a/2.jpg", "in/b/3.png", "in/b/4.jpeg"]);
    for scheme in ["shuffle-flip", "keystream"] {
        let runs = ["1", "2"].map(|run| format!("{scheme}-{run}"));
        for run in &runs {
            desk.does(&format!("encrypt -k k.key -s {scheme} in {run}"), 4, "0.0", scheme);
            desk.does(&format!("encrypt -k k.key -s {scheme} in {run}.npz"), 4, "0.0", scheme);
        }
        assert_same(&desk.tree(&runs[0]), &desk.tree(&runs[1]));
        assert_eq!(desk.tree(&runs[0]).len(), 7);
        assert!(desk.read(&format!("{}.npz", runs[0])) == desk.read(&format!("{}.npz", runs[1])));
    }
    assert_ne!(desk.read("shuffle-flip-1/a/1.png"), desk.read("keystream-1/a/1.png"));
}

// ---- Encrypted sets -----------------------------------------------------------------------------------------------

#[test]
fn a_plain_folder_is_not_decrypted() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    let words =
        "in is not an encrypted set: it has no imgveil.json; give the folder or .npz that `imgveil encrypt` wrote";
    desk.refuses("decrypt -k k.key in out", DATASET, words);
}

#[test]
fn an_encrypted_set_is_not_encrypted_again() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    desk.does("encrypt -k k.key -s keystream in enc.npz", 2, "0.0", "keystream");
    for (name, scheme) in [("enc", "shuffle-flip"), ("enc.npz", "keystream")] {
        let words = format!(
            "{name} is encrypted already (scheme {scheme}, key {FINGERPRINT}); decrypt it first if you want another \
             scheme"
        );
        desk.refuses(&format!("encrypt -k k.key {name} out"), USAGE, &words);
    }
}

#[test]
fn a_damaged_manifest_is_refused() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    assert_eq!(desk.run("encrypt -k k.key in enc").code, 0);
    let text = String::from_utf8(desk.read("enc/imgveil.json")).unwrap();
    desk.write("enc/imgveil.json", b"no JSON");
    let words = "enc/imgveil.json: is damaged or not imgveil's (expected ident at line 1 column 2); restore it from \
                 the copy that you were given";
    desk.refuses("decrypt -k k.key enc back", DATASET, words);
    desk.refuses("encrypt -k k.key enc again", DATASET, words);
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from));
        desk.write("enc/imgveil.json", text.replace(from, to).as_bytes());
    };
    changed("\"format\": 1", "\"format\": 2");
    let words = "enc/imgveil.json: has format 2, and this version of imgveil reads format 1: use a newer imgveil";
    desk.refuses("decrypt -k k.key enc back", DATASET, words);
    changed("\"a.png\"", "\"../in/a.png\"");
    let words =
        "enc/imgveil.json: names the file `../in/a.png`, which lies outside of the set: it is not to be trusted";
    desk.refuses("decrypt -k k.key enc back", DATASET, words);
}

#[test]
fn changed_files_are_set_aside_and_the_others_decrypted() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png", "in/c.png", "in/d.png", "in/e.png"]);
    desk.does("encrypt -k k.key in enc", 5, "0.0", "shuffle-flip");
    let mut bytes = desk.read("enc/b.png");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    desk.write("enc/b.png", &bytes);
    std::fs::remove_file(desk.path("enc/c.png")).unwrap();
    // The other kind of change: the file is right and the manifest is not.
    let text = String::from_utf8(desk.read("enc/imgveil.json")).unwrap();
    let plain = desk.manifest("enc")["images"][3]["plain"].as_str().unwrap().to_owned();
    desk.write("enc/imgveil.json", text.replace(&plain, &"0".repeat(32)).as_bytes());
    desk.sets_aside(
        "decrypt -k k.key enc back",
        2,
        &[
            ("b.png", "was changed since it was encrypted: its hash is not the one in imgveil.json"),
            ("c.png", &unreadable()),
            ("d.png", "does not decrypt to the image that was encrypted: imgveil.json or the file was changed"),
        ],
    );
    assert_eq!(desk.files("back"), ["a.png", "e.png"]);
    assert_eq!(desk.pixels("back/a.png"), desk.pixels("in/a.png"));
    assert_eq!(desk.pixels("back/e.png"), desk.pixels("in/e.png"));
}

/// As with encryption: where nothing is usable, nothing is "the rest".
#[test]
fn a_set_whose_files_were_all_changed_is_refused() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.does("encrypt -k k.key in enc", 2, "0.0", "shuffle-flip");
    desk.write("enc/a.png", b"changed");
    desk.write("enc/b.png", b"changed");
    let right = |words: &str| words.contains("none of the 2 images") && words.contains("a.png: was changed since");
    desk.refuses_like("decrypt -k k.key enc back", DATASET, right);
    desk.refuses_like("decrypt -k k.key enc back.npz", DATASET, right);
}

// ---- Schemes and devices ------------------------------------------------------------------------------------------

#[test]
fn an_unknown_scheme_lists_those_there_are() {
    let words = "there is no scheme `rot13`; the schemes are none, shuffle-flip, le, ele, etc, skk, skk-filter, shf, np, vit, \
                 instahide, keystream";
    Desk::new().refuses("encrypt -k k.key -s rot13 in out", USAGE, words);
}

#[test]
fn options_that_a_scheme_has_not_are_refused() {
    let desk = Desk::new();
    for (options, option) in
        [("--block 4", "block"), ("--key-scope block", "key scope"), ("--scramble", "block scrambling to choose")]
    {
        for scheme in ["keystream", "none"] {
            let words = format!("scheme `{scheme}` has no {option}; leave that option out");
            desk.refuses(&format!("encrypt -k k.key -s {scheme} {options} in out"), USAGE, &words);
        }
    }
}

#[test]
fn schemes_are_listed_with_what_they_are_worth() {
    let list = "\
scheme        inverse  key space                JPEG  key per image  source
none          yes      0                        yes   no             -
shuffle-flip  yes      250                      no    no             after Tanaka 2018
le            yes      256 (tables: 590)        no    no             Tanaka 2018
ele           yes      256 (tables: 1,882,639)  no    no             Madono 2020
etc           yes      256 (tables: 2,505)      yes   no             Chuman 2019
skk           yes      256 (tables: 280,231)    no    option         Sirichotedumrong 2019
skk-filter    lossy    256 (tables: 280,231)    no    option         after Huang 2022
shf           yes      202                      no    no             AprilPyone 2021
np            yes      48                       no    no             AprilPyone 2021
vit           yes      256 (tables: 7,474)      no    no             Kiya 2023
instahide     lossy    256                      no    yes            Huang 2020
keystream     yes      256                      no    yes            ChaCha20

For images of 224x224x3. Key space: log2 of the number of different things that keys can do to an
image. A secret has 256 bits, so no key reaches more; what written-out tables could do beyond that
is given as (tables: ...). It says nothing about attacks which need no search, and most of these
schemes fall to one: `imgveil schemes NAME` tells to which.
JPEG: whether encrypted images still compress as JPEG and survive it. Key per image: all images
share a key unless they need not (option) or cannot (yes).
";
    Desk::new().run("schemes").is(0, list, "");
}

#[test]
fn schemes_are_listed_for_any_size_and_as_json() {
    let desk = Desk::new();
    let done = desk.run("schemes --size 28x28x1");
    for line in [
        "shuffle-flip  yes      60                       no    no             after Tanaka 2018",
        "etc           yes      -                        yes   no             Chuman 2019",
        "- etc: blocks of 16x16 do not tile an image of 28x28.",
    ] {
        assert!(done.out.lines().any(|l| l == line), "{line}: {}", done.out);
    }
    let done = desk.run("schemes --size 8x8x1x16");
    assert!(done.out.contains("\n- vit: blocks of 16x16 are larger than an image of 8x8.\n"), "{}", done.out);
    assert!(done.out.contains("\n- instahide: mixing works on 8-bit samples"), "{}", done.out);
    let done = desk.run("schemes --size 28x28x1 --json");
    let list: Vec<Value> = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, done.err.as_str(), list.len()), (0, "", 12));
    let expected = serde_json::json!({
        "name": "np", "summary": "samples are negated or not by their places in the block, with one key for all blocks",
        "inverse": true, "key_space": { "bits": 16.0, "tables": 16.0 }, "jpeg": false, "key_per_image": "no",
        "source": "AprilPyone 2021",
    });
    assert_eq!(list[8], expected);
    assert_eq!((&list[4]["key_space"], &list[5]["key_per_image"]), (&Value::Null, &Value::from("option")));
    assert_eq!(list[11]["key_space"], serde_json::json!({ "bits": 256.0, "tables": null }));
}

#[test]
fn a_scheme_is_explained_stage_by_stage() {
    let text = "\
etc: blocks are turned, negated, recoloured and scrambled as wholes, and still compress as JPEG

Stages, in the order in which they encrypt
  1. rotation-inversion block=8x8
     every 8x8 block is turned and mirrored in one of the 8 ways in which a square falls on itself
  2. negative-positive block=8x8
     some 8x8 blocks are negated as wholes (p becomes max - p)
  3. colour-shuffling block=8x8 key=block
     the channels of every 8x8 block are brought into one of their 6 orders (does nothing to images
     of 32x32x1: the images are grey: one channel has one order)
  4. block-scrambling block=8x8
     the 8x8 blocks change places in the image

Options
  --block SIZE           the block in pixels: 4, or HEIGHTxWIDTH [default: 16x16]
  --channel-table NAME   the orders of the channels: permutations, or as-published (cannot be
                         undone) [default: permutations]

Source          Chuman, Sirichotedumrong & Kiya, \"Encryption-then-compression systems using
                grayscale-based image encryption for JPEG images\", IEEE TIFS 14(6), 2019, its
                section on the colour-based scheme that it starts from
Inverse         yes: decryption gives every pixel back exactly
Key per image   no: all images share the key
JPEG            yes: blocks of 8x8 are taken as wholes and stay as smooth inside as they were
Key space       108, in bits, for images of 32x32x1
What breaks it  whoever puts the blocks together as a jigsaw puzzle; what is inside a block is plain
                to see
Left open       the published code orders channels by assigning them one after another in place,
                which loses channels in five of its six cases (--channel-table as-published does the
                same). Our keys draw the 8 symmetries of the square uniformly; the paper draws
                rotations and inversions apart, which gives some of the 8 twice

Key space: log2 of the number of different things that keys can do to an image. A secret has 256
bits, so no key reaches more; what written-out tables could do beyond that is given as (tables:
...). It says nothing about attacks which need no search, and most of these schemes fall to one.
";
    Desk::new().run("schemes etc --block 8 --size 32x32x1").is(0, text, "");
}

#[test]
fn a_scheme_of_ones_own_is_explained_too() {
    let desk = Desk::new();
    desk.write("own.toml", OWN.as_bytes());
    let text = "\
two-sizes: a scheme of your own, from own.toml

Stages, in the order in which they encrypt
  1. pixel-shuffling block=4x4 key=shared
     the samples of every 4x4 block change places inside it, by one permutation for all blocks
  2. sign-flip block=4x4 key=shared
     some samples of every 4x4 block are negated (p becomes max - p), in all blocks at the same
     places
  3. rotation-inversion block=8x8
     every 8x8 block is turned and mirrored in one of the 8 ways in which a square falls on itself
  4. block-scrambling block=8x8
     the 8x8 blocks change places in the image

Inverse         yes: decryption gives every pixel back exactly
Key per image   no: all images share the key
JPEG            no: pixel-shuffling leaves no smooth areas, and JPEG compresses nothing else
Key space       at most 256 (tables: 548), in bits, for images of 64x64x1
What breaks it  not known to imgveil: nobody has tried. Where all images share a key, expect it to
                be read off a few plain images with their encryptions

Key space: log2 of the number of different things that keys can do to an image. A secret has 256
bits, so no key reaches more; what written-out tables could do beyond that is given as (tables:
...). It says nothing about attacks which need no search, and most of these schemes fall to one.
";
    desk.run("schemes own.toml --size 64x64x1").is(0, text, "");
    let done = desk.run("schemes own.toml --size 12x12x1");
    let line = "Key space       - for images of 12x12x1: blocks of 8x8 do not tile an image of 12x12";
    assert!(done.out.lines().any(|l| l == line), "{}", done.out);
    let done = desk.run("schemes own.toml --size 8x8x1 --json");
    let json: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    assert_eq!((&json["name"], &json["options"], &json["about"]), (&"two-sizes".into(), &Value::Null, &Value::Null));
    assert_eq!(
        json["stages"][3],
        serde_json::json!({
            "stage": "block-scrambling block=8x8", "does": "the 8x8 blocks change places in the image",
            "idle": "the image is a single block", "key_space": { "bits": 0.0, "tables": 0.0 },
        })
    );
}

#[test]
fn what_is_no_scheme_is_not_explained() {
    let desk = Desk::new();
    let words = "there is no scheme `rot13`; the schemes are none, shuffle-flip, le, ele, etc, skk, skk-filter, shf, np, vit, \
                 instahide, keystream";
    desk.refuses("schemes rot13", USAGE, words);
    desk.refuses("schemes own.toml", USAGE, "there is no scheme file own.toml: check the path");
    desk.write("own.toml", b"[[stage]]\n");
    desk.refuses_like("schemes own.toml", USAGE, |words| {
        words.contains("own.toml:1: this stage does not say what it is")
    });
    desk.refuses(
        "schemes le --scramble",
        USAGE,
        "scheme `le` has no block scrambling to choose; leave that option out",
    );
    let words = "--block is an option of one scheme: name it, as in `imgveil schemes shuffle-flip`";
    desk.refuses("schemes --block 8", USAGE, words);
    let words = "invalid value '28x28' for '--size <SIZE>': `28x28` is not a geometry; write HEIGHTxWIDTHxCHANNELS, such as \
                 224x224x3, and x16 behind it for 16-bit samples\n\nFor more information, try '--help'.";
    desk.refuses("schemes --size 28x28", USAGE, words);
}

/// A scheme of one's own, with blocks of 4 and of 8.
const OWN: &str = include_str!("../examples/scheme.toml");

#[test]
fn a_scheme_of_ones_own_encrypts_and_decrypts_without_its_file() {
    for colour in [false, true] {
        let desk = Desk::new();
        set(&desk, colour);
        desk.write("own.toml", OWN.as_bytes());
        desk.does("encrypt -k k.key -s own.toml in enc", 6, "0.0", "two-sizes");
        std::fs::remove_file(desk.path("own.toml")).unwrap();
        desk.does("decrypt -k k.key enc back", 6, "0.0", "two-sizes");
        for (source, written) in SET {
            let plain = desk.pixels(&format!("in/{source}"));
            assert_eq!(desk.pixels(&format!("back/{written}")), plain);
            assert_ne!(desk.pixels(&format!("enc/{written}")), plain);
        }
        let stages = [
            "pixel-shuffling block=4x4 key=shared",
            "sign-flip block=4x4 key=shared",
            "rotation-inversion block=8x8",
            "block-scrambling block=8x8",
        ];
        assert_eq!(desk.manifest("enc")["scheme"], serde_json::json!({ "name": "two-sizes", "stages": stages }));
    }
}

#[test]
fn the_key_of_a_scheme_of_ones_own_can_be_written_out() {
    let desk = Desk::new();
    desk.picture("in/a.png", grey(16, 24, 0));
    desk.picture("in/b.png", grey(16, 24, 1));
    desk.write("own.toml", OWN.as_bytes());
    let export = desk.run("key export-tables -k k.key -s own.toml --size 16x24x1 -o own.npz");
    assert_eq!(export.code, 0, "{}", export.err);
    desk.does("encrypt -k k.key -s own.toml in key", 2, "0.0", "two-sizes");
    assert_eq!(desk.run("encrypt --tables own.npz -s own.toml in tables").code, 0);
    for name in ["a.png", "b.png"] {
        assert_eq!(desk.pixels(&format!("tables/{name}")), desk.pixels(&format!("key/{name}")));
    }
}

/// What decides the bits is the list of stages, whoever wrote it down and under which name.
#[test]
fn a_preset_written_as_a_file_gives_the_presets_bits() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.write("own.toml", b"[[stage]]\nstage = 'nibble-shuffling'\nblock = 4\n");
    desk.does("encrypt -k k.key -s own.toml in own", 2, "0.0", "own");
    desk.does("encrypt -k k.key -s le in le", 2, "0.0", "le");
    for name in ["a.png", "b.png"] {
        assert_eq!(desk.pixels(&format!("own/{name}")), desk.pixels(&format!("le/{name}")));
    }
}

#[test]
fn the_blocks_of_a_scheme_of_ones_own_tile_together() {
    let desk = Desk::new();
    desk.picture("in/a.png", grey(12, 20, 0));
    desk.write("own.toml", OWN.as_bytes());
    let right = |words: &str| words.contains("blocks of 8x8 pixels do not tile an image of 12x20");
    desk.refuses_like("encrypt -k k.key -s own.toml in out", USAGE, right);
    desk.does("encrypt -k k.key -s own.toml --pad in enc", 1, "0.0", "two-sizes");
    assert_eq!(desk.pixels("enc/a.png").0, 16);
    desk.does("decrypt -k k.key enc back", 1, "0.0", "two-sizes");
    assert_eq!(desk.pixels("back/a.png"), desk.pixels("in/a.png"));
}

#[test]
fn a_file_that_is_no_scheme_is_refused_with_its_line() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    for (text, words) in [
        ("[[stage]\n", "own.toml:1: this is no TOML: unclosed array table, expected `]`"),
        (
            "name = \"mine\"\nstages = 4\n",
            "own.toml:2: `stages` means nothing here; a scheme has a name and stages ([[stage]])",
        ),
        (
            "[[stage]]\nstage = \"block-scrambling\"\nblocks = 4\n",
            "own.toml:3: block-scrambling has no field `blocks`; it has block",
        ),
        (
            "name = \"vit\"\n[[stage]]\nstage = \"keystream\"\n",
            "own.toml:1: `vit` is the name of a built-in scheme; choose another, so that nobody mixes their results up",
        ),
        ("[[stage]]\nstage = \"sign-flip\"\n", "own.toml:1: sign-flip needs the field `block`"),
    ] {
        desk.write("own.toml", text.as_bytes());
        desk.refuses("encrypt -k k.key -s own.toml in out", USAGE, words);
        #[cfg(feature = "train")]
        desk.refuses("train --data in -k k.key -s own.toml -o run", USAGE, words);
    }
    desk.write("own.toml", &[b'#'; 100_000]);
    let words = "own.toml:1: this is too long for a scheme: more than 65536 bytes";
    desk.refuses("encrypt -k k.key -s own.toml in out", USAGE, words);
    let words = "there is no scheme file away/own.toml: check the path";
    desk.refuses("encrypt -k k.key -s away/own.toml in out", USAGE, words);
    std::fs::create_dir(desk.path("dir.toml")).unwrap();
    desk.refuses_like("encrypt -k k.key -s dir.toml in out", 1, |words| words.contains("the scheme file dir.toml: "));
}

#[test]
fn options_beside_a_scheme_of_ones_own_are_refused() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    desk.write("own.toml", OWN.as_bytes());
    for option in [
        "--block 4",
        "--key-scope block",
        "--scramble",
        "--sign-flip",
        "--statistic mean",
        "--channel-table permutations",
    ] {
        let flag = option.split(' ').next().unwrap();
        let words = format!(
            "{flag} is for the built-in schemes; own.toml says by itself what its stages do: change it there, and leave \
             {flag} out"
        );
        desk.refuses(&format!("encrypt -k k.key -s own.toml {option} in out"), USAGE, &words);
    }
}

/// The name goes into folders' names and onto terminals.
#[test]
fn a_set_whose_scheme_has_a_strange_name_is_not_trusted() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    assert_eq!(desk.run("encrypt -k k.key in enc").code, 0);
    let text = String::from_utf8(desk.read("enc/imgveil.json")).unwrap();
    desk.write("enc/imgveil.json", text.replace("\"shuffle-flip\"", "\"../../up\"").as_bytes());
    let right = |words: &str| words.contains("the name `../../up` does not begin with a letter or digit");
    desk.refuses_like("decrypt -k k.key enc back", DATASET, right);
}

#[test]
fn key_scopes_that_a_scheme_has_not_are_refused() {
    let desk = Desk::new();
    let words = "scheme `shuffle-flip` has no key scope `image`, only shared and block";
    desk.refuses("encrypt -k k.key --key-scope image in out", USAGE, words);
    let words = "scheme `skk` has no key scope `block`, only shared and image";
    desk.refuses("encrypt -k k.key -s skk --key-scope block in out", USAGE, words);
}

/// Every scheme there and back, on real files; those that lose something say so and write nothing.
#[test]
fn every_scheme_is_undone_or_says_that_it_cannot_be() {
    let desk = Desk::new();
    for seed in 0..3 {
        desk.picture(&format!("in/{seed}.png"), rgb(32, 32, seed));
    }
    for (options, lossy) in [
        ("-s none", None),
        ("-s shuffle-flip --block 8 --key-scope block --scramble", None),
        ("-s le", None),
        ("-s ele", None),
        ("-s etc", None),
        ("-s etc --channel-table as-published", Some(("etc", "colour shuffling as published drops channels"))),
        ("-s skk", None),
        ("-s skk --key-scope image", None),
        ("-s skk-filter --statistic mean", Some(("skk-filter", "the block statistic keeps one value of each block"))),
        ("-s shf", None),
        ("-s np", None),
        ("-s vit --sign-flip", None),
        ("-s keystream", None),
    ] {
        let done = desk.run(&format!("encrypt -k k.key {options} in enc"));
        assert_eq!((done.code, done.err.as_str()), (0, ""), "{options}");
        match lossy {
            None => {
                assert_eq!(desk.run("decrypt -k k.key enc back").code, 0, "{options}");
                for seed in 0..3 {
                    let name = format!("{seed}.png");
                    assert_eq!(desk.pixels(&format!("back/{name}")), desk.pixels(&format!("in/{name}")), "{options}");
                    let same = desk.pixels(&format!("enc/{name}")) == desk.pixels(&format!("in/{name}"));
                    assert_eq!(same, options == "-s none", "{options}");
                }
                std::fs::remove_dir_all(desk.path("back")).unwrap();
            }
            Some((scheme, why)) => {
                let words = format!(
                    "this set was encrypted with {scheme}, which cannot be undone: {why}. Nothing was written; keep the plain \
                     images if you need them again"
                );
                desk.refuses("decrypt -k k.key enc back", USAGE, &words);
            }
        }
        std::fs::remove_dir_all(desk.path("enc")).unwrap();
    }
}

#[test]
fn stages_that_do_nothing_to_grey_images_are_named() {
    let desk = Desk::new();
    desk.picture("in/a.png", grey(32, 32, 1));
    let done = desk.run("encrypt -k k.key -s etc in out");
    let words = "note: colour-shuffling block=16x16 key=block does nothing here: the images are grey: one channel has one \
                 order\n";
    assert_eq!((done.code, done.err.as_str()), (0, words));
    let done = desk.run("encrypt -k k.key -s skk in skk");
    let words = "note: colour-shuffling block=1x1 key=block does nothing here: the images are grey: one channel has one \
                 order\n";
    assert_eq!((done.code, done.err.as_str()), (0, words));
}

#[test]
fn mixtures_are_floats_in_an_npz_and_stay_so() {
    let desk = Desk::new();
    desk.greys(&["in/x/a.png", "in/x/b.png", "in/y/c.png"]);
    let folder = "this scheme mixes images and gives floats, which no PNG holds: mixed must be an .npz file";
    desk.refuses("encrypt -k k.key -s instahide in mixed", USAGE, folder);
    desk.does("encrypt -k k.key -s instahide in mixed.npz", 3, "0.0", "instahide");
    let words = "mixed.npz holds mixtures of images (scheme instahide), as floats: they cannot be undone or encrypted again, \
                 only trained on";
    desk.refuses("decrypt -k k.key mixed.npz back", USAGE, words);
    desk.refuses("encrypt -k k.key mixed.npz again.npz", USAGE, words);
    let exists = "mixed.npz exists and is not empty: nothing was written; choose another output or remove it first";
    desk.refuses("encrypt -k k.key -s instahide in mixed.npz", USAGE, exists);
}

#[test]
fn sizes_that_are_none_are_refused() {
    let desk = Desk::new();
    for bad in ["0", "4x", "big", "70000", "4x0"] {
        let words = format!(
            "invalid value '{bad}' for '--block <SIZE>': `{bad}` is not a block size: write 4 for 4x4 pixels, or \
             HEIGHTxWIDTH such as 4x8 (1 to 65535 a side)\n\nFor more information, try '--help'."
        );
        desk.refuses(&format!("encrypt -k k.key --block {bad} in out"), USAGE, &words);
        let words = format!(
            "invalid value '{bad}' for '--resize <SIZE>': `{bad}` is not a size: write 224 or HEIGHTxWIDTH such as \
             192x256\n\nFor more information, try '--help'."
        );
        desk.refuses(&format!("encrypt -k k.key --resize {bad} in out"), USAGE, &words);
    }
    let words = "invalid value 'all' for '--key-scope <SCOPE>': `all` is not a key scope: write `shared` (one key for \
                 all blocks), `block` (a key per block) or `image` (a key per image)\n\nFor more information, try '--help'.";
    desk.refuses("encrypt -k k.key --key-scope all in out", USAGE, words);
}

/// Which adapters there are differs between machines: the list behind the beginning is not compared. But it must not
/// say "there are 0 (llvmpipe ...)" where there is one, whose number is 0.
#[test]
fn devices_that_are_not_there_are_refused() {
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    assert_eq!(desk.run("encrypt -k k.key in enc").code, 0);
    let unknown = |words: &str| {
        words.starts_with("error: no adapter's name contains `abacus`: ") && words.ends_with("use --device cpu\n")
    };
    let number = |words: &str| {
        words.starts_with("error: there is no adapter number 99: ")
            && words.ends_with("use --device cpu\n")
            && !words.contains(": there are 0 (")
    };
    for job in ["encrypt -k k.key in", "decrypt -k k.key enc"] {
        desk.refuses_like(&format!("{job} --device abacus out"), DEVICE, unknown);
        desk.refuses_like(&format!("{job} --device 99 out"), DEVICE, number);
    }
}

#[test]
fn devices_are_listed_with_the_numbers_that_they_are_chosen_by() {
    let desk = Desk::new();
    let done = desk.run("devices --json");
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let list: Vec<Value> = serde_json::from_str(&done.out).unwrap();
    let text = desk.run("devices");
    assert_eq!((text.code, text.err.as_str()), (0, ""));
    for (i, adapter) in list.iter().enumerate() {
        assert_eq!(adapter["index"], i);
        let line = format!("{i}  {} ({}, ", adapter["name"].as_str().unwrap(), adapter["kind"].as_str().unwrap());
        assert!(text.out.lines().any(|l| l.starts_with(&line)), "{line}: {}", text.out);
        assert!(adapter["binding_limit"].as_u64().unwrap() > 0 && adapter["f16"].is_boolean());
    }
    assert_eq!(list.is_empty(), text.out.starts_with("no GPU adapter: "));
}

// ---- What works ---------------------------------------------------------------------------------------------------

/// Sources of a set with splits and classes, in the order of their names, and what they are written as.
const SET: [(&str, &str); 6] = [
    ("test/b/deep/6.JPG", "test/b/deep/6.png"),
    ("train/a/IM-0115.1.PNG", "train/a/IM-0115.1.png"),
    ("train/a/x.jpg", "train/a/x.png"),
    ("train/b/1.jpeg", "train/b/1.png"),
    ("val/a/1.png", "val/a/1.png"),
    ("val/b/ü ö.png", "val/b/ü ö.png"),
];

fn set(desk: &Desk, colour: bool) {
    for ((name, _), seed) in SET.iter().zip(0..) {
        let name = format!("in/{name}");
        match colour {
            true => desk.picture(&name, rgb(16, 24, seed)),
            false => desk.picture(&name, grey(16, 24, seed)),
        }
    }
}

#[test]
fn folders_of_png_and_jpeg_come_back_exactly() {
    let schemes = [
        ("none", "none"),
        ("shuffle-flip", "shuffle-flip"),
        ("shuffle-flip --block 8 --key-scope block --scramble", "shuffle-flip"),
        ("keystream", "keystream"),
    ];
    for colour in [false, true] {
        let desk = Desk::new();
        set(&desk, colour);
        for (i, (options, name)) in schemes.into_iter().enumerate() {
            desk.does(&format!("encrypt -k k.key -s {options} in enc{i}"), 6, "0.0", name);
            desk.does(&format!("decrypt -k k.key enc{i} back{i}"), 6, "0.0", name);
            let written = SET.map(|(_, written)| written.to_owned());
            assert_eq!(desk.files(&format!("back{i}")), written);
            let mut with_manifest = written.to_vec();
            with_manifest.insert(0, "imgveil.json".into());
            assert_eq!(desk.files(&format!("enc{i}")), with_manifest);
            for (source, written) in SET {
                let plain = desk.pixels(&format!("in/{source}"));
                let encrypted = desk.pixels(&format!("enc{i}/{written}"));
                assert_eq!(plain.2.len(), if colour { 16 * 24 * 3 } else { 16 * 24 });
                assert_eq!(desk.pixels(&format!("back{i}/{written}")), plain, "{source} under {options}");
                assert_eq!((encrypted.0, encrypted.1), (16, 24));
                assert_eq!(encrypted.2 == plain.2, name == "none", "{source} under {options}");
            }
        }
    }
}

#[test]
fn the_manifest_says_what_is_documented() {
    let desk = Desk::new();
    set(&desk, false);
    desk.does("encrypt -k k.key --block 2x8 --key-scope block --scramble in enc", 6, "0.0", "shuffle-flip");
    let manifest = desk.manifest("enc");
    assert_eq!(manifest["format"], 1);
    assert_eq!(manifest["tool"], concat!("imgveil ", env!("CARGO_PKG_VERSION")));
    assert_eq!(manifest["key"], FINGERPRINT);
    assert_eq!(manifest["classes"], serde_json::json!(["a", "b"]));
    let stages = ["pixel-shuffling block=2x8 key=block", "sign-flip block=2x8 key=block", "block-scrambling block=2x8"];
    assert_eq!(manifest["scheme"], serde_json::json!({ "name": "shuffle-flip", "stages": stages }));
    let images = manifest["images"].as_array().unwrap();
    assert_eq!(images.len(), 6);
    for (image, (_, path)) in images.iter().zip(SET) {
        assert_eq!(image["path"], path);
        assert_eq!(image["name"], path.strip_suffix(".png").unwrap());
        assert_eq!(image["split"], path.split('/').next().unwrap());
        assert_eq!(image["label"], u32::from(path.contains("/b/")));
        assert_eq!(image["geometry"], "16x24x1");
        assert!(image.get("original").is_none());
        let hash = blake3::hash(&desk.read(&format!("enc/{path}"))).to_hex();
        assert_eq!(image["blake3"], hash.as_str());
        let hex = |field: &str| {
            image[field].as_str().unwrap().bytes().filter(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)).count()
        };
        assert_eq!((hex("id"), hex("plain")), (16, 32));
    }
}

/// Members of an array file: shape and one-byte data of the arrays, text of the rest.
fn npz(bytes: &[u8]) -> BTreeMap<String, (Vec<u64>, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut members = BTreeMap::new();
    for i in 0..zip.len() {
        let mut member = zip.by_index(i).unwrap();
        let (name, mut bytes) = (member.name().unwrap().into_owned(), Vec::new());
        member.read_to_end(&mut bytes).unwrap();
        let content = match name.ends_with(".npy") {
            true => {
                let array = npyz::NpyFile::new(&bytes[..]).unwrap();
                (array.shape().to_vec(), array.into_vec::<u8>().unwrap())
            }
            false => (Vec::new(), bytes),
        };
        members.insert(name, content);
    }
    members
}

fn write_npz(members: &BTreeMap<String, (Vec<u64>, Vec<u8>)>) -> Vec<u8> {
    use npyz::WriterBuilder;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, (shape, data)) in members {
        zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape);
        let mut array = options.writer(&mut bytes).begin_nd().unwrap();
        array.extend(data.iter().copied()).unwrap();
        array.finish().unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_tree_becomes_an_npz_and_a_tree_again() {
    for colour in [false, true] {
        let desk = Desk::new();
        set(&desk, colour);
        desk.does("encrypt -k k.key in enc.npz", 6, "0.0", "shuffle-flip");
        let arrays = npz(&desk.read("enc.npz"));
        let names =
            ["test", "train", "val"].map(|split| [format!("{split}_images.npy"), format!("{split}_labels.npy")]);
        let mut names = names.concat();
        names.insert(0, "imgveil.json".into());
        assert_eq!(arrays.keys().cloned().collect::<Vec<_>>(), names);
        let shape = |count: u64| if colour { vec![count, 16, 24, 3] } else { vec![count, 16, 24] };
        assert_eq!((&arrays["train_images.npy"].0, &arrays["val_images.npy"].0), (&shape(3), &shape(2)));
        assert_eq!(arrays["train_labels.npy"], (vec![3, 1], vec![0, 0, 1]));
        assert_eq!(arrays["val_labels.npy"], (vec![2, 1], vec![0, 1]));
        // The same pixels as in a folder.
        desk.does("encrypt -k k.key in enc", 6, "0.0", "shuffle-flip");
        let folder: Vec<u8> = ["a/IM-0115.1", "a/x", "b/1"]
            .iter()
            .flat_map(|name| desk.pixels(&format!("enc/train/{name}.png")).2)
            .collect();
        assert!(arrays["train_images.npy"].1 == folder);
        desk.does("decrypt -k k.key enc.npz back", 6, "0.0", "shuffle-flip");
        assert_eq!(desk.files("back"), SET.map(|(_, written)| written));
        for (source, written) in SET {
            assert_eq!(desk.pixels(&format!("back/{written}")), desk.pixels(&format!("in/{source}")), "{source}");
        }
    }
}

#[test]
fn an_npz_becomes_a_tree_and_the_same_npz_again() {
    let desk = Desk::new();
    let arrays = BTreeMap::from([
        ("train_images.npy".to_owned(), (vec![3, 8, 12], samples(288, 1))),
        ("train_labels.npy".to_owned(), (vec![3, 1], vec![1, 0, 2])),
        ("test_images.npy".to_owned(), (vec![2, 8, 12], samples(192, 2))),
        ("test_labels.npy".to_owned(), (vec![2, 1], vec![2, 1])),
    ]);
    desk.write("in.npz", &write_npz(&arrays));
    desk.does("encrypt -k k.key in.npz enc", 5, "0.0", "shuffle-flip");
    let written =
        ["test/1/000001.png", "test/2/000000.png", "train/0/000001.png", "train/1/000000.png", "train/2/000002.png"];
    assert_eq!(desk.files("enc"), [&["imgveil.json"], &written[..]].concat());
    assert_eq!(desk.manifest("enc")["classes"], serde_json::json!(["0", "1", "2"]));
    desk.does("decrypt -k k.key enc back.npz", 5, "0.0", "shuffle-flip");
    assert_eq!(npz(&desk.read("back.npz")), arrays);
    desk.does("decrypt -k k.key enc back", 5, "0.0", "shuffle-flip");
    assert_eq!(desk.files("back"), written);
    assert_eq!(desk.pixels("back/train/0/000001.png"), (8, 12, arrays["train_images.npy"].1[96..192].to_vec()));
}

#[test]
fn a_set_that_is_not_divided_is_named_images() {
    let desk = Desk::new();
    let arrays = BTreeMap::from([("images.npy".to_owned(), (vec![2, 4, 4, 3], samples(96, 1)))]);
    desk.write("in.npz", &write_npz(&arrays));
    desk.does("encrypt -k k.key in.npz enc", 2, "0.0", "shuffle-flip");
    assert_eq!(desk.files("enc"), ["images/000000.png", "images/000001.png", "imgveil.json"]);
    desk.does("decrypt -k k.key enc back.npz", 2, "0.0", "shuffle-flip");
    assert_eq!(npz(&desk.read("back.npz")), arrays);
}

#[test]
fn files_that_are_no_arrays_are_refused() {
    let desk = Desk::new();
    desk.write("in.npz", b"no archive");
    let right = |words: &str| words.starts_with("error: in.npz is not a usable .npz set: ");
    desk.refuses_like("encrypt -k k.key in.npz out", DATASET, right);
    desk.write("in.npz", &write_npz(&BTreeMap::from([("x.npy".to_owned(), (vec![1], vec![1]))])));
    let words = "in.npz is not a usable .npz set: it has no array train_images, val_images, test_images or images";
    desk.refuses("encrypt -k k.key in.npz out", DATASET, words);
    let labels = |count: u64| {
        BTreeMap::from([
            ("train_images.npy".to_owned(), (vec![2, 4, 4], samples(32, 0))),
            ("train_labels.npy".to_owned(), (vec![count], vec![0; count as usize])),
        ])
    };
    desk.write("in.npz", &write_npz(&labels(3)));
    let words = "in.npz is not a usable .npz set: train_images has 2 images but 3 labels";
    desk.refuses("encrypt -k k.key in.npz out", DATASET, words);
    desk.write("in.npz", &write_npz(&labels(2)));
    desk.does("encrypt -k k.key in.npz out", 2, "0.0", "shuffle-flip");
}

#[test]
fn json_says_what_is_documented() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.write("in/notes.txt", b"no image");
    desk.write("in/c.png", b"no image");
    desk.write("in/d.png", b"no image");
    for (line, failed, ignored) in
        [("encrypt -k k.key --json in enc", 2, 1), ("decrypt -k k.key --json enc back", 0, 0)]
    {
        let done = desk.run(line);
        let mut json: Value = serde_json::from_str(&done.out).unwrap();
        let fields = json.as_object_mut().unwrap();
        assert!(fields.remove("seconds").unwrap().as_f64().unwrap() > 0.0);
        let busy = fields.remove("busy").unwrap();
        assert!(["decode", "device", "encode"].iter().all(|stage| busy[stage].as_f64().unwrap() > 0.0), "{busy}");
        let device = fields.remove("device").unwrap();
        assert!(device.as_str().unwrap().starts_with("CPU, "), "{device}");
        let names = ["c.png", "d.png"];
        let aside: Vec<Value> =
            names[..failed].iter().map(|name| serde_json::json!({ "path": name, "reason": FOREIGN })).collect();
        let stages = ["pixel-shuffling block=4x4 key=shared", "sign-flip block=4x4 key=shared"];
        let expected = serde_json::json!({
            "images": 2, "resumed": 0, "encoding": { "format": "png" }, "names": null, "bytes": 128, "failed": aside, "ignored": ignored, "key": FINGERPRINT,
            "scheme": { "name": "shuffle-flip", "stages": stages },
        });
        assert_eq!(json, expected, "{line}");
        // What is not JSON goes to the other channel.
        assert_eq!(
            (done.code, done.err.is_empty()),
            (if failed > 0 { PARTLY } else { 0 }, failed == 0),
            "{}",
            done.err
        );
    }
}

// ---- Previews -----------------------------------------------------------------------------------------------------

const RANDOM: &str = "No key was given: the sheet shows a random one, which was not kept. -k FILE shows yours.\n";

/// What a preview says when it is done.
fn showed(line: &str, schemes: &str, exact: usize, lossy: usize) -> String {
    format!("wrote {line} under {schemes}, {exact} decrypted exactly, {lossy} lossy, on CPU, N threads\n")
}

/// The rows of the only device of a report, named, and each of them right in itself.
fn bench_rows(report: &Value) -> Vec<String> {
    let rows = report["devices"][0]["rows"].as_array().unwrap();
    for row in rows {
        let number = |field: &str| row[field].as_f64().unwrap();
        // What is read and written in the time of an image: of mixtures, four images are read for one.
        let geometry: Geometry = row["geometry"].as_str().unwrap().parse().unwrap();
        let (samples, bytes) = (geometry.samples() as f64, geometry.bytes() as f64);
        let read = if row["scheme"] == "instahide" { 4.0 * bytes } else { bytes };
        let written = if row["way"] == "bytes to floats" { 4.0 * samples } else { bytes };
        let gib = number("images_per_second") * (read + written) / f64::from(1 << 30);
        assert!(gib > 0.0 && (number("gib_per_second") / gib - 1.0).abs() < 1e-9, "{row}");
    }
    rows.iter().map(|row| format!("{} {} {}", row["scheme"], row["geometry"], row["way"]).replace('"', "")).collect()
}

/// Runs a bench and gives its report.
fn benched(desk: &Desk, line: &str) -> (Vec<u8>, Value) {
    // Not `run`: that puts placeholders into the text.
    let done = desk.command("", line).output().unwrap();
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(0), ""));
    let report = serde_json::from_slice(&done.stdout).unwrap();
    (done.stdout, report)
}

#[test]
fn a_bench_prints_figures_and_compares_them() {
    let desk = Desk::new();
    desk.write("disk/keep", b"");
    let line = "bench --device cpu --scheme le --scheme etc --scheme instahide --size 8x8x3 --size 12x12x1x16 --batch 1 --seconds 0 --disk disk";
    let (text, report) = benched(&desk, &format!("{line} --json"));
    desk.write("before.json", &text);
    let of_cpu = &report["devices"][0];
    assert!(
        of_cpu["ceilings"].as_array().unwrap().iter().all(|ceiling| ceiling["gib_per_second"].as_f64().unwrap() > 0.0)
    );
    let names = bench_rows(&report);
    let mut expected = Vec::new();
    for size in ["8x8x3", "12x12x1x16"] {
        for scheme in ["none", "le", "etc", "instahide"] {
            // Mixtures are floats, of 8-bit images.
            let ways: &[&str] = match (scheme, size) {
                ("instahide", "8x8x3") => &["bytes to floats"],
                ("instahide", _) => &[],
                _ => &["bytes to bytes", "bytes to floats", "from disk to disk"],
            };
            expected.extend(ways.iter().map(|way| format!("{scheme} {size} {way}")));
        }
    }
    assert_eq!(names, expected);
    // Nothing stays on the disk.
    assert_eq!(desk.files("disk"), ["keep"]);
    assert_eq!(of_cpu["left_out"].as_array().unwrap().len(), 1);
    let compared = desk.run(&format!("{line} --compare before.json"));
    assert_eq!(compared.code, 0, "{}", compared.err);
    assert_eq!(compared.out.matches(" times as before").count(), names.len(), "{}", compared.out);
    assert!(compared.out.contains("  left out: instahide on 12x12x1x16: "), "{}", compared.out);
    desk.refuses("bench --compare no.json", USAGE, "cannot read no.json: No such file or directory (os error 2)");
    desk.write("no.json", b"{}");
    desk.refuses_like("bench --compare no.json", DATASET, |words| {
        words.contains("holds no figures that `imgveil bench --json`")
    });
    desk.refuses_like("bench --device cpu --scheme lee", USAGE, |words| words.contains("`lee`"));
    desk.refuses_like("bench --device cpu --scheme le --size 8x8x3 --batch 1 --seconds 0 --disk nowhere", 1, |words| {
        words.contains("cannot measure in nowhere: ") && words.contains("--no-disk leaves the disk out")
    });
}

#[test]
fn a_bench_of_an_adapter_has_its_limits_and_the_way_there_and_back() {
    if std::env::var("IMGVEIL_SKIP_GPU").is_ok_and(|v| v == "1") {
        common::say_skipped("a_bench_of_an_adapter_has_its_limits_and_the_way_there_and_back: IMGVEIL_SKIP_GPU=1");
        return;
    }
    let desk = Desk::new();
    let device = std::env::var("IMGVEIL_TEST_DEVICE").unwrap_or("gpu".into());
    // Tiles and the simple kernels, a step between, a mixture.
    let line = format!(
        "bench --device {device} --scheme ele --scheme skk-filter --scheme instahide --size 16x16x3 --size 10x10x1 --batch 1 --seconds 0 --no-disk"
    );
    let (text, report) = benched(&desk, &format!("{line} --json"));
    desk.write("before.json", &text);
    let of_gpu = &report["devices"][0];
    let ceilings: Vec<&str> =
        of_gpu["ceilings"].as_array().unwrap().iter().map(|ceiling| ceiling["name"].as_str().unwrap()).collect();
    let limits = ["host copy, 1 thread", "host copy, all threads", "device copy", "upload", "readback", "a dispatch"];
    assert_eq!(ceilings, limits);
    let mut expected = Vec::new();
    for size in ["16x16x3", "10x10x1"] {
        for scheme in ["none", "ele", "skk-filter", "instahide"] {
            let ways: &[&str] = match scheme {
                "instahide" => &["bytes to floats"],
                // 10 is not a multiple of 4.
                "ele" if size == "10x10x1" => &[],
                _ => &["bytes to bytes", "from memory to memory", "bytes to floats"],
            };
            expected.extend(ways.iter().map(|way| format!("{scheme} {size} {way}")));
        }
    }
    assert_eq!(bench_rows(&report), expected);
    let compared = desk.run(&format!("{line} --compare before.json"));
    assert_eq!(
        (compared.code, compared.out.matches(" times as before").count()),
        (0, expected.len()),
        "{}",
        compared.out
    );
}

#[test]
fn a_preview_shows_an_image_under_every_scheme() {
    let desk = Desk::new();
    desk.picture("a.png", rgb(40, 56, 1));
    desk.picture("grey.png", grey(28, 28, 1));
    desk.run("preview a.png -k k.key -o sheet.png").is(0, &showed("sheet.png: a.png", "19 schemes", 13, 6), "");
    // Without colours there is nothing for the published channel table to lose.
    desk.run("preview grey.png -k k.key").is(0, &showed("preview.png: grey.png", "19 schemes", 14, 5), "");
    desk.run("preview a.png -k k.key -o again.png").is(0, &showed("again.png: a.png", "19 schemes", 13, 6), "");
    assert!(desk.read("sheet.png") == desk.read("again.png"));
    // The key's choice may be to lose no channel, but hardly ever is: not counted here.
    desk.run("preview a.png -s le -o random.png").is(0, &showed("random.png: a.png", "2 schemes", 2, 0), RANDOM);
    desk.run("preview a.png -s le -o other.png").is(0, &showed("other.png: a.png", "2 schemes", 2, 0), RANDOM);
    assert!(desk.read("random.png") != desk.read("other.png"));
    let files = ["a.png", "again.png", "grey.png", "k.key", "other.png", "preview.png", "random.png", "sheet.png"];
    assert_eq!(desk.files(""), files);
    for sheet in ["sheet.png", "preview.png"] {
        let (height, width, _) = desk.pixels(sheet);
        assert!((1000..3000).contains(&height) && (1000..3000).contains(&width), "{height}x{width}");
    }
}

/// Whether a sheet shows this grey picture somewhere, pixel by pixel.
fn shows(desk: &Desk, sheet: &str, picture: &str) -> bool {
    let (sheet_height, sheet_width, sheet) = desk.pixels(sheet);
    let (height, width, picture) = desk.pixels(picture);
    let (sheet_height, sheet_width) = (sheet_height as usize, sheet_width as usize);
    let (height, width) = (height as usize, width as usize);
    let row_is = |x: usize, y: usize, row: usize| {
        let shown = sheet[((y + row) * sheet_width + x) * 3..][..width * 3].iter();
        shown.copied().eq(picture[row * width..][..width].iter().flat_map(|&sample| [sample; 3]))
    };
    (0..=sheet_height - height).any(|y| (0..=sheet_width - width).any(|x| (0..height).all(|row| row_is(x, y, row))))
}

/// A folder's images are named by their files: so a preview draws the same keys as encryption.
#[test]
fn a_preview_shows_what_encryption_makes() {
    let desk = Desk::new();
    desk.picture("in/scan.png", grey(296, 304, 1));
    desk.write("own.toml", OWN.as_bytes());
    desk.run("preview in/scan.png -k k.key -s shuffle-flip -s own.toml -s skk -s keystream -s none -o sheet.png").is(
        0,
        &showed("sheet.png: in/scan.png", "7 schemes", 7, 0),
        "",
    );
    for options in [
        "none",
        "shuffle-flip",
        "shuffle-flip --key-scope block --scramble",
        "own.toml",
        "skk --key-scope image",
        "keystream",
    ] {
        assert_eq!(desk.run(&format!("encrypt -k k.key -s {options} in enc")).code, 0);
        assert!(shows(&desk, "sheet.png", "enc/scan.png"), "{options}");
        std::fs::remove_dir_all(desk.path("enc")).unwrap();
    }
    assert_eq!(desk.run("encrypt -k k.key -s le in enc").code, 0);
    assert!(!shows(&desk, "sheet.png", "enc/scan.png"));
}

#[test]
fn a_preview_tells_in_json_what_it_shows() {
    let desk = Desk::new();
    desk.picture("a.png", grey(29, 30, 1));
    let done = desk.run("preview a.png -k k.key -s etc -s skk-filter --json");
    let json: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let schemes = json["schemes"].as_array().unwrap();
    let names: Vec<&str> = schemes.iter().map(|shown| shown["scheme"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["none", "etc", "etc", "skk-filter", "skk-filter", "skk-filter", "skk-filter"]);
    // 16 does not fit twice; 14 does along both sides, and what is over is cut off.
    let expected = serde_json::json!({
        "scheme": { "name": "etc", "stages": [
            "rotation-inversion block=14x14", "negative-positive block=14x14", "colour-shuffling block=14x14 key=block",
            "block-scrambling block=14x14",
        ] },
        "geometry": "28x28x1", "lossy": null,
        "idle": ["colour-shuffling block=14x14 key=block: the images are grey: one channel has one order"],
    });
    assert_eq!(schemes[1], expected);
    assert_eq!(schemes[3]["lossy"], "the block statistic keeps one value of each block");
    assert_eq!((&json["sheet"], &json["geometry"]), (&Value::from("preview.png"), &Value::from("29x30x1")));
    assert_eq!(json["key"], FINGERPRINT);
}

#[test]
fn a_preview_is_refused_with_a_reason() {
    let desk = Desk::new();
    desk.picture("a.png", grey(8, 8, 1));
    desk.write("text.png", b"no image");
    desk.write("there.png", b"mine");
    desk.write("own.toml", OWN.as_bytes());
    desk.write("large.toml", b"[[stage]]\nstage = 'block-scrambling'\nblock = '16x4'\n");
    desk.write("bad.toml", b"[[stage]]\nstage = 'shuffle'\n");
    desk.refuses("preview b.png -k k.key", USAGE, "there is no b.png: check the path");
    desk.refuses("preview text.png -k k.key", DATASET, &format!("text.png: {FOREIGN}"));
    desk.refuses_like("preview . -k k.key", DATASET, |words| words.starts_with("error: .: cannot be read: "));
    let words = "there.png exists and is not empty: nothing was written; choose another output or remove it first";
    desk.refuses("preview a.png -k k.key -o there.png", USAGE, words);
    desk.refuses("preview a.png -k k.key -o away/sheet.png", USAGE, "there is no away: check the path");
    let words = "the sheet is a PNG file, and sheet.jpg is no name for one: let it end in .png";
    desk.refuses("preview a.png -k k.key -o sheet.jpg", USAGE, words);
    let words = "there is no key file no.key: check the path, or make a key with `imgveil keygen -o FILE`";
    desk.refuses("preview a.png -k no.key", USAGE, words);
    desk.key("text.key", "no key", 0o600);
    desk.refuses_like("preview a.png -k text.key", KEY, |words| words.contains("text.key is not a usable key file"));
    let words = "there is no scheme `rot13`; the schemes are none, shuffle-flip, le, ele, etc, skk, skk-filter, shf, np, vit, \
                 instahide, keystream";
    desk.refuses("preview a.png -s rot13", USAGE, words);
    desk.refuses("preview a.png -s no.toml", USAGE, "there is no scheme file no.toml: check the path");
    desk.refuses_like("preview a.png -s bad.toml", USAGE, |words| {
        words.starts_with("error: bad.toml:2: `shuffle` is not")
    });
    let words = "scheme large works on blocks of 16x4, which are larger than the image of 8x8x1: leave it out, or give a larger \
                 image";
    desk.refuses("preview a.png -k k.key -s all -s large.toml", USAGE, words);
    let right = |words: &str| words.starts_with("error: there is no adapter number 99: ");
    desk.refuses_like("preview a.png --device 99", DEVICE, right);
    desk.run("preview a.png -k k.key -s all -s own.toml").is(0, &showed("preview.png: a.png", "20 schemes", 15, 5), "");
}

// ---- Killed and run again -----------------------------------------------------------------------------------------

const MANY: usize = 400;

fn many(desk: &Desk) {
    (0..MANY as u32).for_each(|i| desk.picture(&format!("in/{}/{i:03}.png", i % 3), grey(64, 64, i)));
}

fn start(desk: &Desk, line: &str) -> Child {
    desk.command("", line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a run as soon as it has written some images but not all; its output is what a cut run leaves.
fn cut(desk: &Desk, line: &str) {
    let out = desk.path(line.split_whitespace().last().unwrap());
    let images = |limit: usize| {
        let files = walkdir::WalkDir::new(&out).into_iter().flatten().map(|entry| entry.into_path());
        files.filter(|path| path.extension().is_some_and(|e| e == "png")).take(limit).count()
    };
    for _ in 0..50 {
        let mut run = start(desk, line);
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

/// Kills a job at random moments and starts it again, and compares with one that was left alone.
fn survives_kills(desk: &Desk, job: &str) {
    let begun = Instant::now();
    assert_eq!(desk.run(&format!("{job} unbroken")).code, 0);
    let mut whole = begun.elapsed();
    let unbroken = desk.tree("unbroken");
    assert!(unbroken.len() >= MANY && !unbroken.keys().any(|name| name.contains(".imgveil-")));
    let line = format!("{job} broken");
    let (broken, partial) = (desk.path("broken"), desk.path("broken/.imgveil-partial"));
    // Also where the kill came between the last write and the end of the process.
    let complete = || broken.exists() && !partial.exists() && desk.files("broken").len() >= MANY;
    let mut waits = Vec::new();
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    for round in 0..10 {
        let hash = blake3::hash(format!("{seed} {round}").as_bytes());
        let wait = whole.mul_f64(f64::from(hash.as_bytes()[0]) / 255.0);
        waits.push(wait);
        let mut run = start(desk, &line);
        std::thread::sleep(wait);
        run.kill().unwrap();
        match run.wait().unwrap().code() {
            Some(0) => assert!(complete(), "after {waits:?}"),
            // Where a kill is an exit code of 1; nothing else may be one.
            Some(code) if !cfg!(windows) => panic!("exit code {code} after {waits:?}: {}", desk.run(&line).err),
            _ => {}
        }
        if complete() {
            assert_same(&unbroken, &desk.tree("broken"));
            std::fs::remove_dir_all(&broken).unwrap();
            // The first run was slower, on a busy machine.
            whole = whole.mul_f64(0.7);
        }
    }
    // The last run goes on where one was surely cut in the middle.
    if !partial.exists() {
        cut(desk, &line);
    }
    let last = desk.run(&line);
    assert_eq!((last.code, last.err.as_str()), (0, ""), "after {waits:?}");
    assert_same(&unbroken, &desk.tree("broken"));
    assert!(desk.files("").iter().all(|name| !name.contains(".imgveil-")), "something was left beside the output");
}

#[test]
fn encryption_that_is_killed_goes_on() {
    let desk = Desk::new();
    many(&desk);
    survives_kills(&desk, "encrypt -k k.key --key-scope block in");
}

#[test]
fn decryption_that_is_killed_goes_on() {
    let desk = Desk::new();
    many(&desk);
    desk.does("encrypt -k k.key in enc", MANY, "1.6", "shuffle-flip");
    survives_kills(&desk, "decrypt -k k.key enc");
}

/// Killed before the note of what is being written got its name: nothing of value is there.
#[test]
fn a_run_that_was_killed_at_its_very_beginning_goes_on() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png"]);
    desk.write("out/.imgveil-Ab12Cd", b"imgveil enc");
    desk.does("encrypt -k k.key in out", 2, "0.0", "shuffle-flip");
    assert_eq!(desk.files("out"), ["a.png", "b.png", "imgveil.json"]);
}

#[test]
fn another_run_does_not_go_on_where_one_was_cut() {
    let desk = Desk::new();
    many(&desk);
    cut(&desk, "encrypt -k k.key in out");
    let words = "out exists and is not empty: nothing was written; choose another output or remove it first";
    desk.key("other.key", &key(1), 0o600);
    desk.refuses("encrypt -k other.key in out", USAGE, words);
    desk.refuses("encrypt -k k.key --scramble in out", USAGE, words);
    desk.refuses("encrypt -k k.key --resize 32 in out", USAGE, words);
    desk.does("encrypt -k k.key in out", MANY, "1.6", "shuffle-flip");
}

/// Who took an image out of the set between the two runs does not want to hand it out.
#[test]
fn a_run_that_goes_on_leaves_no_image_that_is_not_in_the_set_any_more() {
    let desk = Desk::new();
    many(&desk);
    cut(&desk, "encrypt -k k.key in out");
    let written = desk.files("out").into_iter().find(|name| name.ends_with(".png")).unwrap();
    std::fs::remove_file(desk.path(&format!("in/{written}"))).unwrap();
    desk.does("encrypt -k k.key in out", MANY - 1, "1.6", "shuffle-flip");
    desk.does("encrypt -k k.key in fresh", MANY - 1, "1.6", "shuffle-flip");
    assert_same(&desk.tree("fresh"), &desk.tree("out"));
}

/// It has no imgveil.json yet, but it is no plain set.
#[test]
fn a_cut_set_is_not_taken_for_a_plain_one() {
    let desk = Desk::new();
    many(&desk);
    cut(&desk, "encrypt -k k.key in out");
    let right = |words: &str| words.contains("out") && words.contains("cut") && words.contains("again");
    desk.refuses_like("decrypt -k k.key out back", DATASET, right);
    desk.refuses_like("encrypt -k k.key out twice", DATASET, right);
    #[cfg(feature = "train")]
    desk.refuses_like("train --data out --epochs 1 -o run", DATASET, right);
}

// ---- Training, refused --------------------------------------------------------------------------------------------

#[cfg(feature = "train")]
mod train {
    use super::*;

    /// Two classes of six images, plain and encrypted.
    fn sets() -> Desk {
        let desk = Desk::new();
        let names: Vec<String> = (0..12).map(|i| format!("in/{}/{i}.png", ["a", "b"][i % 2])).collect();
        desk.greys(&names.iter().map(String::as_str).collect::<Vec<_>>());
        desk.does("encrypt -k k.key in enc", 12, "0.0", "shuffle-flip");
        desk
    }

    #[test]
    fn a_missing_set_is_named() {
        Desk::new().refuses("train --data no -o run", USAGE, "there is no no: check the path");
    }

    #[test]
    fn a_scheme_without_a_key_is_refused() {
        let words = "scheme shuffle-flip needs a key: give -k KEY or --tables FILE, or leave the scheme out to train on the images \
             as they are";
        sets().refuses("train --data in -s shuffle-flip -o run", USAGE, words);
        sets().refuses("train --data in --block 8 -o run", USAGE, words);
    }

    #[test]
    fn tables_are_refused_as_a_key_is() {
        let desk = sets();
        assert_eq!(desk.run("key export-tables -k k.key --size 8x8x1 -o t.npz").code, 0);
        let right = |words: &str| words.contains("`key` (stage 0, nibble-shuffling block=4x4 key=shared)");
        desk.refuses_like("train --data in --tables t.npz -s le -o run", KEY, right);
        desk.refuses_like("train --data in --tables t.npz -s keystream -o run", USAGE, |words| {
            words.contains("no tables")
        });
        desk.refuses_like("train --data in --tables no.npz -o run", USAGE, |words| {
            words.contains("no tables file no.npz")
        });
        desk.refuses_like("train --data enc --tables t.npz -o run", USAGE, |words| words.contains("encrypted already"));
    }

    #[test]
    fn an_encrypted_set_takes_no_key_scheme_or_size() {
        let desk = sets();
        let words = "enc is encrypted already: train on it without a key, a scheme or resizing (or give the plain set \
             and the key)";
        for options in ["-k k.key", "-s none", "--resize 8", "--pad"] {
            desk.refuses(&format!("train --data enc {options} -o run"), USAGE, words);
        }
    }

    #[test]
    fn an_encrypted_set_is_not_augmented() {
        let words = "augmentation comes before encryption, but this set is encrypted already: train on the plain set \
             with the key";
        sets().refuses("train --data enc --augment flip -o run", USAGE, words);
    }

    #[test]
    fn one_class_or_none_is_refused() {
        let desk = Desk::new();
        let words = |classes: &str| {
            format!("in has {classes}; training needs at least two: a folder for each, or a labels array")
        };
        desk.greys(&["in/1.png", "in/2.png"]);
        desk.refuses("train --data in -o run", DATASET, &words("0 class(es)"));
        let desk = Desk::new();
        desk.greys(&["in/a/1.png", "in/a/2.png"]);
        desk.refuses("train --data in -o run", DATASET, &words("1 class(es)"));
    }

    #[test]
    fn images_without_a_class_are_refused() {
        let desk = sets();
        desk.greys(&["in/stray.png"]);
        let words = "stray has no class; training needs a folder for each class, or a labels array";
        desk.refuses("train --data in -o run", DATASET, words);
    }

    #[test]
    fn a_set_without_training_images_is_refused() {
        let desk = Desk::new();
        desk.greys(&["in/val/a/1.png", "in/test/b/2.png"]);
        let words = "in has no training images: expected a train/ folder or array, or class folders";
        desk.refuses("train --data in -o run", DATASET, words);
    }

    #[test]
    fn a_damaged_image_stops_training_before_it_begins() {
        let desk = sets();
        desk.write("in/a/bad.png", b"no image");
        desk.refuses("train --data in -o run", DATASET, &format!("a/bad.png: {FOREIGN}; repair or remove it"));
    }

    #[test]
    fn one_training_image_is_too_few() {
        let desk = Desk::new();
        desk.greys(&["in/train/a/1.png", "in/val/a/2.png", "in/val/b/3.png"]);
        desk.refuses_like("train --data in -o run", DATASET, |words| words.contains("at least two are needed"));
    }

    #[test]
    fn an_adaptation_networks_blocks_must_tile_the_images() {
        let desk = Desk::new();
        (0..4).for_each(|i| desk.picture(&format!("in/{}/{i}.png", ["a", "b"][i % 2]), grey(6, 6, i as u32)));
        let words = "the adaptation network (--adapt) needs blocks that tile the images, and blocks of 4x4 do not tile 6x6x1: \
             use --pad, --crop or --resize, or another --block";
        desk.refuses("train --data in --adapt ele -o run", USAGE, words);
    }

    #[test]
    fn weights_that_are_none_are_refused() {
        let desk = sets();
        let words = "cannot read the weights no.safetensors: No such file or directory (os error 2)";
        desk.refuses("train --data in --weights no.safetensors -o run", USAGE, words);
        desk.write("bad.safetensors", b"no weights at all");
        desk.refuses_like("train --data in --weights bad.safetensors -o run", DATASET, |words| {
            words.contains("bad.safetensors is no file of weights in the safetensors format, or it is damaged: ")
        });
    }

    /// A run's weights go out, begin another run, and are matched with a key.
    #[test]
    fn weights_are_exported_reused_and_matched() {
        let desk = sets();
        let train = "train --data in --model vit-tiny --epochs 1 --batch 4";
        assert_eq!(desk.run(&format!("{train} -o run")).code, 0);
        desk.run("export run -o m.safetensors").is(0, "wrote m.safetensors: vit-tiny, classes a, b\n", "");
        let exists = "m.safetensors exists: choose another name with -o, or remove it first";
        desk.refuses("export run -o m.safetensors", USAGE, exists);
        desk.refuses_like("export no -o n.safetensors", USAGE, |words| words.contains("cannot read no/model.json: "));
        assert_eq!(desk.run(&format!("{train} --weights m.safetensors -o again")).code, 0);
        desk.refuses_like("train --data in --model resnet18 --weights m.safetensors -o bad", USAGE, |words| {
            words.contains("m.safetensors has no tensor `bn1.weight`, which a resnet18 has")
        });

        let wrote = |file: &str, what: &str| {
            let scheme =
                "vit [pixel-shuffling block=4x4 key=shared order=channel-row-column; block-scrambling block=4x4]";
            format!("wrote {file}: for {what} images of 8x8x1, {scheme}\n")
        };
        let done = desk.run("model encrypt -k k.key --block 4 m.safetensors -o e.safetensors");
        done.is(0, &wrote("e.safetensors", "encrypted"), "");
        let done = desk.run("model decrypt -k k.key --block 4 e.safetensors -o p.safetensors");
        done.is(0, &wrote("p.safetensors", "plain"), "");
        assert!(desk.read("p.safetensors") == desk.read("m.safetensors"));
        assert!(desk.read("e.safetensors") != desk.read("m.safetensors"));
        desk.refuses_like("model encrypt -k k.key m.safetensors -o x.safetensors", USAGE, |words| {
            words.contains("blocks of 16x16 pixels are larger than an image of 8x8")
        });
        let words = "give the key with -k FILE, or tables with --tables FILE";
        desk.refuses("model encrypt m.safetensors -o x.safetensors", USAGE, words);
    }

    #[test]
    fn values_that_are_none_are_refused() {
        let desk = Desk::new();
        for (option, words) in [
            (
                "--model vgg",
                "invalid value 'vgg' for '--model <MODEL>': `vgg` is no model: cnn, resnet18, resnet50, densenet121, xception, vit-tiny, vit-small, convmixer",
            ),
            ("--adapt etc", "invalid value 'etc' for '--adapt <NAME>': `etc` is no adaptation network: le or ele"),
            ("--epochs 0", "invalid value '0' for '--epochs <EPOCHS>': 0 is not in 1..=4294967295"),
            ("--batch 1", "invalid value '1' for '--batch <BATCH>': 1 is not in 2..=4294967295"),
            ("--lr 0", "invalid value '0' for '--lr <LR>': `0` is no positive number"),
            (
                "--augment spin",
                "invalid value 'spin' for '--augment <LIST>': `spin` is no augmentation: none, or a list of \
                 crop, flip, rotate and brightness, such as crop=4,flip,rotate=10,brightness=20",
            ),
        ] {
            let words = format!("{words}\n\nFor more information, try '--help'.");
            desk.refuses(&format!("train --data in -o run {option}"), USAGE, &words);
        }
    }

    #[test]
    fn a_run_folder_with_something_in_it_is_not_touched() {
        let desk = sets();
        desk.write("run/notes.txt", b"mine");
        let words = "run exists and is not empty: choose another folder for this run with -o, or remove it first";
        desk.refuses("train --data in -o run", USAGE, words);
        desk.refuses("train --data enc -o run", USAGE, words);
    }

    #[test]
    fn sizes_that_differ_between_splits_are_refused() {
        let desk = Desk::new();
        desk.greys(&["in/train/a/1.png", "in/train/b/2.png"]);
        desk.picture("in/test/a/3.png", grey(8, 12, 0));
        desk.refuses(
            "train --data in -o run",
            USAGE,
            "the test images are 8x12x1 (height x width x channels) and the training images 8x8x1; bring them to one size \
             with --resize HEIGHTxWIDTH, and to one number of channels and one depth beforehand",
        );
        desk.picture("in/train/a/4.png", grey(12, 8, 0));
        desk.refuses(
            "train --data in -o run",
            USAGE,
            "images differ: train/a/1 is 8x8x1 (height x width x channels), train/a/4 is 12x8x1; bring them to one size \
             with --resize HEIGHTxWIDTH, and to one number of channels and one depth beforehand",
        );
    }

    /// --resize does not help here: something must be said of the channels.
    #[test]
    fn grey_and_rgb_together_are_refused_with_words_that_help() {
        let desk = Desk::new();
        desk.greys(&["in/train/a/1.png", "in/train/b/2.png"]);
        desk.picture("in/val/a/3.png", rgb(8, 8, 0));
        let right = |words: &str| words.contains("8x8x1") && words.contains("8x8x3") && words.contains("channels");
        desk.refuses_like("train --data in -o run", USAGE, right);
        desk.picture("in/train/b/4.png", rgb(8, 8, 0));
        desk.refuses_like("train --data in -o run", USAGE, right);
    }

    #[test]
    fn a_patch_larger_than_the_images_is_refused() {
        let right = |words: &str| words.contains("--patch") && !words.contains("stopped unexpectedly");
        sets().refuses_like("train --data in --epochs 1 --patch 64 -o run", USAGE, right);
        sets().refuses_like("train --data in --epochs 1 --patch 4x9 -o run", USAGE, right);
    }

    #[test]
    fn a_device_that_is_not_there_leaves_no_run_folder() {
        let right = |words: &str| words.starts_with("error: there is no adapter number 99: ");
        sets().refuses_like("train --data in --device 99 -o runs/a", DEVICE, right);
    }
}
