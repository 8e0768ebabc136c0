//! Help, usage errors and `--verbose`.

use crate::common::sandbox::*;
use std::process::Command;

#[test]
fn the_version_is_told() {
    Sandbox::new().run("--version").is(0, concat!("imgveil ", env!("CARGO_PKG_VERSION"), "\n"), "");
}

#[test]
fn without_arguments_the_short_help_is_shown_as_an_error() {
    let sandbox = Sandbox::new();
    let help = sandbox.run("-h");
    assert!(help.out.contains("\nUsage: imgveil [OPTIONS] <COMMAND>\n") && help.out.contains("Exit codes: 0 done; "));
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    let output = Command::new(env!("CARGO_BIN_EXE_imgveil")).current_dir(sandbox.0.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(USAGE));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), help.out);
}

#[test]
fn every_subcommand_has_help_with_an_example() {
    let sandbox = Sandbox::new();
    let help = sandbox.run("--help").out;
    let commands = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let mut commands: Vec<&str> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    commands.retain(|&command| command != "help");
    let trains: &[&str] =
        if cfg!(feature = "train") { &["train", "predict", "study", "export", "model", "demo"] } else { &[] };
    assert_eq!(
        commands,
        [
            &[
                "keygen",
                "key",
                "encrypt",
                "update",
                "rekey",
                "decrypt",
                "verify",
                "inspect",
                "merge",
                "find-text",
                "devices",
                "schemes",
                "preview",
                "attack",
                "evaluate",
                "check",
                "bench",
                "completions",
                "man"
            ],
            trains
        ]
        .concat()
    );
    for command in commands {
        let text = help_of(&sandbox, command);
        let examples = text.split_once("\nExample").unwrap_or_else(|| panic!("{command}: {text}")).1;
        assert!(examples.contains(&format!("\n  imgveil {command}")), "{command}: {text}");
    }
    let text = help_of(&sandbox, "key export-tables");
    assert!(text.contains("\nExamples:\n  imgveil key export-tables -k "), "{text}");
}

fn help_of(sandbox: &Sandbox, command: &str) -> String {
    // Not `run`, which adds a device and puts placeholders into the text.
    let help = Command::new(env!("CARGO_BIN_EXE_imgveil"))
        .args(command.split(' '))
        .arg("--help")
        .env_remove("COLUMNS")
        .current_dir(sandbox.0.path())
        .output()
        .unwrap();
    assert_eq!((help.status.code(), help.stderr.len()), (Some(0), 0), "{command}");
    String::from_utf8(help.stdout).unwrap()
}

/// `--help` must describe what a command does in more than one line.
#[test]
fn help_tells_what_a_command_does_and_not_only_its_options() {
    let sandbox = Sandbox::new();
    let mut told = vec![
        ("keygen", "Whoever holds it can decrypt; without it nobody can, so keep a backup."),
        ("encrypt", "Files that cannot be read are set aside with their reasons, and the rest is done."),
        ("update", "OUT stays as it was until the new files are whole"),
        ("decrypt", "A wrong key is refused by its fingerprint before anything is written."),
        ("rekey", "no plain pixel is written"),
        ("key check", "a sealed file keeps its fingerprint to itself"),
        ("key passphrase", "The file is replaced in one step, after the new one was opened once."),
        ("key export-tables", "Schemes with a key for every image have no tables."),
        ("devices", "`--device auto` takes the first one if it is hardware, else the CPU"),
        (
            "preview",
            "Blocks that do not tile the image cut it, and where it is small they are made smaller; the sheet says so.",
        ),
        ("attack", "attacks the result without the key, and measures what comes back"),
        ("attack chosen", "What he finds is kept only if it also predicts how random images are encrypted."),
        ("attack ciphertext", "the result may be turned, negative, or its channels in another order"),
        ("attack key-space", "a large key space protects against trying keys and against nothing else"),
        ("evaluate", "What the budget does not reach is marked, and is no verdict."),
        ("check", "Encryption must be equal to the bit."),
        ("completions", "The shell reads the script where it looks for completions"),
        ("man", "The pages have what `--help` has"),
        ("bench", "Everything is compared with the CPU engine before it is timed."),
        ("schemes", "where it comes from, what breaks it, and how many keys it has for images of a size"),
    ];
    if cfg!(feature = "train") {
        told.push(("train", "The best epoch by validation AUC is kept and scored on the test images."));
        told.push((
            "predict",
            "An encrypted set needs no key (with it, nothing of a changed imgveil.json is used); a plain set needs the \
             key, and is encrypted as in training.",
        ));
        told.push(("attack learned", "what does not exceed the mean image has restored nothing"));
        told.push(("study", "complete runs are kept, and an incomplete run continues after its last complete epoch"));
        told.push(("export", "for PyTorch or `imgveil train --weights`"));
        told.push(("model encrypt", "Images must be encrypted with the same key, scheme, block and size."));
        told.push(("demo", "trains a small network on each encrypted set without the key"));
    }
    for (command, words) in told {
        let help = help_of(&sandbox, command);
        let unwrapped = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(unwrapped.contains(words), "{command}: {help}");
    }
}

/// Examples fit the width of a terminal, so that they can be copied.
#[test]
fn examples_are_whole_lines() {
    let sandbox = Sandbox::new();
    let commands = [
        "keygen",
        "key",
        "key check",
        "key passphrase",
        "key export-tables",
        "encrypt",
        "update",
        "rekey",
        "decrypt",
        "verify",
        "inspect",
        "devices",
        "schemes",
        "preview",
        "attack",
        "attack chosen",
        "attack known",
        "attack ciphertext",
        "attack reidentify",
        "attack labels",
        "attack key-space",
        "evaluate",
        "check",
        "bench",
    ];
    let trains: &[&str] = if cfg!(feature = "train") { &["train", "predict", "study"] } else { &[] };
    for &command in commands.iter().chain(trains) {
        let help = help_of(&sandbox, command);
        let examples = help.split_once("\nExample").unwrap().1.split_once('\n').unwrap().1;
        for line in examples.split("\n\n").next().unwrap().lines() {
            assert!(line.starts_with("  imgveil "), "`{line}` in the help of {command}");
        }
    }
}

#[test]
fn an_unknown_subcommand_is_refused() {
    Sandbox::new().refuses(
        "encript in out",
        USAGE,
        "unrecognized subcommand 'encript'\n\n  tip: some similar subcommands exist: 'decrypt', 'encrypt'\n\n\
         Usage: imgveil [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.",
    );
}

#[test]
fn missing_arguments_are_named() {
    Sandbox::new().refuses(
        "encrypt random-salt default-scheme -k k.key",
        USAGE,
        "the following required arguments were not provided:\n  <IN>\n  <OUT>\n\n\
         Usage: imgveil encrypt --device <DEVICE> --keep-names <--key <FILE>|--tables <FILE>|--keys <random>> <IN> \
         <OUT>\n\nFor more information, try '--help'.",
    );
}

#[test]
fn verbose_tells_the_device_and_the_scheme() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.run("encrypt -v -k k.key --block 2x4 --scramble in out").is(
        0,
        &did("encrypt", 2, "0.0", "shuffle-flip"),
        "device: CPU, N threads (as asked)\n\
         scheme: shuffle-flip [pixel-shuffling block=2x4 key=shared; sign-flip block=2x4 key=shared; block-scrambling \
         block=2x4]\n\
         risk: 4 encrypted images of one key and size and nothing else give images back with a mean SSIM of 0.988; 2 \
         known pairs give images back with a mean SSIM of 0.997; 1 image of the attacker's choice gives all others \
         back exactly\n",
    );
}

/// Other programs call it, such as a Python console script.
#[test]
fn the_library_runs_a_command_line_and_gives_the_exit_code() {
    let run = |words: &[&str]| imgveil_cli::run(words.iter().map(std::ffi::OsString::from));
    assert_eq!(run(&["imgveil", "--version"]), 0);
    assert_eq!(run(&["imgveil", "rot13"]), 2);
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("k.key");
    assert_eq!(run(&["imgveil", "keygen", "-o", key.to_str().unwrap()]), 0);
    // It is there already.
    assert_eq!(run(&["imgveil", "keygen", "-o", key.to_str().unwrap()]), 2);
}

#[test]
fn shells_and_man_know_every_command() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = sandbox.run(&format!("completions {shell}"));
        assert_eq!((script.code, script.err.as_str()), (0, ""));
        for word in ["update", "export-tables", "prune"] {
            assert!(script.out.contains(word), "{shell}: {word}");
        }
    }
    let page = sandbox.run("man");
    assert!(page.code == 0 && page.out.contains(".TH imgveil 1") && page.out.contains("imgveil\\-update(1)"));
    assert_eq!(sandbox.run("man -o pages").code, 0);
    let pages = sandbox.files("pages");
    for name in ["imgveil.1", "imgveil-update.1", "imgveil-key-export-tables.1"] {
        assert!(pages.contains(&name.to_owned()), "{pages:?}");
    }
}

#[test]
fn a_misspelt_scheme_is_guessed() {
    let sandbox = Sandbox::new();
    for (name, meant) in [("shufle-flip", "shuffle-flip"), ("Shuffle_Flip", "shuffle-flip"), ("keystreem", "keystream")]
    {
        let meant = format!("; did you mean `{meant}`?\n");
        sandbox.refuses_like(&format!("encrypt -k k.key -s {name} in out"), USAGE, |words| words.ends_with(&meant));
    }
}

#[test]
fn outputs_that_are_no_set_are_refused_with_the_reason() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    let image = |out: &str| format!("{out} is named like one image, and the output is a set: name a folder");
    sandbox.refuses("encrypt -k k.key in/a.png out.png", USAGE, &image("out.png"));
    sandbox.refuses("encrypt -k k.key in out.JPG", USAGE, &image("out.JPG"));
    let archive = "out.zip is named like a compressed archive, and encrypted pixels do not compress: name a folder, \
                   or a file that ends in .npz";
    sandbox.refuses("encrypt -k k.key in out.zip", USAGE, archive);
    sandbox.refuses("update -k k.key in out.zip", USAGE, archive);
    let stream = "the output is a set of files, and standard output holds one stream: name a folder, or a file that \
                  ends in .npz";
    sandbox.refuses("encrypt -k k.key in -", USAGE, stream);
}

#[test]
fn a_dry_run_tells_every_reason_and_the_size_on_the_disk() {
    let sandbox = Sandbox::new();
    sandbox.picture("in/flat.png", image::GrayImage::new(256, 256));
    (0..12).for_each(|i| sandbox.write(&format!("in/broken{i:02}.png"), b"no picture"));
    let told = sandbox.run("encrypt -k k.key --dry-run in out");
    assert_eq!(told.code, PARTLY);
    assert_eq!(told.err.matches(FOREIGN).count(), 12, "{}", told.err);
    let line = told.out.lines().find(|line| line.starts_with("  on disk  at most about 0.1 MB, ")).unwrap();
    assert!(line.ends_with(" times the input: encrypted pixels hardly compress"), "{line}");
}
