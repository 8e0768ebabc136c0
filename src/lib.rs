//! Learnable image encryption on the GPU: scramble images with a secret key so that people cannot read them and a
//! network can still learn from them.
//!
//! These schemes hide images from eyes; they are not ciphers. If a scheme uses one key for all images, an attacker can
//! break it with nothing but encrypted images of one key and size. [`Preset::about`] says what is known about each
//! scheme.
//!
//! A [`Scheme`], a [`Key`], the [`Geometry`] of the images and a [`Device`] make a [`Cipher`]:
//!
//! ```
//! use imgveil::{Cipher, Device, Geometry, Images, Key};
//!
//! # fn main() -> Result<(), imgveil::Error> {
//! let device = Device::cpu(); // Device::open(&DeviceChoice::Auto)? takes a GPU where there is one
//! let scheme = "shuffle-flip block=4".parse()?;
//! let cipher = Cipher::new(&scheme, Key::generate()?, Geometry::new(224, 224, 3)?, &device)?;
//!
//! let images = Images::new(cipher.geometry(), ["a.png", "b.png"], vec![128; 2 * 224 * 224 * 3])?;
//! let encrypted = cipher.encrypt(&images)?;
//! assert_ne!(encrypted.samples(), images.samples());
//! assert_eq!(cipher.decrypt(&encrypted)?, images);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! - `gpu` (default): devices of Vulkan, Metal, DX12 and WebGPU, by wgpu.
//! - `threads` (default): the CPU engine works on all cores.
//!
//! # Waiting
//!
//! Every wait for a device has a time limit ([`Device::set_time_limit`]). Blocking methods do not exist in a browser;
//! await [`Device::open_later`] and [`Cipher::submit`] there.

mod cipher;
mod engine;
mod error;
mod hex;
mod image;
mod images;
mod key;
mod plain;
mod plan;
mod schedule;
mod scheme;
mod sealed;
mod self_test;
mod tables;

pub use cipher::{Cipher, Job};
pub use engine::{Device, DeviceChoice};
pub use error::{Error, ErrorKind};
pub use image::{Augmentation, Depth, Geometry, Image};
pub use images::{Encrypted, Images};
pub use key::{Fingerprint, Key};
pub use schedule::ImageId;
pub use scheme::{Block, Epsilon, KeyScope, Options, Preset, Radius, Scheme, Secret, Statistic};
pub use tables::Tables;

/// Items that the other crates, the tests, the benchmarks and the fuzzers of this project need. None of them is stable.
#[doc(hidden)]
#[allow(missing_docs)]
pub mod internal {
    pub mod engine {
        pub use crate::engine::*;
    }
    pub mod hex {
        pub use crate::hex::*;
    }
    pub mod image {
        pub use crate::image::*;
    }
    pub mod key {
        pub use crate::key::*;
    }
    pub mod plain {
        pub use crate::plain::*;
    }
    pub mod plan {
        pub use crate::plan::*;
    }
    pub mod schedule {
        pub use crate::schedule::*;
    }
    pub mod scheme {
        pub use crate::scheme::*;
    }
    pub mod sealed {
        pub use crate::sealed::*;
    }
    pub mod self_test {
        pub use crate::self_test::*;
    }
    pub mod tables {
        pub use crate::tables::*;
    }
}
