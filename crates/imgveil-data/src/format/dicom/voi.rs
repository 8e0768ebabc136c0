//! Look-up tables, and the conversion of values of interest to grey (DICOM PS3.3 C.11.2).

/// A look-up table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lut {
    /// The value of the first entry. Smaller values use the first entry, and values beyond the last entry use the last.
    pub first: i64,
    /// Bits of an entry.
    pub bits: u32,
    /// The entries.
    pub table: Vec<u16>,
}

impl Lut {
    /// A number that tells this table from others: the first bytes of a hash. Samples of both signs begin at the
    /// smallest value, so that the sign is part of it.
    pub(super) fn number(&self, signed: bool) -> u32 {
        let mut hash = blake3::Hasher::new();
        hash.update(&[u8::from(signed)]).update(&self.first.to_le_bytes()).update(&self.bits.to_le_bytes());
        self.table.iter().for_each(|entry| _ = hash.update(&entry.to_le_bytes()));
        let [a, b, c, d, ..] = *hash.finalize().as_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The entry for a value.
    pub(super) fn entry(&self, value: i64) -> u16 {
        let index = usize::try_from(value.saturating_sub(self.first)).unwrap_or(0);
        self.table.get(index).or(self.table.last()).copied().unwrap_or(0)
    }
}

/// The functions of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// C.11.2.1.2.1: the width counts values.
    Linear,
    /// C.11.2.1.3.2: the width is a distance.
    LinearExact,
    /// C.11.2.1.3.1
    Sigmoid,
}

/// How values are converted to grey, as the file or the caller states.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Voi {
    /// A function of centre and width.
    Window { function: Function, centre: f64, width: f64 },
    /// A table.
    Table(Lut),
}

impl Voi {
    /// The grey of a value, from 0 (black) to 255 (white).
    pub(super) fn grey(&self, value: f64) -> u8 {
        let share = match self {
            Voi::Window { function: Function::Linear, centre, width } => {
                // For a width of 1, a threshold, the two comparisons decide, so that nothing is divided by zero.
                let (from, to) = (centre - 0.5 - (width - 1.0) / 2.0, centre - 0.5 + (width - 1.0) / 2.0);
                match () {
                    () if value <= from => 0.0,
                    () if value > to => 1.0,
                    () => (value - (centre - 0.5)) / (width - 1.0) + 0.5,
                }
            }
            Voi::Window { function: Function::LinearExact, centre, width } => (value - centre) / width + 0.5,
            Voi::Window { function: Function::Sigmoid, centre, width } => {
                1.0 / (1.0 + (-4.0 * (value - centre) / width).exp())
            }
            Voi::Table(lut) => {
                let max = f64::from((1u32 << lut.bits) - 1);
                f64::from(lut.entry(value.round() as i64)) / max
            }
        };
        // The cast saturates, and NaN becomes 0.
        (share * 255.0).round() as u8
    }
}
