//! The codecs of DICOM frames. Run lengths are decoded by hand, in a few lines; JPEG, JPEG-LS and JPEG 2000 by
//! libraries. The size that a codestream states is compared with the header before a library sees it. The result is
//! stored samples, interleaved, least significant byte first. Colours are not converted.

use super::codestream::{Jpeg2000Head, code_blocks, is_reversible};
use super::description::{Description, Photometric};
use super::interleave::{interleaved, pairs_apart};
use super::syntax::{CONVERT, Coding};
use crate::format::ReadErrorKind;
use crate::format::jpeg::{Colours, Failed, JpegHead, decode_8, decode_12, decode_lossless};
use crate::text::one_line;
use std::borrow::Cow;
use std::fmt::Display;
use std::io::Read;

/// A decoded frame.
pub(super) struct Decoded<'a> {
    /// Its samples.
    pub samples: Cow<'a, [u8]>,
    /// Whether they are colour differences, if the codestream states it.
    pub differences: Option<bool>,
}

fn damaged(words: impl Into<String>) -> ReadErrorKind {
    ReadErrorKind::Damaged(words.into())
}

/// A library's message on one line.
fn failed(codec: &str, error: impl Display) -> ReadErrorKind {
    damaged(format!("{codec}: {}", one_line(&error.to_string())))
}

fn unsupported(words: &str) -> ReadErrorKind {
    ReadErrorKind::Unsupported(format!("{words}; {CONVERT}"))
}

/// Why a JPEG frame is not decoded.
fn not_decoded(failed: Failed) -> ReadErrorKind {
    match failed {
        Failed::Short => damaged("JPEG: a frame ends before its pixels do"),
        Failed::Damaged(words) => damaged(format!("JPEG: {words}")),
        Failed::Unsupported(what) => unsupported(&what),
    }
}

/// Whether a JPEG frame holds colour differences, if its markers say. They go before the photometric interpretation, as
/// in other readers: many writers compress colours and leave the header as it was.
fn differences(head: &JpegHead) -> Option<bool> {
    match head.adobe {
        None if head.has_rgb_ids() => Some(false),
        _ if head.jfif => Some(true),
        transform => transform.map(|transform| transform != 0),
    }
}

impl Description {
    fn frame_samples(&self) -> usize {
        self.frame_pixels() as usize * self.samples
    }

    /// Bytes of a sample once a frame is decoded.
    fn sample_bytes(&self) -> usize {
        self.allocated.div_ceil(8) as usize
    }

    /// Decodes a frame from its bytes in the file.
    pub(super) fn decode<'a>(&self, frame: Cow<'a, [u8]>) -> Result<Decoded<'a>, ReadErrorKind> {
        let mut differences = None;
        let samples = match self.syntax.coding {
            Coding::Native => self.unwrapped(frame),
            Coding::Encapsulated => {
                let needed = self.frame_bits().div_ceil(8) as usize;
                let exact = |bytes: &[u8]| bytes.get(..needed).map(<[u8]>::to_vec);
                let exact = exact(&frame).ok_or_else(|| damaged("a frame ends before its pixels do"))?;
                self.unwrapped(Cow::Owned(exact))
            }
            Coding::Deflated => self.unwrapped(Cow::Owned(self.inflated(&frame)?)),
            Coding::Rle => Cow::Owned(self.run_lengths(&frame)?),
            Coding::Jpeg => {
                let (samples, known) = self.jpeg(&frame)?;
                differences = known;
                Cow::Owned(samples)
            }
            Coding::JpegLs => Cow::Owned(self.jpeg_ls(&frame)?),
            Coding::Jpeg2000 => Cow::Owned(self.jpeg_2000(&frame)?),
        };
        if samples.len() != self.frame_samples() * self.sample_bytes() {
            return Err(damaged("a frame decodes to more or fewer pixels than the header says"));
        }
        Ok(Decoded { samples, differences })
    }

    /// Interleaves the samples.
    fn unwrapped<'a>(&self, frame: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        match () {
            () if self.photometric == Photometric::Ybr422 => Cow::Owned(pairs_apart(&frame)),
            () if self.planar => Cow::Owned(interleaved(&frame, self.sample_bytes())),
            () => frame,
        }
    }

    fn inflated(&self, frame: &[u8]) -> Result<Vec<u8>, ReadErrorKind> {
        let needed = self.frame_bits().div_ceil(8);
        let mut samples = Vec::new();
        let read = flate2::read::DeflateDecoder::new(frame).take(needed).read_to_end(&mut samples);
        read.map_err(|error| failed("deflate", error))?;
        if samples.len() as u64 == needed { Ok(samples) } else { Err(damaged("a frame ends before its pixels do")) }
    }

    /// PS3.5 Annex G: a header of 16 numbers of 32 bits (the number of segments and their offsets), then a segment for
    /// every byte of a sample, most significant byte first, one plane after the other.
    fn run_lengths(&self, frame: &[u8]) -> Result<Vec<u8>, ReadErrorKind> {
        let short = || damaged("RLE: a frame ends before its pixels do");
        let (header, _) = frame.split_at_checked(64).ok_or_else(short)?;
        let numbers: Vec<usize> = header.as_chunks().0.iter().map(|n| u32::from_le_bytes(*n) as usize).collect();
        let (bytes, planes) = (self.sample_bytes(), self.samples * self.sample_bytes());
        let (count, offsets) = numbers.split_first().ok_or_else(short)?;
        if *count != planes {
            return Err(damaged(format!("RLE: {count} segments where the header needs {planes}")));
        }
        let pixels = self.frame_pixels() as usize;
        let mut samples = Vec::new();
        for plane in 0..planes {
            let from = *offsets.get(plane).ok_or_else(short)?;
            let to = if plane + 1 < planes { *offsets.get(plane + 1).ok_or_else(short)? } else { frame.len() };
            let segment = frame.get(from..to).ok_or_else(|| damaged("RLE: a segment lies outside of its frame"))?;
            let decoded = unpacked(segment, pixels).ok_or_else(short)?;
            // Allocated only when the pixels are known to exist.
            samples.resize(pixels * planes, 0);
            let place = plane / bytes * bytes + bytes - 1 - plane % bytes;
            for (pixel, byte) in samples.chunks_exact_mut(planes).zip(decoded) {
                if let Some(sample) = pixel.get_mut(place) {
                    *sample = byte;
                }
            }
        }
        Ok(samples)
    }

    /// A frame, and whether it holds colour differences.
    fn jpeg(&self, frame: &[u8]) -> Result<(Vec<u8>, Option<bool>), ReadErrorKind> {
        let head = JpegHead::read(frame).ok_or_else(|| damaged("JPEG: no usable header before the pixels"))?;
        self.same_size("JPEG", u32::from(head.width), u32::from(head.height), usize::from(head.components))?;
        if u32::from(head.precision) > self.allocated {
            return Err(damaged("JPEG: its samples have more bits than the header says"));
        }
        let stated = matches!(self.photometric, Photometric::Ybr | Photometric::Ybr422);
        let differences = self.samples == 3 && differences(&head).unwrap_or(stated);
        // Lossy colours are converted by the decoder, which does it as the encoders of JPEG expect.
        let colours = if differences { Colours::Converted } else { Colours::Stored };
        let samples = match (head.process, head.precision) {
            (0xc3, _) => {
                let samples = decode_lossless(frame, &head).map_err(not_decoded)?;
                return Ok((self.words(samples), Some(differences)));
            }
            (0xc0..=0xc2 | 0xc9 | 0xca, 8) => match decode_8(frame, &head, colours).map_err(not_decoded)? {
                samples if self.sample_bytes() == 1 => samples,
                samples => self.words(samples.into_iter().map(u16::from)),
            },
            (0xc0 | 0xc1, 12) => self.words(decode_12(frame, &head, colours).map_err(not_decoded)?),
            (_, bits) => return Err(unsupported(&format!("JPEG of {bits} bits in a process that is not read"))),
        };
        Ok((samples, Some(false)))
    }

    /// Samples in as many bytes as the header says.
    fn words(&self, samples: impl IntoIterator<Item = u16>) -> Vec<u8> {
        let bytes = self.sample_bytes();
        samples.into_iter().flat_map(|sample| sample.to_le_bytes().into_iter().take(bytes)).collect()
    }

    fn jpeg_ls(&self, frame: &[u8]) -> Result<Vec<u8>, ReadErrorKind> {
        let head = JpegHead::read(frame).ok_or_else(|| damaged("JPEG-LS: no usable header before the pixels"))?;
        self.same_size("JPEG-LS", u32::from(head.width), u32::from(head.height), usize::from(head.components))?;
        if head.restarts {
            return Err(unsupported("JPEG-LS with restart intervals"));
        }
        let decoded = jpegls::decode(frame, self.columns, self.rows);
        let (samples, _, _) = decoded.map_err(|error| failed("JPEG-LS", error))?;
        Ok(self.words(samples))
    }

    fn jpeg_2000(&self, frame: &[u8]) -> Result<Vec<u8>, ReadErrorKind> {
        use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
        let head = Jpeg2000Head::read(frame).ok_or_else(|| damaged("JPEG 2000: no usable header before the pixels"))?;
        self.same_size("JPEG 2000", head.width, head.height, head.components)?;
        if head.tiles > 65_535 {
            return Err(damaged("JPEG 2000: more tiles than there may be"));
        }
        let codestream = frame.get(head.start..).unwrap_or_default();
        // The decoder allocates about 200 bytes for every block, even for one without data. As 1x1 precincts are
        // allowed, a codestream of 200 bytes could exhaust memory. Real blocks have at least 1,024 samples.
        if code_blocks(codestream, self.columns, self.rows, self.samples)
            > (1 << 16).max(self.frame_samples() as u64 / 128)
        {
            return Err(unsupported("JPEG 2000 in blocks of a few pixels"));
        }
        let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
        let image = Image::new(codestream, &settings).map_err(|error| failed("JPEG 2000", error))?;
        self.same_size("JPEG 2000", image.width(), image.height(), self.samples)?;
        let mut context = DecoderContext::default();
        let decoded = image.decode(&mut context).map_err(|error| failed("JPEG 2000", error))?;
        let components = decoded.components();
        if components.len() != self.samples {
            return Err(damaged("JPEG 2000: more or fewer colours than the header says"));
        }
        let (bytes, exact) = (self.sample_bytes(), is_reversible(codestream));
        let mut samples = vec![0; self.frame_samples() * bytes];
        for (at, component) in components.iter().enumerate() {
            let word = self.jpeg_2000_word(component.bit_depth(), head.signed, exact);
            let pixels = samples.chunks_exact_mut(bytes * self.samples).filter_map(|p| p.get_mut(at * bytes..));
            for (pixel, sample) in pixels.zip(component.samples()) {
                for (to, from) in pixel.iter_mut().zip(word(*sample).to_le_bytes()).take(bytes) {
                    *to = from;
                }
            }
        }
        Ok(samples)
    }

    /// Converts the decoder's levels, which begin at 0 for signed samples too, to stored words.
    fn jpeg_2000_word(&self, precision: u8, signed: bool, exact: bool) -> impl Fn(f32) -> i32 {
        let top = (1i32 << precision.min(24)) - 1;
        let middle = if signed { 1 << (precision.clamp(1, 24) - 1) } else { 0 };
        // Lossy samples may overshoot. If header and codestream agree on the sign, such samples are clamped. Exact ones
        // do not: bits beyond the stored ones are an overlay's, and are masked later.
        let (least, most) = match (signed, self.signed) {
            _ if exact => (i32::MIN, i32::MAX),
            (false, true) | (true, false) => (i32::MIN, i32::MAX),
            (false, false) => (0, (1i32 << self.stored.min(24)) - 1),
            (true, true) => (-(1i32 << (self.stored.min(24) - 1)), (1i32 << (self.stored.min(24) - 1)) - 1),
        };
        move |sample| ((sample.round() as i32).clamp(0, top) - middle).clamp(least, most)
    }

    fn same_size(&self, codec: &str, width: u32, height: u32, components: usize) -> Result<(), ReadErrorKind> {
        if (width, height, components) == (self.columns, self.rows, self.samples) {
            return Ok(());
        }
        let (rows, columns, samples) = (self.rows, self.columns, self.samples);
        let words =
            format!("a frame of {height}x{width}x{components} where the header says {rows}x{columns}x{samples}");
        Err(damaged(format!("{codec}: {words}")))
    }
}

/// The first `length` bytes of a PackBits stream, if it has as many.
fn unpacked(segment: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = segment;
    while bytes.len() < length {
        let (&head, behind) = rest.split_first()?;
        rest = match head.cast_signed() {
            run @ 0.. => {
                let (literal, behind) = behind.split_at_checked(usize::from(run.unsigned_abs()) + 1)?;
                bytes.extend_from_slice(literal);
                behind
            }
            -128 => behind,
            run => {
                let (&byte, behind) = behind.split_first()?;
                bytes.resize(bytes.len() + usize::from(run.unsigned_abs()) + 1, byte);
                behind
            }
        };
    }
    bytes.truncate(length);
    Some(bytes)
}
