//! The memory that burn's pools hold while a network trains.

use super::fault::{TrainingFault, wrong};
use super::steps::{initial, train};
use crate::backend::Backend;
use crate::model::ModelKind;

/// Trains the small CNN. After a tenth of the steps the pools must not grow any more.
pub fn check(backend: &Backend, steps: usize) -> Result<String, TrainingFault> {
    if backend.gpu().is_none() {
        return Ok("a GPU only".to_owned());
    }
    let (config, bytes, _) = initial(ModelKind::Cnn)?;
    let mut settled = 0;
    train(backend, &config, &bytes, steps, false, |step| {
        if step == steps / 10 {
            settled = backend.reserved_bytes().unwrap_or_default();
        }
        Ok(())
    })?;
    let held = backend.reserved_bytes().unwrap_or_default();
    // A quarter, for pools that grow in large pieces.
    let most = settled + settled / 4;
    if held > most {
        let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
        return Err(wrong(
            format!("memory of burn's pools after {steps} steps"),
            mib(held),
            format!("at most {}", mib(most)),
        ));
    }
    Ok(format!("{steps} steps; burn's pools hold {} MiB", held >> 20))
}
