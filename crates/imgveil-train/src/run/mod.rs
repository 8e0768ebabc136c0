//! Training runs as plain data: what a run is told, and how it is performed.

mod prepared;
mod spec;
mod step_memory;
mod texts;

pub use prepared::{Message, PreparedRun, run};
pub use spec::{DEVICE_MEMORY, RunSpec, SecretSource};
pub use step_memory::{Room, StepMemory, StepProbe, Unfit};
