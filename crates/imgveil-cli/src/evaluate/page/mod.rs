//! The report as one HTML page that needs nothing else.

mod costs;
mod figures;
mod markup;
mod parts;
mod scheme;
mod tables;

use super::attacker::{ATTACKERS, Attacker};
use super::report::{Evaluation, Provenance};
use super::verdict::{Light, Verdict};
use markup::{Markup, el, of};

/// No script, no network: pictures and the style sheet are in the page.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page.
pub fn page(evaluation: &Evaluation) -> String {
    let head = Markup::element(
        "head",
        &[],
        &[
            Markup::element("meta", &[("charset", "utf-8")], &[]),
            Markup::element("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")], &[]),
            Markup::element("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)], &[]),
            el("title", &format!("What these schemes leak: {}", evaluation.provenance.data)),
            Markup::element("style", &[], &[Markup::constant(include_str!("style.css"))]),
        ],
    );
    let body = Markup::element(
        "body",
        &[],
        &[Markup::all([
            opening(evaluation),
            tables::verdicts(evaluation),
            tables::rules(&evaluation.attacks),
            tables::matrix(evaluation),
            costs::accuracy(evaluation),
            chart(evaluation),
            costs::speed(evaluation),
            el("h2", "Scheme by scheme"),
            Markup::all(
                evaluation
                    .schemes
                    .iter()
                    .enumerate()
                    .map(|(number, scheme)| scheme::section(number, scheme, &evaluation.provenance)),
            ),
            made(&evaluation.provenance),
        ])],
    );
    let html = Markup::element("html", &[("lang", "en")], &[head, body]);
    format!("<!DOCTYPE html>\n{}\n", html.html())
}

/// Accuracy against leak, where a study says what networks learn.
#[cfg(feature = "train")]
fn chart(evaluation: &Evaluation) -> Markup {
    use base64::Engine;
    let Some(svg) = super::frontier::frontier(evaluation) else { return Markup::default() };
    let source = format!("data:image/svg+xml;base64,{}", base64::engine::general_purpose::STANDARD.encode(svg));
    let words = "What is wanted is at the upper left: a network learns, and nothing comes back.";
    let image = Markup::element("img", &[("class", "chart"), ("src", &source), ("alt", "AUC against SSIM")], &[]);
    Markup::all([el("p", words), image])
}

/// Charts are drawn by imgveil-train.
#[cfg(not(feature = "train"))]
fn chart(_: &Evaluation) -> Markup {
    Markup::default()
}

/// The title and what there is to say first.
fn opening(evaluation: &Evaluation) -> Markup {
    let provenance = &evaluation.provenance;
    let mut parts = vec![
        el("h1", "What these schemes leak"),
        of("p", "lead", &[Markup::text(&format!("{}. Written by {}.", provenance.data, provenance.tool))]),
    ];
    let missing = evaluation.not_reached();
    if missing > 0 {
        let words = format!(
            "This report is not complete. {missing} attacks were not reached within the budget; they are marked, and \
             count as no verdict. The same command goes on where it stopped."
        );
        parts.push(of("p", "warning", &[Markup::text(&words)]));
    }
    parts.push(in_short(evaluation));
    parts.push(el(
        "p",
        "That a scheme resists says that these attacks gave nothing, and nothing about others. No transformation that \
         keeps what a network needs can be secure in the worst case (Xiao, Suh & Devadas, CCS 2024).",
    ));
    Markup::all(parts)
}

/// How many schemes are open to whom.
fn in_short(evaluation: &Evaluation) -> Markup {
    let schemes: Vec<_> = evaluation.schemes.iter().filter(|scheme| !scheme.subject.control).collect();
    let count = |attacker: &str, light: Light| {
        let is = |verdict: &&Verdict| verdict.attacker == attacker && verdict.light == light;
        schemes.iter().flat_map(|scheme| &scheme.verdicts).filter(is).count()
    };
    let line = |attacker: &Attacker| {
        let counts = [Light::Open, Light::InPart, Light::Resists, Light::Undetermined, Light::NotApplicable]
            .map(|light| (count(attacker.id, light), light.word()));
        let told: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        el("li", &format!("{}: {}", attacker.title, told.join(", ")))
    };
    let lines = ATTACKERS.iter().filter(|attacker| !attacker.tries.is_empty()).map(line);
    let count = crate::output::counted(schemes.len(), "scheme");
    Markup::all([
        el("p", &format!("In short, of {count} without the controls:")),
        of("ul", "short-list", &[Markup::all(lines)]),
    ])
}

/// What is behind every figure.
fn made(provenance: &Provenance) -> Markup {
    let Provenance { command, tool, commit, seed, data, images_hash, key, study, bench, device, date, .. } = provenance;
    let mut facts = vec![
        ("Command", command.clone(), true),
        ("Program", format!("{tool}{}", commit.as_ref().map_or(String::new(), |c| format!(", commit {c}"))), false),
        ("Written", date.clone(), false),
        ("Images", data.clone(), false),
        ("Hash of names and samples", images_hash.clone(), true),
        ("Seed", seed.to_string(), false),
        ("Key", format!("{key}, made from the seed; it protects nothing"), false),
        ("Encrypted on", format!("{device} (the bits do not depend on it)"), false),
    ];
    facts.extend(study.iter().map(|from| ("Accuracy from", from.clone(), true)));
    facts.extend(bench.iter().map(|from| ("Speed from", from.clone(), true)));
    let fact = |(name, value, code): (&str, String, bool)| {
        let value = if code { el("code", &value) } else { Markup::text(&value) };
        Markup::all([el("dt", name), Markup::element("dd", &[], &[value])])
    };
    Markup::all([
        el("h2", "How the figures were made"),
        of("dl", "facts", &[Markup::all(facts.into_iter().map(fact))]),
        of(
            "p",
            "note",
            &[Markup::text(
                "Attacks see samples and never a key or a plan. SSIM is that of Wang, Bovik, Sheikh & Simoncelli \
                 (2004) with a uniform window of 7x7, a mean over images; what comes back may be turned, negative, or \
                 in another order of channels as a whole, which a person sets right at a glance. AUC is the area \
                 under the ROC curve; 0.5 is guessing. The same command gives the same figures.",
            )],
        ),
    ])
}
