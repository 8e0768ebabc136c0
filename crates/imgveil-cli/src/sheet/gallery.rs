//! Galleries: captioned pictures in a grid, such as one image under many schemes.
//!
//! All pictures of a gallery are shown at one scale, so that they can be compared. Small pictures are enlarged by a
//! whole factor. Large pictures are reduced by a whole factor: every pixel shown is the mean of a square of pixels. The
//! gallery states the scale under its title.

use super::drawing::Drawing;
use super::text::{LABEL, NOTE, Style, TITLE};
use crate::error::Error;
use image::imageops::{FilterType, resize};
use image::{Rgb, RgbImage};

/// Pictures are enlarged as long as their longer side stays below this.
const ENLARGED: usize = 288;
/// Pictures whose longer side is above this are reduced.
const REDUCED: usize = 448;
/// Columns are not narrower than this, so that captions can be read.
const NARROWEST: usize = 224;
/// The scale is chosen so that no side of the sheet is longer than this, unless the pictures would become too small.
const LONGEST_SIDE: usize = 3000;
/// The smallest size of the pictures: the longer side of the largest picture.
const SMALLEST: usize = 64;
const COLUMN_GAP: usize = 28;
const ROW_GAP: usize = 28;

/// A picture with a caption under it.
#[derive(Debug, Clone)]
pub struct Captioned {
    /// What the picture shows.
    pub label: String,
    /// The result, in a few words under the label.
    pub verdict: String,
    /// Whether the result is the desired one. Decides the colour of the verdict.
    pub good: bool,
    /// What the reader should know about it, each note on lines of its own.
    pub notes: Vec<String>,
    /// The picture.
    pub picture: RgbImage,
}

/// A gallery: `title` at the top, `notes` under it, then the pictures in rows; the sheet is nearly square.
///
/// # Errors
/// When the sheet would have more than 2^27 pixels.
pub fn gallery(title: &str, notes: &[String], images: &[Captioned]) -> Result<RgbImage, Error> {
    let scale = Scale::fitting(title, notes, images);
    let pictures: Vec<RgbImage> = images.iter().map(|image| scale.apply(&image.picture)).collect();
    layout(title, notes, images, &pictures, scale).into_sheet()
}

/// The factor by which all pictures are enlarged or reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// Every pixel becomes a square of this side.
    Up(usize),
    /// Every square of this side becomes a pixel.
    Down(usize),
}

impl Scale {
    /// The largest scale whose sheet is not too large.
    fn fitting(title: &str, notes: &[String], images: &[Captioned]) -> Self {
        let longest =
            images.iter().map(|image| image.picture.width().max(image.picture.height())).fold(1, u32::max) as usize;
        let mut scale = Self::wanted(longest);
        loop {
            let next = scale.smaller();
            // Blank pictures of the right size, only for the layout.
            let sizes: Vec<RgbImage> = images.iter().map(|image| scale.blank(&image.picture)).collect();
            let (height, width) = layout(title, notes, images, &sizes, scale).sheet_size();
            if height.max(width) <= LONGEST_SIDE || next.side(longest) < SMALLEST {
                return scale;
            }
            scale = next;
        }
    }

    /// The first scale to try for pictures whose longest side is this.
    fn wanted(longest: usize) -> Self {
        if longest > REDUCED {
            Scale::Down(longest.div_ceil(REDUCED))
        } else {
            Scale::Up((ENLARGED / longest.max(1)).max(1))
        }
    }

    /// The next smaller scale.
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

    fn blank(self, picture: &RgbImage) -> RgbImage {
        RgbImage::new(self.side(picture.width() as usize) as u32, self.side(picture.height() as usize) as u32)
    }

    fn apply(self, picture: &RgbImage) -> RgbImage {
        let shown = self.blank(picture);
        match self {
            Scale::Up(_) => resize(picture, shown.width(), shown.height(), FilterType::Nearest),
            Scale::Down(factor) => {
                RgbImage::from_fn(shown.width(), shown.height(), |x, y| mean(picture, factor as u32, x, y))
            }
        }
    }

    /// The scale in words, for the top of the sheet.
    fn words(self) -> String {
        match self {
            Scale::Up(1) => "Shown pixel by pixel.".to_owned(),
            Scale::Up(factor) => format!("Shown enlarged: every pixel is a square of {factor}x{factor}."),
            Scale::Down(factor) => format!("Shown reduced: every pixel is the mean of {factor}x{factor} pixels."),
        }
    }
}

/// The mean of square (`x`, `y`), half rounded up. Computed here, because the filters of `image` blend over the edges
/// of a square.
fn mean(picture: &RgbImage, factor: u32, x: u32, y: u32) -> Rgb<u8> {
    let (mut sums, mut count) = ([0; 3], 0);
    for row in y * factor..((y + 1) * factor).min(picture.height()) {
        for column in x * factor..((x + 1) * factor).min(picture.width()) {
            let pixel = picture.get_pixel(column, row).0;
            sums = std::array::from_fn(|i| sums[i] + u64::from(pixel[i]));
            count += 1;
        }
    }
    Rgb(sums.map(|sum| ((2 * sum + count) / (2 * count).max(1)) as u8))
}

/// Lays out the gallery, as nearly square as whole columns allow.
fn layout<'a>(
    title: &str,
    notes: &[String],
    images: &[Captioned],
    pictures: &'a [RgbImage],
    scale: Scale,
) -> Drawing<'a> {
    // A column is as wide as the widest picture, and wide enough for its captions' words.
    let wanted = pictures.iter().map(|picture| picture.width() as usize + 2).fold(NARROWEST, usize::max);
    let tiles: Vec<Drawing<'_>> = images
        .iter()
        .zip(pictures)
        .map(|(image, picture)| Drawing::picture(picture).below(10, caption(image, wanted)))
        .collect();
    let column = tiles.iter().map(|tile| tile.width).fold(wanted, usize::max);

    let size = |columns: usize| {
        let height: usize =
            tiles.chunks(columns).map(|row| row.iter().map(|tile| tile.height).fold(0, usize::max) + ROW_GAP).sum();
        (columns * (column + COLUMN_GAP)).max(height)
    };
    // Among the numbers of columns whose sheets are nearly as square as possible, take the one with the fewest empty
    // places.
    let count = images.len().max(1);
    let shortest = (1..=count).map(&size).min().unwrap_or(0);
    let square = (1..=count).filter(|&columns| size(columns) <= shortest + shortest / 10);
    let columns = square.min_by_key(|&columns| count.next_multiple_of(columns) - count).unwrap_or(1);

    let rows = tiles.chunks(columns).map(|row| {
        let places = row.iter().map(|tile| tile.clone().at_least(column));
        places.fold(Drawing::default(), |row, tile| row.beside(COLUMN_GAP, tile))
    });
    let grid = rows.fold(Drawing::default(), |grid, row| grid.below(ROW_GAP, row));

    let width = grid.width.max(2 * NARROWEST);
    let lines = notes.iter().cloned().chain([scale.words()]).map(|note| Drawing::text(&note, NOTE, width));
    let notes = lines.fold(Drawing::default(), |notes, line| notes.below(0, line));
    let head = Drawing::text(title, TITLE, width).below(6, notes);
    let rule = Drawing::rule(head.width.max(grid.width));
    head.below(14, rule).below(22, grid)
}

fn caption<'a>(image: &Captioned, width: usize) -> Drawing<'a> {
    // Blue and vermilion, which colour-blind people can tell apart.
    let colour = if image.good { Rgb([0, 98, 155]) } else { Rgb([173, 70, 0]) };
    let mut caption = Drawing::text(&image.label, LABEL, width);
    caption = caption.below(1, Drawing::text(&image.verdict, Style { colour, ..NOTE }, width));
    image.notes.iter().fold(caption, |caption, note| caption.below(1, Drawing::text(note, NOTE, width)))
}

#[cfg(test)]
mod tests {
    use super::super::drawing::{assert_nothing_overlaps, picture_places};
    use super::*;

    fn captioned(height: u32, width: u32, label: &str, notes: &[&str]) -> Captioned {
        Captioned {
            label: label.to_owned(),
            verdict: "a verdict that may need a second line where there is little space".to_owned(),
            good: true,
            notes: notes.iter().map(|&note| note.to_owned()).collect(),
            picture: RgbImage::from_fn(width, height, |x, y| {
                let i = y * width + x;
                Rgb([(i * i % 251) as u8, (i % 241) as u8, (x * 3) as u8])
            }),
        }
    }

    /// The same picture many times, with captions of several lengths.
    fn images(count: usize, height: u32, width: u32) -> Vec<Captioned> {
        let notes = ["a note", "another note, which is long enough to be broken into two lines or three", ""];
        (0..count).map(|i| captioned(height, width, "label", &notes[..i % 4])).collect()
    }

    /// The scale of a gallery and its size. Checks that nothing overlaps.
    #[track_caller]
    fn laid_out(images: &[Captioned]) -> (Scale, usize, usize) {
        let notes = ["A note.".to_owned()];
        let scale = Scale::fitting("A title", &notes, images);
        let sizes: Vec<RgbImage> = images.iter().map(|image| scale.blank(&image.picture)).collect();
        let drawing = layout("A title", &notes, images, &sizes, scale);
        assert_nothing_overlaps(&drawing);
        assert_eq!(picture_places(&drawing).len(), images.len());
        let (height, width) = drawing.sheet_size();
        (scale, height, width)
    }

    #[test]
    fn galleries_of_any_number_and_size_fit_and_are_near_to_square() {
        for count in [0, 1, 2, 7, 19, 40] {
            for (height, width) in
                [(1, 1), (8, 8), (28, 28), (100, 60), (224, 224), (448, 448), (449, 300), (2000, 3000), (3000, 8)]
            {
                let (_, sheet_height, sheet_width) = laid_out(&images(count, height, width));
                assert!(sheet_width.max(sheet_height) <= LONGEST_SIDE, "{count} of {height}x{width}");
            }
        }
        let (_, height, width) = laid_out(&images(19, 224, 224));
        assert!((0.7..1.4).contains(&(width as f64 / height as f64)));
    }

    #[test]
    fn many_images_are_shown_smaller() {
        assert_eq!(laid_out(&images(4, 224, 224)).0, Scale::Up(1));
        let scale = laid_out(&images(300, 224, 224)).0;
        assert!(matches!(scale, Scale::Down(_)), "{scale:?}");
    }

    #[test]
    fn a_word_wider_than_its_column_widens_it() {
        let label = "x".repeat(64);
        let images: Vec<_> = (0..3).map(|_| captioned(2, 2, &label, &[])).collect();
        laid_out(&images);
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
        for (height, width) in [(20, 30), (901, 500)] {
            let images = [captioned(height, width, "label", &["note"])];
            let picture = &images[0].picture;
            let scale = Scale::fitting("title", &[], &images);
            let shown = [scale.apply(picture)];
            let (left, top) = picture_places(&layout("title", &[], &images, &shown, scale))[0];
            let sheet = gallery("title", &[], &images).unwrap();
            for y in 0..shown[0].height() {
                for x in 0..shown[0].width() {
                    let found = sheet.get_pixel(left as u32 + x, top as u32 + y).0;
                    for (channel, &value) in found.iter().enumerate() {
                        let at = |y: u32, x: u32| f64::from(picture.get_pixel(x, y).0[channel]);
                        let expected = match scale {
                            Scale::Up(factor) => at(y / factor as u32, x / factor as u32),
                            Scale::Down(factor) => {
                                let factor = factor as u32;
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
}
