//! The journal of a run: which images are whole in the output. It lies where the output is being written, holds nothing that the
//! manifest will not hold, and is locked by the process that writes: a second one is refused. What it says of the output is not
//! taken on trust: the files are held against its hashes before a run goes on.
//!
//! Form: lines of JSON. The first says what the run is ([`Head`]), every other one is a [`Record`]. A line that was cut
//! is the last one, and is dropped.

use super::JobError;
use crate::dataset::{DatasetError, Entry};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The journal's version.
const FORMAT: u32 = 1;

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Version of the journal's form.
    pub journal: u32,
    /// `encrypt` or `decrypt`.
    pub job: String,
    /// A keyed hash of everything that decides the output but the images.
    pub run: String,
}

impl Head {
    /// The head of a run.
    pub fn new(job: &str, run: String) -> Self {
        Self { journal: FORMAT, job: job.to_owned(), run }
    }
}

/// An image that is whole in the output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What tells that the input changed since: a keyed hash of the source's stamp. Empty where that is not known.
    pub stamp: String,
    /// What the manifest will say.
    pub entry: Entry,
}

/// The journal of a run that is at work.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// What a journal's file holds.
#[derive(Debug, PartialEq)]
pub struct Contents {
    /// What the run is; `None` where not even that was written.
    pub head: Option<Head>,
    /// The images.
    pub records: Vec<Record>,
    /// Bytes of whole lines.
    pub length: u64,
}

/// Reads what is whole of a journal's bytes.
pub fn parse(bytes: &[u8]) -> Contents {
    let mut contents = Contents { head: None, records: Vec::new(), length: 0 };
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        if line.last() != Some(&b'\n') {
            break;
        }
        let understood = match contents.head {
            None => serde_json::from_slice(line).map(|head: Head| contents.head = Some(head)).is_ok(),
            Some(_) => serde_json::from_slice(line).map(|record| contents.records.push(record)).is_ok(),
        };
        if !understood {
            break;
        }
        contents.length += line.len() as u64;
    }
    contents
}

impl Journal {
    /// Opens or begins the journal at `path` and locks it. Gives the records of an earlier run of the same head.
    ///
    /// # Errors
    /// When another process holds it, another run's is there, or the operating system refuses.
    pub fn open(path: &Path, head: &Head, output: &Path) -> Result<(Self, Vec<Record>), JobError> {
        let write = |source| DatasetError::Write { path: path.to_owned(), source };
        loop {
            // Another process that is done removes the folder of an archive.
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(write)?;
            }
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(write)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(JobError::Busy(output.to_owned())),
                // A file system without locks: better to go on than not to work there at all.
                Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => {}
                Err(TryLockError::Error(e)) => return Err(write(e).into()),
            }
            // Whoever held it may have finished, and removed it, between our opening and our lock.
            if !path.exists() {
                continue;
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(write)?;
            let contents = parse(&bytes);
            let mut journal = Self { path: path.to_owned(), file };
            match contents.head {
                Some(found) if found != *head => return Err(DatasetError::OutputExists(output.to_owned()).into()),
                Some(_) => {
                    journal.cut(contents.length)?;
                    return Ok((journal, contents.records));
                }
                None => {
                    journal.cut(0)?;
                    journal.line(head)?;
                    return Ok((journal, Vec::new()));
                }
            }
        }
    }

    /// Takes off a line that was not written to its end.
    fn cut(&mut self, length: u64) -> Result<(), JobError> {
        let cut = |file: &mut File| {
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))
        };
        cut(&mut self.file).map(|_| ()).map_err(|e| self.failed(e))
    }

    fn failed(&self, source: std::io::Error) -> JobError {
        DatasetError::Write { path: self.path.clone(), source }.into()
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), JobError> {
        let mut line = serde_json::to_vec(value).map_err(|e| self.failed(e.into()))?;
        line.push(b'\n');
        // One write: a process that is killed leaves whole lines, but for a full disk.
        self.file.write_all(&line).map_err(|e| self.failed(e))
    }

    /// Notes an image.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, record: &Record) -> Result<(), JobError> {
        self.line(record)
    }

    /// Removes the journal: the output is complete.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn close(self) -> Result<(), JobError> {
        std::fs::remove_file(&self.path).map_err(|e| self.failed(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Split;
    use imgveil::internal::image::Geometry;
    use imgveil::internal::schedule::ImageId;

    fn record(name: &str) -> Record {
        let geometry = Geometry::new(4, 4, 1).unwrap();
        let entry = Entry {
            name: name.into(),
            path: format!("{name}.png"),
            split: Split::All,
            label: None,
            geometry,
            original: None,
            id: ImageId([1; 8]),
            plain: "00".into(),
            blake3: "11".into(),
        };
        Record { stamp: "22".into(), entry }
    }

    #[test]
    fn a_journal_that_was_cut_anywhere_gives_the_records_before_the_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let head = Head::new("encrypt", "run".into());
        let records = [record("a"), record("b")];
        let (mut journal, found) = Journal::open(&path, &head, folder.path()).unwrap();
        assert!(found.is_empty());
        records.iter().for_each(|record| journal.add(record).unwrap());
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1).collect();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (mut journal, found) = Journal::open(&path, &head, folder.path()).unwrap();
            let lines = ends.iter().filter(|&&end| end <= length).count();
            assert_eq!(found, records[..lines.saturating_sub(1)], "cut to {length}");
            // What is added next follows a whole line.
            journal.add(&record("c")).unwrap();
            drop(journal);
            assert_eq!(parse(&std::fs::read(&path).unwrap()).records.last(), Some(&record("c")));
        }
    }

    #[test]
    fn a_second_process_and_another_run_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let head = Head::new("encrypt", "run".into());
        let (journal, _) = Journal::open(&path, &head, folder.path()).unwrap();
        assert!(matches!(Journal::open(&path, &head, folder.path()), Err(JobError::Busy(_))));
        drop(journal);
        let other = Head::new("encrypt", "other".into());
        let refused = Journal::open(&path, &other, folder.path());
        assert!(matches!(refused, Err(JobError::Dataset(DatasetError::OutputExists(_)))));
        Journal::open(&path, &head, folder.path()).unwrap().0.close().unwrap();
        assert!(!path.exists());
    }
}
