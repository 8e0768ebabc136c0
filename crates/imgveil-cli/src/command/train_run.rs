//! `imgveil train-run`, a hidden command: performs a training run that is described as JSON on standard input. `study`
//! starts each of its runs this way, and a failed run starts its trials this way: burn does not free all memory, and a
//! crash must not end the caller.

use crate::command::exit::{DONE, FAILED, Failure, Outcome};
use crate::command::output::Output;
use crate::command::train::perform;
use imgveil_train::{RunSpec, StepProbe};
use std::io::Read;

/// Perform a training run that is described as JSON on standard input
#[derive(clap::Args)]
pub struct Args {
    /// Make two steps of so many images and write nothing
    #[arg(long)]
    trial: Option<u32>,
    /// Make steps of so many images each, of a network that is described on standard input, and print how much memory
    /// they took
    #[arg(long, value_delimiter = ',', conflicts_with = "trial")]
    memory: Vec<usize>,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let failed = |reason: String| Failure { words: format!("this is no description of a run: {reason}"), code: FAILED };
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).map_err(|e| failed(e.to_string()))?;
    if !args.memory.is_empty() {
        let probe: StepProbe = serde_json::from_slice(&text).map_err(|e| failed(e.to_string()))?;
        // A line is out before the next step, which may end this process.
        probe.measure(&args.memory, &mut |step| {
            out.say(&serde_json::to_string(&step).unwrap_or_default());
        })?;
        return Ok(DONE);
    }
    let spec: RunSpec = serde_json::from_slice(&text).map_err(|e| failed(e.to_string()))?;
    match args.trial {
        Some(images) => {
            spec.prepare(&mut |_| {})?.trial(images as usize)?;
            Ok(DONE)
        }
        None => perform(spec, false, out),
    }
}
