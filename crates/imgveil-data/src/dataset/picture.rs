//! Pictures: files that a picture viewer opens. PNG, JPEG, TIFF (every page an image), BMP, WebP and the PNM family are decoded to
//! grey or RGB of 8 or 16 bits, losslessly or not at all; PNG and JPEG are written. Grey of fewer bits is spread to 8, palettes
//! become RGB, alpha is dropped where every pixel is opaque. Never turns a picture as its EXIF data asks (pixels are taken as they
//! are stored), never flattens or converts colours, and never knows where a file lies in a set.

mod bmp;
mod jpeg;
mod tiff;

use super::image_file::{Header, ImageFile};
use super::{ReadError, ReadErrorKind};
use image::codecs::bmp::BmpDecoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngDecoder, PngEncoder};
use image::codecs::pnm::{PnmDecoder, PnmSubtype, SampleEncoding};
use image::codecs::webp::WebPDecoder;
use image::{ColorType, DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageFormat, Limits};
use imgveil::internal::image::{Depth, Geometry, Image};
use std::borrow::Cow;
use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

/// Whether a file's name says that it is a picture.
pub fn is_picture_name(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    matches!(
        extension.as_deref(),
        Some("png" | "jpg" | "jpeg" | "tif" | "tiff" | "bmp" | "dib" | "webp" | "pbm" | "pgm" | "ppm" | "pnm" | "pam")
    )
}

/// How many pictures a file holds (pages of a TIFF, else one) and their geometry, from as little of it as the format allows. A
/// picture that turns out to be translucent is refused only when it is decoded.
///
/// # Errors
/// When it is no picture, its header is damaged or promises more than the file can hold, or it is of a kind that is not
/// supported.
pub fn header(mut reader: impl BufRead + Seek) -> Result<Header, ReadErrorKind> {
    let length = reader.seek(SeekFrom::End(0)).map_err(ReadErrorKind::Io)?;
    let start = start(&mut reader).map_err(ReadErrorKind::Io)?;
    let one = |geometry| Header { count: 1, geometry };
    match format(&start)? {
        ImageFormat::Tiff => tiff::header(reader, length),
        ImageFormat::Jpeg => {
            let geometry = jpeg::geometry(reader)?;
            plausible(geometry.bytes() as u64, length, JPEG)?;
            Ok(one(geometry))
        }
        ImageFormat::Png => png_geometry(reader, &start, length).map(one),
        ImageFormat::WebP => webp_geometry(reader, length).map(one),
        ImageFormat::Bmp => bmp_geometry(reader, &start, length).map(one),
        ImageFormat::Pnm => pnm_geometry(reader, length).map(one),
        _ => Err(ReadErrorKind::Foreign),
    }
}

/// Opens a file that was read whole.
///
/// # Errors
/// As [`header`].
pub fn open(bytes: Vec<u8>) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
    let format = format(&bytes)?;
    if format == ImageFormat::Tiff {
        return tiff::open(bytes);
    }
    let header = header(Cursor::new(&bytes))?;
    Ok(Box::new(Picture { bytes, format, header }))
}

/// Decodes the one picture of a file.
///
/// # Errors
/// When it cannot be read, is damaged, of a kind that is not supported, or holds several.
pub fn read_image(path: &Path) -> Result<Image, ReadError> {
    let wrong = |kind| ReadError { path: path.display().to_string(), kind };
    let bytes = std::fs::read(path).map_err(|error| wrong(ReadErrorKind::Io(error)))?;
    open(bytes).and_then(|stack| single(stack.as_ref())).map_err(wrong)
}

/// The one image of a file that stands for one image.
pub(super) fn single(stack: &dyn ImageFile) -> Result<Image, ReadErrorKind> {
    match stack.header().count {
        1 => stack.image(0),
        count => {
            Err(ReadErrorKind::Unsupported(format!("it holds {count} images; one is wanted here: split it first")))
        }
    }
}

/// A picture of a format that holds one in a file.
struct Picture {
    bytes: Vec<u8>,
    format: ImageFormat,
    header: Header,
}

impl ImageFile for Picture {
    fn header(&self) -> Header {
        self.header
    }

    fn image(&self, _: usize) -> Result<Image, ReadErrorKind> {
        let geometry = self.header.geometry;
        if self.format == ImageFormat::Jpeg {
            return Image::new(geometry, jpeg::decode(&self.bytes, geometry)?).ok_or_else(mismatch);
        }
        let samples = match self.decode(geometry)? {
            DynamicImage::ImageLuma8(image) => image.into_raw(),
            DynamicImage::ImageRgb8(image) if geometry.channels() == 1 => every_third(&image),
            DynamicImage::ImageRgb8(image) => image.into_raw(),
            DynamicImage::ImageLuma16(image) => stored(&image),
            DynamicImage::ImageRgb16(image) => stored(&image),
            DynamicImage::ImageLumaA8(image) => opaque(&image, 1, u8::MAX)?,
            DynamicImage::ImageRgba8(image) => opaque(&image, 3, u8::MAX)?,
            DynamicImage::ImageLumaA16(image) => stored(&opaque(&image, 1, u16::MAX)?),
            DynamicImage::ImageRgba16(image) => stored(&opaque(&image, 3, u16::MAX)?),
            other => return Err(ReadErrorKind::Samples(format!("{:?}", other.color()))),
        };
        Image::new(geometry, samples).ok_or_else(mismatch)
    }
}

impl Picture {
    fn decode(&self, geometry: Geometry) -> Result<DynamicImage, ReadErrorKind> {
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(room(geometry) as u64);
        let mut reader = Cursor::new(self.bytes.as_slice());
        match self.format {
            ImageFormat::Png => PngDecoder::with_limits(reader, limits.clone()).and_then(|d| pixels(d, limits)),
            ImageFormat::WebP => WebPDecoder::new(reader).and_then(|d| pixels(d, limits)),
            ImageFormat::Bmp => BmpDecoder::new(reader).and_then(|d| pixels(d, limits)),
            ImageFormat::Pnm => {
                let image = PnmDecoder::new(&mut reader).and_then(|d| pixels(d, limits)).map_err(|e| wrong(&e))?;
                no_second_pnm(reader)?;
                return Ok(image);
            }
            _ => return Err(ReadErrorKind::Foreign),
        }
        .map_err(|e| wrong(&e))
    }
}

fn pixels(mut decoder: impl ImageDecoder, limits: Limits) -> Result<DynamicImage, ImageError> {
    decoder.set_limits(limits)?;
    DynamicImage::from_decoder(decoder)
}

/// The format by content, whatever the name says.
fn format(start: &[u8]) -> Result<ImageFormat, ReadErrorKind> {
    match image::guess_format(start) {
        Ok(
            format @ (ImageFormat::Png
            | ImageFormat::Jpeg
            | ImageFormat::Tiff
            | ImageFormat::Bmp
            | ImageFormat::WebP
            | ImageFormat::Pnm),
        ) => Ok(format),
        _ if is_big_tiff(start) => Ok(ImageFormat::Tiff),
        _ => Err(ReadErrorKind::Foreign),
    }
}

/// The kind of TIFF for files beyond 4 GiB, which the guess does not know.
fn is_big_tiff(start: &[u8]) -> bool {
    start.starts_with(b"II+\0") || start.starts_with(b"MM\0+")
}

/// The first bytes: enough to tell every format, and for what is looked up by hand. The reader goes back.
fn start(reader: &mut (impl BufRead + Seek)) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    reader.rewind()?;
    reader.by_ref().take(bmp::START).read_to_end(&mut start)?;
    reader.rewind()?;
    Ok(start)
}

fn png_geometry(reader: impl BufRead + Seek, start: &[u8], length: u64) -> Result<Geometry, ReadErrorKind> {
    let decoder = PngDecoder::with_limits(reader, Limits::default()).map_err(|e| wrong(&e))?;
    if decoder.is_apng().map_err(|e| wrong(&e))? {
        return Err(ReadErrorKind::Unsupported("an animated PNG; save its frames as images".into()));
    }
    let geometry = geometry(&decoder)?;
    // Bits of a sample and kind of colour, of the header chunk that every PNG begins with.
    let (bits, colour) = (start.get(24).map_or(8, |&bits| u64::from(bits)), start.get(25));
    let samples = match colour {
        Some(2) => 3,
        Some(4) => 2,
        Some(6) => 4,
        _ => 1,
    };
    let row = (geometry.width() as u64 * bits * samples).div_ceil(8) + 1;
    plausible(row * geometry.height() as u64, length, DEFLATE)?;
    Ok(geometry)
}

fn webp_geometry(reader: impl BufRead + Seek, length: u64) -> Result<Geometry, ReadErrorKind> {
    let decoder = WebPDecoder::new(reader).map_err(|e| wrong(&e))?;
    if decoder.has_animation() {
        return Err(ReadErrorKind::Unsupported("an animated WebP; save its frames as images".into()));
    }
    let geometry = geometry(&decoder)?;
    plausible(geometry.bytes() as u64, length, WEBP)?;
    Ok(geometry)
}

fn bmp_geometry(reader: impl BufRead + Seek, start: &[u8], length: u64) -> Result<Geometry, ReadErrorKind> {
    let decoder = BmpDecoder::new(reader).map_err(|e| wrong(&e))?;
    let geometry = geometry(&decoder)?;
    let Some(layout) = bmp::layout(start) else {
        return Err(ReadErrorKind::Damaged("the file ends inside of its header (truncated BMP)".into()));
    };
    if !layout.in_order {
        return Err(ReadErrorKind::Damaged("its pixels begin inside of its header or palette".into()));
    }
    match layout.length {
        Some(needed) => plausible(needed, length, 1)?,
        None => plausible(geometry.pixels() as u64, length, BMP_RUNS)?,
    }
    if layout.grey {
        return Ok(Geometry::new(geometry.height() as u32, geometry.width() as u32, 1)?);
    }
    Ok(geometry)
}

fn pnm_geometry(mut reader: impl BufRead + Seek, length: u64) -> Result<Geometry, ReadErrorKind> {
    let decoder = PnmDecoder::new(&mut reader).map_err(|e| wrong(&e))?;
    let geometry = geometry(&decoder)?;
    if decoder.header().maximal_sample() > 255 && geometry.depth() == Depth::U8 {
        // The decoder would take one byte a sample where there are two.
        return Err(ReadErrorKind::Unsupported("a PAM of 16 bits that names no TUPLTYPE; add one".into()));
    }
    let samples = geometry.pixels() as u64 * u64::from(decoder.color_type().channel_count());
    let needed = match decoder.subtype() {
        PnmSubtype::Bitmap(SampleEncoding::Binary) => geometry.width().div_ceil(8) as u64 * geometry.height() as u64,
        PnmSubtype::Bitmap(SampleEncoding::Ascii) => samples,
        // A digit and a blank each, but for the last one.
        PnmSubtype::Graymap(SampleEncoding::Ascii) | PnmSubtype::Pixmap(SampleEncoding::Ascii) => 2 * samples - 1,
        _ => samples * geometry.depth().bytes() as u64,
    };
    drop(decoder);
    let header = reader.stream_position().map_err(ReadErrorKind::Io)?;
    plausible(needed, length.saturating_sub(header), 1)?;
    Ok(geometry)
}

/// The PNM family allows for several images one behind the other; the decoder reads the first.
fn no_second_pnm(mut reader: Cursor<&[u8]>) -> Result<(), ReadErrorKind> {
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).map_err(ReadErrorKind::Io)?;
    match rest.trim_ascii_start() {
        [b'P', b'1'..=b'7', b'\t' | b'\n' | b'\r' | b' ' | b'#', ..] => {
            Err(ReadErrorKind::Unsupported("several PNM images in one file; make a file of each".into()))
        }
        _ => Ok(()),
    }
}

/// What the decoder will give, without alpha.
fn geometry(decoder: &impl ImageDecoder) -> Result<Geometry, ReadErrorKind> {
    let (channels, depth) = match decoder.color_type() {
        ColorType::L8 | ColorType::La8 => (1, Depth::U8),
        ColorType::Rgb8 | ColorType::Rgba8 => (3, Depth::U8),
        ColorType::L16 | ColorType::La16 => (1, Depth::U16),
        ColorType::Rgb16 | ColorType::Rgba16 => (3, Depth::U16),
        other => return Err(ReadErrorKind::Samples(format!("{other:?}"))),
    };
    let (width, height) = decoder.dimensions();
    Ok(Geometry::new(height, width, channels)?.with_depth(depth))
}

/// How many bytes deflate makes of one at the most: 258 of two bits.
const DEFLATE: u64 = 1032;

/// A JPEG block of 64 samples takes a bit at least (progressive, of which only the mean came), and of six such blocks come 768
/// bytes of RGB where colour has half the resolution; ten blocks at the most share their colour.
const JPEG: u64 = 2048;

/// One colour all over takes a WebP no bits at all: a bound by judgement, one byte for 65,536.
const WEBP: u64 = 1 << 16;

/// A run of 255 pixels takes two bytes; a jump over as many rows, four.
const BMP_RUNS: u64 = 1 << 14;

/// Below this, a small file may promise what it likes: it costs nothing to see.
const CHEAP: u64 = 64 << 20;

/// Whether `stored` bytes of a file can hold what becomes `raw` bytes, where a byte becomes `ratio` at the most. Looked at
/// before memory is taken: a header of a few bytes may promise gigabytes.
fn plausible(raw: u64, stored: u64, ratio: u64) -> Result<(), ReadErrorKind> {
    if raw <= stored.saturating_mul(ratio) || (ratio > 1 && raw <= CHEAP) {
        return Ok(());
    }
    let wrong = format!("its header promises {raw} bytes of pixels, and the file has only {stored}");
    Err(ReadErrorKind::Damaged(wrong))
}

/// How many bytes a decoder may take for an image: its samples, once more with alpha, and a working space.
fn room(geometry: Geometry) -> usize {
    geometry.bytes().saturating_mul(4).saturating_add(64 << 20)
}

/// A decoder's words on one line: they end up in lists.
fn wrong(error: &ImageError) -> ReadErrorKind {
    let line = |words: String| words.split_whitespace().collect::<Vec<_>>().join(" ");
    match error {
        ImageError::Unsupported(what) => ReadErrorKind::Unsupported(line(what.to_string())),
        ImageError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            ReadErrorKind::Damaged("the file ends before the image does (truncated)".into())
        }
        other => ReadErrorKind::Damaged(line(other.to_string())),
    }
}

fn mismatch() -> ReadErrorKind {
    ReadErrorKind::Damaged("it holds more or fewer pixels than it says".into())
}

/// Samples without the alpha that stands behind the `channels` of every pixel, if it says nothing.
fn opaque<T: Copy + PartialEq>(samples: &[T], channels: usize, max: T) -> Result<Vec<T>, ReadErrorKind> {
    let pixels = samples.chunks_exact(channels + 1);
    if pixels.clone().any(|pixel| pixel.last() != Some(&max)) {
        let words = "it has translucent pixels; put it on a background (flatten its alpha channel) first";
        return Err(ReadErrorKind::Unsupported(words.into()));
    }
    Ok(pixels.flat_map(|pixel| pixel.iter().take(channels)).copied().collect())
}

/// The greys of an image whose reds, greens and blues are the same.
fn every_third(samples: &[u8]) -> Vec<u8> {
    samples.iter().step_by(3).copied().collect()
}

/// 16-bit samples as an [`Image`] holds them, whatever the machine's own order of bytes.
fn stored(samples: &[u16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// An image as PNG. The same bytes for the same image, whatever the machine. What does not compress, as most encrypted images do
/// not, is stored: compressing it would take twenty times as long and save nothing.
///
/// # Errors
/// The encoder's words.
pub fn encode_png(image: &Image) -> Result<Vec<u8>, String> {
    let geometry = image.geometry();
    // The encoder wants 16-bit samples in the machine's own order of bytes.
    let samples = match geometry.depth() {
        Depth::U8 => Cow::Borrowed(image.samples()),
        Depth::U16 => {
            let native = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]).to_ne_bytes();
            Cow::Owned(image.samples().chunks_exact(2).flat_map(native).collect())
        }
    };
    let compression = match compresses(geometry, &samples)? {
        true => CompressionType::Fast,
        false => CompressionType::Uncompressed,
    };
    png(geometry, geometry.height(), &samples, compression)
}

/// Rows that are tried to find out whether an image compresses.
const TRIED: usize = 16;

/// Whether an image compresses: tried on rows around its first and its third quarter.
fn compresses(geometry: Geometry, samples: &[u8]) -> Result<bool, String> {
    let (height, row) = (geometry.height(), geometry.bytes() / geometry.height());
    let rows = |centre: usize| {
        let first = centre.saturating_sub(TRIED / 4) * row;
        samples.get(first..first + TRIED / 2 * row).unwrap_or_default()
    };
    // A small image is tried whole.
    let tried = match height > 2 * TRIED {
        true => Cow::Owned([rows(height / 4), rows(height - height / 4)].concat()),
        false => Cow::Borrowed(samples),
    };
    let compressed = png(geometry, tried.len() / row, &tried, CompressionType::Fast)?;
    // A gain of less than a twentieth is none.
    Ok(compressed.len() + tried.len() / 20 < tried.len())
}

/// Rows of an image's width as PNG.
fn png(geometry: Geometry, rows: usize, samples: &[u8], compression: CompressionType) -> Result<Vec<u8>, String> {
    let colour = match (geometry.channels(), geometry.depth()) {
        (1, Depth::U8) => ExtendedColorType::L8,
        (_, Depth::U8) => ExtendedColorType::Rgb8,
        (1, Depth::U16) => ExtendedColorType::L16,
        (_, Depth::U16) => ExtendedColorType::Rgb16,
    };
    let filter = match compression {
        CompressionType::Uncompressed => FilterType::NoFilter,
        _ => FilterType::Adaptive,
    };
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, compression, filter)
        .write_image(samples, geometry.width() as u32, rows as u32, colour)
        .map_err(|e| e.to_string())?;
    Ok(png)
}

/// An image as baseline JPEG of a quality from 1 to 100, colour at full resolution (4:4:4): halving it would mix pixels of
/// neighbouring blocks, which encrypted ones have nothing in common with. The same bytes for the same image.
///
/// # Errors
/// For 16-bit images, which JPEG does not hold, sides beyond 65,535 pixels, and qualities that there are not.
pub fn encode_jpeg(image: &Image, quality: u8) -> Result<Vec<u8>, String> {
    let geometry = image.geometry();
    if geometry.depth() != Depth::U8 {
        return Err(
            "JPEG holds 8 bits a sample and this image has 16: write PNG, or choose a window of grey values".into()
        );
    }
    if !(1..=100).contains(&quality) {
        return Err(format!("{quality} is no JPEG quality: choose one from 1 to 100"));
    }
    let colour = if geometry.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .write_image(image.samples(), geometry.width() as u32, geometry.height() as u32, colour)
        .map_err(|e| e.to_string())?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::tiff::encoder::colortype::{Gray8, RGB8};
    use ::tiff::encoder::{Compression, TiffEncoder};

    fn image(height: u32, width: u32, channels: u32) -> Image {
        let geometry = Geometry::new(height, width, channels).unwrap();
        Image::new(geometry, (0..geometry.samples()).map(|i| (i * 7) as u8).collect()).unwrap()
    }

    fn decode(bytes: &[u8]) -> Result<Image, ReadErrorKind> {
        open(bytes.to_vec())?.image(0)
    }

    #[test]
    fn pngs_of_16_bits_round_trip() {
        for geometry in [Geometry::new(5, 7, 1).unwrap(), Geometry::new(5, 7, 3).unwrap()] {
            let deep = geometry.with_depth(Depth::U16);
            let image = Image::new(deep, (0..deep.bytes()).map(|i| (i * 7) as u8).collect()).unwrap();
            assert_eq!(decode(&encode_png(&image).unwrap()).unwrap(), image);
        }
    }

    /// The image in every format that is written somewhere, with the name of the format.
    fn in_every_format(image: &Image) -> Vec<(&'static str, Vec<u8>)> {
        let geometry = image.geometry();
        let colour = if geometry.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
        let (width, height) = (geometry.width() as u32, geometry.height() as u32);
        let mut formats = vec![("png", encode_png(image).unwrap()), ("jpeg", encode_jpeg(image, 75).unwrap())];
        for (name, format) in [("bmp", ImageFormat::Bmp), ("webp", ImageFormat::WebP), ("pnm", ImageFormat::Pnm)] {
            let mut bytes = Cursor::new(Vec::new());
            image::write_buffer_with_format(&mut bytes, image.samples(), width, height, colour, format).unwrap();
            formats.push((name, bytes.into_inner()));
        }
        for compression in [
            Compression::Uncompressed,
            Compression::Lzw,
            Compression::Packbits,
            Compression::Deflate(Default::default()),
        ] {
            let mut bytes = Cursor::new(Vec::new());
            let mut encoder = TiffEncoder::new(&mut bytes).unwrap().with_compression(compression);
            match geometry.channels() {
                1 => encoder.write_image::<Gray8>(width, height, image.samples()).unwrap(),
                _ => encoder.write_image::<RGB8>(width, height, image.samples()).unwrap(),
            }
            formats.push(("tiff", bytes.into_inner()));
        }
        formats
    }

    #[test]
    fn every_format_decodes_to_what_was_written_and_its_header_says_so() {
        for plain in [image(9, 13, 3), image(9, 13, 1)] {
            for (name, bytes) in in_every_format(&plain) {
                let decoded = decode(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(header(Cursor::new(&bytes)).unwrap(), open(bytes).unwrap().header(), "{name}");
                match name {
                    "jpeg" => assert_eq!(decoded.geometry(), plain.geometry()),
                    // WebP knows no grey.
                    "webp" if plain.geometry().channels() == 1 => {
                        assert_eq!(every_third(decoded.samples()), plain.samples())
                    }
                    _ => assert_eq!(decoded, plain, "{name}"),
                }
            }
        }
    }

    #[test]
    fn every_truncation_is_an_error_or_exact() {
        let plain = image(24, 24, 3);
        for (name, whole) in in_every_format(&plain) {
            let exact = decode(&whole).unwrap();
            for length in 0..whole.len() {
                if let Ok(image) = decode(&whole[..length]) {
                    assert_eq!(image, exact, "{name}: cut to {length} of {}", whole.len());
                }
            }
        }
    }

    #[test]
    fn what_does_not_compress_is_stored_and_the_rest_is_not() {
        for size in [8u32, 100] {
            let geometry = Geometry::new(size, size, 3).unwrap();
            let noise = |i: usize| ((i as u32 + 1).wrapping_mul(2_654_435_761) >> 24) as u8;
            let of = |sample: &dyn Fn(usize) -> u8| {
                Image::new(geometry, (0..geometry.bytes()).map(sample).collect()).unwrap()
            };
            let (noise, smooth) = (of(&noise), of(&|i| (i / 300) as u8));
            let sizes = [&noise, &smooth].map(|image| {
                let png = encode_png(image).unwrap();
                assert_eq!(&decode(&png).unwrap(), image);
                png.len()
            });
            // Stored: a byte a row for the filter, and the file's frame.
            assert!((geometry.bytes()..geometry.bytes() + 200 + size as usize).contains(&sizes[0]), "{sizes:?}");
            assert!(size < 100 || sizes[1] < geometry.bytes() / 2, "{sizes:?}");
        }
    }

    #[test]
    fn alpha_is_dropped_where_it_says_nothing() {
        let encoded = |alpha: u8| {
            let mut png = Vec::new();
            let samples = [1, 2, 3, 255, 4, 5, 6, alpha];
            PngEncoder::new(&mut png).write_image(&samples, 2, 1, ExtendedColorType::Rgba8).unwrap();
            png
        };
        assert_eq!(decode(&encoded(255)).unwrap().samples(), [1, 2, 3, 4, 5, 6]);
        let translucent = encoded(254);
        assert_eq!(header(Cursor::new(&translucent)).unwrap().geometry, Geometry::new(1, 2, 3).unwrap());
        assert!(decode(&translucent).unwrap_err().to_string().contains("translucent"));
    }

    #[test]
    fn headers_that_lie_take_no_memory() {
        let pnm = |text: &str| decode(text.as_bytes()).unwrap_err().to_string();
        assert!(pnm("P5 30000 30000 255 ").contains("promises 900000000 bytes"));
        assert!(pnm("P2 40000 40000 255 1 2 3").contains("promises 3199999999 bytes"));
        assert!(pnm("P6 70000 70000 255 ").contains("2^31"));
        let mut png = encode_png(&image(5, 7, 3)).unwrap();
        png[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
        // The header chunk's checksum.
        let checksum = crc(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        let lie = decode(&png).unwrap_err().to_string();
        assert!(lie.contains("promises"), "{lie}");
        let mut jpeg = encode_jpeg(&image(16, 16, 1), 75).unwrap();
        let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0x80, 0, 0x80, 0]);
        assert!(decode(&jpeg).unwrap_err().to_string().contains("promises"));
    }

    #[test]
    fn a_bmp_whose_pixels_begin_in_its_palette_is_refused() {
        let mut bmp = Cursor::new(Vec::new());
        image::write_buffer_with_format(&mut bmp, &[1, 2], 2, 1, ExtendedColorType::L8, ImageFormat::Bmp).unwrap();
        let mut bmp = bmp.into_inner();
        assert_eq!(decode(&bmp).unwrap().samples(), [1, 2]);
        bmp[10..14].copy_from_slice(&54u32.to_le_bytes());
        assert!(decode(&bmp).unwrap_err().to_string().contains("inside of its header or palette"));
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
        })
    }

    #[test]
    fn the_pnm_family_is_read_as_others_read_it() {
        let read = |bytes: &[u8]| decode(bytes).map(Image::into_samples);
        assert_eq!(read(b"P1 3 2 101 010").unwrap(), [0, 255, 0, 255, 0, 255]);
        assert_eq!(read(b"P4 3 2 \xa0\x40").unwrap(), [0, 255, 0, 255, 0, 255]);
        assert_eq!(read(b"P2 2 1 15 0 15").unwrap(), [0, 255]);
        // 12 bits are stretched over 16.
        assert_eq!(read(b"P5 2 1 4095 \x0f\xff\x00\x00").unwrap(), [255, 255, 0, 0]);
        let pam = |tuple: &str| format!("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 65535\n{tuple}ENDHDR\n\x01\x02");
        assert_eq!(read(pam("TUPLTYPE GRAYSCALE\n").as_bytes()).unwrap(), [2, 1]);
        assert!(read(pam("").as_bytes()).unwrap_err().to_string().contains("TUPLTYPE"));
        assert!(read(b"P5 1 1 255 aP5 1 1 255 b").unwrap_err().to_string().contains("several"));
    }

    #[test]
    fn jpegs_of_other_kinds_are_named() {
        let whole = encode_jpeg(&image(16, 16, 3), 75).unwrap();
        let frame = whole.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        // Colour at full resolution: every component is sampled 1x1.
        assert_eq!([whole[frame + 11], whole[frame + 14], whole[frame + 17]], [0x11; 3]);
        for (at, byte, words) in [(1, 0xc3, "lossless"), (1, 0xc9, "arithmetically"), (4, 12, "12-bit"), (9, 4, "CMYK")]
        {
            let mut other = whole.clone();
            other[frame + at] = byte;
            let error = open(other).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("not supported") && error.contains(words), "{error}");
        }
    }

    #[test]
    fn jpegs_hold_8_bits_at_a_quality_that_there_is() {
        let grey = image(16, 16, 1);
        assert_eq!(decode(&encode_jpeg(&grey, 90).unwrap()).unwrap().geometry(), grey.geometry());
        assert!(encode_jpeg(&grey, 0).unwrap_err().contains("1 to 100"));
        let deep = grey.geometry().with_depth(Depth::U16);
        let deep = Image::new(deep, vec![1; deep.bytes()]).unwrap();
        assert!(encode_jpeg(&deep, 90).unwrap_err().contains("16"));
    }

    #[test]
    fn what_a_damaged_jpeg_lacks_is_not_made_up() {
        let whole = encode_jpeg(&image(64, 64, 1), 75).unwrap();
        // A marker in the middle of the scan that has no business there: the rest would be grey.
        let scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
        let (before, after) = whole.split_at((scan + whole.len()) / 2);
        let damaged = [before, &[0xff, 0xd8], after].concat();
        assert!(matches!(decode(&damaged), Err(ReadErrorKind::Damaged(_))));
    }

    #[test]
    fn a_thumbnail_does_not_hide_a_truncated_jpeg() {
        let jpeg = encode_jpeg(&image(16, 16, 1), 75).unwrap();
        // An application segment whose payload is a whole JPEG.
        let mut with_thumbnail = jpeg[..2].to_vec();
        with_thumbnail.extend([0xff, 0xe1]);
        with_thumbnail.extend(((jpeg.len() + 2) as u16).to_be_bytes());
        with_thumbnail.extend(&jpeg);
        with_thumbnail.extend(&jpeg[2..]);
        assert!(decode(&with_thumbnail).is_ok());
        assert!(matches!(decode(&with_thumbnail[..with_thumbnail.len() - 2]), Err(ReadErrorKind::Damaged(_))));
    }
}
