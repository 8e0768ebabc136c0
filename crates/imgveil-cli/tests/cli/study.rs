//! `imgveil predict` and `imgveil study` as people run them, and training that is killed: words, exit codes, files.

use crate::common::sandbox::*;
use image::GrayImage;
use imgveil::internal::key::Key;
use imgveil_cli::phantom::{PhantomClass, phantom};
use imgveil_data::key_file::{Passphrase, save_sealed};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

const SIZE: usize = 16;

/// Phantoms of two classes: 48 to learn from, 16 to validate, 32 to test.
fn phantoms(sandbox: &Sandbox, set: &str) {
    for (split, first, count) in [("train", 0u64, 24), ("val", 1000, 8), ("test", 2000, 16)] {
        for (class, name) in PhantomClass::ALL.into_iter().zip(["clear", "opacity"]) {
            for i in 0..count {
                let image = GrayImage::from_raw(SIZE as u32, SIZE as u32, phantom(first + i, class, SIZE)).unwrap();
                sandbox.picture(&format!("{set}/{split}/{name}/{i:02}.png"), image);
            }
        }
    }
}

fn json(sandbox: &Sandbox, line: &str) -> Value {
    let done = sandbox.run(line);
    assert_eq!(done.code, 0, "{}", done.err);
    serde_json::from_str(&done.out).unwrap()
}

/// Lines of a CSV file by their first field.
fn lines(sandbox: &Sandbox, file: &str) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let mut csv = csv::Reader::from_reader(std::io::Cursor::new(sandbox.read(file)));
    let header = csv.headers().unwrap().iter().map(String::from).collect();
    let record = |record: csv::StringRecord| {
        let fields: Vec<String> = record.iter().map(String::from).collect();
        (fields[0].clone(), fields)
    };
    (header, csv.records().map(|r| record(r.unwrap())).collect())
}

#[test]
fn a_network_says_what_it_said_in_training() {
    let sandbox = Sandbox::new();
    phantoms(&sandbox, "in");
    let run = json(
        &sandbox,
        "train --data in -k k.key -s shuffle-flip --batch 8 --epochs 4 --optimiser adamw --seed 1 -o run --json",
    );
    // From plain images with the key.
    let done = sandbox.run("predict run --data in --split test --batch 8 -k k.key -o own.csv");
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.out);
    assert!(done.out.starts_with("scores: AUC ") && done.out.ends_with("wrote own.csv: 32 images\n"), "{}", done.out);
    let (header, own) = lines(&sandbox, "own.csv");
    assert_eq!(header, ["name", "split", "label", "predicted", "p_clear", "p_opacity"]);
    assert_eq!(own.len(), 32);
    for (name, row) in &own {
        let [clear, opacity]: [f64; 2] = [4, 5].map(|column: usize| row[column].parse().unwrap());
        assert!((clear + opacity - 1.0).abs() < 2e-6, "{row:?}");
        assert_eq!((row[1].as_str(), name.contains(&row[2])), ("test", true), "{row:?}");
        // What is printed may hide which one is larger.
        assert!((opacity - clear).abs() < 3e-6 || (row[3] == "opacity") == (opacity > clear), "{row:?}");
    }
    // From the encrypted set, without the key: the same, and the scores are those of the run.
    sandbox.does("encrypt -k k.key in enc", 96, "0.0", "shuffle-flip");
    // In the batches in which the run was evaluated: in others, the last bits may be others.
    let predicted = json(&sandbox, "predict run --data enc --split test --batch 8 -o enc.csv --json");
    assert_eq!(lines(&sandbox, "enc.csv").1, own);
    assert_eq!((&predicted["scores"], predicted["images"].as_u64()), (&run["test"], Some(32)));
    let last = json(&sandbox, "predict run --data enc --split test --batch 8 --last -o last.csv --json");
    assert_eq!(last["scores"], run["test_last"]);
    // All parts, and a set without classes, which has no scores.
    assert_eq!(json(&sandbox, "predict run --data enc -o all.csv --json")["images"], 96);
    for i in 0..3 {
        let image = GrayImage::from_raw(16, 16, phantom(i, PhantomClass::ALL[0], SIZE)).unwrap();
        sandbox.picture(&format!("new/{i}.png"), image);
    }
    sandbox.run("predict run --data new -k k.key -o new.csv").is(0, "wrote new.csv: 3 images\n", "");
    assert!(lines(&sandbox, "new.csv").1.values().all(|row| row[1].is_empty() && row[2].is_empty()));
}

/// A vision transformer that learned from plain images, matched with a key, says of encrypted images what the plain
/// one says of the plain ones; without being matched it does not.
#[test]
fn a_matched_transformer_sees_encrypted_images_as_the_plain_one_sees_plain_ones() {
    let sandbox = Sandbox::new();
    phantoms(&sandbox, "in");
    let train = "train --data in --model vit-tiny --batch 16 --epochs 2 --optimiser adamw --lr 0.0005 -o run --json";
    json(&sandbox, train);
    let done = |line: &str| assert_eq!(sandbox.run(line).code, 0, "{line}");
    done("export run -o plain.safetensors");
    done("model encrypt -k k.key -s vit --block 4 --sign-flip plain.safetensors -o matched.safetensors");
    done("encrypt -k k.key -s vit --block 4 --sign-flip in enc");
    done("predict run --data in -o plain.csv");
    done("predict run --data enc --weights matched.safetensors -o matched.csv");
    done("predict run --data enc --weights plain.safetensors -o unmatched.csv");
    let (plain, matched, unmatched) =
        (lines(&sandbox, "plain.csv").1, lines(&sandbox, "matched.csv").1, lines(&sandbox, "unmatched.csv").1);
    let apart = |other: &BTreeMap<String, Vec<String>>| {
        let distance = |(name, row): (&String, &Vec<String>)| {
            let [a, b]: [f64; 2] = [&row[5], &other[name][5]].map(|p| p.parse().unwrap());
            (a - b).abs()
        };
        plain.iter().map(distance).fold(0.0, f64::max)
    };
    assert_eq!((plain.len(), matched.len()), (96, 96));
    assert!(apart(&matched) < 1e-4 && apart(&unmatched) > 1e-2, "{} {}", apart(&matched), apart(&unmatched));
    // Without other weights, the encrypted set is not this network's.
    sandbox.refuses_like("predict run --data enc", USAGE, |words| {
        words.contains("the network learned from images under none")
    });
}

#[test]
fn what_cannot_be_predicted_is_refused() {
    let sandbox = Sandbox::new();
    phantoms(&sandbox, "in");
    sandbox.key("other.key", &key(1), 0o600);
    json(&sandbox, "train --data in -k k.key -s shuffle-flip --batch 8 --epochs 1 -o run --json");
    assert_eq!(sandbox.run("encrypt -k other.key in other").code, 0);
    sandbox.does("encrypt -k k.key -s le in le", 96, "0.0", "le");
    sandbox.greys(&["small/a.png"]);
    sandbox.write("taken.csv", b"mine");
    let no_run = "cannot read no/model.json: ";
    sandbox.refuses_like("predict no --data in", USAGE, |words| words.contains(no_run));
    sandbox.refuses("predict run --data no", USAGE, "there is no no: check the path");
    sandbox.refuses(
        "predict run --data in",
        USAGE,
        "in is plain, and the network learned from images under shuffle-flip [pixel-shuffling block=4x4 key=shared; \
         sign-flip block=4x4 key=shared]: give the key that they were encrypted with (-k KEY), or the \
         encrypted set",
    );
    let other = "the network learned from images under key 324ea5f0f753f05b, and this is key ";
    for line in ["predict run --data in -k other.key", "predict run --data other"] {
        sandbox.refuses_like(line, KEY, |words| words.contains(other) && words.ends_with("or --anyway to see them\n"));
    }
    sandbox.refuses_like("predict run --data le", USAGE, |words| {
        words.contains("le is encrypted under le [nibble-shuffling")
    });
    let encrypted = "other is encrypted already: leave resizing out";
    sandbox.refuses("predict run --data other -k other.key --resize 8", USAGE, encrypted);
    sandbox.refuses_like("predict run --data other -k k.key", KEY, |words| words.contains("with key"));
    sandbox.refuses(
        "predict run --data small -k k.key",
        USAGE,
        "the network takes images of 16x16 (height x width) with 1 channel(s), and a is 8x8x1; bring plain images to \
         size with --resize 16x16 (or --pad, --crop) as in training",
    );
    let taken = "taken.csv exists already: choose another file with -o, or remove it";
    sandbox.refuses("predict run --data in -k k.key -o taken.csv", USAGE, taken);
    sandbox.refuses("predict run --data small --split val -k k.key", DATASET, "small has no images to val");
    // On purpose.
    let done = sandbox.run("predict run --data other --anyway -o other.csv");
    assert_eq!(done.code, 0);
    assert!(
        done.err.starts_with("note: the key is ") && done.err.ends_with(": its answers mean little\n"),
        "{}",
        done.err
    );
}

#[test]
fn a_study_trains_what_its_grid_says_and_goes_on() {
    let sandbox = Sandbox::new();
    phantoms(&sandbox, "data/in");
    let grid = |also: &str| {
        let text = "data = \"in\"\nkey = \"../k.key\"\nseeds = [1, 2]\nschemes = [\"none\", { scheme = \
            \"shuffle-flip\", block = 8 }]\n\
                    models = [\"cnn\"]\n[train]\nepochs = 2\nbatch = 8\ndevice = \"cpu\"\n";
        sandbox.write("data/grid.toml", format!("{text}{also}").as_bytes());
    };
    grid("");
    let dry = sandbox.run("study data/grid.toml --dry-run");
    let line = |row: &str, seed: u32| {
        let (flags, scheme, name) = match row {
            "none" => ("", "", "none-cnn"),
            _ => ("--block=8 ", " --key data/../k.key --model cnn --scheme shuffle-flip", "shuffle-flip-block-8-cnn"),
        };
        let scheme = if scheme.is_empty() { " --model cnn" } else { scheme };
        format!(
            "imgveil train --data data/in{scheme} --batch=8 {flags}--device=cpu --epochs=2 --seed {seed} --resume \
             --output study/runs/{name}-{seed}\n"
        )
    };
    dry.is(0, &[line("none", 1), line("none", 2), line("etc", 1), line("etc", 2)].concat(), "");
    assert!(!sandbox.path("study").exists());

    let done = sandbox.run("study data/grid.toml");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.err.contains("run 4 of 4: shuffle-flip block 8 | cnn, seed 2: AUC 0.") && !done.err.contains("was done")
    );
    let table = String::from_utf8(sandbox.read("study/table.md")).unwrap();
    assert!(done.out.starts_with(&table) && done.out.ends_with("written to study\n"), "{}", done.out);
    assert!(table.contains("| shuffle-flip block 8 | cnn | 0.") && table.contains("- seeds: 1, 2 (mean"), "{table}");
    assert!(table.contains("16x16x1 (48 to learn from, 16 to validate, 32 to test)"), "{table}");
    // What the table says is what the runs say.
    let (_, runs) = lines(&sandbox, "study/runs.csv");
    for (name, row) in &runs {
        let summary: Value = serde_json::from_slice(&sandbox.read(&format!("study/runs/{name}/summary.json"))).unwrap();
        let auc = summary["test"]["auc"].as_f64().unwrap();
        assert_eq!(row[7], format!("{auc:.6}"), "{name}");
    }
    let auc = |seed: u32| runs[&format!("none-cnn-{seed}")][7].parse::<f64>().unwrap();
    let (_, means) = lines(&sandbox, "study/table.csv");
    let mean: f64 = means["none"][4].parse().unwrap();
    assert!((mean - (auc(1) + auc(2)) / 2.0).abs() < 2e-6, "{mean}");
    for file in ["accuracy.svg", "curves.svg"] {
        let svg = String::from_utf8(sandbox.read(&format!("study/{file}"))).unwrap();
        assert!(svg.contains("shuffle-flip block 8 | cnn") && svg.trim_end().ends_with("</svg>"), "{file}");
    }

    // A grid that has grown, one run lost, and a row that cannot be trained: all but that are there in the end.
    std::fs::remove_dir_all(sandbox.path("study/runs/none-cnn-2")).unwrap();
    grid("[[also]]\nschemes = [{ scheme = \"etc\", block = 5 }]\nmodels = [\"cnn\"]\n");
    let again = sandbox.run("study data/grid.toml --jobs 2");
    assert_eq!(again.code, PARTLY, "{}", again.err);
    assert_eq!(again.err.matches("was done before").count(), 3, "{}", again.err);
    let failed = "- etc block 5 | cnn, seed 1: blocks of 5x5 pixels do not tile an image of 16x16: use --pad";
    assert!(
        again.out.contains(failed) && again.out.contains("| etc block 5 | cnn | - | - | - | 0 of 2 | - | - |"),
        "{}",
        again.out
    );
    assert!(again.err.contains("warning: 2 runs of 6 came to nothing"), "{}", again.err);
    let (_, after) = lines(&sandbox, "study/runs.csv");
    let scores = |rows: &BTreeMap<String, Vec<String>>, name: &str| rows[name][7..13].to_vec();
    for name in runs.keys() {
        assert_eq!(scores(&runs, name), scores(&after, name), "{name}");
    }
    assert!(String::from_utf8(sandbox.read("study/runs/etc-block-5-cnn-1.log")).unwrap().starts_with("error: "));

    // Other flags would be another run in the same folder.
    let text = String::from_utf8(sandbox.read("data/grid.toml")).unwrap().replace("epochs = 2", "epochs = 3");
    sandbox.write("data/grid.toml", text.as_bytes());
    let other = sandbox.run("study data/grid.toml");
    assert_eq!(other.code, 1, "{}", other.err);
    assert!(other.err.contains("holds another run: epochs was 2 and is 3 now"), "{}", other.err);
}

#[test]
fn studies_that_make_no_sense_are_refused_before_anything_is_trained() {
    let sandbox = Sandbox::new();
    phantoms(&sandbox, "in");
    let begin = "data = \"in\"\nkey = \"k.key\"\nseeds = [1]\n";
    let row = "schemes = [\"none\"]\nmodels = [\"cnn\"]\n";
    for (text, words) in [
        (
            format!("{begin}schemes = [\"none\"]\nmodels = [\"lenet\"]"),
            "grid.toml: none | lenet: invalid value 'lenet' for '--model <MODEL>'",
        ),
        (format!("{begin}{row}[train]\nepoch = 3"), "grid.toml: none | cnn: unexpected argument '--epoch' found"),
        (
            format!("{begin}{row}[train]\nepochs = 0"),
            "grid.toml: none | cnn: invalid value '0' for '--epochs <EPOCHS>'",
        ),
        (format!("data = \"no\"\nseeds = [1]\n{row}"), "there is no no: check --data, or `data` in grid.toml"),
        (format!("seeds = [1]\n{row}"), "grid.toml: there are no images: add `data = \"IN\"`, or give --data IN"),
    ] {
        sandbox.write("grid.toml", text.as_bytes());
        sandbox.refuses_like("study grid.toml", USAGE, |found| found.starts_with(&format!("error: {words}")));
    }
    sandbox.write("grid.toml", format!("{begin}{row}").as_bytes());
    std::fs::create_dir(sandbox.path("full")).unwrap();
    sandbox.write("full/mine.txt", b"mine");
    let full = "full is not empty and holds no study: choose another folder with -o";
    sandbox.refuses("study grid.toml -o full", USAGE, full);
    sandbox.refuses_like("study no.toml", USAGE, |words| words.contains("cannot read the grid no.toml: "));
    std::fs::remove_file(sandbox.path("k.key")).unwrap();
    sandbox.refuses_like("study grid.toml", USAGE, |words| words.contains("there is no key file k.key"));
}

/// The figures of a run that do not depend on the clock.
fn figures(sandbox: &Sandbox, run: &str) -> (Value, Vec<String>) {
    let mut summary: Value = serde_json::from_slice(&sandbox.read(&format!("{run}/summary.json"))).unwrap();
    for varies in ["seconds", "images_per_second", "resumed", "traffic"] {
        summary[varies] = Value::Null;
    }
    let table = String::from_utf8(sandbox.read(&format!("{run}/metrics.csv"))).unwrap();
    (summary, table.lines().map(|line| line.split(',').take(7).collect::<Vec<_>>().join(",")).collect())
}

/// Killed at random moments until it is through, a run ends with the weights and figures of one that was left alone.
#[test]
fn training_that_is_killed_goes_on_to_the_same_figures() {
    let sandbox = Sandbox::new();
    phantoms(&sandbox, "in");
    let job =
        "train --data in -k k.key -s shuffle-flip --batch 8 --epochs 6 --augment crop,flip --warmup 1 --resume -o";
    let begun = Instant::now();
    assert_eq!(sandbox.run(&format!("{job} unbroken")).code, 0);
    let whole = begun.elapsed();
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let (mut kills, mut waits) = (0, Vec::new());
    // Long enough, in the mean, for an epoch or two.
    let mut longest = whole.mul_f64(0.6);
    for round in 0..40 {
        let hash = blake3::hash(format!("{seed} {round}").as_bytes());
        let wait = Duration::from_millis(10) + longest.mul_f64(f64::from(hash.as_bytes()[0]) / 255.0);
        waits.push(wait);
        let mut run =
            sandbox.command("", &format!("{job} broken")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(wait);
        run.kill().unwrap();
        match run.wait().unwrap().code() {
            // Other tests slowed the machine while the unbroken run was timed. A run that was never killed does not
            // count.
            Some(0) if kills == 0 => {
                std::fs::remove_dir_all(sandbox.path("broken")).unwrap();
                longest /= 2;
            }
            Some(0) => break,
            Some(code) if !cfg!(windows) => panic!("exit code {code} after {waits:?}"),
            _ => kills += 1,
        }
    }
    assert!(kills > 0, "{waits:?}");
    let last = sandbox.run(&format!("{job} broken"));
    assert_eq!(last.code, 0, "{}", last.err);
    assert_eq!(figures(&sandbox, "broken"), figures(&sandbox, "unbroken"), "after {waits:?}");
    // The files have burn's random ids in them, the exported weights have not.
    for options in ["", " --last"] {
        for run in ["broken", "unbroken"] {
            assert_eq!(sandbox.run(&format!("export {run}{options} -o {run}.safetensors")).code, 0);
        }
        assert!(
            sandbox.read("broken.safetensors") == sandbox.read("unbroken.safetensors"),
            "{options} after {waits:?}"
        );
        for run in ["broken", "unbroken"] {
            std::fs::remove_file(sandbox.path(&format!("{run}.safetensors"))).unwrap();
        }
    }
    assert_eq!(sandbox.files("broken"), sandbox.files("unbroken"));
}

/// A batch that the device cannot bind: the error says which one went through. On adapters that bind 128 MiB, as
/// WebGPU asks for.
#[test]
fn a_batch_that_does_not_fit_is_answered_with_one_that_does() {
    let sandbox = Sandbox::new();
    let device = std::env::var("IMGVEIL_TEST_DEVICE").unwrap_or("gpu".into());
    let adapters: Value = serde_json::from_str(&sandbox.run("devices --json").out).unwrap();
    let small = |adapter: &Value| adapter["binding_limit"].as_u64() == Some(128 << 20);
    let skipped = std::env::var("IMGVEIL_SKIP_GPU").is_ok_and(|is| is == "1");
    if skipped || device != "gpu" || !adapters.as_array().unwrap().first().is_some_and(small) {
        crate::common::say_skipped("a batch that does not fit: no adapter that binds 128 MiB");
        return;
    }
    // Floats of an image take 1 MiB.
    for i in 0..145u32 {
        let image = GrayImage::from_fn(512, 512, |x, y| image::Luma([(x / 2 + y * (i % 2) / 3 + i) as u8]));
        sandbox.picture(&format!("in/train/{}/{i}.png", i % 2), image);
    }
    for i in 0..4u32 {
        sandbox.picture(&format!("in/val/{}/{i}.png", i % 2), GrayImage::from_pixel(512, 512, image::Luma([i as u8])));
    }
    let run = |batch: u32| {
        sandbox.run(&format!(
            "train --data in --device {device} --patch 64 --batch {batch} --epochs 1 --accumulate 2 -o run{batch}"
        ))
    };
    let done = run(140);
    assert_eq!(done.code, 1, "{}", done.err);
    let words = "error: the device failed at --batch 140: a batch of floats takes 146800640 bytes, but ";
    let advice = "\nSteps of 70 images go through: use --batch 70, with --accumulate 2 for gradients of as many \
        images as before\n";
    assert!(done.err.contains(words) && done.err.ends_with(advice), "{}", done.err);
    assert_eq!(run(70).code, 0);
}

#[test]
fn runs_that_make_no_sense_are_refused() {
    let sandbox = Sandbox::new();
    phantoms(&sandbox, "in");
    json(&sandbox, "train --data in --batch 8 --epochs 1 -o run --json");
    for (line, words) in [
        (
            "train --data in --batch 8 --epochs 2 -o run --resume",
            "run holds another run: epochs was 1 and is 2 now; go on with the options and data that it began with, \
             or choose another folder with -o",
        ),
        (
            "train --data in --epochs 1 -o run",
            "run exists and is not empty: it holds a run; --resume goes on with it if it was cut, or choose another \
             folder with -o",
        ),
        (
            "train --data in --epochs 1 -o in --resume",
            "in is not empty and holds no run that could go on: choose another folder for this run with -o",
        ),
        (
            "train --data in --epochs 2 --warmup 2 -o new",
            "a warm-up of 2 epochs (--warmup) leaves nothing of 2 (--epochs)",
        ),
        (
            "train --data in --resize 18 --adapt ele -o new",
            "the adaptation network (--adapt) needs blocks that tile the images, and blocks of 4x4 do not tile \
             18x18x1: use --pad, --crop or --resize, or another --block",
        ),
        (
            "train --data in --patch 17 -o new",
            "a first convolution of [17, 17] (--patch) is larger than the images, 16x16x1",
        ),
        ("train --data in --label-smoothing 1.5 -o new", "invalid value '1.5' for '--label-smoothing <SHARE>'"),
        ("train --data in --weights no.safetensors -o new", "cannot read the weights no.safetensors: "),
    ] {
        sandbox.refuses_like(line, USAGE, |found| found.starts_with(&format!("error: {words}")));
    }
    // Done already: nothing is trained again.
    let done = sandbox.run("train --data in --batch 8 --epochs 1 -o run --resume");
    done.is(0, "the run in run is complete already: run/summary.json\n", "");
}

#[test]
fn a_study_takes_a_sealed_key() {
    let sandbox = Sandbox::new();
    phantoms(&sandbox, "in");
    let key = Key::parse(key(0).as_bytes()).unwrap();
    save_sealed(&key, &sandbox.path("s.key"), &Passphrase::new("three words here").unwrap()).unwrap();
    sandbox.key("p.txt", "three words here\n", 0o600);
    let rows = "schemes = [\"none\", \"le\"]\nmodels = [\"cnn\"]";
    let grid = format!("data = \"in\"\nkey = \"s.key\"\nseeds = [1]\n{rows}\n[train]\nepochs = 1\nbatch = 8\n");
    std::fs::write(sandbox.path("grid.toml"), grid).unwrap();
    let file = "give --passphrase-file FILE, or let IMGVEIL_PASSPHRASE_FILE name the file";
    let words = format!("s.key is sealed with a passphrase, which every run of a study reads by itself: {file}");
    sandbox.refuses("study grid.toml", USAGE, &words);
    let words = format!("every run of a study reads the passphrase by itself: {file}");
    sandbox.refuses("study grid.toml --passphrase-file -", USAGE, &words);
    let dry = sandbox.run("study grid.toml --passphrase-file p.txt --dry-run");
    assert_eq!(dry.out.matches("--key s.key --passphrase-file p.txt").count(), 1, "{}", dry.out);
    let done = sandbox.run("study grid.toml --passphrase-file p.txt");
    assert_eq!((done.code, done.err.matches("AUC").count()), (0, 2), "{done:?}");
}
