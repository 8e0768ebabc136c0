//! Tiles whose places are under the tags of strips, and strips whose places are under the tags of tiles. libtiff takes
//! either tag for either kind. The decoder does not, so such a file is read with the right tags patched in.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom};
use tiff::tags::Tag;

/// More pages than any file has that is read at once.
const PAGES: usize = 1 << 16;

/// The patches that put the places of strips and tiles under the tags that belong to them. None for most files. Rewinds
/// the reader. A file that is not as it must be is left to the decoder.
pub(super) fn patches(reader: &mut (impl Read + Seek)) -> Vec<(u64, u8)> {
    reader.rewind().and_then(|()| found(reader)).and_then(|found| reader.rewind().map(|()| found)).unwrap_or_default()
}

fn found(reader: &mut (impl Read + Seek)) -> Result<Vec<(u64, u8)>> {
    let mut start = [0; 4];
    reader.read_exact(&mut start)?;
    let big_endian = start.starts_with(b"M");
    let big = start.contains(&43);
    let (word, count_bytes, entry_bytes) = if big { (8, 8, 20) } else { (4, 2, 12) };
    let mut patches = Vec::new();
    let mut seen = HashSet::new();
    // Directories that share their bytes would take the square of the file's length.
    let mut left = reader.seek(SeekFrom::End(0))?.max(1 << 20);
    reader.seek(SeekFrom::Start(if big { 8 } else { 4 }))?;
    let mut directory = number(reader, word, big_endian)?;
    while directory != 0 && seen.insert(directory) && seen.len() < PAGES {
        reader.seek(SeekFrom::Start(directory))?;
        let count = number(reader, count_bytes, big_endian)?.min(u16::MAX.into());
        left = left.checked_sub(count * entry_bytes).ok_or(ErrorKind::InvalidData)?;
        let mut tags = Vec::new();
        let mut entry = vec![0; entry_bytes as usize];
        let first = directory.saturating_add(count_bytes as u64);
        for at in (0..count).map(|place| first.saturating_add(place * entry_bytes)) {
            reader.read_exact(&mut entry)?;
            tags.push((number(&mut entry.as_slice(), 2, big_endian)?, at));
        }
        directory = number(reader, word, big_endian)?;
        let place = |tag: Tag| tags.iter().find(|(number, _)| *number == u64::from(tag.to_u16())).map(|&(_, at)| at);
        let strips = [Tag::StripOffsets, Tag::StripByteCounts];
        let tiles = [Tag::TileOffsets, Tag::TileByteCounts];
        let is_tiled = place(Tag::TileWidth).is_some() && place(Tag::TileLength).is_some();
        let (wrong, right) = if is_tiled { (strips, tiles) } else { (tiles, strips) };
        for (wrong, right) in wrong.into_iter().zip(right) {
            if let (Some(at), None) = (place(wrong), place(right)) {
                let [high, low] = right.to_u16().to_be_bytes();
                let digits = if big_endian { [high, low] } else { [low, high] };
                patches.extend((at..).zip(digits));
            }
        }
    }
    Ok(patches)
}

/// A number of up to 8 bytes.
fn number(reader: &mut impl Read, bytes: usize, big_endian: bool) -> Result<u64> {
    let mut digits = [0; 8];
    let digits = digits.get_mut(..bytes).unwrap_or_default();
    reader.read_exact(digits)?;
    let fold = |number: u64, &digit: &u8| number << 8 | u64::from(digit);
    Ok(if big_endian { digits.iter().fold(0, fold) } else { digits.iter().rev().fold(0, fold) })
}
