//! The parts of a sheet. A drawing has a size and knows the positions of its parts. Drawings are put beside and below
//! each other, so nothing overlaps.

use super::text::Style;
use crate::error::Error;
use image::{Rgb, RgbImage, imageops};

const BACKGROUND: Rgb<u8> = Rgb([252, 252, 251]);
const RULE: Rgb<u8> = Rgb([212, 215, 219]);
/// Free space around a sheet.
const MARGIN: usize = 32;
/// The most pixels of a sheet: 384 MiB of RGB. A viewer cannot be expected to open more.
const MOST_PIXELS: usize = 1 << 27;

/// Parts and their positions. All lengths are in pixels.
#[derive(Clone, Default)]
pub struct Drawing<'a> {
    pub width: usize,
    pub height: usize,
    parts: Vec<(usize, usize, Part<'a>)>,
}

#[derive(Clone)]
enum Part<'a> {
    Line(String, Style),
    Picture(&'a RgbImage),
    Rule(usize),
}

impl<'a> Drawing<'a> {
    /// Lines of text, broken at `width`. A line is wider only if a single word is.
    pub fn text(text: &str, style: Style, width: usize) -> Self {
        let mut drawing = Self::default();
        for line in style.wrap(text, width) {
            drawing.width = drawing.width.max(style.width(&line));
            drawing.parts.push((0, drawing.height, Part::Line(line, style)));
            drawing.height += style.line_height();
        }
        drawing
    }

    /// A picture in a thin frame, which separates a light picture from the background. The frame is outside of the
    /// picture.
    pub fn picture(picture: &'a RgbImage) -> Self {
        let (width, height) = (picture.width() as usize + 2, picture.height() as usize + 2);
        Self { width, height, parts: vec![(0, 0, Part::Picture(picture))] }
    }

    /// A horizontal line.
    pub fn rule(width: usize) -> Self {
        Self { width, height: 1, parts: vec![(0, 0, Part::Rule(width))] }
    }

    /// This drawing with `other` below it, aligned to the left. If either is empty, there is no gap.
    pub fn below(self, gap: usize, other: Self) -> Self {
        let gap = if self.height == 0 || other.height == 0 { 0 } else { gap };
        let y = self.height + gap;
        self.with(0, y, other)
    }

    /// This drawing with `other` to the right of it, aligned at the top. If either is empty, there is no gap.
    pub fn beside(self, gap: usize, other: Self) -> Self {
        let gap = if self.width == 0 || other.width == 0 { 0 } else { gap };
        let x = self.width + gap;
        self.with(x, 0, other)
    }

    /// This drawing at the left of an area of at least this width.
    pub fn at_least(mut self, width: usize) -> Self {
        self.width = self.width.max(width);
        self
    }

    /// This drawing with the top left corner of `other` at (`x`, `y`).
    pub fn with(mut self, x: usize, y: usize, other: Self) -> Self {
        self.width = self.width.max(x.saturating_add(other.width));
        self.height = self.height.max(y.saturating_add(other.height));
        self.parts.extend(other.parts.into_iter().map(|(right, down, part)| (x + right, y + down, part)));
        self
    }

    /// Height and width of the sheet that this drawing makes.
    pub fn sheet_size(&self) -> (usize, usize) {
        (self.height.saturating_add(2 * MARGIN), self.width.saturating_add(2 * MARGIN))
    }

    /// Makes the sheet.
    ///
    /// # Errors
    /// When the sheet would have more than 2^27 pixels.
    pub fn into_sheet(self) -> Result<RgbImage, Error> {
        let (height, width) = self.sheet_size();
        let too_large = || Error::sheet_too_large(height, width);
        if width.checked_mul(height).is_none_or(|pixels| pixels > MOST_PIXELS) {
            return Err(too_large());
        }
        let size = |side: usize| u32::try_from(side).map_err(|_| too_large());
        let mut sheet = RgbImage::from_pixel(size(width)?, size(height)?, BACKGROUND);
        for (x, y, part) in self.parts {
            let (x, y) = (x + MARGIN, y + MARGIN);
            match part {
                Part::Line(text, style) => style.draw(&mut sheet, x, y, &text),
                Part::Picture(picture) => {
                    fill(&mut sheet, x, y, picture.width() + 2, picture.height() + 2);
                    imageops::replace(&mut sheet, picture, x as i64 + 1, y as i64 + 1);
                }
                Part::Rule(width) => fill(&mut sheet, x, y, size(width)?, 1),
            }
        }
        Ok(sheet)
    }
}

fn fill(sheet: &mut RgbImage, x: usize, y: usize, width: u32, height: u32) {
    imageops::replace(sheet, &RgbImage::from_pixel(width, height, RULE), x as i64, y as i64);
}

/// The positions of the pictures on a sheet made from this drawing: the top left pixel of each, inside its frame.
#[cfg(test)]
pub fn picture_places(drawing: &Drawing<'_>) -> Vec<(usize, usize)> {
    let place = |(x, y, part): &(usize, usize, Part<'_>)| match part {
        Part::Picture(_) => Some((x + MARGIN + 1, y + MARGIN + 1)),
        _ => None,
    };
    drawing.parts.iter().filter_map(place).collect()
}

/// Fails if two parts overlap, or one extends into the margin.
#[cfg(test)]
#[track_caller]
pub fn assert_nothing_overlaps(drawing: &Drawing<'_>) {
    let boxed = |(x, y, part): &(usize, usize, Part<'_>)| {
        let (width, height) = match part {
            Part::Line(text, style) => (style.width(text), style.line_height()),
            Part::Picture(picture) => (picture.width() as usize + 2, picture.height() as usize + 2),
            Part::Rule(width) => (*width, 1),
        };
        [*x, *y, x + width, y + height]
    };
    let boxes: Vec<[usize; 4]> = drawing.parts.iter().map(boxed).collect();
    for (i, a) in boxes.iter().enumerate() {
        assert!(a[2] <= drawing.width && a[3] <= drawing.height, "{a:?} in {}x{}", drawing.width, drawing.height);
        for b in &boxes[i + 1..] {
            assert!(a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1], "{a:?} and {b:?} overlap");
        }
    }
}
