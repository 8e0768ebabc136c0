//! Ends the process when a GPU that burn waits for hangs.

use crate::exit::Failure;
use crate::output::Output;
use imgveil_train::{Backend, Watchdog};

/// Watches the GPU of a backend until the result is dropped. If it hangs, prints the error with advice and ends the
/// process with the exit code of a failure. Files are written whole or not at all, so a run can be continued.
pub fn watched(backend: &Backend) -> Option<Watchdog> {
    Watchdog::start(backend, |error| {
        let failure = Failure::from(error);
        Output::new(false).error(&failure);
        std::process::exit(failure.code.into());
    })
}
