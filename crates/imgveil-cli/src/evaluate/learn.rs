//! The attack that trains a network, for the report.

use super::cell::{Cell, Figures};
use super::run::{Run, key_of};
use super::subject::Subject;
use super::tried::done_with_pictures;
use crate::attack::Method;
use crate::attack::learned::{Training, block, check, learned, prepare};
use crate::exit::Failure;
use imgveil_attack::{Batch, Progress};
use imgveil_train::Backend;
use imgveil_train::inverse::{InverseConfig, InverseEpoch};
use std::time::Instant;

/// Images of a step, as in `imgveil attack learned`.
const BATCH: usize = 32;

/// How networks are trained.
pub struct Learn<'a> {
    /// Passes over the attacker's images.
    pub epochs: usize,
    /// The attacker's plain images. Without them, every second image is his.
    pub public: Option<&'a Batch>,
    pub backend: &'a Backend,
}

/// Trains a network against a scheme. A training that has begun goes on to its end, whatever the budget: what was
/// learned until then would be lost.
pub fn cell(learn: &Learn<'_>, run: &Run<'_>, subject: &Subject, progress: &dyn Progress) -> Result<Cell, Failure> {
    let started = Instant::now();
    if let (Some(reason), false) = (&subject.unfit, subject.scheme.mixes()) {
        return Ok(Cell::NotApplicable { reason: reason.clone() });
    }
    let secret = (key_of(run.seed).into(), "a throwaway key".to_owned());
    let own = learn.public.cloned();
    let (scheme, read) = (&subject.scheme, run.read.clone());
    let prepared = prepare(scheme, secret, read, own, Method::Itn, learn.backend, run.device)?;
    let config = InverseConfig {
        block: block(scheme, run.read.geometry),
        epochs: learn.epochs,
        batch: BATCH,
        seed: run.seed,
        ..InverseConfig::default()
    };
    let training = Training { method: Method::Itn, config, backend: learn.backend };
    if let Err(Failure { words, .. }) = check(&prepared, &training) {
        return Ok(Cell::NotApplicable { reason: words });
    }
    let mut hear = |told: InverseEpoch| {
        progress.report("training", told.epoch, learn.epochs);
        true
    };
    let finding = learned(&prepared, &training, &mut hear)?;
    done_with_pictures(finding, Figures::Learned, &run.store.path(""), started)
}
