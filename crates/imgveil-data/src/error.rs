//! The error of this crate.

use crate::format::ReadError;
use crate::job::JobError;
use crate::secret_error::{KeyFileError, TablesFileError};
use crate::set::{LoadError, Mixed, SetError};
use imgveil::internal::engine::EngineError;
use imgveil::internal::scheme::CompileError;
use std::fmt;

/// Why a set, a job, or a file of a key or tables failed.
///
/// Its text states the facts: what failed, where, and why. [`Error::kind`] is for programs that react to it, and
/// [`Error::detail`] has the facts themselves.
#[derive(Debug)]
pub struct Error(Box<Detail>);

/// The kind of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A path does not exist.
    NotFound,
    /// The output exists, and is never overwritten.
    AlreadyExists,
    /// Another process is writing to the output.
    Busy,
    /// The request cannot be carried out as it is: options contradict each other, or do not fit the set.
    InvalidRequest,
    /// A file of labels is damaged or about other images.
    InvalidList,
    /// The set or its file of names is damaged, changed, incomplete, or not of a supported format.
    InvalidSet,
    /// The set holds mixtures of images, which can only be trained on.
    Mixtures,
    /// The set's scheme cannot be decrypted.
    NotInvertible,
    /// The key is not the set's.
    WrongKey,
    /// A file of a key or of tables is damaged or holds neither.
    InvalidSecret,
    /// The scheme does not fit the images or the tables.
    Scheme,
    /// The device failed.
    Device,
    /// The set needs more memory than may be used.
    Memory,
    /// Reading or writing failed in the operating system.
    Io,
    /// A bug in this crate.
    Internal,
}

/// The facts behind an [`Error`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Detail {
    /// A set cannot be opened or written.
    Set(SetError),
    /// An image cannot be read.
    Read(ReadError),
    /// Images cannot be loaded into memory.
    Load(LoadError),
    /// A job cannot be done.
    Job(JobError),
    /// A key file cannot be read or written.
    KeyFile(KeyFileError),
    /// A file of tables cannot be read or written.
    TablesFile(TablesFileError),
    /// The scheme does not fit.
    Compile(CompileError),
    /// The device failed.
    Engine(EngineError),
}

impl Error {
    /// The kind of error.
    pub fn kind(&self) -> ErrorKind {
        match &*self.0 {
            Detail::Set(error) => set_kind(error),
            Detail::Read(_) => ErrorKind::InvalidSet,
            Detail::Load(LoadError::Mixed(_)) => ErrorKind::InvalidRequest,
            Detail::Load(LoadError::Memory(_)) => ErrorKind::Memory,
            Detail::Load(LoadError::Read(_) | LoadError::Unlabelled(_)) => ErrorKind::InvalidSet,
            Detail::Job(error) => job_kind(error),
            Detail::KeyFile(error) => match error {
                KeyFileError::Exists(_) => ErrorKind::AlreadyExists,
                KeyFileError::Missing(_) | KeyFileError::NoFolder(_) => ErrorKind::NotFound,
                KeyFileError::Invalid { .. } | KeyFileError::Unseal { .. } => ErrorKind::InvalidSecret,
                KeyFileError::Sealed(_) | KeyFileError::Passphrase { .. } => ErrorKind::InvalidRequest,
                KeyFileError::Io { .. } => ErrorKind::Io,
            },
            Detail::TablesFile(error) => match error {
                TablesFileError::Exists(_) => ErrorKind::AlreadyExists,
                TablesFileError::Missing(_) | TablesFileError::NoFolder(_) => ErrorKind::NotFound,
                TablesFileError::Format(_) => ErrorKind::InvalidRequest,
                TablesFileError::Invalid { .. } => ErrorKind::InvalidSecret,
                TablesFileError::Memory { .. } => ErrorKind::Memory,
                TablesFileError::Io { .. } => ErrorKind::Io,
            },
            Detail::Compile(_) => ErrorKind::Scheme,
            Detail::Engine(_) => ErrorKind::Device,
        }
    }

    /// The facts.
    pub fn detail(&self) -> &Detail {
        &self.0
    }

    /// The facts, by value.
    pub fn into_detail(self) -> Detail {
        *self.0
    }

    /// An error of writing a file.
    #[doc(hidden)]
    pub fn write(path: impl Into<std::path::PathBuf>, source: std::io::Error) -> Self {
        SetError::Write { path: path.into(), source }.into()
    }

    /// An error of reading a file.
    #[doc(hidden)]
    pub fn read(path: impl Into<std::path::PathBuf>, source: std::io::Error) -> Self {
        SetError::Read { path: path.into(), source }.into()
    }

    /// An error of encoding a file.
    #[doc(hidden)]
    pub fn encode(path: impl Into<std::path::PathBuf>, reason: impl Into<String>) -> Self {
        SetError::Encode { path: path.into(), reason: reason.into() }.into()
    }

    /// A path that does not exist.
    #[doc(hidden)]
    pub fn missing(path: impl Into<std::path::PathBuf>) -> Self {
        SetError::Missing(path.into()).into()
    }
}

fn set_kind(error: &SetError) -> ErrorKind {
    match error {
        SetError::Missing(_) => ErrorKind::NotFound,
        SetError::OutputExists(_) | SetError::InTheWay { .. } => ErrorKind::AlreadyExists,
        SetError::Collision(_) | SetError::Unmerged(_) | SetError::Layout { .. } => ErrorKind::InvalidRequest,
        SetError::Labels { .. } => ErrorKind::InvalidList,
        SetError::Mixtures { .. } => ErrorKind::Mixtures,
        SetError::Empty { .. }
        | SetError::OnlyLinksOut { .. }
        | SetError::Foreign(_)
        | SetError::Compressed(_)
        | SetError::Unfinished(_)
        | SetError::Npz { .. }
        | SetError::Npy { .. }
        | SetError::Shards { .. }
        | SetError::Classes { .. }
        | SetError::Forged(_)
        | SetError::Names { .. }
        | SetError::Masks { .. }
        | SetError::Manifest { .. } => ErrorKind::InvalidSet,
        SetError::WrongKey { .. } | SetError::KeysForgotten => ErrorKind::WrongKey,
        SetError::Memory { .. } => ErrorKind::Memory,
        SetError::Write { .. } | SetError::Read { .. } | SetError::Encode { .. } => ErrorKind::Io,
    }
}

fn job_kind(error: &JobError) -> ErrorKind {
    match error {
        JobError::Set(error) => set_kind(error),
        JobError::Compile(_) => ErrorKind::Scheme,
        JobError::Engine(_) => ErrorKind::Device,
        JobError::Busy(_) => ErrorKind::Busy,
        JobError::NamesInside { .. } => ErrorKind::InvalidRequest,
        JobError::OtherNames(_)
        | JobError::Whole(_)
        | JobError::OtherRun { .. }
        | JobError::KeysForgotten(_)
        | JobError::SetThere { .. }
        | JobError::MixturesThere(_)
        | JobError::OtherSetThere { .. } => ErrorKind::AlreadyExists,
        JobError::Mixed(_)
        | JobError::MixedArray(_)
        | JobError::AlreadyEncrypted { .. }
        | JobError::Inside { .. }
        | JobError::OtherJournal { .. }
        | JobError::PartitionOfArray
        | JobError::StepsWritePng
        | JobError::Unsalted
        | JobError::SameKey(_)
        | JobError::OtherForm { .. }
        | JobError::JpegDepth(_)
        | JobError::PartitionDepth(_)
        | JobError::NoRoomForMembers
        | JobError::NoPartitions(_)
        | JobError::Merge { .. }
        | JobError::UnknownClass(_)
        | JobError::OtherOptions { .. }
        | JobError::SharedKey(_)
        | JobError::NotAsStored(_)
        | JobError::PruneAll { .. }
        | JobError::Floats(_) => ErrorKind::InvalidRequest,
        JobError::Memory(_) => ErrorKind::Memory,
        JobError::Lossy { .. } => ErrorKind::NotInvertible,
        JobError::OldSet(_) => ErrorKind::AlreadyExists,
        JobError::NotEncrypted(_)
        | JobError::NothingReadable { .. }
        | JobError::ForgedJournal(_)
        | JobError::UnknownOption { .. }
        | JobError::NoName { .. }
        | JobError::ForgedName { .. } => ErrorKind::InvalidSet,
        JobError::Random(_) => ErrorKind::Io,
        JobError::Worker => ErrorKind::Internal,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Detail::Set(error) => error.fmt(f),
            Detail::Read(error) => error.fmt(f),
            Detail::Load(error) => error.fmt(f),
            Detail::Job(error) => error.fmt(f),
            Detail::KeyFile(error) => error.fmt(f),
            Detail::TablesFile(error) => error.fmt(f),
            Detail::Compile(error) => error.fmt(f),
            Detail::Engine(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            Detail::Set(error) => error.source(),
            Detail::Read(error) => error.source(),
            Detail::Load(error) => error.source(),
            Detail::Job(error) => error.source(),
            Detail::KeyFile(error) => error.source(),
            Detail::TablesFile(error) => error.source(),
            Detail::Compile(error) => error.source(),
            Detail::Engine(error) => error.source(),
        }
    }
}

impl From<SetError> for Error {
    fn from(error: SetError) -> Self {
        Self(Box::new(Detail::Set(error)))
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Self(Box::new(Detail::Read(error)))
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        Self(Box::new(Detail::Load(error)))
    }
}

impl From<Mixed> for Error {
    fn from(error: Mixed) -> Self {
        LoadError::Mixed(error).into()
    }
}

impl From<JobError> for Error {
    /// An error that a job only passes on becomes its own detail.
    fn from(error: JobError) -> Self {
        Self(Box::new(match error {
            JobError::Set(error) => Detail::Set(error),
            JobError::Compile(error) => Detail::Compile(error),
            JobError::Engine(error) => Detail::Engine(error),
            error => Detail::Job(error),
        }))
    }
}

impl From<KeyFileError> for Error {
    fn from(error: KeyFileError) -> Self {
        Self(Box::new(Detail::KeyFile(error)))
    }
}

impl From<TablesFileError> for Error {
    fn from(error: TablesFileError) -> Self {
        Self(Box::new(Detail::TablesFile(error)))
    }
}

impl From<CompileError> for Error {
    fn from(error: CompileError) -> Self {
        Self(Box::new(Detail::Compile(error)))
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        Self(Box::new(Detail::Engine(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;
    use std::io;

    #[test]
    fn what_a_job_passes_on_is_the_detail() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let error = Error::from(JobError::from(SetError::writing("a".as_ref())(full())));
        assert!(matches!(error.detail(), Detail::Set(SetError::Write { .. })));
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(error.source().unwrap().to_string(), full().to_string());
        assert_eq!(Error::from(JobError::Worker).kind(), ErrorKind::Internal);
        assert_eq!(Error::missing("a").kind(), ErrorKind::NotFound);
    }

    /// Advice on flags and subcommands belongs to the command.
    #[test]
    fn no_text_names_a_flag_or_a_subcommand() {
        fn sources(folder: &std::path::Path, found: &mut Vec<(std::path::PathBuf, String)>) {
            for entry in folder.read_dir().unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    sources(&path, found);
                } else {
                    let text = std::fs::read_to_string(&path).unwrap();
                    found.push((path, text));
                }
            }
        }
        let mut found = Vec::new();
        sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let subcommands = ["encrypt", "decrypt", "verify", "inspect", "merge", "keygen", "key "];
        let mut wrong: Vec<String> = subcommands.iter().map(|name| format!("`{} {name}", "imgveil")).collect();
        let flags =
            ["window", "partition", "shard", "names", "resize", "keep-", "format", "retry-", "sample", "labels"];
        wrong.extend(flags.iter().map(|name| format!("{}{name}", "--")));
        for (path, text) in found {
            for wrong in &wrong {
                assert!(!text.contains(wrong.as_str()), "{} says {wrong}", path.display());
            }
        }
    }
}
