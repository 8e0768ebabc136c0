//! Accuracy against leak: each scheme of the report that a study has trained on is a point.

use super::cell::{Cell, Figures};
use super::report::{Evaluated, Evaluation};
use super::tried::Tried;
use imgveil_train::chart::{ScatterPanel, ScatterPoint, scatter_svg};

/// The chart as SVG. `None` without a study that has trained on a scheme of the report.
///
/// Vertical: the best mean AUC of the networks that learned from images under the scheme. Horizontal: how far images
/// come back, as the highest mean SSIM to the plain ones; on the left from encrypted images alone, on the right from
/// the best of all attacks but networks, whose SSIM can be that of the mean image, which says nothing of any image. A
/// scheme with an attack that was not reached is left out.
pub fn frontier(evaluation: &Evaluation) -> Option<String> {
    let panel = |title: &str, attacks: &[Tried]| ScatterPanel {
        title: title.to_owned(),
        x: "SSIM of what comes back (0: nothing, 1: all)".to_owned(),
        points: evaluation.schemes.iter().filter_map(|scheme| point(scheme, attacks)).collect(),
    };
    let alone = panel("From encrypted images alone", &[Tried::Appearance, Tried::Ciphertext]);
    let all =
        panel("From pairs and chosen images too", &[Tried::Appearance, Tried::Ciphertext, Tried::Known, Tried::Chosen]);
    scatter_svg("What networks learn, and what attackers get back", "AUC", &[alone, all]).ok()
}

fn point(scheme: &Evaluated, attacks: &[Tried]) -> Option<ScatterPoint> {
    let aucs = scheme.scores.iter().filter_map(|score| score.auc_mean);
    let y = aucs.max_by(f64::total_cmp)?;
    let mut x = 0.0f64;
    for attack in attacks {
        match scheme.cell(*attack)? {
            Cell::Done(done) => x = x.max(ssim(&done.figures)),
            Cell::NotApplicable { .. } => {}
            Cell::NotReached => return None,
        }
    }
    Some(ScatterPoint { name: scheme.subject.text.clone(), x, y })
}

/// The highest mean SSIM of what an attack gives back; 0 for attacks that give no image.
fn ssim(figures: &Figures) -> f64 {
    match figures {
        Figures::Appearance(figures) => figures.ssim,
        Figures::Ciphertext(figures) => figures.steps.iter().map(|step| step.ssim).fold(0.0, f64::max),
        Figures::Known(figures) => figures.steps.iter().map(|step| step.ssim).fold(0.0, f64::max),
        Figures::Chosen(figures) => figures.ways.iter().filter_map(|way| way.ssim).fold(0.0, f64::max),
        Figures::KeySpace(_) | Figures::Reidentify(_) | Figures::Labels(_) | Figures::Learned(_) => 0.0,
    }
}
