//! Contact sheets: labelled rows of pictures side by side, such as plain, encrypted and decrypted.

use super::drawing::Drawing;
use super::text::{LABEL, NOTE, Style, TITLE};
use crate::error::Error;
use image::RgbImage;
use image::imageops::{FilterType, resize};

/// Pictures are enlarged until their longer side has at least this many pixels.
const LEGIBLE: u32 = 128;
/// The width at which labels and notes are broken into lines.
const LABEL_WIDTH: usize = 260;
/// A title is not broken into shorter lines than this, even if the content below it is narrow.
const TITLE_WIDTH: usize = 400;
/// The style of a column's heading.
const HEADING: Style = Style { size: 16.0, ..LABEL };
const COLUMN_GAP: usize = 20;
const ROW_GAP: usize = 24;

/// One row of a sheet: a label, a smaller note under it, and pictures.
#[derive(Debug, Clone)]
pub struct Row {
    /// What the row shows, such as a scheme's name.
    pub label: String,
    /// What the reader should know about it, such as `block 4, one key for all blocks`. May be empty.
    pub note: String,
    /// The pictures, one for each column. A row with fewer leaves the columns to the right empty.
    pub pictures: Vec<RgbImage>,
}

/// A contact sheet: `title` at the top, a heading over each column, then the rows.
///
/// Each picture is enlarged by the smallest whole factor that makes its longer side 128 pixels or more, and is centred
/// in its column and row. Its pixels are never blended or scaled down. Headings beyond the pictures, and pictures
/// beyond the headings, each get a column.
///
/// # Errors
/// When the sheet would have more than 2^27 pixels.
pub fn contact_sheet(title: &str, columns: &[&str], rows: &[Row]) -> Result<RgbImage, Error> {
    let pictures: Vec<Vec<RgbImage>> = rows.iter().map(|row| row.pictures.iter().map(enlarged).collect()).collect();
    layout(title, columns, rows, &pictures).into_sheet()
}

fn layout<'a>(title: &str, columns: &[&str], rows: &[Row], pictures: &'a [Vec<RgbImage>]) -> Drawing<'a> {
    let headings: Vec<Drawing<'_>> = columns.iter().map(|text| Drawing::text(text, HEADING, usize::MAX)).collect();
    // A column is as wide as its widest picture or its heading, whichever is wider.
    let count = pictures.iter().map(Vec::len).fold(headings.len(), usize::max);
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.width).collect();
    widths.resize(count, 0);
    for row in pictures {
        for (width, picture) in widths.iter_mut().zip(row) {
            *width = (*width).max(Drawing::picture(picture).width);
        }
    }
    let text =
        |row: &Row| Drawing::text(&row.label, LABEL, LABEL_WIDTH).below(2, Drawing::text(&row.note, NOTE, LABEL_WIDTH));
    let labels: Vec<Drawing<'_>> = rows.iter().map(text).collect();
    let labels_width = labels.iter().map(|label| label.width).fold(0, usize::max);

    let in_columns = |label: Drawing<'a>, cells: Vec<Drawing<'a>>| {
        let height = cells.iter().map(|cell| cell.height).fold(label.height, usize::max);
        let label = centred(label.at_least(labels_width), labels_width, height);
        let columns = cells.into_iter().zip(&widths).map(|(cell, &width)| centred(cell, width, height));
        columns.fold(label, |row, cell| row.beside(COLUMN_GAP, cell))
    };
    let head = in_columns(Drawing::default(), headings);
    let mut table =
        if head.height > 0 && columns.iter().any(|heading| !heading.is_empty()) { head } else { Drawing::default() };
    for (number, (label, row)) in labels.into_iter().zip(pictures).enumerate() {
        let gap = if number == 0 { 8 } else { ROW_GAP };
        table = table.below(gap, in_columns(label, row.iter().map(Drawing::picture).collect()));
    }
    let title = Drawing::text(title, TITLE, table.width.max(TITLE_WIDTH));
    if title.height == 0 {
        return table;
    }
    let rule = Drawing::rule(title.width.max(table.width));
    title.below(12, rule).below(20, table)
}

/// Centres a drawing in an area of at least this size.
fn centred(drawing: Drawing<'_>, width: usize, height: usize) -> Drawing<'_> {
    let (x, y) = (width.saturating_sub(drawing.width) / 2, height.saturating_sub(drawing.height) / 2);
    let mut place = Drawing::default();
    (place.width, place.height) = (width, height);
    place.with(x, y, drawing)
}

fn enlarged(picture: &RgbImage) -> RgbImage {
    let factor = LEGIBLE.div_ceil(picture.width().max(picture.height()).max(1));
    resize(picture, picture.width() * factor, picture.height() * factor, FilterType::Nearest)
}

#[cfg(test)]
mod tests {
    use super::super::drawing::{assert_nothing_overlaps, picture_places};
    use super::*;

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 7) as u8, (y * 5) as u8, ((x * y) % 239) as u8]))
    }

    fn row(label: &str, note: &str, pictures: Vec<RgbImage>) -> Row {
        Row { label: label.to_owned(), note: note.to_owned(), pictures }
    }

    /// Draws a sheet and checks that nothing overlaps and that every enlarged pixel equals its source.
    #[track_caller]
    fn assert_exact(title: &str, columns: &[&str], rows: &[Row]) {
        let pictures: Vec<Vec<RgbImage>> = rows.iter().map(|row| row.pictures.iter().map(enlarged).collect()).collect();
        let drawing = layout(title, columns, rows, &pictures);
        assert_nothing_overlaps(&drawing);
        let places = picture_places(&drawing);
        let sheet = contact_sheet(title, columns, rows).unwrap();
        assert_eq!((sheet.height() as usize, sheet.width() as usize), drawing.sheet_size());
        assert_eq!(places.len(), rows.iter().map(|row| row.pictures.len()).sum::<usize>());
        for (picture, (left, top)) in rows.iter().flat_map(|row| &row.pictures).zip(places) {
            let factor = 128u32.div_ceil(picture.width().max(picture.height()));
            for y in 0..picture.height() * factor {
                for x in 0..picture.width() * factor {
                    let shown = sheet.get_pixel(left as u32 + x, top as u32 + y);
                    assert_eq!(shown, picture.get_pixel(x / factor, y / factor));
                }
            }
        }
    }

    #[test]
    fn pictures_are_enlarged_exactly_and_nothing_overlaps() {
        let rows = [
            row(
                "pixel shuffling",
                "block 4, one key for all blocks",
                vec![picture(28, 28), picture(64, 64), picture(60, 40)],
            ),
            row(
                "a label that is long enough to be broken into two",
                "a note that is long enough to be broken too, twice if need be",
                vec![picture(256, 256)],
            ),
            row("", "", vec![picture(60, 40), picture(60, 40), picture(60, 40), picture(28, 28)]),
            row("unbreakable-label-of-more-than-the-usual-width", "", vec![]),
        ];
        let columns = ["plain", "a heading wider than its pictures", ""];
        assert_exact("A title that is long, but not longer than the sheet is wide", &columns, &rows);
    }

    #[test]
    fn sheets_without_rows_columns_or_text_are_drawn() {
        let bare = [row("", "", vec![picture(3, 3)])];
        let no_pictures = [row("label", "note", vec![])];
        let cases: [(&str, &[&str], &[Row]); 6] = [
            ("", &[], &[]),
            ("title", &[], &[]),
            ("title", &["plain", "encrypted"], &[]),
            ("", &[], &bare),
            ("", &["plain"], &no_pictures),
            ("a title\nover two lines, and wider than anything that lies below it", &[], &bare),
        ];
        for (title, columns, rows) in cases {
            assert_exact(title, columns, rows);
        }
    }

    #[test]
    fn sheets_of_absurd_size_are_refused() {
        let sheet = contact_sheet("", &[], &[row("", "", vec![picture(100_000, 1), picture(1, 100_000)])]);
        assert!(sheet.unwrap_err().to_string().contains("use fewer or smaller images"));
    }
}
