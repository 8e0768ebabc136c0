//! What a DICOM header says about its pixels, typed and checked; what cannot be read is refused here, before a pixel is
//! looked at. Takes nothing else from the header.

use super::super::ReadErrorKind;
use super::super::image_file::Header;
use super::super::read_options::ReadOptions;
use super::elements::{DataSet, Encoding, PIXELS, PixelElement, Stop, Tag, Walker, Wanted};
use super::grey::{Function, Lut, Voi};
use imgveil::internal::image::{Depth, Geometry};
use std::ops::Range;

const TRANSFER_SYNTAX: Tag = 0x0002_0010;
const SAMPLES: Tag = 0x0028_0002;
const PHOTOMETRIC: Tag = 0x0028_0004;
const PLANAR: Tag = 0x0028_0006;
const FRAMES: Tag = 0x0028_0008;
const ROWS: Tag = 0x0028_0010;
const COLUMNS: Tag = 0x0028_0011;
const ALLOCATED: Tag = 0x0028_0100;
const STORED: Tag = 0x0028_0101;
const HIGH_BIT: Tag = 0x0028_0102;
const SIGNED: Tag = 0x0028_0103;
const CENTRE: Tag = 0x0028_1050;
const WIDTH: Tag = 0x0028_1051;
const INTERCEPT: Tag = 0x0028_1052;
const SLOPE: Tag = 0x0028_1053;
const FUNCTION: Tag = 0x0028_1056;
const PALETTE_LAYOUT: Tag = 0x0028_1101;
const PALETTE_DATA: Tag = 0x0028_1201;
const SEGMENTED: Tag = 0x0028_1221;
const LUT_LAYOUT: Tag = 0x0028_3002;
const LUT_DATA: Tag = 0x0028_3006;
const MODALITY_LUT: Tag = 0x0028_3000;
const VOI_LUT: Tag = 0x0028_3010;
const FRAME_VOI: Tag = 0x0028_9132;
const VALUE_TRANSFORMATION: Tag = 0x0028_9145;
const SHARED: Tag = 0x5200_9229;
const PER_FRAME: Tag = 0x5200_9230;
const OFFSETS: Tag = 0x7fe0_0001;

const WANTED: Wanted = Wanted {
    values: &[
        SAMPLES,
        PHOTOMETRIC,
        PLANAR,
        FRAMES,
        ROWS,
        COLUMNS,
        ALLOCATED,
        STORED,
        HIGH_BIT,
        SIGNED,
        CENTRE,
        WIDTH,
        INTERCEPT,
        SLOPE,
        FUNCTION,
        PALETTE_LAYOUT,
        PALETTE_LAYOUT + 1,
        PALETTE_LAYOUT + 2,
        PALETTE_DATA,
        PALETTE_DATA + 1,
        PALETTE_DATA + 2,
        SEGMENTED,
        LUT_LAYOUT,
        LUT_DATA,
        OFFSETS,
    ],
    sequences: &[MODALITY_LUT, VOI_LUT, FRAME_VOI, VALUE_TRANSFORMATION, SHARED, PER_FRAME],
};

/// How the bytes of frames become samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Samples one after the other, frame after frame.
    Native,
    /// The same, a fragment a frame.
    Encapsulated,
    /// The same, each frame deflated.
    Deflated,
    /// Run lengths of byte planes.
    Rle,
    /// JPEG of the first standard; the extended kind may have 12 bits.
    Jpeg { extended: bool },
    /// JPEG-LS.
    JpegLs,
    /// JPEG 2000, without its high-throughput coder.
    Jpeg2000,
}

impl Coding {
    /// Whether a sample's bits are those of its word, wherever they stand in it.
    fn keeps_bits(self) -> bool {
        matches!(self, Self::Native | Self::Encapsulated | Self::Deflated | Self::Rle)
    }
}

/// A transfer syntax as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub encoding: Encoding,
    pub coding: Coding,
    /// Everything behind the meta information is one deflate stream.
    pub deflated: bool,
}

impl Syntax {
    /// The syntax of a unique identifier.
    fn named(uid: &str) -> Result<Self, ReadErrorKind> {
        let explicit = |coding| Self { encoding: Encoding::EXPLICIT_LITTLE, coding, deflated: false };
        let Some(tail) = uid.strip_prefix("1.2.840.10008.1.2") else { return Err(unknown_syntax(uid)) };
        Ok(match tail {
            "" => Self { encoding: Encoding::IMPLICIT_LITTLE, ..explicit(Coding::Native) },
            ".1" => explicit(Coding::Native),
            ".2" => Self { encoding: Encoding::EXPLICIT_BIG, ..explicit(Coding::Native) },
            ".1.99" => Self { deflated: true, ..explicit(Coding::Native) },
            ".1.98" => explicit(Coding::Encapsulated),
            ".8.1" => explicit(Coding::Deflated),
            ".5" => explicit(Coding::Rle),
            ".4.51" => explicit(Coding::Jpeg { extended: true }),
            ".4.50" | ".4.57" | ".4.70" => explicit(Coding::Jpeg { extended: false }),
            ".4.80" | ".4.81" => explicit(Coding::JpegLs),
            ".4.90" | ".4.91" => explicit(Coding::Jpeg2000),
            _ => return Err(unknown_syntax(uid)),
        })
    }
}

/// A refusal that names the syntax and what to do about it.
fn unknown_syntax(uid: &str) -> ReadErrorKind {
    let number = |tail: &str| tail.parse::<u32>().ok();
    let name = match uid.strip_prefix("1.2.840.10008.1.2.4.").and_then(number) {
        Some(92 | 93) => "JPEG 2000 Part 2",
        Some(94 | 95 | 204 | 205) => "JPIP, pixels that lie on a server",
        Some(100..=108) => "a video",
        Some(110..=112) => "JPEG XL",
        Some(201..=203) => "High-Throughput JPEG 2000",
        _ => "unknown here",
    };
    let plain = uid.len() <= 64 && uid.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let uid = if plain { uid } else { "that is no identifier" };
    ReadErrorKind::Unsupported(format!("transfer syntax {uid} ({name}); {CONVERT}"))
}

/// What to do about pixels that cannot be decoded.
pub(super) const CONVERT: &str = "convert it to an uncompressed one first, such as with `gdcmconv --raw IN OUT`";

/// How samples become colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Photometric {
    /// Grey; `inverted` where the smallest value is white.
    Grey { inverted: bool },
    /// Indices into a palette.
    Palette,
    /// Red, green, blue; also what JPEG 2000 decorrelates within itself.
    Rgb,
    /// Luminance and two colour differences, 0 to 255 all three.
    Ybr,
    /// The same, and in uncompressed pixels one pair of differences for two pixels.
    Ybr422,
}

/// What a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// An integer.
    Integer,
    /// A float of 32 bits.
    Float,
    /// A float of 64 bits.
    Double,
}

/// A header's words on its pixels.
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
    /// Bits of one sample that count.
    pub stored: u32,
    /// How far to the left of the word's end they stand.
    pub shift: u32,
    pub signed: bool,
    pub planar: bool,
    pub number: Number,
    pub photometric: Photometric,
    /// Red, green and blue of each index.
    pub palette: Option<[Lut; 3]>,
    pub slope: f64,
    pub intercept: f64,
    pub modality: Option<Lut>,
    pub voi: Option<Voi>,
    pub pixels: PixelElement,
    /// Where each frame begins among the fragments, where a table of 64-bit offsets says it.
    pub offsets: Option<Range<usize>>,
}

/// The parts of a file before its pixels are looked for.
pub(super) struct Opening {
    pub syntax: Syntax,
    /// Where the data set begins.
    pub start: usize,
}

/// Whether a file begins with the preamble that DICOM files have.
pub(super) fn has_preamble(start: &[u8]) -> bool {
    start.get(128..132) == Some(b"DICM")
}

/// Reads the meta information.
pub(super) fn opening(bytes: &[u8]) -> Result<Opening, Problem> {
    let start = if has_preamble(bytes) { 132 } else { 0 };
    let mut walker = Walker::new(bytes, start, Encoding::EXPLICIT_LITTLE, &WANTED);
    let mut uid = None;
    while let Some((tag, range)) = walker.meta()? {
        if tag == TRANSFER_SYNTAX {
            uid = Some(text(bytes.get(range).unwrap_or_default()));
        }
    }
    let start = walker.position();
    let syntax = match uid {
        Some(uid) => Syntax::named(&uid).map_err(Problem::Refused)?,
        None => guess(bytes.get(start..start.saturating_add(6)).ok_or(Stop::Short)?),
    };
    Ok(Opening { syntax, start })
}

/// The syntax of a data set that does not say it, from its first element: identifying information, group 8.
fn guess(first: &[u8]) -> Syntax {
    let typed = first.get(4..6).is_some_and(|letters| letters.iter().all(u8::is_ascii_uppercase));
    let encoding = match (typed, first) {
        (true, [0, ..]) => Encoding::EXPLICIT_BIG,
        (true, _) => Encoding::EXPLICIT_LITTLE,
        (false, _) => Encoding::IMPLICIT_LITTLE,
    };
    Syntax { encoding, coding: Coding::Native, deflated: false }
}

/// Why a header says nothing usable.
#[derive(Debug)]
pub(super) enum Problem {
    /// The bytes at hand end before the pixels begin.
    Short,
    /// There is nothing to be had from it.
    Refused(ReadErrorKind),
}

impl From<Stop> for Problem {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Short => Self::Short,
            Stop::Broken(words) => Self::Refused(ReadErrorKind::Damaged(words.to_owned())),
        }
    }
}

impl From<ReadErrorKind> for Problem {
    fn from(kind: ReadErrorKind) -> Self {
        Self::Refused(kind)
    }
}

/// Reads the header of a data set that begins at `start`. `whole` says that nothing comes behind the bytes.
pub(super) fn describe(bytes: &[u8], start: usize, syntax: Syntax, whole: bool) -> Result<Description, Problem> {
    let (set, pixels) = Walker::new(bytes, start, syntax.encoding, &WANTED).walk()?;
    let Some(pixels) = pixels else {
        let nothing = "it holds no pixels (a report, a plan, a directory): leave it out";
        return Err(if whole { unsupported(nothing).into() } else { Problem::Short });
    };
    Ok(Fields { bytes, set: &set, encoding: syntax.encoding, signed: false }.describe(syntax, pixels)?)
}

fn unsupported(words: impl Into<String>) -> ReadErrorKind {
    ReadErrorKind::Unsupported(words.into())
}

/// A value as text, without its padding.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_matches([' ', '\0']).to_owned()
}

/// The values of a data set or an item, by their types.
#[derive(Clone, Copy)]
struct Fields<'a> {
    bytes: &'a [u8],
    set: &'a DataSet,
    encoding: Encoding,
    /// Whether tables begin at a signed value; known once the pixels' kind is.
    signed: bool,
}

impl<'a> Fields<'a> {
    fn value(&self, tag: Tag) -> Option<&'a [u8]> {
        self.bytes.get(self.set.value(tag)?).filter(|bytes| !bytes.is_empty())
    }

    fn item(&self, tag: Tag) -> Option<Self> {
        self.set.item(tag).map(|set| Fields { set, ..*self })
    }

    fn text(&self, tag: Tag) -> Option<String> {
        self.value(tag).map(text)
    }

    /// The first of a list of decimal numbers.
    fn decimal(&self, tag: Tag) -> Option<f64> {
        let text = self.text(tag)?;
        text.split('\\').next()?.trim().parse().ok().filter(|n: &f64| n.is_finite())
    }

    /// Words of 16 bits.
    fn words(&self, tag: Tag) -> Option<Vec<u16>> {
        let word = if self.encoding.big_endian { u16::from_be_bytes } else { u16::from_le_bytes };
        Some(self.value(tag)?.as_chunks().0.iter().map(|bytes| word(*bytes)).collect())
    }

    fn number(&self, tag: Tag) -> Option<u32> {
        self.words(tag)?.first().map(|&word| u32::from(word))
    }

    fn needed(&self, tag: Tag, name: &str) -> Result<u32, ReadErrorKind> {
        self.number(tag).ok_or_else(|| ReadErrorKind::Damaged(format!("its header does not say {name}")))
    }

    fn describe(mut self, syntax: Syntax, pixels: PixelElement) -> Result<Description, ReadErrorKind> {
        self.signed = self.number(SIGNED) == Some(1);
        let number = match pixels.tag {
            tag if tag == PIXELS[0] => Number::Float,
            tag if tag == PIXELS[1] => Number::Double,
            _ => Number::Integer,
        };
        let samples = self.number(SAMPLES).unwrap_or(1);
        let photometric = self.photometric(samples)?;
        let allocated = self.needed(ALLOCATED, "how many bits a sample has (BitsAllocated)")?;
        let fits = match number {
            Number::Integer => matches!(allocated, 1 | 8 | 16 | 32),
            Number::Float => allocated == 32,
            Number::Double => allocated == 64,
        };
        if !fits {
            return Err(unsupported(format!("{allocated} bits for a sample; 1, 8, 16 and 32 are read")));
        }
        let stored = self.number(STORED).filter(|&bits| (1..=allocated).contains(&bits)).unwrap_or(allocated);
        let high = self.number(HIGH_BIT).filter(|&bit| bit < allocated && bit + 1 >= stored);
        let frames = self.decimal(FRAMES).filter(|&n| n >= 1.0 && n <= f64::from(i32::MAX)).map_or(1, |n| n as usize);
        let groups = || [SHARED, PER_FRAME].into_iter().filter_map(|tag| self.item(tag));
        let transformation = groups().find_map(|group| group.item(VALUE_TRANSFORMATION));
        let frame_voi = groups().find_map(|group| group.item(FRAME_VOI));
        let rescale = |tag| self.decimal(tag).or_else(|| transformation.as_ref()?.decimal(tag));
        let intercept = rescale(INTERCEPT).unwrap_or(0.0);
        // Tables of interest begin at a value that the modality's transformation gives.
        let transformed = Self { signed: self.signed || intercept < 0.0, ..self };
        let description = Description {
            syntax,
            rows: self.needed(ROWS, "its rows")?,
            columns: self.needed(COLUMNS, "its columns")?,
            frames,
            samples: samples as usize,
            allocated,
            stored,
            // Decoders give numbers; only bits that are stored as they are can stand elsewhere in their word.
            shift: high.filter(|_| syntax.coding.keeps_bits()).map_or(0, |high| high + 1 - stored),
            signed: self.signed,
            planar: samples == 3 && self.number(PLANAR) == Some(1),
            number,
            photometric,
            palette: if photometric == Photometric::Palette { Some(self.palette()?) } else { None },
            slope: rescale(SLOPE).unwrap_or(1.0),
            intercept,
            modality: self.item(MODALITY_LUT).and_then(|item| item.lut(LUT_LAYOUT, LUT_DATA)),
            voi: transformed.voi().or_else(|| frame_voi?.voi()),
            pixels,
            offsets: self.set.value(OFFSETS),
        };
        description.check()?;
        Ok(description)
    }

    fn photometric(&self, samples: u32) -> Result<Photometric, ReadErrorKind> {
        let name = self.text(PHOTOMETRIC).unwrap_or_default();
        let found = match name.as_str() {
            "MONOCHROME1" => Photometric::Grey { inverted: true },
            "MONOCHROME2" => Photometric::Grey { inverted: false },
            "PALETTE COLOR" => Photometric::Palette,
            "RGB" | "YBR_RCT" | "YBR_ICT" => Photometric::Rgb,
            "YBR_FULL" => Photometric::Ybr,
            "YBR_FULL_422" => Photometric::Ybr422,
            "" if samples == 1 => Photometric::Grey { inverted: false },
            "" if samples == 3 => Photometric::Rgb,
            _ => {
                let known = ["YBR_PARTIAL_422", "YBR_PARTIAL_420", "XYB", "HSV", "ARGB", "CMYK"];
                let name = known.into_iter().find(|k| *k == name).unwrap_or("that is unknown here");
                return Err(unsupported(format!("photometric interpretation {name}; convert it to RGB first")));
            }
        };
        let expected = if matches!(found, Photometric::Grey { .. } | Photometric::Palette) { 1 } else { 3 };
        if samples != expected {
            let words = format!("it has {samples} samples a pixel where its colours need {expected}");
            return Err(ReadErrorKind::Damaged(words));
        }
        Ok(found)
    }

    fn palette(&self) -> Result<[Lut; 3], ReadErrorKind> {
        if self.value(SEGMENTED).is_some() && self.value(PALETTE_DATA).is_none() {
            return Err(unsupported("its palette is written in segments; convert it to RGB first"));
        }
        let colour = |i| self.lut(PALETTE_LAYOUT + i, PALETTE_DATA + i);
        match (colour(0), colour(1), colour(2)) {
            (Some(red), Some(green), Some(blue)) => Ok([red, green, blue]),
            _ => Err(ReadErrorKind::Damaged("its palette is missing or shorter than it says".into())),
        }
    }

    /// A look-up table: its layout is the number of entries (0: 65,536), the value of the first, bits of an entry.
    fn lut(&self, layout: Tag, data: Tag) -> Option<Lut> {
        let [entries, first, bits] = self.words(layout)?.get(..3)?.try_into().ok()?;
        let entries = if entries == 0 { 1 << 16 } else { usize::from(entries) };
        let first = if self.signed { i64::from(first.cast_signed()) } else { i64::from(first) };
        let words = self.words(data)?;
        let table: Vec<u16> = match words.len() >= entries {
            true => words.into_iter().take(entries).collect(),
            // Entries of 8 bits may stand two in a word.
            false => {
                let bytes = words.iter().flat_map(|word| word.to_le_bytes());
                bytes.take(entries).map(u16::from).collect()
            }
        };
        (table.len() == entries && (1..=16).contains(&bits)).then_some(Lut { first, bits: u32::from(bits), table })
    }

    /// What the file asks to be shown.
    fn voi(&self) -> Option<Voi> {
        let function = match self.text(FUNCTION).as_deref() {
            Some("LINEAR_EXACT") => Function::LinearExact,
            Some("SIGMOID") => Function::Sigmoid,
            _ => Function::Linear,
        };
        let narrowest = if function == Function::Linear { 1.0 } else { f64::MIN_POSITIVE };
        match (self.decimal(CENTRE), self.decimal(WIDTH)) {
            (Some(centre), Some(width)) if width >= narrowest => Some(Voi::Window { function, centre, width }),
            _ => self.item(VOI_LUT)?.lut(LUT_LAYOUT, LUT_DATA).map(Voi::Table),
        }
    }
}

impl Description {
    /// Refuses what no frame of this kind can be decoded from.
    fn check(&self) -> Result<(), ReadErrorKind> {
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
            Coding::Jpeg { extended: true } if self.allocated > 8 && self.stored > 8 => {
                "lossy JPEG of 12 bits a sample"
            }
            Coding::JpegLs if self.samples != 1 => "JPEG-LS in colour",
            Coding::Rle if self.allocated == 32 => return Ok(()),
            Coding::Rle | Coding::Jpeg { .. } | Coding::JpegLs | Coding::Jpeg2000 => match self.allocated {
                8 | 16 => return Ok(()),
                _ => "compressed samples of more than 16 bits, or of one",
            },
        };
        Err(unsupported(format!("{packed}; {CONVERT}")))
    }

    /// Whether frames are samples, however they are wrapped.
    pub(super) fn is_native(&self) -> bool {
        matches!(self.syntax.coding, Coding::Native | Coding::Encapsulated | Coding::Deflated)
    }

    /// Pixels of a frame; sides are 16-bit numbers, so that nothing overflows.
    pub(super) fn frame_pixels(&self) -> u64 {
        u64::from(self.rows) * u64::from(self.columns)
    }

    /// Bits of a frame that is not compressed, as it is stored.
    pub(super) fn frame_bits(&self) -> u64 {
        let samples = match self.photometric {
            Photometric::Ybr422 if self.is_native() => 2,
            _ => self.samples as u64,
        };
        self.frame_pixels() * samples * u64::from(self.allocated)
    }

    /// What the images will be, read in this way.
    pub(super) fn header(&self, reading: &ReadOptions) -> Result<Header, ReadErrorKind> {
        let grey = matches!(self.photometric, Photometric::Grey { .. });
        let windowed = grey && reading.window.is_some();
        if !windowed && (self.allocated > 16 || self.number != Number::Integer) {
            let kind = if self.number == Number::Integer { "integers" } else { "floats" };
            let bits = self.allocated;
            return Err(unsupported(format!(
                "{kind} of {bits} bits; read it with a window (--window), which makes 8 bits of them"
            )));
        }
        let channels = if grey { 1 } else { 3 };
        let deep = self.stored > 8 && !windowed && self.photometric != Photometric::Palette;
        let depth = if deep { Depth::U16 } else { Depth::U8 };
        let geometry = Geometry::new(self.rows, self.columns, channels)?.with_depth(depth);
        if let Some(length) = self.pixels.length.filter(|_| self.syntax.coding == Coding::Native) {
            let needed = (u128::from(self.frame_bits()) * self.frames as u128).div_ceil(8);
            if needed > length as u128 {
                let words = format!("{} frames of {geometry} need {needed} bytes, but it holds {length}", self.frames);
                return Err(ReadErrorKind::Damaged(words));
            }
        }
        Ok(Header { count: self.frames, geometry })
    }
}
