//! Sets of arrays in MedMNIST's layout: `{train,val,test}_images` (N x H x W or N x H x W x 3, unsigned, 8 or 16 bits)
//! and `{train,val,test}_labels` (N or N x 1, integers), or `images` and `labels` for a set that is not divided into
//! splits. The arrays are members of an `.npz` file (`npz`) or `.npy` files in a folder (`npy`). Large arrays stay
//! on disk.

pub(crate) mod archive;
mod array;
mod array_file;
mod labels;
mod layout;
pub(super) mod npy;
mod npy_sink;
pub(crate) mod npz;
mod npz_sink;
mod source;
mod written;

pub use npy_sink::NpySink;
pub use npz_sink::NpzSink;

pub(super) use layout::{file_name, images_name, labels_name};
pub(crate) use layout::{is_labels, labels_file, position};

#[cfg(test)]
mod tests;
