//! Training: epochs over a shuffled feed, cross-entropy, an optimiser under a schedule, evaluation on the validation
//! images after each epoch and on the test images at the end.

mod check;
mod clip;
mod traffic;
mod training_run;

pub use check::check;
pub(crate) use check::model;
pub(crate) use traffic::{Passed, counts};

use crate::backend::Backend;
use crate::config::Config;
use crate::data::TrainingSet;
use crate::error::{Error, TrainError};
use crate::evaluate::evaluate;
use crate::feed::{Feed, Split};
use crate::outcome::{Outcome, best_epoch};
use crate::progress::Progress;
use crate::run_folder::RunFolder;
use burn::module::Module;
use std::sync::Arc;
use std::time::Instant;
use training_run::TrainingRun;

/// Trains a network.
///
/// With a `folder`, metrics, curves and the weights of the best and the last epoch are written there after every
/// epoch. A run that was interrupted in that folder continues after its last finished epoch; on the CPU it reaches
/// the same figures as an uninterrupted run.
///
/// # Errors
/// When training diverges, the device fails, or the folder cannot be written or holds another run.
pub fn train(
    backend: &Backend,
    set: &TrainingSet,
    config: &Config,
    folder: Option<&RunFolder>,
    progress: &mut dyn Progress,
) -> Result<Outcome, Error> {
    Ok(run(backend, set, config, folder, progress)?)
}

fn run(
    backend: &Backend,
    set: &TrainingSet,
    config: &Config,
    folder: Option<&RunFolder>,
    progress: &mut dyn Progress,
) -> Result<Outcome, TrainError> {
    check::checked(set, config)?;
    let _held = folder.map(|folder| folder.hold(set, config)).transpose()?;
    let started = Instant::now();
    let mut run = TrainingRun::new(backend, set, config, folder)?;
    let resumed = run.epochs.len();
    if !run.is_over() {
        let key = set.key.as_ref();
        let train_feed = Feed::new(backend, set.program.clone(), key, set.train.clone())?;
        let mut train_feed = if config.fresh_keys { train_feed.with_fresh_keys() } else { train_feed };
        let evaluation = |split: &Arc<Split>| Feed::new(backend, set.evaluation.clone(), key, split.clone());
        let mut val_feed = set.val.as_ref().map(evaluation).transpose()?;
        while !run.is_over() {
            let mut epoch = run.pass(&mut train_feed, progress)?;
            let trained = run.network.valid();
            if let Some(feed) = &mut val_feed {
                epoch.val = Some(evaluate(backend, &trained, feed, config.batch, set.classes.len())?);
            }
            epoch.device_bytes = backend.reserved_bytes();
            let seconds = run.seconds_before + started.elapsed().as_secs_f64();
            run.keep(folder, trained, epoch, seconds)?;
            progress.epoch_ends(&run.epochs[run.epochs.len() - 1]);
        }
    }
    // The test images are evaluated once, at the end.
    let (mut test, mut test_last) = (None, None);
    if let Some(split) = &set.test {
        let mut feed = Feed::new(backend, set.evaluation.clone(), set.key.as_ref(), split.clone())?;
        let classes = set.classes.len();
        if let Some(best) = &run.best {
            test = Some(evaluate(backend, best, &mut feed, config.batch, classes)?);
        }
        test_last = Some(evaluate(backend, &run.network.valid(), &mut feed, config.batch, classes)?);
    }
    let training_seconds: f64 = run.epochs.iter().map(|epoch| epoch.seconds).sum();
    let images_seen: f64 = run.epochs.iter().map(|epoch| epoch.images_per_second * epoch.seconds).sum();
    Ok(Outcome {
        best_epoch: best_epoch(&run.epochs),
        test,
        test_last,
        parameters: run.network.parameters(),
        images_per_second: images_seen / training_seconds.max(1e-9),
        seconds: run.seconds_before + started.elapsed().as_secs_f64(),
        stopped_early: run.epochs.len() < config.epochs,
        resumed,
        traffic: backend.gpu().map(|_| run.traffic.of_steps()),
        epochs: run.epochs,
    })
}
