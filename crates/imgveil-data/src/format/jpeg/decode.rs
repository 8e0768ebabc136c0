//! The pixels of a codestream.

use super::colours::Colours;
use super::failed::Failed;
use super::finer_chroma;
use super::head::JpegHead;
use super::markers::{next_marker, segment, stands_alone};
use super::scans;
use libjpeg_turbo_rs::precision::{decompress_12bit_with_limits, decompress_lossless_arbitrary};
use libjpeg_turbo_rs::{DecodeLimits, Decoder};
use std::borrow::Cow;

/// More scans than any encoder makes. Each of them costs a pass over the image, and takes a few bytes in the file.
const SCANS: usize = 1000;

fn limits(head: &JpegHead) -> DecodeLimits {
    let (width, height) = (usize::from(head.width), usize::from(head.height));
    DecodeLimits {
        max_width: width,
        max_height: height,
        max_pixels: (width * height) as u64,
        max_scans: SCANS,
        max_memory: None,
    }
}

/// Interleaved samples of 8 bits. The caller has checked that the file can hold an image of this size, and that it has
/// one component or three.
pub(in crate::format) fn decode_8(bytes: &[u8], head: &JpegHead, colours: Colours) -> Result<Vec<u8>, Failed> {
    if head.is_arithmetic() {
        return Err(Failed::Unsupported("arithmetic codes, which do not show where they end".into()));
    }
    if !scans::are_complete(bytes, head) {
        return Err(Failed::Short);
    }
    let bytes = coloured(bytes, head, colours);
    // Not lenient: bytes between segments are skipped, and everything else that libjpeg warns about is an error.
    let decoder = Decoder::new_with_limits(&bytes, limits(head))?;
    let samples = if head.has_finer_chroma() {
        finer_chroma::decode(decoder, head, colours)?
    } else {
        decoder.decode_image()?.data
    };
    check(samples, head)
}

/// Interleaved samples of 12 bits, of the extended sequential process.
pub(in crate::format) fn decode_12(bytes: &[u8], head: &JpegHead, colours: Colours) -> Result<Vec<u16>, Failed> {
    if head.scanned < head.components {
        return Err(Failed::Unsupported("12-bit JPEG in several scans".into()));
    }
    if !scans::are_complete(bytes, head) {
        return Err(Failed::Short);
    }
    let mut bytes = coloured(bytes, head, colours);
    if let ([_], Some(factors)) = (head.factors.as_slice(), bytes.get(head.first_factors))
        && *factors != 0x11
    {
        // The factors of an only component mean nothing, but the decoder follows them.
        if let Some(factors) = bytes.to_mut().get_mut(head.first_factors) {
            *factors = 0x11;
        }
    }
    let image = decompress_12bit_with_limits(&bytes, &limits(head))?;
    check(image.data.into_iter().map(|sample| sample.max(0).cast_unsigned()).collect(), head)
}

/// Interleaved samples of a lossless codestream of up to 16 bits.
pub(in crate::format) fn decode_lossless(bytes: &[u8], head: &JpegHead) -> Result<Vec<u16>, Failed> {
    if head.scanned < head.components || head.is_subsampled() {
        return Err(Failed::Unsupported("lossless JPEG in several scans or with subsampled colours".into()));
    }
    if !scans::are_complete(bytes, head) {
        return Err(Failed::Short);
    }
    check(decompress_lossless_arbitrary(&coloured(bytes, head, Colours::Stored))?.data, head)
}

fn check<T>(samples: Vec<T>, head: &JpegHead) -> Result<Vec<T>, Failed> {
    let expected = usize::from(head.width) * usize::from(head.height) * usize::from(head.components);
    if samples.len() == expected {
        return Ok(samples);
    }
    Err(Failed::Damaged("it decodes to more or fewer pixels than its header says".into()))
}

/// The codestream with markers that make the decoder treat colours as the caller says: without JFIF's, and with Adobe's
/// marker of the wanted transform.
fn coloured<'a>(bytes: &'a [u8], head: &JpegHead, colours: Colours) -> Cow<'a, [u8]> {
    let transform = match colours {
        Colours::Stored => 0,
        Colours::Converted => 1,
        Colours::Marked => return Cow::Borrowed(bytes),
    };
    if head.components != 3 {
        return Cow::Borrowed(bytes);
    }
    let adobe = [b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00".as_slice(), &[transform]].concat();
    let mut marked = [bytes.get(..2).unwrap_or_default(), &adobe].concat();
    let mut at = 2;
    while let Some((kind, start)) = next_marker(bytes, at).filter(|&(_, start)| start <= head.scan) {
        let end = match segment(bytes, start) {
            _ if stands_alone(kind) => start,
            Some((_, end)) => end,
            None => break,
        };
        if !matches!(kind, 0xe0 | 0xee) {
            marked.extend_from_slice(bytes.get(start - 2..end).unwrap_or_default());
        }
        at = end;
    }
    marked.extend_from_slice(bytes.get(head.scan..).unwrap_or_default());
    Cow::Owned(marked)
}
