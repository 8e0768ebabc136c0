//! The journal of a run: which images are whole in the output. The journal is in the output while that is being
//! written. It contains nothing that the manifest will not contain. The process that writes it also locks it, so that a
//! second process is refused. Its contents are not trusted: files are compared with its hashes before a run continues.
//!
//! A journal consists of lines of JSON. The first line is the [`Head`], every other line a [`Record`]. An incomplete
//! last line is dropped. Each line has a keyed check, because others may write to the output: a changed head is an
//! error, and the image of a changed record is done again.

use super::error::JobError;
use super::options::differences;
use crate::set::{Entry, FORGETS_KEY, SetError, add_entry, add_members, add_rescales};
use crate::{Memory, regular_file};
use imgveil::internal::key::Key;
use imgveil::internal::sealed::{Salt, Text};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The version of the journal's format. In version 1, the identity of a run was the hash of another text; in version 2,
/// there was no salt and no check.
const FORMAT: u32 = 3;

/// A byte of a journal takes at most so many bytes: its text, and the values made of it.
const PARSED: u64 = 4;

/// The size limit of a head.
const LONGEST_HEAD: u64 = 1 << 20;

/// What identifies a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the journal's format.
    pub journal: u32,
    /// `encrypt` or `decrypt`.
    pub job: String,
    /// The identity of the run: a keyed hash of everything that decides the output except the images.
    pub run: String,
    /// The salt of the set: that of the set that is written, or of the set that is decrypted. Empty if it has none.
    pub salt: String,
    /// The keyed check of all other fields.
    pub check: String,
    /// The options of the run, to tell a run that differs what differs. No path is among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl Head {
    /// The head of a run.
    pub fn new(key: &Key, job: &str, run: String, salt: Option<Salt>) -> Self {
        let salt = salt.map_or(String::new(), |salt| salt.to_string());
        let head = Self { journal: FORMAT, job: job.to_owned(), run, salt, check: String::new(), options: Vec::new() };
        Self { check: head.checked(key), ..head }
    }

    /// The head with the options of the run.
    #[must_use]
    pub(super) fn with_options(self, key: &Key, options: Vec<String>) -> Self {
        let head = Self { options, ..self };
        Self { check: head.checked(key), ..head }
    }

    fn checked(&self, key: &Key) -> String {
        let mut text = Text::new("head");
        text.u32(self.journal).text(&self.job).text(&self.run).text(&self.salt);
        self.options.iter().for_each(|option| {
            text.text(option);
        });
        check(key, &text)
    }
}

fn check(key: &Key, text: &Text) -> String {
    text.keyed(key, "imgveil v2 journal").to_hex().to_string()
}

/// The head of the journal of a run, to be read before the journal is opened. `None` if there is none, or that of
/// another run.
///
/// # Errors
/// If it was changed.
pub fn peek(path: &Path, key: &Key, run: &str) -> Result<Option<Head>, JobError> {
    let Ok(file) = regular_file::open_no_link(path) else { return Ok(None) };
    let mut line = Vec::new();
    // The reader of the whole journal reports what cannot be read.
    let _ = file.take(LONGEST_HEAD).read_to_end(&mut line);
    line.truncate(line.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1));
    match parse(&line).head.filter(|head| head.run == run) {
        Some(head) if head.checked(key) != head.check => Err(JobError::ForgedJournal(path.to_owned())),
        head => Ok(head),
    }
}

/// The images that a journal lists, to be read before the journal is opened, except those that were changed.
pub fn listed(path: &Path, key: &Key) -> Vec<Entry> {
    // The reader of the whole journal reports what cannot be read.
    let read = |mut file| regular_file::read_within(&mut file, Memory::default(), PARSED);
    let Ok(bytes) = regular_file::open_no_link(path).and_then(read) else { return Vec::new() };
    let Contents { head: Some(head), records, .. } = parse(&bytes) else { return Vec::new() };
    let unchanged = |record: &Record| record.checked(key, &head) == record.check;
    records.into_iter().filter(unchanged).map(|record| record.entry).collect()
}

/// An image that is whole in the output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// A keyed hash of the source's stamp, which tells whether the input changed since. Empty if it is not known.
    pub stamp: String,
    /// The image's entry in the manifest.
    pub entry: Entry,
    /// The keyed check of the fields above and of the run's head. The journal fills it in.
    pub check: String,
}

impl Record {
    /// A record whose check is still missing.
    pub fn new(stamp: String, entry: Entry) -> Self {
        Self { stamp, entry, check: String::new() }
    }

    fn checked(&self, key: &Key, head: &Head) -> String {
        let mut text = Text::new("record");
        text.text(&head.check).text(&self.stamp);
        add_entry(&mut text, &self.entry);
        add_members(&mut text, &[&self.entry]);
        add_rescales(&mut text, &[&self.entry]);
        check(key, &text)
    }
}

/// The open journal of a run.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    key: Key,
    head: Head,
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

/// Whether a file is the beginning of this head, as a run leaves it that is killed in its first step. That run may have
/// drawn another salt, so that salt and check are other digits.
fn is_cut_head(bytes: &[u8], head: &Head) -> bool {
    let fixed = Head { salt: String::new(), check: String::new(), ..head.clone() };
    let (Ok(whole), Ok(fixed)) = (serde_json::to_vec(head), serde_json::to_vec(&fixed)) else { return false };
    let start = whole.iter().zip(&fixed).take_while(|(one, other)| one == other).count();
    bytes.len() <= whole.len()
        && bytes.iter().zip(&whole).enumerate().all(|(place, (found, expected))| {
            found == expected || (place >= start && [found, expected].iter().all(|byte| byte.is_ascii_hexdigit()))
        })
}

impl Journal {
    /// Whether there is a journal with a head at `path`, of whatever run. An empty file is none.
    pub fn is_begun(path: &Path) -> bool {
        let mut start = Vec::new();
        let read = regular_file::open_no_link(path).and_then(|file| file.take(LONGEST_HEAD).read_to_end(&mut start));
        let contents = parse(&start);
        read.is_ok() && (contents.head.is_some() || contents.other_format.is_some())
    }

    /// Opens or creates the journal at `path` and locks it. Returns the records of an earlier run with the same head,
    /// except those that were changed.
    ///
    /// # Errors
    /// If another process holds it, it is the journal of another run or of another version, its head was changed, or
    /// the operating system refuses.
    pub fn open(path: &Path, key: &Key, head: &Head, output: &Path) -> Result<(Self, Vec<Record>), JobError> {
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
            let read = regular_file::read_within(&mut file, Memory::default(), PARSED);
            let bytes = read.map_err(SetError::reading(path))?;
            let contents = parse(&bytes);
            if let Some(found) = contents.other_format {
                return Err(JobError::OtherJournal { output: output.to_owned(), found, expected: FORMAT });
            }
            if contents.head.is_none() && !is_cut_head(&bytes, head) {
                return Err(SetError::OutputExists(output.to_owned()).into());
            }
            let mut journal = Self { path: path.to_owned(), file, key: key.clone(), head: head.clone() };
            match contents.head {
                Some(found) if (&found.job, &found.run) != (&head.job, &head.run) => {
                    if found.options.iter().any(|option| option == FORGETS_KEY) {
                        return Err(JobError::KeysForgotten(output.to_owned()));
                    }
                    let same_key = found.job == head.job && found.checked(key) == found.check;
                    let differences = match same_key && !found.options.is_empty() {
                        true => differences(&found.options, &head.options, false),
                        false => Vec::new(),
                    };
                    return Err(JobError::OtherRun { output: output.to_owned(), differences });
                }
                Some(found) if found.checked(key) != found.check => {
                    return Err(JobError::ForgedJournal(path.to_owned()));
                }
                // Another process began the run after this one looked for its salt.
                Some(found) if found.salt != head.salt => return Err(JobError::Busy(output.to_owned())),
                Some(_) => {
                    journal.cut(contents.length)?;
                    let unchanged = |record: &Record| record.checked(key, head) == record.check;
                    let records = contents.records.into_iter().filter(unchanged).collect();
                    return Ok((journal, records));
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
        let check = record.checked(&self.key, &self.head);
        self.line(&Record { check, ..record.clone() })
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
            rescale: None,
            members: None,
        };
        Record::new("22".into(), entry)
    }

    fn key() -> Key {
        Key::from_bytes([1; 32])
    }

    fn head(run: &str) -> Head {
        Head::new(&key(), "encrypt", run.into(), Some(Salt([5; 16])))
    }

    /// A record as a journal holds it.
    fn written(name: &str) -> Record {
        let record = record(name);
        Record { check: record.checked(&key(), &head("run")), ..record }
    }

    #[test]
    fn changed_records_are_left_out_and_a_changed_head_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, _) = Journal::open(&path, &key(), &head("run"), folder.path()).unwrap();
        ["a", "b", "c"].iter().for_each(|name| journal.add(&record(name)).unwrap());
        drop(journal);
        let text = std::fs::read_to_string(&path).unwrap();
        let open = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Journal::open(&path, &key(), &head("run"), folder.path()).map(|(_, records)| records)
        };
        for (from, to) in [("b.png", "d.png"), ("\"b\"", "\"d\"")] {
            assert_eq!(open(&text.replace(from, to)).unwrap(), [written("a"), written("c")]);
        }
        assert!(open(&text.replace("\"plain\":\"00\"", "\"plain\":\"01\"")).unwrap().is_empty());
        assert_eq!(peek(&path, &key(), "run").unwrap(), Some(head("run")));
        assert_eq!(peek(&path, &key(), "other").unwrap(), None);
        let salt = Salt([5; 16]).to_string();
        let changed = text.replace(&salt, &Salt([6; 16]).to_string());
        assert!(matches!(open(&changed), Err(JobError::ForgedJournal(_))));
        assert!(matches!(peek(&path, &key(), "run"), Err(JobError::ForgedJournal(_))));
        assert_eq!(open(&text).unwrap().len(), 3);
        let other = Head::new(&key(), "encrypt", "run".into(), Some(Salt([6; 16])));
        assert!(matches!(Journal::open(&path, &key(), &other, folder.path()), Err(JobError::Busy(_))));
        // A run that was cut within its head drew another salt.
        for length in 0..serde_json::to_vec(&other).unwrap().len() {
            assert!(open(&text[..length]).unwrap().is_empty(), "{length}");
        }
        let foreign = [&text[..20], "notes"].concat();
        assert!(matches!(open(&foreign), Err(JobError::Set(SetError::OutputExists(_)))));
    }

    #[test]
    fn a_journal_that_was_cut_anywhere_gives_the_records_before_the_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let head = head("run");
        let records = [written("a"), written("b")];
        let (mut journal, found) = Journal::open(&path, &key(), &head, folder.path()).unwrap();
        assert!(found.is_empty());
        records.iter().for_each(|record| journal.add(record).unwrap());
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1).collect();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (mut journal, found) = Journal::open(&path, &key(), &head, folder.path()).unwrap();
            let lines = ends.iter().filter(|&&end| end <= length).count();
            assert_eq!(found, records[..lines.saturating_sub(1)], "cut to {length}");
            // The next record must follow a complete line.
            journal.add(&record("c")).unwrap();
            drop(journal);
            assert_eq!(parse(&std::fs::read(&path).unwrap()).records.last(), Some(&written("c")));
        }
    }

    #[test]
    fn a_second_process_and_another_run_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let head = head("run");
        let (journal, _) = Journal::open(&path, &key(), &head, folder.path()).unwrap();
        assert!(matches!(Journal::open(&path, &key(), &head, folder.path()), Err(JobError::Busy(_))));
        drop(journal);
        let other = self::head("other");
        let refused = Journal::open(&path, &key(), &other, folder.path());
        // Nothing is known of heads without options, and a decryption has none.
        assert!(matches!(refused, Err(JobError::OtherRun { differences, .. }) if differences.is_empty()));
        drop(std::fs::remove_file(&path));
        let options = |scheme: &str| vec![format!("scheme={scheme}"), "input=1".to_owned()];
        let begun = head.clone().with_options(&key(), options("ele"));
        drop(Journal::open(&path, &key(), &begun, folder.path()).unwrap());
        let other = other.with_options(&key(), options("np"));
        let refused = Journal::open(&path, &key(), &other, folder.path()).map(drop).unwrap_err().to_string();
        assert!(refused.contains("(scheme was `ele` and is `np` now)"), "{refused}");
        drop(std::fs::remove_file(&path));
        drop(Journal::open(&path, &key(), &head, folder.path()).unwrap());
        Journal::open(&path, &key(), &head, folder.path()).unwrap().0.close().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_journal_of_another_version_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let head = head("run");
        for (version, line) in [(1, "{\"journal\":1,\"job\":\"encrypt\",\"run\":\"run\"}\n"), (4, "{\"journal\":4}\n")]
        {
            std::fs::write(&path, line).unwrap();
            let error = Journal::open(&path, &key(), &head, Path::new("out")).unwrap_err();
            assert!(matches!(error, JobError::OtherJournal { found, .. } if found == version));
            let words = error.to_string();
            assert!(words.contains("out was begun by another version of imgveil"), "{words}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), line);
        }
    }
}
