//! Whether a hospital can rely on the command when things go wrong: killed runs, full disks, two processes at once, parts on
//! several machines, files that are repaired later, sets that somebody changed.

mod common;

use common::desk::{DATASET, Desk, Done, FOREIGN, PARTLY, USAGE, assert_same, grey, key, rgb};
use common::made;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

type Tree = BTreeMap<String, Vec<u8>>;

/// How many images the sets have that runs are cut in.
const MANY: usize = 180;

/// Images of one size, in two classes and two parts of the set.
fn many(desk: &Desk) {
    let name = |i: usize| format!("in/{}/{}/{i:03}.png", ["train", "test"][usize::from(i % 4 == 3)], i % 2);
    (0..MANY).for_each(|i| desk.picture(&name(i), grey(64, 64, i as u32)));
}

/// As many of two sizes, grey and in colour.
fn mixed(desk: &Desk) {
    for i in 0..MANY {
        let name = format!("in/{}/{i:03}.png", i % 3);
        match i % 2 {
            0 => desk.picture(&name, grey(64, 64, i as u32)),
            _ => desk.picture(&name, rgb(32, 40, i as u32)),
        }
    }
}

fn start(desk: &Desk, line: &str) -> Child {
    desk.command("", line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The output of a command: the last of its words.
fn output(line: &str) -> &str {
    line.split_whitespace().last().unwrap()
}

/// The journal of a run.
fn journal(desk: &Desk, line: &str) -> PathBuf {
    match output(line) {
        out if out.ends_with(".npz") => desk.path(&format!("{out}.imgveil-partial/.imgveil-partial")),
        out => desk.path(&format!("{out}/.imgveil-partial")),
    }
}

/// What a journal says is whole, one value for each image.
fn records(journal: &Path) -> Vec<Value> {
    let bytes = std::fs::read(journal).unwrap_or_default();
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let lines = bytes[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.skip(1).map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// What a run leaves: the output, and what lies beside it under its name.
fn left(desk: &Desk, line: &str) -> Tree {
    let out = output(line);
    let ours = |name: &String| {
        name.as_str() == out || name.starts_with(&format!("{out}/")) || name.starts_with(&format!("{out}."))
    };
    let named = |(name, bytes): (String, Vec<u8>)| (name[out.len()..].to_owned(), bytes);
    desk.tree("").into_iter().filter(|(name, _)| ours(name)).map(named).collect()
}

fn remove(desk: &Desk, line: &str) {
    for name in left(desk, line).into_keys().rev() {
        let path = desk.path(&format!("{}{name}", output(line)));
        if name.ends_with('/') { std::fs::remove_dir(path) } else { std::fs::remove_file(path) }.unwrap();
    }
}

/// Kills a run when its journal has at least three images, but before it is done.
fn cut(desk: &Desk, line: &str) {
    let journal = journal(desk, line);
    for _ in 0..50 {
        let mut run = start(desk, line);
        while records(&journal).len() < 3 && run.try_wait().unwrap().is_none() {}
        run.kill().unwrap();
        run.wait().unwrap();
        if (3..MANY).contains(&records(&journal).len()) {
            return;
        }
        remove(desk, line);
    }
    panic!("fifty runs could not be cut");
}

#[track_caller]
fn done(desk: &Desk, line: &str) -> Done {
    let done = desk.run(line);
    assert_eq!(done.code, 0, "{line}: {}", done.err);
    done
}

#[track_caller]
fn summary(desk: &Desk, line: &str) -> Value {
    serde_json::from_str(&done(desk, line).out).unwrap()
}

/// Kills a job at twenty random moments, starts it again each time, and compares with a run that was left alone.
fn survives(desk: &Desk, job: &str, ending: &str) {
    let line = format!("{job} unbroken{ending}");
    let begun = Instant::now();
    done(desk, &line);
    let mut whole = begun.elapsed();
    let unbroken = left(desk, &line);
    let line = format!("{job} broken{ending}");
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let mut waits = Vec::new();
    for round in 0..20 {
        let hash = blake3::hash(format!("{seed} {round}").as_bytes());
        waits.push(whole.mul_f64(f64::from(hash.as_bytes()[0]) / 255.0));
        let mut run = start(desk, &line);
        std::thread::sleep(waits[round]);
        run.kill().unwrap();
        match run.wait().unwrap().code() {
            Some(0) => {
                assert_same(&unbroken, &left(desk, &line));
                remove(desk, &line);
                // The first run was slower, on a busy machine.
                whole = whole.mul_f64(0.8);
            }
            // A plain set carries no manifest: where the kill came when the journal was gone already, the set is whole, and the
            // next run finds the place taken.
            Some(USAGE) if job.starts_with("decrypt") => {
                assert_same(&unbroken, &left(desk, &line));
                remove(desk, &line);
            }
            // Where a kill is an exit code of 1; nothing else may be one.
            Some(code) if !cfg!(windows) => panic!("exit code {code} after {waits:?}: {}", desk.run(&line).err),
            _ => {}
        }
    }
    // The last run goes on where one was surely cut in the middle.
    remove(desk, &line);
    cut(desk, &line);
    let resumed = summary(desk, &line.replacen(' ', " --json ", 1))["resumed"].as_u64().unwrap();
    assert!((3..MANY as u64).contains(&resumed), "{resumed}");
    assert_same(&unbroken, &left(desk, &line));
    let litter: Vec<String> =
        desk.tree("").into_keys().filter(|name| name.contains(".imgveil-") || name.contains("partial")).collect();
    assert_eq!(litter, [""; 0], "after {waits:?}");
    remove(desk, &line);
    remove(desk, &format!("{job} unbroken{ending}"));
}

#[test]
fn killed_runs_of_two_sizes_go_on_to_the_same_tree() {
    let desk = Desk::new();
    mixed(&desk);
    survives(&desk, "encrypt neutral -k k.key in", "");
    done(&desk, "encrypt neutral -k k.key in enc");
    survives(&desk, "decrypt -k k.key --names enc.names.csv enc", "");
}

#[test]
fn killed_runs_go_on_to_the_same_arrays() {
    let desk = Desk::new();
    many(&desk);
    survives(&desk, "encrypt neutral -k k.key in", ".npz");
    survives(&desk, "encrypt neutral -k k.key --format npy in", "");
}

#[test]
fn killed_runs_go_on_to_the_same_shards() {
    let desk = Desk::new();
    mixed(&desk);
    survives(&desk, "encrypt neutral -k k.key --format webdataset --per-shard 7 in", "");
}

/// Between the cut and the next run somebody was at the output and the input.
#[test]
fn what_was_changed_since_the_cut_is_written_again() {
    for format in ["", "--format npy", "--format webdataset --per-shard 5"] {
        let desk = Desk::new();
        many(&desk);
        let line = format!("encrypt neutral --json -k k.key {format} in out");
        cut(&desk, &line);
        let whole = records(&journal(&desk, &line));
        let path = |record: &Value| record["entry"]["path"].as_str().unwrap().to_owned();
        // One image of the output is another, one is gone.
        let (changed, gone) = (path(&whole[0]), path(whole.last().unwrap()));
        match format {
            "" => {
                let file = desk.path(&format!("out/{changed}"));
                let mut bytes = std::fs::read(&file).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(&file, bytes).unwrap();
                std::fs::remove_file(desk.path(&format!("out/{gone}"))).unwrap();
            }
            "--format npy" => {
                let (array, number) = changed.split_once('[').unwrap();
                let file = desk.path(&format!("out/{array}.npy"));
                let mut bytes = std::fs::read(&file).unwrap();
                let number: usize = number.trim_end_matches(']').parse().unwrap();
                let count = bytes.len() / 4096;
                let at = bytes.len() - (count - number) * 4096 + 17;
                bytes[at] ^= 1;
                std::fs::write(&file, bytes).unwrap();
            }
            _ => {
                let (shard, _) = changed.split_once('/').unwrap();
                let file = desk.path(&format!("out/{shard}"));
                let mut bytes = std::fs::read(&file).unwrap();
                bytes[512 + 30] ^= 1;
                std::fs::write(&file, bytes).unwrap();
                let (shard, _) = gone.split_once('/').unwrap();
                let _ = std::fs::remove_file(desk.path(&format!("out/{shard}")));
            }
        }
        // One image of the input that is in the output already, and one that is perhaps not, have other pixels.
        let names = desk.files("in");
        let second = whole[1]["entry"]["name"].as_str().unwrap();
        let ids = Desk::new();
        many(&ids);
        done(&ids, "encrypt neutral -k k.key in out");
        let mut csv = csv::Reader::from_reader(std::fs::File::open(ids.path("out.names.csv")).unwrap());
        let plain = csv.records().map(Result::unwrap).find(|line| &line[0] == second).unwrap()[1].to_owned();
        let later = SystemTime::now() + Duration::from_secs(5);
        for name in [format!("{plain}.png"), names.last().unwrap().clone()] {
            let name = format!("in/{name}");
            desk.picture(&name, grey(64, 64, 4711));
            std::fs::File::options().write(true).open(desk.path(&name)).unwrap().set_modified(later).unwrap();
        }
        let resumed = summary(&desk, &line)["resumed"].as_u64().unwrap();
        assert!(resumed < whole.len() as u64, "{resumed} of {}", whole.len());
        let fresh = format!("encrypt neutral -k k.key {format} in fresh");
        done(&desk, &fresh);
        assert_same(&left(&desk, &fresh), &left(&desk, &line));
    }
}

/// Two start at about the same time: one writes the set, and the other one is refused, or finds that all is done.
#[test]
fn two_processes_on_one_output_do_not_get_in_each_others_way() {
    let desk = Desk::new();
    many(&desk);
    for ending in ["", ".npz"] {
        let line = format!("encrypt neutral -k k.key in out{ending}");
        let fresh = format!("encrypt neutral -k k.key in fresh{ending}");
        done(&desk, &fresh);
        let words = format!(
            "error: another imgveil is writing out{ending} at this moment: let it finish, or choose another output\n"
        );
        let mut refused = 0;
        for round in 0..20 {
            std::thread::scope(|scope| {
                let first = scope.spawn(|| desk.run(&line));
                // Later and later: in the end the second one comes at the first one's last step.
                std::thread::sleep(Duration::from_millis(5 * round));
                let second = desk.run(&line);
                let first = first.join().unwrap();
                assert!(first.code == 0 || second.code == 0, "{first:?} {second:?}");
                for run in [&first, &second] {
                    assert!(run.code == 0 || (run.code, &run.err) == (USAGE, &words), "{run:?}");
                    refused += usize::from(run.code != 0);
                }
            });
            assert_same(&left(&desk, &fresh), &left(&desk, &line));
            remove(&desk, &line);
        }
        assert!(refused > 0);
    }
}

/// An array that a run left when it was killed after its archive was whole, and before everything else was gone.
#[test]
fn a_run_that_was_killed_in_its_last_step_leaves_nothing_behind() {
    let desk = Desk::new();
    desk.greys(&["in/a/1.png", "in/b/2.png"]);
    let line = "encrypt neutral -k k.key in out.npz";
    done(&desk, line);
    let whole = left(&desk, line);
    desk.write("out.npz.imgveil-partial/images.npy", &[0; 200]);
    let again = done(&desk, line);
    assert!(again.err.contains("completed before"), "{}", again.err);
    assert_same(&whole, &left(&desk, line));
}

// ---- The disk -----------------------------------------------------------------------------------------------------

/// A file system of so many megabytes at `NAME` on the desk, gone with it.
#[cfg(target_os = "linux")]
struct Disk(PathBuf);

#[cfg(target_os = "linux")]
impl Disk {
    fn mount(desk: &Desk, name: &str, options: &str, test: &str) -> Option<Self> {
        let at = desk.path(name);
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

/// The formats, and how an output is called.
#[cfg(target_os = "linux")]
const FORMATS: [(&str, &str); 4] =
    [("", "out"), ("", "out.npz"), ("--format npy", "out"), ("--format webdataset --per-shard 7", "out")];

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_a_run_that_goes_on_once_there_is_room() {
    let desk = Desk::new();
    // Beyond a megabyte in every format.
    (0..400).for_each(|i| desk.picture(&format!("in/{}/{i}.png", i % 2), grey(64, 64, i)));
    for job in ["encrypt neutral -k k.key FORMAT in", "decrypt -k k.key --names whole.names.csv FORMAT whole"] {
        if job.starts_with("decrypt") {
            done(&desk, "encrypt neutral -k k.key in whole");
        }
        for (format, out) in FORMATS {
            let Some(disk) = Disk::mount(&desk, "disk", "size=1m", "a_full_disk") else { return };
            let job = job.replace("FORMAT", format);
            let line = format!("{job} disk/{out}");
            let full = desk.run(&line);
            assert_eq!((full.code, full.out.as_str()), (1, ""), "{line}: {}", full.err);
            let last = full.err.trim_end().lines().last().unwrap();
            assert!(last.starts_with("error: cannot ") && last.contains("disk/out"), "{line}: {}", full.err);
            assert!(last.ends_with("No space left on device (os error 28)"), "{line}: {}", full.err);
            assert!(full.err.contains("run the same command again"), "{line}: {}", full.err);
            // What the journal tells of is there to the byte.
            if format.is_empty() && out == "out" {
                for record in records(&journal(&desk, &line)) {
                    let text = |name: &str| record["entry"][name].as_str().unwrap().to_owned();
                    let hash = blake3::hash(&desk.read(&format!("disk/out/{}", text("path")))).to_hex();
                    assert_eq!(hash.as_str(), text("blake3"), "{}", text("path"));
                }
            }
            disk.remount("size=64m");
            done(&desk, &line);
            let fresh = format!("{job} fresh{}", out.trim_start_matches("out"));
            done(&desk, &fresh);
            assert_same(&left(&desk, &fresh), &left(&desk, &line));
            let files: Vec<String> = desk.tree("disk").into_keys().filter(|name| name.contains("imgveil-")).collect();
            assert_eq!(files, [""; 0], "{line}");
            remove(&desk, &fresh);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_to_is_told_before_the_work() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.greys(&["in/a.png"]);
    std::fs::create_dir_all(desk.path("closed/out")).unwrap();
    let mode = |mode| std::fs::set_permissions(desk.path("closed"), PermissionsExt::from_mode(mode)).unwrap();
    mode(0o555);
    // Whoever is root may write there all the same.
    #[cfg(target_os = "linux")]
    let disk = match std::fs::write(desk.path("closed/try"), b"") {
        Ok(()) => {
            std::fs::remove_file(desk.path("closed/try")).unwrap();
            let Some(disk) = Disk::mount(&desk, "closed", "size=1m", "a_folder_that_cannot_be_written_to") else {
                return;
            };
            std::fs::create_dir(desk.path("closed/out")).unwrap();
            disk.remount("ro");
            Some(disk)
        }
        Err(_) => None,
    };
    for (format, out) in [("", "closed/new"), ("", "closed/new.npz"), ("--format webdataset", "closed/new")] {
        let refused = |words: &str| words.contains(&format!("cannot write {out}")) && words.contains("(os error ");
        desk.refuses_like(&format!("encrypt neutral -k k.key {format} in {out}"), 1, refused);
        desk.refuses_like(&format!("encrypt -k k.key {format} in {out}"), 1, refused);
    }
    // The output could be written; the file that says which image is which could not.
    let refused = |words: &str| words.contains("cannot write closed/names.csv: ");
    desk.refuses_like("encrypt neutral -k k.key --names closed/names.csv in out", 1, refused);
    desk.refuses("encrypt neutral -k k.key --names no/names.csv in out", USAGE, "there is no no: check the path");
    #[cfg(target_os = "linux")]
    drop(disk);
    mode(0o755);
}

/// Who loses a file of names may not find the patients again.
#[test]
fn a_file_of_names_of_another_set_is_not_written_over() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "other/b.png"]);
    done(&desk, "encrypt neutral -k k.key in out");
    std::fs::rename(desk.path("out"), desk.path("handed-out")).unwrap();
    let words = "out.names.csv is there already and is not about these images: nothing was written; move it away, or name another \
                 file with --names";
    desk.refuses("encrypt neutral -k k.key other out", USAGE, words);
    desk.write("patients.csv", b"name,born\nDoe,1970\n");
    desk.refuses(
        "encrypt neutral -k k.key --names patients.csv other out",
        USAGE,
        &words.replace("out.names", "patients"),
    );
    // The same set again says the same again.
    done(&desk, "encrypt neutral -k k.key in out");
}

// ---- Parts --------------------------------------------------------------------------------------------------------

/// Two parts of a set, two classes, one file that is no picture.
fn with_broken(desk: &Desk) {
    many(desk);
    desk.write("in/train/0/broken.png", b"not a picture");
}

#[test]
fn parts_that_processes_write_at_once_are_one_set_when_they_are_merged() {
    let desk = Desk::new();
    with_broken(&desk);
    for format in ["", "--format jpeg", "--format webdataset --per-shard 7"] {
        let one = format!("encrypt neutral -k k.key {format} in one");
        assert_eq!(desk.run(&one).code, PARTLY);
        let part = |i: usize| format!("encrypt neutral -k k.key {format} --shard {i}/4 in out");
        let mut runs: Vec<Child> = (1..=4).map(|i| start(&desk, &part(i))).collect();
        let mut codes: Vec<i32> = runs.iter_mut().map(|run| run.wait().unwrap().code().unwrap()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 0, 0, PARTLY]);
        let merged = done(&desk, "merge out");
        assert_eq!(merged.out, format!("joined 4 parts of out: {MANY} images\n"));
        assert_same(&left(&desk, &one), &left(&desk, "merge out"));
        desk.refuses_like("merge out", USAGE, |words| words.contains("out: it holds no parts of a set"));
        // Merged, it is what the whole run would have written: another whole run has nothing to do.
        let again = desk.run(&format!("encrypt neutral -k k.key {format} in out"));
        assert!(again.code == 0 && again.err.contains("completed before"), "{}", again.err);
        remove(&desk, &one);
        remove(&desk, "merge out");
    }
}

#[test]
fn a_set_whose_parts_are_not_merged_is_not_used() {
    let desk = Desk::new();
    many(&desk);
    let part = |i: usize, more: &str| done(&desk, &format!("encrypt neutral -k k.key {more} --shard {i}/3 in out"));
    for format in ["", "--format webdataset --per-shard 7"] {
        part(1, format);
        part(3, format);
        desk.refuses("merge out", USAGE, "out: part 2/3 is missing: run it, then merge again");
        let words = "out holds parts of a set that are not joined yet: run `imgveil merge out` once every part is done";
        for line in [
            "decrypt -k k.key out back",
            "verify out",
            "verify -k k.key out",
            "encrypt -k k.key out twice",
            "inspect out",
        ] {
            desk.refuses(line, USAGE, words);
        }
        #[cfg(feature = "train")]
        desk.refuses("train --data out --epochs 1 --device cpu -o run", USAGE, words);
        part(2, format);
        done(&desk, "merge out");
        done(&desk, "verify -k k.key out");
        remove(&desk, "merge out");
    }
}

#[test]
fn parts_that_do_not_belong_together_are_not_merged() {
    let desk = Desk::new();
    many(&desk);
    desk.key("other.key", &key(1), 0o600);
    done(&desk, "encrypt neutral -k k.key --shard 1/2 in out");
    done(&desk, "encrypt neutral -k other.key --shard 2/2 in out");
    let words = "out: part 2/2 was made with another key, scheme, format or set of classes than part 1/2";
    desk.refuses("merge out", USAGE, words);
    remove(&desk, "merge out");
    // Three machines were started as of three, one as of two.
    (1..=3).for_each(|i| drop(done(&desk, &format!("encrypt neutral -k k.key --shard {i}/3 in out"))));
    done(&desk, "encrypt neutral -k k.key --shard 2/2 in out");
    desk.refuses_like("merge out", USAGE, |words| words.contains("different divisions, such as 2/2 and 1/3"));
    // A whole run does not mix with parts, nor parts with a whole set.
    desk.refuses_like("encrypt neutral -k k.key in out", USAGE, |words| words.contains("out exists and is not empty"));
    done(&desk, "encrypt neutral -k k.key in whole");
    desk.refuses_like("encrypt neutral -k k.key --shard 1/2 in whole", USAGE, |w| {
        w.contains("exists and is not empty")
    });
    let words = "the parts of a set cannot be written to arrays by several processes: leave --shard out, or write png, jpeg or webdataset";
    desk.refuses("encrypt neutral -k k.key --shard 1/2 in out.npz", USAGE, words);
    desk.refuses("encrypt neutral -k k.key --shard 1/2 --format npy in arrays", USAGE, words);
    desk.refuses(
        "merge in",
        USAGE,
        "in: it holds no parts of a set; parts are written by `imgveil encrypt --shard I/N`",
    );
    desk.refuses("merge no", USAGE, "there is no no: check the path");
}

/// The others are done; its journal is there.
#[test]
fn a_part_that_was_killed_is_run_again() {
    let desk = Desk::new();
    many(&desk);
    for format in ["", "--format webdataset --per-shard 3"] {
        done(&desk, &format!("encrypt neutral -k k.key {format} in one"));
        done(&desk, &format!("encrypt neutral -k k.key {format} --shard 1/2 in out"));
        let line = format!("encrypt neutral -k k.key {format} --shard 2/2 in out");
        let journal = desk.path("out/.imgveil-partial-2-of-2");
        for round in 0.. {
            assert!(round < 50, "fifty runs could not be cut");
            let mut run = start(&desk, &line);
            while records(&journal).len() < 3 && run.try_wait().unwrap().is_none() {}
            run.kill().unwrap();
            run.wait().unwrap();
            if records(&journal).len() >= 3 {
                break;
            }
            remove(&desk, &line);
            done(&desk, &format!("encrypt neutral -k k.key {format} --shard 1/2 in out"));
        }
        let words = "a part is still at work or was cut (.imgveil-partial-2-of-2): let it finish, or run it again";
        desk.refuses("merge out", USAGE, &format!("out: {words}"));
        let resumed = summary(&desk, &line.replacen(' ', " --json ", 1))["resumed"].as_u64().unwrap();
        assert!(resumed >= 3);
        done(&desk, "merge out");
        assert_same(&left(&desk, "encrypt one"), &left(&desk, "merge out"));
        remove(&desk, "encrypt one");
        remove(&desk, "merge out");
    }
}

// ---- Set aside, and tried again -----------------------------------------------------------------------------------

#[test]
fn what_was_set_aside_is_tried_again_once_it_is_repaired() {
    for format in ["", "--format jpeg", "--format npy", "--format webdataset --per-shard 7"] {
        let desk = Desk::new();
        with_broken(&desk);
        desk.write("in/test/1/broken.png", b"not a picture either");
        let line = format!("encrypt neutral -k k.key {format} in out");
        let first = desk.run(&line);
        assert_eq!(first.code, PARTLY);
        assert!(first.err.contains(&format!("broken.png: {FOREIGN}")), "{}", first.err);
        let before = left(&desk, &line);
        assert_eq!(String::from_utf8(before[".failed.csv"].clone()).unwrap().lines().count(), 3);
        // One of the two is repaired, then the other.
        desk.picture("in/train/0/broken.png", grey(64, 64, 4711));
        let words =
            "out: this very run was completed before, and nothing was done; --retry-failed tries what it set aside";
        let told = desk.run(&line);
        assert_eq!((told.code, told.err.contains(words)), (0, true), "{}", told.err);
        let retry = format!("encrypt neutral --json -k k.key {format} --retry-failed in out");
        let second = desk.run(&retry);
        assert_eq!(second.code, PARTLY, "{}", second.err);
        let second: Value = serde_json::from_str(&second.out).unwrap();
        assert_eq!((second["images"].as_u64(), second["failed"].as_array().unwrap().len()), (Some(MANY as u64 + 1), 1));
        desk.picture("in/test/1/broken.png", grey(64, 64, 4712));
        let third = summary(&desk, &retry);
        assert_eq!(third["images"], MANY + 2);
        if !format.contains("npy") {
            assert_eq!(third["resumed"], MANY + 1);
        }
        let fresh = format!("encrypt neutral -k k.key {format} in fresh");
        done(&desk, &fresh);
        assert_same(&left(&desk, &fresh), &left(&desk, &line));
        done(&desk, "verify -k k.key out");
    }
    let desk = Desk::new();
    with_broken(&desk);
    assert_eq!(desk.run("encrypt neutral -k k.key in out.npz").code, PARTLY);
    let words = "out.npz was written whole, and nothing can be added to it: remove it and encrypt the set again, or write a folder";
    desk.refuses("encrypt neutral -k k.key --retry-failed in out.npz", USAGE, words);
}

#[test]
fn a_dry_run_writes_nothing_and_says_what_would_be_done() {
    let desk = Desk::new();
    many(&desk);
    desk.write("in/notes.txt", b"notes");
    let before = desk.tree("");
    for (format, out) in [("", "out"), ("", "out.npz"), ("--format npy", "new/out"), ("--format webdataset", "out")] {
        let line = format!("encrypt neutral -k k.key --dry-run {format} in {out}");
        let told = done(&desk, &line);
        assert!(
            told.out.starts_with(&format!("would encrypt {MANY} images (0.7 MB of pixels) to {out} as ")),
            "{}",
            told.out
        );
        assert_eq!(told.err, "would pass over 1 other file\n");
        let json = summary(&desk, &line.replacen(' ', " --json ", 1));
        assert_eq!((&json["images"], &json["bytes"]), (&Value::from(MANY), &Value::from(MANY * 64 * 64)));
        assert_eq!(json["splits"], serde_json::json!({ "train": MANY * 3 / 4, "test": MANY / 4 }));
        assert_eq!(json["classes"], serde_json::json!({ "0": MANY / 2, "1": MANY / 2 }));
        assert_eq!(json["sizes"], serde_json::json!([{ "geometry": "64x64x1", "images": MANY }]));
    }
    assert_same(&before, &desk.tree(""));
    desk.write("in/train/0/broken.png", b"not a picture");
    let before = desk.tree("");
    let told = desk.run("encrypt neutral -k k.key --dry-run in out");
    assert_eq!(told.code, PARTLY);
    assert!(
        told.err.contains(&format!("1 image would be set aside:\n  train/0/broken.png: {FOREIGN}")),
        "{}",
        told.err
    );
    assert_same(&before, &desk.tree(""));
    // What stands in the way of the run is told by the rehearsal.
    desk.refuses_like("encrypt neutral -k k.key --dry-run --block 7 in out", USAGE, |words| words.contains("7"));
    desk.refuses_like("encrypt neutral -k k.key --dry-run in in/out", USAGE, |words| words.contains("inside"));
}

// ---- Checked ------------------------------------------------------------------------------------------------------

/// Runs `verify` on a set that is not as it was, and says what was found: it must be this.
#[track_caller]
fn finds(desk: &Desk, line: &str, words: &[&str]) {
    let found = desk.run(line);
    assert_eq!(found.code, DATASET, "{line}: {} {}", found.out, found.err);
    words.iter().for_each(|word| assert!(found.err.contains(word), "{line}: no `{word}` in: {}", found.err));
}

/// Does something to a file and takes it back.
fn with(desk: &Desk, name: &str, change: impl FnOnce(&mut Vec<u8>), test: impl FnOnce()) {
    let whole = desk.read(name);
    let mut other = whole.clone();
    change(&mut other);
    desk.write(name, &other);
    test();
    desk.write(name, &whole);
}

#[test]
fn what_was_changed_in_a_tree_is_found() {
    let desk = Desk::new();
    many(&desk);
    done(&desk, "encrypt neutral -k k.key in out");
    for line in ["verify out", "verify -k k.key out"] {
        assert!(done(&desk, line).out.starts_with(&format!("{MANY} of {MANY} images")));
    }
    let files: Vec<String> = desk.files("out").into_iter().filter(|name| name.ends_with("png")).collect();
    let (one, other) = (format!("out/{}", files[3]), format!("out/{}", files[7]));
    for line in ["verify out", "verify -k k.key out"] {
        let changed = format!("{}: was changed since it was encrypted", files[3]);
        with(&desk, &one, |bytes| *bytes.last_mut().unwrap() ^= 1, || finds(&desk, line, &["1 image not", &changed]));
        with(&desk, &one, |bytes| bytes.truncate(70), || finds(&desk, line, &["1 image not", &changed]));
        std::fs::rename(desk.path(&one), desk.path("away")).unwrap();
        finds(&desk, line, &["1 image not", &format!("{}: cannot be read: ", files[3])]);
        // Two files in each other's place.
        std::fs::rename(desk.path(&other), desk.path(&one)).unwrap();
        std::fs::rename(desk.path("away"), desk.path(&other)).unwrap();
        finds(&desk, line, &["2 images not", &changed, &files[7]]);
        std::fs::rename(desk.path(&one), desk.path("away")).unwrap();
        std::fs::rename(desk.path(&other), desk.path(&one)).unwrap();
        std::fs::rename(desk.path("away"), desk.path(&other)).unwrap();
        desk.picture("out/train/0/plain.png", grey(8, 8, 1));
        desk.write("out/notes.txt", b"notes");
        finds(&desk, line, &["2 files that imgveil.json does not name:\n  notes.txt\n  train/0/plain.png\n"]);
        std::fs::remove_file(desk.path("out/notes.txt")).unwrap();
        std::fs::remove_file(desk.path("out/train/0/plain.png")).unwrap();
        done(&desk, line);
    }
    let sample = summary(&desk, "verify --json --sample 1/2 out");
    assert_eq!((&sample["images"], &sample["checked"]), (&Value::from(MANY), &Value::from(MANY / 2)));
    let words = done(&desk, "verify -k k.key --sample 1/3 out").out;
    assert!(words.contains(&format!("{} of {} images", MANY / 3, MANY / 3)), "{words}");
    assert!(words.contains(&format!("({} others not looked at)", MANY - MANY / 3)), "{words}");
    assert_eq!(desk.run("verify --sample 2/3 out").code, USAGE);
    desk.key("other.key", &key(1), 0o600);
    assert_eq!(desk.run("verify -k other.key out").code, common::desk::KEY);
    desk.refuses_like("verify in", DATASET, |words| words.contains("in is not an encrypted set"));
}

/// Whoever changes files and manifest alike is found out by the key.
#[test]
fn a_manifest_that_was_changed_with_its_files_is_found_with_the_key() {
    let desk = Desk::new();
    many(&desk);
    // A stage keyed per image: its id decides what decrypts it.
    done(&desk, "encrypt neutral -k k.key -s keystream in out");
    let text = |desk: &Desk| String::from_utf8(desk.read("out/imgveil.json")).unwrap();
    let manifest = desk.manifest("out");
    let value = |field: &str| manifest["images"][3][field].as_str().unwrap().to_owned();
    let exchanged = |old: &str| -> String { old.chars().map(|c| if c == '0' { '1' } else { '0' }).collect() };
    for field in ["plain", "id"] {
        let (old, new) = (value(field), exchanged(&value(field)));
        let forged = text(&desk).replace(&old, &new);
        with(
            &desk,
            "out/imgveil.json",
            |bytes| *bytes = forged.into_bytes(),
            || {
                done(&desk, "verify out");
                finds(
                    &desk,
                    "verify -k k.key out",
                    &["1 image not", &format!("{}: does not decrypt to the image", value("path"))],
                );
            },
        );
    }
    // Another size than the file has, in the manifest alone.
    let forged = text(&desk).replacen("\"64x64x1\"", "\"32x128x1\"", 1);
    with(
        &desk,
        "out/imgveil.json",
        |bytes| *bytes = forged.into_bytes(),
        || {
            finds(&desk, "verify out", &["1 image not", "is 64x64x1, and the manifest says 32x128x1"]);
            finds(&desk, "verify -k k.key out", &["1 image not", "does not decrypt to the image"]);
        },
    );
    // Another file, and a hash that fits it.
    let path = format!("out/{}", value("path"));
    with(
        &desk,
        &path,
        |bytes| {
            let mut picture = std::io::Cursor::new(Vec::new());
            image::DynamicImage::from(grey(64, 64, 99)).write_to(&mut picture, image::ImageFormat::Png).unwrap();
            *bytes = picture.into_inner();
        },
        || {
            let hash = blake3::hash(&desk.read(&path)).to_hex().to_string();
            let forged = text(&desk).replace(&value("blake3"), &hash);
            with(
                &desk,
                "out/imgveil.json",
                |bytes| *bytes = forged.into_bytes(),
                || {
                    done(&desk, "verify out");
                    finds(&desk, "verify -k k.key out", &["1 image not", &value("path")]);
                },
            );
        },
    );
    done(&desk, "verify -k k.key out");
}

/// Whoever trains reads labels where numpy and WebDataset have them: they are checked like images.
#[test]
fn what_was_changed_in_arrays_and_shards_is_found() {
    let desk = Desk::new();
    many(&desk);
    for line in ["verify npy", "verify -k k.key npy"] {
        if !desk.path("npy").exists() {
            done(&desk, "encrypt neutral -k k.key --format npy in npy");
        }
        done(&desk, line);
        let size = desk.read("npy/train_images.npy").len();
        let number = MANY * 3 / 4 - 2;
        with(
            &desk,
            "npy/train_images.npy",
            |bytes| bytes[size - 4096 - 9] ^= 1,
            || {
                finds(&desk, line, &["1 image not", &format!("train_images[{number}]: was changed")]);
            },
        );
        with(
            &desk,
            "npy/train_labels.npy",
            |bytes| *bytes.last_mut().unwrap() ^= 1,
            || {
                finds(&desk, line, &["train_labels.npy"]);
            },
        );
        let labels = desk.read("npy/test_labels.npy");
        std::fs::remove_file(desk.path("npy/test_labels.npy")).unwrap();
        finds(&desk, line, &["test_labels.npy"]);
        desk.write("npy/test_labels.npy", &labels);
        desk.write("npy/my_labels.npy", &labels);
        desk.write("npy/labels.npy", &labels);
        finds(&desk, line, &["2 files that imgveil.json does not name:\n  labels.npy\n  my_labels.npy\n"]);
        std::fs::remove_file(desk.path("npy/my_labels.npy")).unwrap();
        std::fs::remove_file(desk.path("npy/labels.npy")).unwrap();
    }
    done(&desk, "encrypt neutral -k k.key in set.npz");
    done(&desk, "verify -k k.key set.npz");
    let at = |bytes: &[u8], text: &str| bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    with(
        &desk,
        "set.npz",
        |bytes| {
            let place = at(bytes, "train_labels.npy");
            bytes[place + 200] ^= 1
        },
        || {
            finds(&desk, "verify set.npz", &["train_labels"]);
        },
    );
    // An archive that is whole, with one other label and one member more.
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(desk.read("set.npz"))).unwrap();
    for i in 0..archive.len() {
        let mut member = archive.by_index(i).unwrap();
        let (mut bytes, name) = (Vec::new(), member.name().unwrap().into_owned());
        std::io::Read::read_to_end(&mut member, &mut bytes).unwrap();
        if name == "train_labels.npy" {
            *bytes.last_mut().unwrap() ^= 1;
        }
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, &bytes).unwrap();
    }
    zip.start_file("notes.txt", zip::write::SimpleFileOptions::default()).unwrap();
    let forged = zip.finish().unwrap().into_inner();
    with(
        &desk,
        "set.npz",
        |bytes| *bytes = forged,
        || {
            finds(
                &desk,
                "verify --sample 1/180 set.npz",
                &["1 place whose labels are not", "train_labels.npy", "notes.txt"],
            );
        },
    );
    done(&desk, "encrypt neutral -k k.key --format webdataset --per-shard 50 in shards");
    done(&desk, "verify -k k.key shards");
    let shard = "shards/train-000001.tar";
    for line in ["verify shards", "verify -k k.key shards"] {
        with(&desk, shard, |bytes| bytes[512 + 100] ^= 1, || finds(&desk, line, &["1 image not", "train-000001.tar/"]));
        // The class of a sample, which is one digit behind its header.
        with(
            &desk,
            shard,
            |bytes| {
                let class = at(bytes, ".cls") / 512 * 512;
                bytes[class + 512] ^= 1
            },
            || {
                finds(&desk, line, &[".cls"]);
            },
        );
        // A further sample at the end, in front of the two empty blocks.
        with(
            &desk,
            shard,
            |bytes| {
                let mut tar = tar::Builder::new(Vec::new());
                made::member(&mut tar, "extra.png", "", &desk.read("in/train/0/000.png"));
                bytes.truncate(bytes.len() - 1024);
                bytes.extend(tar.into_inner().unwrap());
            },
            || finds(&desk, line, &["extra.png"]),
        );
        std::fs::rename(desk.path(shard), desk.path("away")).unwrap();
        finds(&desk, line, &["50 images not"]);
        std::fs::rename(desk.path("away"), desk.path(shard)).unwrap();
        desk.write("shards/train-000099.tar", b"");
        finds(&desk, line, &["1 file that imgveil.json does not name:\n  train-000099.tar\n"]);
        std::fs::remove_file(desk.path("shards/train-000099.tar")).unwrap();
        done(&desk, line);
    }
}

// ---- What is in a set ---------------------------------------------------------------------------------------------

/// Does nothing with what it hears.
struct Deaf;

impl imgveil_data::job::Progress for Deaf {
    fn start(&self, _: usize) {}
    fn advance(&self, _: usize, _: u64) {}
}

#[test]
fn images_of_every_size_and_depth_lie_in_one_folder_and_come_back_on_every_engine() {
    use imgveil::internal::engine::{CpuEngine, Engine};
    use imgveil::internal::image::{Geometry, Image};
    use imgveil::internal::key::Key;
    use imgveil::internal::scheme::{KeyScope, Options, Preset};
    use imgveil_data::dataset;
    use imgveil_data::job::{DecryptRequest, EncryptRequest, VerifyRequest, decrypt, encrypt, verify};
    let mut engines: Vec<&dyn Engine> = vec![&CpuEngine];
    let test = "images_of_every_size_and_depth_lie_in_one_folder_and_come_back_on_every_engine";
    engines.extend(common::gpu(test).map(|gpu| gpu as &dyn Engine));
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let sizes = ["8x8x1", "12x20x3", "16x8x1x16", "8x8x3x16", "64x40x1", "7x9x1", "1x1x3"];
    let image = |i: usize| {
        let geometry: Geometry = sizes[i * 5 % sizes.len()].parse().unwrap();
        let samples = (0..geometry.bytes()).map(|j| (j * 37 + i * 11 + ((j * j) >> 3)) as u8).collect();
        (format!("{}/{i:02}", i % 2), Image::new(geometry, samples).unwrap())
    };
    common::write_tree(&at("in"), (0..50).map(image));
    let block = Options { key_scope: Some(KeyScope::Block), scramble: true, ..Options::default() };
    let schemes = [
        Preset::None.scheme(Options::default()),
        Preset::ShuffleFlip.scheme(Options::default()),
        Preset::ShuffleFlip.scheme(block),
        Preset::Keystream.scheme(Options::default()),
    ];
    let secret = &Key::from_bytes([3; 32]).into();
    for (number, scheme) in schemes.into_iter().enumerate() {
        let scheme = &scheme.unwrap();
        let (encrypted, back) = (at(&format!("{number}-0")), at(&format!("{number}-back")));
        for (i, engine) in engines.iter().copied().enumerate() {
            let (input, output) = (&at("in"), &at(&format!("{number}-{i}")));
            let mut options = imgveil_data::job::EncryptOptions::default();
            options.fit.pad = true;
            let request = EncryptRequest { input, output, secret, scheme, engine, options };
            assert_eq!(encrypt(&request, &Deaf).unwrap().images, 50);
            assert!(common::tree(output) == common::tree(&encrypted), "{scheme} on {}", engine.name());
            let request = VerifyRequest { input: output, secret: Some(secret), engine, sample: None };
            let found = verify(&request, &Deaf).unwrap();
            assert_eq!((found.checked, found.failed.len(), found.strangers.len()), (50, 0, 0));
        }
        for (i, engine) in engines.iter().copied().enumerate() {
            let names = Some(at(&format!("{number}-0.names.csv")));
            let options = imgveil_data::job::DecryptOptions { names, ..Default::default() };
            let output = &back.with_extension(i.to_string());
            let request = DecryptRequest { input: &encrypted, output, secret, engine, options };
            assert_eq!(decrypt(&request, &Deaf).unwrap().images, 50);
            let (plain, back) = (dataset::open(&at("in")).unwrap().source, dataset::open(output).unwrap().source);
            assert_eq!(plain.items(), back.items());
            for index in 0..50 {
                let name = &plain.items()[index].name;
                assert!(
                    plain.read(index).unwrap() == back.read(index).unwrap(),
                    "{scheme}: {name} on {}",
                    engine.name()
                );
            }
        }
    }
}

#[test]
fn an_array_holds_images_of_one_size_and_says_so() {
    let desk = Desk::new();
    desk.greys(&["in/train/a.png", "in/train/b.png"]);
    desk.picture("in/test/c.png", rgb(16, 8, 1));
    // Another part may have another size.
    done(&desk, "encrypt neutral -k k.key in good.npz");
    done(&desk, "encrypt neutral -k k.key --format npy in good");
    done(&desk, "decrypt -k k.key --names good.names.csv good back");
    assert_eq!(desk.pixels("back/test/c.png"), desk.pixels("in/test/c.png"));
    desk.picture("in/train/c.png", grey(8, 16, 1));
    for line in ["encrypt neutral -k k.key in out.npz", "encrypt neutral -k k.key --format npy in out"] {
        let words = "images differ: train/a is 8x8x1 (height x width x channels), train/c is 8x16x1; bring them to one size with \
                     --resize HEIGHTxWIDTH, and to one number of channels and one depth beforehand, or write a folder of files";
        desk.refuses(line, USAGE, words);
    }
    done(&desk, "encrypt neutral -k k.key in tree");
    done(&desk, "encrypt neutral -k k.key --format webdataset in shards");
    done(&desk, "verify -k k.key shards");
}

/// What `inspect` counts with these labels.
fn counted(desk: &Desk, csv: &str) -> (Value, Value) {
    desk.write("labels.csv", csv.as_bytes());
    let found = summary(desk, "inspect --json --labels labels.csv in");
    (found["splits"].clone(), found["classes"].clone())
}

#[test]
fn labels_come_from_a_file() {
    let desk = Desk::new();
    desk.greys(&["in/a.png", "in/b.png", "in/sub/c.png"]);
    desk.write("in/scan.tif", &made::tiff(8, 8, &[vec![1; 64], vec![2; 64]], "two pages"));
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    // Numbers stay what they are; the pages of a file share its line; extensions and spaces do not matter.
    let numbers = "name,label\na.png,0\nb , 3\nsub/c.png,0\nscan.tif,3\n";
    assert_eq!(counted(&desk, numbers), (json(r#"{"all": 5}"#), json(r#"{"0": 2, "3": 3}"#)));
    let named = "\u{feff}File,CLASS,Split\na,cyst,train\nb,polyp,validation\nsub/c,cyst,test\nscan,,train\n";
    let splits = json(r#"{"train": 3, "val": 1, "test": 1}"#);
    assert_eq!(counted(&desk, named), (splits.clone(), json(r#"{"": 2, "cyst": 2, "polyp": 1}"#)));
    let line = "encrypt -k k.key --labels labels.csv in out";
    done(&desk, line);
    let manifest = desk.manifest("out");
    assert_eq!(manifest["classes"], json(r#"["cyst", "polyp"]"#));
    let b = manifest["images"].as_array().unwrap().iter().find(|image| image["name"] == "b").unwrap();
    assert_eq!((&b["label"], &b["split"]), (&json("1"), &json("\"val\"")));
    done(&desk, "encrypt neutral -k k.key --labels labels.csv in neutral.npz");
    assert_eq!(summary(&desk, "inspect --json neutral.npz")["splits"], splits);
    // Images without a line are told.
    desk.write("labels.csv", b"name,label\na,0\n");
    let told = done(&desk, "encrypt -k k.key --labels labels.csv in some");
    let words = "note: labels.csv has no line for 4 of 5 images: they have no label\n";
    assert!(told.err.starts_with(words), "{}", told.err);
    for (csv, words) in [
        ("name,label\na,0\nb,1\na.png,0\n", "line 4 names `a.png` a second time"),
        ("name,label,split\na,0,dev\n", "line 2: `dev` is no split: write train, val or test"),
        ("name,label\nx,0\n", "it names none of the images; they are called as this one is: a"),
        ("name,label\n,0\n", "line 2 names no image"),
        ("label,split\n0,train\n", "its first line has no column `name`"),
        ("name,split\na,train\n", "its first line has no column `label`"),
        ("name,label\na,\n", "it gives no image a label"),
        ("name,label\na,65536\n", "label 65536 is no class number (0 to 65535)"),
        ("", "its first line has no column `name`"),
    ] {
        desk.write("labels.csv", csv.as_bytes());
        let words = format!("labels.csv is not usable as labels: {words}");
        desk.refuses("encrypt neutral -k k.key --labels labels.csv in refused", USAGE, &words);
    }
    desk.write("labels.csv", b"name,label\n\xff,0\n");
    desk.refuses_like("encrypt neutral -k k.key --labels labels.csv in refused", USAGE, |words| {
        words.starts_with("error: labels.csv is not usable as labels: ") && words.lines().count() == 1
    });
    desk.refuses("encrypt neutral -k k.key --labels no.csv in refused", USAGE, "there is no no.csv: check the path");
}

/// Labels decide where images go: other labels are another run.
#[test]
fn a_run_does_not_go_on_with_other_labels_where_one_was_cut() {
    let desk = Desk::new();
    many(&desk);
    let label = |flipped: usize| {
        let line = |name: String| format!("{},{}\n", name, usize::from(name.ends_with("1.png")) ^ flipped);
        let lines: String = desk.files("in").into_iter().map(line).collect();
        desk.write("labels.csv", format!("name,label\n{lines}").as_bytes());
    };
    label(0);
    let line = "encrypt --keep-names -k k.key --labels labels.csv in out";
    cut(&desk, line);
    label(1);
    done(&desk, line);
    let fresh = "encrypt --keep-names -k k.key --labels labels.csv in fresh";
    done(&desk, fresh);
    assert_same(&left(&desk, fresh), &left(&desk, line));
    // Completed with these labels, it is not what it would be with others.
    label(0);
    desk.refuses_like(line, USAGE, |words| words.contains("out exists and is not empty"));
    let retried = summary(&desk, &line.replacen(' ', " --json --retry-failed ", 1));
    assert_eq!(retried["resumed"], 0);
    done(&desk, "encrypt --keep-names -k k.key --labels labels.csv in others");
    let (others, out) = (desk.manifest("others"), desk.manifest("out"));
    assert_eq!(others["images"], out["images"]);
}

#[test]
fn a_file_of_several_images_becomes_as_many_and_they_come_back() {
    let desk = Desk::new();
    let frame = |seed: u32| common::desk::samples(48, seed);
    let frames: Vec<Vec<u8>> = (0..3).map(frame).collect();
    desk.write("in/film.dcm", &made::dicom(8, 6, &frames, &[(0x0010_0010, b"PN", "Nobody")]));
    desk.write("in/pages.tif", &made::tiff(8, 6, &frames, "three pages"));
    let (x, y, z) = (8, 4, 12);
    let voxels = common::desk::samples(x * y * z, 9);
    let volume = made::nifti([x as u16, y as u16, z as u16], &voxels, "a volume");
    desk.write("in/volume.nii.gz", &made::gzip(&volume, "volume"));
    let at = |x_: u32, y_: u32, z_: u32| voxels[(x_ + x * (y_ + y * z_)) as usize];
    for (axis, count, height, width) in [("x", x, z, y), ("y", y, z, x), ("z", z, y, x)] {
        for (format, out) in [("", "out"), ("--format webdataset --per-shard 4", "out")] {
            done(&desk, &format!("encrypt neutral -k k.key --pad --axis {axis} {format} in {out}"));
            assert_eq!(desk.manifest("out")["images"].as_array().unwrap().len(), 6 + count as usize);
            done(&desk, "decrypt -k k.key --names out.names.csv out back");
            for (i, frame) in frames.iter().enumerate() {
                for name in ["film", "pages"] {
                    assert_eq!(desk.pixels(&format!("back/{name}/{i:05}.png")), (6, 8, frame.clone()), "{name} {i}");
                }
            }
            for i in 0..count {
                let pixels = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
                let pixel = |(row, column)| match axis {
                    "x" => at(i, column, row),
                    "y" => at(column, i, row),
                    _ => at(column, row, i),
                };
                let slice: Vec<u8> = pixels.map(pixel).collect();
                assert_eq!(desk.pixels(&format!("back/volume/{i:05}.png")), (height, width, slice), "{axis} {i}");
            }
            assert_eq!(desk.files("back").len(), 6 + count as usize);
            std::fs::remove_dir_all(desk.path("back")).unwrap();
            remove(&desk, "encrypt out");
        }
    }
    // A window makes other pixels of objects and volumes, and leaves pictures as they are.
    done(&desk, "encrypt neutral -k k.key --pad --window 100,60 in out");
    done(&desk, "decrypt -k k.key --names out.names.csv out back");
    let windowed: Vec<u8> =
        frames[1].iter().map(|&v| imgveil_data::dataset::read_options::linear(100.0, 60.0, v.into())).collect();
    assert_eq!(desk.pixels("back/film/00001.png"), (6, 8, windowed));
    assert_eq!(desk.pixels("back/pages/00001.png"), (6, 8, frames[1].clone()));
    let slice: Vec<u8> = voxels[(x * y) as usize..][..(x * y) as usize].to_vec();
    let slice: Vec<u8> =
        slice.iter().map(|&v| imgveil_data::dataset::read_options::linear(100.0, 60.0, v.into())).collect();
    assert_eq!(desk.pixels("back/volume/00001.png"), (y, x, slice));
    assert_eq!(desk.run("encrypt neutral -k k.key --window 100,0 in no").code, USAGE);
    assert_eq!(desk.run("encrypt neutral -k k.key --axis w in no").code, USAGE);
    // A single file is a set.
    done(&desk, "encrypt neutral -k k.key --pad in/film.dcm film");
    assert_eq!(desk.manifest("film")["images"].as_array().unwrap().len(), 3);
}
