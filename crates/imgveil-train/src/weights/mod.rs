//! Weights in the safetensors format, under the names and in the layout of PyTorch's model collections
//! (`model/names`): read as initial weights, and written from a checkpoint.

mod export;
mod file;
mod layout;
#[cfg(test)]
mod tests;

pub(crate) use export::encode;
pub use export::{export_checkpoint, export_weights};
pub use file::Weights;
pub(crate) use layout::HostTensor;
