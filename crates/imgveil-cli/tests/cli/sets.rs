//! Image sets and scheme files that several tests use.

use crate::common::sandbox::*;
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

/// A scheme file, with blocks of 4 and of 8.
pub const OWN: &str = include_str!("../../examples/scheme.toml");

/// The files of a set with splits and classes, in the order of their names, and the names of the outputs.
pub const SET: [(&str, &str); 6] = [
    ("test/b/deep/6.JPG", "test/b/deep/6.png"),
    ("train/a/IM-0115.1.PNG", "train/a/IM-0115.1.png"),
    ("train/a/x.jpg", "train/a/x.png"),
    ("train/b/1.jpeg", "train/b/1.png"),
    ("val/a/1.png", "val/a/1.png"),
    ("val/b/ü ö.png", "val/b/ü ö.png"),
];

pub fn set(sandbox: &Sandbox, colour: bool) {
    for ((name, _), seed) in SET.iter().zip(0..) {
        let name = format!("in/{name}");
        if colour {
            sandbox.picture(&name, rgb(16, 24, seed));
        } else {
            sandbox.picture(&name, grey(16, 24, seed));
        }
    }
}

/// Members of an array file: shape and one-byte data of the arrays, text of the rest.
pub fn npz(bytes: &[u8]) -> BTreeMap<String, (Vec<u64>, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut members = BTreeMap::new();
    for i in 0..zip.len() {
        let mut member = zip.by_index(i).unwrap();
        let (name, mut bytes) = (member.name().unwrap().into_owned(), Vec::new());
        member.read_to_end(&mut bytes).unwrap();
        let content = if name.ends_with(".npy") {
            let array = npyz::NpyFile::new(&bytes[..]).unwrap();
            (array.shape().to_vec(), array.into_vec::<u8>().unwrap())
        } else {
            (Vec::new(), bytes)
        };
        members.insert(name, content);
    }
    members
}

pub fn write_npz(members: &BTreeMap<String, (Vec<u64>, Vec<u8>)>) -> Vec<u8> {
    use npyz::WriterBuilder;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, (shape, data)) in members {
        zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape);
        let mut array = options.writer(&mut bytes).begin_nd().unwrap();
        array.extend(data.iter().copied()).unwrap();
        array.finish().unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
