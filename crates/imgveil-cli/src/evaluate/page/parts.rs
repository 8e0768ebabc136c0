//! Pieces that several parts of the page have.

use super::markup::{Markup, of};
use crate::evaluate::verdict::Light;

/// A light with its word.
pub fn light_of(light: Light) -> Markup {
    let class = match light {
        Light::Open => "open",
        Light::InPart => "in-part",
        Light::Resists => "resists",
        Light::Undetermined => "undetermined",
        Light::NotApplicable => "not-applicable",
        Light::ByDesign => "by-design",
    };
    marked(class, light.word())
}

/// The light of an attack that was not run. Its word is another one than that of a verdict.
pub fn not_reached() -> Markup {
    marked("undetermined", "not reached")
}

/// A word with the mark of its class, which the style sheet draws.
fn marked(class: &str, word: &str) -> Markup {
    let mark = Markup::element("span", &[("class", "mark"), ("aria-hidden", "true")], &[]);
    of("span", &format!("light {class}"), &[mark, Markup::text(word)])
}

/// The first row of a table.
pub fn head(headings: &[&str]) -> Markup {
    let cells: Vec<Markup> =
        headings.iter().map(|text| Markup::element("th", &[("scope", "col")], &[Markup::text(text)])).collect();
    Markup::element("thead", &[], &[Markup::element("tr", &[], &cells)])
}

/// A cell that says on a narrow page which column it is of.
pub fn cell(label: &str, inside: &[Markup]) -> Markup {
    Markup::element("td", &[("data-label", label)], &[Markup::element("span", &[], inside)])
}

/// With a small first letter.
pub fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
}

/// With a capital first letter.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
