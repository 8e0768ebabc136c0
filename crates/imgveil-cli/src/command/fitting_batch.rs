//! Advice for training when a GPU fails: which batch fits. wgpu does not report how much memory a device has, so
//! batches are tried.

use crate::command::exit::{FAILED, Failure};
use crate::command::output::{Output, plain};
use crate::command::run_process;
use imgveil::internal::engine::EngineError;
use imgveil_train::error::TrainError;
use imgveil_train::{Error, ErrorDetail, FeedError, PreparedRun, RunSpec, RunSummary};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;

/// Trains. If a GPU fails, tries smaller and smaller batches and reports which one fits. Each trial has a process of
/// its own, because a lost device stays lost. burn and drivers panic when a device has no memory left.
///
/// # Errors
/// When training fails.
pub fn or_advice(
    run: &PreparedRun,
    out: &Output,
    train: impl FnOnce() -> Result<RunSummary, Error>,
) -> Result<RunSummary, Failure> {
    let cause = match catch_unwind(AssertUnwindSafe(train)) {
        Ok(Err(error)) if is_of_the_device(&error) => error.to_string(),
        Ok(ended) => return Ok(ended?),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given").to_owned()
        }
    };
    out.note("the device failed; trying which batch fits");
    // The trials need the memory that this process holds. With a lost device this may panic, but then no memory is
    // held.
    let _ = catch_unwind(AssertUnwindSafe(|| run.backend().release_memory()));
    let batch = u32::try_from(run.spec().config.batch).unwrap_or(u32::MAX);
    let sizes = std::iter::successors(Some(batch), |&size| (size > 2).then_some((size / 2).max(2)));
    let fits = sizes.into_iter().find(|&size| trial(run.spec(), size));
    let advice = match fits {
        Some(size) if size == batch => format!(
            "Yet steps of {size} images went through just now, in a fresh process: run it again (with --resume, if \
                that run had it)"
        ),
        Some(size) => format!(
            "Steps of {size} images go through: use --batch {size}, with --accumulate {} for gradients of as many \
                images as before",
            batch.div_ceil(size)
        ),
        None => "Not even steps of 2 images go through: take a smaller network or smaller images (--resize), leave \
                 the images in host memory (--device-memory 0), or train with --device cpu"
            .to_owned(),
    };
    let cause = cause.lines().next().unwrap_or_default();
    let cause = plain(cause);
    Err(Failure::of_lines(&format!("the device failed at --batch {batch}: {cause}\n{advice}"), FAILED))
}

fn is_of_the_device(error: &Error) -> bool {
    use EngineError::{Device, TooLarge};
    let ErrorDetail::Train(error) = error.detail() else { return false };
    matches!(error, TrainError::Fetch(_) | TrainError::Feed(FeedError::Engine(Device { .. } | TooLarge { .. })))
}

/// Whether steps of `size` images succeed. Tried in a process of its own.
fn trial(spec: &RunSpec, size: u32) -> bool {
    let Ok(mut command) = run_process::command() else { return false };
    command.args(["--trial", &size.to_string()]).stderr(Stdio::null());
    let child = run_process::start(&mut command, spec);
    child.and_then(|mut child| child.wait()).is_ok_and(|status| status.success())
}
