//! Full disks and folders that cannot be written to.

use crate::common;
use crate::common::sandbox::*;
use crate::runs::{done, journal, left, records, remove};
use std::path::PathBuf;
use std::process::Stdio;

/// A small file system that is mounted in the sandbox until this is dropped.
#[cfg(target_os = "linux")]
struct Disk(PathBuf);

#[cfg(target_os = "linux")]
impl Disk {
    fn mount(sandbox: &Sandbox, name: &str, options: &str, test: &str) -> Option<Self> {
        let at = sandbox.path(name);
        std::fs::create_dir_all(&at).unwrap();
        let mut mount = std::process::Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&at).stderr(Stdio::null()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(at));
        }
        common::say_skipped(&format!("{test}: file systems cannot be mounted here"));
        None
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = std::process::Command::new("mount").args(["-o", &options]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

/// The formats, and the name of an output.
#[cfg(target_os = "linux")]
const FORMATS: [(&str, &str); 4] =
    [("", "out"), ("", "out.npz"), ("--format npy", "out"), ("--format webdataset --per-shard 7", "out")];

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_a_run_that_goes_on_once_there_is_room() {
    let sandbox = Sandbox::new();
    // More than a megabyte in every format.
    (0..400).for_each(|i| sandbox.picture(&format!("in/{}/{i}.png", i % 2), grey(64, 64, i)));
    for job in ["encrypt neutral -k k.key FORMAT in", "decrypt -k k.key --names whole.names.csv FORMAT whole"] {
        if job.starts_with("decrypt") {
            done(&sandbox, "encrypt neutral -k k.key in whole");
        }
        for (format, out) in FORMATS {
            let Some(disk) = Disk::mount(&sandbox, "disk", "size=1m", "a_full_disk") else { return };
            let job = job.replace("FORMAT", format);
            let line = format!("{job} disk/{out}");
            let full = sandbox.run(&line);
            assert_eq!((full.code, full.out.as_str()), (1, ""), "{line}: {}", full.err);
            let last = full.err.trim_end().lines().last().unwrap();
            assert!(last.starts_with("error: cannot ") && last.contains("disk/out"), "{line}: {}", full.err);
            assert!(last.ends_with("No space left on device (os error 28)"), "{line}: {}", full.err);
            assert!(full.err.contains("run the same command again"), "{line}: {}", full.err);
            // Every file that the journal names is complete.
            if format.is_empty() && out == "out" {
                for record in records(&journal(&sandbox, &line)) {
                    let text = |name: &str| record["entry"][name].as_str().unwrap().to_owned();
                    let hash = blake3::hash(&sandbox.read(&format!("disk/out/{}", text("path")))).to_hex();
                    assert_eq!(hash.as_str(), text("blake3"), "{}", text("path"));
                }
            }
            disk.remount("size=64m");
            done(&sandbox, &line);
            let fresh = format!("{job} fresh{}", out.trim_start_matches("out"));
            done(&sandbox, &fresh);
            assert_same(&left(&sandbox, &fresh), &left(&sandbox, &line));
            let files: Vec<String> =
                sandbox.tree("disk").into_keys().filter(|name| name.contains("imgveil-")).collect();
            assert_eq!(files, [""; 0], "{line}");
            remove(&sandbox, &fresh);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_to_is_told_before_the_work() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    std::fs::create_dir_all(sandbox.path("closed/out")).unwrap();
    let mode = |mode| std::fs::set_permissions(sandbox.path("closed"), PermissionsExt::from_mode(mode)).unwrap();
    mode(0o555);
    // root may write there all the same.
    #[cfg(target_os = "linux")]
    let disk = match std::fs::write(sandbox.path("closed/try"), b"") {
        Ok(()) => {
            std::fs::remove_file(sandbox.path("closed/try")).unwrap();
            let Some(disk) = Disk::mount(&sandbox, "closed", "size=1m", "a_folder_that_cannot_be_written_to") else {
                return;
            };
            std::fs::create_dir(sandbox.path("closed/out")).unwrap();
            disk.remount("ro");
            Some(disk)
        }
        Err(_) => None,
    };
    for (format, out) in [("", "closed/new"), ("", "closed/new.npz"), ("--format webdataset", "closed/new")] {
        let refused = |words: &str| words.contains(&format!("cannot write {out}")) && words.contains("(os error ");
        sandbox.refuses_like(&format!("encrypt neutral -k k.key {format} in {out}"), 1, refused);
        sandbox.refuses_like(&format!("encrypt -k k.key {format} in {out}"), 1, refused);
    }
    // The output could be written; the file that says which image is which could not.
    let refused = |words: &str| words.contains("cannot write closed/names.csv: ");
    sandbox.refuses_like("encrypt neutral -k k.key --names closed/names.csv in out", 1, refused);
    sandbox.refuses("encrypt neutral -k k.key --names no/names.csv in out", USAGE, "there is no no: check the path");
    #[cfg(target_os = "linux")]
    drop(disk);
    mode(0o755);
}

/// A file of names that is overwritten is lost, and with it the way back to the patients.
#[test]
fn a_file_of_names_of_another_set_is_not_written_over() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "other/b.png"]);
    done(&sandbox, "encrypt neutral -k k.key in out");
    std::fs::rename(sandbox.path("out"), sandbox.path("handed-out")).unwrap();
    let words = "out.names.csv is there already and is not about these images: nothing was written; move it away, or \
    name another file with --names";
    sandbox.refuses("encrypt neutral -k k.key other out", USAGE, words);
    sandbox.write("patients.csv", b"name,born\nDoe,1970\n");
    sandbox.refuses(
        "encrypt neutral -k k.key --names patients.csv other out",
        USAGE,
        &words.replace("out.names", "patients"),
    );
    // For the same set, the file of names is the same.
    done(&sandbox, "encrypt neutral -k k.key in out");
}
