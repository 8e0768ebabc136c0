//! Errors of image sets, jobs, and files of keys and tables: their exit codes, and advice that names flags and
//! subcommands.

use super::{DATASET, FAILED, Failure, KEY, USAGE};
use imgveil_data::job::JobError;
use imgveil_data::key_file::KeyFileError;
use imgveil_data::set::{LoadError, SetError};
use imgveil_data::tables_file::{TablesError, TablesFileError};
use imgveil_data::{Detail, Error, ErrorKind};

/// Advice for images of several sizes.
const ONE_SIZE: &str =
    "; bring them to one size with --resize HEIGHTxWIDTH, and to one number of channels and one depth beforehand";

/// As [`ONE_SIZE`], for commands that have the flag for channels.
const ONE_GEOMETRY: &str = "; bring them to one size with --resize HEIGHTxWIDTH, to one number of channels with \
                            --channels, and to one depth beforehand";

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.detail() {
            // Errors of the core library have codes and advice of their own.
            Detail::Compile(error) => return error.clone().into(),
            Detail::Engine(error) => return error.clone().into(),
            _ => {}
        }
        let code = match error.kind() {
            ErrorKind::InvalidSet => DATASET,
            ErrorKind::WrongKey | ErrorKind::InvalidSecret => KEY,
            ErrorKind::Memory | ErrorKind::Io | ErrorKind::Internal => FAILED,
            _ => USAGE,
        };
        let words = error.to_string();
        Self { words: advised(words, error.detail()), code }
    }
}

/// The message of an error with advice.
fn advised(words: String, detail: &Detail) -> String {
    let advice = match detail {
        Detail::Set(SetError::Memory { .. })
        | Detail::Load(LoadError::Memory(_))
        | Detail::Job(JobError::Memory(_)) => "; --memory SIZE allows more",
        Detail::KeyFile(KeyFileError::Missing(_)) => ", or make a key with `imgveil keygen -o FILE`",
        Detail::KeyFile(KeyFileError::Sealed(_)) => {
            ": give --passphrase-file FILE, or let IMGVEIL_PASSPHRASE_FILE name the file"
        }
        Detail::TablesFile(TablesFileError::Missing(_)) => ", or make one with `imgveil key export-tables -k KEY`",
        Detail::TablesFile(TablesFileError::Invalid { source: TablesError::Foreign, .. }) => {
            "; numpy.savez writes one, `imgveil key export-tables` both"
        }
        Detail::Load(LoadError::Mixed(_)) => ONE_SIZE,
        Detail::Job(JobError::Mixed(_)) => ONE_GEOMETRY,
        Detail::Job(JobError::MixedArray(_)) => return format!("{words}{ONE_GEOMETRY}, or write a folder of files"),
        Detail::Job(JobError::PartitionOfArray) => ": leave --partition out, or write png, jpeg or webdataset",
        Detail::Job(JobError::JpegDepth(_)) => ": write png, or bring 8 bits out of it with --window",
        Detail::Job(JobError::PartitionDepth(_)) => " with --depth, the same for every partition",
        Detail::Job(JobError::NoRoomForMembers) => ": leave --keep-members out, or add --format webdataset",
        Detail::Job(JobError::OtherNames(_)) => ", or name another file with --names",
        Detail::Job(JobError::Whole(_)) => ": `imgveil update` writes it anew with what it lacks",
        Detail::Job(JobError::SetThere { differences, .. }) if differences.is_empty() => {
            "; `imgveil update` brings it up to date with the input"
        }
        Detail::Job(JobError::SetThere { .. }) => {
            "; another output starts anew, and `imgveil update` takes over the options of the set"
        }
        Detail::Job(JobError::OtherOptions { .. }) => {
            "; leave them out (--labels names the file of labels, if there was one), or encrypt into another output"
        }
        Detail::Job(JobError::UnknownClass(_)) => "; restore OUT.names.csv, or name it with --names",
        Detail::Job(JobError::NoPartitions(_)) => "; partitions are written by `imgveil encrypt --partition I/N`",
        Detail::Job(JobError::OldSet(_)) => "; encrypt the input into a new output",
        Detail::Job(JobError::NotEncrypted(_)) => "; give the folder or .npz that `imgveil encrypt` wrote",
        Detail::Job(JobError::Worker) => "; please report this with the command that you ran",
        Detail::Set(SetError::Layout { .. }) => {
            "; rename them, give the folder that holds the splits, or say what is what with --labels FILE (columns \
             name, label, split)"
        }
        Detail::Set(SetError::OnlyLinksOut { .. }) => "; --follow-links follows them",
        Detail::Job(JobError::NamesInside { .. }) => "; name another place with --names",
        Detail::Set(SetError::Unfinished(_)) => "; run the same command again to complete it",
        Detail::Set(SetError::Unmerged(path)) => {
            return format!("{words}: run `imgveil merge {}` once every partition is done", path.display());
        }
        Detail::Set(SetError::Names { path, reason }) => {
            return format!("{} is no file of names as `imgveil encrypt` writes it: {reason}", path.display());
        }
        _ => "",
    };
    words + advice
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Error::from(error).into()
    }
}
