//! What became of one attack on one scheme.

use super::pictures::Strip;
use crate::attack::{Appearance, Chosen, Ciphertext, Grade, KeySpace, Known, Labels, Learned, Method, Reidentified};
use serde::{Deserialize, Serialize};

/// One attack on one scheme.
#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Cell {
    /// It was run.
    Done(Box<Done>),
    /// It cannot be run on this scheme or these images.
    NotApplicable {
        /// Why.
        reason: String,
    },
    /// The budget ended before it did. This is no verdict.
    NotReached,
}

/// A finished attack.
#[derive(Serialize, Deserialize)]
pub struct Done {
    pub grade: Grade,
    /// What the figures mean, in a sentence or two.
    pub verdict: String,
    pub figures: Figures,
    /// How long it took, encryption included. No part of the report, so that two runs give the same one.
    pub seconds: f64,
    pub strips: Vec<Strip>,
}

/// The figures of an attack.
#[derive(Serialize, Deserialize)]
#[serde(tag = "attack", rename_all = "kebab-case")]
pub enum Figures {
    Appearance(Appearance),
    KeySpace(KeySpace),
    Chosen(Chosen),
    Known(Known),
    Reidentify(Reidentified),
    Labels(Labels),
    Ciphertext(Ciphertext),
    Learned(Learned),
}

impl Figures {
    /// Whether the attacker needed pairs that were not of his choice or making.
    pub fn uses_pairs(&self) -> bool {
        match self {
            Self::Known(_) => true,
            Self::Learned(figures) => figures.method == Method::Itn && !figures.own_keys,
            _ => false,
        }
    }

    /// The figure that says most, in a few words.
    pub fn short(&self) -> String {
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        match self {
            Self::Appearance(figures) => format!("SSIM {:.2}", figures.ssim),
            Self::KeySpace(figures) => format!("2^{:.0} keys", figures.key.bits),
            Self::Chosen(figures) => {
                let opened = figures.ways.iter().filter(|way| way.opened).map(|way| way.images_chosen).min();
                opened.map_or("no table".to_owned(), |images| crate::output::counted(images, "image"))
            }
            Self::Known(figures) => {
                let enough = figures.steps.iter().find(|step| step.ssim >= crate::attack::KNOWN_ENOUGH);
                let shown = enough.or(figures.steps.last());
                shown.map_or(String::new(), |step| {
                    format!("{:.2}, {}", step.ssim, crate::output::counted(step.pairs, "pair"))
                })
            }
            Self::Reidentify(figures) => {
                format!("{} / {}", percent(figures.same_pixels.rank_1), percent(figures.another_export.rank_1))
            }
            Self::Learned(figures) => {
                format!("{:.2}, mean image {:.2}", figures.ssim.median, figures.mean_image_ssim.median)
            }
            Self::Labels(figures) => {
                let best = figures.classes.iter().map(|class| class.auc_encrypted).fold(0.5, f64::max);
                format!("AUC {best:.2}")
            }
            Self::Ciphertext(figures) => {
                let enough = figures.steps.iter().find(|step| step.ssim >= crate::attack::CIPHERTEXT_ENOUGH);
                let best = figures.steps.iter().max_by(|a, b| a.ssim.total_cmp(&b.ssim));
                let shown = enough.or(best);
                shown.map_or(String::new(), |step| {
                    format!("{:.2}, {}", step.ssim, crate::output::counted(step.images, "image"))
                })
            }
        }
    }
}
