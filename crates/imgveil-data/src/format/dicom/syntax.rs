//! Transfer syntaxes: how elements and pixels are encoded.

use super::elements::Encoding;
use crate::format::ReadErrorKind;

/// How the bytes of frames become samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Uncompressed samples.
    Native,
    /// Uncompressed samples with one fragment for each frame.
    Encapsulated,
    /// Uncompressed samples, each frame deflated.
    Deflated,
    /// Run lengths of byte planes.
    Rle,
    /// JPEG of the first standard.
    Jpeg,
    /// JPEG-LS.
    JpegLs,
    /// JPEG 2000, without its high-throughput coder.
    Jpeg2000,
}

impl Coding {
    /// Whether samples keep the position of their bits in the stored word.
    pub(super) fn keeps_bits(self) -> bool {
        matches!(self, Self::Native | Self::Encapsulated | Self::Deflated | Self::Rle)
    }
}

/// The parts of a transfer syntax that are needed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub encoding: Encoding,
    pub coding: Coding,
    /// Whether everything after the meta information is one deflate stream.
    pub deflated: bool,
}

impl Syntax {
    /// The syntax of a unique identifier.
    pub(super) fn named(uid: &str) -> Result<Self, ReadErrorKind> {
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
            ".4.50" | ".4.51" | ".4.57" | ".4.70" => explicit(Coding::Jpeg),
            ".4.80" | ".4.81" => explicit(Coding::JpegLs),
            ".4.90" | ".4.91" => explicit(Coding::Jpeg2000),
            _ => return Err(unknown_syntax(uid)),
        })
    }
}

/// An error that names the syntax and states what to do.
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

/// Advice for pixels that cannot be decoded.
pub(super) const CONVERT: &str = "convert it to an uncompressed one first, such as with `gdcmconv --raw IN OUT`";
