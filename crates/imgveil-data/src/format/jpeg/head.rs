//! The facts in a codestream's header, read before a decoder sees it.

use super::markers::{next_marker, segment, stands_alone};

/// The header of a JPEG or JPEG-LS codestream, up to the first scan.
#[derive(Clone, Debug, Default)]
pub(in crate::format) struct JpegHead {
    /// The marker of the frame header, which states the process.
    pub(in crate::format) process: u8,
    pub(in crate::format) precision: u8,
    pub(in crate::format) height: u16,
    pub(in crate::format) width: u16,
    pub(in crate::format) components: u8,
    /// The identifier of each component.
    pub(in crate::format) ids: Vec<u8>,
    /// The sampling factors of each component, horizontal and vertical.
    pub(in crate::format) factors: Vec<(u8, u8)>,
    /// Where the sampling factors of the first component are.
    pub(super) first_factors: usize,
    /// The colour transform in Adobe's marker: none, YCbCr, YCCK.
    pub(in crate::format) adobe: Option<u8>,
    /// Whether it has a JFIF marker. Colours are then YCbCr.
    pub(in crate::format) jfif: bool,
    /// Whether the data is divided into intervals.
    pub(in crate::format) restarts: bool,
    /// How many components the first scan has.
    pub(in crate::format) scanned: u8,
    /// Where the marker of the first scan is.
    pub(in crate::format) scan: usize,
}

impl JpegHead {
    /// `None` if there is no frame header before the first scan, or the header ends too early.
    pub(in crate::format) fn read(bytes: &[u8]) -> Option<Self> {
        let mut head = Self::default();
        let mut at = bytes.starts_with(&[0xff, 0xd8]).then_some(2)?;
        loop {
            let (kind, start) = next_marker(bytes, at)?;
            at = start;
            match kind {
                0xd8 | 0xd9 => return None,
                kind if stands_alone(kind) => continue,
                _ => {}
            }
            let (content, end) = segment(bytes, start)?;
            match kind {
                0xc4 | 0xc8 | 0xcc => {}
                0xc0..=0xcf | 0xf7 => head.frame(kind, content, start + 2)?,
                0xdd => head.restarts = content.iter().any(|&byte| byte != 0),
                0xe0 if content.starts_with(b"JFIF\0") && content.len() >= 12 => head.jfif = true,
                0xee if content.starts_with(b"Adobe") => head.adobe = content.get(11).copied(),
                0xda => {
                    head.scanned = *content.first()?;
                    head.scan = start - 2;
                    return (head.width > 0).then_some(head);
                }
                _ => {}
            }
            at = end;
        }
    }

    fn frame(&mut self, kind: u8, content: &[u8], at: usize) -> Option<()> {
        let (&[precision, y1, y0, x1, x0, components], each) = content.split_first_chunk()?;
        let each = each.as_chunks::<3>().0;
        self.process = kind;
        self.precision = precision;
        self.height = u16::from_be_bytes([y1, y0]);
        self.width = u16::from_be_bytes([x1, x0]);
        self.components = components;
        self.ids = each.iter().map(|[id, _, _]| *id).collect();
        self.factors = each.iter().map(|[_, factors, _]| (factors >> 4, factors & 15)).collect();
        self.first_factors = at + 7;
        Some(())
    }

    /// Whether its process is progressive.
    pub(super) fn is_progressive(&self) -> bool {
        self.process == 0xc2
    }

    /// Whether its codes are arithmetic. A decoder takes zeros for what is missing at their end, as encoders leave
    /// zeros out: data that were cut look like a whole image.
    pub(super) fn is_arithmetic(&self) -> bool {
        matches!(self.process, 0xc9..=0xcf)
    }

    /// Whether components have different sampling factors.
    pub(in crate::format) fn is_subsampled(&self) -> bool {
        self.factors.windows(2).any(|pair| pair.first() != pair.last())
    }

    /// Whether a component has more samples along a side than the first one, which is luminance.
    pub(super) fn has_finer_chroma(&self) -> bool {
        let Some(&(across, down)) = self.factors.first() else { return false };
        self.factors.iter().any(|&(x, y)| x > across || y > down)
    }

    /// Whether the identifiers of the components are the letters R, G and B.
    pub(in crate::format) fn has_rgb_ids(&self) -> bool {
        self.ids.eq_ignore_ascii_case(b"RGB")
    }
}
