//! Helpers for tests of the command.
#![allow(dead_code, unused_imports)]

pub mod bounded;
pub mod crafted_files;
#[path = "../../../imgveil-data/tests/common/mod.rs"]
mod data;
pub mod sandbox;

pub use data::*;
