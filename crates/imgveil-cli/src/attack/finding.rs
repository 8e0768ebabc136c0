//! What an attack found.

use imgveil_attack::Batch;
use serde::{Deserialize, Serialize};

/// Images of a sheet, at most.
const ROWS: usize = 6;

/// How far an attack gets. A later one is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// It gets nothing.
    Resists,
    /// It gets something.
    InPart,
    /// It gets what it is after.
    Open,
}

/// The result of an attack: its figures, what they mean, and pictures of it.
pub struct Finding<F> {
    pub figures: F,
    pub grade: Grade,
    /// What the figures mean, in a sentence or two.
    pub verdict: String,
    pub pictures: Pictures,
}

/// Images side by side: a row for each of a few images.
#[derive(Default)]
pub struct Pictures {
    /// The name of each row.
    pub names: Vec<String>,
    /// What stands under the name of each row, if anything does.
    pub notes: Vec<String>,
    pub columns: Vec<Column>,
}

/// A column: one image for each row.
pub struct Column {
    pub heading: String,
    pub images: Batch,
}

impl Pictures {
    /// Rows for the first of these images.
    pub fn of(numbers: &[usize], names: &[String]) -> (Self, Vec<usize>) {
        let numbers: Vec<usize> = numbers.iter().copied().take(ROWS).collect();
        let names = numbers.iter().map(|&number| names.get(number).cloned().unwrap_or_default()).collect();
        (Self { names, ..Self::default() }, numbers)
    }

    /// Adds a column.
    pub fn column(&mut self, heading: impl Into<String>, images: &Batch, numbers: &[usize]) {
        self.columns.push(Column { heading: heading.into(), images: images.select(numbers) });
    }
}
