//! Pipes, sockets, devices and links where files are expected, and what the process protects.
#![cfg(unix)]

use crate::common::sandbox::*;
use crate::runs::done;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;
use std::time::{Duration, Instant};

fn pipe(sandbox: &Sandbox, name: &str) {
    std::fs::create_dir_all(sandbox.path(name).parent().unwrap()).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(sandbox.path(name)).status().unwrap().success());
}

/// Runs a command that must end by itself.
#[track_caller]
fn ends(sandbox: &Sandbox, line: &str) -> Done {
    let begun = Instant::now();
    let mut child = sandbox.command("", line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{line} hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done::of(output.status.code().unwrap(), text(output.stdout), &text(output.stderr))
}

const PIPE: &str = "it is a named pipe, and not a regular file";

#[test]
fn nothing_waits_for_a_pipe() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    for name in [
        "in/f.png",
        "in/g.dcm",
        "in/h.nii.gz",
        "in/i.tif",
        "in/other",
        "pipe",
        "pipe.toml",
        "only/f.png",
        "shards/a.tar",
    ] {
        pipe(&sandbox, name);
    }
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path("in/s.png")).unwrap();
    symlink("/dev/zero", sandbox.path("in/zero.png")).unwrap();
    let run = ends(&sandbox, "encrypt -k k.key in out");
    assert_eq!(run.code, PARTLY, "{run:?}");
    for words in ["f.png: cannot be read: ", "g.dcm: cannot be read: ", "s.png: cannot be read: it is a socket", PIPE] {
        assert!(run.err.contains(words), "{}", run.err);
    }
    assert!(run.err.contains("1 link leads out of the input and was not followed: zero.png"), "{}", run.err);
    let run = ends(&sandbox, "encrypt -k k.key --follow-links in out2");
    assert!(run.code == PARTLY && run.err.contains("zero.png: cannot be read: it is a device"), "{run:?}");
    for (line, code) in [
        ("encrypt -k pipe in x", 1),
        ("encrypt --tables pipe in x", 1),
        ("encrypt -k k.key --labels pipe in x", 1),
        ("encrypt -k k.key --scheme pipe.toml in x", USAGE),
        ("encrypt -k k.key only x", DATASET),
        ("decrypt -k k.key --names pipe out x", 1),
        ("encrypt -k k.key shards x", DATASET),
    ] {
        let run = ends(&sandbox, line);
        assert!(run.code != 0 && (run.code == code || run.err.contains(PIPE)), "{line}: {run:?}");
    }
    // In an encrypted set.
    std::fs::remove_file(sandbox.path("out/a.png")).unwrap();
    pipe(&sandbox, "out/a.png");
    for line in ["verify out", "verify -k k.key --device cpu out", "decrypt -k k.key out back", "inspect out"] {
        ends(&sandbox, line);
    }
    std::fs::remove_file(sandbox.path("out/imgveil.json")).unwrap();
    pipe(&sandbox, "out/imgveil.json");
    for line in ["verify out", "decrypt -k k.key out x", "inspect out"] {
        let run = ends(&sandbox, line);
        assert!(run.code != 0 && run.err.contains(PIPE), "{line}: {run:?}");
    }
    // Where the journal belongs.
    pipe(&sandbox, "new/.imgveil-partial");
    assert_eq!(ends(&sandbox, "encrypt -k k.key in new").code, USAGE);
}

#[test]
fn a_key_may_be_passed_on_by_the_caller() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    let mut child = sandbox.command("", "encrypt -k /dev/stdin in out").stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), key(0).as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    done(&sandbox, "verify -k k.key --device cpu out");
}

#[test]
fn links_are_followed_inside_the_input_and_elsewhere_only_if_asked() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/sub/b.png", "outside/c.png", "outside/folder/d.png"]);
    symlink("sub/b.png", sandbox.path("in/inside.png")).unwrap();
    symlink("../outside/c.png", sandbox.path("in/out.png")).unwrap();
    symlink(sandbox.path("outside/folder"), sandbox.path("in/outfolder")).unwrap();
    let run = sandbox.run("encrypt -k k.key in out");
    let note = "note: 2 links lead out of the input and were not followed: out.png, outfolder; --follow-links follows \
                them\n";
    assert_eq!((run.code, run.err.as_str()), (0, note));
    assert_eq!(sandbox.files("out"), ["a.png", "imgveil.json", "inside.png", "sub/b.png"]);
    assert!(sandbox.run("inspect in").err.contains("2 links lead out of the input"));
    assert!(sandbox.run("encrypt -k k.key --dry-run in x").err.contains("2 links lead out of the input"));
    done(&sandbox, "encrypt -k k.key --follow-links in all");
    assert_eq!(sandbox.files("all").len(), 6);
    // The input itself may be a link: the user named it.
    symlink("in", sandbox.path("named")).unwrap();
    assert_eq!(sandbox.run("encrypt -k k.key named out2").err, note);
    std::fs::create_dir(sandbox.path("farm")).unwrap();
    symlink("../outside/c.png", sandbox.path("farm/c.png")).unwrap();
    let run = sandbox.run("encrypt -k k.key farm x");
    assert!(run.code == DATASET && run.err.contains("--follow-links"), "{run:?}");
}

/// A link is somebody's, even if it leads nowhere.
#[test]
fn no_link_is_replaced() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    for name in ["out.names.csv", "names.csv", "sheet.png", "new.key", "tables.npz", "set.npz"] {
        symlink("nowhere", sandbox.path(name)).unwrap();
    }
    for line in [
        "encrypt neutral -k k.key in out",
        "encrypt neutral -k k.key --names names.csv in out",
        "preview -k k.key -s none in/a.png -o sheet.png",
        "keygen -o new.key",
        "key export-tables -k k.key -s np --size 8x8x1 -o tables.npz",
        "encrypt neutral -k k.key --names other.csv in set.npz",
    ] {
        let before = sandbox.tree("");
        let run = sandbox.run(line);
        assert_eq!(run.code, USAGE, "{line}: {run:?}");
        assert_same(&before, &sandbox.tree(""));
    }
    for name in ["out.names.csv", "names.csv", "sheet.png", "new.key", "tables.npz", "set.npz"] {
        assert_eq!(std::fs::read_link(sandbox.path(name)).unwrap(), std::path::Path::new("nowhere"), "{name}");
    }
}

#[test]
fn files_that_identify_are_private_and_decrypted_images_if_asked() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.write("in/broken.png", b"none");
    let mode = |name: &str| std::fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(sandbox.run("encrypt neutral -k k.key in enc").code, PARTLY);
    assert_eq!([mode("enc.names.csv"), mode("enc.failed.csv")], [0o600; 2]);
    for (format, file) in [("", "a.png"), ("--format npy", "images.npy"), ("--format webdataset", "images-000000.tar")]
    {
        for (private, expected) in [("", mode("in/broken.png")), ("--private", 0o600)] {
            let back = format!("back{}{}", private.len(), file.len());
            done(&sandbox, &format!("decrypt -k k.key --names enc.names.csv {format} {private} enc {back}"));
            assert_eq!(mode(&format!("{back}/{file}")), expected, "{format} {private}");
        }
    }
    done(&sandbox, "decrypt -k k.key --private enc back.npz");
    assert_eq!(mode("back.npz"), 0o600);
    for names in ["x/names.csv", "./x/../x/names.csv", "x"] {
        let run = sandbox.run(&format!("encrypt neutral -k k.key --names {names} in x"));
        assert!(run.code == USAGE && run.err.contains("would lie inside the output"), "{run:?}");
    }
    assert!(!sandbox.path("x").exists());
}

/// A limit on the size of files is an error of writing, and nothing half is left. A core dump cannot hold the key.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_the_user_is_an_error_and_no_core_is_dumped() {
    let sandbox = Sandbox::new();
    (0..40).for_each(|i| sandbox.picture(&format!("in/{i:02}.png"), grey(64, 64, i)));
    let shell = |blocks: u32, line: &str| {
        let words = sandbox.command("", line);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")]).arg(words.get_program());
        command.args(words.get_args()).current_dir(sandbox.path(""));
        command.output().unwrap()
    };
    for line in ["encrypt -k k.key in out", "encrypt -k k.key in out.npz", "encrypt -k k.key --format npy in arrays"] {
        let run = shell(8, line);
        let err = String::from_utf8(run.stderr).unwrap();
        assert!(run.status.code() == Some(1) && err.contains("cannot write "), "{line}: {:?} {err}", run.status);
    }
    let run = shell(0, "keygen -o new.key");
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    let litter: Vec<String> = sandbox.files("").into_iter().filter(|name| !name.contains('/')).collect();
    assert_eq!(litter, ["k.key"]);
    // The same run goes on without the limit.
    done(&sandbox, "encrypt -k k.key in out");
    // While it waits for its key, the process has no room for a core dump.
    let mut child = sandbox.command("", "inspect /dev/null").stdin(Stdio::piped()).spawn().unwrap();
    child.wait().unwrap();
    let mut child = sandbox.command("", "encrypt -k /dev/stdin in x").stdin(Stdio::piped()).spawn().unwrap();
    let limits = format!("/proc/{}/limits", child.id());
    let core = |text: String| {
        text.lines()
            .any(|l| l.starts_with("Max core file size") && l.split_whitespace().filter(|w| *w == "0").count() == 2)
    };
    let begun = Instant::now();
    while !core(std::fs::read_to_string(&limits).unwrap_or_default()) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", std::fs::read_to_string(&limits).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
