//! Brings an encrypted set up to date with its input: new and changed images are encrypted, all others stay as they
//! were sent. Key, scheme, options and salt are those of the set.

mod commit;
mod compare;
mod layout;
mod lines;
mod looked;
mod request;
mod run;
mod write;

pub use request::{Update, UpdateRequest};
pub use run::UpdateRun;
