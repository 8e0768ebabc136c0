//! The files that a user chose: images to encrypt, or an encrypted set to decrypt.

use imgveil_data::set::{Content, Contents, Given, MANIFEST};
use std::collections::BTreeSet;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The end of the name of a file of names.
const NAMES: &str = "names.csv";

/// The files that a user chose. Clones share what opens them.
#[derive(Clone)]
pub struct Input {
    contents: Arc<dyn Contents>,
    /// The folder of the set among the files.
    root: PathBuf,
    /// The files in it, relative to it.
    paths: Vec<PathBuf>,
    names: Option<PathBuf>,
    encrypted: bool,
}

impl Input {
    /// The files at `paths`, which `contents` opens. An encrypted set may lie in a folder of its own, with its file of
    /// names beside it or in it. `packed` says that they come from one zip: a folder around all of them says nothing.
    pub fn new(contents: Arc<dyn Contents>, paths: Vec<PathBuf>, packed: bool) -> Self {
        let manifest = paths.iter().filter(|path| path.file_name().is_some_and(|name| name == MANIFEST));
        let manifest = manifest.min_by_key(|path| path.components().count());
        let encrypted = manifest.is_some();
        let root = match manifest {
            Some(path) => path.parent().unwrap_or(Path::new("")).to_owned(),
            None if packed => around(&paths),
            None => PathBuf::new(),
        };
        let is_names = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(NAMES));
        let names = paths.iter().filter(is_names).min_by_key(|path| path.components().count()).cloned();
        let paths = paths.iter().filter_map(|path| path.strip_prefix(&root).ok().map(Path::to_owned)).collect();
        Self { contents, root, paths, names: names.filter(|_| encrypted), encrypted }
    }

    /// Whether it is an encrypted set.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.paths.len()
    }

    /// The files, for a job. Messages call their folder `name`.
    pub fn given(&self, name: &Path) -> Given {
        let contents = Below { contents: self.contents.clone(), root: self.root.clone() };
        Given { name: name.to_owned(), paths: self.paths.clone(), contents: Box::new(contents) }
    }

    /// As [`Input::given`], with one of the files alone.
    pub fn only(&self, name: &Path, path: &Path) -> Given {
        Given { paths: vec![path.to_owned()], ..self.given(name) }
    }

    /// The path and the text of the file of names of an encrypted set, if it is among the files.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn names(&self) -> Result<Option<(PathBuf, Vec<u8>)>> {
        let Some(path) = &self.names else { return Ok(None) };
        Ok(Some((path.clone(), self.contents.open(path)?.read_all()?)))
    }
}

/// The folders that lie around all files.
fn around(paths: &[PathBuf]) -> PathBuf {
    let folders: BTreeSet<&Path> = paths.iter().map(|path| path.parent().unwrap_or(Path::new(""))).collect();
    let mut around = folders.first().map_or(Path::new(""), |folder| folder);
    while !folders.iter().all(|folder| folder.starts_with(around)) {
        around = around.parent().unwrap_or(Path::new(""));
    }
    around.to_owned()
}

/// The files below a folder.
struct Below {
    contents: Arc<dyn Contents>,
    root: PathBuf,
}

impl Contents for Below {
    fn open(&self, path: &Path) -> Result<Content> {
        self.contents.open(&self.root.join(path))
    }

    fn length(&self, path: &Path) -> Result<u64> {
        self.contents.length(&self.root.join(path))
    }

    fn stamp(&self, path: &Path) -> String {
        self.contents.stamp(&self.root.join(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Error};

    struct None;

    impl Contents for None {
        fn open(&self, path: &Path) -> Result<Content> {
            let text = path.to_str().ok_or_else(|| Error::other("no text"))?.as_bytes().to_vec();
            let length = text.len() as u64;
            Ok(Content::new(Cursor::new(text), length))
        }
    }

    fn input(paths: &[&str], packed: bool) -> Input {
        Input::new(Arc::new(None), paths.iter().map(PathBuf::from).collect(), packed)
    }

    #[test]
    fn an_encrypted_set_is_found_with_its_names() {
        let set = input(&["OUT/imgveil.json", "OUT/0/a.png", "OUT.names.csv"], true);
        assert!(set.is_encrypted());
        let given = set.given(Path::new("OUT"));
        assert_eq!(given.paths, [Path::new("imgveil.json"), Path::new("0/a.png")]);
        assert_eq!(given.contents.open(&given.paths[1]).unwrap().read_all().unwrap(), b"OUT/0/a.png");
        assert_eq!(set.names().unwrap().unwrap().0, Path::new("OUT.names.csv"));
        assert!(input(&["imgveil.json", "a.png"], false).names().unwrap().is_none());
    }

    #[test]
    fn the_folders_around_packed_images_say_nothing() {
        let paths = |paths: &[&str], packed| input(paths, packed).given(Path::new("x")).paths;
        assert_eq!(paths(&["x/a.png", "x/b.png"], true), [Path::new("a.png"), Path::new("b.png")]);
        assert_eq!(paths(&["x/a.png", "x/b.png"], false), [Path::new("x/a.png"), Path::new("x/b.png")]);
        assert_eq!(paths(&["x/0/a.png", "x/1/b.png"], true), [Path::new("0/a.png"), Path::new("1/b.png")]);
        assert_eq!(paths(&["a.png", "x/b.png"], true), [Path::new("a.png"), Path::new("x/b.png")]);
        // A list of names is read with an encrypted set only.
        assert!(input(&["a.png", "names.csv"], false).names().unwrap().is_none());
    }
}
