//! The elements that describe how to read pixels, typed and checked.

use super::description::{Description, Number, Photometric, Values, unsupported};
use super::elements::{DataSet, Encoding, PIXELS, PixelElement, Tag, Wanted};
use super::syntax::Syntax;
use super::voi::{Function, Lut, Voi};
use crate::format::{BurntIn, ReadErrorKind};

/// The kind of device, such as US for ultrasound.
const KIND_OF_DEVICE: Tag = 0x0008_0060;
/// How a secondary capture was made.
const CONVERSION: Tag = 0x0008_0064;
const BURNED_IN: Tag = 0x0028_0301;
const ULTRASOUND_REGIONS: Tag = 0x0018_6011;
pub(super) const TRANSFER_SYNTAX: Tag = 0x0002_0010;
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

pub(super) const WANTED: Wanted = Wanted {
    values: &[
        KIND_OF_DEVICE,
        CONVERSION,
        BURNED_IN,
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
    sequences: &[ULTRASOUND_REGIONS, MODALITY_LUT, VOI_LUT, FRAME_VOI, VALUE_TRANSFORMATION, SHARED],
    lists: &[PER_FRAME],
};

/// A value as text, without its padding.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_matches([' ', '\0']).to_owned()
}

/// A palette with the bits that its entries have. Some writers state 16 bits and store entries of 8, or the reverse.
fn with_true_bits(mut palette: [Lut; 3]) -> [Lut; 3] {
    let largest = palette.iter().flat_map(|lut| &lut.table).max().copied().unwrap_or(0);
    for lut in &mut palette {
        lut.bits = match lut.bits {
            16 if largest <= 255 => 8,
            bits if u32::from(largest) >> bits.min(16) > 0 => 16,
            bits => bits,
        };
    }
    palette
}

/// The values of a data set or an item, by their types.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) set: &'a DataSet,
    pub(super) encoding: Encoding,
    /// Whether tables begin at a signed value. This is known when the kind of the pixels is known.
    pub(super) signed: bool,
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

    pub(super) fn describe(mut self, syntax: Syntax, pixels: PixelElement) -> Result<Description, ReadErrorKind> {
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
        let description = Description {
            syntax,
            rows: self.needed(ROWS, "its rows")?,
            columns: self.needed(COLUMNS, "its columns")?,
            frames,
            samples: samples as usize,
            allocated,
            stored,
            // Decoders give numbers. Only in uncompressed samples can the bits have another position in their word.
            shift: high.filter(|_| syntax.coding.keeps_bits()).map_or(0, |high| high + 1 - stored),
            signed: self.signed,
            planar: samples == 3 && self.number(PLANAR) == Some(1),
            number,
            photometric,
            palette: if photometric == Photometric::Palette { Some(self.palette()?) } else { None },
            values: self.values(None),
            frame_values: self.set.items(PER_FRAME).map(|set| self.values(Some(Fields { set, ..self }))).collect(),
            modality: self.item(MODALITY_LUT).and_then(|item| item.lut(LUT_LAYOUT, LUT_DATA)),
            burnt_in: self.burnt_in(),
            pixels,
            offsets: self.set.value(OFFSETS),
        };
        description.check()?;
        Ok(description)
    }

    /// What the values of a frame mean: what the frame's own group says, or else the group that all frames share, or
    /// else the object.
    fn values(&self, frame: Option<Self>) -> Values {
        let groups = || frame.into_iter().chain(self.item(SHARED));
        let transformations = || groups().filter_map(|group| group.item(VALUE_TRANSFORMATION)).chain([*self]);
        let rescale = |tag| transformations().find_map(|fields| fields.decimal(tag));
        let intercept = rescale(INTERCEPT).unwrap_or(0.0);
        // The first value of a VOI table is in the modality's units.
        let signed = self.signed || intercept < 0.0;
        let windows = groups().filter_map(|group| group.item(FRAME_VOI)).chain([*self]);
        let voi = windows.filter_map(|fields| Fields { signed, ..fields }.voi()).next();
        Values { slope: rescale(SLOPE).unwrap_or(1.0), intercept, voi }
    }

    /// What is said about text in the pixels, or may be guessed from the kind of the image.
    fn burnt_in(&self) -> BurntIn {
        match self.text(BURNED_IN).as_deref() {
            Some("YES") => return BurntIn::Stated,
            Some("NO") => return BurntIn::Denied,
            _ => {}
        }
        let kind = self.text(KIND_OF_DEVICE).unwrap_or_default();
        let often = ["US", "IVUS", "ES", "XC", "GM", "OT", "DOC"].contains(&kind.as_str());
        let captured = self.value(CONVERSION).is_some() || self.item(ULTRASOUND_REGIONS).is_some();
        if often || captured { BurntIn::Likely } else { BurntIn::Unsaid }
    }

    fn photometric(&self, samples: u32) -> Result<Photometric, ReadErrorKind> {
        let name = self.text(PHOTOMETRIC).unwrap_or_default().to_ascii_uppercase();
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
            (Some(red), Some(green), Some(blue)) => Ok(with_true_bits([red, green, blue])),
            _ => Err(ReadErrorKind::Damaged("its palette is missing or shorter than it says".into())),
        }
    }

    /// A look-up table. Its layout is the number of entries (0 means 65,536), the value of the first entry, and the
    /// bits of an entry.
    fn lut(&self, layout: Tag, data: Tag) -> Option<Lut> {
        let [entries, first, bits] = self.words(layout)?.get(..3)?.try_into().ok()?;
        let entries = if entries == 0 { 1 << 16 } else { usize::from(entries) };
        let first = if self.signed { i64::from(first.cast_signed()) } else { i64::from(first) };
        let words = self.words(data)?;
        let table: Vec<u16> = if words.len() >= entries {
            words.into_iter().take(entries).collect()
        } else {
            // A word may hold two entries of 8 bits.
            let bytes = words.iter().flat_map(|word| word.to_le_bytes());
            bytes.take(entries).map(u16::from).collect()
        };
        (table.len() == entries && (1..=16).contains(&bits)).then_some(Lut { first, bits: u32::from(bits), table })
    }

    /// The window or the VOI table that the file states.
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
