//! The elements of a DICOM data set up to the pixels: the offsets of the values that describe how to read pixels. They
//! are parsed by hand, because lengths must be checked before anything is allocated, and because names, dates and other
//! personal data must be skipped unread.

use crate::limits::{MOST_ELEMENTS, MOST_FRAGMENTS};
use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

/// An element's tag: group and element number.
pub(super) type Tag = u32;

/// What is missing or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end in the middle of the header.
    Short,
    /// The structure is not a data set.
    Broken(&'static str),
}

/// How elements are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoding {
    /// Whether elements lack the two letters of the value representation.
    pub implicit: bool,
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
}

impl Encoding {
    /// The encoding of the meta information, and of most transfer syntaxes.
    pub(super) const EXPLICIT_LITTLE: Self = Self { implicit: false, big_endian: false };
    /// The default of the network protocol, and of values of unknown representation.
    pub(super) const IMPLICIT_LITTLE: Self = Self { implicit: true, big_endian: false };
    /// Retired, but still found in files.
    pub(super) const EXPLICIT_BIG: Self = Self { implicit: false, big_endian: true };
}

/// Where pixels begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PixelElement {
    /// The tag of one of the three pixel elements.
    pub tag: Tag,
    /// The offset of its value.
    pub start: usize,
    /// Its stated length. `None` if it consists of fragments.
    pub length: Option<usize>,
    /// Whether it states that it is a stream of 16-bit words.
    pub words: bool,
}

/// The wanted values in their order of appearance. For a sequence, the first item, or every item if all are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DataSet {
    values: Vec<(Tag, Range<usize>)>,
    items: Vec<(Tag, DataSet)>,
}

impl DataSet {
    /// The range of an element's value.
    pub(super) fn value(&self, tag: Tag) -> Option<Range<usize>> {
        self.values.iter().find(|(t, _)| *t == tag).map(|(_, range)| range.clone())
    }

    /// The first item of a sequence.
    pub(super) fn item(&self, tag: Tag) -> Option<&DataSet> {
        self.items(tag).next()
    }

    /// The items of a sequence of which all are wanted.
    pub(super) fn items(&self, tag: Tag) -> impl Iterator<Item = &DataSet> {
        self.items.iter().filter(move |(t, _)| *t == tag).map(|(_, item)| item)
    }
}

/// Which elements are kept.
pub(super) struct Wanted {
    /// Elements with a value.
    pub values: &'static [Tag],
    /// Sequences of which the first item is kept.
    pub sequences: &'static [Tag],
    /// Sequences of which every item is kept.
    pub lists: &'static [Tag],
}

const ITEM: Tag = 0xfffe_e000;
const ITEM_END: Tag = 0xfffe_e00d;
const SEQUENCE_END: Tag = 0xfffe_e0dd;
/// Float Pixel Data, Double Float Pixel Data, Pixel Data.
pub(super) const PIXELS: [Tag; 3] = [0x7fe0_0008, 0x7fe0_0009, 0x7fe0_0010];
/// The largest depth of nested sequences. No real object has as many, and they fit the stack.
const DEEPEST: usize = 64;

/// Walks a data set from its first byte.
pub(super) struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    encoding: Encoding,
    wanted: &'a Wanted,
    /// How many elements may still come, here and in every range inside.
    left: Rc<Cell<usize>>,
}

/// Where an element is.
pub(super) struct Whole {
    pub tag: Tag,
    /// Its header and its value.
    pub range: Range<usize>,
    pub value: Range<usize>,
}

/// An element's header.
struct Element {
    tag: Tag,
    kind: [u8; 2],
    /// `None` if it is undefined and the end is marked.
    length: Option<usize>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, encoding: Encoding, wanted: &'a Wanted) -> Self {
        Self { bytes, at, encoding, wanted, left: Rc::new(Cell::new(MOST_ELEMENTS)) }
    }

    /// With a limit of its own on the number of elements.
    pub(super) fn at_most(self, elements: usize) -> Self {
        self.left.set(elements);
        self
    }

    /// Walks the data set up to its pixels, or to the end if it has none.
    pub(super) fn walk(&mut self) -> Result<(DataSet, Option<PixelElement>), Stop> {
        let mut set = DataSet::default();
        while self.at < self.bytes.len() {
            let element = self.element()?;
            if PIXELS.contains(&element.tag) {
                let (start, words) = (self.at, element.kind == *b"OW" || self.encoding.implicit);
                let pixels = PixelElement { tag: element.tag, start, length: element.length, words };
                return Ok((set, Some(pixels)));
            }
            self.content(&element, &mut set, 0)?;
        }
        Ok((set, None))
    }

    /// The next element, with all that a sequence holds. `None` at the end.
    pub(super) fn whole(&mut self) -> Result<Option<Whole>, Stop> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let begin = self.at;
        let element = self.element()?;
        let value = self.at;
        match element.length {
            Some(length) => {
                self.step(length)?;
            }
            None => match self.sequence(&element, 0, 0) {
                // Some writers omit the end mark of compressed pixels.
                Err(Stop::Short) if PIXELS.contains(&element.tag) => self.at = self.bytes.len(),
                items => {
                    items?;
                }
            },
        }
        Ok(Some(Whole { tag: element.tag, range: begin..self.at, value: value..self.at }))
    }

    /// The tag and value of the next element, if it belongs to the meta information.
    pub(super) fn meta(&mut self) -> Result<Option<(Tag, Range<usize>)>, Stop> {
        if self.bytes.get(self.at..self.at.saturating_add(2)).ok_or(Stop::Short)? != [2, 0] {
            return Ok(None);
        }
        let element = self.element()?;
        let length = element.length.ok_or(Stop::Broken("its meta information has an element without an end"))?;
        Ok(Some((element.tag, self.step(length)?)))
    }

    /// Where the next element begins.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Steps over a value.
    fn step(&mut self, length: usize) -> Result<Range<usize>, Stop> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len()).ok_or(Stop::Short)?;
        Ok(std::mem::replace(&mut self.at, end)..end)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let range = self.step(N)?;
        self.bytes.get(range).and_then(|bytes| bytes.try_into().ok()).ok_or(Stop::Short)
    }

    fn u16(&mut self) -> Result<u16, Stop> {
        let bytes = self.array()?;
        Ok(if self.encoding.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        let bytes = self.array()?;
        Ok(if self.encoding.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn element(&mut self) -> Result<Element, Stop> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or(Stop::Broken("its header holds more elements than any object has"))?);
        let tag = Tag::from(self.u16()?) << 16 | Tag::from(self.u16()?);
        // Items and their ends have no value representation. Some writers omit it from single elements too.
        let letters = self.bytes.get(self.at..self.at.saturating_add(2)).ok_or(Stop::Short)?;
        let typed = !self.encoding.implicit && tag >> 16 != 0xfffe && letters.iter().all(u8::is_ascii_uppercase);
        let kind = if typed { self.array()? } else { *b"  " };
        let length = match &kind {
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV" => {
                self.u16()?;
                self.u32()?
            }
            b"  " => self.u32()?,
            _ => u32::from(self.u16()?),
        };
        let length = (length != u32::MAX).then_some(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(Element { tag, kind, length })
    }

    /// Keeps the value of an element if it is wanted, and skips it otherwise.
    fn content(&mut self, element: &Element, set: &mut DataSet, depth: usize) -> Result<(), Stop> {
        let most = match element.tag {
            tag if self.wanted.lists.contains(&tag) => usize::MAX,
            tag => usize::from(self.wanted.sequences.contains(&tag)),
        };
        let Some(length) = element.length else {
            let items = self.sequence(element, most, depth)?;
            set.items.extend(items.into_iter().map(|item| (element.tag, item)));
            return Ok(());
        };
        let range = self.step(length)?;
        if most > 0 {
            let items = self.inside(&range).sequence(element, most, depth).map_err(inner)?;
            set.items.extend(items.into_iter().map(|item| (element.tag, item)));
        } else if self.wanted.values.contains(&element.tag) {
            set.values.push((element.tag, range));
        }
        Ok(())
    }

    /// A walker that cannot leave a range of the bytes, so that no byte is read twice, whatever the lengths are.
    fn inside(&self, range: &Range<usize>) -> Walker<'a> {
        let bytes = self.bytes.get(..range.end).unwrap_or(self.bytes);
        Walker { bytes, at: range.start, encoding: self.encoding, wanted: self.wanted, left: self.left.clone() }
    }

    /// Walks the items of a sequence to its end mark or the end of the bytes. Returns the first ones, at most `most`.
    fn sequence(&mut self, element: &Element, most: usize, depth: usize) -> Result<Vec<DataSet>, Stop> {
        if depth > DEEPEST {
            return Err(Stop::Broken("its sequences lie too deep in each other"));
        }
        let outer = self.encoding;
        // A sequence of unknown representation has the encoding of the network protocol's default.
        if element.kind == *b"UN" {
            self.encoding = Encoding::IMPLICIT_LITTLE;
        }
        let mut items = Vec::new();
        while element.length.is_none() || self.at < self.bytes.len() {
            let item = self.element()?;
            match (item.tag, item.length) {
                (SEQUENCE_END, _) => break,
                // Unwanted items may be fragments of a thumbnail, which are not data sets.
                (ITEM, Some(length)) => {
                    let range = self.step(length)?;
                    if items.len() < most {
                        items.push(self.inside(&range).item(false, depth).map_err(inner)?);
                    }
                }
                (ITEM, None) => {
                    let item = self.item(true, depth)?;
                    if items.len() < most {
                        items.push(item);
                    }
                }
                _ => return Err(Stop::Broken("a sequence in its header holds something that is no item")),
            }
        }
        self.encoding = outer;
        Ok(items)
    }

    /// Walks the elements of an item to its end mark, or else to the end of the bytes.
    fn item(&mut self, marked: bool, depth: usize) -> Result<DataSet, Stop> {
        let mut set = DataSet::default();
        while marked || self.at < self.bytes.len() {
            let element = self.element()?;
            if element.tag == ITEM_END {
                break;
            }
            self.content(&element, &mut set, depth + 1)?;
        }
        Ok(set)
    }
}

/// Running out of bytes within a range of stated length is damage, not the end of the file.
fn inner(stop: Stop) -> Stop {
    match stop {
        Stop::Short => Stop::Broken("a part of its header is longer than what it lies in"),
        broken => broken,
    }
}

/// The fragments of a pixel element without a length. The first one is the table of offsets.
pub(super) fn fragments(bytes: &[u8], start: usize, encoding: Encoding) -> Result<Vec<Range<usize>>, Stop> {
    let nothing = Wanted { values: &[], sequences: &[], lists: &[] };
    let mut walker = Walker::new(bytes, start, encoding, &nothing);
    let mut found = Vec::new();
    // Some writers omit the end mark. Then the end of the file ends the fragments.
    while walker.at < bytes.len() {
        let element = walker.element()?;
        match (element.tag, element.length) {
            (SEQUENCE_END, _) => break,
            (ITEM, Some(_)) if found.len() > MOST_FRAGMENTS => {
                return Err(Stop::Broken("its pixels are in more fragments than any object has"));
            }
            (ITEM, Some(length)) => found.push(walker.step(length)?),
            _ => return Err(Stop::Broken("its compressed pixels hold something that is no fragment")),
        }
    }
    Ok(found)
}
