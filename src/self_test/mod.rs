//! The self-test of a device: whether an adapter and its driver compute the right bits.
//!
//! Each check has a file. Checks compare the device with known answers that an independent program made, and with the
//! CPU engine. Training on the device has checks of its own in imgveil-train.
//!
//! The known answers are there in a browser too, where nothing may block: who runs them there awaits each batch.

mod answers;
#[cfg(not(target_family = "wasm"))]
mod checks;
#[cfg(not(target_family = "wasm"))]
mod compare;
#[cfg(not(target_family = "wasm"))]
mod draws;
#[cfg(not(target_family = "wasm"))]
mod fault;
#[cfg(not(target_family = "wasm"))]
mod floats;
#[cfg(not(target_family = "wasm"))]
mod known;
#[cfg(not(target_family = "wasm"))]
mod mixtures;
#[cfg(not(target_family = "wasm"))]
mod per_image;
#[cfg(not(target_family = "wasm"))]
mod programs;
#[cfg(all(feature = "gpu", not(target_family = "wasm")))]
mod sets;
#[cfg(all(feature = "gpu", not(target_family = "wasm")))]
mod traffic;
#[cfg(not(target_family = "wasm"))]
mod under_way;

pub use answers::{ANSWERS, Answer, answers};
#[cfg(not(target_family = "wasm"))]
pub use checks::{CHECKS, Check};
#[cfg(not(target_family = "wasm"))]
pub use compare::Extent;
#[cfg(not(target_family = "wasm"))]
pub use fault::Fault;
