//! Names of files and folders around a set.

use std::path::{Path, PathBuf};

/// Whether a path names an `.npz` file rather than a folder.
pub fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"))
}

/// The folder of a file.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A path beside another one, whose name begins with that one's: `out.npz` and `names.csv` make `out.npz.names.csv`.
pub fn beside(path: &Path, what: &str) -> PathBuf {
    // `.` and `..` also have names when they are resolved.
    let named = matches!(path.components().next_back(), Some(std::path::Component::Normal(_)));
    let path = if named { path.to_owned() } else { path.canonicalize().unwrap_or_else(|_| path.to_owned()) };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}"));
    path.with_file_name(name)
}

/// The extensions of image formats.
pub(crate) const EXTENSIONS: [&str; 20] = [
    "png", "jpg", "jpeg", "tif", "tiff", "bmp", "dib", "webp", "pbm", "pgm", "ppm", "pnm", "pam", "dcm", "dicom",
    "ima", "nii", "gz", "jpe", "jfif",
];

/// A file's name without the extension of an image format. Other dots are part of the name: the names of DICOM objects
/// are numbers with dots.
pub(crate) fn stem(name: &str) -> &str {
    let cut = |name: &'_ str| name.rsplit_once('.').map(|(stem, end)| (stem.len(), end.to_ascii_lowercase()));
    match cut(name) {
        Some((length, end)) if end == "gz" => match cut(&name[..length]) {
            Some((length, end)) if end == "nii" => &name[..length],
            _ => name,
        },
        Some((length, end)) if EXTENSIONS.contains(&end.as_str()) && length > 0 => &name[..length],
        _ => name,
    }
}

/// Whether a path stays inside its starting folder.
pub(crate) fn is_inside(path: &str) -> bool {
    let inside = |part| matches!(part, std::path::Component::Normal(_));
    !path.is_empty() && Path::new(path).components().all(inside)
}

/// Whether a link leads out of a folder. A dangling link leads nowhere.
pub(super) fn leads_out(folder: &Path, link: &Path) -> bool {
    match (folder.canonicalize(), link.canonicalize()) {
        (Ok(folder), Ok(target)) => !target.starts_with(folder),
        (_, target) => target.is_ok(),
    }
}

/// Removes a file if it exists.
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
