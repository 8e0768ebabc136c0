//! The files that the user chose, read where a job needs them: the browser keeps them on the disk.

use crate::archive::ZipIn;
use crate::browser::thrown::thrown;
use crate::input::Input;
use crate::words::Told;
use imgveil_data::set::{Content, Contents};
use js_sys::{Array, Uint8Array};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{Error, Read, Result, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasm_bindgen::prelude::*;
use web_sys::{Blob, FileReaderSync};

thread_local! {
    /// The files of every list, by the number of the list. Values of JavaScript cannot be in what a job owns, because a
    /// job may be sent to another thread. Here there is one thread only.
    static LISTS: RefCell<(u32, HashMap<u32, Vec<Blob>>)> = RefCell::default();
}

/// Bytes that are read at a time where fewer are wanted.
const AHEAD: u64 = 64 << 10;

/// The number of a list of files, which is forgotten with it.
struct List(u32);

impl List {
    fn new(blobs: Vec<Blob>) -> Self {
        LISTS.with_borrow_mut(|(next, lists)| {
            *next += 1;
            lists.insert(*next, blobs);
            Self(*next)
        })
    }
}

impl Drop for List {
    fn drop(&mut self) {
        LISTS.with_borrow_mut(|(_, lists)| lists.remove(&self.0));
    }
}

/// Files of the browser, by path.
struct Chosen {
    list: Arc<List>,
    numbers: HashMap<PathBuf, usize>,
}

impl Contents for Chosen {
    fn open(&self, path: &Path) -> Result<Content> {
        let number = self.numbers.get(path).ok_or_else(|| Error::other("there is no such file"))?;
        let reader = BlobReader::new(self.list.clone(), *number)?;
        let length = reader.length;
        Ok(Content::new(reader, length))
    }
}

/// Reads a file of a list.
#[derive(Clone)]
struct BlobReader {
    list: Arc<List>,
    number: usize,
    length: u64,
    position: u64,
    /// What was read ahead, and where it begins.
    ahead: (u64, Vec<u8>),
}

impl BlobReader {
    fn new(list: Arc<List>, number: usize) -> Result<Self> {
        let length = blob(&list, number)?.size() as u64;
        Ok(Self { list, number, length, position: 0, ahead: (0, Vec::new()) })
    }

    /// Reads `wanted` bytes at the position, or fewer at the end.
    fn fetch(&self, wanted: u64) -> Result<Uint8Array> {
        let end = self.position.saturating_add(wanted).min(self.length);
        let words = |error: JsValue| {
            let name = js_sys::Reflect::get(&error, &"name".into()).ok().and_then(|name| name.as_string());
            Error::other(match name.as_deref() {
                Some("NotReadableError" | "NotFoundError") => "it changed or went away since it was chosen".to_owned(),
                Some(name) => format!("the browser cannot read it ({name})"),
                None => "the browser cannot read it".to_owned(),
            })
        };
        let blob = blob(&self.list, self.number)?;
        let part = blob.slice_with_f64_and_f64(self.position as f64, end as f64).map_err(words)?;
        let buffer = FileReaderSync::new().and_then(|reader| reader.read_as_array_buffer(&part)).map_err(words)?;
        Ok(Uint8Array::new(&buffer))
    }
}

fn blob(list: &List, number: usize) -> Result<Blob> {
    let found = LISTS.with_borrow(|(_, lists)| lists.get(&list.0).and_then(|blobs| blobs.get(number)).cloned());
    found.ok_or_else(|| Error::other("there is no such file"))
}

impl Read for BlobReader {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        if bytes.is_empty() || self.position >= self.length {
            return Ok(0);
        }
        let (start, ahead) = &self.ahead;
        let inside = self.position.checked_sub(*start).map(|at| at as usize).filter(|&at| at < ahead.len());
        let taken = match inside {
            Some(at) => {
                let taken = bytes.len().min(ahead.len() - at);
                bytes[..taken].copy_from_slice(&ahead[at..at + taken]);
                taken
            }
            None if bytes.len() as u64 >= AHEAD => {
                let found = self.fetch(bytes.len() as u64)?;
                let taken = found.length() as usize;
                found.copy_to(&mut bytes[..taken]);
                taken
            }
            None => {
                let found = self.fetch(AHEAD)?.to_vec();
                let taken = bytes.len().min(found.len());
                bytes[..taken].copy_from_slice(&found[..taken]);
                self.ahead = (self.position, found);
                taken
            }
        };
        self.position += taken as u64;
        Ok(taken)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| Error::other("a position before the beginning"))?;
        Ok(self.position)
    }
}

/// What the user chose.
#[wasm_bindgen]
pub struct Files(pub(super) Input);

#[wasm_bindgen]
impl Files {
    /// Files with their paths. A single zip file is looked into.
    #[wasm_bindgen(constructor)]
    pub fn new(paths: Vec<String>, files: &Array) -> std::result::Result<Self, JsValue> {
        let mut blobs = Vec::with_capacity(paths.len());
        for file in files.iter() {
            blobs.push(file.dyn_into::<Blob>()?);
        }
        let list = Arc::new(List::new(blobs));
        if let [path] = paths.as_slice()
            && path.to_ascii_lowercase().ends_with(".zip")
        {
            let wrong = |error: Error| thrown(Told::new("files", format!("{path}: {error}")));
            let reader = BlobReader::new(list, 0).map_err(wrong)?;
            let (zip, paths) = ZipIn::open(reader).map_err(wrong)?;
            return Ok(Self(Input::new(Arc::new(zip), paths, true)));
        }
        let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
        let numbers = paths.iter().cloned().zip(0..).collect();
        Ok(Self(Input::new(Arc::new(Chosen { list, numbers }), paths, false)))
    }

    /// Whether they are an encrypted set.
    #[wasm_bindgen(getter)]
    pub fn encrypted(&self) -> bool {
        self.0.is_encrypted()
    }

    /// How many there are.
    #[wasm_bindgen(getter)]
    pub fn count(&self) -> usize {
        self.0.files()
    }

    /// Their paths, in the order in which they are encrypted.
    #[wasm_bindgen(getter)]
    pub fn paths(&self) -> Vec<String> {
        let given = self.0.given(Path::new(""));
        given.paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
    }
}
