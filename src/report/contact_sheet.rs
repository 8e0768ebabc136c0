//! Contact sheets: labelled rows of images side by side, such as plain, encrypted and decrypted.
//!
//! A person looks at the sheet to judge what a scheme hides, so cells are enlarged by whole factors and their
//! pixels are never blended, recoloured or scaled down. It draws into memory; it never reads or writes a file.

use std::convert::Infallible;

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::mono_font::iso_8859_1::{FONT_7X13, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{Drawable, OriginDimensions, Pixel, Point, Size};
use embedded_graphics::text::{Baseline, Text};
use image::{Rgb, RgbImage};
use thiserror::Error;

const BACKGROUND: Rgb<u8> = Rgb([250, 250, 248]);
const RULE: Rgb<u8> = Rgb([205, 208, 212]);
const INK: Rgb888 = Rgb888::new(32, 33, 36);
const MUTED: Rgb888 = Rgb888::new(95, 99, 104);

/// Free space around the sheet.
const MARGIN: usize = 24;
/// Between columns, and between the labels and the first column.
const COLUMN_GAP: usize = 20;
const ROW_GAP: usize = 20;
/// Between text and what it belongs to.
const TEXT_GAP: usize = 8;
/// Cells are enlarged until their longer side has at least this many pixels.
const LEGIBLE: usize = 128;
/// Labels and notes are broken into lines of about this width.
const LABEL_WIDTH: usize = 250;
/// A title is not broken narrower than this, however little there is below it.
const TITLE_WIDTH: usize = 400;
/// The most pixels a sheet may have: 384 MiB of RGB.
const MOST_PIXELS: usize = 1 << 27;

/// One image of a sheet.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    /// `height x width x channels` bytes: row by row, the channels of a pixel together.
    pub pixels: &'a [u8],
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// 1 for grey, 3 for RGB.
    pub channels: usize,
}

/// One row of a sheet: a label, a smaller note under it, and images.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// What the row shows, such as a scheme's name.
    pub label: String,
    /// What to know about it, such as `block 4, one key for all blocks`. May be empty.
    pub note: String,
    /// The images, one for each column. A row with fewer leaves the columns to the right empty.
    pub cells: Vec<Cell<'a>>,
}

/// Why [`contact_sheet`] drew nothing. Rows and cells are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ContactSheetError {
    /// A cell has another number of channels than 1 or 3.
    #[error("cell {cell} of row {row} has {channels} channels, not 1 or 3")]
    Channels {
        /// The row.
        row: usize,
        /// The cell in the row.
        cell: usize,
        /// Its channels.
        channels: usize,
    },
    /// A cell has no pixels.
    #[error("cell {cell} of row {row} is empty ({height}x{width})")]
    EmptyCell {
        /// The row.
        row: usize,
        /// The cell in the row.
        cell: usize,
        /// Its height.
        height: usize,
        /// Its width.
        width: usize,
    },
    /// A cell's bytes do not make an image of its size.
    #[error("cell {cell} of row {row} has {bytes} bytes, not {height}x{width}x{channels}")]
    PixelCount {
        /// The row.
        row: usize,
        /// The cell in the row.
        cell: usize,
        /// The bytes it has.
        bytes: usize,
        /// Its height.
        height: usize,
        /// Its width.
        width: usize,
        /// Its channels.
        channels: usize,
    },
    /// The sheet would have more pixels than a viewer can be expected to open.
    #[error("the sheet would have {height}x{width} pixels: use fewer or smaller images")]
    TooLarge {
        /// The height it would have.
        height: usize,
        /// The width it would have.
        width: usize,
    },
}

/// A contact sheet: `title` at the top, a heading over each column, then the rows.
///
/// Each cell is enlarged by the smallest whole factor that makes its longer side 128 pixels or more (so not at
/// all from 128 on) and is centred in its column and row. Text is drawn in Latin-1; any other character shows as a
/// question mark, and line breaks and runs of spaces as one space. Long titles, labels and notes are broken
/// between words. Headings beyond the cells, and cells beyond the headings, each get a column.
///
/// # Errors
///
/// [`ContactSheetError`] where a cell's bytes do not match its size, a cell has no pixels or a number of
/// channels other than 1 and 3, or the sheet would be larger than 2^27 pixels.
pub fn contact_sheet(title: &str, columns: &[&str], rows: &[Row<'_>]) -> Result<RgbImage, ContactSheetError> {
    check(rows)?;
    let layout = Layout::new(title, columns, rows);
    let too_large = || ContactSheetError::TooLarge { height: layout.height, width: layout.width };
    if layout.width.checked_mul(layout.height).is_none_or(|pixels| pixels > MOST_PIXELS) {
        return Err(too_large());
    }
    let width = u32::try_from(layout.width).map_err(|_| too_large())?;
    let height = u32::try_from(layout.height).map_err(|_| too_large())?;

    let mut canvas = Canvas(RgbImage::from_pixel(width, height, BACKGROUND));
    for line in &layout.lines {
        canvas.text(line);
    }
    if let Some(y) = layout.rule {
        canvas.fill(MARGIN, y, layout.width - 2 * MARGIN, 1, RULE);
    }
    for (row, places) in rows.iter().zip(&layout.places) {
        for (cell, place) in row.cells.iter().zip(places) {
            canvas.cell(cell, place);
        }
    }
    Ok(canvas.0)
}

/// Refuses cells that cannot be drawn.
fn check(rows: &[Row<'_>]) -> Result<(), ContactSheetError> {
    for (row, cells) in rows.iter().map(|row| &row.cells).enumerate() {
        for (cell, &Cell { pixels, height, width, channels }) in cells.iter().enumerate() {
            if channels != 1 && channels != 3 {
                return Err(ContactSheetError::Channels { row, cell, channels });
            }
            if height == 0 || width == 0 {
                return Err(ContactSheetError::EmptyCell { row, cell, height, width });
            }
            let bytes = height.checked_mul(width).and_then(|area| area.checked_mul(channels));
            if bytes != Some(pixels.len()) {
                let bytes = pixels.len();
                return Err(ContactSheetError::PixelCount { row, cell, bytes, height, width, channels });
            }
        }
    }
    Ok(())
}

/// A line of text and the place of its top left corner.
#[derive(Debug)]
struct Line {
    text: String,
    font: &'static MonoFont<'static>,
    colour: Rgb888,
    x: usize,
    y: usize,
}

/// Where a cell's enlarged pixels begin, and by how much they are enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    x: usize,
    y: usize,
    scale: usize,
}

/// Where everything on a sheet goes.
#[derive(Debug)]
struct Layout {
    width: usize,
    height: usize,
    lines: Vec<Line>,
    /// The height of the rule under the title, where there is a title.
    rule: Option<usize>,
    /// For each row, the place of each of its cells.
    places: Vec<Vec<Place>>,
}

impl Layout {
    fn new(title: &str, columns: &[&str], rows: &[Row<'_>]) -> Self {
        let headings: Vec<String> = columns.iter().map(|heading| one_line(heading)).collect();
        let texts: Vec<(Vec<String>, Vec<String>)> = rows
            .iter()
            .map(|row| (wrap(&row.label, &FONT_10X20, LABEL_WIDTH), wrap(&row.note, &FONT_7X13, LABEL_WIDTH)))
            .collect();

        // Widths: a column is as wide as its widest cell or its heading, whichever is more.
        let count = rows.iter().map(|row| row.cells.len()).fold(headings.len(), usize::max);
        let mut column_widths = vec![0; count];
        for (width, heading) in column_widths.iter_mut().zip(&headings) {
            *width = text_width(heading, &FONT_10X20);
        }
        for row in rows {
            for (width, cell) in column_widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(scale(cell) * cell.width);
            }
        }
        let labels_width = texts
            .iter()
            .map(|(label, note)| widest(label, &FONT_10X20).max(widest(note, &FONT_7X13)))
            .fold(0, usize::max);
        let mut column_starts = Vec::with_capacity(count);
        let mut x = MARGIN + labels_width;
        for &width in &column_widths {
            // Without any labels the first column begins at the margin.
            x += if x == MARGIN { 0 } else { COLUMN_GAP };
            column_starts.push(x);
            x += width;
        }
        let content = x - MARGIN;
        let title = wrap(title, &FONT_10X20, content.max(TITLE_WIDTH));
        let width = content.max(widest(&title, &FONT_10X20)) + 2 * MARGIN;

        // Heights, from the top down.
        let mut lines = Vec::new();
        let mut y = MARGIN;
        let mut rule = None;
        if !title.is_empty() {
            y = stack(&mut lines, title, &FONT_10X20, INK, MARGIN, y) + TEXT_GAP;
            rule = Some(y);
            y += 1 + ROW_GAP;
        }
        if headings.iter().any(|heading| !heading.is_empty()) {
            for ((text, &start), &width) in headings.into_iter().zip(&column_starts).zip(&column_widths) {
                let x = start + (width - text_width(&text, &FONT_10X20)) / 2;
                lines.push(Line { text, font: &FONT_10X20, colour: MUTED, x, y });
            }
            y += text_height(&FONT_10X20) + TEXT_GAP;
        }
        let mut places = Vec::with_capacity(rows.len());
        for (row, (label, note)) in rows.iter().zip(texts) {
            let gap = if label.is_empty() || note.is_empty() { 0 } else { TEXT_GAP / 2 };
            let texts_height = label.len() * text_height(&FONT_10X20) + gap + note.len() * text_height(&FONT_7X13);
            let cells_height = row.cells.iter().map(|cell| scale(cell) * cell.height).fold(0, usize::max);
            let height = texts_height.max(cells_height);

            let top = y + (height - texts_height) / 2;
            let below = stack(&mut lines, label, &FONT_10X20, INK, MARGIN, top) + gap;
            stack(&mut lines, note, &FONT_7X13, MUTED, MARGIN, below);

            let row_places =
                row.cells.iter().zip(column_starts.iter().zip(&column_widths)).map(|(cell, (&start, &width))| {
                    let scale = scale(cell);
                    Place {
                        x: start + (width - scale * cell.width) / 2,
                        y: y + (height - scale * cell.height) / 2,
                        scale,
                    }
                });
            places.push(row_places.collect());
            y += height + ROW_GAP;
        }
        // The gap after the last row is not needed; the gap after a title or a heading alone does no harm.
        let height = if rows.is_empty() { y } else { y - ROW_GAP } + MARGIN;
        Self { width, height, lines, rule, places }
    }
}

/// Adds lines under one another from `y` down and returns where they end.
fn stack(
    lines: &mut Vec<Line>,
    texts: Vec<String>,
    font: &'static MonoFont<'static>,
    colour: Rgb888,
    x: usize,
    mut y: usize,
) -> usize {
    for text in texts {
        lines.push(Line { text, font, colour, x, y });
        y += text_height(font);
    }
    y
}

/// By how much a cell is enlarged.
fn scale(cell: &Cell<'_>) -> usize {
    LEGIBLE.div_ceil(cell.height.max(cell.width).max(1))
}

fn text_height(font: &MonoFont<'_>) -> usize {
    font.character_size.height as usize
}

/// The width of a line of text: every character has the same.
fn text_width(text: &str, font: &MonoFont<'_>) -> usize {
    text.chars().count() * (font.character_size.width + font.character_spacing) as usize
}

fn widest(lines: &[String], font: &MonoFont<'_>) -> usize {
    lines.iter().map(|line| text_width(line, font)).fold(0, usize::max)
}

/// The text on one line. Control characters become spaces: a line break inside a drawn text would run it over
/// what lies below.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text in lines of at most `width` pixels, broken between words. A longer word keeps a line of its own.
fn wrap(text: &str, font: &MonoFont<'_>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in one_line(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(line, font) + text_width(" ", font) + text_width(word, font) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The sheet being drawn. What lies outside it is left out, never wrapped around.
struct Canvas(RgbImage);

impl Canvas {
    fn set(&mut self, x: usize, y: usize, colour: Rgb<u8>) {
        if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
            && let Some(pixel) = self.0.get_pixel_mut_checked(x, y)
        {
            *pixel = colour;
        }
    }

    fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Rgb<u8>) {
        for row in y..y + height {
            for column in x..x + width {
                self.set(column, row, colour);
            }
        }
    }

    fn text(&mut self, line: &Line) {
        // Drawn only within the checked size of the sheet, far below i32's limit.
        let (Ok(x), Ok(y)) = (i32::try_from(line.x), i32::try_from(line.y)) else {
            return;
        };
        let style = MonoTextStyle::new(line.font, line.colour);
        let Ok(_) = Text::with_baseline(&line.text, Point::new(x, y), style, Baseline::Top).draw(self);
    }

    /// A cell in a thin frame, which tells a light image from the background. The frame lies around the
    /// pixels, not on them.
    fn cell(&mut self, cell: &Cell<'_>, place: &Place) {
        let &Place { x, y, scale } = place;
        self.fill(x - 1, y - 1, cell.width * scale + 2, cell.height * scale + 2, RULE);
        for (at, pixel) in cell.pixels.chunks_exact(cell.channels).enumerate() {
            let colour = match *pixel {
                [red, green, blue] => Rgb([red, green, blue]),
                [grey, ..] => Rgb([grey; 3]),
                [] => continue,
            };
            let (row, column) = (at / cell.width, at % cell.width);
            self.fill(x + column * scale, y + row * scale, scale, scale, colour);
        }
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(point, colour) in pixels {
            if let (Ok(x), Ok(y)) = (usize::try_from(point.x), usize::try_from(point.y)) {
                self.set(x, y, Rgb([colour.r(), colour.g(), colour.b()]));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(pixels: &[u8], side: usize) -> Cell<'_> {
        Cell { pixels, height: side, width: side, channels: 1 }
    }

    fn row<'a>(label: &str, note: &str, cells: Vec<Cell<'a>>) -> Row<'a> {
        Row { label: label.to_owned(), note: note.to_owned(), cells }
    }

    /// Every enlarged pixel of every cell equals its source.
    fn assert_exact(sheet: &RgbImage, layout: &Layout, rows: &[Row<'_>]) {
        for (row, places) in rows.iter().zip(&layout.places) {
            assert_eq!(row.cells.len(), places.len());
            for (cell, place) in row.cells.iter().zip(places) {
                for y in 0..cell.height * place.scale {
                    for x in 0..cell.width * place.scale {
                        let at = (y / place.scale * cell.width + x / place.scale) * cell.channels;
                        let source = &cell.pixels[at..at + cell.channels];
                        let expected = if cell.channels == 3 { source.to_vec() } else { vec![source[0]; 3] };
                        let shown = sheet.get_pixel((place.x + x) as u32, (place.y + y) as u32);
                        assert_eq!(shown.0[..], expected);
                    }
                }
            }
        }
    }

    /// The rectangles of everything on the sheet: x, y, width, height.
    fn boxes(layout: &Layout, rows: &[Row<'_>]) -> Vec<[usize; 4]> {
        let texts = layout
            .lines
            .iter()
            .filter(|line| !line.text.is_empty())
            .map(|line| [line.x, line.y, text_width(&line.text, line.font), text_height(line.font)]);
        let cells = rows.iter().zip(&layout.places).flat_map(|(row, places)| {
            let framed = |(cell, place): (&Cell<'_>, &Place)| {
                let Place { x, y, scale } = *place;
                [x - 1, y - 1, cell.width * scale + 2, cell.height * scale + 2]
            };
            row.cells.iter().zip(places).map(framed).collect::<Vec<_>>()
        });
        texts.chain(cells).collect()
    }

    fn assert_nothing_overlaps_or_is_cut(layout: &Layout, rows: &[Row<'_>]) {
        let boxes = boxes(layout, rows);
        for (i, a) in boxes.iter().enumerate() {
            assert!(a[0] >= MARGIN - 1 && a[0] + a[2] <= layout.width - MARGIN + 1, "{a:?} in {layout:?}");
            assert!(a[1] >= MARGIN - 1 && a[1] + a[3] <= layout.height - MARGIN + 1, "{a:?} in {layout:?}");
            for b in &boxes[i + 1..] {
                let apart = a[0] + a[2] <= b[0] || b[0] + b[2] <= a[0] || a[1] + a[3] <= b[1] || b[1] + b[3] <= a[1];
                assert!(apart, "{a:?} and {b:?} overlap");
            }
        }
    }

    #[test]
    fn cells_are_enlarged_exactly_and_nothing_overlaps() {
        let small: Vec<u8> = (0..28 * 28).map(|i| (i % 251) as u8).collect();
        let medium: Vec<u8> = (0..64 * 64).map(|i| (i % 241) as u8).collect();
        let colour: Vec<u8> = (0..40 * 60 * 3).map(|i| (i % 239) as u8).collect();
        let large: Vec<u8> = (0..256 * 256).map(|i| (i % 233) as u8).collect();
        let wide = Cell { pixels: &colour, height: 40, width: 60, channels: 3 };
        let rows = [
            row("pixel shuffling", "block 4, one key for all blocks", vec![grey(&small, 28), grey(&medium, 64), wide]),
            row(
                "a label that is long enough to be broken",
                "a note that is long enough to be broken too, twice if need be",
                vec![grey(&large, 256)],
            ),
            row("", "", vec![wide, wide, wide, grey(&small, 28)]),
            row("unbreakable-label-of-more-than-the-usual-width", "", vec![]),
        ];
        let columns = ["plain", "a heading wider than its cells", ""];
        let title = "A title that is long, but not longer than the sheet is wide";
        let layout = Layout::new(title, &columns, &rows);
        let sheet = contact_sheet(title, &columns, &rows).unwrap();
        assert_eq!((sheet.width() as usize, sheet.height() as usize), (layout.width, layout.height));
        assert_exact(&sheet, &layout, &rows);
        assert_nothing_overlaps_or_is_cut(&layout, &rows);
        let scales: Vec<usize> = layout.places[0].iter().map(|place| place.scale).collect();
        assert_eq!(scales, [5, 2, 3]);
        assert_eq!(layout.places[1][0].scale, 1);
    }

    #[test]
    fn text_is_drawn_where_the_layout_says() {
        let pixels = [200; 16];
        let rows = [row("label", "note", vec![grey(&pixels, 4)])];
        let layout = Layout::new("title", &["column"], &rows);
        let sheet = contact_sheet("title", &["column"], &rows).unwrap();
        assert_eq!(layout.lines.len(), 4);
        for line in &layout.lines {
            let inked = (0..text_height(line.font))
                .flat_map(|y| (0..text_width(&line.text, line.font)).map(move |x| (x, y)))
                .filter(|&(x, y)| {
                    let Rgb([r, g, b]) = *sheet.get_pixel((line.x + x) as u32, (line.y + y) as u32);
                    Rgb888::new(r, g, b) == line.colour
                })
                .count();
            assert!(inked > 20, "{line:?}");
        }
    }

    #[test]
    fn sheets_without_rows_columns_or_text_are_drawn() {
        let pixels = [0; 9];
        let bare = [row("", "", vec![grey(&pixels, 3)])];
        let no_cells = [row("label", "note", vec![])];
        let cases: [(&str, &[&str], &[Row<'_>]); 6] = [
            ("", &[], &[]),
            ("title", &[], &[]),
            ("title", &["plain", "encrypted"], &[]),
            ("", &[], &bare),
            ("", &["plain"], &no_cells),
            ("a title\nover two lines, and wider than anything that lies below it", &[], &bare),
        ];
        for (title, columns, rows) in cases {
            let layout = Layout::new(title, columns, rows);
            assert_nothing_overlaps_or_is_cut(&layout, rows);
            let sheet = contact_sheet(title, columns, rows).unwrap();
            assert_exact(&sheet, &layout, rows);
        }
    }

    #[test]
    fn characters_outside_latin_1_take_one_place_each() {
        let rows = [row("Röntgen 4×4 → 校", "emoji 🙂 and \u{7} a bell", vec![])];
        let layout = Layout::new("", &[], &rows);
        assert_nothing_overlaps_or_is_cut(&layout, &rows);
        contact_sheet("", &[], &rows).unwrap();
    }

    #[test]
    fn bad_cells_are_refused_by_place() {
        let pixels = [0; 12];
        let good = grey(&pixels[..4], 2);
        let with = |cell| contact_sheet("", &[], &[row("", "", vec![good]), row("", "", vec![good, cell])]);
        assert_eq!(
            with(grey(&pixels, 3)),
            Err(ContactSheetError::PixelCount { row: 1, cell: 1, bytes: 12, height: 3, width: 3, channels: 1 })
        );
        assert_eq!(
            with(Cell { pixels: &pixels, height: 3, width: 2, channels: 2 }),
            Err(ContactSheetError::Channels { row: 1, cell: 1, channels: 2 })
        );
        assert_eq!(
            with(Cell { pixels: &[], height: 0, width: 2, channels: 1 }),
            Err(ContactSheetError::EmptyCell { row: 1, cell: 1, height: 0, width: 2 })
        );
        assert!(matches!(
            with(Cell { pixels: &pixels, height: usize::MAX, width: 2, channels: 3 }),
            Err(ContactSheetError::PixelCount { .. })
        ));
    }

    #[test]
    fn sheets_of_absurd_size_are_refused() {
        let pixels = vec![0; 100_000];
        let flat = Cell { pixels: &pixels, height: 1, width: 100_000, channels: 1 };
        let tall = Cell { pixels: &pixels, height: 100_000, width: 1, channels: 1 };
        let sheet = contact_sheet("", &[], &[row("", "", vec![flat, tall])]);
        assert!(matches!(sheet, Err(ContactSheetError::TooLarge { .. })));
    }
}
