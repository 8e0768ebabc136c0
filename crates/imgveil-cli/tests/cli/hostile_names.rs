//! Names of others that would move the cursor, forge lines or turn text around. None of them reaches a terminal.
#![cfg(unix)]

use crate::common::sandbox::*;
use std::io::Write;

/// A line break, an escape sequence in both of its forms, a mark that reorders text, and more.
const HOSTILE: &str = "x\nINJECTED\r\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{7f}\u{2028}\u{7}y";

/// Checks that an output is plain: no control characters but line breaks, and no line that a name began.
#[track_caller]
fn is_plain(done: &Done) {
    let marks = ['\u{61c}', '\u{200e}', '\u{200f}'];
    for text in [&done.out, &done.err] {
        let hostile = |c: char| {
            c != '\n' && c.is_control()
                || marks.contains(&c)
                || ('\u{2028}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c)
        };
        assert!(!text.chars().any(hostile), "{text:?}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("INJECTED")), "{text}");
    }
}

/// Runs a command whose words may hold anything.
fn run(sandbox: &Sandbox, words: &[&str]) -> Done {
    let mut command = sandbox.command("", "inspect");
    let mut fresh = std::process::Command::new(command.get_program());
    fresh.current_dir(sandbox.path("")).args(words).stdin(std::process::Stdio::null());
    command = fresh;
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done::of(output.status.code().unwrap(), text(output.stdout), &text(output.stderr))
}

#[test]
fn no_command_prints_a_name_as_it_is() {
    let sandbox = Sandbox::new();
    let (folder, class) = (format!("in{HOSTILE}"), format!("class{HOSTILE}"));
    for (i, name) in ["a", "b"].iter().enumerate() {
        sandbox.picture("made.png", grey(8, 8, i as u32));
        let png = sandbox.read("made.png");
        sandbox.write(&format!("{folder}/{class}/{name}{HOSTILE}.png"), &png);
    }
    sandbox.write(&format!("{folder}/{class}/broken{HOSTILE}.png"), b"no picture");
    sandbox.write(&format!("{folder}/{class}/stranger{HOSTILE}.txt"), b"no picture");
    sandbox.write(&format!("key{HOSTILE}"), b"no key");
    sandbox.write(&format!("scheme{HOSTILE}.toml"), b"name = 1");
    sandbox.write(&format!("labels{HOSTILE}.csv"), format!("name,label\n\"{HOSTILE}\",\"{HOSTILE}\"\n").as_bytes());
    let (input, key, scheme) = (folder.as_str(), format!("key{HOSTILE}"), format!("scheme{HOSTILE}.toml"));
    let labels = format!("labels{HOSTILE}.csv");
    let out = format!("out{HOSTILE}");
    let cpu = ["--device", "cpu"];
    let encrypt = |more: &[&str]| {
        let words = [&["encrypt", "-k", "k.key"][..], &cpu, more].concat();
        let done = run(&sandbox, &words);
        is_plain(&done);
        done
    };
    for (code, done) in [
        (PARTLY, encrypt(&["--keep-names", "--dry-run", input, &out])),
        (PARTLY, encrypt(&["--keep-names", "--dry-run", "--json", input, &out])),
        (PARTLY, encrypt(&["--keep-names", input, &out])),
        (PARTLY, encrypt(&["--keep-classes", "--json", input, "json"])),
        (PARTLY, encrypt(&["--keep-names", "--format", "webdataset", input, "shards"])),
        (USAGE, encrypt(&["--scheme", &scheme, input, "x"])),
        (USAGE, encrypt(&["--labels", &labels, input, "x"])),
        (USAGE, encrypt(&["--names", &format!("{HOSTILE}/names.csv"), input, "x"])),
        (USAGE, encrypt(&["--nonsense", HOSTILE, input, "x"])),
        (USAGE, encrypt(&["--block", HOSTILE, input, "x"])),
        (USAGE, encrypt(&[HOSTILE, "x"])),
    ] {
        assert_eq!(done.code, code, "{done:?}");
    }
    sandbox.write(&format!("{out}/stranger{HOSTILE}"), b"mine");
    let image = std::fs::read_dir(sandbox.path(&format!("{out}/{class}"))).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&image).unwrap();
    std::fs::write(&image, &whole[..whole.len() / 2]).unwrap();
    for words in [
        vec!["inspect", input],
        vec!["inspect", "--json", input],
        vec!["inspect", &out],
        vec!["inspect", "--json", &out],
        vec!["verify", &out],
        vec!["verify", "-k", "k.key", "--device", "cpu", &out],
        vec!["verify", "--json", &out],
        vec!["decrypt", "-k", "k.key", "--device", "cpu", &out, "back"],
        vec!["decrypt", "-k", "k.key", "--device", "cpu", "--json", &out, "back2"],
        vec!["decrypt", "-k", &key, "--device", "cpu", &out, "back3"],
        vec!["decrypt", "-k", HOSTILE, "--device", "cpu", &out, "back3"],
        vec!["decrypt", "-k", "k.key", "--tables", HOSTILE, &out, "back3"],
        vec!["merge", &out],
        vec!["merge", HOSTILE],
        vec!["keygen", "-o", &key],
        vec!["schemes", &scheme],
        vec!["schemes", HOSTILE],
        vec!["key", "export-tables", "-k", &key, "--size", "8x8x1"],
        vec!["preview", HOSTILE, "-o", "sheet.png"],
        vec!["verify", HOSTILE],
        vec![HOSTILE],
    ] {
        let done = run(&sandbox, &words);
        is_plain(&done);
        assert!(!(done.out.clone() + &done.err).is_empty(), "{words:?}");
        if words.contains(&"--json") {
            serde_json::from_str::<serde_json::Value>(&done.out).unwrap();
        }
    }
}

#[test]
fn nor_names_inside_of_archives_and_manifests() {
    let sandbox = Sandbox::new();
    sandbox.picture("made.png", grey(8, 8, 0));
    let png = sandbox.read("made.png");
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in [("a.png", png.as_slice()), ("b\u{1b}[2J.png", b"no picture"), ("c\nINJECTED.png", b"none")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).unwrap();
    }
    sandbox.write("set.tar", &tar.into_inner().unwrap());
    sandbox.greys(&["in/a.png"]);
    assert_eq!(sandbox.run("encrypt -k k.key in set").code, 0);
    let text = String::from_utf8(sandbox.read("set/imgveil.json")).unwrap();
    let hostile = serde_json::to_string(HOSTILE).unwrap();
    sandbox.write("set/imgveil.json", text.replacen("\"imgveil ", &hostile[..hostile.len() - 1], 1).as_bytes());
    sandbox.run("encrypt neutral -k k.key in out.npz");
    let mut zip = zip::ZipWriter::new_append(
        std::fs::File::options().read(true).write(true).open(sandbox.path("out.npz")).unwrap(),
    )
    .unwrap();
    zip.start_file(format!("stranger{HOSTILE}"), zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"stranger").unwrap();
    zip.finish().unwrap();
    for line in [
        "encrypt neutral -k k.key --format webdataset set.tar shards",
        "inspect set.tar",
        "inspect set",
        "inspect --json set",
        "verify set",
        "decrypt -k k.key set back",
        "verify out.npz",
        "verify --json out.npz",
    ] {
        let done = sandbox.run(line);
        is_plain(&done);
        assert!(!(done.out.clone() + &done.err).is_empty(), "{line}");
    }
}

/// A key where the path of its file is wanted.
#[test]
fn the_text_of_a_key_is_not_repeated() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    let text = key(0);
    let secret = text.lines().find(|line| line.starts_with("IMGVEIL-SECRET-KEY-1")).unwrap().trim();
    for line in [
        format!("encrypt -k {secret} in out"),
        format!("encrypt --tables {secret} in out"),
        format!("decrypt -k {secret} in out"),
        format!("verify -k {} in", secret.to_lowercase()),
        format!("key export-tables -k {secret} --size 8x8x1"),
        format!("inspect {secret}"),
        format!("encrypt -k k.key {secret} out"),
        format!("keygen {secret}"),
        format!("{secret} in out"),
    ] {
        let done = sandbox.run(&line);
        assert_eq!(done.code, USAGE, "{done:?}");
        let said = (done.out + &done.err).to_lowercase();
        assert!(!said.contains(&secret.to_lowercase()[24..]), "{said}");
    }
    let done = sandbox.run(&format!("encrypt -k {secret} in out"));
    assert!(done.err.contains("this is the text of a key and not the path of a key file"), "{}", done.err);
}
