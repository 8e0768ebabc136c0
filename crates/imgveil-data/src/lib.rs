//! Image sets for imgveil: formats, manifests, files of keys and tables, and the jobs that encrypt, decrypt, verify,
//! inspect and merge whole sets.
//!
//! - [`job`]: operations on a whole set. Start here.
//! - [`set`]: sets, with one folder for each form in which they are stored: folders of files, arrays, WebDataset
//!   shards.
//! - [`mod@format`]: formats of single files: pictures, DICOM, NIfTI.
//! - [`burnt_in`]: text in pixels: finding what looks like it, and blanking it.
//! - [`key_file`], [`tables_file`]: the secret on disk.
//!
//! # Example
//!
//! Encrypt a folder of images, and decrypt it again:
//!
//! ```
//! use imgveil::internal::engine::{Device, DeviceChoice};
//! use imgveil::internal::key::Key;
//! use imgveil::internal::scheme::{Options, Preset};
//! use imgveil_data::{DecryptOptions, DecryptRequest, DecryptRun, EncryptOptions, EncryptRequest, EncryptRun};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let [images, encrypted, back] = ["images", "encrypted", "back"].map(|name| folder.path().join(name));
//! std::fs::create_dir(&images)?;
//! let image = imgveil::internal::image::Image::new("8x8x1".parse()?, (0..64).collect()).ok_or("64 samples")?;
//! std::fs::write(images.join("a.png"), imgveil_data::format::picture::encode_png(&image)?)?;
//!
//! let key = Key::generate()?;
//! let device = Device::open(&DeviceChoice::Cpu)?;
//! let request = EncryptRequest {
//!     input: images,
//!     output: encrypted.clone(),
//!     secret: key.clone().into(),
//!     scheme: Preset::ShuffleFlip.scheme(Options::default())?,
//!     options: EncryptOptions::default(),
//! };
//! let summary = EncryptRun::new(request, device.clone()).run()?;
//! assert_eq!((summary.images, summary.failed.len()), (1, 0));
//!
//! // The encrypted set has a neutral name for the image. The file of names beside the set gives the old one back.
//! let options = DecryptOptions { names: summary.names, ..DecryptOptions::default() };
//! let request = DecryptRequest { input: encrypted, output: back.clone(), secret: key.into(), options };
//! DecryptRun::new(request, device).run()?;
//! assert_eq!(imgveil_data::open(&back)?.source.read(0)?, image);
//! assert!(back.join("a.png").exists());
//! # Ok(())
//! # }
//! ```

// A browser has neither threads nor files. What needs them is left out there, and what only that uses lies idle.
#![cfg_attr(target_family = "wasm", allow(dead_code, unused_imports))]

mod abandoned;
pub mod burnt_in;
mod error;
pub mod format;
pub mod job;
#[doc(hidden)]
pub mod json_limits;
pub mod key_file;
pub mod limits;
mod memory;
mod offset_io;
mod passphrase;
mod private_file;
#[doc(hidden)]
pub mod process_memory;
#[doc(hidden)]
pub mod regular_file;
mod sealed;
mod secret_error;
pub mod set;
mod stamp;
pub mod tables_file;
mod text;

pub use error::{Detail, Error, ErrorKind};
pub use job::{
    DecryptOptions, DecryptRequest, EncryptOptions, EncryptRequest, NoProgress, Partition, Progress, Summary,
    VerifyRequest, inspect, merge, preflight,
};
#[cfg(not(target_family = "wasm"))]
pub use job::{DecryptRun, EncryptRun, VerifyRun};
pub use memory::{Memory, OutOfMemory, workers};
#[doc(hidden)]
pub use memory::{Size, available_now, set_workers};
pub use set::{Encoding, Item, Manifest, Opened, Source, Split, open};
