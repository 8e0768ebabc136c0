//! The command `imgveil` as a library.

mod command;
#[cfg(feature = "train")]
#[doc(hidden)]
pub mod demo;
mod error;
mod measure;
mod preview;
mod sheet;

pub use command::main;
