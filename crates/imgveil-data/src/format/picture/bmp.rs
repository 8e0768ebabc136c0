//! The header of a BMP, parsed by hand for two facts that the decoder does not give: how many bytes the pixels take,
//! and whether the palette is grey.

/// Facts about a BMP from its header.
pub(super) struct BmpHeader {
    /// Bytes up to the end of the pixels. `None` if they are compressed (run lengths).
    pub length: Option<u64>,
    /// Whether the pixels begin after header and palette, as they must.
    pub in_order: bool,
    /// Whether it has a palette of greys only, so that the image has one channel.
    pub grey: bool,
}

/// The bytes that hold header and palette: the longest header, and 256 palette entries of 4 bytes.
pub(super) const START: u64 = 14 + 124 + 12 + 4 * 256;

/// Parses the first [`START`] bytes of a file. `None` if the header ends too early or is of no known kind, which the
/// decoder reports.
pub(super) fn layout(start: &[u8]) -> Option<BmpHeader> {
    let short = |at: usize| Some(u16::from_le_bytes(start.get(at..at + 2)?.try_into().ok()?));
    let long = |at: usize| Some(u32::from_le_bytes(start.get(at..at + 4)?.try_into().ok()?));
    let (pixels, header) = (long(10)?, long(14)?);
    let oldest = header == 12;
    let (width, height, bits, compression) = if oldest {
        (u32::from(short(18)?), u32::from(short(20)?), short(24)?, 0)
    } else {
        (long(18)?, long(22)?.cast_signed().unsigned_abs(), short(28)?, long(30)?)
    };
    let stride = (u64::from(width) * u64::from(bits)).div_ceil(32) * 4;
    let length = (!matches!(compression, 1 | 2)).then(|| u64::from(pixels) + stride * u64::from(height));
    let used = if oldest { 0 } else { long(46)? };
    let (mut grey, mut palette_end) = (false, 14 + u64::from(header));
    if bits <= 8 {
        let entries = if used == 0 { 1 << bits } else { used.min(256) as usize };
        let bytes = if oldest { 3 } else { 4 };
        let palette = start.get(14 + header as usize..)?.get(..entries * bytes)?;
        grey = palette.chunks_exact(bytes).all(|entry| entry[0] == entry[1] && entry[1] == entry[2]);
        palette_end += palette.len() as u64;
    }
    Some(BmpHeader { length, in_order: u64::from(pixels) >= palette_end, grey })
}
