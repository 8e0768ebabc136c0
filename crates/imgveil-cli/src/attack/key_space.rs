//! Brute force: how many keys there are, and how long it takes to try them.

use super::finding::{Finding, Grade, Pictures};
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::{CompileError, Scheme};
use imgveil_attack::key_space::{KEYS_PER_SECOND, Search, search};
use serde::{Deserialize, Serialize};

/// The figures of the attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeySpace {
    pub keys_per_second: f64,
    /// Of the keys that do different things.
    pub key: Keys,
    /// Of the written-out tables, if there are others.
    pub tables: Option<Keys>,
}

/// A search through keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keys {
    /// Their number as a logarithm to base 2.
    pub bits: f64,
    /// The time to try half of them, as a logarithm to base 10 of years. `None` if there is nothing to try.
    pub log10_years: Option<f64>,
}

impl From<Search> for Keys {
    fn from(Search { bits, log10_years }: Search) -> Self {
        Self { bits, log10_years }
    }
}

impl Keys {
    /// The time that the search takes, in words.
    pub fn time(&self) -> String {
        match self.log10_years {
            None => "at once: there is one key".to_owned(),
            Some(years) if years > 0.0 => format!("10^{years:.1} years"),
            Some(_) => "within a year".to_owned(),
        }
    }
}

/// Counts the keys of a scheme for images of a size.
pub fn key_space(scheme: &Scheme, size: Geometry) -> Result<Finding<KeySpace>, CompileError> {
    let space = scheme.key_space(size)?;
    let found = search(space.bits());
    let feasible = found.feasible();
    let tables = space.tables.filter(|tables| *tables != space.bits()).map(|bits| search(bits).into());
    let key = Keys::from(found);
    let (grade, verdict) = if feasible {
        (Grade::Open, format!("OPEN. Trying all keys ends {}", key.time()))
    } else {
        (
            Grade::Resists,
            format!(
                "RESISTS this attack: trying keys takes {}. That says nothing about attacks which try none: see \
                 `imgveil attack chosen` and `imgveil schemes {}`",
                key.time(),
                scheme.name
            ),
        )
    };
    let figures = KeySpace { keys_per_second: KEYS_PER_SECOND, key, tables };
    Ok(Finding { figures, grade, verdict, pictures: Pictures::default() })
}
