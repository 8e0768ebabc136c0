//! What the samples of a grey image mean: whether equal samples of two files are equal values.

use std::fmt;

/// What the samples of a file mean at full depth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scale {
    /// The file does not say, or its samples are colours or went through a window.
    #[default]
    Unknown,
    /// A value in the modality's units is `slope` times the sample, plus `offset`.
    Linear {
        /// Units in a step of samples.
        slope: f64,
        /// The value of the sample 0.
        offset: f64,
    },
    /// A value in the modality's units is an entry of a table. Equal numbers are equal tables.
    Table(u32),
    /// The images of the file differ in what their samples mean.
    Several,
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Linear { slope, offset } if *offset < 0.0 => write!(f, "{slope} x sample - {}", -offset),
            Self::Linear { slope, offset } => write!(f, "{slope} x sample + {offset}"),
            Self::Table(number) => write!(f, "an entry of table {number:08x}"),
            Self::Several => f.write_str("another one in each of its images"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_written_as_formulas() {
        assert_eq!(Scale::Linear { slope: 1.0, offset: -1024.0 }.to_string(), "1 x sample - 1024");
        assert_eq!(Scale::Linear { slope: 0.5, offset: 3.0 }.to_string(), "0.5 x sample + 3");
        assert_eq!(Scale::Table(0x0123_4567).to_string(), "an entry of table 01234567");
    }
}
