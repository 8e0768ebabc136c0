//! Windows: which grey values become 8 bits.

use std::fmt;
use std::str::FromStr;

/// The grey values that become 0 to 255. Values outside become black or white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Window {
    /// The window that the file states, or else from its smallest to its largest value.
    Auto,
    /// Centre and width in the modality's units (Hounsfield units for CT) of the linear function of DICOM PS3.3
    /// C.11.2.1.2.
    Linear {
        /// The value that becomes middle grey.
        centre: f64,
        /// The number of values from black to white, at least 1.
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

/// The grey of a value under a linear window, as DICOM PS3.3 C.11.2.1.2.1 defines it, rounded. NaN becomes 0.
pub fn linear(centre: f64, width: f64, value: f64) -> u8 {
    let (middle, half) = (centre - 0.5, (width - 1.0) / 2.0);
    if value.is_nan() || value <= middle - half {
        0
    } else if value > middle + half {
        u8::MAX
    } else {
        (((value - middle) / (width - 1.0) + 0.5) * 255.0).round() as u8
    }
}

/// A value between `low` and `high` on a scale from 0 to `max`, rounded. Values outside are clamped. NaN becomes 0, and
/// so does every value if `low` is `high`.
pub(crate) fn spread(low: f64, high: f64, max: f64, value: f64) -> f64 {
    if value.is_nan() || low >= high {
        return 0.0;
    }
    // Both are halved, because the distance between two floats may exceed the largest float.
    let part = (value.clamp(low, high) / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    (part * max).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_window_is_the_standard_s() {
        // The standard's own example: centre 2048, width 4096 maps 12 bits. Then a width of 1, which is a threshold.
        assert_eq!([0.0, 4095.0, 2047.5, -7.0, 9e9].map(|v| linear(2048.0, 4096.0, v)), [0, 255, 128, 0, 255]);
        assert_eq!([39.5, 39.6, f64::NAN].map(|v| linear(40.0, 1.0, v)), [0, 255, 0]);
        let greys: Vec<u8> = (-200..=300).map(|v| linear(40.0, 400.0, v.into())).collect();
        assert!(greys.is_sorted() && greys[0] == 0 && greys[500] == 255);
    }

    #[test]
    fn spreading_reaches_both_ends() {
        assert_eq!([-3.0, -2.0, 0.0, 2.0, 5.0].map(|v| spread(-2.0, 2.0, 255.0, v)), [0.0, 0.0, 128.0, 255.0, 255.0]);
        assert_eq!(spread(f64::MIN, f64::MAX, 65_535.0, f64::MAX), 65_535.0);
        assert_eq!([spread(1.0, 1.0, 255.0, 1.0), spread(0.0, 1.0, 255.0, f64::NAN)], [0.0, 0.0]);
    }

    #[test]
    fn windows_are_read_as_they_are_written() {
        for text in ["auto", "40,400", "-600,1500.5"] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), text);
        }
        for text in ["", "40", "40,0", "40,nan", "a,b", "40,-3"] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
    }
}
