//! What all sheets are drawn with: cells, text, and a canvas for them. It draws into memory; it never reads or writes a
//! file.

use std::convert::Infallible;

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{Drawable, OriginDimensions, Pixel, Point, Size};
use embedded_graphics::text::{Baseline, Text};
use image::{Rgb, RgbImage};
use thiserror::Error;

const BACKGROUND: Rgb<u8> = Rgb([250, 250, 248]);
pub const RULE: Rgb<u8> = Rgb([205, 208, 212]);
pub const INK: Rgb888 = Rgb888::new(32, 33, 36);
pub const MUTED: Rgb888 = Rgb888::new(95, 99, 104);

/// Free space around the sheet.
pub const MARGIN: usize = 24;
/// Between columns, and between the labels and the first column.
pub const COLUMN_GAP: usize = 20;
pub const ROW_GAP: usize = 20;
/// Between text and what it belongs to.
pub const TEXT_GAP: usize = 8;
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

/// Why a sheet was not drawn. Rows and cells are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SheetError {
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

/// Refuses a cell that cannot be drawn.
pub fn check(row: usize, cell: usize, &Cell { pixels, height, width, channels }: &Cell<'_>) -> Result<(), SheetError> {
    if channels != 1 && channels != 3 {
        return Err(SheetError::Channels { row, cell, channels });
    }
    if height == 0 || width == 0 {
        return Err(SheetError::EmptyCell { row, cell, height, width });
    }
    match height.checked_mul(width).and_then(|area| area.checked_mul(channels)) {
        Some(bytes) if bytes == pixels.len() => Ok(()),
        _ => Err(SheetError::PixelCount { row, cell, bytes: pixels.len(), height, width, channels }),
    }
}

/// A line of text and the place of its top left corner.
#[derive(Debug)]
pub struct Line {
    pub text: String,
    pub font: &'static MonoFont<'static>,
    pub colour: Rgb888,
    pub x: usize,
    pub y: usize,
}

/// Where a cell's enlarged pixels begin, and by how much they are enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub x: usize,
    pub y: usize,
    pub scale: usize,
}

/// Adds lines under one another from `y` down and returns where they end.
pub fn stack(
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

pub fn text_height(font: &MonoFont<'_>) -> usize {
    font.character_size.height as usize
}

/// The width of a line of text: every character has the same.
pub fn text_width(text: &str, font: &MonoFont<'_>) -> usize {
    text.chars().count() * (font.character_size.width + font.character_spacing) as usize
}

pub fn widest(lines: &[String], font: &MonoFont<'_>) -> usize {
    lines.iter().map(|line| text_width(line, font)).fold(0, usize::max)
}

/// The text on one line. Control characters become spaces: a line break inside a drawn text would run it over
/// what lies below.
pub fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text in lines of at most `width` pixels, broken between words. A longer word keeps a line of its own.
pub fn wrap(text: &str, font: &MonoFont<'_>, width: usize) -> Vec<String> {
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
pub struct Canvas(RgbImage);

impl Canvas {
    /// An empty sheet.
    pub fn new(height: usize, width: usize) -> Result<Self, SheetError> {
        let too_large = || SheetError::TooLarge { height, width };
        if width.checked_mul(height).is_none_or(|pixels| pixels > MOST_PIXELS) {
            return Err(too_large());
        }
        let (width, height) = (u32::try_from(width), u32::try_from(height));
        match (width, height) {
            (Ok(width), Ok(height)) => Ok(Self(RgbImage::from_pixel(width, height, BACKGROUND))),
            _ => Err(too_large()),
        }
    }

    /// The sheet as it is now.
    pub fn finish(self) -> RgbImage {
        self.0
    }

    fn set(&mut self, x: usize, y: usize, colour: Rgb<u8>) {
        if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
            && let Some(pixel) = self.0.get_pixel_mut_checked(x, y)
        {
            *pixel = colour;
        }
    }

    pub fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Rgb<u8>) {
        for row in y..y + height {
            for column in x..x + width {
                self.set(column, row, colour);
            }
        }
    }

    pub fn text(&mut self, line: &Line) {
        // Drawn only within the checked size of the sheet, far below i32's limit.
        let (Ok(x), Ok(y)) = (i32::try_from(line.x), i32::try_from(line.y)) else {
            return;
        };
        let style = MonoTextStyle::new(line.font, line.colour);
        let Ok(_) = Text::with_baseline(&line.text, Point::new(x, y), style, Baseline::Top).draw(self);
    }

    /// A cell in a thin frame, which tells a light image from the background. The frame lies around the
    /// pixels, not on them.
    pub fn cell(&mut self, cell: &Cell<'_>, place: &Place) {
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
