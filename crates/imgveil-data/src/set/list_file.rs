//! CSV files of labels and names within the memory that may be used.

use super::error::SetError;
use crate::limits::{LONGEST_LINE, LONGEST_TEXT};
use crate::text::one_line;
use crate::{Memory, OutOfMemory, regular_file};
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

/// The memory of a line beside its text: a name, a class, and their places in a list and in a table.
const LINE: u64 = 512;

/// The bytes of the file at `path`.
///
/// # Errors
/// If it does not exist, cannot be read, or does not fit into memory.
pub(super) fn read(path: &Path, memory: Memory) -> Result<Vec<u8>, SetError> {
    let file = match regular_file::open_named(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(SetError::Missing(path.to_owned())),
        Err(source) => return Err(SetError::reading(path)(source)),
    };
    let length = file.metadata().map_err(SetError::reading(path))?.len();
    let large = |source: OutOfMemory| SetError::Memory { path: path.to_owned(), source };
    // The text, and the values made of it.
    memory.check(length.saturating_mul(2)).map_err(large)?;
    let mut bytes = Vec::new();
    // The file may grow while it is read.
    file.take(memory.room() / 2).read_to_end(&mut bytes).map_err(SetError::reading(path))?;
    let lines = bytes.iter().filter(|&&byte| byte == b'\n' || byte == b'\r').count() as u64;
    memory.check(length.saturating_mul(2).saturating_add(lines.saturating_mul(LINE))).map_err(large)?;
    Ok(bytes)
}

/// The lines of a CSV file, one after the other, without the header. Each is bounded before its fields are kept: a line
/// of many empty fields takes many times its length.
pub(super) struct Lines<'a>(csv::Reader<Bounded<'a>>);

impl<'a> Lines<'a> {
    /// The lines of a text.
    pub(super) fn new(format: &csv::ReaderBuilder, text: &'a [u8]) -> Self {
        Self(format.from_reader(Bounded { text, left: LONGEST_LINE }))
    }

    /// The first line.
    ///
    /// # Errors
    /// If it is no line of a CSV file, or longer than any.
    pub(super) fn header(&mut self) -> Result<csv::StringRecord, String> {
        self.0.headers().cloned().map_err(|error| one_line(&error.to_string()))
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<csv::StringRecord, String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.get_mut().left = LONGEST_LINE;
        let mut record = csv::StringRecord::new();
        match self.0.read_record(&mut record) {
            Ok(true) => Some(Ok(record)),
            Ok(false) => None,
            Err(error) => Some(Err(one_line(&error.to_string()))),
        }
    }
}

/// A text of which so many bytes may be read before the next line begins.
struct Bounded<'a> {
    text: &'a [u8],
    left: usize,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 && !self.text.is_empty() {
            let words = format!("a line has more than {LONGEST_LINE} bytes");
            return Err(Error::new(ErrorKind::InvalidData, words));
        }
        let count = buffer.len().min(self.left);
        let read = self.text.read(&mut buffer[..count])?;
        self.left -= read;
        Ok(read)
    }
}

/// Checks the fields of a line.
///
/// # Errors
/// If one of them is longer than any name or path.
pub(super) fn check(record: &csv::StringRecord, line: usize) -> Result<(), String> {
    match record.iter().find(|field| field.len() > LONGEST_TEXT) {
        Some(long) => Err(format!("line {line} has a field of {} bytes, and {LONGEST_TEXT} are the most", long.len())),
        None => Ok(()),
    }
}
