//! What encryption costs: accuracy from a study, speed from a bench.

use super::markup::{Markup, el, of};
use super::parts::{cell, head};
use crate::evaluate::bench::Speed;
use crate::evaluate::report::{Evaluated, Evaluation};
use crate::evaluate::study::Score;

/// The scores of a study; nothing without one.
pub fn accuracy(evaluation: &Evaluation) -> Markup {
    let Some(from) = &evaluation.provenance.study else { return Markup::default() };
    let row = |(scheme, score): (&Evaluated, &Score)| {
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
        let auc = match (score.auc_mean, score.auc_sd) {
            (Some(mean), Some(sd)) => format!("{mean:.3} ± {sd:.3}"),
            (mean, _) => number(mean),
        };
        let network = format!("{} {}", score.network, score.flags);
        let against = score.auc_against_plain.map_or("–".to_owned(), |lost| format!("{lost:+.3}"));
        line(
            &scheme.subject.text,
            &[
                ("network", network.trim().to_owned()),
                ("AUC", auc),
                ("against plain", against),
                ("balanced accuracy", number(score.balanced_accuracy_mean)),
                ("runs", score.runs.to_string()),
            ],
        )
    };
    let pairs = evaluation.schemes.iter().flat_map(|scheme| scheme.scores.iter().map(move |score| (scheme, score)));
    let rows: Vec<Markup> = pairs.map(row).collect();
    let mut notes = format!("From {from}: networks trained on encrypted images. AUC: mean and standard deviation.");
    let others = &evaluation.provenance.study_others;
    if !others.is_empty() {
        notes += &format!(" Schemes of the study that are not in this report: {}.", others.join(", "));
    }
    if rows.is_empty() {
        notes += " None of its schemes is in this report.";
    }
    let headings = ["Scheme", "Network", "AUC", "Against plain", "Balanced accuracy", "Runs"];
    section("What networks learn from them", &notes, &headings, rows)
}

/// The speeds of a bench; nothing without one.
pub fn speed(evaluation: &Evaluation) -> Markup {
    let Some(from) = &evaluation.provenance.bench else { return Markup::default() };
    let row = |(scheme, speed): (&Evaluated, &Speed)| {
        line(
            &scheme.subject.text,
            &[
                ("measured as", format!("{}, {}", speed.scheme, speed.geometry)),
                ("device", speed.device.clone()),
                ("way", speed.way.clone()),
                ("images/s", format!("{:.0}", speed.images_per_second)),
                ("GiB/s", format!("{:.2}", speed.gib_per_second)),
            ],
        )
    };
    let pairs = evaluation.schemes.iter().flat_map(|scheme| scheme.speeds.iter().map(move |speed| (scheme, speed)));
    let rows: Vec<Markup> = pairs.map(row).collect();
    let mut notes = format!(
        "From {from}. Where the size of these images was not measured, the largest that was; a scheme is measured in \
         one size of block."
    );
    if rows.is_empty() {
        notes += " None of its schemes is in this report.";
    }
    let headings = ["Scheme", "Measured as", "Device", "Way", "Images/s", "GiB/s"];
    section("How fast they are", &notes, &headings, rows)
}

fn line(scheme: &str, cells: &[(&str, String)]) -> Markup {
    let mut inside = vec![Markup::element("th", &[("scope", "row")], &[Markup::text(scheme)])];
    inside.extend(cells.iter().map(|(label, text)| cell(label, &[Markup::text(text)])));
    Markup::element("tr", &[], &inside)
}

fn section(title: &str, notes: &str, headings: &[&str], rows: Vec<Markup>) -> Markup {
    let table = match rows.is_empty() {
        true => Markup::default(),
        false => of("table", "cards", &[head(headings), Markup::element("tbody", &[], &[Markup::all(rows)])]),
    };
    Markup::all([el("h2", title), of("p", "note", &[Markup::text(notes)]), table])
}
