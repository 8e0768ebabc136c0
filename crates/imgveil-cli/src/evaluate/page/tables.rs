//! The tables of verdicts, of rules, and of schemes x attacks.

use super::markup::{Markup, el, of};
use super::parts::{cell, head, light_of, lower, not_reached};
use crate::evaluate::attacker::ATTACKERS;
use crate::evaluate::cell::Cell;
use crate::evaluate::report::{Evaluated, Evaluation, light};
use crate::evaluate::tried::Tried;
use crate::evaluate::verdict::Light;

/// A row for each scheme, those of the controls at the end.
pub fn rows(evaluation: &Evaluation, columns: usize, cells: impl Fn(&Evaluated) -> Vec<Markup>) -> Markup {
    let row = |(number, scheme): (usize, &Evaluated)| {
        let link = Markup::element("a", &[("href", &format!("#s{number}"))], &[Markup::text(&scheme.subject.text)]);
        let mut inside = vec![Markup::element("th", &[("scope", "row")], &[link])];
        inside.extend(cells(scheme));
        Markup::element("tr", &[], &inside)
    };
    let body = |control: bool| {
        let of_kind = evaluation.schemes.iter().enumerate().filter(|(_, scheme)| scheme.subject.control == control);
        Markup::all(of_kind.map(row))
    };
    let ends = Markup::element(
        "th",
        &[("colspan", &(columns + 1).to_string()), ("scope", "rowgroup")],
        &[Markup::text("What the ends of the scale look like")],
    );
    Markup::all([
        Markup::element("tbody", &[], &[body(false)]),
        Markup::element("tbody", &[], &[of("tr", "part", &[ends]), body(true)]),
    ])
}

/// Schemes x attackers.
pub fn verdicts(evaluation: &Evaluation) -> Markup {
    let headings: Vec<&str> = std::iter::once("Scheme").chain(ATTACKERS.iter().map(|who| who.title)).collect();
    let cells = |scheme: &Evaluated| {
        let lights = ATTACKERS.iter().zip(&scheme.verdicts);
        lights.map(|(who, verdict)| cell(who.title, &[light_of(verdict.light)])).collect()
    };
    let has = ATTACKERS.iter().map(|who| Markup::all([el("dt", who.title), el("dd", who.has)]));
    Markup::all([
        el("h2", "Verdicts"),
        el("p", "Who attacks, and what he has:"),
        of("dl", "facts note", &[Markup::all(has)]),
        of("table", "cards", &[head(&headings), rows(evaluation, ATTACKERS.len(), cells)]),
    ])
}

/// When a light shows what.
pub fn rules(attacks: &[Tried]) -> Markup {
    let lights = [
        (Light::Open, "an attack that he can make gets what it is after"),
        (Light::InPart, "no attack does, and at least one gets a part of it"),
        (Light::Resists, "all attacks that he can make were run, and none got anything"),
        (
            Light::Undetermined,
            "an attack was not reached within the budget or does not fit, and none that was run opened the scheme",
        ),
        (Light::NotApplicable, "there is nothing to attack, or the scheme does not fit the images"),
        (Light::ByDesign, "whoever has the key needs no attack"),
    ];
    let line = |(light, words): (Light, &str)| {
        let inside = [
            Markup::element("td", &[("class", "plain")], &[light_of(light)]),
            Markup::element("td", &[("class", "plain")], &[Markup::text(words)]),
        ];
        Markup::element("tr", &[], &inside)
    };
    let attack = |attack: &Tried| {
        let [open, part] = attack.rules();
        let name = Markup::element("th", &[("scope", "row")], &[Markup::text(attack.title())]);
        let inside = [
            name,
            cell("what is done", &[Markup::text(attack.what())]),
            cell("open if", &[Markup::text(&open)]),
            cell("in part if", &[Markup::text(&part)]),
        ];
        Markup::element("tr", &[], &inside)
    };
    Markup::all([
        el("h2", "The rule of the lights"),
        el("p", "Of an attacker, the worst attack counts:"),
        of("table", "cards", &[Markup::element("tbody", &[], &[Markup::all(lights.map(line))])]),
        el("p", "Of an attack, the figures decide:"),
        of(
            "table",
            "cards",
            &[
                head(&["Attack", "What is done", "Open if", "In part if"]),
                Markup::element("tbody", &[], &[Markup::all(attacks.iter().map(attack))]),
            ],
        ),
    ])
}

/// Schemes x attacks.
pub fn matrix(evaluation: &Evaluation) -> Markup {
    let attacks = &evaluation.attacks;
    let headings: Vec<&str> = std::iter::once("Scheme").chain(attacks.iter().map(|attack| attack.title())).collect();
    let one = |(attack, found): &(Tried, Cell)| {
        let short = match found {
            Cell::Done(done) => of("span", "short", &[Markup::text(&done.figures.short())]),
            _ => Markup::default(),
        };
        let light = match found {
            Cell::NotReached => not_reached(),
            found => light_of(light(found)),
        };
        cell(&lower(attack.title()), &[light, short])
    };
    let cells = |scheme: &Evaluated| scheme.cells.iter().map(one).collect();
    Markup::all([
        el("h2", "Schemes and attacks"),
        of(
            "p",
            "note",
            &[Markup::text(
                "By eye: SSIM of encrypted images. Encrypted images alone, known pairs: SSIM of what comes back, and \
                 from how many (the fewest that open it, else the best). Chosen images: how many decrypt all others. \
                 Recognition: found at first rank by the same pixels / by another export. A network: median SSIM of \
                 what comes back, and that of the mean image, which says nothing of any image.",
            )],
        ),
        of("table", "cards", &[head(&headings), rows(evaluation, attacks.len(), cells)]),
    ])
}
