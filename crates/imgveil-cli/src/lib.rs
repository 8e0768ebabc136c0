//! The command `imgveil` as a library: [`main`] for its binary, [`main_of`] for processes that another program started
//! for it, such as a Python console script, and [`run`] for programs that go on.

mod args;
mod attack;
mod audit;
mod command;
#[cfg(feature = "train")]
#[doc(hidden)]
pub mod demo;
mod error;
mod evaluate;
mod exit;
mod guard;
mod measure;
mod output;
mod passphrase;
#[doc(hidden)]
pub mod phantom;
mod preview;
mod scheme_file;
mod secret;
mod sheet;
#[cfg(feature = "train")]
mod watched;

pub use command::{main, main_of, run};
