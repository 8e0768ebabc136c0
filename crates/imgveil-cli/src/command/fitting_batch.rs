//! What to say when a GPU fails in training: which batch fits. wgpu does not tell how much memory a device has, so it is tried.

use crate::command::exit::{FAILED, Failure};
use crate::command::output::Output;
use imgveil::internal::engine::EngineError;
use imgveil_train::{Backend, FeedError, Outcome, TrainError};
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};

/// Trains. Where a GPU fails in it, trial steps of ever smaller batches are made, each in a process of its own: a device that was lost
/// stays lost. burn and drivers panic when a device has no memory left.
///
/// # Errors
/// When training fails.
pub fn or_advice(
    backend: &Backend,
    batch: u32,
    out: &Output,
    train: impl FnOnce() -> Result<Outcome, TrainError>,
) -> Result<Outcome, Failure> {
    let cause = match catch_unwind(AssertUnwindSafe(train)) {
        Ok(Err(error)) if is_of_the_device(&error) => error.to_string(),
        Ok(ended) => return Ok(ended?),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given").to_owned()
        }
    };
    out.note("the device failed; trying which batch fits");
    // What this process holds would be missing in the trials. A lost device may panic here, and holds nothing.
    let _ = catch_unwind(AssertUnwindSafe(|| backend.release_memory()));
    let sizes = std::iter::successors(Some(batch), |&size| (size > 2).then_some((size / 2).max(2)));
    let fits = sizes.into_iter().find(|&size| trial(size));
    let advice = match fits {
        Some(size) if size == batch => format!(
            "Yet steps of {size} images went through just now, in a fresh process: run it again (with --resume, if that run had it)"
        ),
        Some(size) => format!(
            "Steps of {size} images go through: use --batch {size}, with --accumulate {} for gradients of as many images as before",
            batch.div_ceil(size)
        ),
        None => "Not even steps of 2 images go through: take a smaller network or smaller images (--resize), leave the images \
                 in host memory (--device-memory 0), or train with --device cpu"
            .to_owned(),
    };
    let cause = cause.lines().next().unwrap_or_default();
    Err(Failure { words: format!("the device failed at --batch {batch}: {cause}\n{advice}"), code: FAILED })
}

fn is_of_the_device(error: &TrainError) -> bool {
    use EngineError::{Device, TooLarge};
    matches!(error, TrainError::Fetch(_) | TrainError::Feed(FeedError::Engine(Device { .. } | TooLarge { .. })))
}

/// Whether steps of so many images go through: this command again, as a trial.
fn trial(size: u32) -> bool {
    let Ok(program) = std::env::current_exe() else { return false };
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let status = Command::new(program)
        .args(arguments)
        .args(["--trial", &size.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
