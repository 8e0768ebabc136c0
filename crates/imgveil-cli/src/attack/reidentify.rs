//! Re-identification: a plain image among encrypted ones, and encrypted images of one patient.

use super::finding::{Finding, Grade, Pictures};
use super::target::Target;
use imgveil_attack::reidentify as statistics;
use imgveil_attack::{Batch, Error, Progress, another_export};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// The share of other exports that are found, from which images count as found again.
pub const OFTEN: f64 = 0.5;

/// The figures of the attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reidentified {
    /// With the plain image itself.
    pub same_pixels: Found,
    /// With another export of it.
    pub another_export: Found,
    /// What guessing gives for rank 1.
    pub chance: f64,
    pub same_patient: Option<SamePatient>,
    pub seconds: f64,
}

/// How often images were found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The share whose encryption is the nearest.
    pub rank_1: f64,
    /// The share whose encryption is among the five nearest.
    pub rank_5: f64,
    pub mean_rank: f64,
}

/// Whether two encrypted images are of one patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamePatient {
    pub pairs_of_one_patient: usize,
    pub pairs_of_two: usize,
    pub auc: f64,
    pub auc_within_label: Option<f64>,
}

impl From<statistics::Found> for Found {
    fn from(statistics::Found { rank_1, rank_5, mean_rank }: statistics::Found) -> Self {
        Self { rank_1, rank_5, mean_rank }
    }
}

/// Looks for every plain image among the encrypted ones, and where `patients` are told, for those of one patient.
pub fn reidentify(
    target: &Target,
    plain: &Batch,
    patients: Option<&[Option<String>]>,
    progress: &dyn Progress,
) -> Result<Finding<Reidentified>, Error> {
    let started = Instant::now();
    let found = statistics::reidentify(plain, &target.encrypted, target.statistics, progress)?;
    let same_patient = patients.map(|patients| {
        let patients: Vec<Option<&str>> = patients.iter().map(Option::as_deref).collect();
        statistics::same_patient(&target.encrypted, &patients, &target.labels, target.statistics)
    });
    let same_patient = same_patient.transpose()?.map(|found| SamePatient {
        pairs_of_one_patient: found.same,
        pairs_of_two: found.different,
        auc: found.auc,
        auc_within_label: found.within_label,
    });
    let seconds = started.elapsed().as_secs_f64();
    let (count, chance) = (plain.len(), found.chance);
    let (grade, verdict) = match (found.same_pixels.rank_1, found.another_export.rank_1) {
        (_, other) if other >= OFTEN => (
            Grade::Open,
            format!(
                "OPEN. Another export of an image finds its encryption among {count} in {:.1} % of the cases",
                100.0 * other
            ),
        ),
        (same, other) if same >= 5.0 * chance + 0.02 => (
            Grade::InPart,
            format!(
                "OPEN to whoever has the image itself: found among {count} in {:.1} % of the cases, with another \
                 export of it in {:.1} %",
                100.0 * same,
                100.0 * other
            ),
        ),
        (same, _) => (
            Grade::Resists,
            format!(
                "RESISTS this attack. An image is found among {count} in {:.1} % of the cases, and by guessing in \
                 {:.1} %",
                100.0 * same,
                100.0 * chance
            ),
        ),
    };
    let all: Vec<usize> = (0..count).collect();
    let (mut pictures, numbers) = Pictures::of(&all, &target.names);
    let nearest = &found.nearest[..numbers.len()];
    pictures.column("another export", &another_export(&plain.select(&numbers))?, &numbers);
    pictures.column("its encryption", &target.encrypted, &numbers);
    pictures.column("nearest encryption", &target.encrypted, nearest);
    pictures.column("of this image", plain, nearest);
    let figures = Reidentified {
        same_pixels: found.same_pixels.into(),
        another_export: found.another_export.into(),
        chance,
        same_patient,
        seconds,
    };
    Ok(Finding { figures, grade, verdict, pictures })
}
