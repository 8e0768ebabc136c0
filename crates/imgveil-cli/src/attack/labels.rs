//! Labels: one number of an encrypted image, and what it tells.

use super::finding::{Finding, Grade, Pictures};
use super::target::Target;
use imgveil_attack::labels::{labels as told_by_one_number, spread};
use imgveil_attack::{Error, metric};
use serde::{Deserialize, Serialize};

/// The area from which a label counts as told.
pub const ENOUGH: f64 = 0.8;
/// The least area above guessing that counts as something.
pub const SOME: f64 = 0.1;

/// The figures of the attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Labels {
    pub classes: Vec<OfClass>,
}

/// How well the number tells a class from the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfClass {
    pub class: String,
    pub images: usize,
    pub auc_encrypted: f64,
    /// The same with the plain images, where they are known.
    pub auc_plain: Option<f64>,
}

/// Attacks the labels. `told` has the label of each image.
pub fn labels(target: &Target, told: &[u32]) -> Result<Finding<Labels>, Error> {
    let found = told_by_one_number(&target.encrypted, target.plain.as_ref(), told, target.statistics.level)?;
    let best = found.iter().map(|class| class.encrypted).fold(0.5, f64::max);
    // A standard error of the area for labels that nothing tells (Hanley & McNeil 1982).
    let noise = found.iter().map(|class| chance(class.images, told.len() - class.images)).fold(0.0, f64::max);
    let (grade, verdict) = if best >= 0.5 + SOME.max(3.0 * noise) {
        let (grade, begin) = if best >= ENOUGH { (Grade::Open, "OPEN") } else { (Grade::InPart, "OPENS IN PART") };
        let words = "One number of an encrypted image tells a label with an AUC of";
        (grade, format!("{begin}. {words} {best:.3}; 0.5 is guessing"))
    } else {
        (
            Grade::Resists,
            format!("RESISTS this attack. One number tells no label: the best AUC is {best:.3}, and 0.5 is guessing"),
        )
    };
    let classes = found
        .iter()
        .map(|class| OfClass {
            class: target.class(class.class),
            images: class.images,
            auc_encrypted: class.encrypted,
            auc_plain: class.plain,
        })
        .collect();
    Ok(Finding { figures: Labels { classes }, grade, verdict, pictures: typical(target, told)? })
}

/// An image of each class, that whose number is nearest to the mean of its class.
fn typical(target: &Target, told: &[u32]) -> Result<Pictures, Error> {
    let Some(plain) = &target.plain else { return Ok(Pictures::default()) };
    let numbers = spread(&target.encrypted, target.statistics.level)?;
    let mut classes = told.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let nearest = |class: &u32| {
        let of = |image: &usize| told[*image] == *class;
        let own: Vec<f64> = (0..told.len()).filter(of).map(|image| numbers[image]).collect();
        let mean = metric::mean(&own);
        let far = |image: &usize| (numbers[*image] - mean).abs();
        (0..told.len()).filter(of).min_by(|a, b| far(a).total_cmp(&far(b)))
    };
    let images: Vec<usize> = classes.iter().filter_map(nearest).collect();
    let (mut pictures, images) = Pictures::of(&images, &target.names);
    pictures.notes =
        images.iter().map(|&image| format!("{} {:.2}", target.class(told[image]), numbers[image])).collect();
    pictures.column("plain", plain, &images);
    pictures.column("encrypted", &target.encrypted, &images);
    Ok(pictures)
}

/// The standard deviation of the area under the curve if scores say nothing.
fn chance(positives: usize, negatives: usize) -> f64 {
    let (p, n) = (positives as f64, negatives as f64);
    ((p + n + 1.0) / (12.0 * p * n)).sqrt()
}
