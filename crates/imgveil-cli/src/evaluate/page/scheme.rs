//! The section of a scheme: its verdicts, and what each attack gave, with pictures.

use super::figures::table;
use super::markup::{Markup, el, of};
use super::parts::{capital, light_of, not_reached};
use crate::evaluate::attacker::ATTACKERS;
use crate::evaluate::cell::Cell;
use crate::evaluate::options::quoted;
use crate::evaluate::pictures::Strip;
use crate::evaluate::report::{Evaluated, Provenance, light};
use crate::evaluate::tried::Tried;
use imgveil::internal::scheme::{Preset, Stage};

/// The attacks as they are shown: that with the most pictures first, which takes the whole width, and that without
/// pictures last.
const ORDER: [Tried; 8] = [
    Tried::Ciphertext,
    Tried::Appearance,
    Tried::Labels,
    Tried::Known,
    Tried::Chosen,
    Tried::Reidentify,
    Tried::Learned,
    Tried::KeySpace,
];

/// The section of scheme `number`.
pub fn section(number: usize, scheme: &Evaluated, provenance: &Provenance) -> Markup {
    let subject = &scheme.subject;
    let stages: Vec<String> = subject.scheme.stages.iter().map(Stage::to_string).collect();
    let mut parts = vec![el("h3", &subject.text)];
    if let Ok(preset) = Preset::named(&subject.scheme.name) {
        let about = preset.about();
        let source = if about.source == "-" { String::new() } else { format!(" ({})", about.source) };
        parts.push(el("p", &format!("{}{source}.", capital(about.summary))));
    }
    if !stages.is_empty() {
        parts.push(of("p", "soft", &[el("code", &stages.join("; "))]));
    }
    parts.push(verdicts(scheme));
    let attacks = ORDER.iter().filter_map(|&attack| Some(one(attack, scheme.cell(attack)?, scheme, provenance)));
    parts.push(of("div", "attacks", &[Markup::all(attacks)]));
    Markup::element("section", &[("class", "scheme"), ("id", &format!("s{number}"))], &[Markup::all(parts)])
}

fn verdicts(scheme: &Evaluated) -> Markup {
    let row = |(who, verdict): (&crate::evaluate::attacker::Attacker, &crate::evaluate::verdict::Verdict)| {
        let name = Markup::element("th", &[("scope", "row")], &[Markup::text(who.title)]);
        let light = Markup::element("td", &[("class", "plain")], &[light_of(verdict.light)]);
        let words = Markup::element("td", &[("class", "plain")], &[Markup::text(&verdict.words)]);
        Markup::element("tr", &[], &[name, light, words])
    };
    let rows = ATTACKERS.iter().zip(&scheme.verdicts).map(row);
    of("table", "cards", &[Markup::element("tbody", &[], &[Markup::all(rows)])])
}

/// What an attack gave.
fn one(attack: Tried, cell: &Cell, scheme: &Evaluated, provenance: &Provenance) -> Markup {
    let light = match cell {
        Cell::NotReached => not_reached(),
        cell => light_of(light(cell)),
    };
    let mut parts = vec![Markup::element("h4", &[], &[Markup::text(attack.title()), light])];
    match cell {
        Cell::NotReached => parts.push(of("p", "note", &[Markup::text("Not reached within the budget: no verdict.")])),
        Cell::NotApplicable { reason } => {
            parts.push(of("p", "note", &[Markup::text(&format!("{}.", capital(reason)))]))
        }
        Cell::Done(done) => {
            parts.push(el("p", &format!("{}.", done.verdict)));
            parts.extend(done.strips.iter().map(strip));
            parts.push(table(&done.figures));
            let took = format!("{:.1} s", done.seconds);
            parts.push(match repeat(attack, &scheme.subject.text, provenance) {
                Some(command) => of("p", "repeat", &[el("code", &command), Markup::text(&format!(" ({took})"))]),
                None => of("p", "repeat", &[Markup::text(&took)]),
            });
        }
    }
    let class = if attack == Tried::Ciphertext { "attack wide" } else { "attack" };
    of("article", class, &[Markup::all(parts)])
}

/// The command that gives these figures.
fn repeat(attack: Tried, scheme: &str, provenance: &Provenance) -> Option<String> {
    let begin = |name: &str| format!("imgveil attack {name} -s {}", quoted(scheme));
    match attack {
        Tried::Appearance => None,
        Tried::KeySpace => Some(format!("{} --size {}", begin("key-space"), provenance.geometry)),
        Tried::Learned => Some(format!("{} {}", begin(attack.id()), provenance.repeat_learned)),
        attack => Some(format!("{} {}", begin(attack.id()), provenance.repeat)),
    }
}

fn strip(strip: &Strip) -> Markup {
    let figure = |picture: &crate::evaluate::pictures::Picture| {
        let [width, height] = picture.size.map(|side| side.to_string());
        let source = format!("data:image/png;base64,{}", picture.png);
        let alt = format!("{}: {}", strip.name, picture.caption);
        let image = Markup::element(
            "img",
            &[("src", source.as_str()), ("alt", &alt), ("width", &width), ("height", &height)],
            &[],
        );
        Markup::element("figure", &[], &[image, el("figcaption", &picture.caption)])
    };
    let pictures = of("div", "strip", &[Markup::all(strip.pictures.iter().map(figure))]);
    let name = [strip.name.as_str(), &strip.note].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    Markup::all([pictures, of("p", "note", &[Markup::text(&name.join(", "))])])
}
