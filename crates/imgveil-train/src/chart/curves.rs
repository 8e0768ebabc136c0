//! Curves: line charts in panels side by side, such as loss and accuracy over the epochs, as one SVG image.
//!
//! A series has the same colour in every panel that names it, and a legend above each plot, where it hides no
//! data. Values are drawn as they are: never smoothed, never on a logarithmic axis. It draws into memory; it
//! never reads or writes a file.

use super::plot::{
    AXIS, Area, Axis, ChartError, GRID, INK, LARGEST, MUTED, PALETTE, TEXT_SIZE, block, clean, drawing, font,
    line_height, lines, shorten, text_width, wrap,
};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// All lengths are in pixels of the SVG's own coordinates.
const MARGIN: i32 = 16;
const PANEL_WIDTH: i32 = 460;
/// From the top of the plot to the bottom of the horizontal axis' label.
const PLOT_HEIGHT: i32 = 300;
const PANEL_GAP: i32 = 24;
const X_AXIS_HEIGHT: i32 = 44;
const TITLE_SIZE: i32 = 18;
const PANEL_TITLE_SIZE: i32 = 15;
/// The line in front of a legend's entry, and the space after the line and after the entry.
const SWATCH: i32 = 24;
const SWATCH_GAP: i32 = 6;
const ENTRY_GAP: i32 = 16;

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
/// The axes fit each panel's own points. Points with a coordinate that is not finite, or beyond 1e100 in
/// magnitude, are left out and their neighbours joined. A series without points appears in the legend only; one
/// with a single point, as a dot. Beyond seven names the colours repeat with dashed lines. Titles that are too
/// long for a line are broken, names in the legend cut short.
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
    for series in panels.iter().flat_map(|panel| &panel.series) {
        if !names.contains(&series.name.as_str()) {
            names.push(&series.name);
        }
    }

    // Panels share their heights, so that the plots stand in one line.
    let content = count * PANEL_WIDTH + (count - 1) * PANEL_GAP;
    let title = wrap(title, TITLE_SIZE, content);
    let panel_titles: Vec<Vec<String>> =
        panels.iter().map(|panel| wrap(&panel.title, PANEL_TITLE_SIZE, PANEL_WIDTH)).collect();
    let legends: Vec<Vec<Entry>> = panels.iter().map(|panel| legend(panel, &names)).collect();
    let panel_title_lines = panel_titles.iter().map(Vec::len).max().unwrap_or(0);
    let legend_rows = legends.iter().flatten().map(|entry| entry.row + 1).max().unwrap_or(0);
    let titles_top = MARGIN + block(title.len(), TITLE_SIZE);
    let legends_top = titles_top + block(panel_title_lines, PANEL_TITLE_SIZE);
    let plots_top = legends_top + block(legend_rows, TEXT_SIZE);
    let (width, height) = (content + 2 * MARGIN, plots_top + PLOT_HEIGHT + MARGIN);

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width.unsigned_abs(), height.unsigned_abs())).into_drawing_area();
        root.fill(&WHITE).map_err(drawing)?;
        lines(&root, &title, TITLE_SIZE, (MARGIN, MARGIN))?;
        let mut left = MARGIN;
        for ((panel, title), legend) in panels.iter().zip(&panel_titles).zip(&legends) {
            lines(&root, title, PANEL_TITLE_SIZE, (left, titles_top))?;
            for entry in legend {
                entry.draw(&root, (left, legends_top))?;
            }
            let plot = root.clone().shrink((left, plots_top), (PANEL_WIDTH.unsigned_abs(), PLOT_HEIGHT.unsigned_abs()));
            draw_plot(&plot, panel, &names)?;
            left += PANEL_WIDTH + PANEL_GAP;
        }
        root.present().map_err(drawing)?;
    }
    Ok(svg)
}

/// The axes and lines of one panel.
fn draw_plot(area: &Area<'_>, panel: &Panel, names: &[&str]) -> Result<(), ChartError> {
    let series: Vec<(&Series, Vec<(f64, f64)>)> =
        panel.series.iter().map(|series| (series, drawable(&series.points))).collect();
    let points = || series.iter().flat_map(|(_, points)| points);
    let x_axis = Axis::fit(points().map(|point| point.0), 0.03);
    let y_axis = Axis::fit(points().map(|point| point.1), 0.06);

    let longest = y_axis.ticks().iter().map(|&tick| text_width(&y_axis.label(tick), TEXT_SIZE)).max().unwrap_or(0);
    // The ticks' labels, a gap, and the axis' own label, turned upright.
    let y_axis_width = longest + 12 + 2 * TEXT_SIZE;
    let mut chart = ChartBuilder::on(area)
        .margin_top(6)
        // Half of the last tick's label reaches past the plot.
        .margin_right(18)
        .x_label_area_size(X_AXIS_HEIGHT)
        .y_label_area_size(y_axis_width)
        .build_cartesian_2d(x_axis, y_axis)
        .map_err(drawing)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .label_style(font(TEXT_SIZE).color(&MUTED))
        .axis_desc_style(font(TEXT_SIZE).color(&INK))
        .x_desc(clean(&panel.x_label))
        .y_desc(clean(&panel.y_label))
        .draw()
        .map_err(drawing)?;

    for (series, points) in series {
        let Look { style, dashed } = Look::of(&series.name, names);
        if dashed {
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
fn drawable(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    // NaN compares false, so it is left out too.
    points.iter().copied().filter(|(x, y)| x.abs() <= LARGEST && y.abs() <= LARGEST).collect()
}

/// How a series is drawn.
struct Look {
    style: ShapeStyle,
    dashed: bool,
}

impl Look {
    fn of(name: &str, names: &[&str]) -> Self {
        let number = names.iter().position(|other| *other == name).unwrap_or(0);
        let style = PALETTE[number % PALETTE.len()].filled().stroke_width(2);
        Self { style, dashed: number / PALETTE.len() % 2 == 1 }
    }
}

/// An entry of a legend, and where it stands in it.
struct Entry {
    name: String,
    look: Look,
    row: usize,
    x: i32,
}

/// The entries of a panel's legend, in rows of the panel's width.
fn legend(panel: &Panel, names: &[&str]) -> Vec<Entry> {
    let (mut row, mut x) = (0, 0);
    let mut entries = Vec::with_capacity(panel.series.len());
    for series in &panel.series {
        let name = shorten(&clean(&series.name), TEXT_SIZE, PANEL_WIDTH - SWATCH - SWATCH_GAP);
        let width = SWATCH + SWATCH_GAP + text_width(&name, TEXT_SIZE);
        if x > 0 && x + width > PANEL_WIDTH {
            row += 1;
            x = 0;
        }
        entries.push(Entry { name, look: Look::of(&series.name, names), row, x });
        x += width + ENTRY_GAP;
    }
    entries
}

impl Entry {
    fn draw(&self, area: &Area<'_>, (left, top): (i32, i32)) -> Result<(), ChartError> {
        let x = left + self.x;
        let row = i32::try_from(self.row).map_err(drawing)?;
        let middle = top + row * line_height(TEXT_SIZE) + TEXT_SIZE / 2;
        let ends =
            if self.look.dashed { vec![(x, x + 6), (x + SWATCH - 6, x + SWATCH)] } else { vec![(x, x + SWATCH)] };
        for (from, to) in ends {
            area.draw(&PathElement::new(vec![(from, middle), (to, middle)], self.look.style)).map_err(drawing)?;
        }
        area.draw(&Circle::new((x + SWATCH / 2, middle), 3, self.look.style)).map_err(drawing)?;
        let style = font(TEXT_SIZE).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw_text(&self.name, &style, (x + SWATCH + SWATCH_GAP, middle)).map_err(drawing)
    }
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
            assert_eq!(svg.matches("<circle").count(), dots + 1, "one more in the legend");
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
        // A line and a swatch each; the second name in both panels.
        assert_eq!(svg.matches("<polyline fill=\"none\" opacity=\"1\" stroke=\"#0072B2\"").count(), 2);
        assert_eq!(svg.matches("<polyline fill=\"none\" opacity=\"1\" stroke=\"#D55E00\"").count(), 4);
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
        assert_eq!(svg.matches("<circle").count(), 1);
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
