//! Known plaintext: pairs that the attacker did not choose.

use super::finding::{Finding, Grade, Pictures};
use super::target::Target;
use crate::output::counted;
use imgveil_attack::{Batch, Error, Progress, known};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// The mean SSIM from which others count as decrypted.
pub const ENOUGH: f64 = 0.95;
/// The share of positions from which something counts as determined.
pub const SOME: f64 = 0.01;

/// The figures of the attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    pub steps: Vec<Step>,
    /// The mean SSIM of the other images as they are encrypted.
    pub encrypted_ssim: f64,
    /// How many other images there are.
    pub others: usize,
    pub seconds: f64,
}

/// What a number of pairs gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub pairs: usize,
    /// The share of positions that they determine.
    pub determined: f64,
    /// The mean SSIM of other images that are decrypted with that.
    pub ssim: f64,
    /// The share of their samples that are right.
    pub right: f64,
}

/// Attacks with up to `pairs` pairs, drawn by `seed`.
pub fn known(
    target: &Target,
    plain: &Batch,
    pairs: usize,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Finding<Known>, Error> {
    // At least one image is kept back; a small set has fewer pairs than were asked for.
    let pairs = pairs.min(plain.len().saturating_sub(1)).max(1);
    let started = Instant::now();
    let found = known::measure(plain, &target.encrypted, target.layout_or_unknown(), pairs, seed, progress)?;
    let seconds = started.elapsed().as_secs_f64();
    let last = &found.steps[found.steps.len() - 1];
    let enough = found.steps.iter().find(|step| step.ssim >= ENOUGH);
    let (grade, verdict) = match enough {
        Some(step) => (
            Grade::Open,
            format!(
                "OPEN. With {}, the others are decrypted to a mean SSIM of {:.3}; {:.1} % of the positions are \
                 determined",
                counted(step.pairs, "known pair"),
                step.ssim,
                100.0 * step.determined
            ),
        ),
        None if last.determined >= SOME || last.ssim > found.encrypted.max(0.0) + 0.1 => (
            Grade::InPart,
            format!(
                "OPENS WITH MORE PAIRS. With {}, {:.1} % of the positions are determined, and the others are decrypted \
                 to a mean SSIM of {:.3}",
                counted(last.pairs, "known pair"),
                100.0 * last.determined,
                last.ssim
            ),
        ),
        None => (
            Grade::Resists,
            format!(
                "RESISTS this attack. Nothing that decrypts other images is determined by {}",
                counted(last.pairs, "known pair")
            ),
        ),
    };
    let (mut pictures, numbers) = Pictures::of(&found.others, &target.names);
    pictures.column("plain", plain, &numbers);
    pictures.column("encrypted", &target.encrypted, &numbers);
    pictures.column("recovered", &found.decrypted, &(0..numbers.len()).collect::<Vec<_>>());
    let step = |step: &known::Step| Step {
        pairs: step.pairs,
        determined: step.determined,
        ssim: step.ssim,
        right: step.right,
    };
    let steps = found.steps.iter().map(step).collect();
    let figures = Known { steps, encrypted_ssim: found.encrypted, others: found.others.len(), seconds };
    Ok(Finding { figures, grade, verdict, pictures })
}
