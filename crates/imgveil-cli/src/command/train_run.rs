//! `imgveil train-run`, a hidden command: performs a training run that is described as JSON on standard input. `study`
//! starts each of its runs this way, and a failed run starts its trials this way: burn does not free all memory, and a
//! crash must not end the caller.

use crate::command::exit::{DONE, FAILED, Failure, Outcome};
use crate::command::output::Output;
use crate::command::train::perform;
use imgveil_train::RunSpec;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

/// Perform a training run that is described as JSON on standard input
#[derive(clap::Args)]
pub struct Args {
    /// Make two steps of so many images and write nothing
    #[arg(long)]
    trial: Option<u32>,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let failed = |reason: String| Failure { words: format!("this is no description of a run: {reason}"), code: FAILED };
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).map_err(|e| failed(e.to_string()))?;
    let spec: RunSpec = serde_json::from_slice(&text).map_err(|e| failed(e.to_string()))?;
    match args.trial {
        Some(images) => {
            spec.prepare(&mut |_| {})?.trial(images as usize)?;
            Ok(DONE)
        }
        None => perform(spec, false, out),
    }
}

/// The command that performs a run in a process of its own. Standard output is discarded.
///
/// # Errors
/// When the path of this program is not known.
pub fn command() -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("train-run").stdin(Stdio::piped()).stdout(Stdio::null());
    Ok(command)
}

/// Starts a process of [`command`] and passes the run to it.
///
/// # Errors
/// When the process cannot be started, or the run has a path that is not valid UTF-8.
pub fn start(command: &mut Command, spec: &RunSpec) -> std::io::Result<Child> {
    let text = serde_json::to_vec(spec)?;
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A process that ends before it has read everything reports the reason itself.
        let _ = stdin.write_all(&text);
    }
    Ok(child)
}
