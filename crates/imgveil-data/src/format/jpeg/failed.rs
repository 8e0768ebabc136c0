//! Why a codestream cannot be decoded.

use crate::text::one_line;
use libjpeg_turbo_rs::JpegError;

/// Why a codestream cannot be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::format) enum Failed {
    /// The data ends before the image does.
    Short,
    /// It is damaged, in the decoder's words.
    Damaged(String),
    /// The decoder does not know this kind.
    Unsupported(String),
}

impl From<JpegError> for Failed {
    fn from(error: JpegError) -> Self {
        match error {
            JpegError::UnexpectedEof => Self::Short,
            JpegError::Unsupported(what) => Self::Unsupported(one_line(&what)),
            other => Self::Damaged(one_line(&other.to_string())),
        }
    }
}
