//! Encrypted images alone.

use super::finding::{Finding, Grade, Pictures};
use super::recovery::recovery;
use super::target::Target;
use crate::output::counted;
use imgveil_attack::ciphertext::{Prior, Structure};
use imgveil_attack::{Batch, Error, Progress, metric, nearest_variant};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// The mean SSIM from which images count as recovered.
pub const ENOUGH: f64 = 0.8;
/// The mean SSIM from which something of them does.
pub const SOME: f64 = 0.3;
/// The numbers of images that are tried before all of them.
const COUNTS: [usize; 4] = [1, 4, 16, 64];
/// The most images that are attacked where each is a jigsaw of its own: more of them say nothing of each other, and one
/// of 224x224 in blocks of 4x4 takes from seconds to a minute.
const ALONE: usize = 4;

/// The figures of the attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ciphertext {
    pub steps: Vec<Step>,
    /// The mean SSIM of the images as they are encrypted.
    pub encrypted_ssim: f64,
}

/// What a number of images gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub images: usize,
    /// The mean SSIM of what came back.
    pub ssim: f64,
    /// The images that came back to the byte.
    pub exact: usize,
    pub seconds: f64,
}

/// Attacks with 1, 4, 16, 64 and up to `most` encrypted images. Also returns the first image of the set as each of
/// these numbers recovers it.
pub fn ciphertext(
    target: &Target,
    plain: &Batch,
    prior: Prior<'_>,
    most: usize,
    progress: &dyn Progress,
) -> Result<(Finding<Ciphertext>, Vec<Batch>), Error> {
    let structure = recovery(target.scheme.as_ref()).map_err(Error::NotApplicable)?;
    let alone = matches!(structure, Structure::Blocks { key_per_image: true, .. });
    let most = most.min(plain.len()).min(if alone { ALONE } else { usize::MAX });
    let mut counts: Vec<usize> = COUNTS.into_iter().filter(|&count| count < most).collect();
    counts.push(most);
    let (mut steps, mut firsts, mut pictures) = (Vec::new(), Vec::new(), Pictures::default());
    for &count in &counts {
        progress.check()?;
        // The first image of the set is among them every time.
        let taken: Vec<usize> = (0..count).map(|number| number * plain.len() / count).collect();
        let (shown, hidden) = (plain.select(&taken), target.encrypted.select(&taken));
        let started = Instant::now();
        let recovered = structure.recover(&hidden, prior, progress)?;
        let seconds = started.elapsed().as_secs_f64();
        let (recovered, scores) = nearest_variant(&recovered, &shown, structure.ambiguity())?;
        let exact = recovered.iter().zip(shown.iter()).filter(|(a, b)| a == b).count();
        steps.push(Step { images: count, ssim: metric::mean(&scores), exact, seconds });
        firsts.push(recovered.select(&[0]));
        if count == most {
            let numbers;
            (pictures, numbers) = Pictures::of(&taken, &target.names);
            pictures.notes = scores.iter().take(numbers.len()).map(|score| format!("SSIM {score:.3}")).collect();
            pictures.column("plain", plain, &numbers);
            pictures.column("encrypted", &target.encrypted, &numbers);
            pictures.column("recovered", &recovered, &(0..numbers.len()).collect::<Vec<_>>());
        }
    }
    let encrypted = metric::mean(&metric::ssim(plain, &target.encrypted)?);
    let (grade, verdict) = judged(&steps, encrypted, most);
    let figures = Ciphertext { steps, encrypted_ssim: encrypted };
    Ok((Finding { figures, grade, verdict, pictures }, firsts))
}

fn judged(steps: &[Step], encrypted: f64, most: usize) -> (Grade, String) {
    let best = steps.iter().map(|step| step.ssim).fold(f64::NEG_INFINITY, f64::max);
    let enough = steps.iter().find(|step| step.ssim >= ENOUGH);
    match enough {
        _ if encrypted >= SOME => (
            if encrypted.max(best) >= ENOUGH { Grade::Open } else { Grade::InPart },
            format!(
                "PLAIN TO SEE. Encrypted images as they are have a mean SSIM of {encrypted:.3}; what is left of them \
                 needs no attack"
            ),
        ),
        Some(step) => (
            Grade::Open,
            format!(
                "OPEN. With {} and nothing else, images are recovered to a mean SSIM of {:.3}",
                counted(step.images, "encrypted image"),
                step.ssim
            ),
        ),
        None if best >= SOME && best > encrypted + 0.1 => (
            Grade::InPart,
            format!(
                "OPENS IN PART. With {} and nothing else, images are recovered to a mean SSIM of {best:.3}",
                counted(most, "encrypted image")
            ),
        ),
        None => (
            Grade::Resists,
            format!(
                "RESISTS this attack. With {}, what comes back has a mean SSIM of {best:.3}; encrypted images have \
                 {encrypted:.3}",
                counted(most, "encrypted image")
            ),
        ),
    }
}
