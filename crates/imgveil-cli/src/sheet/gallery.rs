//! Galleries: captioned images in a grid, such as one image under many schemes.
//!
//! All images of a gallery are shown at one scale, so that they can be compared. Small ones are enlarged by a whole factor;
//! large ones are reduced by one, every pixel shown being the mean of a square of pixels, which is what the eye makes of them
//! from further away; the gallery says so under its title.

use super::canvas::{
    COLUMN_GAP, Canvas, Cell, INK, Line, MARGIN, MUTED, Place, ROW_GAP, RULE, SheetError, TEXT_GAP, check, stack,
    widest, wrap,
};
use embedded_graphics::mono_font::iso_8859_1::{FONT_7X13, FONT_10X20};
use image::RgbImage;

/// Images are enlarged as long as their longer side stays below this.
const ENLARGED: usize = 288;
/// Images whose longer side is above this are reduced.
const REDUCED: usize = 448;
/// Columns are not narrower than this, so that captions can be read.
const NARROWEST: usize = 224;
/// Scales are chosen so that no side of the sheet is longer than this, if that leaves anything to see.
const LONGEST_SIDE: usize = 3000;
/// What is left to see at least: the longer side of the largest image.
const SMALLEST: usize = 64;

/// An image with words under it.
#[derive(Debug, Clone)]
pub struct Captioned<'a> {
    /// What it is.
    pub label: String,
    /// What came out, in a few words under the label.
    pub verdict: String,
    /// What to know about it, each on lines of its own.
    pub notes: Vec<String>,
    /// The image.
    pub cell: Cell<'a>,
}

/// A gallery: `title` at the top, `notes` under it, then the images in rows, as many in each as makes the sheet a square.
///
/// Text is drawn as on a [contact sheet](super::contact_sheet()). Below the notes stands how images are scaled.
///
/// # Errors
/// [`SheetError`] where a cell's bytes do not match its size, a cell has no pixels or a number of channels other than 1 and
/// 3, or the sheet would be larger than 2^27 pixels. Every image counts as a row of its own.
pub fn gallery(title: &str, notes: &[String], images: &[Captioned<'_>]) -> Result<RgbImage, SheetError> {
    for (row, image) in images.iter().enumerate() {
        check(row, 0, &image.cell)?;
    }
    let layout = Layout::fitting(title, notes, images);
    let mut canvas = Canvas::new(layout.height, layout.width)?;
    for line in &layout.lines {
        canvas.text(line);
    }
    canvas.fill(MARGIN, layout.rule, layout.width - 2 * MARGIN, 1, RULE);
    for (image, place) in images.iter().zip(&layout.places) {
        match layout.scale {
            Scale::Up(_) => canvas.cell(&image.cell, place),
            Scale::Down(factor) => {
                let pixels = reduced(&image.cell, factor);
                let (height, width) = layout.scale.of(&image.cell);
                canvas.cell(&Cell { pixels: &pixels, height, width, channels: image.cell.channels }, place);
            }
        }
    }
    Ok(canvas.finish())
}

/// By how much all images are enlarged or reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// Every pixel is a square of this side.
    Up(usize),
    /// Every square of this side is a pixel.
    Down(usize),
}

impl Scale {
    /// The scale to begin with for images whose longest side is this.
    fn wanted(longest: usize) -> Self {
        match longest > REDUCED {
            true => Scale::Down(longest.div_ceil(REDUCED)),
            false => Scale::Up((ENLARGED / longest.max(1)).max(1)),
        }
    }

    /// The next smaller one.
    fn smaller(self) -> Self {
        match self {
            Scale::Up(factor) if factor > 1 => Scale::Up(factor - 1),
            Scale::Up(_) => Scale::Down(2),
            Scale::Down(factor) => Scale::Down(factor + 1),
        }
    }

    fn side(self, pixels: usize) -> usize {
        match self {
            Scale::Up(factor) => pixels.saturating_mul(factor),
            Scale::Down(factor) => pixels.div_ceil(factor),
        }
    }

    /// Height and width of a cell as it is shown.
    fn of(self, cell: &Cell<'_>) -> (usize, usize) {
        (self.side(cell.height), self.side(cell.width))
    }

    /// In words, for the top of the sheet.
    fn words(self) -> String {
        match self {
            Scale::Up(1) => "Shown pixel by pixel.".to_owned(),
            Scale::Up(factor) => format!("Shown enlarged: every pixel is a square of {factor}x{factor}."),
            Scale::Down(factor) => format!("Shown reduced: every pixel is the mean of {factor}x{factor} pixels."),
        }
    }
}

/// A cell with every square of `factor` pixels a side turned into its mean, half up; squares at the edges may be smaller.
fn reduced(cell: &Cell<'_>, factor: usize) -> Vec<u8> {
    let (height, width) = Scale::Down(factor).of(cell);
    let mut pixels = Vec::with_capacity(height * width * cell.channels);
    for top in (0..cell.height).step_by(factor) {
        let bottom = (top + factor).min(cell.height);
        for left in (0..cell.width).step_by(factor) {
            let right = (left + factor).min(cell.width);
            let count = (bottom - top) * (right - left);
            for channel in 0..cell.channels {
                let row = |y: usize| -> usize {
                    (left..right)
                        .map(|x| usize::from(cell.pixels[(y * cell.width + x) * cell.channels + channel]))
                        .sum()
                };
                let sum: usize = (top..bottom).map(row).sum();
                pixels.push(((2 * sum + count) / (2 * count)) as u8);
            }
        }
    }
    pixels
}

/// The words under an image, in lines.
struct Caption {
    label: Vec<String>,
    verdict: Vec<String>,
    notes: Vec<String>,
}

impl Caption {
    fn new(image: &Captioned<'_>, width: usize) -> Self {
        Self {
            label: wrap(&image.label, &FONT_10X20, width),
            verdict: wrap(&image.verdict, &FONT_7X13, width),
            notes: image.notes.iter().flat_map(|note| wrap(note, &FONT_7X13, width)).collect(),
        }
    }

    /// The width of the widest line: more than was asked for where a word is wider.
    fn width(&self) -> usize {
        let small = widest(&self.verdict, &FONT_7X13).max(widest(&self.notes, &FONT_7X13));
        small.max(widest(&self.label, &FONT_10X20))
    }
}

/// Where everything on a gallery goes.
#[derive(Debug)]
struct Layout {
    width: usize,
    height: usize,
    scale: Scale,
    lines: Vec<Line>,
    rule: usize,
    places: Vec<Place>,
}

impl Layout {
    /// The layout at the largest scale whose sheet is not too large.
    fn fitting(title: &str, notes: &[String], images: &[Captioned<'_>]) -> Self {
        let longest = images.iter().map(|image| image.cell.height.max(image.cell.width)).fold(1, usize::max);
        let mut scale = Scale::wanted(longest);
        loop {
            let layout = Self::square(title, notes, images, scale);
            let next = scale.smaller();
            if layout.height.max(layout.width) <= LONGEST_SIDE || next.side(longest) < SMALLEST {
                return layout;
            }
            scale = next;
        }
    }

    /// The layout at this scale with the number of columns that makes its longer side shortest.
    fn square(title: &str, notes: &[String], images: &[Captioned<'_>], scale: Scale) -> Self {
        let longest = |layout: &Self| layout.height.max(layout.width);
        let mut best = Self::new(title, notes, images, scale, 1);
        // More columns make it wider and less high: from the best number on it only grows.
        for columns in 2..=images.len() {
            let layout = Self::new(title, notes, images, scale, columns);
            if longest(&layout) > longest(&best) {
                break;
            }
            if longest(&layout) < longest(&best) {
                best = layout;
            }
        }
        best
    }

    fn new(title: &str, notes: &[String], images: &[Captioned<'_>], scale: Scale, columns: usize) -> Self {
        // A column is as wide as the widest image, and wide enough for its captions' words.
        let wanted = images.iter().map(|image| scale.of(&image.cell).1).fold(NARROWEST, usize::max);
        let captions: Vec<Caption> = images.iter().map(|image| Caption::new(image, wanted)).collect();
        let column = captions.iter().map(Caption::width).fold(wanted, usize::max);
        let columns = columns.clamp(1, images.len().max(1));
        let content = columns.saturating_mul(column.saturating_add(COLUMN_GAP)).saturating_sub(COLUMN_GAP);

        let title = wrap(title, &FONT_10X20, content);
        let scaled = scale.words();
        let notes: Vec<String> = notes
            .iter()
            .map(String::as_str)
            .chain([scaled.as_str()])
            .flat_map(|note| wrap(note, &FONT_7X13, content))
            .collect();
        let width = widest(&title, &FONT_10X20).max(widest(&notes, &FONT_7X13)).max(content) + 2 * MARGIN;
        let mut lines = Vec::new();
        let mut y = stack(&mut lines, title, &FONT_10X20, INK, MARGIN, MARGIN) + TEXT_GAP / 2;
        y = stack(&mut lines, notes, &FONT_7X13, MUTED, MARGIN, y) + TEXT_GAP;
        let rule = y;
        y += 1 + ROW_GAP;

        let mut places = Vec::with_capacity(images.len());
        let mut captions = captions.into_iter();
        for row in images.chunks(columns) {
            let image_height = row.iter().map(|image| scale.of(&image.cell).0).fold(0, usize::max);
            let below = y.saturating_add(image_height).saturating_add(TEXT_GAP);
            let mut end = below;
            for (number, (_, caption)) in row.iter().zip(captions.by_ref()).enumerate() {
                let x = MARGIN + number * (column + COLUMN_GAP);
                let factor = match scale {
                    Scale::Up(factor) => factor,
                    // Drawn as they are, once they are reduced.
                    Scale::Down(_) => 1,
                };
                places.push(Place { x, y, scale: factor });
                let mut under = stack(&mut lines, caption.label, &FONT_10X20, INK, x, below);
                under = stack(&mut lines, caption.verdict, &FONT_7X13, INK, x, under);
                end = end.max(stack(&mut lines, caption.notes, &FONT_7X13, MUTED, x, under));
            }
            y = end + ROW_GAP;
        }
        Self { width, height: y - ROW_GAP + MARGIN, scale, lines, rule, places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(height: usize, width: usize, channels: usize) -> Vec<u8> {
        (0..height * width * channels).map(|i| (i * i % 251) as u8).collect()
    }

    fn captioned<'a>(pixels: &'a [u8], height: usize, width: usize, label: &str, notes: &[&str]) -> Captioned<'a> {
        let channels = pixels.len() / (height * width);
        Captioned {
            label: label.to_owned(),
            verdict: "a verdict that may need a second line where there is little space".to_owned(),
            notes: notes.iter().map(|&note| note.to_owned()).collect(),
            cell: Cell { pixels, height, width, channels },
        }
    }

    /// The same grey image many times, with captions of several lengths.
    fn images(pixels: &[u8], count: usize, height: usize, width: usize) -> Vec<Captioned<'_>> {
        let notes = ["a note", "another note, which is long enough to be broken into two lines or three", ""];
        (0..count).map(|i| captioned(pixels, height, width, "label", &notes[..i % 4])).collect()
    }

    #[track_caller]
    fn nothing_overlaps_or_is_cut(layout: &Layout, images: &[Captioned<'_>]) {
        let text = |line: &Line| {
            [
                line.x,
                line.y,
                widest(std::slice::from_ref(&line.text), line.font),
                line.font.character_size.height as usize,
            ]
        };
        let framed = |(image, place): (&Captioned<'_>, &Place)| {
            let (height, width) = layout.scale.of(&image.cell);
            [place.x - 1, place.y - 1, width + 2, height + 2]
        };
        let boxes: Vec<[usize; 4]> =
            layout.lines.iter().map(text).chain(images.iter().zip(&layout.places).map(framed)).collect();
        for (i, a) in boxes.iter().enumerate() {
            assert!(a[0] + a[2] <= layout.width - MARGIN + 1 && a[1] + a[3] <= layout.height - MARGIN + 1, "{a:?}");
            assert!(a[0] >= MARGIN - 1 && a[1] >= MARGIN - 1, "{a:?}");
            for b in &boxes[i + 1..] {
                let apart = a[0] + a[2] <= b[0] || b[0] + b[2] <= a[0] || a[1] + a[3] <= b[1] || b[1] + b[3] <= a[1];
                assert!(apart, "{a:?} and {b:?} overlap");
            }
        }
    }

    #[test]
    fn galleries_of_any_number_and_size_fit_and_are_near_to_square() {
        for count in [0, 1, 2, 7, 19, 40] {
            for (height, width) in
                [(1, 1), (8, 8), (28, 28), (100, 60), (224, 224), (448, 448), (449, 300), (2000, 3000), (3000, 8)]
            {
                let pixels = pixels(height, width, 1);
                let images = images(&pixels, count, height, width);
                let layout = Layout::fitting("A title", &["A note.".to_owned()], &images);
                nothing_overlaps_or_is_cut(&layout, &images);
                assert_eq!(layout.places.len(), count);
                assert!(layout.width.max(layout.height) <= LONGEST_SIDE, "{count} of {height}x{width}");
            }
        }
        let layout = Layout::fitting("", &[], &images(&pixels(224, 224, 1), 19, 224, 224));
        assert!((0.7..1.4).contains(&(layout.width as f64 / layout.height as f64)));
    }

    #[test]
    fn many_images_are_shown_smaller() {
        let pixels = pixels(224, 224, 1);
        let few = Layout::fitting("", &[], &images(&pixels, 4, 224, 224)).scale;
        let many = images(&pixels, 300, 224, 224);
        let layout = Layout::fitting("", &[], &many);
        assert_eq!(few, Scale::Up(1));
        assert!(matches!(layout.scale, Scale::Down(_)), "{:?}", layout.scale);
        nothing_overlaps_or_is_cut(&layout, &many);
    }

    #[test]
    fn a_word_wider_than_its_column_widens_it() {
        let label = "x".repeat(64);
        let images: Vec<_> = (0..3).map(|_| captioned(&[9; 4], 2, 2, &label, &[])).collect();
        nothing_overlaps_or_is_cut(&Layout::fitting("title", &[], &images), &images);
    }

    #[test]
    fn scales_are_whole_and_one_for_all() {
        for (longest, scale) in [
            (1, Scale::Up(288)),
            (28, Scale::Up(10)),
            (128, Scale::Up(2)),
            (145, Scale::Up(1)),
            (448, Scale::Up(1)),
            (449, Scale::Down(2)),
            (3000, Scale::Down(7)),
        ] {
            assert_eq!(Scale::wanted(longest), scale, "{longest}");
        }
        assert_eq!((Scale::Up(2).smaller(), Scale::Up(1).smaller()), (Scale::Up(1), Scale::Down(2)));
        assert_eq!(Scale::Down(7).words(), "Shown reduced: every pixel is the mean of 7x7 pixels.");
    }

    #[test]
    fn small_images_are_shown_exactly_and_large_ones_by_their_means() {
        let (small, large) = (pixels(20, 30, 3), pixels(901, 500, 1));
        for (height, width, pixels) in [(20, 30, &small), (901, 500, &large)] {
            let images = [captioned(pixels, height, width, "label", &["note"])];
            let layout = Layout::fitting("title", &[], &images);
            let sheet = gallery("title", &[], &images).unwrap();
            assert_eq!((sheet.width() as usize, sheet.height() as usize), (layout.width, layout.height));
            let channels = images[0].cell.channels;
            let (shown_height, shown_width) = layout.scale.of(&images[0].cell);
            for y in 0..shown_height {
                for x in 0..shown_width {
                    let shown = sheet.get_pixel((layout.places[0].x + x) as u32, (layout.places[0].y + y) as u32).0;
                    for (channel, &value) in shown.iter().enumerate() {
                        let channel = channel.min(channels - 1);
                        let at = |y: usize, x: usize| f64::from(pixels[(y * width + x) * channels + channel]);
                        let expected = match layout.scale {
                            Scale::Up(factor) => at(y / factor, x / factor),
                            Scale::Down(factor) => {
                                let rows = y * factor..((y + 1) * factor).min(height);
                                let columns = x * factor..((x + 1) * factor).min(width);
                                let count = (rows.len() * columns.len()) as f64;
                                let sum: f64 = rows.flat_map(|y| columns.clone().map(move |x| at(y, x))).sum();
                                (sum / count).round()
                            }
                        };
                        assert_eq!(f64::from(value), expected, "{y}, {x}");
                    }
                }
            }
        }
    }

    #[test]
    fn bad_images_are_refused_by_place() {
        let good = captioned(&[0; 4], 2, 2, "", &[]);
        let bad = Captioned { cell: Cell { pixels: &[0; 4], height: 3, width: 2, channels: 1 }, ..good.clone() };
        let error = gallery("", &[], &[good, bad]).unwrap_err();
        assert_eq!(error, SheetError::PixelCount { row: 1, cell: 0, bytes: 4, height: 3, width: 2, channels: 1 });
    }
}
