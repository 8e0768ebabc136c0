//! How a set is to be read, where its format leaves a choice.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// How a set is to be read, where its format leaves a choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// DICOM and NIfTI: the grey values that 8 bits are made of. Without one, the full depth is kept.
    pub window: Option<Window>,
    /// NIfTI: the axis that slices are counted along.
    pub axis: Axis,
    /// A CSV file of labels (and splits), instead of what folders and arrays say.
    pub labels: Option<PathBuf>,
    /// WebDataset: kinds of members (`json`, `txt`) that are carried over beside image and class.
    pub members: Vec<String>,
}

/// The grey values that become 0 to 255; those outside become black or white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Window {
    /// What the file asks for; where it does not, its smallest to its largest value.
    Auto,
    /// Centre and width in the modality's units (Hounsfield units for CT), as DICOM PS3.3 C.11.2.1.2 defines the linear
    /// function.
    Linear {
        /// The value that becomes middle grey.
        centre: f64,
        /// How many values there are from black to white; 1 at least.
        width: f64,
    },
}

impl FromStr for Window {
    type Err = String;

    /// `auto` or `CENTRE,WIDTH`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let number = |t: &str| t.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        let parsed = text.split_once(',').and_then(|(centre, width)| Some((number(centre)?, number(width)?)));
        match parsed {
            Some((centre, width)) if width >= 1.0 => Ok(Self::Linear { centre, width }),
            Some(_) => Err(format!("`{text}` has a width below 1")),
            None => Err(format!("`{text}` is not a window: write auto, or CENTRE,WIDTH such as 40,400")),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Linear { centre, width } => write!(f, "{centre},{width}"),
        }
    }
}

/// An axis of a volume, as the file stores it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// The first: slices of (third x second).
    X,
    /// The second: slices of (third x first).
    Y,
    /// The third: slices of (second x first).
    #[default]
    Z,
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "x" => Ok(Self::X),
            "y" => Ok(Self::Y),
            "z" => Ok(Self::Z),
            _ => Err(format!("`{text}` is not an axis: write x, y or z")),
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X => "x",
            Self::Y => "y",
            Self::Z => "z",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_axes_are_read_as_they_are_written() {
        for text in ["auto", "40,400", "-600,1500.5"] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), text);
        }
        for text in ["", "40", "40,0", "40,nan", "a,b", "40,-3"] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
        for text in ["x", "y", "z"] {
            assert_eq!(text.parse::<Axis>().unwrap().to_string(), text);
        }
        assert!("w".parse::<Axis>().is_err());
    }
}
