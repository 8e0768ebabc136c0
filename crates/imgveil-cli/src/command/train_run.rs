//! `imgveil train-run`, a hidden command: performs a training run that is described as JSON on standard input. `study`
//! starts each of its runs this way, and a failed run starts its trials this way: burn does not free all memory, and a
//! crash must not end the caller.

use crate::command::exit::{DONE, FAILED, Failure, Outcome};
use crate::command::output::Output;
use crate::command::train::perform;
use imgveil_train::RunSpec;
use std::io::Read;

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
