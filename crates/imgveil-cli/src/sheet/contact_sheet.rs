//! Contact sheets: labelled rows of images side by side, such as plain, encrypted and decrypted.
//!
//! A person looks at the sheet to judge what a scheme hides, so cells are enlarged by whole factors and their
//! pixels are never blended, recoloured or scaled down. It draws into memory; it never reads or writes a file.

use super::canvas::{
    COLUMN_GAP, Canvas, Cell, INK, Line, MARGIN, MUTED, Place, ROW_GAP, RULE, SheetError, TEXT_GAP, check, one_line,
    stack, text_height, text_width, widest, wrap,
};
use embedded_graphics::mono_font::iso_8859_1::{FONT_7X13, FONT_10X20};
use image::RgbImage;

/// Cells are enlarged until their longer side has at least this many pixels.
const LEGIBLE: usize = 128;
/// Labels and notes are broken into lines of about this width.
const LABEL_WIDTH: usize = 250;
/// A title is not broken narrower than this, however little there is below it.
const TITLE_WIDTH: usize = 400;
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

/// A contact sheet: `title` at the top, a heading over each column, then the rows.
///
/// Each cell is enlarged by the smallest whole factor that makes its longer side 128 pixels or more (so not at
/// all from 128 on) and is centred in its column and row. Text is drawn in Latin-1; any other character shows as a
/// question mark, and line breaks and runs of spaces as one space. Long titles, labels and notes are broken
/// between words. Headings beyond the cells, and cells beyond the headings, each get a column.
///
/// # Errors
///
/// [`SheetError`] where a cell's bytes do not match its size, a cell has no pixels or a number of
/// channels other than 1 and 3, or the sheet would be larger than 2^27 pixels.
pub fn contact_sheet(title: &str, columns: &[&str], rows: &[Row<'_>]) -> Result<RgbImage, SheetError> {
    for (row, cells) in rows.iter().enumerate() {
        for (cell, drawn) in cells.cells.iter().enumerate() {
            check(row, cell, drawn)?;
        }
    }
    let layout = Layout::new(title, columns, rows);
    let mut canvas = Canvas::new(layout.height, layout.width)?;
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
    Ok(canvas.finish())
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

/// By how much a cell is enlarged.
fn scale(cell: &Cell<'_>) -> usize {
    LEGIBLE.div_ceil(cell.height.max(cell.width).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::pixelcolor::Rgb888;
    use image::Rgb;

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
            Err(SheetError::PixelCount { row: 1, cell: 1, bytes: 12, height: 3, width: 3, channels: 1 })
        );
        assert_eq!(
            with(Cell { pixels: &pixels, height: 3, width: 2, channels: 2 }),
            Err(SheetError::Channels { row: 1, cell: 1, channels: 2 })
        );
        assert_eq!(
            with(Cell { pixels: &[], height: 0, width: 2, channels: 1 }),
            Err(SheetError::EmptyCell { row: 1, cell: 1, height: 0, width: 2 })
        );
        assert!(matches!(
            with(Cell { pixels: &pixels, height: usize::MAX, width: 2, channels: 3 }),
            Err(SheetError::PixelCount { .. })
        ));
    }

    #[test]
    fn sheets_of_absurd_size_are_refused() {
        let pixels = vec![0; 100_000];
        let flat = Cell { pixels: &pixels, height: 1, width: 100_000, channels: 1 };
        let tall = Cell { pixels: &pixels, height: 100_000, width: 1, channels: 1 };
        let sheet = contact_sheet("", &[], &[row("", "", vec![flat, tall])]);
        assert!(matches!(sheet, Err(SheetError::TooLarge { .. })));
    }
}
