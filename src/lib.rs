//! Learnable image encryption on the GPU: scramble images with a secret key so that people cannot read them and a network
//! can still learn from them.
//!
//! These schemes hide images from eyes; they are not ciphers. [`Preset::about`] says what breaks each.

mod engine;
mod hex;
mod image;
mod key;
mod plan;
mod schedule;
mod scheme;
mod tables;

/// What the crates, tests, benchmarks and fuzzers of this project need beyond the public face. No part of it is stable.
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
    pub mod plan {
        pub use crate::plan::*;
    }
    pub mod schedule {
        pub use crate::schedule::*;
    }
    pub mod scheme {
        pub use crate::scheme::*;
    }
    pub mod tables {
        pub use crate::tables::*;
    }
}

pub use key::Key;
pub use scheme::Preset;
