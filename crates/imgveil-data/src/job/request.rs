//! The requests of the jobs, as plain data.

use super::partition::Partition;
use crate::Memory;
use crate::format::ReadOptions;
use crate::set::names::Naming;
use crate::set::{Encoding, Resize};
use imgveil::internal::scheme::{Scheme, Secret};
use imgveil::internal::sealed::Salt;
use serde::Serialize;
use std::path::PathBuf;

/// What to encrypt, and how.
#[derive(Clone, Debug)]
pub struct EncryptRequest {
    /// A set that [`open_with`](crate::set::open_with) opens.
    pub input: PathBuf,
    /// A folder that does not exist or is empty, or an `.npz` file that does not exist.
    pub output: PathBuf,
    /// The key, or tables that replace a key.
    pub secret: Secret,
    /// The scheme.
    pub scheme: Scheme,
    /// All other choices.
    pub options: EncryptOptions,
}

/// What may be chosen about an encryption.
#[derive(Clone, Debug, Default)]
pub struct EncryptOptions {
    /// How images are brought to a size that the scheme's blocks tile.
    pub resize: Resize,
    /// How the input is read, and how much memory may be used.
    pub read: ReadOptions,
    /// Which names the output contains.
    pub naming: Naming,
    /// The file of names that says which image is which. `None` means `OUT.names.csv`.
    pub names: Option<PathBuf>,
    /// How the output is stored. `None` means the encoding that the output's name suggests.
    pub encoding: Option<Encoding>,
    /// The partition of the set that this process works on. `None` means the whole set.
    pub partition: Option<Partition>,
    /// Open a set that was completed before to add the images that it lacks.
    pub retry_failed: bool,
    /// The key was drawn for this run and is kept nowhere, so that nobody can decrypt the set. The manifest says so.
    /// The scheme must have a key for every image.
    pub forgets_key: bool,
    /// The salt of the set, to write the same bytes as an earlier run. `None` means that of what is there already, or a
    /// new one. Two sets of one salt can be linked.
    pub salt: Option<Salt>,
}

/// What to decrypt, and how.
#[derive(Clone, Debug)]
pub struct DecryptRequest {
    /// An encrypted set.
    pub input: PathBuf,
    /// A folder that does not exist or is empty, or an `.npz` file that does not exist.
    pub output: PathBuf,
    /// The key or tables that the set was encrypted with.
    pub secret: Secret,
    /// All other choices.
    pub options: DecryptOptions,
}

/// What may be chosen about a decryption.
#[derive(Clone, Debug, Default)]
pub struct DecryptOptions {
    /// How the output is stored. `None` means the encoding that the output's name suggests.
    pub encoding: Option<Encoding>,
    /// The file of names that was written with the set. With it, images and classes get their names back.
    pub names: Option<PathBuf>,
    /// Files that only their owner may read (mode 0600). Otherwise the user's umask decides.
    pub private: bool,
    /// How much memory may be used.
    pub memory: Memory,
}

/// What to verify, and how thoroughly.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// An encrypted set.
    pub input: PathBuf,
    /// The key or tables that the set was encrypted with. With it, every image is decrypted too.
    pub secret: Option<Secret>,
    /// Which images to check. `None` means all of them.
    pub spot_check: Option<SpotCheck>,
    /// How much memory may be used.
    pub memory: Memory,
}

/// A check of some images only: every `of`th one, beginning with number `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SpotCheck {
    /// One image of this many is checked.
    pub of: usize,
    /// The number of the first image that is checked.
    pub first: usize,
}

impl SpotCheck {
    /// Whether image `index` is checked.
    pub fn includes(self, index: usize) -> bool {
        let of = self.of.max(1);
        index % of == self.first % of
    }
}
