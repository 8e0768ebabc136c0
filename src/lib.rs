//! Learnable image encryption on the GPU: scramble an image set with a secret key so that people cannot read it and a
//! network can still learn from it, and train on it without the pixels leaving the device.
//!
//! These schemes hide images from eyes; they are not ciphers. [`scheme::Preset::about`] says what breaks each.
//!
//! The rooms, from the ground up (a room uses only those before it): [`image`], [`key`], [`schedule`], [`plan`], [`tables`],
//! [`scheme`], [`engine`]; these also compile for a browser. Then `dataset`, `job`, `measure`, `report`, `preview`, `train` and `study` (feature `train`).
//! ARCHITECTURE.md tells the way of the data through them.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod engine;
pub mod hex;
pub mod image;
pub mod key;
pub mod plan;
pub mod schedule;
pub mod scheme;
pub mod tables;

// What a browser lacks: files, threads, a terminal.
#[cfg(not(target_family = "wasm"))]
pub mod dataset;
#[cfg(feature = "train")]
pub mod demo;
#[cfg(not(target_family = "wasm"))]
pub mod job;
#[cfg(not(target_family = "wasm"))]
pub mod measure;
#[cfg(not(target_family = "wasm"))]
pub mod npy;
#[cfg(not(target_family = "wasm"))]
pub mod preview;
#[cfg(not(target_family = "wasm"))]
pub mod report;
#[cfg(feature = "train")]
pub mod study;
#[cfg(feature = "train")]
pub mod train;
