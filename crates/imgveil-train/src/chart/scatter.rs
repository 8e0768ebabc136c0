//! A scatter chart: named points of two measures, as one SVG image. Points of several panels stand side by side on the
//! same vertical axis.

use super::plot::{
    AXIS, Area, ChartError, GRID, INK, MARGIN, MUTED, PALETTE, PANEL_TITLE_SIZE, TEXT_SIZE, drawable, drawing, font,
    image, label, range, shorten, text_width,
};
use plotters::prelude::*;
use std::ops::Range;

/// All lengths are in pixels of the SVG's own coordinates.
const PANEL_WIDTH: i32 = 520;
const PLOT_HEIGHT: i32 = 420;
/// The panels' titles, and the labels of the axes.
const ABOVE: i32 = 30;
const BELOW: i32 = 44;
const BESIDE: i32 = 62;
/// The height of a label, and its distance from its point.
const LINE: i32 = 14;
const GAP: i32 = 8;
const MOST_LABEL: i32 = 230;
/// More could not be told apart.
const MOST_POINTS: usize = 200;
const MOST_PANELS: usize = 4;

/// A named point.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterPoint {
    /// The name beside it.
    pub name: String,
    /// The horizontal measure.
    pub x: f64,
    /// The vertical measure.
    pub y: f64,
}

/// A panel with its points.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterPanel {
    /// The title.
    pub title: String,
    /// The name of the horizontal axis.
    pub x: String,
    /// The points.
    pub points: Vec<ScatterPoint>,
}

/// The panels side by side under `title`, as the text of an SVG image. `y` is the name of the vertical axis, which the
/// panels share. Horizontal axes go from 0 to 1. Points with a measure that is not finite, or beyond 1e12 in magnitude,
/// are left out.
///
/// # Errors
///
/// [`ChartError`] where there are no panels or points, or more than can be told apart, or the drawing library fails.
pub fn scatter_svg(title: &str, y: &str, panels: &[ScatterPanel]) -> Result<String, ChartError> {
    let count = panels.iter().map(|panel| panel.points.len()).sum::<usize>();
    if count == 0 {
        return Err(ChartError::NoPanels);
    }
    if panels.len() > MOST_PANELS || count > MOST_POINTS {
        return Err(ChartError::TooManyPanels(panels.len().max(count)));
    }
    let shown = |point: &&ScatterPoint| drawable(point.x) && drawable(point.y);
    let heights = panels.iter().flat_map(|panel| &panel.points).filter(shown).map(|point| point.y);
    let axis = range(heights, 0.06);
    let size = (panels.len() as i32 * PANEL_WIDTH, ABOVE + PLOT_HEIGHT + BELOW);
    image(title, size, |area| {
        let mut rest = area.clone();
        for panel in panels {
            let (place, others) = rest.split_horizontally(PANEL_WIDTH);
            let points: Vec<&ScatterPoint> = panel.points.iter().filter(shown).collect();
            draw_panel(&place, panel, y, &points, &axis)?;
            rest = others;
        }
        Ok(())
    })
}

fn draw_panel(
    area: &Area<'_>,
    panel: &ScatterPanel,
    y: &str,
    points: &[&ScatterPoint],
    axis: &Range<f64>,
) -> Result<(), ChartError> {
    let title = shorten(&panel.title, PANEL_TITLE_SIZE, PANEL_WIDTH - MARGIN);
    area.draw_text(&title, &font(PANEL_TITLE_SIZE), (BESIDE, 4)).map_err(drawing)?;
    let mut chart = ChartBuilder::on(area)
        .margin_top(ABOVE)
        .margin_right(24)
        .x_label_area_size(BELOW)
        .y_label_area_size(BESIDE)
        .build_cartesian_2d(-0.03..1.03, axis.clone())
        .map_err(drawing)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .x_desc(shorten(&panel.x, TEXT_SIZE, PANEL_WIDTH - BESIDE))
        .y_desc(shorten(y, TEXT_SIZE, PLOT_HEIGHT))
        .axis_desc_style(font(TEXT_SIZE).color(&MUTED))
        .x_label_formatter(&|x| label(*x, &(0.0..1.0)))
        .y_label_formatter(&|y| label(*y, axis))
        .x_label_style(font(TEXT_SIZE).color(&MUTED))
        .y_label_style(font(TEXT_SIZE).color(&MUTED))
        .draw()
        .map_err(drawing)?;
    chart
        .draw_series(points.iter().map(|point| Circle::new((point.x.clamp(0.0, 1.0), point.y), 4, PALETTE[0].filled())))
        .map_err(drawing)?;
    let (across, down) = area.get_pixel_range();
    let at = |point: &&ScatterPoint| {
        let (x, y) = chart.backend_coord(&(point.x.clamp(0.0, 1.0), point.y));
        (x - across.start, y - down.start)
    };
    let places: Vec<(i32, i32)> = points.iter().map(at).collect();
    let names: Vec<String> = points.iter().map(|point| shorten(&point.name, TEXT_SIZE, MOST_LABEL)).collect();
    for (name, (label, point)) in names.iter().zip(beside(&places, &names).into_iter().zip(&places)) {
        let near = (label.0.clamp(point.0 - GAP / 2, point.0 + GAP / 2), label.1 + LINE / 2);
        if (near.1 - point.1).abs() > LINE / 2 {
            area.draw(&PathElement::new([*point, near], MUTED.stroke_width(1))).map_err(drawing)?;
        }
        area.draw_text(name, &font(TEXT_SIZE).color(&INK), label).map_err(drawing)?;
    }
    Ok(())
}

/// Where the labels of points are drawn: beside the points, on the side with room, and moved up or down where they
/// would lie on another label or point.
fn beside(points: &[(i32, i32)], names: &[String]) -> Vec<(i32, i32)> {
    // Corners of rectangles that are taken: the points first.
    let mut taken: Vec<[i32; 4]> = points.iter().map(|(x, y)| [x - 4, y - 4, x + 4, y + 4]).collect();
    let mut labels = vec![(0, 0); points.len()];
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|&index| (points[index].1, points[index].0));
    for index in order {
        let ((x, y), width) = (points[index], text_width(&names[index], TEXT_SIZE));
        let right = x + GAP + width <= PANEL_WIDTH - MARGIN;
        let left = if right { x + GAP } else { (x - GAP - width).max(0) };
        let free = |top: i32| {
            let mine = [left, top, left + width, top + LINE];
            taken
                .iter()
                .all(|other| mine[2] <= other[0] || other[2] <= mine[0] || mine[3] <= other[1] || other[3] <= mine[1])
        };
        let moves = (0..PLOT_HEIGHT / 4).flat_map(|step| [step * 4, -step * 4]);
        let inside = |top: &i32| (ABOVE..ABOVE + PLOT_HEIGHT - LINE).contains(top);
        let top = moves.map(|by| y - LINE / 2 + by).filter(inside).find(|top| free(*top)).unwrap_or(y - LINE / 2);
        taken.push([left, top, left + width, top + LINE]);
        labels[index] = (left, top);
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(points: &[(&str, f64, f64)]) -> ScatterPanel {
        let points = points.iter().map(|(name, x, y)| ScatterPoint { name: (*name).into(), x: *x, y: *y });
        ScatterPanel { title: "alone".into(), x: "SSIM".into(), points: points.collect() }
    }

    #[test]
    fn every_point_has_a_dot_and_its_name() {
        let points = [("ele", 0.5, 0.9), ("etc", 0.5, 0.9), ("none", 1.0, 0.95), ("keystream", 0.01, 0.5)];
        let svg = scatter_svg("t", "AUC", &[panel(&points), panel(&points[..1])]).unwrap();
        assert_eq!(svg.matches("<circle ").count(), 5);
        for words in ["ele", "etc", "none", "keystream", "AUC", "SSIM", "alone"] {
            assert!(svg.contains(words), "{words}");
        }
    }

    #[test]
    fn labels_do_not_lie_on_one_another() {
        let points: Vec<(i32, i32)> = (0..20).map(|i| (480 - i % 3, 200 + i)).collect();
        let names: Vec<String> = (0..20).map(|i| format!("scheme number {i}")).collect();
        let labels = beside(&points, &names);
        for (index, one) in labels.iter().enumerate() {
            assert!(one.0 >= 0 && one.0 + text_width(&names[index], TEXT_SIZE) <= PANEL_WIDTH);
            assert!(labels[..index].iter().all(|other| (one.1 - other.1).abs() >= LINE), "{labels:?}");
        }
    }

    #[test]
    fn values_that_are_no_numbers_are_left_out_and_counts_are_checked() {
        let hostile = "</text><script>\u{0}\n\"&'\u{ffff}";
        let svg = scatter_svg(hostile, hostile, &[panel(&[(hostile, 0.5, 0.5), ("a", f64::NAN, 1.0)])]).unwrap();
        assert_eq!(svg.matches("<circle ").count(), 1);
        assert!(!svg.contains("NaN") && !svg.contains("<script>"));
        assert_eq!(scatter_svg("t", "y", &[]), Err(ChartError::NoPanels));
        assert_eq!(scatter_svg("t", "y", &[panel(&[])]), Err(ChartError::NoPanels));
        let many = vec![("a", 0.1, 0.2); MOST_POINTS + 1];
        assert_eq!(scatter_svg("t", "y", &[panel(&many)]), Err(ChartError::TooManyPanels(MOST_POINTS + 1)));
    }
}
