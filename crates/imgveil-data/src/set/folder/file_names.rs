//! Names of images by their files.

use crate::set::paths::{EXTENSIONS, stem};
use std::collections::{HashMap, HashSet};

/// The name of every file's image, and how many of them keep their ending.
///
/// A name is the path without the ending. Of files that differ in their endings alone, the first in the order of
/// [`EXTENSIONS`] has this name, and the others keep their endings: `x` and `x.jpg` for `x.png` and `x.jpg`. So a name
/// stays the same if a file of a later ending is added.
pub(super) fn unique(files: &[&[String]]) -> (Vec<String>, usize) {
    let paths: Vec<String> = files.iter().map(|parts| parts.join("/")).collect();
    let mut order: Vec<usize> = (0..paths.len()).collect();
    order.sort_by_key(|&file| (rank(&paths[file]), file));
    let mut taken: HashMap<&str, usize> = HashMap::with_capacity(paths.len());
    let mut twice: HashSet<usize> = HashSet::new();
    for &file in &order {
        if *taken.entry(stem(&paths[file])).or_insert(file) != file {
            twice.insert(file);
        }
    }
    // A whole path may be the path of another file without its ending: x.jpg and x.jpg.png.
    let mut again: Vec<usize> = twice.iter().copied().collect();
    while let Some(file) = again.pop() {
        if let Some(&other) = taken.get(paths[file].as_str())
            && twice.insert(other)
        {
            again.push(other);
        }
    }
    let name =
        |(file, path): (usize, &String)| if twice.contains(&file) { path.clone() } else { stem(path).to_owned() };
    (paths.iter().enumerate().map(name).collect(), twice.len())
}

/// The place of a file's ending in the list of endings. A file without one comes first.
fn rank(path: &str) -> usize {
    if stem(path) == path {
        return 0;
    }
    let ending = path.rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase());
    EXTENSIONS.iter().position(|extension| *extension == ending).map_or(EXTENSIONS.len(), |place| place + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str]) -> Vec<String> {
        let parts: Vec<Vec<String>> = files.iter().map(|file| file.split('/').map(str::to_owned).collect()).collect();
        unique(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>()).0
    }

    #[test]
    fn files_that_differ_in_their_endings_are_all_kept() {
        assert_eq!(names(&["a/x.png", "a/y.jpg", "b/x.jpg"]), ["a/x", "a/y", "b/x"]);
        assert_eq!(names(&["a/x.jpg", "a/x.png", "a/x.tif"]), ["a/x.jpg", "a/x", "a/x.tif"]);
        // Whatever is added behind, the first keeps its name.
        assert_eq!(names(&["x.png"]), ["x"]);
        assert_eq!(names(&["x.JPG", "x.jpeg", "x.jpg"]), ["x", "x.jpeg", "x.jpg"]);
        assert_eq!(names(&["x.jpg", "x.jpg.png", "x.png"]), ["x.jpg", "x.jpg.png", "x"]);
        assert_eq!(names(&["x", "x.png", "x.nii", "x.nii.gz"]), ["x", "x.png", "x.nii", "x.nii.gz"]);
    }
}
