//! The journal of a run: which images are whole in the output. The journal is in the output while that is being
//! written. It contains nothing that the manifest will not contain. The process that writes it also locks it, so that a
//! second process is refused. Its contents are not trusted: files are compared with its hashes before a run continues.
//!
//! A journal consists of lines of JSON. The first line is the [`Head`], every other line a [`Record`]. An incomplete
//! last line is dropped.

use super::error::JobError;
use crate::regular_file;
use crate::set::{Entry, SetError};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The version of the journal's format. In version 1, the identity of a run was the hash of another text.
const FORMAT: u32 = 2;

/// The size limit of a head.
const LONGEST_HEAD: u64 = 4096;

/// What identifies a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the journal's format.
    pub journal: u32,
    /// `encrypt` or `decrypt`.
    pub job: String,
    /// The identity of the run: a keyed hash of everything that decides the output except the images.
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
    /// A keyed hash of the source's stamp, which tells whether the input changed since. Empty if it is not known.
    pub stamp: String,
    /// The image's entry in the manifest.
    pub entry: Entry,
}

/// The open journal of a run.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// The contents of a journal.
#[derive(Debug, PartialEq)]
pub struct Contents {
    /// The head. `None` if it is missing or incomplete.
    pub head: Option<Head>,
    /// The version of the journal if it has another format. Nothing else of it is read then.
    pub other_format: Option<u32>,
    /// The images.
    pub records: Vec<Record>,
    /// The number of bytes of complete lines.
    pub length: u64,
}

/// The version alone: the heads of other versions may have other fields.
#[derive(Deserialize)]
struct Version {
    journal: u32,
}

/// Parses the complete lines of a journal.
pub fn parse(bytes: &[u8]) -> Contents {
    let mut contents = Contents { head: None, other_format: None, records: Vec::new(), length: 0 };
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        if line.last() != Some(&b'\n') {
            break;
        }
        if contents.head.is_none()
            && let Ok(Version { journal }) = serde_json::from_slice(line)
            && journal != FORMAT
        {
            contents.other_format = Some(journal);
            contents.length = line.len() as u64;
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

/// Whether a file is the beginning of this head, as a run leaves it that is killed in its first step.
fn is_cut_head(bytes: &[u8], head: &Head) -> bool {
    serde_json::to_vec(head).is_ok_and(|head| head.starts_with(bytes))
}

impl Journal {
    /// Whether there is a journal with a head at `path`, of whatever run. An empty file is none.
    pub fn is_begun(path: &Path) -> bool {
        let mut start = Vec::new();
        let read = regular_file::open_no_link(path).and_then(|file| file.take(LONGEST_HEAD).read_to_end(&mut start));
        let contents = parse(&start);
        read.is_ok() && (contents.head.is_some() || contents.other_format.is_some())
    }

    /// Opens or creates the journal at `path` and locks it. Returns the records of an earlier run with the same head.
    ///
    /// # Errors
    /// If another process holds it, it is the journal of another run or of another version, or the operating system
    /// refuses.
    pub fn open(path: &Path, head: &Head, output: &Path) -> Result<(Self, Vec<Record>), JobError> {
        let write = SetError::writing(path);
        loop {
            // A process that has finished an archive removes its folder.
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(&write)?;
            }
            // A link or a pipe of this name is nobody's journal.
            let exists = |_| SetError::OutputExists(output.to_owned());
            let other = std::fs::symlink_metadata(path).is_ok_and(|found| !found.is_file());
            let opened = regular_file::open_with(path, OpenOptions::new().read(true).append(true).create(true));
            let mut file = opened.map_err(|e| if other { exists(e) } else { write(e) })?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(JobError::Busy(output.to_owned())),
                // On a file system without locks, work without a lock.
                Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => {}
                Err(TryLockError::Error(e)) => return Err(write(e).into()),
            }
            // The process that held the lock may have finished and removed the file between our opening and our lock.
            if !path.exists() {
                continue;
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(&write)?;
            let contents = parse(&bytes);
            if let Some(found) = contents.other_format {
                return Err(JobError::OtherJournal { output: output.to_owned(), found, expected: FORMAT });
            }
            if contents.head.is_none() && !is_cut_head(&bytes, head) {
                return Err(SetError::OutputExists(output.to_owned()).into());
            }
            let mut journal = Self { path: path.to_owned(), file };
            match contents.head {
                Some(found) if found != *head => return Err(SetError::OutputExists(output.to_owned()).into()),
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

    /// Removes an incomplete last line.
    fn cut(&mut self, length: u64) -> Result<(), JobError> {
        let cut = |file: &mut File| {
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))
        };
        cut(&mut self.file).map(|_| ()).map_err(|e| self.failed(e))
    }

    fn failed(&self, source: std::io::Error) -> JobError {
        SetError::Write { path: self.path.clone(), source }.into()
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), JobError> {
        let mut line = serde_json::to_vec(value).map_err(|e| self.failed(e.into()))?;
        line.push(b'\n');
        // A single write, so that a process that is killed leaves complete lines, unless the disk is full.
        self.file.write_all(&line).map_err(|e| self.failed(e))
    }

    /// Adds an image.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, record: &Record) -> Result<(), JobError> {
        self.line(record)
    }

    /// Removes the journal, because the output is complete.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn close(self) -> Result<(), JobError> {
        std::fs::remove_file(&self.path).map_err(|e| self.failed(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::Split;
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
            // The next record must follow a complete line.
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
        assert!(matches!(refused, Err(JobError::Set(SetError::OutputExists(_)))));
        Journal::open(&path, &head, folder.path()).unwrap().0.close().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_journal_of_another_version_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let head = Head::new("encrypt", "run".into());
        for (version, line) in [(1, "{\"journal\":1,\"job\":\"encrypt\",\"run\":\"run\"}\n"), (3, "{\"journal\":3}\n")]
        {
            std::fs::write(&path, line).unwrap();
            let error = Journal::open(&path, &head, Path::new("out")).unwrap_err();
            assert!(matches!(error, JobError::OtherJournal { found, .. } if found == version));
            let words = error.to_string();
            assert!(words.contains("out was begun by another version of imgveil"), "{words}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), line);
        }
    }
}
