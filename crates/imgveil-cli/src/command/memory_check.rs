//! Whether a batch fits into memory, checked before the first step. An allocation that fails ends the process, so the
//! steps that tell are made in another one.

use crate::command::exit::{FAILED, Failure};
use crate::command::output::Output;
use crate::command::run_process;
use imgveil_data::Size;
use imgveil_train::{PreparedRun, Room, StepMemory, StepProbe, Unfit};
use std::process::Stdio;

/// Checks that a run's batch fits.
///
/// # Errors
/// If it does not. The message says which batch does.
pub fn of_training(run: &PreparedRun, out: &Output) -> Result<(), Failure> {
    let Some((probe, batch)) = run.probe() else { return Ok(()) };
    let Some(unfit) = unfit(&probe, batch, out) else { return Ok(()) };
    let advice = match halved(batch, unfit.fits.max(1)) {
        Some(size) if size >= 2 => format!(
            "use --batch {size}, with --accumulate {} for gradients of as many images as before",
            batch.div_ceil(size) * run.spec().config.accumulate.max(1)
        ),
        _ => "not even 2 images fit: take a smaller network or smaller images (--resize)".to_owned(),
    };
    Err(failure(batch, unfit, &advice))
}

/// The batch for predictions: the one that was asked for, or a smaller one that fits. Predictions do not depend on it.
///
/// # Errors
/// If not even one image fits.
pub fn for_prediction(probe: Option<StepProbe>, batch: usize, out: &Output) -> Result<usize, Failure> {
    let Some(unfit) = probe.and_then(|probe| unfit(&probe, batch, out)) else { return Ok(batch) };
    let Some(size) = halved(batch, unfit.fits) else {
        return Err(failure(batch, unfit, "not even one fits"));
    };
    out.note(&format!("note: batches of {size} images instead of {batch}, for which there is too little memory"));
    Ok(size)
}

/// Why the batch does not fit, if it does not.
fn unfit(probe: &StepProbe, batch: usize, out: &Output) -> Option<Unfit> {
    let room = Room::now();
    let sizes = probe.sizes(batch, room);
    if sizes.is_empty() {
        return None;
    }
    let (measured, ended) = measured(probe, &sizes)?;
    out.detail(&format!("memory of small steps: {measured:?}; {room:?}"));
    probe.unfit(batch, &measured, ended, room)
}

fn failure(batch: usize, unfit: Unfit, advice: &str) -> Failure {
    let Unfit { needed, available, .. } = unfit;
    let words = format!(
        "a step of {batch} images needs about {} of memory, and {} is available: {advice}",
        Size(needed),
        Size(available)
    );
    Failure { words, code: FAILED }
}

/// The batch halved until it has at most `fits` images.
fn halved(batch: usize, fits: usize) -> Option<usize> {
    std::iter::successors(Some(batch), |&size| (size > 1).then_some(size / 2)).find(|&size| size <= fits)
}

/// Makes steps of these sizes in a process of its own, and tells whether a step ended it. `None` if it failed in
/// another way, which says nothing about memory.
fn measured(probe: &StepProbe, sizes: &[usize]) -> Option<(Vec<StepMemory>, bool)> {
    let mut command = run_process::command().ok()?;
    let list: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    command.args(["--memory", &list.join(",")]).stdout(Stdio::piped()).stderr(Stdio::null());
    let output = run_process::start(&mut command, probe).ok()?.wait_with_output().ok()?;
    let lines = output.stdout.split(|&byte| byte == b'\n');
    let steps: Vec<StepMemory> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let ended = output.status.code().is_none();
    (ended || output.status.success()).then_some((steps, ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_halved_until_it_fits() {
        assert_eq!(halved(64, 63), Some(32));
        assert_eq!(halved(64, 7), Some(4));
        assert_eq!(halved(100, 30), Some(25));
        assert_eq!(halved(64, 1), Some(1));
        assert_eq!(halved(64, 0), None);
    }
}
