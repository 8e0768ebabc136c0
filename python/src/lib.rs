//! The native part of the Python package `imgveil`: keys, schemes, ciphers and sets on numpy arrays. The Python sources
//! beside it, in `imgveil/`, hold what needs no speed.
//!
//! Everything that computes or reads files runs without the interpreter's lock, on the threads of [`threads`].

#[cfg(target_endian = "big")]
compile_error!("samples of 16 bits are handed over as they lie in memory, the less significant byte first");

mod arrays;
mod cipher;
#[cfg(feature = "command")]
mod command;
mod device;
mod errors;
mod key;
mod scheme;
mod set;
mod tables;
mod threads;

use pyo3::prelude::*;

/// What `imgveil/__init__.py` shows under its own name.
#[pymodule]
fn _imgveil(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("has_command", cfg!(feature = "command"))?;
    module.add_class::<key::Key>()?;
    module.add_class::<tables::Tables>()?;
    module.add_class::<scheme::Scheme>()?;
    module.add_class::<device::Device>()?;
    module.add_class::<cipher::Cipher>()?;
    module.add_class::<set::Set>()?;
    module.add_function(wrap_pyfunction!(scheme::presets, module)?)?;
    module.add_function(wrap_pyfunction!(device::adapters, module)?)?;
    module.add_function(wrap_pyfunction!(device::check, module)?)?;
    #[cfg(feature = "command")]
    module.add_function(wrap_pyfunction!(command::run_command, module)?)?;
    threads::after_forks(module)
}
