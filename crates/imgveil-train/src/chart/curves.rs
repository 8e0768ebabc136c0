//! Curves: line charts in panels side by side, such as loss and accuracy over the epochs, as one SVG image.
//!
//! A series has the same colour in every panel that names it. Legends stand below the plots, where they hide no data.
//! Values are drawn as they are: never smoothed, never on a logarithmic axis.

use super::plot::{
    AXIS, Area, ChartError, GRID, INK, MARGIN, MUTED, Mark, PALETTE, PANEL_TITLE_SIZE, TEXT_SIZE, TICKS, clean,
    drawable, drawing, font, image, label, legend, legend_height, range, shorten, text_width,
};
use plotters::prelude::*;

/// All lengths are in pixels of the SVG's own coordinates.
const PANEL_WIDTH: i32 = 480;
/// From the panel's title to the label of its horizontal axis.
const PLOT_HEIGHT: i32 = 330;

/// Series of up to this many points show each of them as a dot.
const MOST_DOTS: usize = 40;

/// One line of a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The name in the legend. The same name has the same colour in every panel.
    pub name: String,
    /// The points (x, y), joined in this order.
    pub points: Vec<(f64, f64)>,
}

/// One chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What the panel shows.
    pub title: String,
    /// The horizontal axis' label.
    pub x_label: String,
    /// The vertical axis' label.
    pub y_label: String,
    /// The lines.
    pub series: Vec<Series>,
}

/// The panels side by side under `title`, as the text of an SVG image.
///
/// The axes fit each panel's own points. Points with a coordinate that is not finite, or beyond 1e12 in magnitude, are
/// left out and their neighbours joined. A series without points appears in the legend only. A series with a single
/// point is drawn as a dot. Beyond seven names the colours repeat with dashed lines. Names that were all in the legend
/// of an earlier panel are not repeated below a later one. Text that is too long for its place is cut short.
///
/// # Errors
///
/// [`ChartError`] where there are no panels or more than 1,000, or the drawing library fails.
pub fn curves_svg(title: &str, panels: &[Panel]) -> Result<String, ChartError> {
    if panels.is_empty() {
        return Err(ChartError::NoPanels);
    }
    let count = match i32::try_from(panels.len()) {
        Ok(count @ 1..=1000) => count,
        _ => return Err(ChartError::TooManyPanels(panels.len())),
    };
    let mut names: Vec<&str> = Vec::new();
    let mut legends = Vec::with_capacity(panels.len());
    for panel in panels {
        let known = names.len();
        for series in &panel.series {
            if !names.contains(&series.name.as_str()) {
                names.push(&series.name);
            }
        }
        let entries = panel.series.iter().map(|series| entry(&series.name, &names));
        legends.push(if names.len() > known { entries.collect() } else { Vec::new() });
    }
    let legends_height = legend_height(legends.iter().map(Vec::len).max().unwrap_or(0));
    image(title, (count * PANEL_WIDTH, PLOT_HEIGHT + legends_height), |area| {
        let places = area.split_evenly((1, panels.len()));
        for ((panel, entries), place) in panels.iter().zip(&legends).zip(places) {
            let (plot, below) = place.split_vertically(PLOT_HEIGHT);
            draw_plot(&plot, panel, &names)?;
            legend(&below.margin(4, 0, MARGIN, 0), entries)?;
        }
        Ok(())
    })
}

/// The entry of a series in a legend.
fn entry(name: &str, names: &[&str]) -> (String, RGBColor, Mark) {
    let number = names.iter().position(|other| *other == name).unwrap_or(0);
    let (colour, dashed) = (PALETTE[number % PALETTE.len()], number / PALETTE.len() % 2 == 1);
    (shorten(name, TEXT_SIZE, PANEL_WIDTH - 60), colour, Mark::Line { dashed })
}

/// The axes and lines of one panel.
fn draw_plot(area: &Area<'_>, panel: &Panel, names: &[&str]) -> Result<(), ChartError> {
    let series: Vec<(&Series, Vec<(f64, f64)>)> =
        panel.series.iter().map(|series| (series, drawable_points(&series.points))).collect();
    let points = || series.iter().flat_map(|(_, points)| points);
    let x_axis = range(points().map(|point| point.0), 0.03);
    let y_axis = range(points().map(|point| point.1), 0.06);
    // Whole numbers, such as epochs, have no ticks between them.
    let whole = points().all(|point| point.0.fract() == 0.0);
    let x_ticks = if whole { ((x_axis.end.floor() - x_axis.start.ceil()) as usize + 1).min(TICKS) } else { TICKS };

    let ends = [y_axis.start, y_axis.end].map(|end| text_width(&label(end, &y_axis), TEXT_SIZE));
    // The ticks' labels, a gap, and the axis' own label, turned upright.
    let labels_width = ends[0].max(ends[1]) + 3 * TEXT_SIZE;
    let mut chart = ChartBuilder::on(area)
        .caption(shorten(&panel.title, PANEL_TITLE_SIZE, PANEL_WIDTH - MARGIN), font(PANEL_TITLE_SIZE))
        // Half of the last tick's label reaches past the plot.
        .margin_right(24)
        .x_label_area_size(44)
        .y_label_area_size(labels_width)
        .build_cartesian_2d(x_axis.clone(), y_axis.clone())
        .map_err(drawing)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .x_labels(x_ticks)
        .y_labels(TICKS)
        .x_label_formatter(&|x| if whole { format!("{x:.0}") } else { label(*x, &x_axis) })
        .y_label_formatter(&|y| label(*y, &y_axis))
        .label_style(font(TEXT_SIZE).color(&MUTED))
        .axis_desc_style(font(TEXT_SIZE).color(&INK))
        .x_desc(clean(&panel.x_label))
        .y_desc(clean(&panel.y_label))
        .draw()
        .map_err(drawing)?;

    for (series, points) in series {
        let (_, colour, mark) = entry(&series.name, names);
        let style = colour.filled().stroke_width(2);
        if matches!(mark, Mark::Line { dashed: true }) {
            let line = DashedLineSeries::new(points.iter().copied(), 6, 4, style);
            chart.draw_series(line).map_err(drawing)?;
        } else {
            chart.draw_series(LineSeries::new(points.iter().copied(), style)).map_err(drawing)?;
        }
        if points.len() <= MOST_DOTS {
            let dots = points.into_iter().map(|point| Circle::new(point, 3, style));
            chart.draw_series(dots).map_err(drawing)?;
        }
    }
    Ok(())
}

/// The points that a plot can show.
fn drawable_points(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.iter().copied().filter(|&(x, y)| drawable(x) && drawable(y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn series(name: &str, points: &[(f64, f64)]) -> Series {
        Series { name: name.to_owned(), points: points.to_vec() }
    }

    fn panel(series: Vec<Series>) -> Panel {
        Panel { title: "accuracy".to_owned(), x_label: "epoch".to_owned(), y_label: "share".to_owned(), series }
    }

    /// The drawn points of the image's lines, in order.
    fn polylines(svg: &str) -> Vec<Vec<(i32, i32)>> {
        svg.split("<polyline ")
            .skip(1)
            .filter_map(|tag| tag.split("points=\"").nth(1)?.split('"').next())
            .map(|points| {
                let number = |text: &str| text.parse().unwrap();
                points
                    .split_whitespace()
                    .map(|p| p.split_once(',').unwrap())
                    .map(|(x, y)| (number(x), number(y)))
                    .collect()
            })
            .collect()
    }

    /// The lines of two points or more that are data: neither axes nor legend, which are level or upright.
    fn data_lines(svg: &str) -> Vec<Vec<(i32, i32)>> {
        let slanted =
            |line: &Vec<(i32, i32)>| line.iter().any(|p| p.0 != line[0].0) && line.iter().any(|p| p.1 != line[0].1);
        polylines(svg).into_iter().filter(slanted).collect()
    }

    #[test]
    fn a_line_rises_where_its_values_do() {
        let svg = curves_svg("t", &[panel(vec![series("plain", &[(1.0, 0.5), (2.0, 0.7), (3.0, 0.9)])])]).unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        let lines = data_lines(&svg);
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(line.len(), 3);
        assert!(line.is_sorted_by(|a, b| a.0 < b.0 && a.1 > b.1), "{line:?}");
        // Evenly spaced values are evenly spaced on the image, to a pixel.
        assert!((line[0].0 + line[2].0 - 2 * line[1].0).abs() <= 1);
        assert!((line[0].1 + line[2].1 - 2 * line[1].1).abs() <= 1);
        assert_eq!(svg.matches("plain").count(), 1);
    }

    #[test]
    fn points_that_are_not_finite_are_left_out() {
        let points =
            [(0.0, 0.0), (1.0, f64::NAN), (f64::INFINITY, 1.0), (2.0, f64::NEG_INFINITY), (3.0, 1.0), (4.0, 1e200)];
        let clean = curves_svg("t", &[panel(vec![series("a", &[(0.0, 0.0), (3.0, 1.0)])])]).unwrap();
        assert_eq!(curves_svg("t", &[panel(vec![series("a", &points)])]).unwrap(), clean);
        assert!(!clean.contains("NaN") && !clean.contains("inf"));
    }

    #[test]
    fn empty_single_and_constant_series_are_drawn() {
        for points in [&[][..], &[(1.0, 2.0)], &[(0.0, 0.0)], &[(1.0, 0.5), (2.0, 0.5)], &[(f64::NAN, 0.0)]] {
            let svg = curves_svg("t", &[panel(vec![series("name", points)])]).unwrap();
            assert!(svg.contains("name"));
            let dots = points.iter().filter(|p| p.0.is_finite()).count();
            assert_eq!(svg.matches("<circle").count(), dots);
        }
        let nothing = panel(Vec::new());
        assert!(curves_svg("", &[nothing.clone(), nothing]).is_ok());
    }

    #[test]
    fn a_name_has_one_colour_in_all_panels() {
        let points = [(0.0, 0.0), (1.0, 1.0)];
        let a = panel(vec![series("plain", &points), series("keystream", &points)]);
        let b = panel(vec![series("keystream", &points)]);
        let svg = curves_svg("t", &[a, b]).unwrap();
        // A line in each panel that has the name, and one in the only legend that has it.
        assert_eq!(svg.matches("<polyline fill=\"none\" opacity=\"1\" stroke=\"#0072B2\"").count(), 2);
        assert_eq!(svg.matches("<polyline fill=\"none\" opacity=\"1\" stroke=\"#D55E00\"").count(), 3);
    }

    #[test]
    fn many_series_repeat_colours_with_dashes() {
        let many = (0..15).map(|i| series(&format!("series {i}"), &[(0.0, f64::from(i)), (9.0, f64::from(i))]));
        let svg = curves_svg("t", &[panel(many.collect())]).unwrap();
        // Each of the seven dashed ones is drawn in more than ten pieces.
        assert!(polylines(&svg).len() > 7 * 10);
    }

    #[test]
    fn long_series_have_no_dots() {
        let points: Vec<(f64, f64)> = (0..1000).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        let svg = curves_svg("t", &[panel(vec![series("a", &points)])]).unwrap();
        assert_eq!(svg.matches("<circle").count(), 0);
    }

    #[test]
    fn text_cannot_break_the_image() {
        let hostile = "</text><script>\u{0}\n\"&'\u{ffff}";
        let mut bad = panel(vec![series(hostile, &[(0.0, 1.0)])]);
        bad.title = hostile.repeat(20);
        bad.x_label = hostile.to_owned();
        bad.y_label = hostile.to_owned();
        let svg = curves_svg(hostile, &[bad]).unwrap();
        assert!(!svg.contains("<script>"));
        assert!(!svg.chars().any(|c| c == '\u{0}' || c == '\u{ffff}'));
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }

    #[test]
    fn panel_counts_are_checked() {
        assert_eq!(curves_svg("t", &[]), Err(ChartError::NoPanels));
        let many = vec![panel(Vec::new()); 1001];
        assert_eq!(curves_svg("t", &many), Err(ChartError::TooManyPanels(1001)));
    }

    proptest! {
        #[test]
        fn any_points_are_drawn(points in prop::collection::vec((prop::num::f64::ANY, prop::num::f64::ANY), 0..8)) {
            let svg = curves_svg("t", &[panel(vec![series("a", &points)])]).unwrap();
            prop_assert!(!svg.contains("NaN"));
        }
    }
}
