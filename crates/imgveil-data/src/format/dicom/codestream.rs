//! The facts in the headers of JPEG 2000 codestreams, read before a decoder sees them.

/// The first segment of a JPEG 2000 codestream.
pub(super) struct Jpeg2000Head {
    /// Where it begins.
    pub(super) start: usize,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: usize,
    pub(super) tiles: u64,
    pub(super) signed: bool,
}

impl Jpeg2000Head {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mark = [0xff, 0x4f, 0xff, 0x51];
        // DICOM does not allow the file format around the codestream, but some files have it. Colours are as DICOM
        // states.
        let start = if bytes.starts_with(&mark) { 0 } else { bytes.windows(4).position(|four| four == mark)? };
        // After the markers: length and capabilities; size, offset, tile size and tile offset; the components, with the
        // bits of the first one.
        let (sizes, behind) = bytes.get(start + 8..)?.split_at_checked(32)?;
        let sizes: Vec<u32> = sizes.as_chunks().0.iter().map(|four| u32::from_be_bytes(*four)).collect();
        let [x, y, x_offset, y_offset, tile_x, tile_y, tile_x_offset, tile_y_offset] = sizes.try_into().ok()?;
        let &[high, low, bits] = behind.first_chunk()?;
        let across =
            |size: u32, offset: u32, tile: u32| Some(u64::from(size.checked_sub(offset)?.div_ceil(tile.max(1))));
        Some(Self {
            start,
            width: x.checked_sub(x_offset)?,
            height: y.checked_sub(y_offset)?,
            components: usize::from(u16::from_be_bytes([high, low])),
            tiles: across(x, tile_x_offset, tile_x)?.checked_mul(across(y, tile_y_offset, tile_y)?)?,
            signed: bits & 0x80 != 0,
        })
    }
}

/// An upper bound of the number of code blocks of a frame, over all coding styles of the codestream.
pub(super) fn code_blocks(codestream: &[u8], columns: u32, rows: u32, components: usize) -> u64 {
    let styles = coding_styles(codestream);
    let blocks = styles.iter().map(|style| style.blocks(columns, rows)).max().unwrap_or(0);
    blocks.saturating_mul(components as u64)
}

/// Whether samples are transformed without rounding, in all coding styles of a codestream.
pub(super) fn is_reversible(codestream: &[u8]) -> bool {
    let styles = coding_styles(codestream);
    !styles.is_empty() && styles.iter().all(|style| style.reversible)
}

/// How a component is divided, as exponents of sides, and transformed.
#[derive(Debug, PartialEq, Eq)]
struct CodingStyle {
    /// The number of decompositions. There is one resolution more.
    levels: u8,
    /// Width and height of a block.
    block: (u8, u8),
    /// Width and height of the precincts of each resolution, the smallest first. Empty if there are no precincts.
    precincts: Vec<(u8, u8)>,
    /// Whether the wavelet is the one of integers.
    reversible: bool,
}

impl CodingStyle {
    /// Parses the common part of the default style and a component's style. Precincts are at its end.
    fn read(with_precincts: bool, part: &[u8]) -> Option<Self> {
        let (&[levels, width, height, _, wavelet], sizes) = part.split_first_chunk()?;
        let sizes = if with_precincts { sizes } else { &[] };
        let precincts = sizes.iter().map(|size| (size & 15, size >> 4)).collect();
        let block = ((width & 15) + 2, (height & 15) + 2);
        Some(Self { levels, block, precincts, reversible: wavelet == 1 })
    }

    fn blocks(&self, columns: u32, rows: u32) -> u64 {
        let resolution = |r: u8| {
            let shrunk = u32::from(self.levels - r).min(31);
            // All resolutions but the smallest have three bands of half the side, and so do their precincts.
            let (width, height) = self.precincts.get(usize::from(r)).copied().unwrap_or((15, 15));
            let half = u8::from(r > 0);
            let across = (u64::from(columns) >> shrunk >> self.block.0.min(width.saturating_sub(half)) >> half) + 1;
            let down = (u64::from(rows) >> shrunk >> self.block.1.min(height.saturating_sub(half)) >> half) + 1;
            across * down * if r > 0 { 3 } else { 1 }
        };
        (0..=self.levels).map(resolution).sum()
    }
}

/// All coding styles of a codestream, of the whole image and of single tiles, as far as its segments can be followed.
fn coding_styles(codestream: &[u8]) -> Vec<CodingStyle> {
    let (mut styles, mut at, mut tile_end) = (Vec::new(), 2usize, None);
    while let Some(&[0xff, kind, high, low]) = codestream.get(at..).and_then(|rest| rest.first_chunk()) {
        if kind == 0x93 {
            // A tile's data follows its header. The next tile begins where this one's header says that it ends.
            match std::mem::take(&mut tile_end) {
                Some(end) if end > at => at = end,
                _ => break,
            }
            continue;
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let segment = codestream.get(at + 4..at.saturating_add(2 + length)).unwrap_or_default();
        let style = match (kind, segment) {
            (0x52, [style, _, _, _, _, part @ ..]) | (0x53, [_, style, part @ ..]) => {
                CodingStyle::read(style & 1 == 1, part)
            }
            (0x90, [_, _, size @ ..]) => {
                let size = size.first_chunk().map_or(0, |size| u32::from_be_bytes(*size) as usize);
                tile_end = Some(at.saturating_add(size));
                None
            }
            _ => None,
        };
        styles.extend(style);
        at += 2 + length.max(2);
    }
    styles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_a_codestream_are_counted_before_they_are_made() {
        // 64x64 blocks, 2 decompositions, no precincts; then 1x1 precincts in a tile's header.
        let default = [0xff, 0x52, 0, 12, 0, 0, 0, 1, 0, 2, 4, 4, 0, 1];
        let tile = [0xff, 0x90, 0, 10, 0, 0, 0, 0, 0, 30, 0, 1];
        let small = [0xff, 0x52, 0, 13, 1, 0, 0, 1, 0, 0, 4, 4, 0, 1, 0];
        let stream = |parts: &[&[u8]]| [&[0xff, 0x4f], parts.concat().as_slice()].concat();
        let plain = CodingStyle { levels: 2, block: (6, 6), precincts: vec![], reversible: true };
        assert_eq!(coding_styles(&stream(&[&default, &tile, &[0xff, 0x93]])), [plain]);
        // 4x4 + 1 at the top, 2x2 + 1 below it (three bands each), then 2x2 + 1.
        assert_eq!(code_blocks(&stream(&[&default]), 512, 512, 1), 3 * 25 + 3 * 9 + 9);
        assert_eq!(code_blocks(&stream(&[&default, &tile, &small]), 512, 512, 3), 3 * 513 * 513);
        assert_eq!(code_blocks(b"", 512, 512, 1), 0);
    }
}
