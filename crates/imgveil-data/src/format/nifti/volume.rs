//! The header of a volume: its sides, the type of its voxels, and where they begin.

use crate::format::{Axis, Header, ReadErrorKind, ReadOptions, Rescale, Rescales};
use imgveil::internal::image::{Depth, Geometry, GeometryError};

/// Bytes of a NIfTI-1 header.
const NIFTI_1: u64 = 348;
/// Bytes of a NIfTI-2 header.
pub(super) const NIFTI_2: u64 = 540;

/// The type of a voxel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
    Rgb,
}

impl Kind {
    /// The type of a number in the header.
    fn named(number: u16) -> Result<Self, ReadErrorKind> {
        Ok(match number {
            2 => Kind::U8,
            4 => Kind::I16,
            8 => Kind::I32,
            16 => Kind::F32,
            64 => Kind::F64,
            128 => Kind::Rgb,
            256 => Kind::I8,
            512 => Kind::U16,
            768 => Kind::U32,
            1024 => Kind::I64,
            1280 => Kind::U64,
            other => {
                let name = match other {
                    1 => "single bits",
                    32 | 1792 | 2048 => "complex numbers",
                    1536 => "floats of 128 bits",
                    2304 => "RGB with alpha",
                    _ => return Err(ReadErrorKind::Damaged(format!("there is no NIfTI data type {other}"))),
                };
                return Err(ReadErrorKind::Unsupported(format!(
                    "a NIfTI volume of {name}; convert it to int16 or float32"
                )));
            }
        })
    }

    /// Bytes of a voxel.
    pub(super) fn bytes(self) -> usize {
        match self {
            Kind::U8 | Kind::I8 => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::Rgb => 3,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::U64 | Kind::I64 | Kind::F64 => 8,
        }
    }

    /// The value of these bits. Bits above a voxel's are 0.
    pub(super) fn value(self, bits: u64) -> f64 {
        match self {
            Kind::I8 => f64::from(bits as u8 as i8),
            Kind::I16 => f64::from(bits as u16 as i16),
            Kind::I32 => f64::from(bits as u32 as i32),
            Kind::I64 => bits as i64 as f64,
            Kind::F32 => f64::from(f32::from_bits(bits as u32)),
            Kind::F64 => f64::from_bits(bits),
            Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 | Kind::Rgb => bits as f64,
        }
    }
}

/// The parts of a header that are used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Volume {
    pub(super) big_endian: bool,
    pub(super) kind: Kind,
    /// Voxels along the first three axes.
    pub(super) sides: [u64; 3],
    /// The number of volumes: the product of all further axes.
    pub(super) volumes: u64,
    /// The offset of the voxels.
    pub(super) offset: u64,
    pub(super) slope: f64,
    pub(super) intercept: f64,
    /// The values that the file states for black and white.
    pub(super) shown: (f64, f64),
}

/// Numbers at fixed offsets in a header.
struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Fields<'_> {
    /// The bits of a number. 0 if the header is too short; the caller has checked that it is not.
    fn bits(&self, at: usize, bytes: usize) -> u64 {
        self.bytes.get(at..at + bytes).map_or(0, |digits| bits(digits, self.big_endian))
    }

    fn short(&self, at: usize) -> i64 {
        i64::from(self.bits(at, 2) as u16 as i16)
    }

    fn long(&self, at: usize) -> i64 {
        self.bits(at, 8) as i64
    }

    fn single(&self, at: usize) -> f64 {
        Kind::F32.value(self.bits(at, 4))
    }

    fn double(&self, at: usize) -> f64 {
        Kind::F64.value(self.bits(at, 8))
    }
}

/// At most 8 bytes as a number.
pub(super) fn bits(digits: &[u8], big_endian: bool) -> u64 {
    let fold = |number: u64, &digit: &u8| number << 8 | u64::from(digit);
    if big_endian { digits.iter().fold(0, fold) } else { digits.iter().rev().fold(0, fold) }
}

impl Volume {
    pub(super) fn parse(start: &[u8]) -> Result<Self, ReadErrorKind> {
        let Some(size) = start.get(..4) else { return Err(ReadErrorKind::Foreign) };
        let (length, big_endian) = match (bits(size, false), bits(size, true)) {
            (length @ (NIFTI_1 | NIFTI_2), _) => (length, false),
            (_, length @ (NIFTI_1 | NIFTI_2)) => (length, true),
            _ => return Err(ReadErrorKind::Foreign),
        };
        if (start.len() as u64) < length {
            return Err(truncated());
        }
        let fields = Fields { bytes: start, big_endian };
        let magic = if length == NIFTI_1 { start.get(344..348) } else { start.get(4..8) };
        match magic.unwrap_or_default() {
            b"n+1\0" | b"n+2\0" => {}
            b"ni1\0" | b"ni2\0" => {
                let words =
                    "a NIfTI header whose voxels lie in a second file (.img); convert the pair to one .nii file";
                return Err(ReadErrorKind::Unsupported(words.into()));
            }
            _ => return Err(ReadErrorKind::Foreign),
        }
        let volume = if length == NIFTI_1 { Self::nifti_1(&fields)? } else { Self::nifti_2(&fields)? };
        // At least 4 bytes between header and voxels state whether there are extensions. Some writers state nothing.
        let volume = if volume.offset == 0 { Self { offset: length + 4, ..volume } } else { volume };
        if volume.offset < length + 4 {
            return Err(ReadErrorKind::Damaged("its voxels begin inside of its header".into()));
        }
        Ok(volume)
    }

    fn nifti_1(fields: &Fields) -> Result<Self, ReadErrorKind> {
        let offset = fields.single(108);
        // Beyond 2^24 a NIfTI-1 offset is not exact. No header has that many bytes of extensions.
        if !(0.0..=f64::from(1 << 24)).contains(&offset) || offset.fract() != 0.0 {
            return Err(ReadErrorKind::Damaged(format!("its voxels begin at byte {offset}")));
        }
        let (sides, volumes) = sizes(std::array::from_fn(|i| fields.short(40 + 2 * i)))?;
        Ok(Self {
            big_endian: fields.big_endian,
            kind: kind(fields.bits(70, 2), fields.bits(72, 2))?,
            sides,
            volumes,
            offset: offset as u64,
            slope: fields.single(112),
            intercept: fields.single(116),
            shown: (fields.single(128), fields.single(124)),
        })
    }

    fn nifti_2(fields: &Fields) -> Result<Self, ReadErrorKind> {
        let offset = u64::try_from(fields.long(168));
        let (sides, volumes) = sizes(std::array::from_fn(|i| fields.long(16 + 8 * i)))?;
        Ok(Self {
            big_endian: fields.big_endian,
            kind: kind(fields.bits(12, 2), fields.bits(14, 2))?,
            sides,
            volumes,
            offset: offset.map_err(|_| ReadErrorKind::Damaged("its voxels begin before the file does".into()))?,
            slope: fields.double(176),
            intercept: fields.double(184),
            shown: (fields.double(200), fields.double(192)),
        })
    }

    /// The size of header and voxels in bytes, if the file can hold them.
    pub(super) fn check_length(&self, length: u64, compressed: bool) -> Result<u64, ReadErrorKind> {
        let factors = self.sides.iter().chain([&self.volumes]);
        let voxels = factors.fold(self.kind.bytes() as u128, |product, &side| product.saturating_mul(side.into()));
        let needed = voxels.saturating_add(self.offset.into());
        // Deflate expands one byte to at most 1032 bytes.
        let possible = u128::from(length) * if compressed { 1032 } else { 1 };
        match u64::try_from(needed) {
            Ok(bytes) if needed <= possible => Ok(bytes),
            _ => Err(ReadErrorKind::Damaged(format!(
                "its header promises {needed} bytes, and the file has only {length}{} (truncated NIfTI)",
                if compressed { " compressed ones" } else { "" }
            ))),
        }
    }

    pub(super) fn header(&self, reading: &ReadOptions) -> Result<Header, ReadErrorKind> {
        let Cut { slices, rows, columns } = self.cut(reading.axis);
        let side = |axis: Along| u32::try_from(axis.count).unwrap_or(u32::MAX);
        let (height, width) = (side(rows), side(columns));
        let (channels, depth) = match (self.kind, reading.window) {
            (Kind::Rgb, _) => (3, Depth::U8),
            (_, Some(_)) => (1, Depth::U8),
            (Kind::U8 | Kind::I8, None) if reading.range.is_none() => (1, Depth::U8),
            (_, None) => (1, Depth::U16),
        };
        let too_large = || GeometryError::TooLarge { height, width, channels };
        let count = slices.count.checked_mul(self.volumes).and_then(|count| usize::try_from(count).ok());
        let count = count.ok_or_else(too_large)?;
        let header = Header::new(count, Geometry::new(height, width, channels)?.with_depth(depth));
        let rescale = self.rescale_of_samples(reading);
        Ok(Header { scale: rescale.into(), rescales: Rescales::all(rescale), ..header })
    }

    /// Whether samples of 16 bits cannot hold all values of a voxel.
    pub(super) fn is_wide(&self) -> bool {
        self.kind.bytes() > 3
    }

    /// The slope and the intercept that the header states. A slope of 0 means that it states none.
    fn rescale(&self) -> (f64, f64) {
        let Self { slope, intercept, .. } = *self;
        match slope == 0.0 || !slope.is_finite() || !intercept.is_finite() {
            true => (1.0, 0.0),
            false => (slope, intercept),
        }
    }

    /// A value in the modality's units.
    pub(super) fn scaled(&self, value: f64) -> f64 {
        let (slope, intercept) = self.rescale();
        value * slope + intercept
    }

    /// The reverse of [`scaled`](Self::scaled).
    pub(super) fn stored(&self, value: f64) -> f64 {
        let (slope, intercept) = self.rescale();
        (value - intercept) / slope
    }

    /// How values in the modality's units follow from samples that are read with these options.
    pub(super) fn rescale_of_samples(&self, reading: &ReadOptions) -> Option<Rescale> {
        let lowest = match (self.kind, reading.window, reading.range) {
            (Kind::Rgb, _, _) | (_, Some(_), _) => return None,
            (_, None, Some((low, high))) => return Rescale::new((high - low) / f64::from(u16::MAX), low),
            (Kind::U8 | Kind::U16, ..) => 0.0,
            (Kind::I8, ..) => -128.0,
            (Kind::I16, ..) => -32_768.0,
            _ => return None,
        };
        Rescale::new(self.rescale().0, self.scaled(lowest))
    }

    /// The positions of slices in the file.
    pub(super) fn cut(&self, axis: Axis) -> Cut {
        let [x, y, z] = self.sides;
        // Strides are used only if the file is long enough for them.
        let first = Along { count: x, stride: 1 };
        let second = Along { count: y, stride: x };
        let third = Along { count: z, stride: x.saturating_mul(y) };
        match axis {
            Axis::X => Cut { slices: first, rows: third, columns: second },
            Axis::Y => Cut { slices: second, rows: third, columns: first },
            Axis::Z => Cut { slices: third, rows: second, columns: first },
        }
    }
}

/// An axis: its number of voxels, and their distance in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Along {
    pub(super) count: u64,
    pub(super) stride: u64,
}

/// A volume divided into slices.
pub(super) struct Cut {
    pub(super) slices: Along,
    pub(super) rows: Along,
    pub(super) columns: Along,
}

/// The voxels along the first three axes, and the product of the further axes.
fn sizes(dim: [i64; 8]) -> Result<([u64; 3], u64), ReadErrorKind> {
    let axes = usize::try_from(dim[0]).ok().filter(|axes| (1..=7).contains(axes));
    let Some(axes) = axes else {
        return Err(ReadErrorKind::Damaged(format!("it has {} axes instead of 1 to 7", dim[0])));
    };
    let mut sides = [1; 7];
    for (side, &stated) in sides.iter_mut().zip(&dim[1..]).take(axes) {
        *side = u64::try_from(stated)
            .ok()
            .filter(|&side| side > 0)
            .ok_or_else(|| ReadErrorKind::Damaged(format!("one of its axes has {stated} voxels")))?;
    }
    let [x, y, z, ref further @ ..] = sides;
    Ok(([x, y, z], further.iter().fold(1, |product, &side| product.saturating_mul(side))))
}

fn kind(number: u64, bits: u64) -> Result<Kind, ReadErrorKind> {
    let kind = Kind::named(number as u16)?;
    // Some writers leave the bits out. The type says them too.
    if bits != 0 && bits != 8 * kind.bytes() as u64 {
        let wrong = format!("its data type has {} bits a voxel, and its header says {bits}", 8 * kind.bytes());
        return Err(ReadErrorKind::Damaged(wrong));
    }
    Ok(kind)
}

pub(super) fn truncated() -> ReadErrorKind {
    ReadErrorKind::Damaged("the file ends before the volume does (truncated NIfTI)".into())
}
