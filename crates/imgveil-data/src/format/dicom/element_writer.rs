//! Writes elements, and the changes that are made to the elements of an object while it is copied.

use super::elements::{Encoding, Tag, Whole};
use crate::format::write_back::NotWrittenBack;
use std::collections::{BTreeMap, HashSet};

/// The value of a unique identifier: of even length, padded with a zero.
pub(super) fn uid_value(uid: &str) -> Vec<u8> {
    let mut value = uid.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(0);
    }
    value
}

/// A text, padded with a blank.
pub(super) fn text_value(text: &str) -> Vec<u8> {
    let mut value = text.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(b' ');
    }
    value
}

/// Appends an element.
///
/// # Errors
/// If its value is longer than an element may be.
pub(super) fn put(
    out: &mut Vec<u8>,
    encoding: Encoding,
    tag: Tag,
    kind: [u8; 2],
    value: &[u8],
) -> Result<(), NotWrittenBack> {
    let short = |number: u16| if encoding.big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    let long = |number: u32| if encoding.big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    // The largest number stands for a length that is not known.
    let length = u32::try_from(value.len()).ok().filter(|&length| length < u32::MAX).ok_or(NotWrittenBack::TooLong)?;
    out.extend(short((tag >> 16) as u16));
    out.extend(short(tag as u16));
    if encoding.implicit {
        out.extend(long(length));
    } else if matches!(&kind, b"OB" | b"OW" | b"SQ" | b"UN" | b"UT") {
        out.extend(kind);
        out.extend([0, 0]);
        out.extend(long(length));
    } else {
        out.extend(kind);
        out.extend(short(u16::try_from(length).map_err(|_| NotWrittenBack::TooLong)?));
    }
    out.extend_from_slice(value);
    Ok(())
}

/// A new value with its representation, or `None` to leave the element out.
type Edit = Option<([u8; 2], Vec<u8>)>;

/// What changes in a copy of a data set.
pub(super) struct Edits {
    encoding: Encoding,
    of: BTreeMap<Tag, Edit>,
}

impl Edits {
    /// No changes to a data set of this encoding.
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, of: BTreeMap::new() }
    }

    /// Gives an element a value. An element that is not there is added.
    pub(super) fn put(&mut self, tag: Tag, kind: &[u8; 2], value: Vec<u8>) {
        self.of.insert(tag, Some((*kind, value)));
    }

    /// Gives an element a number of 16 bits.
    pub(super) fn number(&mut self, tag: Tag, number: u16) {
        let value = if self.encoding.big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
        self.put(tag, b"US", value.to_vec());
    }

    /// Leaves an element out.
    pub(super) fn remove(&mut self, tag: Tag) {
        self.of.insert(tag, None);
    }

    /// Appends a copy of a data set with the changes. `bytes` holds its elements. Of an element that is there several
    /// times, which is wrong, the first one counts, as in reading.
    ///
    /// # Errors
    /// If a value is longer than an element may be.
    pub(super) fn copy(self, bytes: &[u8], elements: &[Whole], out: &mut Vec<u8>) -> Result<(), NotWrittenBack> {
        let Self { encoding, of } = self;
        let write = |out: &mut Vec<u8>, tag: Tag, edit: Edit| {
            edit.map_or(Ok(()), |(kind, value)| put(out, encoding, tag, kind, &value))
        };
        let there: HashSet<Tag> = elements.iter().map(|element| element.tag).collect();
        let (here, mut missing): (BTreeMap<_, _>, BTreeMap<_, _>) =
            of.into_iter().partition(|(tag, _)| there.contains(tag));
        let mut here: BTreeMap<Tag, Option<Edit>> = here.into_iter().map(|(tag, edit)| (tag, Some(edit))).collect();
        for element in elements {
            let later = missing.split_off(&element.tag);
            for (tag, edit) in std::mem::replace(&mut missing, later) {
                write(out, tag, edit)?;
            }
            match here.get_mut(&element.tag).map(Option::take) {
                Some(Some(edit)) => write(out, element.tag, edit)?,
                Some(None) => {}
                // The length of a group, which is retired and would be wrong.
                None if element.tag & 0xffff == 0 => {}
                None => out.extend_from_slice(bytes.get(element.range.clone()).unwrap_or_default()),
            }
        }
        missing.into_iter().try_for_each(|(tag, edit)| write(out, tag, edit))
    }
}
