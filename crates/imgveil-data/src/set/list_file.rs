//! CSV files of labels and names within the memory that may be used.

use super::error::SetError;
use crate::limits::LONGEST_TEXT;
use crate::{Memory, OutOfMemory, regular_file};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The memory of a line beside its text: a name, a class and a place in a table.
const LINE: u64 = 256;

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
