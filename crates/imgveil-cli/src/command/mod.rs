//! The command line. Each subcommand has a file. Shared parts are in [`crate::args`] (flags), [`exit`] (errors and exit
//! codes) and [`output`] (text and progress).

mod attack;
mod bench;
mod check;
mod completions;
mod decrypt;
#[cfg(feature = "train")]
mod demo;
mod devices;
mod dry_run;
mod encrypt;
mod evaluate;
#[cfg(feature = "train")]
mod export;
mod find_text;
#[cfg(feature = "train")]
mod fitting_batch;
mod inspect;
mod key;
mod keygen;
mod man;
#[cfg(feature = "train")]
mod memory_check;
mod merge;
#[cfg(feature = "train")]
mod model;
#[cfg(feature = "train")]
mod predict;
mod preview;
mod rekey;
#[cfg(feature = "train")]
mod run_process;
mod schemes;
#[cfg(feature = "train")]
mod study;
#[cfg(feature = "train")]
pub(crate) mod train;
#[cfg(feature = "train")]
mod train_run;
#[cfg(feature = "train")]
mod training_args;
mod update;
mod verify;

use crate::{exit, output};
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 failed; 2 usage; 3 some files were set aside, the rest is done; 4 wrong key or tables, or a \
damaged file of one; 5 damaged, changed or foreign data set; 6 no such device.

These schemes hide images from eyes; they are not ciphers. `imgveil encrypt --help` says more.";

/// Learnable image encryption on the GPU: scramble an image set with a secret key so that people cannot read it and a
/// network can still learn from it.
#[derive(Parser)]
#[command(name = "imgveil", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    /// Print details: the device, the scheme as it was understood, every file that is passed over
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Print results, warnings and errors only: no progress and no notes
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// The number of threads that work on the CPU [default: as many as there are cores]
    #[arg(long, global = true, value_name = "N", value_parser = threads)]
    threads: Option<usize>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    // The comments on each command's `Args` are its help.
    Keygen(keygen::Args),
    Key(key::Args),
    Encrypt(encrypt::Args),
    Update(update::Args),
    Rekey(rekey::Args),
    Decrypt(decrypt::Args),
    Verify(verify::Args),
    Inspect(inspect::Args),
    Merge(merge::Args),
    FindText(find_text::Args),
    Devices(devices::Args),
    Schemes(schemes::Args),
    Preview(preview::Args),
    Attack(attack::Args),
    Evaluate(evaluate::Args),
    Check(check::Args),
    Bench(bench::Args),
    Completions(completions::Args),
    Man(man::Args),
    #[cfg(feature = "train")]
    Train(train::Args),
    #[cfg(feature = "train")]
    #[command(hide = true)]
    TrainRun(train_run::Args),
    #[cfg(feature = "train")]
    Predict(predict::Args),
    #[cfg(feature = "train")]
    Study(study::Args),
    #[cfg(feature = "train")]
    Export(export::Args),
    #[cfg(feature = "train")]
    Model(model::Args),
    #[cfg(feature = "train")]
    Demo(demo::Args),
}

/// Reads a number of threads.
fn threads(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1024).contains(number));
    number.ok_or_else(|| "write a number of threads from 1 to 1024".to_owned())
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    crate::guard::process();
    run(std::env::args_os()).into()
}

/// Runs a command line in a process that another program started for it, such as Python's interpreter, and returns the
/// exit code. `restart` are the words that start this command again: the path of this process's program is not enough.
pub fn main_of(args: impl IntoIterator<Item = OsString>, restart: Vec<OsString>) -> u8 {
    crate::guard::process();
    #[cfg(feature = "train")]
    run_process::restart_by(restart);
    #[cfg(not(feature = "train"))]
    drop(restart);
    run(args)
}

/// Runs a command line, whose first word is the program's name, and returns the exit code. Results go to standard
/// output, everything else to standard error.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        // clap's messages and codes: 0 for --help and --version, 2 for usage. Printing fails only on a closed pipe.
        Err(error) => {
            // clap repeats words of the command line, some of which are names of others' files.
            let words: Vec<String> = args.iter().map(|arg| output::plain(&arg.to_string_lossy())).collect();
            let shown = args.iter().all(|arg| arg.to_str().is_some_and(output::is_plain));
            let error = if shown { error } else { Cli::try_parse_from(words).err().unwrap_or(error) };
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(exit::USAGE);
        }
    };
    output::hush(cli.quiet);
    let words = args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let out = output::Output::new(cli.verbose).quiet(cli.quiet).of_arguments(words);
    if let Some(threads) = cli.threads {
        imgveil_data::set_workers(threads);
    }
    // Fails only if a program that started this one has set the number already.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(imgveil_data::workers()).build_global();
    match caught(|| dispatch(&cli.command, &out)) {
        Ok(code) => code,
        Err(failure) => {
            out.error(&failure);
            failure.code
        }
    }
}

fn dispatch(command: &Command, out: &output::Output) -> exit::Outcome {
    match command {
        Command::Keygen(args) => keygen::run(args, out),
        Command::Key(args) => key::run(args, out),
        Command::Encrypt(args) => encrypt::run(args, out),
        Command::Update(args) => update::run(args, out),
        Command::Rekey(args) => rekey::run(args, out),
        Command::Decrypt(args) => decrypt::run(args, out),
        Command::Verify(args) => verify::run(args, out),
        Command::Inspect(args) => inspect::run(args, out),
        Command::Merge(args) => merge::run(args, out),
        Command::FindText(args) => find_text::run(args, out),
        Command::Devices(args) => devices::run(args, out),
        Command::Schemes(args) => schemes::run(args, out),
        Command::Preview(args) => preview::run(args, out),
        Command::Attack(args) => attack::run(args, out),
        Command::Evaluate(args) => evaluate::run(args, out),
        Command::Check(args) => check::run(args, out),
        Command::Bench(args) => bench::run(args, out),
        Command::Completions(args) => completions::run(args, Cli::command()),
        Command::Man(args) => man::run(args, Cli::command(), out),
        #[cfg(feature = "train")]
        Command::Train(args) => train::run(args, out),
        #[cfg(feature = "train")]
        Command::TrainRun(args) => train_run::run(args, out),
        #[cfg(feature = "train")]
        Command::Predict(args) => predict::run(args, out),
        #[cfg(feature = "train")]
        Command::Study(args) => study::run(args, out),
        #[cfg(feature = "train")]
        Command::Export(args) => export::run(args, out),
        #[cfg(feature = "train")]
        Command::Model(args) => model::run(args, out),
        #[cfg(feature = "train")]
        Command::Demo(args) => demo::run(args, out),
    }
}

/// Runs a command and turns a panic into an error. burn and the drivers panic when a device runs out of memory or is
/// lost.
fn caught(command: impl FnOnce() -> exit::Outcome) -> exit::Outcome {
    let first: Arc<Mutex<Option<String>>> = Arc::default();
    let hook = first.clone();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let mut first = hook.lock().unwrap_or_else(PoisonError::into_inner);
        // The first panic is the cause. Panics that follow in other threads are consequences.
        first.get_or_insert_with(|| panic.to_string());
    }));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(command));
    std::panic::set_hook(before);
    result.unwrap_or_else(|_| {
        let cause = first.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let lines = format!(
            "stopped unexpectedly: {cause}\nIf the device ran out of memory, try a smaller --batch or --device cpu; \
            else please report this."
        );
        Err(exit::Failure::of_lines(&lines, exit::FAILED))
    })
}
