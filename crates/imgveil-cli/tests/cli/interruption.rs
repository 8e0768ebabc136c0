//! Runs that are killed again and again, and two processes that write to one output.

use crate::common::sandbox::*;
use crate::runs::{MANY, cut, done, journal, left, many, mixed, records, remove, start, summary};
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Kills a job at twenty random moments, starts it again each time, and compares with an uninterrupted run.
fn survives(sandbox: &Sandbox, job: &str, ending: &str) {
    let line = format!("{job} unbroken{ending}");
    let begun = Instant::now();
    done(sandbox, &line);
    let mut whole = begun.elapsed();
    let unbroken = left(sandbox, &line);
    let line = format!("{job} broken{ending}");
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let mut waits = Vec::new();
    for round in 0..20 {
        let hash = blake3::hash(format!("{seed} {round}").as_bytes());
        waits.push(whole.mul_f64(f64::from(hash.as_bytes()[0]) / 255.0));
        let mut run = start(sandbox, &line);
        std::thread::sleep(waits[round]);
        run.kill().unwrap();
        match run.wait().unwrap().code() {
            Some(0) => {
                assert_same(&unbroken, &left(sandbox, &line));
                remove(sandbox, &line);
                // The first run was slower, on a busy machine.
                whole = whole.mul_f64(0.8);
            }
            // A plain set has no manifest. After a kill between the removal of the journal and the end of the process,
            // the set is complete and the next run refuses to overwrite it.
            Some(USAGE) if job.starts_with("decrypt") => {
                assert_same(&unbroken, &left(sandbox, &line));
                remove(sandbox, &line);
            }
            // On some systems a killed process has the exit code 1. Nothing else may fail with it.
            Some(code) if !cfg!(windows) => panic!("exit code {code} after {waits:?}: {}", sandbox.run(&line).err),
            _ => {}
        }
    }
    // The last run continues one that was certainly interrupted in the middle.
    remove(sandbox, &line);
    cut(sandbox, &line);
    let resumed = summary(sandbox, &line.replacen(' ', " --json ", 1))["resumed"].as_u64().unwrap();
    assert!((3..MANY as u64).contains(&resumed), "{resumed}");
    assert_same(&unbroken, &left(sandbox, &line));
    let litter: Vec<String> =
        sandbox.tree("").into_keys().filter(|name| name.contains(".imgveil-") || name.contains("partial")).collect();
    assert_eq!(litter, [""; 0], "after {waits:?}");
    remove(sandbox, &line);
    remove(sandbox, &format!("{job} unbroken{ending}"));
}

#[test]
fn killed_runs_of_two_sizes_go_on_to_the_same_tree() {
    let sandbox = Sandbox::new();
    mixed(&sandbox);
    survives(&sandbox, "encrypt neutral -k k.key in", "");
    done(&sandbox, "encrypt neutral -k k.key in enc");
    survives(&sandbox, "decrypt -k k.key --names enc.names.csv enc", "");
}

#[test]
fn killed_runs_go_on_to_the_same_arrays() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    survives(&sandbox, "encrypt neutral -k k.key in", ".npz");
    survives(&sandbox, "encrypt neutral -k k.key --format npy in", "");
}

#[test]
fn killed_runs_go_on_to_the_same_shards() {
    let sandbox = Sandbox::new();
    mixed(&sandbox);
    survives(&sandbox, "encrypt neutral -k k.key --format webdataset --per-shard 7 in", "");
}

/// The output and the input are changed between the kill and the next run.
#[test]
fn what_was_changed_since_the_cut_is_written_again() {
    for format in ["", "--format npy", "--format webdataset --per-shard 5"] {
        let sandbox = Sandbox::new();
        many(&sandbox);
        let line = format!("encrypt neutral --json -k k.key {format} in out");
        cut(&sandbox, &line);
        let whole = records(&journal(&sandbox, &line));
        let path = |record: &Value| record["entry"]["path"].as_str().unwrap().to_owned();
        // One image of the output was replaced, one was removed.
        let (changed, gone) = (path(&whole[0]), path(whole.last().unwrap()));
        match format {
            "" => {
                let file = sandbox.path(&format!("out/{changed}"));
                let mut bytes = std::fs::read(&file).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(&file, bytes).unwrap();
                std::fs::remove_file(sandbox.path(&format!("out/{gone}"))).unwrap();
            }
            "--format npy" => {
                let (array, number) = changed.split_once('[').unwrap();
                let file = sandbox.path(&format!("out/{array}.npy"));
                let mut bytes = std::fs::read(&file).unwrap();
                let number: usize = number.trim_end_matches(']').parse().unwrap();
                let count = bytes.len() / 4096;
                let at = bytes.len() - (count - number) * 4096 + 17;
                bytes[at] ^= 1;
                std::fs::write(&file, bytes).unwrap();
            }
            _ => {
                let (shard, _) = changed.split_once('/').unwrap();
                let file = sandbox.path(&format!("out/{shard}"));
                let mut bytes = std::fs::read(&file).unwrap();
                bytes[512 + 30] ^= 1;
                std::fs::write(&file, bytes).unwrap();
                let (shard, _) = gone.split_once('/').unwrap();
                let _ = std::fs::remove_file(sandbox.path(&format!("out/{shard}")));
            }
        }
        // Two images of the input have other pixels. One of them is in the output already.
        let names = sandbox.files("in");
        let second = whole[1]["entry"]["name"].as_str().unwrap();
        let ids = Sandbox::new();
        many(&ids);
        done(&ids, "encrypt neutral -k k.key in out");
        let mut csv = csv::Reader::from_reader(std::fs::File::open(ids.path("out.names.csv")).unwrap());
        let plain = csv.records().map(Result::unwrap).find(|line| &line[0] == second).unwrap()[1].to_owned();
        let later = SystemTime::now() + Duration::from_secs(5);
        for name in [format!("{plain}.png"), names.last().unwrap().clone()] {
            let name = format!("in/{name}");
            sandbox.picture(&name, grey(64, 64, 4711));
            std::fs::File::options().write(true).open(sandbox.path(&name)).unwrap().set_modified(later).unwrap();
        }
        let resumed = summary(&sandbox, &line)["resumed"].as_u64().unwrap();
        assert!(resumed < whole.len() as u64, "{resumed} of {}", whole.len());
        let fresh = format!("encrypt neutral -k k.key {format} in fresh");
        done(&sandbox, &fresh);
        assert_same(&left(&sandbox, &fresh), &left(&sandbox, &line));
    }
}

/// Two runs start at about the same time. One writes the set; the other is refused or finds the set complete.
#[test]
fn two_processes_on_one_output_do_not_get_in_each_others_way() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    for ending in ["", ".npz"] {
        let line = format!("encrypt neutral -k k.key in out{ending}");
        let fresh = format!("encrypt neutral -k k.key in fresh{ending}");
        done(&sandbox, &fresh);
        let words = format!(
            "error: another imgveil is writing out{ending} at this moment: let it finish, or choose another output\n"
        );
        let mut refused = 0;
        for round in 0..20 {
            std::thread::scope(|scope| {
                let first = scope.spawn(|| sandbox.run(&line));
                // The second run starts later each time, up to the last step of the first.
                std::thread::sleep(Duration::from_millis(5 * round));
                let second = sandbox.run(&line);
                let first = first.join().unwrap();
                assert!(first.code == 0 || second.code == 0, "{first:?} {second:?}");
                for run in [&first, &second] {
                    assert!(run.code == 0 || (run.code, &run.err) == (USAGE, &words), "{run:?}");
                    refused += usize::from(run.code != 0);
                }
            });
            assert_same(&left(&sandbox, &fresh), &left(&sandbox, &line));
            remove(&sandbox, &line);
        }
        assert!(refused > 0);
    }
}

/// A run that was killed after its archive was complete, and before its temporary files were removed.
#[test]
fn a_run_that_was_killed_in_its_last_step_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a/1.png", "in/b/2.png"]);
    let line = "encrypt neutral -k k.key in out.npz";
    done(&sandbox, line);
    let whole = left(&sandbox, line);
    std::fs::create_dir(sandbox.path("out.npz.imgveil-partial")).unwrap();
    let again = done(&sandbox, line);
    assert!(again.err.contains("completed before"), "{}", again.err);
    assert_same(&whole, &left(&sandbox, line));
    // What somebody put there is not ours.
    sandbox.write("out.npz.imgveil-partial/images.npy", &[0; 200]);
    let whole = left(&sandbox, line);
    done(&sandbox, line);
    assert_same(&whole, &left(&sandbox, line));
}

/// Ctrl-C is answered with one line, and the process ends as one that was interrupted.
#[cfg(unix)]
#[test]
fn an_interrupted_run_says_that_the_same_command_goes_on() {
    use std::os::unix::process::ExitStatusExt;
    let sandbox = Sandbox::new();
    many(&sandbox);
    let line = "encrypt neutral -k k.key in out";
    for _ in 0..50 {
        let mut run = sandbox.command("", line);
        if cfg!(target_os = "linux") {
            // These tests may run in the background, where shells have Ctrl-C ignored.
            let mut command = std::process::Command::new("env");
            command.arg("--default-signal=INT").arg(run.get_program()).args(run.get_args());
            command.current_dir(sandbox.0.path()).stdin(std::process::Stdio::null());
            run = command;
        }
        let run = run.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while !journal(&sandbox, line).exists() && begun.elapsed() < Duration::from_secs(20) {}
        let kill = std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
        let ended = run.wait_with_output().unwrap();
        if kill.success() && ended.status.signal() == Some(2) {
            let words = "interrupted: what is written is whole, and the same command goes on from there\n";
            let told = String::from_utf8(ended.stderr).unwrap();
            assert!(told.ends_with(words), "{told}");
            done(&sandbox, line);
            return;
        }
        // It was done before the signal came.
        assert_eq!(ended.status.code(), Some(0));
        remove(&sandbox, line);
    }
    panic!("fifty runs could not be interrupted");
}
