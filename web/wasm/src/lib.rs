//! imgveil in the browser. The page in `web/page` runs this in a worker: the worker reads the files that the user
//! chose, encrypts them on the GPU by WebGPU or on the CPU, and packs the set into a zip file. Nothing is sent
//! anywhere.
//!
//! - [`input`]: the files of the user, as images or as an encrypted set.
//! - [`archive`]: zip files, read and written.
//! - [`request`]: what the page asks for, as JSON.
//! - [`schemes`]: what the page shows of schemes.
//! - [`checks`]: known answers and speed.
//! - [`words`]: errors in the words of the page.
//! - `browser`: the face towards JavaScript, which exists in a browser only.

pub mod archive;
pub mod checks;
pub mod input;
pub mod request;
pub mod schemes;
pub mod words;

#[cfg(target_family = "wasm")]
mod browser;
