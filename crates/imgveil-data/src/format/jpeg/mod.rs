//! JPEG codestreams, alone or inside of DICOM: their headers, and their pixels by `libjpeg-turbo-rs`. Pixels equal
//! those of libjpeg-turbo's default decoder. A codestream whose data end early is refused, never filled up. JPEG has no
//! checksum: damage that leaves its codes valid cannot be detected.

mod colours;
mod decode;
mod failed;
mod finer_chroma;
mod head;
mod markers;
mod scans;

pub(super) use colours::Colours;
pub(super) use decode::{decode_8, decode_12, decode_lossless};
pub(super) use failed::Failed;
pub(super) use head::JpegHead;

#[cfg(test)]
pub(super) mod tests;
