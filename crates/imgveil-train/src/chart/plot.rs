//! What all charts share: colours, text of a known size, axes, and why one could not be drawn.

use std::fmt::Display;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use thiserror::Error;

/// The palette of Okabe and Ito, told apart with every common form of colour blindness; its yellow is left
/// out, too light a line for a white ground.
pub(super) const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];
pub(super) const INK: RGBColor = RGBColor(32, 33, 36);
pub(super) const MUTED: RGBColor = RGBColor(95, 99, 104);
pub(super) const AXIS: RGBColor = RGBColor(150, 154, 160);
pub(super) const GRID: RGBColor = RGBColor(228, 230, 233);

pub(super) const TEXT_SIZE: i32 = 12;

/// About how many ticks an axis has.
pub(super) const TICKS: f64 = 6.0;
/// Values beyond this are left out like infinities: spans between them could not be computed.
pub(super) const LARGEST: f64 = 1e100;
/// An axis spans at least this share of its values' magnitude: below, ticks could not be told apart.
pub(super) const FINEST: f64 = 1e-9;

/// Why a chart was not drawn.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChartError {
    /// There are no panels.
    #[error("there are no panels to draw")]
    NoPanels,
    /// There are more panels than fit side by side in an image.
    #[error("{0} panels are too many for one image")]
    TooManyPanels(usize),
    /// The drawing library gave up.
    #[error("the curves could not be drawn: {0}")]
    Drawing(String),
}

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(super) fn drawing(error: impl Display) -> ChartError {
    ChartError::Drawing(error.to_string())
}

/// A linear axis around values, with ticks at round numbers. Plotters' own axis for `f64` is not used: it
/// compares with absolute tolerances, so that very small or very large values trip it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    /// The distance of the ticks is a round number times ten to this power.
    pub(super) power: i32,
    pub(super) step: f64,
}

impl Axis {
    /// An axis around values of at most [`LARGEST`] in magnitude, with a free share of its span at each end.
    pub(super) fn fit(values: impl Iterator<Item = f64> + Clone, free: f64) -> Self {
        let (low, high) =
            values.clone().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let (middle, magnitude) = (low / 2.0 + high / 2.0, low.abs().max(high.abs()));
        let (low, high) = if low > high {
            // No values.
            (0.0, 1.0)
        } else if low == high || high - low < 1.0 / LARGEST {
            // A constant stands in the middle, its own size or at least something above and below it.
            let half = if magnitude < 1.0 / LARGEST { 1.0 } else { 0.5 * magnitude };
            (middle - half, middle + half)
        } else if high - low < FINEST * magnitude {
            let half = 0.5 * FINEST * magnitude;
            (middle - half, middle + half)
        } else {
            (low, high)
        };
        let margin = free * (high - low);
        let (low, high) = (low - margin, high + margin);

        // The round number nearest above the wanted distance: 1, 2, 5 or 10 times a power of ten.
        let wanted = (high - low) / TICKS;
        let mut power = wanted.log10().floor() as i32;
        let mut step = 10.0;
        for round in [1.0, 2.0, 5.0] {
            if round * ten_to(power) >= wanted {
                step = round;
                break;
            }
        }
        // Whole numbers, such as epochs, have no ticks between them.
        if power < 0 && values.into_iter().all(|v| v.fract() == 0.0) {
            (power, step) = (0, 1.0);
        }
        if step == 10.0 {
            (power, step) = (power + 1, 1.0);
        }
        Self { low, high, power, step: step * ten_to(power) }
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        // Both ends are exact integers: FINEST keeps them far below 2^53.
        let (first, last) = ((self.low / self.step).ceil() as i64, (self.high / self.step).floor() as i64);
        (first..=last).map(|tick| tick as f64 * self.step).collect()
    }

    /// A tick's value with as many digits as tell it from its neighbours.
    pub(super) fn label(&self, tick: f64) -> String {
        if tick == 0.0 {
            return "0".to_owned();
        }
        let largest = self.low.abs().max(self.high.abs());
        if largest >= 1e6 || self.power < -6 {
            let digits = (tick.abs().log10().floor() as i32 - self.power).clamp(0, 12);
            return format!("{tick:.*e}", digits.unsigned_abs() as usize);
        }
        let decimals = (-self.power).max(0);
        format!("{tick:.*}", decimals.unsigned_abs() as usize)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(value: &f64) -> String {
        value.to_string()
    }

    fn format_ext(&self, value: &f64) -> String {
        self.label(*value)
    }
}

/// Ten to a power, rounded once: for negative powers, a division by an exact number.
pub(super) fn ten_to(power: i32) -> f64 {
    if power < 0 { 1.0 / 10f64.powi(-power) } else { 10f64.powi(power) }
}

/// A font of `size` pixels. The SVG backend divides the size that it is given by 1.24.
pub(super) fn font(size: i32) -> TextStyle<'static> {
    ("sans-serif", 1.24 * f64::from(size)).into_font().color(&INK)
}

/// From one line of text to the next.
pub(super) fn line_height(size: i32) -> i32 {
    size + size / 2
}

/// The height of lines of text with the gap below them; none for no lines.
pub(super) fn block(lines: usize, size: i32) -> i32 {
    match i32::try_from(lines) {
        Ok(0) | Err(_) => 0,
        Ok(lines) => lines * line_height(size) + 4,
    }
}

/// About the width of a text. The viewer chooses the font, so this can only be an estimate, on the wide side.
pub(super) fn text_width(text: &str, size: i32) -> i32 {
    i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 64).saturating_mul(size).saturating_mul(3) / 5
}

/// The text on one line without the characters that XML does not allow.
pub(super) fn clean(text: &str) -> String {
    let allowed = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    let spaced: String = text.chars().map(|c| if allowed(c) { c } else { ' ' }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text, its end replaced by an ellipsis where it is wider than `width`.
pub(super) fn shorten(text: &str, size: i32, width: i32) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if text_width(&short, size) + size > width {
            break;
        }
    }
    short.push('…');
    short
}

/// The text in lines of about `width`, broken between words.
pub(super) fn wrap(text: &str, size: i32, width: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in clean(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(line, size) + text_width(word, size) + size <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(shorten(word, size, width)),
        }
    }
    lines
}

/// Lines of text under one another.
pub(super) fn lines(area: &Area<'_>, texts: &[String], size: i32, (x, mut y): (i32, i32)) -> Result<(), ChartError> {
    for text in texts {
        area.draw_text(text, &font(size), (x, y)).map_err(drawing)?;
        y += line_height(size);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round_numbers() {
        let labels = |values: &[f64]| {
            let axis = Axis::fit(values.iter().copied(), 0.0);
            axis.ticks().iter().map(|&tick| axis.label(tick)).collect::<Vec<_>>()
        };
        assert_eq!(labels(&[0.0, 1.0]), ["0", "1"]);
        assert_eq!(labels(&[0.0, 0.999]), ["0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(&[1.0, 5.0]), ["1", "2", "3", "4", "5"]);
        assert_eq!(labels(&[1.0, 20.0]), ["5", "10", "15", "20"]);
        assert_eq!(labels(&[0.91, 0.935]), ["0.910", "0.915", "0.920", "0.925", "0.930", "0.935"]);
        assert_eq!(labels(&[-1.5, 1.5]), ["-1.5", "-1.0", "-0.5", "0", "0.5", "1.0", "1.5"]);
        assert_eq!(labels(&[0.0, 4e6]), ["0", "1e6", "2e6", "3e6", "4e6"]);
        assert_eq!(labels(&[1e-9, 3e-9]), ["1.0e-9", "1.5e-9", "2.0e-9", "2.5e-9", "3.0e-9"]);
    }

    proptest! {
        #[test]
        fn any_values_have_an_axis(values in prop::collection::vec(prop::num::f64::ANY, 0..8)) {
            let values: Vec<f64> = values.into_iter().filter(|v| v.abs() <= LARGEST).collect();
            let axis = Axis::fit(values.iter().copied(), 0.05);
            prop_assert!(axis.low < axis.high && axis.step > 0.0, "{:?}", axis);
            let ticks = axis.ticks();
            prop_assert!((1..=20).contains(&ticks.len()), "{:?}: {:?}", axis, ticks);
            prop_assert!(ticks.is_sorted_by(|a, b| a < b));
            let labels: std::collections::HashSet<String> = ticks.iter().map(|&tick| axis.label(tick)).collect();
            prop_assert_eq!(labels.len(), ticks.len());
            for value in values {
                prop_assert!((0..=1000).contains(&axis.map(&value, (0, 1000))));
            }
        }
    }
}
