//! Image sets: formats, manifests, key files, and the jobs that encrypt, decrypt, verify, inspect and merge whole sets.

pub mod dataset;
pub mod job;
pub mod key_file;
pub mod npy;
pub mod tables_file;
