//! The positions of the bytes of each frame in a file.

use super::description::Description;
use super::elements::{Stop, fragments};
use super::syntax::Coding;
use crate::format::ReadErrorKind;
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// The frames of a file.
pub(super) enum Frames {
    /// One after the other from this offset.
    Native(usize),
    /// The fragments of each.
    Fragments(Vec<Vec<Range<usize>>>),
}

fn damaged(words: impl Into<String>) -> ReadErrorKind {
    ReadErrorKind::Damaged(words.into())
}

/// How codestreams begin: JPEG and JPEG-LS, JPEG 2000 without and with its file format.
const BEGINNINGS: [&[u8]; 3] = [&[0xff, 0xd8, 0xff], &[0xff, 0x4f, 0xff, 0x51], b"\x00\x00\x00\x0cjP  "];

impl Frames {
    /// Finds the frames that a header states.
    pub(super) fn locate(description: &Description, bytes: &[u8]) -> Result<Self, ReadErrorKind> {
        let start = description.pixels.start;
        if description.syntax.coding != Coding::Native {
            if description.pixels.length.is_some() {
                return Err(damaged("its pixels are not in fragments, as its transfer syntax wants them"));
            }
            return Self::encapsulated(description, bytes);
        }
        let Some(length) = description.pixels.length else {
            return Err(damaged("its pixels are in fragments, which its transfer syntax does not have"));
        };
        let needed = (u128::from(description.frame_bits()) * description.frames as u128).div_ceil(8);
        let there = bytes.len().saturating_sub(start).min(length);
        if needed > there as u128 {
            return Err(damaged(format!("it ends before its pixels do: {needed} bytes are needed, {there} are there")));
        }
        Ok(Self::Native(start))
    }

    fn encapsulated(description: &Description, bytes: &[u8]) -> Result<Self, ReadErrorKind> {
        let encoding = description.syntax.encoding;
        let found = fragments(bytes, description.pixels.start, encoding).map_err(|stop| match stop {
            Stop::Short => damaged("it ends before its pixels do"),
            Stop::Broken(words) => damaged(words),
        })?;
        let Some((table, parts)) = found.split_first() else {
            return Err(damaged("it ends before its pixels do"));
        };
        let frames = description.frames;
        let few =
            || damaged(format!("it says that it has {frames} frames, but holds {} fragments of pixels", parts.len()));
        if parts.len() < frames {
            return Err(few());
        }
        if frames == 1 {
            return Ok(Self::Fragments(vec![parts.to_vec()]));
        }
        if parts.len() == frames {
            return Ok(Self::Fragments(parts.iter().map(|part| vec![part.clone()]).collect()));
        }
        let basic = bytes.get(table.clone()).unwrap_or_default();
        let basic: Vec<u64> = basic.as_chunks().0.iter().map(|o| u64::from(u32::from_le_bytes(*o))).collect();
        let extended = description.offsets.clone().and_then(|range| bytes.get(range)).unwrap_or_default();
        let extended: Vec<u64> = extended.as_chunks().0.iter().map(|o| u64::from_le_bytes(*o)).collect();
        // Offsets count from the header of the first fragment.
        let origin = parts.first().map_or(0, |part| part.start);
        let by_offsets = |offsets: Vec<u64>| {
            let count = offsets.len();
            let offsets: HashSet<u64> = offsets.into_iter().collect();
            let begins = |part: &Range<usize>| offsets.contains(&((part.start - origin) as u64));
            (count == frames).then(|| grouped(parts, begins)).filter(|groups| groups.len() == frames)
        };
        let by_beginning = || {
            let begins = |part: &Range<usize>| {
                BEGINNINGS.iter().any(|start| bytes.get(part.clone()).is_some_and(|bytes| bytes.starts_with(start)))
            };
            Some(grouped(parts, begins)).filter(|groups| groups.len() == frames)
        };
        let groups = by_offsets(extended).or_else(|| by_offsets(basic)).or_else(by_beginning);
        groups.map(Self::Fragments).ok_or_else(few)
    }

    /// The stored bytes of a frame.
    pub(super) fn bytes<'a>(
        &self,
        description: &Description,
        bytes: &'a [u8],
        index: usize,
    ) -> Result<Cow<'a, [u8]>, ReadErrorKind> {
        let missing = || damaged(format!("it has no frame {index}"));
        match self {
            Self::Native(start) => native(description, bytes, *start, index).ok_or_else(missing),
            Self::Fragments(frames) => {
                let parts = frames.get(index).ok_or_else(missing)?;
                let part = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
                Ok(match parts.as_slice() {
                    [one] => Cow::Borrowed(part(one)),
                    several => Cow::Owned(several.iter().flat_map(|range| part(range).iter().copied()).collect()),
                })
            }
        }
    }
}

/// Groups fragments by frame. `begins` is true for the first fragment of a frame.
fn grouped(parts: &[Range<usize>], begins: impl Fn(&Range<usize>) -> bool) -> Vec<Vec<Range<usize>>> {
    let mut groups: Vec<Vec<Range<usize>>> = Vec::new();
    for part in parts {
        match groups.last_mut() {
            Some(group) if !begins(part) => group.push(part.clone()),
            _ => groups.push(vec![part.clone()]),
        }
    }
    groups
}

/// Samples of an uncompressed frame, least significant byte first. Single bits become a byte each.
fn native<'a>(description: &Description, bytes: &'a [u8], start: usize, index: usize) -> Option<Cow<'a, [u8]>> {
    let bits = usize::try_from(description.frame_bits()).ok()?;
    let (from, to) = (bits.checked_mul(index)?, bits.checked_mul(index.checked_add(1)?)?);
    let pixels = bytes.get(start..)?;
    let swap = match description.allocated {
        _ if !description.syntax.encoding.big_endian => 1,
        // Samples of at most 8 bits in a stream of big-endian words are swapped in pairs.
        1 | 8 => 1 + usize::from(description.pixels.words),
        more => more as usize / 8,
    };
    // Whole words: a frame may begin or end within one.
    let (first, last) = (from / 8 / swap * swap, to.div_ceil(8).next_multiple_of(swap).min(pixels.len()));
    let mut frame = Cow::Borrowed(pixels.get(first..last)?);
    if swap > 1 {
        frame.to_mut().chunks_exact_mut(swap).for_each(<[u8]>::reverse);
    }
    if description.allocated == 1 {
        let bit = |at: usize| frame.get(at / 8).map(|byte| byte >> (at % 8) & 1);
        return (from - first * 8..to - first * 8).map(bit).collect::<Option<Vec<u8>>>().map(Cow::Owned);
    }
    let inside = from / 8 - first..to / 8 - first;
    Some(match frame {
        Cow::Borrowed(frame) => Cow::Borrowed(frame.get(inside)?),
        Cow::Owned(frame) => Cow::Owned(frame.get(inside)?.to_vec()),
    })
}
