//! Training on the device against training on burn's CPU backend.

use super::fault::{TrainingFault, wrong};
use super::steps::{Trained, initial, train};
use crate::backend::Backend;
use crate::model::ModelKind;
use imgveil::internal::engine::Device;

/// How far the device's weights may be from the CPU's, as a share of the way that the CPU's weights went.
const TOLERANCE: f64 = 0.05;

/// How far the device's mean loss may be from the CPU's.
const LOSS_TOLERANCE: f64 = 0.02;

/// The small CNN.
pub fn cnn(backend: &Backend, steps: usize) -> Result<String, TrainingFault> {
    check(backend, ModelKind::Cnn, steps)
}

/// ResNet-18.
pub fn resnet18(backend: &Backend, steps: usize) -> Result<String, TrainingFault> {
    check(backend, ModelKind::ResNet18, steps)
}

/// Trains twice on the device: with the loss read back after every step, and with nothing read back before the end. A
/// driver that loses the order of dispatches may pass the one and fail the other (burn's issue 5563).
fn check(backend: &Backend, kind: ModelKind, steps: usize) -> Result<String, TrainingFault> {
    let (config, bytes, begun) = initial(kind)?;
    let run = |on: &Backend, watched: bool| train(on, &config, &bytes, steps, watched, |_| Ok(()));
    let cpu = run(&Backend::open(Device::cpu())?, false)?;
    let way = distance(&cpu.weights, &begun);
    let mut largest = 0.0f64;
    for watched in [true, false] {
        let what = || {
            let how = if watched { "with a readback after every step" } else { "without a readback" };
            format!("{} after {steps} steps {how}", kind.name())
        };
        let Trained { loss, weights } = run(backend, watched)?;
        let off = distance(&weights, &cpu.weights) / way.max(f64::MIN_POSITIVE);
        if !at_most(off, TOLERANCE) || weights.len() != cpu.weights.len() {
            let found = format!("weights that are off by {:.1} % of their way", 100.0 * off);
            return Err(wrong(what(), found, format!("at most {:.0} %", 100.0 * TOLERANCE)));
        }
        if !at_most(f64::from((loss - cpu.loss).abs()), LOSS_TOLERANCE) {
            return Err(wrong(what(), format!("a mean loss of {loss:.4}"), format!("{:.4}", cpu.loss)));
        }
        largest = largest.max(off);
    }
    Ok(format!("{steps} steps, twice; weights within {:.2} % of the CPU's way", 100.0 * largest))
}

/// Whether a value is a number of at most `limit`.
fn at_most(value: f64, limit: f64) -> bool {
    value <= limit
}

/// The Euclidean distance of two lists.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
}
