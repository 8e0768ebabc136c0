//! Parts that all charts share: colours, text, the ranges of axes, legends and errors.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use std::fmt::Display;
use std::ops::Range;
use thiserror::Error;

/// The palette of Okabe and Ito. Its colours can be told apart with every common form of colour blindness. Its yellow
/// is left out, because it is too light for lines on white.
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

/// All lengths are in pixels of the SVG's own coordinates.
pub(super) const MARGIN: i32 = 16;
pub(super) const TITLE_SIZE: i32 = 18;
pub(super) const PANEL_TITLE_SIZE: i32 = 15;
pub(super) const TEXT_SIZE: i32 = 12;

/// The approximate number of ticks on an axis.
pub(super) const TICKS: usize = 8;
/// Values beyond this are left out like infinities. The axes of plotters compute in f64 with absolute tolerances.
const LARGEST: f64 = 1e12;
/// An axis spans at least this share of its values' magnitude, and at least this much, for the same reason.
const FINEST: f64 = 1e-6;
/// From one entry of a legend to the next, as plotters draws text of `TEXT_SIZE`.
const LEGEND_ROW: i32 = 19;

/// Why a chart was not drawn.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChartError {
    /// There are no panels.
    #[error("there are no panels to draw")]
    NoPanels,
    /// There are more panels or rows than an image that a browser draws can hold.
    #[error("{0} panels are too many for one image")]
    TooManyPanels(usize),
    /// The drawing library gave up.
    #[error("the chart could not be drawn: {0}")]
    Drawing(String),
}

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(super) fn drawing(error: impl Display) -> ChartError {
    ChartError::Drawing(error.to_string())
}

/// Draws an image of this size, on white, under a title.
pub(super) fn image(
    title: &str,
    (width, height): (i32, i32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), ChartError>,
) -> Result<String, ChartError> {
    let mut svg = String::new();
    {
        let height = height + 2 * MARGIN + TITLE_SIZE;
        let size = ((width + 2 * MARGIN).unsigned_abs(), height.unsigned_abs());
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE).map_err(drawing)?;
        let title = shorten(title, TITLE_SIZE, width);
        root.draw_text(&title, &font(TITLE_SIZE), (MARGIN, MARGIN / 2)).map_err(drawing)?;
        draw(&root.margin(MARGIN + TITLE_SIZE, MARGIN, MARGIN, MARGIN))?;
        root.present().map_err(drawing)?;
    }
    Ok(svg)
}

/// Whether a plot can show this value. NaN compares false.
pub(super) fn drawable(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// The range of an axis around drawable values, with a free share of its span at each end.
pub(super) fn range(values: impl Iterator<Item = f64>, free: f64) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let middle = f64::midpoint(low, high);
    let magnitude = low.abs().max(high.abs());
    let half = if low == high {
        // A constant is in the middle, with at least a small range above and below it.
        if magnitude < FINEST { 1.0 } else { 0.5 * magnitude }
    } else {
        (0.5 * (high - low)).max(FINEST * magnitude.max(1.0))
    };
    let half = half * (1.0 + 2.0 * free);
    middle - half..middle + half
}

/// The value of a tick, with as many digits as distinguish it from its neighbours on an axis of this range.
pub(super) fn label(tick: f64, axis: &Range<f64>) -> String {
    // The least distance of two ticks: plotters rounds it up to 1, 2 or 5 times a power of ten.
    let least = (axis.end - axis.start) / (TICKS + 1) as f64;
    let magnitude = axis.start.abs().max(axis.end.abs());
    if magnitude >= 1e6 {
        let digits = (magnitude / least).log10().ceil().clamp(0.0, 12.0) as usize;
        return format!("{tick:.digits$e}");
    }
    let decimals = (0.699 - least.log10()).floor().clamp(0.0, 9.0) as usize;
    let text = format!("{tick:.decimals$}");
    if text.trim_start_matches('-').bytes().all(|digit| matches!(digit, b'0' | b'.')) { "0".to_owned() } else { text }
}

/// The mark before a name in a legend.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    /// A line.
    Line { dashed: bool },
    /// A dot.
    Dot,
    /// A ring.
    Ring,
}

/// Draws plotters' legend into an area of its own, where it hides no data.
pub(super) fn legend<'a>(area: &Area<'a>, entries: &[(String, RGBColor, Mark)]) -> Result<(), ChartError> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut chart = ChartBuilder::on(area).build_cartesian_2d(0.0..1.0, 0.0..1.0).map_err(drawing)?;
    for (name, colour, mark) in entries {
        let (style, mark) = (colour.filled().stroke_width(2), *mark);
        chart.draw_series(std::iter::empty::<Circle<(f64, f64), i32>>()).map_err(drawing)?.label(clean(name)).legend(
            move |(x, y)| {
                let line = [(x, y), (x + 22, y)];
                match mark {
                    Mark::Line { dashed: true } => DashedPathElement::new(line, 6, 4, style).into_dyn(),
                    Mark::Line { dashed: false } => PathElement::new(line, style).into_dyn(),
                    Mark::Dot => Circle::new((x + 11, y), 4, style).into_dyn(),
                    Mark::Ring => Circle::new((x + 11, y), 4, colour.stroke_width(1)).into_dyn(),
                }
            },
        );
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .margin(0)
        .legend_area_size(28)
        .label_font(font(TEXT_SIZE))
        .draw()
        .map_err(drawing)
}

/// The height of a legend with `entries` entries.
pub(super) fn legend_height(entries: usize) -> i32 {
    i32::try_from(entries).map_or(i32::MAX / 64, |entries| entries.saturating_mul(LEGEND_ROW)) + 10
}

/// A font of `size` pixels. The SVG backend divides the size that it is given by 1.24.
pub(super) fn font(size: i32) -> TextStyle<'static> {
    ("sans-serif", 1.24 * f64::from(size)).into_font().color(&INK)
}

/// An estimate of the width of a text, on the wide side. The viewer chooses the font.
pub(super) fn text_width(text: &str, size: i32) -> i32 {
    i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 64).saturating_mul(size).saturating_mul(3) / 5
}

/// The text on one line without the characters that XML does not allow.
pub(super) fn clean(text: &str) -> String {
    let allowed = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    let spaced: String = text.chars().map(|c| if allowed(c) { c } else { ' ' }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The clean text, its end replaced by an ellipsis where it is wider than `width`.
pub(super) fn shorten(text: &str, size: i32, width: i32) -> String {
    let text = clean(text);
    if text_width(&text, size) <= width {
        return text;
    }
    let fitting = (width.max(0) * 5 / (size * 3)).unsigned_abs() as usize;
    text.chars().take(fitting.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_tell_neighbours_apart_and_no_more() {
        let labels = |axis: Range<f64>, ticks: &[f64]| ticks.iter().map(|&tick| label(tick, &axis)).collect::<Vec<_>>();
        assert_eq!(labels(0.0..10.0, &[-0.0, 2.0, 10.0]), ["0", "2", "10"]);
        assert_eq!(labels(0.91..0.935, &[0.91, 0.915, 0.92]), ["0.910", "0.915", "0.920"]);
        assert_eq!(labels(0.05..0.65, &[0.1, 0.2]), ["0.1", "0.2"]);
        assert_eq!(labels(-1.5..1.5, &[-1.5, 0.0, 0.5]), ["-1.5", "0", "0.5"]);
        assert_eq!(labels(0.0..4e6, &[1e6, 1.5e6]), ["1.0e6", "1.5e6"]);
    }

    #[test]
    fn long_text_is_cut_short() {
        assert_eq!(shorten("a \n b", 10, 100), "a b");
        let short = shorten(&"word ".repeat(40), 10, 100);
        assert!(short.ends_with('…') && text_width(&short, 10) <= 100, "{short}");
    }

    proptest! {
        #[test]
        fn any_values_have_a_range(values in prop::collection::vec(prop::num::f64::ANY, 0..8)) {
            let values: Vec<f64> = values.into_iter().filter(|v| drawable(*v)).collect();
            let range = range(values.iter().copied(), 0.05);
            prop_assert!(range.start < range.end);
            prop_assert!(values.iter().all(|value| (range.start..=range.end).contains(value)), "{:?}", range);
        }
    }
}
