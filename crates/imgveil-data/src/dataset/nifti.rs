//! NIfTI-1 and NIfTI-2 volumes in one file (`.nii`, `.nii.gz`): every slice along an axis is an image, volume by volume.
//!
//! Without a window nothing is lost of 8 and 16 bits: unsigned samples stay as they are, signed ones become unsigned by adding
//! 128 or 32,768. Integers of 32 and 64 bits and floats are scaled from the file's smallest to its largest finite value onto 0
//! to 65,535; what is no number becomes 0. With a window, values are brought to the modality's units (the header's slope and
//! intercept) and then to 8 bits. RGB stays as it is.
//!
//! The header is read by hand: it is a handful of numbers at fixed places, and what matters here (that a lying one takes no
//! memory, and that a compressed file is unpacked only as far as its header's size goes) is a matter of a few lines. Never
//! turns or flips a slice, and nothing of the header leaves this file but sizes.

use super::ReadErrorKind;
use super::image_file::{Header, ImageFile};
use super::read_options::{Axis, ReadOptions, Window, linear, spread};
use flate2::bufread::MultiGzDecoder;
use imgveil::internal::image::{Depth, Geometry, GeometryError, Image};
use std::io::{BufRead, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// Whether a file's name says that it is a NIfTI volume.
pub fn is_nifti_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    name.ends_with(".nii") || name.ends_with(".nii.gz")
}

/// How many slices a volume has and their geometry, from its header alone.
///
/// # Errors
/// When it is no NIfTI file, its header is damaged or promises more than the file can hold, or it is of a kind that is not
/// supported.
pub fn header(mut reader: impl BufRead + Seek, reading: &ReadOptions) -> Result<Header, ReadErrorKind> {
    let length = reader.seek(SeekFrom::End(0)).map_err(ReadErrorKind::Io)?;
    reader.rewind().map_err(ReadErrorKind::Io)?;
    let compressed = is_gzip(reader.fill_buf().map_err(ReadErrorKind::Io)?);
    let start = match compressed {
        true => start(MultiGzDecoder::new(reader))?,
        false => start(reader)?,
    };
    let volume = Volume::parse(&start)?;
    volume.check_length(length, compressed)?;
    volume.header(reading)
}

/// Opens a volume that was read whole.
///
/// # Errors
/// As [`header`], and when the file ends before its voxels do.
pub fn open(bytes: Vec<u8>, reading: &ReadOptions) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
    let header = header(Cursor::new(&bytes), reading)?;
    let (volume, bytes) = match is_gzip(&bytes) {
        true => unpack(&bytes)?,
        false => (Volume::parse(&bytes)?, bytes),
    };
    let mut opened = Nifti { bytes, header, volume, axis: reading.axis, greys: Greys::Stored };
    opened.greys = opened.greys(reading.window)?;
    Ok(Box::new(opened))
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// As many bytes as the longer of the two headers has, or all there are.
fn start(reader: impl Read) -> Result<Vec<u8>, ReadErrorKind> {
    let mut start = Vec::new();
    reader.take(NIFTI_2).read_to_end(&mut start).map_err(packed)?;
    Ok(start)
}

/// Unpacks a compressed file as far as its header says that it goes, and no further.
fn unpack(bytes: &[u8]) -> Result<(Volume, Vec<u8>), ReadErrorKind> {
    let volume = Volume::parse(&start(MultiGzDecoder::new(bytes))?)?;
    let length = volume.check_length(bytes.len() as u64, true)?;
    let mut unpacked = Vec::new();
    let memory =
        |_| ReadErrorKind::Damaged(format!("its header promises {length} bytes, more than there is memory for"));
    unpacked.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX)).map_err(memory)?;
    let mut decoder = MultiGzDecoder::new(bytes);
    decoder.by_ref().take(length).read_to_end(&mut unpacked).map_err(packed)?;
    if unpacked.len() as u64 != length {
        return Err(truncated());
    }
    // The checksum is compared where the end is read.
    decoder.read(&mut [0]).map_err(packed)?;
    Ok((volume, unpacked))
}

/// What can be wrong with a compressed file.
fn packed(error: std::io::Error) -> ReadErrorKind {
    match error.kind() {
        ErrorKind::UnexpectedEof => truncated(),
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            ReadErrorKind::Damaged(format!("its gzip compression is broken ({error})"))
        }
        _ => ReadErrorKind::Io(error),
    }
}

fn truncated() -> ReadErrorKind {
    ReadErrorKind::Damaged("the file ends before the volume does (truncated NIfTI)".into())
}

/// Bytes of a NIfTI-1 header.
const NIFTI_1: u64 = 348;
/// Bytes of a NIfTI-2 header.
const NIFTI_2: u64 = 540;

/// What a voxel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
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
    /// By its number in the header.
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
    fn bytes(self) -> usize {
        match self {
            Kind::U8 | Kind::I8 => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::Rgb => 3,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::U64 | Kind::I64 | Kind::F64 => 8,
        }
    }

    /// The value that these bits stand for; bits above a voxel's are 0.
    fn value(self, bits: u64) -> f64 {
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

/// What is used of a header.
#[derive(Clone, Copy, Debug)]
struct Volume {
    big_endian: bool,
    kind: Kind,
    /// Voxels along the first three axes.
    sides: [u64; 3],
    /// How many volumes there are: all further axes.
    volumes: u64,
    /// Where the voxels begin.
    offset: u64,
    slope: f64,
    intercept: f64,
    /// What the file asks to be shown as black and as white.
    shown: (f64, f64),
}

/// Numbers at their places in a header.
struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Fields<'_> {
    /// The bits of a number, 0 where the header is too short (its length is checked before).
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
fn bits(digits: &[u8], big_endian: bool) -> u64 {
    let fold = |number: u64, &digit: &u8| number << 8 | u64::from(digit);
    if big_endian { digits.iter().fold(0, fold) } else { digits.iter().rev().fold(0, fold) }
}

impl Volume {
    fn parse(start: &[u8]) -> Result<Self, ReadErrorKind> {
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
        // Between header and voxels lie 4 bytes at least, which say whether there are extensions.
        if volume.offset < length + 4 {
            return Err(ReadErrorKind::Damaged("its voxels begin inside of its header".into()));
        }
        Ok(volume)
    }

    fn nifti_1(fields: &Fields) -> Result<Self, ReadErrorKind> {
        let offset = fields.single(108);
        // Beyond 2^24 a NIfTI-1 offset is not exact, and no header has that many bytes of extensions.
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

    /// How many bytes header and voxels take, if the file can hold them.
    fn check_length(&self, length: u64, compressed: bool) -> Result<u64, ReadErrorKind> {
        let factors = self.sides.iter().chain([&self.volumes]);
        let voxels = factors.fold(self.kind.bytes() as u128, |product, &side| product.saturating_mul(side.into()));
        let needed = voxels.saturating_add(self.offset.into());
        // Deflate makes at most 1032 bytes of one.
        let possible = u128::from(length) * if compressed { 1032 } else { 1 };
        match u64::try_from(needed) {
            Ok(bytes) if needed <= possible => Ok(bytes),
            _ => Err(ReadErrorKind::Damaged(format!(
                "its header promises {needed} bytes, and the file has only {length}{} (truncated NIfTI)",
                if compressed { " compressed ones" } else { "" }
            ))),
        }
    }

    fn header(&self, reading: &ReadOptions) -> Result<Header, ReadErrorKind> {
        let Cut { slices, rows, columns } = self.cut(reading.axis);
        let side = |axis: Along| u32::try_from(axis.count).unwrap_or(u32::MAX);
        let (height, width) = (side(rows), side(columns));
        let (channels, depth) = match (self.kind, reading.window) {
            (Kind::Rgb, _) => (3, Depth::U8),
            (Kind::U8 | Kind::I8, None) | (_, Some(_)) => (1, Depth::U8),
            (_, None) => (1, Depth::U16),
        };
        let too_large = || GeometryError::TooLarge { height, width, channels };
        let count = slices.count.checked_mul(self.volumes).and_then(|count| usize::try_from(count).ok());
        let count = count.ok_or_else(too_large)?;
        Ok(Header { count, geometry: Geometry::new(height, width, channels)?.with_depth(depth) })
    }

    /// How slices lie in the file.
    fn cut(&self, axis: Axis) -> Cut {
        let [x, y, z] = self.sides;
        // Strides are looked at only where the file is long enough for them.
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

/// An axis: how many voxels lie along it, and how far they lie apart in the file.
#[derive(Clone, Copy, Debug)]
struct Along {
    count: u64,
    stride: u64,
}

/// A volume cut into slices.
struct Cut {
    slices: Along,
    rows: Along,
    columns: Along,
}

/// Voxels along the first three axes, and the product of the further ones.
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
    if bits != 8 * kind.bytes() as u64 {
        let wrong = format!("its data type has {} bits a voxel, and its header says {bits}", 8 * kind.bytes());
        return Err(ReadErrorKind::Damaged(wrong));
    }
    Ok(kind)
}

/// What becomes of values.
#[derive(Clone, Copy, Debug)]
enum Greys {
    /// They are kept.
    Stored,
    /// From the smallest to the largest, onto 16 bits.
    Spread(f64, f64),
    /// In the modality's units: from black to white.
    Shown(f64, f64),
    /// In the modality's units: centre and width.
    Window(f64, f64),
}

/// An opened file, unpacked.
struct Nifti {
    bytes: Vec<u8>,
    header: Header,
    volume: Volume,
    axis: Axis,
    greys: Greys,
}

impl Nifti {
    fn greys(&self, window: Option<Window>) -> Result<Greys, ReadErrorKind> {
        Ok(match (self.volume.kind, window) {
            (Kind::Rgb, _) | (Kind::U8 | Kind::I8 | Kind::U16 | Kind::I16, None) => Greys::Stored,
            (_, None) => {
                let (low, high) = self.extremes(|value| value)?;
                Greys::Spread(low, high)
            }
            (_, Some(Window::Linear { centre, width })) => Greys::Window(centre, width),
            (_, Some(Window::Auto)) => match self.volume.shown {
                (low, high) if low.is_finite() && high.is_finite() && low < high => Greys::Shown(low, high),
                _ => {
                    let (low, high) = self.extremes(|value| self.scaled(value))?;
                    Greys::Shown(low, high)
                }
            },
        })
    }

    /// The smallest and the largest finite value.
    fn extremes(&self, of: impl Fn(f64) -> f64) -> Result<(f64, f64), ReadErrorKind> {
        let voxels =
            usize::try_from(self.volume.offset).ok().and_then(|at| self.bytes.get(at..)).ok_or_else(truncated)?;
        let size = self.volume.kind.bytes();
        let all = self.header.geometry.pixels().saturating_mul(self.header.count);
        let values = voxels.chunks_exact(size).take(all).map(|voxel| of(self.value(voxel)));
        let extremes = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        Ok(if extremes.0 <= extremes.1 { extremes } else { (0.0, 0.0) })
    }

    fn bits(&self, voxel: &[u8]) -> u64 {
        bits(voxel, self.volume.big_endian)
    }

    fn value(&self, voxel: &[u8]) -> f64 {
        self.volume.kind.value(self.bits(voxel))
    }

    /// A value in the modality's units. A slope of 0 says that there are none.
    fn scaled(&self, value: f64) -> f64 {
        let Volume { slope, intercept, .. } = self.volume;
        if slope == 0.0 || !slope.is_finite() || !intercept.is_finite() {
            return value;
        }
        value * slope + intercept
    }

    /// The voxels of a slice, row by row.
    fn slice(&self, index: usize) -> Option<impl Iterator<Item = &[u8]>> {
        let cut = self.volume.cut(self.axis);
        let (index, size) = (index as u64, self.volume.kind.bytes());
        let (volume, slice) = (index / cut.slices.count, index % cut.slices.count);
        let voxels: u64 = self.volume.sides.iter().product();
        let first = self.volume.offset + (volume * voxels + slice * cut.slices.stride) * size as u64;
        let bytes = self.bytes.get(usize::try_from(first).ok()?..)?;
        let (rows, columns) = (cut.rows, cut.columns);
        Some((0..rows.count).flat_map(move |y| {
            (0..columns.count).filter_map(move |x| {
                let at = (y * rows.stride + x * columns.stride) as usize * size;
                bytes.get(at..at + size)
            })
        }))
    }
}

impl ImageFile for Nifti {
    fn header(&self) -> Header {
        self.header
    }

    fn image(&self, index: usize) -> Result<Image, ReadErrorKind> {
        if index >= self.header.count {
            return Err(truncated());
        }
        let geometry = self.header.geometry;
        let voxels = self.slice(index).ok_or_else(truncated)?;
        let mut samples = Vec::with_capacity(geometry.bytes());
        let mut byte = |value: u8| samples.push(value);
        match (self.greys, self.volume.kind) {
            (Greys::Stored, Kind::Rgb | Kind::U8) => voxels.for_each(|voxel| voxel.iter().copied().for_each(&mut byte)),
            // Adding half the range is turning the highest bit over.
            (Greys::Stored, Kind::I8) => voxels.for_each(|voxel| byte(self.bits(voxel) as u8 ^ 1 << 7)),
            (Greys::Stored, kind) => {
                let flip = if kind == Kind::I16 { 1 << 15 } else { 0 };
                voxels.for_each(|voxel| (self.bits(voxel) as u16 ^ flip).to_le_bytes().into_iter().for_each(&mut byte));
            }
            (Greys::Spread(low, high), _) => voxels.for_each(|voxel| {
                let grey = spread(low, high, u16::MAX.into(), self.value(voxel)) as u16;
                grey.to_le_bytes().into_iter().for_each(&mut byte);
            }),
            (Greys::Shown(low, high), _) => voxels.for_each(|voxel| {
                byte(spread(low, high, u8::MAX.into(), self.scaled(self.value(voxel))) as u8);
            }),
            (Greys::Window(centre, width), _) => {
                voxels.for_each(|voxel| byte(linear(centre, width, self.scaled(self.value(voxel)))));
            }
        }
        Image::new(geometry, samples).ok_or_else(truncated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::io::Write;

    /// What a test file is made of.
    #[derive(Clone, Debug)]
    struct Made {
        second: bool,
        big_endian: bool,
        dim: [i64; 8],
        kind: (i64, i64),
        scale: (f64, f64),
        shown: (f64, f64),
    }

    impl Made {
        fn new(dim: [i64; 8], kind: (i64, i64)) -> Self {
            Self { second: false, big_endian: false, dim, kind, scale: (0.0, 0.0), shown: (0.0, 0.0) }
        }

        fn file(&self, voxels: &[u8]) -> Vec<u8> {
            let length = if self.second { 540 } else { 348 };
            let mut file = vec![0; length + 4];
            let mut put = |at: usize, digits: &[u8]| {
                let place = &mut file[at..at + digits.len()];
                place.copy_from_slice(digits);
                if self.big_endian {
                    place.reverse();
                }
            };
            put(0, &(length as u32).to_le_bytes());
            let (kind, bits) = (self.kind.0 as u16, self.kind.1 as u16);
            if self.second {
                put(12, &kind.to_le_bytes());
                put(14, &bits.to_le_bytes());
                (0..8).for_each(|i| put(16 + 8 * i, &self.dim[i].to_le_bytes()));
                put(168, &(length as u64 + 4).to_le_bytes());
                let doubles = [self.scale.0, self.scale.1, self.shown.1, self.shown.0];
                (0..4).for_each(|i| put(176 + 8 * i, &doubles[i].to_le_bytes()));
                file[4..12].copy_from_slice(b"n+2\0\r\n\x1a\n");
            } else {
                (0..8).for_each(|i| put(40 + 2 * i, &(self.dim[i] as i16).to_le_bytes()));
                put(70, &kind.to_le_bytes());
                put(72, &bits.to_le_bytes());
                let floats =
                    [(108, 352.0), (112, self.scale.0), (116, self.scale.1), (124, self.shown.1), (128, self.shown.0)];
                floats.iter().for_each(|&(at, value)| put(at, &(value as f32).to_le_bytes()));
                file[344..348].copy_from_slice(b"n+1\0");
            }
            file.extend_from_slice(voxels);
            file
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn along(axis: Axis) -> ReadOptions {
        ReadOptions { axis, ..ReadOptions::default() }
    }

    fn windowed(window: Window) -> ReadOptions {
        ReadOptions { window: Some(window), ..ReadOptions::default() }
    }

    fn slices(file: &[u8], reading: &ReadOptions) -> Vec<Image> {
        let stack = open(file.to_vec(), reading).unwrap();
        assert_eq!(header(Cursor::new(file), reading).unwrap(), stack.header());
        (0..stack.header().count).map(|i| stack.image(i).unwrap()).collect()
    }

    fn refused(file: &[u8]) -> String {
        let error = open(file.to_vec(), &ReadOptions::default()).map(|_| ()).unwrap_err().to_string();
        let again =
            header(Cursor::new(file), &ReadOptions::default()).map_or_else(|e| e.to_string(), |_| error.clone());
        assert_eq!(again, error);
        error
    }

    proptest! {
        /// Against the plain meaning: voxel (x, y, z) of volume t is number ((t * nz + z) * ny + y) * nx + x.
        #[test]
        fn every_axis_finds_every_voxel(
            (nx, ny, nz, nt) in (1i64..5, 1i64..5, 1i64..5, 1i64..4),
            (second, big_endian, packed) in any::<(bool, bool, bool)>(),
        ) {
            let made = Made { second, big_endian, ..Made::new([4, nx, ny, nz, nt, 1, 1, 1], (512, 16)) };
            let voxels: Vec<u16> = (0..(nx * ny * nz * nt) as u16).map(|i| i * 331).collect();
            let order = |v: &u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
            let mut file = made.file(&voxels.iter().flat_map(order).collect::<Vec<u8>>());
            if packed {
                file = gzip(&file);
            }
            for axis in [Axis::X, Axis::Y, Axis::Z] {
                let images = slices(&file, &along(axis));
                let (count, rows, columns) = match axis {
                    Axis::X => (nx, nz, ny),
                    Axis::Y => (ny, nz, nx),
                    Axis::Z => (nz, ny, nx),
                };
                prop_assert_eq!(images.len() as i64, count * nt);
                for (number, image) in images.iter().enumerate() {
                    let (t, slice) = (number as i64 / count, number as i64 % count);
                    let mut plain = Vec::new();
                    for row in 0..rows {
                        for column in 0..columns {
                            let (x, y, z) = match axis {
                                Axis::X => (slice, column, row),
                                Axis::Y => (column, slice, row),
                                Axis::Z => (column, row, slice),
                            };
                            plain.extend(voxels[(((t * nz + z) * ny + y) * nx + x) as usize].to_le_bytes());
                        }
                    }
                    prop_assert_eq!(image.samples(), plain);
                }
            }
        }
    }

    #[test]
    fn integers_are_shifted_and_wider_values_are_spread() {
        let image = |kind: (i64, i64), voxels: &[u8]| {
            let count = 8 * voxels.len() as i64 / kind.1;
            slices(&Made::new([2, count, 1, 0, 0, 0, 0, 0], kind).file(voxels), &ReadOptions::default()).remove(0)
        };
        let (int8, int16, int32, float32, float64) = ((256, 8), (4, 16), (8, 32), (16, 32), (64, 64));
        assert_eq!(image(int8, &[0x80, 0xff, 0, 0x7f]).samples(), [0, 127, 128, 255]);
        let shorts: Vec<u8> = [i16::MIN, -1, 0, i16::MAX].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(image(int16, &shorts).samples(), [0, 0, 0xff, 0x7f, 0, 0x80, 0xff, 0xff]);
        let grey = |image: Image| -> Vec<u16> {
            image.samples().chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
        };
        let floats = [-1.0f32, 0.0, 1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let bytes: Vec<u8> = floats.iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(grey(image(float32, &bytes)), [0, 32_768, 65_535, 0, 65_535, 0]);
        let doubles: Vec<u8> = [f64::MIN, f64::MAX].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(grey(image(float64, &doubles)), [0, 65_535]);
        let longs: Vec<u8> = [-70_000i32, 0, 70_000].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(grey(image(int32, &longs)), [0, 32_768, 65_535]);
        assert_eq!(grey(image(float32, &5f32.to_le_bytes())), [0]);
    }

    #[test]
    fn windows_take_the_units_of_the_header() {
        let mut made = Made::new([3, 4, 1, 1, 0, 0, 0, 0], (512, 16));
        made.scale = (2.0, -1024.0);
        let voxels: Vec<u8> = [0u16, 492, 532, 5000].iter().flat_map(|v| v.to_le_bytes()).collect();
        let samples = |made: &Made, window| slices(&made.file(&voxels), &windowed(window)).remove(0).into_samples();
        // -1024, -40, 40 and 8976 in Hounsfield units.
        let expected: Vec<u8> = [-1024.0, -40.0, 40.0, 8976.0].map(|v| linear(40.0, 400.0, v)).to_vec();
        assert_eq!(samples(&made, Window::Linear { centre: 40.0, width: 400.0 }), expected);
        assert_eq!(samples(&made, Window::Auto), [0, 25, 27, 255]);
        made.shown = (-40.0, 40.0);
        assert_eq!(samples(&made, Window::Auto), [0, 0, 255, 255]);
        let colour = Made::new([3, 2, 1, 1, 0, 0, 0, 0], (128, 24)).file(&[1, 2, 3, 4, 5, 6]);
        let image = slices(&colour, &windowed(Window::Auto)).remove(0);
        assert_eq!((image.geometry(), image.samples()), (Geometry::new(1, 2, 3).unwrap(), &[1, 2, 3, 4, 5, 6][..]));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let made = Made::new([3, 7, 5, 3, 0, 0, 0, 0], (4, 16));
        let file = made.file(&(0..210).map(|i| (i * 37) as u8).collect::<Vec<u8>>());
        for whole in [gzip(&file), file] {
            let reading = ReadOptions::default();
            assert_eq!(slices(&whole, &reading).len(), 3);
            for length in 0..whole.len() {
                assert!(open(whole[..length].to_vec(), &reading).is_err(), "cut to {length} of {}", whole.len());
            }
        }
    }

    #[test]
    fn headers_that_lie_or_are_not_supported_are_refused() {
        let made = |dim, kind| Made::new(dim, kind).file(&[0; 16]);
        let lie = made([3, 30_000, 30_000, 30_000, 0, 0, 0, 0], (16, 32));
        assert!(refused(&lie).contains("promises 108000000000352 bytes, and the file has only 368"));
        assert!(refused(&gzip(&lie)).contains("compressed"));
        let mut huge = Made::new([7, i64::MAX, i64::MAX, i64::MAX, i64::MAX, 2, 2, 2], (64, 64));
        huge.second = true;
        assert!(refused(&huge.file(&[])).contains("promises"));
        assert!(refused(&made([0, 1, 1, 1, 1, 1, 1, 1], (2, 8))).contains("0 axes"));
        assert!(refused(&made([3, 1, -1, 1, 0, 0, 0, 0], (2, 8))).contains("-1 voxels"));
        assert!(refused(&made([3, 1, 1, 1, 0, 0, 0, 0], (2, 16))).contains("8 bits a voxel"));
        assert!(refused(&made([3, 1, 1, 1, 0, 0, 0, 0], (32, 64))).contains("complex"));
        assert!(refused(&made([3, 1, 1, 1, 0, 0, 0, 0], (3, 8))).contains("no NIfTI data type"));
        let mut pair = made([3, 1, 1, 1, 0, 0, 0, 0], (2, 8));
        pair[344..348].copy_from_slice(b"ni1\0");
        assert!(refused(&pair).contains(".img"));
        pair[344..348].fill(0);
        assert!(refused(&pair).contains("no image"));
        assert!(refused(b"PNG").contains("no image"));
        assert!(refused(&gzip(b"something else")).contains("no image"));
        let mut inside = made([3, 1, 1, 1, 0, 0, 0, 0], (2, 8));
        inside[108..112].copy_from_slice(&100f32.to_le_bytes());
        assert!(refused(&inside).contains("inside of its header"));
        inside[108..112].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(refused(&inside).contains("NaN"));
    }

    #[test]
    fn names_are_known_in_any_case() {
        for name in ["a.nii", "b/A.NII.GZ"] {
            assert!(is_nifti_name(Path::new(name)));
        }
        assert!(!is_nifti_name(Path::new("a.nii.lut")) && !is_nifti_name(Path::new("a.gz")));
    }
}
