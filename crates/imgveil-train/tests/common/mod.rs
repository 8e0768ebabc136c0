//! What tests of training need.
#![allow(dead_code)]

#[path = "../../../imgveil-data/tests/common/mod.rs"]
mod data;

pub use data::*;
