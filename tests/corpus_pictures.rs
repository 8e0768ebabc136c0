//! Pictures and volumes of others, whole folders of them, broken ones too: nothing panics, hangs or decodes to another
//! geometry than its header says. Runs where IMGVEIL_CORPUS_PICTURES and IMGVEIL_CORPUS_NIFTI name folders, and prints a
//! table of what became of every file.

use imgveil::dataset::ReadErrorKind;
use imgveil::dataset::reading::{Reading, Window};
use imgveil::dataset::stack::{Header, Stack};
use imgveil::dataset::{nifti, picture};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No file of a corpus takes longer than this, however it was made.
const LIMIT: Duration = Duration::from_secs(60);

/// How many images of one file are decoded.
const IMAGES: usize = 50;

type ReadHeader = fn(BufReader<File>) -> Result<Header, ReadErrorKind>;
type Open = fn(Vec<u8>) -> Result<Box<dyn Stack>, ReadErrorKind>;

/// Files by what became of them: how many, and one of them.
#[derive(Default)]
struct Table(BTreeMap<String, (usize, String)>);

impl Table {
    fn add(&mut self, outcome: String, file: &Path) {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.0.entry(outcome).or_insert((0, name)).0 += 1;
    }

    fn print(&self, title: &str) {
        let all: usize = self.0.values().map(|(count, _)| count).sum();
        println!("| {title}: {all} files | count | such as |\n|---|---:|---|");
        for (outcome, (count, example)) in &self.0 {
            println!("| {outcome} | {count} | {example} |");
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// What becomes of a file, in words that are the same for files of one fate.
fn fate(path: &Path, read_header: ReadHeader, open: Open) -> String {
    let header = read_header(BufReader::new(File::open(path).unwrap()));
    let stack = match open(std::fs::read(path).unwrap()) {
        Ok(stack) => stack,
        Err(kind) => return refused("opening", &kind),
    };
    let header = header.unwrap_or_else(|kind| panic!("{}: opened, but its header: {kind}", path.display()));
    assert_eq!(header, stack.header(), "{}", path.display());
    for index in 0..header.count.min(IMAGES) {
        match stack.image(index) {
            Ok(image) => assert_eq!(image.geometry(), header.geometry, "{}", path.display()),
            Err(kind) => return refused("decoding", &kind),
        }
    }
    assert!(stack.image(header.count).is_err() || header.count == 1);
    "decoded".into()
}

fn refused(when: &str, kind: &ReadErrorKind) -> String {
    let words = kind.to_string();
    assert!(!words.contains('\n') && words.len() < 300, "{words}");
    // Figures differ from file to file and reasons do not.
    let words: String = words.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
    let mut short = String::new();
    for c in words.chars() {
        if c != '#' || !short.ends_with('#') {
            short.push(c);
        }
    }
    format!("{when}: {short}")
}

fn try_all(variable: &str, title: &str, read_header: ReadHeader, open: Open) {
    let Some(folder) = std::env::var_os(variable) else {
        println!("SKIPPED: {variable} names no folder");
        return;
    };
    let (mut table, mut bad) = (Table::default(), Vec::new());
    for path in files(Path::new(&folder)) {
        let (sender, receiver) = std::sync::mpsc::channel();
        let file = path.clone();
        std::thread::spawn(move || sender.send(fate(&file, read_header, open)));
        match receiver.recv_timeout(LIMIT) {
            Ok(outcome) => table.add(outcome, &path),
            // The thread panicked (its words are above) or still runs.
            Err(e) => bad.push(format!("{}: {e}", path.display())),
        }
    }
    table.print(title);
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn pictures_of_others() {
    try_all("IMGVEIL_CORPUS_PICTURES", "pictures", picture::header, picture::open);
}

#[test]
fn volumes_of_others() {
    let (header, open): (ReadHeader, Open) =
        (|reader| nifti::header(reader, &Reading::default()), |bytes| nifti::open(bytes, &Reading::default()));
    try_all("IMGVEIL_CORPUS_NIFTI", "volumes", header, open);
    let (header, open): (ReadHeader, Open) =
        (|reader| nifti::header(reader, &automatic()), |bytes| nifti::open(bytes, &automatic()));
    try_all("IMGVEIL_CORPUS_NIFTI", "volumes, automatic window", header, open);
}

fn automatic() -> Reading {
    Reading { window: Some(Window::Auto), ..Reading::default() }
}
