//! The folder of an evaluation: its options and its finished cells, each written as soon as it is known.

use super::cell::Cell;
use super::options::Options;
use super::tried::Tried;
use crate::exit::{DATASET, FAILED, Failure, USAGE};
use imgveil_data::regular_file;
use imgveil_data::set::write_atomically;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};

/// The file that identifies the folder.
const OPTIONS: &str = "cells/options.json";

/// The folder of an evaluation.
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Creates the folder, or opens it if it was begun with the same options. Also tells whether it was there.
    pub fn open(folder: &Path, options: &Options) -> Result<(Self, bool), Failure> {
        let store = Self { folder: folder.to_owned() };
        if let Some(begun) = store.read::<Options>(OPTIONS)? {
            options.check(&begun, folder)?;
            return Ok((store, true));
        }
        let taken = match folder.read_dir() {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => folder.exists() || folder.is_symlink(),
        };
        if taken {
            let words =
                format!("{} is not empty and holds no evaluation: choose another folder with -o", folder.display());
            return Err(Failure { words, code: USAGE });
        }
        let cells = folder.join("cells");
        std::fs::create_dir_all(&cells)
            .map_err(|error| Failure { words: format!("cannot make {}: {error}", cells.display()), code: FAILED })?;
        store.write(OPTIONS, options)?;
        Ok((store, false))
    }

    /// Notes the hash of the images, which are read after the folder was opened.
    pub fn note_images(&self, options: &Options) -> Result<(), Failure> {
        if let Some(begun) = self.read::<Options>(OPTIONS)? {
            options.check(&begun, &self.folder)?;
        }
        self.write(OPTIONS, options)
    }

    /// A finished cell.
    pub fn cell(&self, scheme: usize, attack: Tried) -> Result<Option<Cell>, Failure> {
        self.read(&name(scheme, attack))
    }

    /// Writes a finished cell, and returns it as it will be read.
    pub fn keep(&self, scheme: usize, attack: Tried, cell: &Cell) -> Result<Cell, Failure> {
        self.write(&name(scheme, attack), cell)?;
        let missing = || Failure { words: format!("{} vanished", name(scheme, attack)), code: FAILED };
        self.cell(scheme, attack)?.ok_or_else(missing)
    }

    /// Writes a file of the report.
    pub fn write_text(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        write_atomically(&path, text.as_bytes())?;
        Ok(path)
    }

    /// The path of a file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), Failure> {
        let path = self.folder.join(name);
        let text = serde_json::to_string(value)
            .map_err(|error| Failure { words: format!("cannot write {}: {error}", path.display()), code: FAILED })?;
        Ok(write_atomically(&path, text.as_bytes())?)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        let path = self.folder.join(name);
        let text = match regular_file::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == NotFound => return Ok(None),
            // A folder of this name is a file.
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(None),
            Err(error) => {
                return Err(Failure { words: format!("cannot read {}: {error}", path.display()), code: FAILED });
            }
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| Failure {
            words: format!("{} is damaged: {error}; remove it and run the command again", path.display()),
            code: DATASET,
        })
    }
}

/// The file of a cell.
fn name(scheme: usize, attack: Tried) -> String {
    format!("cells/{scheme:03}-{}.json", attack.id())
}
