//! From a file's first byte to the description of its pixels.

use super::description::{Description, unsupported};
use super::elements::{Encoding, Stop, Walker};
use super::fields::{Fields, TRANSFER_SYNTAX, WANTED, text};
use super::syntax::{Coding, Syntax};
use crate::format::ReadErrorKind;
use crate::limits::{MOST_DEFLATED_ELEMENTS, MOST_ELEMENTS};

/// The beginning of a file.
pub(super) struct Opening {
    pub syntax: Syntax,
    /// Where the data set begins.
    pub start: usize,
}

/// Whether a file begins with the preamble that DICOM files have.
pub(super) fn has_preamble(start: &[u8]) -> bool {
    start.get(128..132) == Some(b"DICM")
}

/// Reads the meta information.
pub(super) fn opening(bytes: &[u8]) -> Result<Opening, Problem> {
    let start = if has_preamble(bytes) { 132 } else { 0 };
    let mut walker = Walker::new(bytes, start, Encoding::EXPLICIT_LITTLE, &WANTED);
    let mut uid = None;
    while let Some((tag, range)) = walker.meta()? {
        if tag == TRANSFER_SYNTAX {
            uid = Some(text(bytes.get(range).unwrap_or_default()));
        }
    }
    let start = walker.position();
    let first = || bytes.get(start..start.saturating_add(6)).ok_or(Stop::Short);
    let syntax = match uid {
        Some(uid) => Syntax::named(&uid).map_err(Problem::Refused)?,
        None => guess(first()?),
    };
    // Some writers state the implicit syntax and write the explicit one.
    let syntax = match syntax.encoding {
        Encoding::IMPLICIT_LITTLE if is_typed(first()?) => Syntax { encoding: Encoding::EXPLICIT_LITTLE, ..syntax },
        _ => syntax,
    };
    Ok(Opening { syntax, start })
}

/// The syntax of a data set that does not state it, from its first element, which belongs to group 8.
fn guess(first: &[u8]) -> Syntax {
    let encoding = match (is_typed(first), first) {
        (true, [0, ..]) => Encoding::EXPLICIT_BIG,
        (true, _) => Encoding::EXPLICIT_LITTLE,
        (false, _) => Encoding::IMPLICIT_LITTLE,
    };
    Syntax { encoding, coding: Coding::Native, deflated: false }
}

/// Whether an element has the two letters of its value representation.
pub(super) fn is_typed(element: &[u8]) -> bool {
    element.get(4..6).is_some_and(|letters| letters.iter().all(u8::is_ascii_uppercase))
}

/// Why a header cannot be used.
#[derive(Debug)]
pub(super) enum Problem {
    /// The bytes at hand end before the pixels begin.
    Short,
    /// The file is refused.
    Refused(ReadErrorKind),
}

impl From<Stop> for Problem {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Short => Self::Short,
            Stop::Broken(words) => Self::Refused(ReadErrorKind::Damaged(words.to_owned())),
        }
    }
}

impl From<ReadErrorKind> for Problem {
    fn from(kind: ReadErrorKind) -> Self {
        Self::Refused(kind)
    }
}

/// Reads the header of a data set that begins at `start`. `whole` states that `bytes` is the whole file.
pub(super) fn describe(bytes: &[u8], start: usize, syntax: Syntax, whole: bool) -> Result<Description, Problem> {
    let most = if syntax.deflated { MOST_DEFLATED_ELEMENTS } else { MOST_ELEMENTS };
    let (set, pixels) = Walker::new(bytes, start, syntax.encoding, &WANTED).at_most(most).walk()?;
    let Some(pixels) = pixels else {
        let nothing = "it holds no pixels (a report, a plan, a directory): leave it out";
        return Err(if whole { unsupported(nothing).into() } else { Problem::Short });
    };
    Ok(Fields { bytes, set: &set, encoding: syntax.encoding, signed: false }.describe(syntax, pixels)?)
}
