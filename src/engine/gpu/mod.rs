//! The GPU engine on wgpu. The kernels stay within WebGPU's default limits and need no features. The device is opened
//! with the features and limits of the adapter, because burn shares it.
//!
//! Images are packed bytes: four 8-bit samples or two 16-bit samples per word. Every image begins at a word.

pub mod adapter;
pub(crate) mod device;
pub(crate) mod dispatch;
pub(crate) mod kernel;
pub(crate) mod plan_tables;
pub(crate) mod program;
pub(crate) mod resident;
pub(crate) mod ring;
pub(crate) mod staging;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod streaming;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod timing;
pub(crate) mod traffic;

pub use device::Gpu;
pub use kernel::{Kernel, Variant};
pub use resident::Resident;
#[cfg(not(target_family = "wasm"))]
pub use streaming::Streaming;
#[cfg(not(target_family = "wasm"))]
pub use timing::{Copy, Timed};
pub use traffic::{Counts, Traffic};
