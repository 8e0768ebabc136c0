//! A clumsy user: files, folders and links of others in the output, before and during runs that are cut and started
//! again. Nothing that imgveil did not write changes.

use crate::common::sandbox::*;
use crate::runs::{MANY, cut, done, journal, left, many, output, summary, with_broken};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Path, kind, contents or target, mode and time of everything below these paths.
type Snapshot = BTreeMap<PathBuf, (String, Vec<u8>, u32, SystemTime)>;

fn snapshot(paths: &[PathBuf]) -> Snapshot {
    let entries = paths
        .iter()
        .flat_map(|path| walkdir::WalkDir::new(path).follow_root_links(false).into_iter().map(Result::unwrap));
    let entry = |entry: walkdir::DirEntry| {
        let (path, metadata) = (entry.path().to_owned(), entry.path().symlink_metadata().unwrap());
        let contents = if metadata.is_symlink() {
            path.read_link().unwrap().to_string_lossy().into_owned().into_bytes()
        } else if metadata.is_file() {
            std::fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        #[cfg(unix)]
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
        #[cfg(not(unix))]
        let mode = 0;
        (path, (format!("{:?}", metadata.file_type()), contents, mode, metadata.modified().unwrap()))
    };
    entries.map(entry).collect()
}

/// Puts things into a folder that look like everything that imgveil writes, and links out of it.
fn litter(folder: &Path, outside: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut write = |name: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, name).unwrap();
        paths.push(path);
    };
    ["notes.txt", "mydir/results.csv", "runs/a/best.bpk", "mydir/.imgveil-partial", ".imgveil-abcdef"]
        .into_iter()
        .for_each(&mut write);
    [".imgveil-images.npy", ".imgveil-train-000000.tar", "zz.png", "mydir/train-000000.tar", "x.npz"]
        .into_iter()
        .for_each(&mut write);
    std::fs::create_dir(folder.join("empty")).unwrap();
    paths.push(folder.join("empty"));
    #[cfg(unix)]
    for (name, target) in [("link.png", "precious.png"), ("linked", "precious"), ("dangling", "none")] {
        std::os::unix::fs::symlink(outside.join(target), folder.join(name)).unwrap();
        paths.push(folder.join(name));
    }
    let _ = outside;
    paths
}

fn precious(sandbox: &Sandbox) -> PathBuf {
    sandbox.write("outside/precious.png", b"precious");
    sandbox.write("outside/precious/a.png", b"precious too");
    sandbox.path("outside")
}

/// The folder that a run works in.
fn work(sandbox: &Sandbox, line: &str) -> PathBuf {
    journal(sandbox, line).parent().unwrap().to_owned()
}

const LINES: [&str; 5] = [
    "encrypt neutral -k k.key in out",
    "encrypt neutral -k k.key --format jpeg in out",
    "encrypt neutral -k k.key --format npy in out",
    "encrypt neutral -k k.key --format webdataset --per-shard 7 in out",
    "encrypt neutral -k k.key in out.npz",
];

#[test]
fn what_others_put_into_the_output_of_a_cut_run_stays_as_it_is() {
    for line in LINES {
        let sandbox = Sandbox::new();
        many(&sandbox);
        let outside = precious(&sandbox);
        cut(&sandbox, line);
        let mut foreign = litter(&work(&sandbox, line), &outside);
        foreign.push(outside);
        let before = snapshot(&foreign);
        let again = done(&sandbox, line);
        assert!(again.err.contains("that imgveil did not write were left: "), "{line}: {}", again.err);
        assert_eq!(snapshot(&foreign), before, "{line}");
        // Nothing of ours is left besides the set.
        let fresh = line.replace("out", "fresh");
        done(&sandbox, &fresh);
        let ours = |(name, _): &(String, Vec<u8>)| {
            let path = sandbox.path(&format!("{}{name}", output(line)));
            !foreign
                .iter()
                .any(|foreign| path.starts_with(foreign) || foreign.starts_with(&path) && !path.ends_with("out"))
        };
        let found = left(&sandbox, line).into_iter().filter(ours).filter(|(name, _)| name != ".imgveil-partial/");
        let expected = left(&sandbox, &fresh);
        assert_same(&expected, &found.collect());
        // A second time, nothing is done, and nothing is touched.
        done(&sandbox, line);
        assert_eq!(snapshot(&foreign), before, "{line}");
    }
}

#[test]
fn a_second_try_leaves_what_others_put_into_the_output() {
    for line in &LINES[..4] {
        let sandbox = Sandbox::new();
        with_broken(&sandbox);
        let outside = precious(&sandbox);
        assert_eq!(sandbox.run(line).code, PARTLY);
        let mut foreign = litter(&sandbox.path("out"), &outside);
        foreign.push(outside);
        let before = snapshot(&foreign);
        sandbox.picture("in/train/0/broken.png", grey(64, 64, 4711));
        let found = summary(&sandbox, &line.replacen("encrypt", "encrypt --json --retry-failed", 1));
        assert_eq!(found["images"], MANY + 1, "{line}");
        assert_eq!(snapshot(&foreign), before, "{line}");
    }
}

#[test]
fn decryption_leaves_what_others_put_into_its_output() {
    for format in ["", "--format npy", "--format webdataset --per-shard 7", ".npz"] {
        let sandbox = Sandbox::new();
        many(&sandbox);
        done(&sandbox, "encrypt neutral -k k.key in enc");
        let outside = precious(&sandbox);
        let line = match format {
            ".npz" => "decrypt -k k.key enc back.npz".to_owned(),
            format => format!("decrypt -k k.key {format} enc back"),
        };
        cut(&sandbox, &line);
        let mut foreign = litter(&work(&sandbox, &line), &outside);
        foreign.push(outside);
        let before = snapshot(&foreign);
        done(&sandbox, &line);
        assert_eq!(snapshot(&foreign), before, "{line}");
    }
}

/// Things in the output before the first run.
#[test]
fn an_output_that_is_not_ours_is_refused_whatever_it_holds() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    let words = |out: &str| {
        format!("{out} exists and is not empty: nothing was written; choose another output or remove it first")
    };
    for (number, journal) in [&b""[..], b"hello\n", b"{}", b"{\"journal\":3,\"job\":\"other\"}"].iter().enumerate() {
        let out = format!("out{number}");
        sandbox.write(&format!("{out}/.imgveil-partial"), journal);
        sandbox.write(&format!("{out}/notes.txt"), b"mine");
        for format in ["png", "npy", "webdataset"] {
            sandbox.refuses(&format!("encrypt neutral -k k.key --format {format} in {out}"), USAGE, &words(&out));
        }
        sandbox.write(&format!("{out}.npz.imgveil-partial/.imgveil-partial"), journal);
        sandbox.write(&format!("{out}.npz.imgveil-partial/images.npy"), b"mine");
        let folder = format!("{out}.npz.imgveil-partial");
        sandbox.refuses(&format!("encrypt neutral -k k.key in {out}.npz"), USAGE, &words(&folder));
    }
    #[cfg(unix)]
    {
        sandbox.write("elsewhere", b"");
        std::fs::create_dir(sandbox.path("linked")).unwrap();
        std::os::unix::fs::symlink(sandbox.path("elsewhere"), sandbox.path("linked/.imgveil-partial")).unwrap();
        sandbox.refuses("encrypt neutral -k k.key in linked", USAGE, &words("linked"));
    }
}

/// Files and links exactly where the set's own files belong.
#[test]
fn what_is_in_the_way_is_told_and_left() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    let outside = precious(&sandbox);
    let line = "encrypt -k k.key in out";
    // Files may be ahead of the journal, and a file that was about to be written is in the ledger already: it is
    // imgveil's. The last file of a run that was cut early is not.
    let (written, missing) = loop {
        cut(&sandbox, line);
        let written = sandbox.files("out");
        let mut missing: Vec<String> = sandbox.files("in").into_iter().filter(|name| !written.contains(name)).collect();
        missing.sort_unstable();
        match missing.pop() {
            Some(last) if missing.len() > 60 && written.iter().any(|name| name.ends_with(".png")) => {
                break (written, last);
            }
            _ => std::fs::remove_dir_all(sandbox.path("out")).unwrap(),
        }
    };
    sandbox.write(&format!("out/{missing}"), b"mine");
    let before = snapshot(&[sandbox.path(&format!("out/{missing}"))]);
    let refused = sandbox.run(line);
    let words = format!("out/{missing} is a file that imgveil did not write: it was left as it is; move it away");
    assert!(refused.code == USAGE && refused.err.contains(&words), "{refused:?}");
    assert_eq!(snapshot(&[sandbox.path(&format!("out/{missing}"))]), before);
    std::fs::remove_file(sandbox.path(&format!("out/{missing}"))).unwrap();
    #[cfg(unix)]
    {
        // The user moved a written image to another disk, and a folder.
        let ours = written.iter().find(|name| name.ends_with(".png")).unwrap();
        let (place, moved) = (sandbox.path(&format!("out/{ours}")), outside.join("moved.png"));
        std::fs::rename(&place, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &place).unwrap();
        let before = snapshot(&[place.clone(), outside.clone()]);
        let refused = sandbox.run(line);
        let words = format!("out/{ours} is a link that imgveil did not write");
        assert!(refused.code == USAGE && refused.err.contains(&words), "{refused:?}");
        assert_eq!(snapshot(&[place.clone(), outside.clone()]), before);
        std::fs::remove_file(&place).unwrap();
        let folder = sandbox.path(&format!("out/{}", missing.rsplit_once('/').unwrap().0));
        if folder.exists() {
            std::fs::rename(&folder, outside.join("folder")).unwrap();
        }
        std::fs::create_dir_all(outside.join("folder")).unwrap();
        std::os::unix::fs::symlink(outside.join("folder"), &folder).unwrap();
        let before = snapshot(&[folder.clone(), outside.clone()]);
        let refused = sandbox.run(line);
        assert!(refused.code == USAGE && refused.err.contains("is a link that imgveil did not write"), "{refused:?}");
        assert_eq!(snapshot(&[folder, outside]), before);
    }
}

/// A list of that name may be another's.
#[test]
fn a_list_beside_the_output_that_is_not_ours_stays() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    sandbox.write("out.failed.csv", b"who,when\n");
    done(&sandbox, "encrypt neutral -k k.key in out");
    assert_eq!(sandbox.read("out.failed.csv"), b"who,when\n");
    sandbox.write("in/b.png", b"no picture");
    sandbox.write("out2.failed.csv", b"who,when\n");
    let run = sandbox.run("encrypt neutral -k k.key in out2");
    assert!(run.code == PARTLY && run.err.contains("is no list of imgveil"), "{run:?}");
    assert_eq!(sandbox.read("out2.failed.csv"), b"who,when\n");
}
