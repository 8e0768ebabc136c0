//! What the attacks on a scheme mean for each attacker.

use super::attacker::{ATTACKERS, Attacker};
use super::cell::{Cell, Done};
use super::subject::Subject;
use super::tried::Tried;
use crate::attack::Grade;
use serde::Serialize;

/// A light, which always comes with its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Light {
    Open,
    InPart,
    Resists,
    /// Not all that counts was tried, and what was tried did not open it.
    Undetermined,
    /// There is nothing to attack, or no attack fits.
    NotApplicable,
    /// He gets it without an attack, as he should.
    ByDesign,
}

impl Light {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InPart => "in part",
            Self::Resists => "resists",
            Self::Undetermined => "not determined",
            Self::NotApplicable => "not applicable",
            Self::ByDesign => "by design",
        }
    }
}

impl From<Grade> for Light {
    fn from(grade: Grade) -> Self {
        match grade {
            Grade::Open => Self::Open,
            Grade::InPart => Self::InPart,
            Grade::Resists => Self::Resists,
        }
    }
}

/// What an attacker gets out of a scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub attacker: &'static str,
    pub light: Light,
    pub words: String,
}

/// The verdicts on a scheme, one for each attacker. `cell` is what became of an attack, if it was asked for.
pub fn verdicts<'a>(subject: &Subject, cell: impl Fn(Tried) -> Option<&'a Cell>) -> Vec<Verdict> {
    ATTACKERS.iter().map(|attacker| verdict(attacker, subject, &cell)).collect()
}

fn verdict<'a>(attacker: &Attacker, subject: &Subject, cell: &impl Fn(Tried) -> Option<&'a Cell>) -> Verdict {
    let of = |light, words: String| Verdict { attacker: attacker.id, light, words };
    if attacker.tries.is_empty() {
        return with_the_key(subject, of);
    }
    let cells: Vec<(Tried, &Cell)> =
        attacker.tries.iter().filter_map(|&attack| Some((attack, cell(attack)?))).collect();
    let missing = cells.iter().filter(|(_, cell)| matches!(cell, Cell::NotReached)).count();
    let done = cells.iter().filter_map(|(_, cell)| match cell {
        Cell::Done(done) if attacker.has_pairs || !done.figures.uses_pairs() => Some(done),
        _ => None,
    });
    // Of several that are as bad, the first in the attacker's order.
    let worst = done.reduce(|worst, next| if next.grade > worst.grade { next } else { worst });
    let not_reached = match missing {
        1 => "one attack was not reached within the budget".to_owned(),
        _ => format!("{missing} attacks were not reached within the budget"),
    };
    // Resisting the rest says little where an attack that is after images does not fit.
    let unfit = cells.iter().find_map(|(attack, cell)| match cell {
        Cell::NotApplicable { reason } if attack.is_after_images() => Some(reason),
        _ => None,
    });
    let undetermined = |why: &str, so_far: Option<&Done>| {
        let so_far = so_far.map_or(String::new(), |worst| format!(". So far: {}", worst.verdict));
        of(Light::Undetermined, format!("Not determined: {why}{so_far}"))
    };
    match (worst.map(Box::as_ref), missing, unfit) {
        // More attacks cannot make it better.
        (Some(worst), ..) if worst.grade == Grade::Open => of(Light::Open, worst.verdict.clone()),
        (worst, 1.., _) => undetermined(&not_reached, worst),
        (Some(worst), 0, Some(reason)) => undetermined(reason, Some(worst)),
        (Some(worst), 0, None) => of(worst.grade.into(), worst.verdict.clone()),
        (None, 0, reason) => of(Light::NotApplicable, reason.cloned().unwrap_or_default()),
    }
}

/// Whoever has the key needs no attack.
fn with_the_key(subject: &Subject, of: impl Fn(Light, String) -> Verdict) -> Verdict {
    let stages = &subject.scheme.stages;
    let keyless = stages.iter().all(|stage| stage.to_string().split(' ').all(|word| !word.starts_with("key=")))
        && !subject.scheme.mixes();
    if stages.is_empty() || keyless && !stages.iter().any(imgveil::internal::scheme::Stage::has_inverse) {
        return of(Light::NotApplicable, "There is no key".to_owned());
    }
    if stages.iter().all(imgveil::internal::scheme::Stage::has_inverse) {
        return of(Light::ByDesign, "The key decrypts every image exactly".to_owned());
    }
    of(Light::ByDesign, "The key undoes what can be undone; what the scheme throws away is gone".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::{KeySpace, Keys, Learned, Method, Spread};
    use crate::evaluate::cell::Figures;
    use crate::evaluate::subject::subjects;

    fn done(grade: Grade) -> Cell {
        let figures = KeySpace { keys_per_second: 1.0, key: Keys { bits: 1.0, log10_years: None }, tables: None };
        let (verdict, figures) = (format!("{grade:?}"), Figures::KeySpace(figures));
        Cell::Done(Box::new(Done { grade, verdict, figures, seconds: 0.0, strips: Vec::new() }))
    }

    /// The verdicts of the first attacker where the given cells are as given and the rest resist.
    fn first(cells: [(Tried, Cell); 2]) -> Verdict {
        let (subject, resists) = (subjects(&["le".to_owned()]).unwrap().remove(0), done(Grade::Resists));
        let cell = |attack| cells.iter().find(|(of, _)| *of == attack).map_or(&resists, |(_, cell)| cell);
        verdicts(&subject, |attack| Some(cell(attack))).remove(0)
    }

    #[test]
    fn the_worst_attack_counts_and_what_was_not_reached_is_no_verdict() {
        let not_reached = || Cell::NotReached;
        let light = |a: Cell, b: Cell| first([(Tried::Labels, a), (Tried::Ciphertext, b)]).light;
        assert_eq!(light(done(Grade::Resists), done(Grade::Resists)), Light::Resists);
        assert_eq!(light(done(Grade::InPart), done(Grade::Resists)), Light::InPart);
        assert_eq!(light(done(Grade::InPart), done(Grade::Open)), Light::Open);
        // An open one stays open whatever else would be found.
        assert_eq!(light(done(Grade::Open), not_reached()), Light::Open);
        assert_eq!(light(done(Grade::InPart), not_reached()), Light::Undetermined);
        assert_eq!(light(done(Grade::Resists), not_reached()), Light::Undetermined);
        // Images without labels are no reason to doubt; an attack on images that does not fit is one.
        let unfit = || Cell::NotApplicable { reason: "no squares".to_owned() };
        assert_eq!(light(unfit(), done(Grade::Resists)), Light::Resists);
        assert_eq!(light(done(Grade::Resists), unfit()), Light::Undetermined);
        assert_eq!(light(done(Grade::Open), unfit()), Light::Open);
        let words = first([(Tried::Labels, not_reached()), (Tried::Ciphertext, done(Grade::InPart))]).words;
        assert_eq!(words, "Not determined: one attack was not reached within the budget. So far: InPart");
    }

    /// A network that learned from pairs is nothing to those who have none; one that needed none is.
    #[test]
    fn pairs_count_for_those_who_have_them() {
        let learned = |own_keys: bool| {
            let spread = Spread { worst: 0.9, median: 0.9, best: 0.9 };
            let figures = Learned {
                method: Method::Itn,
                own_keys,
                public_images: 2,
                attacked_images: 2,
                epochs: 1,
                loss: None,
                ssim: spread,
                psnr: spread,
                mean_image_ssim: spread,
                mean_image_psnr: spread,
                encrypted_ssim: 0.0,
                seconds: 0.0,
            };
            let (verdict, figures) = (String::new(), Figures::Learned(figures));
            Cell::Done(Box::new(Done { grade: Grade::Open, verdict, figures, seconds: 0.0, strips: Vec::new() }))
        };
        let (subject, resists) = (subjects(&["le".to_owned()]).unwrap().remove(0), done(Grade::Resists));
        for (own_keys, expected) in [(false, Light::Resists), (true, Light::Open)] {
            let opened = learned(own_keys);
            let cell = |attack| Some(if attack == Tried::Learned { &opened } else { &resists });
            let lights: Vec<Light> = verdicts(&subject, cell).iter().map(|verdict| verdict.light).collect();
            assert_eq!(lights[..3], [expected, Light::Open, Light::Open], "{own_keys}");
        }
        // It was not asked for.
        let none = verdicts(&subject, |attack| (attack != Tried::Learned).then_some(&resists));
        assert_eq!(none[0].light, Light::Resists);
    }

    #[test]
    fn whoever_has_the_key_gets_what_the_scheme_keeps() {
        let resists = done(Grade::Resists);
        for (text, light) in [
            ("le", Light::ByDesign),
            ("keystream", Light::ByDesign),
            ("skk-filter", Light::ByDesign),
            ("none", Light::NotApplicable),
            ("blur", Light::NotApplicable),
            ("pixelate", Light::NotApplicable),
        ] {
            let all = subjects(&[text.to_owned()]).unwrap();
            let subject = all.iter().find(|subject| subject.text == text).unwrap();
            let verdict = verdicts(subject, |_| Some(&resists)).pop().unwrap();
            assert_eq!((verdict.attacker, verdict.light), ("key", light), "{text}");
        }
    }
}
