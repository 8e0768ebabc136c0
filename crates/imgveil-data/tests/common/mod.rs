//! What tests of image sets need.
#![allow(dead_code)]

#[path = "../../../../tests/common/mod.rs"]
mod core;
#[path = "../../../imgveil-cli/src/phantom/mod.rs"]
pub mod phantom;

pub use core::*;
use imgveil::internal::image::Image;
use imgveil_data::format::picture::encode_png;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A tree of PNG files, one for each name.
pub fn write_tree(folder: &Path, images: impl IntoIterator<Item = (String, Image)>) {
    for (name, image) in images {
        let path = folder.join(format!("{name}.png"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, encode_png(&image).unwrap()).unwrap();
    }
}

/// Files of a tree, by their names below it.
pub fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    files.map(|file| (name(file.path()), std::fs::read(file.path()).unwrap())).collect()
}

/// The real images that developers have beside the checkout; strangers have none, and then a line says so.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.exists() {
        say_skipped(&format!("the part on real images: {name} is not here"));
        return None;
    }
    Some(path)
}
