//! Dots: one line for each thing that is compared, a ring for each of its values and a dot for their mean, as one SVG image.
//!
//! Values of several measures stand in panels side by side, on the same lines. It draws into memory; it never reads or
//! writes a file.

use super::plot::{
    AXIS, Area, Axis, ChartError, GRID, INK, LARGEST, MUTED, PALETTE, TEXT_SIZE, block, clean, drawing, font, lines,
    shorten, text_width, wrap,
};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// All lengths are in pixels of the SVG's own coordinates.
const MARGIN: i32 = 16;
const PANEL_WIDTH: i32 = 320;
const PANEL_GAP: i32 = 24;
const ROW_HEIGHT: i32 = 22;
const MOST_LABEL: i32 = 420;
const LABEL_GAP: i32 = 10;
const TITLE_SIZE: i32 = 18;
const PANEL_TITLE_SIZE: i32 = 13;
/// Ticks and their labels below the plots.
const AXIS_HEIGHT: i32 = 28;
/// The image stays one that a browser draws.
const MOST_ROWS: usize = 1000;

/// One thing that is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct DotRow {
    /// What it is.
    pub label: String,
    /// Its values for each panel; there may be none.
    pub values: Vec<Vec<f64>>,
}

/// One measure.
#[derive(Debug, Clone, PartialEq)]
pub struct DotPanel {
    /// What is measured.
    pub title: String,
    /// A value to compare with, such as that of guessing, and its name.
    pub line: Option<(f64, String)>,
}

/// The rows from top to bottom under `title`, with a panel for each measure, as the text of an SVG image.
///
/// Each panel's axis fits its values and its line. Values that are not finite, or beyond 1e100 in magnitude, are left out.
///
/// # Errors
///
/// [`ChartError`] where there are no panels or rows, or more than fit, or the drawing library fails.
pub fn dots_svg(title: &str, panels: &[DotPanel], rows: &[DotRow]) -> Result<String, ChartError> {
    if panels.is_empty() || rows.is_empty() {
        return Err(ChartError::NoPanels);
    }
    let (count, lines_count) = match (i32::try_from(panels.len()), i32::try_from(rows.len())) {
        (Ok(count @ 1..=100), Ok(rows_count)) if rows.len() <= MOST_ROWS => (count, rows_count),
        _ => return Err(ChartError::TooManyPanels(panels.len().max(rows.len()))),
    };
    let labels: Vec<String> = rows.iter().map(|row| shorten(&clean(&row.label), TEXT_SIZE, MOST_LABEL)).collect();
    let label_width = labels.iter().map(|label| text_width(label, TEXT_SIZE)).max().unwrap_or(0) + LABEL_GAP;
    let content = label_width + count * PANEL_WIDTH + (count - 1) * PANEL_GAP;
    let title = wrap(title, TITLE_SIZE, content);
    let panel_titles: Vec<Vec<String>> =
        panels.iter().map(|panel| wrap(&panel.title, PANEL_TITLE_SIZE, PANEL_WIDTH)).collect();
    let panel_title_lines = panel_titles.iter().map(Vec::len).max().unwrap_or(0);
    let titles_top = MARGIN + block(title.len(), TITLE_SIZE);
    // Below the panels' titles, the name of a line.
    let names_top = titles_top + block(panel_title_lines, PANEL_TITLE_SIZE);
    let top = names_top + block(1, TEXT_SIZE);
    let bottom = top + lines_count * ROW_HEIGHT;
    let (width, height) = (content + 2 * MARGIN, bottom + AXIS_HEIGHT + MARGIN);

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width.unsigned_abs(), height.unsigned_abs())).into_drawing_area();
        root.fill(&WHITE).map_err(drawing)?;
        lines(&root, &title, TITLE_SIZE, (MARGIN, MARGIN))?;
        let middle = |row: usize| top + i32::try_from(row).unwrap_or(0) * ROW_HEIGHT + ROW_HEIGHT / 2;
        let style = font(TEXT_SIZE).color(&INK).pos(Pos::new(HPos::Right, VPos::Center));
        for (row, label) in labels.iter().enumerate() {
            root.draw_text(label, &style, (MARGIN + label_width - LABEL_GAP, middle(row))).map_err(drawing)?;
        }
        let mut left = MARGIN + label_width;
        for (number, (panel, title)) in panels.iter().zip(&panel_titles).enumerate() {
            lines(&root, title, PANEL_TITLE_SIZE, (left, titles_top))?;
            let values: Vec<Vec<f64>> = rows.iter().map(|row| drawable(row.values.get(number))).collect();
            let plot = Plot { area: &root, left, top, bottom, names_top };
            plot.draw(panel, &values, middle)?;
            left += PANEL_WIDTH + PANEL_GAP;
        }
        root.present().map_err(drawing)?;
    }
    Ok(svg)
}

/// The values that a plot can show.
fn drawable(values: Option<&Vec<f64>>) -> Vec<f64> {
    // NaN compares false, so it is left out too.
    values.into_iter().flatten().copied().filter(|value| value.abs() <= LARGEST).collect()
}

/// Where a panel stands.
struct Plot<'a, 'b> {
    area: &'a Area<'b>,
    left: i32,
    top: i32,
    bottom: i32,
    names_top: i32,
}

impl Plot<'_, '_> {
    fn draw(&self, panel: &DotPanel, rows: &[Vec<f64>], middle: impl Fn(usize) -> i32) -> Result<(), ChartError> {
        let line = panel.line.as_ref().filter(|(value, _)| value.abs() <= LARGEST);
        let all = rows.iter().flatten().copied().chain(line.map(|(value, _)| *value));
        let axis = Axis::fit(all, 0.06);
        let x = |value: f64| axis.map(&value, (self.left, self.left + PANEL_WIDTH));
        let area = self.area;
        for tick in axis.ticks() {
            let at = x(tick);
            area.draw(&PathElement::new(vec![(at, self.top), (at, self.bottom)], GRID)).map_err(drawing)?;
            let style = font(TEXT_SIZE).color(&MUTED).pos(Pos::new(HPos::Center, VPos::Top));
            area.draw_text(&axis.label(tick), &style, (at, self.bottom + 6)).map_err(drawing)?;
        }
        let ends = vec![(self.left, self.bottom), (self.left + PANEL_WIDTH, self.bottom)];
        area.draw(&PathElement::new(ends, AXIS)).map_err(drawing)?;
        if let Some((value, name)) = line {
            let at = x(*value);
            area.draw(&PathElement::new(vec![(at, self.top), (at, self.bottom)], MUTED.stroke_width(1)))
                .map_err(drawing)?;
            // Beside the line, on the side where there is room.
            let side = if at > self.left + PANEL_WIDTH / 2 { HPos::Right } else { HPos::Left };
            let style = font(TEXT_SIZE).color(&MUTED).pos(Pos::new(side, VPos::Top));
            area.draw_text(&clean(name), &style, (at, self.names_top)).map_err(drawing)?;
        }
        for (row, values) in rows.iter().enumerate() {
            let y = middle(row);
            for value in values {
                area.draw(&Circle::new((x(*value), y), 4, PALETTE[0].stroke_width(1))).map_err(drawing)?;
            }
            if !values.is_empty() {
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                area.draw(&Circle::new((x(mean), y), 4, PALETTE[1].filled())).map_err(drawing)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(line: Option<f64>) -> DotPanel {
        DotPanel { title: "AUC".into(), line: line.map(|value| (value, "guessing".into())) }
    }

    fn row(label: &str, values: &[f64]) -> DotRow {
        DotRow { label: label.into(), values: vec![values.to_vec()] }
    }

    /// Centres of the circles: rings are values, filled ones means.
    fn circles(svg: &str, filled: bool) -> Vec<(i32, i32)> {
        let number = |tag: &str, name: &str| -> i32 {
            let value = tag.split(&format!("{name}=\"")).nth(1).unwrap();
            value.split('"').next().unwrap().parse().unwrap()
        };
        svg.split("<circle ")
            .skip(1)
            .map(|tag| tag.split("/>").next().unwrap())
            .filter(|tag| tag.contains("fill=\"none\"") != filled)
            .map(|tag| (number(tag, "cx"), number(tag, "cy")))
            .collect()
    }

    #[test]
    fn every_value_has_a_ring_and_every_row_its_mean() {
        let rows = [row("plain", &[0.5, 0.7, 0.9]), row("le", &[0.6]), row("none came", &[])];
        let svg = dots_svg("t", &[panel(Some(0.5))], &rows).unwrap();
        let (rings, means) = (circles(&svg, false), circles(&svg, true));
        assert_eq!((rings.len(), means.len()), (4, 2));
        // The mean of the first row lies on its middle value, and the second row's between the first two, one line below.
        assert_eq!(means[0], rings[1]);
        assert_eq!(means[1], rings[3]);
        assert!((2 * rings[3].0 - rings[0].0 - rings[1].0).abs() <= 2);
        assert_eq!(rings[3].1 - rings[0].1, ROW_HEIGHT);
        assert!(rings[0].0 < rings[1].0 && rings[1].0 < rings[2].0);
        for words in ["plain", "le", "none came", "guessing", "AUC"] {
            assert!(svg.contains(words), "{words}");
        }
    }

    #[test]
    fn panels_share_their_lines() {
        let rows = [DotRow { label: "a".into(), values: vec![vec![0.2], vec![200.0, 400.0]] }];
        let svg = dots_svg("t", &[panel(None), panel(None)], &rows).unwrap();
        let rings = circles(&svg, false);
        assert_eq!(rings.len(), 3);
        assert!(rings.iter().all(|ring| ring.1 == rings[0].1));
        assert!(rings[1].0 > rings[0].0 && rings[2].0 > rings[1].0);
    }

    #[test]
    fn values_that_are_no_numbers_are_left_out_and_text_cannot_break_the_image() {
        let hostile = "</text><script>\u{0}\n\"&'\u{ffff}";
        let rows = [row(hostile, &[f64::NAN, f64::INFINITY, 1e200, 1.0])];
        let panels = [DotPanel { title: hostile.repeat(9), line: Some((f64::NAN, hostile.into())) }];
        let svg = dots_svg(hostile, &panels, &rows).unwrap();
        assert_eq!(circles(&svg, false).len(), 1);
        assert!(!svg.contains("NaN") && !svg.contains("<script>"));
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }

    #[test]
    fn counts_are_checked() {
        assert_eq!(dots_svg("t", &[], &[row("a", &[1.0])]), Err(ChartError::NoPanels));
        assert_eq!(dots_svg("t", &[panel(None)], &[]), Err(ChartError::NoPanels));
        let many = vec![row("a", &[1.0]); MOST_ROWS + 1];
        assert_eq!(dots_svg("t", &[panel(None)], &many), Err(ChartError::TooManyPanels(MOST_ROWS + 1)));
    }
}
