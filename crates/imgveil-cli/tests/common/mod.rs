//! What tests of the command need.
#![allow(dead_code)]

#[path = "../../../imgveil-data/tests/common/mod.rs"]
mod data;
pub mod desk;
pub mod made;

pub use data::*;
