//! Training runs as plain data: what a run is told, and how it is performed.

mod prepared;
mod spec;
mod texts;

pub use prepared::{Message, PreparedRun, run};
pub use spec::{DEVICE_MEMORY, RunSpec, SecretSource};
