//! How a set is stored.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// How a set is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "lowercase")]
pub enum Encoding {
    /// A folder of PNG files.
    #[default]
    Png,
    /// A folder of JPEG files: smaller, and not exact.
    Jpeg {
        /// 1 to 100.
        quality: u8,
    },
    /// One `.npz` file in MedMNIST's layout.
    Npz,
    /// The same arrays as `.npy` files in a folder, which can be mapped into memory.
    Npy,
    /// WebDataset: shards, which are tar files.
    WebDataset {
        /// Images of one shard. The last shard of a split may have fewer.
        per_shard: u32,
    },
}

impl Encoding {
    /// The encoding that a path suggests: `.npz`, or else a folder of PNG files.
    pub fn of_path(path: &Path) -> Self {
        if super::paths::is_npz(path) { Self::Npz } else { Self::Png }
    }

    /// Whether images that are read back equal the images that were written.
    pub fn is_exact(self) -> bool {
        !matches!(self, Self::Jpeg { .. })
    }

    /// The file that holds an image. `path` is the image's path in the manifest, which for arrays and shards also names
    /// a position inside the file.
    pub fn file_of(self, path: &str) -> PathBuf {
        match self {
            Self::Npz | Self::Npy => {
                PathBuf::from(path.split_once('[').map_or(path, |(array, _)| array)).with_extension("npy")
            }
            Self::WebDataset { .. } => PathBuf::from(path.split_once('/').map_or(path, |(shard, _)| shard)),
            Self::Png | Self::Jpeg { .. } => PathBuf::from(path),
        }
    }

    /// Whether all images of a split are in one array and so must have one geometry.
    pub fn is_array(self) -> bool {
        matches!(self, Self::Npz | Self::Npy)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Png => f.write_str("png"),
            Self::Jpeg { quality } => write!(f, "jpeg of quality {quality}"),
            Self::Npz => f.write_str("npz"),
            Self::Npy => f.write_str("npy"),
            Self::WebDataset { per_shard } => write!(f, "webdataset with {per_shard} samples a shard"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_the_paths_of_their_images() {
        let shards = Encoding::WebDataset { per_shard: 2 };
        assert_eq!(shards.file_of("train-000000.tar/3f9a.png"), Path::new("train-000000.tar"));
        assert_eq!(Encoding::Npy.file_of("train_images[7]"), Path::new("train_images.npy"));
        assert_eq!(Encoding::Png.file_of("train/a[1].tar/b.png"), Path::new("train/a[1].tar/b.png"));
    }
}
