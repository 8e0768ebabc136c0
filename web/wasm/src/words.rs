//! Errors in the words of the page: what failed, and what can be done about it there.

use imgveil::internal::scheme::CompileError;
use imgveil_data::format::ReadErrorKind;
use imgveil_data::job::JobError;
use imgveil_data::{Detail, Error, ErrorKind};

/// An error for the page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Told {
    /// What kind of error it is: `key`, `set`, `scheme`, `files`, `device`, `memory` or `bug`.
    pub kind: &'static str,
    /// What failed, and what can be done.
    pub words: String,
}

impl Told {
    /// An error of a kind.
    pub fn new(kind: &'static str, words: impl Into<String>) -> Self {
        Self { kind, words: words.into() }
    }
}

impl From<Error> for Told {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::WrongKey | ErrorKind::InvalidSecret => "key",
            ErrorKind::InvalidSet | ErrorKind::Mixtures | ErrorKind::NotInvertible => "set",
            ErrorKind::Scheme => "scheme",
            ErrorKind::Device => "device",
            ErrorKind::Memory => "memory",
            ErrorKind::Internal => "bug",
            _ => "files",
        };
        Self { kind, words: format!("{error}{}", advice(&error)) }
    }
}

/// What can be done about an error in the page.
fn advice(error: &Error) -> &'static str {
    match error.detail() {
        Detail::Compile(CompileError::Tiling { .. }) | Detail::Job(JobError::Compile(CompileError::Tiling { .. })) => {
            ". Choose “Pad” under “Images that the blocks do not tile”, or another block"
        }
        Detail::Job(JobError::NothingReadable { first, .. }) if first.needs_window => {
            ". Choose a window of grey values under “More options”"
        }
        Detail::Read(read) if matches!(read.kind, ReadErrorKind::NeedsWindow { .. }) => {
            ". Choose a window of grey values under “More options”"
        }
        Detail::Job(JobError::Floats(_)) => ". The command `imgveil encrypt` writes it to an .npz file",
        _ => match error.kind() {
            ErrorKind::WrongKey => ". Open the key file that this set was encrypted with",
            ErrorKind::Memory => ". The command `imgveil` may use all memory of the machine",
            ErrorKind::Internal => ". This is a fault of this page; please report it",
            _ => "",
        },
    }
}
