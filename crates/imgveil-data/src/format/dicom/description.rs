//! What a DICOM header says about its pixels. Nothing else is taken from the header.

use super::elements::PixelElement;
use super::syntax::{CONVERT, Coding, Syntax};
use super::voi::{Lut, Voi};
use crate::format::{BurntIn, Header, ReadErrorKind, ReadOptions, Rescale, Rescales, Scale};
use imgveil::internal::image::{Depth, Geometry};
use std::ops::Range;

/// How samples become colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Photometric {
    /// Grey; `inverted` where the smallest value is white.
    Grey { inverted: bool },
    /// Indices into a palette.
    Palette,
    /// Red, green, blue. Also for colours that JPEG 2000 decorrelates within itself.
    Rgb,
    /// Luminance and two colour differences, each from 0 to 255.
    Ybr,
    /// The same, with one pair of differences for two pixels if they are not compressed.
    Ybr422,
}

/// The type of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// An integer.
    Integer,
    /// A float of 32 bits.
    Float,
    /// A float of 64 bits.
    Double,
}

/// What the values of a frame mean.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Values {
    /// Units of the modality in a step of stored values.
    pub slope: f64,
    /// Units of the modality of the stored value 0.
    pub intercept: f64,
    /// Which values are shown.
    pub voi: Option<Voi>,
}

/// What a header says about the pixels.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub syntax: Syntax,
    pub rows: u32,
    pub columns: u32,
    pub frames: usize,
    /// Samples of one pixel as they are stored: 1 or 3.
    pub samples: usize,
    /// Bits of one sample in an uncompressed frame: 1, 8, 16, 32 or 64.
    pub allocated: u32,
    /// Significant bits of one sample.
    pub stored: u32,
    /// How many bits of the word are below the sample's bits.
    pub shift: u32,
    pub signed: bool,
    pub planar: bool,
    pub number: Number,
    pub photometric: Photometric,
    /// Red, green and blue of each index.
    pub palette: Option<[Lut; 3]>,
    /// What values mean in frames that do not say it themselves.
    pub values: Values,
    /// What values mean in each frame, as far as frames say it themselves.
    pub frame_values: Vec<Values>,
    pub modality: Option<Lut>,
    pub burnt_in: BurntIn,
    pub pixels: PixelElement,
    /// The table of 64-bit offsets of frames among the fragments, if there is one.
    pub offsets: Option<Range<usize>>,
}

pub(super) fn unsupported(words: impl Into<String>) -> ReadErrorKind {
    ReadErrorKind::Unsupported(words.into())
}

impl Description {
    /// Refuses kinds of pixels that cannot be decoded.
    pub(super) fn check(&self) -> Result<(), ReadErrorKind> {
        let grey = matches!(self.photometric, Photometric::Grey { .. });
        if !grey && !matches!(self.allocated, 8 | 16) {
            return Err(unsupported(format!("colours of {} bits a sample; 8 and 16 are read", self.allocated)));
        }
        let differences = matches!(self.photometric, Photometric::Ybr | Photometric::Ybr422);
        if differences && (self.allocated != 8 || self.stored != 8) {
            return Err(unsupported("YBR colours of more or fewer than 8 bits; convert it to RGB first"));
        }
        let odd = self.photometric == Photometric::Ybr422 && !self.columns.is_multiple_of(2);
        if odd && self.is_native() {
            return Err(ReadErrorKind::Damaged("its pixels come in pairs, but it has an odd number of columns".into()));
        }
        let packed = match self.syntax.coding {
            Coding::Native | Coding::Encapsulated | Coding::Deflated => return Ok(()),
            Coding::JpegLs if self.samples != 1 => "JPEG-LS in colour",
            Coding::Rle if self.allocated == 32 => return Ok(()),
            Coding::Rle | Coding::Jpeg | Coding::JpegLs | Coding::Jpeg2000 => match self.allocated {
                8 | 16 => return Ok(()),
                _ => "compressed samples of more than 16 bits, or of one",
            },
        };
        Err(unsupported(format!("{packed}; {CONVERT}")))
    }

    /// Whether frames are uncompressed samples.
    pub(super) fn is_native(&self) -> bool {
        matches!(self.syntax.coding, Coding::Native | Coding::Encapsulated | Coding::Deflated)
    }

    /// Pixels of a frame. Sides are 16-bit numbers, so that nothing overflows.
    pub(super) fn frame_pixels(&self) -> u64 {
        u64::from(self.rows) * u64::from(self.columns)
    }

    /// Bits of a stored frame without compression.
    pub(super) fn frame_bits(&self) -> u64 {
        let samples = match self.photometric {
            Photometric::Ybr422 if self.is_native() => 2,
            _ => self.samples as u64,
        };
        self.frame_pixels() * samples * u64::from(self.allocated)
    }

    /// What grey samples at full depth mean. That small samples may be the bright ones is left out: it is the same for
    /// all files once they are read.
    fn scale(&self) -> Scale {
        if let Some(table) = &self.modality {
            return Scale::Table(table.number(self.signed));
        }
        let mut each = self.frame_values.iter().take(self.frames).map(|values| self.upright(values));
        let first = each.next().unwrap_or(self.upright(&self.values));
        if each.all(|other| other == first) { first.into() } else { Scale::Several }
    }

    /// How values follow from samples that are not inverted.
    fn upright(&self, values: &Values) -> Option<Rescale> {
        Rescale::new(values.slope, values.intercept - values.slope * self.sign() as f64)
    }

    /// How values in the modality's units follow from grey samples at full depth.
    fn rescales(&self) -> Rescales {
        if self.modality.is_some() {
            return Rescales::default();
        }
        let largest = (u64::MAX >> (64 - self.stored)) as f64;
        // A single bit is read as 0 or 255.
        let step = if self.stored == 1 { 255.0 } else { 1.0 };
        let of = |values: &Values| {
            let Rescale { slope, offset } = self.upright(values)?;
            match self.inverted() {
                true => Rescale::new(-slope / step, offset + slope * largest),
                false => Rescale::new(slope / step, offset),
            }
        };
        if self.frame_values.is_empty() {
            return Rescales::all(of(&self.values));
        }
        Rescales::each((0..self.frames).map(|index| of(self.frame_values(index))))
    }

    /// The header of the images that are read with these options.
    pub(super) fn header(&self, reading: &ReadOptions) -> Result<Header, ReadErrorKind> {
        let grey = matches!(self.photometric, Photometric::Grey { .. });
        let windowed = grey && reading.window.is_some();
        if !windowed && (self.allocated > 16 || self.number != Number::Integer) {
            let kind = if self.number == Number::Integer { "integers" } else { "floats" };
            return Err(ReadErrorKind::NeedsWindow { kind, bits: self.allocated });
        }
        let channels = if grey { 1 } else { 3 };
        let deep = self.stored > 8 && !windowed && self.photometric != Photometric::Palette;
        let depth = if deep { Depth::new(self.stored).unwrap_or(Depth::U16) } else { Depth::U8 };
        let geometry = Geometry::new(self.rows, self.columns, channels)?.with_depth(depth);
        if let Some(length) = self.pixels.length.filter(|_| self.syntax.coding == Coding::Native) {
            let needed = (u128::from(self.frame_bits()) * self.frames as u128).div_ceil(8);
            if needed > length as u128 {
                let words = format!("{} frames of {geometry} need {needed} bytes, but it holds {length}", self.frames);
                return Err(ReadErrorKind::Damaged(words));
            }
        }
        let header = Header::new(self.frames, geometry);
        let (scale, rescales) =
            if grey && !windowed { (self.scale(), self.rescales()) } else { (Scale::Unknown, Rescales::default()) };
        let used_bits = if windowed || self.stored == 1 { header.used_bits } else { header.used_bits.min(self.stored) };
        Ok(Header { scale, rescales, used_bits, burnt_in: self.burnt_in, ..header })
    }
}
