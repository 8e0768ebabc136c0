//! The command `imgveil`, as a library: [`main`] is the whole of it.

mod command;
#[cfg(feature = "train")]
pub mod demo;
pub mod measure;
pub mod preview;
pub mod sheet;

pub use command::main;
