//! `imgveil study`.

use crate::command::exit::{DONE, FAILED, Failure, Outcome, PARTLY, USAGE};
use crate::command::output::{Output, counted, duration};
use crate::command::run_process;
use crate::passphrase::{self, GIVE_FILE, PassphraseArgs, STDIN};
use crate::secret::check_is_path;
use imgveil_data::key_file::KeyFile;
use imgveil_data::regular_file;
use imgveil_data::set::write_atomically;
use imgveil_train::RunSpec;
use imgveil_train::study::{Figures, Grid, Run, Study};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const AFTER_HELP: &str = "\
Examples:
  imgveil study examples/study.toml -o study --dry-run    # which runs there would be
  imgveil study examples/study.toml -o study              # trains them, or goes on after a cut
  imgveil study examples/study.toml --data images -k hospital.key -o study

A grid:
  data = \"images\"                                 # a plain set; paths are seen from this file
  key = \"hospital.key\"
  seeds = [1, 2, 3]
  schemes = [\"none\", \"le\", { scheme = \"etc\", block = 8 }]
  models = [\"cnn\", { model = \"resnet18\", adapt = \"le\" }]
  [train]                                         # flags of `imgveil train` for all runs
  epochs = 10
  [[also]]                                        # further schemes x models
  schemes = [\"none\", \"vit\"]
  models = [\"vit-tiny\"]

The folder gets table.md and table.csv (mean and spread over the seeds), runs.csv, accuracy.svg, curves.svg, all after \
every run; and runs/ with the folder and the log of each run. A run that fails is noted in the table, the others go \
on, and the exit code is 3.";

/// Train schemes x networks x seeds, and tabulate what encryption costs in accuracy.
///
/// Every run is one `imgveil train` in a process of its own. If a study is interrupted, start it again with the same
/// command: complete runs are kept, and an incomplete run continues after its last complete epoch. More schemes,
/// networks or seeds can be added to the grid in the same way.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The grid, a TOML file
    #[arg(value_name = "GRID.toml")]
    grid: PathBuf,
    /// Folder or .npz file, plain [default: the grid's `data`]
    #[arg(long, value_name = "IN")]
    data: Option<PathBuf>,
    /// Key file [default: the grid's `key`]
    #[arg(short, long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Folder of the study
    #[arg(short, long, default_value = "study", value_name = "FOLDER")]
    output: PathBuf,
    /// Runs at the same time, each with its share of the processor's cores
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: u32,
    /// Print the commands and train nothing
    #[arg(long)]
    dry_run: bool,
}

/// The copy of the grid. Its presence identifies the folder of a study.
const GRID: &str = "grid.toml";

pub fn run(args: &Args, out: &Output) -> Outcome {
    let mut grid = Grid::read(&args.grid, args.data.as_deref(), args.key.as_deref())?;
    let runs = args.output.join("runs");
    // All errors that can be detected in advance are reported before any training.
    for run in grid.runs() {
        grid.spec(&run, &runs)?;
    }
    if !grid.data.exists() {
        let words = format!("there is no {}: check --data, or `data` in {}", grid.data.display(), args.grid.display());
        return Err(Failure { words, code: USAGE });
    }
    if let Some(key) = &grid.key {
        check_is_path(key)?;
        let file = KeyFile::read(key)?;
        let sealed_by = passphrase_file(&args.passphrase, &file)?;
        file.open(passphrase::of(&file, &sealed_by, out)?.as_ref())?;
        grid.passphrase = sealed_by.passphrase_file.filter(|_| file.is_sealed());
        if let Some(warning) = file.warning() {
            out.warn(warning);
        }
    }
    if args.dry_run {
        for run in grid.runs() {
            out.say(&words(&grid, &run, &runs));
        }
        return Ok(DONE);
    }
    open(&args.output, &args.grid)?;
    let study = work(args, Study::new(grid), &runs, out)?;
    out.say_lines(&study.markdown());
    out.say(&format!("written to {}", args.output.display()));
    let failed = study.failures().count();
    if failed == 0 {
        return Ok(DONE);
    }
    let (all, log) = (study.grid().runs().len(), runs.join("*.log"));
    out.warn(&format!("{} of {all} came to nothing: see the table, and {}", counted(failed, "run"), log.display()));
    Ok(if failed == all { FAILED } else { PARTLY })
}

/// The file of a sealed key's passphrase. Every run is a process of its own that reads the file, so the passphrase can
/// be neither typed nor piped in.
fn passphrase_file(args: &PassphraseArgs, key: &KeyFile) -> Result<PassphraseArgs, Failure> {
    let file = args.file().filter(|_| key.is_sealed() || args.passphrase_file.is_some());
    let why = match &file {
        None if key.is_sealed() => {
            format!("{} is sealed with a passphrase, which every run of a study reads by itself", key.path().display())
        }
        Some(path) if path == Path::new(STDIN) => "every run of a study reads the passphrase by itself".to_owned(),
        _ => return Ok(PassphraseArgs { passphrase_file: file }),
    };
    Err(Failure { words: format!("{why}: {GIVE_FILE}"), code: USAGE })
}

/// Creates the folder of a study, or uses the existing one.
fn open(folder: &Path, grid: &Path) -> Result<(), Failure> {
    let taken = match folder.read_dir() {
        Ok(mut entries) => entries.next().is_some() && !folder.join(GRID).exists(),
        Err(_) => folder.exists(),
    };
    if taken {
        let words = format!("{} is not empty and holds no study: choose another folder with -o", folder.display());
        return Err(Failure { words, code: USAGE });
    }
    let failed = |path: &Path, doing: &str, error: std::io::Error| Failure {
        words: format!("cannot {doing} {}: {error}", path.display()),
        code: FAILED,
    };
    std::fs::create_dir_all(folder.join("runs")).map_err(|e| failed(folder, "make", e))?;
    let text = regular_file::open_named(grid).and_then(regular_file::read_all).map_err(|e| failed(grid, "read", e))?;
    Ok(write_atomically(&folder.join(GRID), &text)?)
}

/// The command line for a run, to be started by hand.
fn words(grid: &Grid, run: &Run, runs: &Path) -> String {
    let row = &grid.rows[run.row];
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut words = vec!["train".to_owned(), "--data".into(), path(&grid.data)];
    if let (false, Some(key)) = (row.plain, &grid.key) {
        words.extend(["--key".into(), path(key)]);
        if let Some(file) = &grid.passphrase {
            words.extend(["--passphrase-file".into(), path(file)]);
        }
    }
    words.extend(["--model".into(), row.model_name.clone()]);
    if !row.plain {
        words.extend(["--scheme".into(), row.scheme_name.clone()]);
    }
    for (name, value) in &row.settings {
        match value {
            None => words.push(format!("--{name}")),
            // As a single word, so that a value that begins with a dash is not read as a flag.
            Some(value) => words.push(format!("--{name}={value}")),
        }
    }
    words.extend(["--seed".into(), run.seed.to_string(), "--resume".into()]);
    words.extend(["--output".into(), path(&runs.join(&run.name))]);
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("imgveil {}", quoted.join(" "))
}

/// Which runs are done and which are left, shared by the workers.
struct Progress {
    study: Study,
    left: VecDeque<Run>,
    number: usize,
    /// How many runs this process has trained, and since when.
    trained: usize,
    started: Instant,
}

/// Trains the runs that are not done yet. The table is written after every run.
fn work(args: &Args, study: Study, runs: &Path, out: &Output) -> Result<Study, Failure> {
    let left: VecDeque<Run> = study.grid().runs().into();
    let total = left.len();
    let jobs = (args.jobs as usize).min(total);
    let bar = ProgressBar::new(total as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:28} {pos}/{len} runs, {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    let say = |words: &str| bar.suspend(|| out.note(words));
    let progress = Mutex::new(Progress { study, left, number: 0, trained: 0, started: Instant::now() });
    let locked = || progress.lock().unwrap_or_else(PoisonError::into_inner);
    let worker = || -> Result<(), Failure> {
        loop {
            let mut now = locked();
            let Some(run) = now.left.pop_front() else { return Ok(()) };
            now.number += 1;
            let (number, label) = (now.number, now.study.grid().rows[run.row].label());
            let spec = now.study.grid().spec(&run, runs)?;
            drop(now);
            let name = format!("run {number} of {total}: {label}, seed {}", run.seed);
            let folder = runs.join(&run.name);
            let was_there = Figures::read(&folder).is_ok_and(|figures| figures.is_some());
            let hear = |line: &str| {
                bar.set_message(format!("{label}, seed {}: {line}", run.seed));
                bar.suspend(|| out.detail(&format!("{}: {line}", run.name)));
            };
            let ended = train(&spec, &runs.join(format!("{}.log", run.name)), jobs, hear)?;
            let figures = Figures::read(&folder);
            let mut now = locked();
            match (ended, figures) {
                (Ok(()), Ok(Some(figures))) => {
                    now.trained += usize::from(!was_there);
                    let auc = figures.auc.map_or("not defined".into(), |auc| format!("{auc:.3}"));
                    let scores = format!("AUC {auc}, balanced accuracy {:.3}", figures.balanced_accuracy);
                    let took = if was_there { "was done before".to_owned() } else { duration(figures.seconds) };
                    let waiting = now.left.len();
                    let each = now.started.elapsed().as_secs_f64() / now.trained.max(1) as f64;
                    let left = match (waiting, now.trained) {
                        (0, _) | (_, 0) => String::new(),
                        _ => format!("; about {} left", duration(each * waiting as f64)),
                    };
                    say(&format!("{name}: {scores}; {took}{left}"));
                    now.study.done(&run, figures);
                }
                (Err(why), _) => {
                    say(&format!("{name}: failed: {why}"));
                    now.study.failed(&run, why);
                }
                (_, Err(error)) => {
                    let why = Failure::from(error).words;
                    say(&format!("{name}: failed: {why}"));
                    now.study.failed(&run, why);
                }
                (Ok(()), Ok(None)) => now.study.failed(&run, "it ended without a summary".into()),
            }
            now.study.write(&args.output)?;
            bar.inc(1);
        }
    };
    let ended: Vec<Result<(), Failure>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        let panicked = || Failure { words: "a worker stopped unexpectedly; please report this".into(), code: FAILED };
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))).collect()
    });
    bar.finish_and_clear();
    ended.into_iter().collect::<Result<Vec<()>, Failure>>()?;
    Ok(progress.into_inner().unwrap_or_else(PoisonError::into_inner).study)
}

/// Performs a run in a process of its own, whose messages go to `log`. Returns the error's message if it fails.
fn train(spec: &RunSpec, log: &Path, jobs: usize, hear: impl Fn(&str)) -> Result<Result<(), String>, Failure> {
    let failed =
        |doing: &str, error: std::io::Error| Failure { words: format!("cannot {doing}: {error}"), code: FAILED };
    let mut process = run_process::command().map_err(|e| failed("find this program", e))?;
    let mut log_file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(|e| failed(&format!("write {}", log.display()), e))?;
    process.stderr(Stdio::piped());
    if jobs > 1 && std::env::var_os("RAYON_NUM_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        process.env("RAYON_NUM_THREADS", (cores / jobs).max(1).to_string());
    }
    let mut child = run_process::start(&mut process, spec).map_err(|e| failed("start a training run", e))?;
    let mut error = None;
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let line = line.map_err(|e| failed("listen to a training run", e))?;
            let line = String::from_utf8_lossy(&line).into_owned();
            // A log that cannot be written does not stop the run.
            let _ = writeln!(log_file, "{line}");
            if let Some(words) = line.strip_prefix("error: ") {
                error = Some(words.to_owned());
            }
            hear(&line);
        }
    }
    let status = child.wait().map_err(|e| failed("wait for a training run", e))?;
    let failure = || error.unwrap_or_else(|| format!("the process ended with {status}"));
    Ok(if status.success() { Ok(()) } else { Err(failure()) })
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
