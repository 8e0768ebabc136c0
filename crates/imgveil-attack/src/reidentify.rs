//! Re-identification: which encrypted image is this plain one, and are two encrypted images of one patient?
//!
//! Attacker: has encrypted images, and for the first question a plain image or another export of it. No key, no pair.
//! Cost: a second. Gives back: how often the image is found among all, and how well images of one patient are told from
//! images of two. Blocks keep their values up to negation, so their statistics are compared.

use crate::another_export::another_export;
use crate::auc::auc;
use crate::statistics::{Of, Scale, Statistics, distance};
use crate::{Batch, Error, Progress};
use rayon::prelude::*;

/// How often images are found among the encrypted ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The share of images whose encryption is the nearest, 0 to 1.
    pub rank_1: f64,
    /// The share of images whose encryption is among the five nearest.
    pub rank_5: f64,
    /// The mean place of an image's encryption, from 1.
    pub mean_rank: f64,
}

/// The result of [`reidentify`].
#[derive(Clone, Debug)]
pub struct Reidentified {
    /// With the plain image itself.
    pub same_pixels: Found,
    /// With another export of it: cut by 4 %, 5 % brighter, JPEG 50.
    pub another_export: Found,
    /// What guessing gives for rank 1.
    pub chance: f64,
    /// For each image, the number of the encrypted image that is nearest to its other export.
    pub nearest: Vec<usize>,
}

/// Looks for every plain image among all encrypted ones.
///
/// # Errors
///
/// When there are fewer than two images, the batches do not fit, or the caller stops.
pub fn reidentify(
    plain: &Batch,
    encrypted: &Batch,
    statistics: Statistics,
    progress: &dyn Progress,
) -> Result<Reidentified, Error> {
    plain.must_match(encrypted)?;
    if plain.len() < 2 {
        return Err(Error::TooFewImages { needed: 2, given: plain.len() });
    }
    let mut gallery = statistics.of(encrypted, Of::Image)?;
    // Statistics in the order of size vary little at one end and much at the other.
    let scale = statistics.scrambled.then(|| Scale::of(&gallery));
    let scaled = |mut images: Vec<Vec<f32>>| {
        scale.iter().for_each(|scale| scale.apply(&mut images));
        images
    };
    gallery = scaled(gallery);
    progress.report("comparing images", 1, 3);
    let (same_pixels, _) = found(&scaled(statistics.of(plain, Of::Image)?), &gallery);
    progress.report("comparing images", 2, 3);
    progress.check()?;
    let (other, nearest) = found(&scaled(statistics.of(&another_export(plain)?, Of::Image)?), &gallery);
    progress.report("comparing images", 3, 3);
    Ok(Reidentified { same_pixels, another_export: other, chance: 1.0 / plain.len() as f64, nearest })
}

fn found(probes: &[Vec<f32>], gallery: &[Vec<f32>]) -> (Found, Vec<usize>) {
    let ranks: Vec<(f64, usize)> = probes
        .par_iter()
        .enumerate()
        .map(|(number, probe)| {
            let distances: Vec<f64> = gallery.iter().map(|image| distance(probe, image)).collect();
            let own = distances[number];
            let (mut nearer, mut equal, mut nearest) = (0, 0, 0);
            for (other, &distance) in distances.iter().enumerate() {
                nearer += usize::from(distance < own);
                // Of images that look the same, the right one is found by chance.
                equal += usize::from(distance == own && other != number);
                if distance < distances[nearest] {
                    nearest = other;
                }
            }
            (1.0 + nearer as f64 + equal as f64 / 2.0, nearest)
        })
        .collect();
    let share = |most: f64| ranks.iter().filter(|(rank, _)| *rank <= most).count() as f64 / ranks.len() as f64;
    let mean_rank = ranks.iter().map(|(rank, _)| rank).sum::<f64>() / ranks.len() as f64;
    (
        Found { rank_1: share(1.0), rank_5: share(5.0), mean_rank },
        ranks.into_iter().map(|(_, nearest)| nearest).collect(),
    )
}

/// The result of [`same_patient`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamePatient {
    /// Pairs of images of one patient.
    pub same: usize,
    /// Pairs of images of two patients.
    pub different: usize,
    /// The probability that a pair of one patient is nearer than a pair of two; one half is guessing.
    pub auc: f64,
    /// The same among images of one label only, where labels are told: images of one label look alike.
    pub within_label: Option<f64>,
}

/// Tells pairs of encrypted images of one patient from pairs of two.
///
/// `patient` says whose each image is; images of which nothing is said are left out. `labels` are their classes; none,
/// if they are not known.
///
/// # Errors
///
/// When there is no pair of one patient or none of two, the numbers differ, or the statistics do not fit the images.
pub fn same_patient(
    encrypted: &Batch,
    patient: &[Option<&str>],
    labels: &[Option<u32>],
    statistics: Statistics,
) -> Result<SamePatient, Error> {
    if patient.len() != encrypted.len() {
        let given = format!("{} names of patients", patient.len());
        return Err(Error::Mismatch(given, format!("{} images", encrypted.len())));
    }
    let mut features = statistics.of(encrypted, Of::Texture)?;
    Scale::of(&features).apply(&mut features);
    features.par_iter_mut().for_each(|features| normalise(features));
    let told: Vec<usize> = (0..patient.len()).filter(|&image| patient[image].is_some()).collect();
    let label = |image: usize| labels.get(image).copied().flatten();
    let (same, different): (Vec<_>, Vec<_>) = told
        .par_iter()
        .enumerate()
        .flat_map_iter(|(number, &a)| told[number + 1..].iter().map(move |&b| (a, b)))
        .map(|(a, b)| {
            let one_label = label(a).is_some() && label(a) == label(b);
            (-distance(&features[a], &features[b]), one_label, patient[a] == patient[b])
        })
        .partition(|(_, _, same)| *same);
    let area = |within: bool| {
        let scores = |pairs: &[(f64, bool, bool)]| {
            pairs.iter().filter(|pair| pair.1 || !within).map(|pair| pair.0).collect::<Vec<f64>>()
        };
        auc(&scores(&same), &scores(&different))
    };
    let all = area(false).ok_or_else(|| {
        let told = if same.is_empty() { "no patient has two images" } else { "all images are of one patient" };
        Error::NotApplicable(told.to_owned())
    })?;
    Ok(SamePatient { same: same.len(), different: different.len(), auc: all, within_label: area(true) })
}

/// To a mean of 0 and a length of 1: exposure and contrast say nothing about a patient.
fn normalise(features: &mut [f32]) {
    let mean = features.iter().sum::<f32>() / features.len() as f32;
    features.iter_mut().for_each(|value| *value -= mean);
    let length = features.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        features.iter_mut().for_each(|value| *value /= length);
    }
}
