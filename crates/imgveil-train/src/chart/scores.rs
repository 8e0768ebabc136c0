//! Scores: one row for each thing that is compared, with a ring for each of its values and a dot for their mean, as one
//! SVG image. Values of several measures stand in panels side by side, on the same rows.

use super::plot::{
    AXIS, Area, ChartError, GRID, INK, MARGIN, MUTED, Mark, PALETTE, PANEL_TITLE_SIZE, TEXT_SIZE, drawable, drawing,
    font, image, label, legend, legend_height, range, shorten, text_width,
};
use plotters::prelude::*;

/// All lengths are in pixels of the SVG's own coordinates.
const PANEL_WIDTH: i32 = 340;
const ROW_HEIGHT: i32 = 24;
/// The panels' titles, and the labels of their horizontal axes.
const ABOVE: i32 = 28;
const BELOW: i32 = 30;
const MOST_LABEL: i32 = 420;
/// A larger image could not be drawn by a browser.
const MOST_ROWS: usize = 1000;
const MOST_PANELS: usize = 100;
/// The approximate number of ticks on a horizontal axis.
const TICKS: usize = 6;

/// A row of the chart.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreRow {
    /// The label of the row.
    pub label: String,
    /// The values of the row for each panel. A panel may have none.
    pub values: Vec<Vec<f64>>,
}

/// A panel for one measure.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorePanel {
    /// The title.
    pub title: String,
    /// A reference value, such as the score of guessing, and its name.
    pub line: Option<(f64, String)>,
}

/// The rows from top to bottom under `title`, with a panel for each measure, as the text of an SVG image.
///
/// Each panel's axis fits its values and its line. Values that are not finite, or beyond 1e12 in magnitude, are left
/// out.
///
/// # Errors
///
/// [`ChartError`] where there are no panels or rows, or more than fit, or the drawing library fails.
pub fn scores_svg(title: &str, panels: &[ScorePanel], rows: &[ScoreRow]) -> Result<String, ChartError> {
    if panels.is_empty() || rows.is_empty() {
        return Err(ChartError::NoPanels);
    }
    if rows.len() > MOST_ROWS || panels.len() > MOST_PANELS {
        return Err(ChartError::TooManyPanels(panels.len().max(rows.len())));
    }
    let labels: Vec<String> = rows.iter().map(|row| shorten(&row.label, TEXT_SIZE, MOST_LABEL)).collect();
    let labels_width = labels.iter().map(|label| text_width(label, TEXT_SIZE)).max().unwrap_or(0) + MARGIN;
    let mut entries = vec![("one run".to_owned(), PALETTE[0], Mark::Ring), ("mean".to_owned(), PALETTE[1], Mark::Dot)];
    for (_, name) in panels.iter().filter_map(|panel| panel.line.as_ref()) {
        if entries.iter().all(|(other, ..)| other != name) {
            entries.push((name.clone(), MUTED, Mark::Line { dashed: true }));
        }
    }
    let plots_height = ABOVE + rows.len() as i32 * ROW_HEIGHT + BELOW;
    let width = labels_width + panels.len() as i32 * PANEL_WIDTH;
    image(title, (width, plots_height + legend_height(entries.len())), |area| {
        let (plots, below) = area.split_vertically(plots_height);
        let mut rest = plots;
        for (number, panel) in panels.iter().enumerate() {
            // The first panel has the rows' labels.
            let beside = if number == 0 { labels_width } else { 0 };
            let (place, others) = rest.split_horizontally(beside + PANEL_WIDTH);
            let values: Vec<Vec<f64>> = rows.iter().map(|row| drawable_values(row.values.get(number))).collect();
            draw_panel(&place, panel, &values, &labels, beside)?;
            rest = others;
        }
        legend(&below.margin(4, 0, labels_width, 0), &entries)
    })
}

/// The values that a plot can show.
fn drawable_values(values: Option<&Vec<f64>>) -> Vec<f64> {
    values.into_iter().flatten().copied().filter(|value| drawable(*value)).collect()
}

fn draw_panel(
    area: &Area<'_>,
    panel: &ScorePanel,
    rows: &[Vec<f64>],
    labels: &[String],
    labels_width: i32,
) -> Result<(), ChartError> {
    let line = panel.line.as_ref().map(|(value, _)| *value).filter(|value| drawable(*value));
    let axis = range(rows.iter().flatten().copied().chain(line), 0.06);
    let count = rows.len() as i32;
    // Rows are counted from the bottom.
    let place = |row: usize| SegmentValue::CenterOf(count - 1 - row as i32);
    let row_label = |place: &SegmentValue<i32>| match place {
        SegmentValue::CenterOf(number) => labels.get((count - 1 - number) as usize).cloned().unwrap_or_default(),
        _ => String::new(),
    };
    // Above the plot alone; a caption would count the rows' labels in.
    let title = shorten(&panel.title, PANEL_TITLE_SIZE, PANEL_WIDTH - MARGIN);
    area.draw_text(&title, &font(PANEL_TITLE_SIZE), (labels_width, 4)).map_err(drawing)?;
    let mut chart = ChartBuilder::on(area)
        .margin_top(ABOVE)
        .margin_right(24)
        .x_label_area_size(BELOW)
        .y_label_area_size(labels_width)
        .build_cartesian_2d(axis.clone(), (0..count - 1).into_segmented())
        .map_err(drawing)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .x_labels(TICKS)
        .y_labels(rows.len())
        .x_label_formatter(&|x| label(*x, &axis))
        .y_label_formatter(&row_label)
        .x_label_style(font(TEXT_SIZE).color(&MUTED))
        .y_label_style(font(TEXT_SIZE).color(&INK))
        .draw()
        .map_err(drawing)?;
    if let Some(value) = line {
        let ends = [SegmentValue::Exact(0), SegmentValue::Last].map(|end| (value, end));
        chart.draw_series(DashedLineSeries::new(ends, 6, 4, MUTED.stroke_width(1))).map_err(drawing)?;
    }
    for (row, values) in rows.iter().enumerate() {
        let at = |value: f64| (value, place(row));
        let rings = values.iter().map(|value| Circle::new(at(*value), 4, PALETTE[0].stroke_width(1)));
        chart.draw_series(rings).map_err(drawing)?;
        if !values.is_empty() {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            chart.draw_series([Circle::new(at(mean), 4, PALETTE[1].filled())]).map_err(drawing)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(line: Option<f64>) -> ScorePanel {
        ScorePanel { title: "AUC".into(), line: line.map(|value| (value, "guessing".into())) }
    }

    fn row(label: &str, values: &[f64]) -> ScoreRow {
        ScoreRow { label: label.into(), values: vec![values.to_vec()] }
    }

    /// Centres of the circles without the legend's: rings are values, filled ones means.
    fn circles(svg: &str, filled: bool) -> Vec<(i32, i32)> {
        let number = |tag: &str, name: &str| -> i32 {
            let value = tag.split(&format!("{name}=\"")).nth(1).unwrap();
            value.split('"').next().unwrap().parse().unwrap()
        };
        let plots = svg.rsplitn(3, "<circle ").last().unwrap();
        plots
            .split("<circle ")
            .skip(1)
            .map(|tag| tag.split("/>").next().unwrap())
            .filter(|tag| tag.contains("fill=\"none\"") != filled)
            .map(|tag| (number(tag, "cx"), number(tag, "cy")))
            .collect()
    }

    #[test]
    fn every_value_has_a_ring_and_every_row_its_mean() {
        let rows = [row("plain", &[0.5, 0.7, 0.9]), row("le", &[0.6]), row("none came", &[])];
        let svg = scores_svg("t", &[panel(Some(0.5))], &rows).unwrap();
        let (rings, means) = (circles(&svg, false), circles(&svg, true));
        assert_eq!((rings.len(), means.len()), (4, 2));
        // The mean of the first row lies on its middle value, and the second row's between the first two, one line
        // below.
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
        let rows = [ScoreRow { label: "a".into(), values: vec![vec![0.2], vec![200.0, 400.0]] }];
        let svg = scores_svg("t", &[panel(None), panel(None)], &rows).unwrap();
        let rings = circles(&svg, false);
        assert_eq!(rings.len(), 3);
        assert!(rings.iter().all(|ring| ring.1 == rings[0].1));
        assert!(rings[1].0 > rings[0].0 && rings[2].0 > rings[1].0);
    }

    #[test]
    fn values_that_are_no_numbers_are_left_out_and_text_cannot_break_the_image() {
        let hostile = "</text><script>\u{0}\n\"&'\u{ffff}";
        let rows = [row(hostile, &[f64::NAN, f64::INFINITY, 1e200, 1.0])];
        let panels = [ScorePanel { title: hostile.repeat(9), line: Some((f64::NAN, hostile.into())) }];
        let svg = scores_svg(hostile, &panels, &rows).unwrap();
        assert_eq!(circles(&svg, false).len(), 1);
        assert!(!svg.contains("NaN") && !svg.contains("<script>"));
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }

    #[test]
    fn counts_are_checked() {
        assert_eq!(scores_svg("t", &[], &[row("a", &[1.0])]), Err(ChartError::NoPanels));
        assert_eq!(scores_svg("t", &[panel(None)], &[]), Err(ChartError::NoPanels));
        let many = vec![row("a", &[1.0]); MOST_ROWS + 1];
        assert_eq!(scores_svg("t", &[panel(None)], &many), Err(ChartError::TooManyPanels(MOST_ROWS + 1)));
    }
}
