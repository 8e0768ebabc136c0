//! `imgveil.Key`.

use crate::errors::{Raise, error, of_data};
use imgveil_data::key_file;
use pyo3::exceptions::{PyTypeError, PyUserWarning};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::ffi::CString;
use std::path::PathBuf;
use zeroize::Zeroize;

/// A secret key: 32 random bytes, from which everything else is derived.
///
/// Whoever has the key can decrypt. It shows its fingerprint and never the secret, and it does not pickle unless
/// `allow_pickling` says so.
///
/// >>> import imgveil
/// >>> key = imgveil.Key.generate()
/// >>> len(key.fingerprint)
/// 16
/// >>> key == imgveil.Key.from_text(key.reveal())
/// True
#[pyclass(module = "imgveil", frozen)]
#[derive(Clone)]
pub struct Key {
    pub key: imgveil::Key,
    picklable: bool,
}

impl Key {
    /// The same key, but one that pickles.
    pub fn picklable(self) -> Self {
        Self { picklable: true, ..self }
    }
}

impl From<imgveil::Key> for Key {
    fn from(key: imgveil::Key) -> Self {
        Self { key, picklable: false }
    }
}

#[pymethods]
impl Key {
    /// A new key from random bytes of the operating system.
    #[staticmethod]
    fn generate(py: Python<'_>) -> PyResult<Self> {
        Ok(imgveil::Key::generate().raised(py)?.into())
    }

    /// A key from its 32 secret bytes.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, secret: &[u8]) -> PyResult<Self> {
        let mut bytes: [u8; 32] = secret.try_into().map_err(|_| {
            error(py, "InvalidKeyError", "key", &format!("a key has 32 bytes, and {} were given", secret.len()))
        })?;
        let key = imgveil::Key::from_bytes(bytes);
        bytes.zeroize();
        Ok(key.into())
    }

    /// A key from the text of a key file, or from its secret line alone.
    #[staticmethod]
    fn from_text(py: Python<'_>, text: &str) -> PyResult<Self> {
        Ok(imgveil::Key::parse(text.as_bytes()).raised(py)?.into())
    }

    /// Reads a key file, with its `passphrase` if it is sealed with one. Warns if other users can read it.
    #[staticmethod]
    #[pyo3(signature = (path, *, passphrase = None))]
    fn load(py: Python<'_>, path: PathBuf, passphrase: Option<&str>) -> PyResult<Self> {
        let sealed = py.import("imgveil._sealed")?.call_method1("opened", (&path, passphrase))?;
        if let Some(text) = sealed.extract::<Option<String>>()? {
            return Self::from_text(py, &text);
        }
        let loaded = py.detach(|| key_file::load(&path)).map_err(|e| of_data(py, &e, "InvalidKeyError"))?;
        warn(py, loaded.warning)?;
        Ok(loaded.key.into())
    }

    /// Writes the key to a new file that only its owner can read (mode 0600). A file that exists is never overwritten:
    /// `imgveil.ExistingFileError`, which is a `FileExistsError`.
    ///
    /// With a `passphrase` the file is sealed with it, in the format of the program `age`, by the package `pyrage`. The
    /// command `imgveil` and `age --decrypt` open it too.
    #[pyo3(signature = (path, *, passphrase = None))]
    fn save(&self, py: Python<'_>, path: PathBuf, passphrase: Option<&str>) -> PyResult<()> {
        if let Some(passphrase) = passphrase {
            let sealed = py.import("imgveil._sealed")?;
            let created: String = sealed.call_method0("created")?.extract()?;
            let text = self.key.to_text(&created);
            return sealed.call_method1("save", (text.as_str(), path, passphrase)).map(drop);
        }
        py.detach(|| key_file::save(&self.key, &path)).map_err(|e| of_data(py, &e, "InvalidKeyError"))
    }

    /// The key's public name: 16 hex digits, safe to print and to publish.
    #[getter]
    fn fingerprint(&self) -> String {
        self.key.fingerprint().to_string()
    }

    /// The secret itself, as the line of a key file. Do not print or log it.
    fn reveal(&self) -> String {
        self.key.to_bech32().to_string()
    }

    /// The same key, but one that pickles, for worker processes. Its secret is then part of what is pickled. Safer:
    /// give workers the path of a key file that they can read.
    fn allow_pickling(&self) -> Self {
        self.clone().picklable()
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, (String,))> {
        if !self.picklable {
            return Err(secret_stays("key"));
        }
        Ok((py.get_type::<Self>().getattr("_unpickled")?.unbind(), (self.reveal(),)))
    }

    #[staticmethod]
    fn _unpickled(py: Python<'_>, text: &str) -> PyResult<Self> {
        Ok(Self::from_text(py, text)?.allow_pickling())
    }

    // Keys never change, so a copy is the key itself, and copying does not pickle.
    fn __copy__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: PyRef<'py, Self>, _memo: &Bound<'py, PyAny>) -> PyRef<'py, Self> {
        slf
    }

    fn __eq__(&self, other: &Self) -> bool {
        // The whole of both secrets, through a hash, so that the time it takes tells nothing about them.
        *self.key.derive(EQUALITY, b"") == *other.key.derive(EQUALITY, b"")
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        PyBytes::new(py, self.fingerprint().as_bytes()).hash()
    }

    fn __repr__(&self) -> String {
        format!("<imgveil.Key {}>", self.fingerprint())
    }
}

const EQUALITY: &str = "imgveil python 2026 equality of keys";

/// Why a secret does not pickle.
pub fn secret_stays(what: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "a {what} does not pickle, because the secret would be in the pickle: give other processes the path of a key \
         file, or make it from key.allow_pickling()"
    ))
}

/// Issues a warning of the libraries.
///
/// # Errors
/// When warnings are errors.
pub fn warn(py: Python<'_>, warning: Option<String>) -> PyResult<()> {
    let Some(text) = warning else { return Ok(()) };
    let text = CString::new(text).unwrap_or_default();
    PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 1)
}

/// The secret that an argument means: a `Key`, `Tables`, a dictionary of arrays, or the path of a key file.
///
/// # Errors
/// When it is none of these, or the file holds no key.
pub fn secret(argument: &Bound<'_, PyAny>) -> PyResult<(imgveil::Secret, bool)> {
    let py = argument.py();
    if let Ok(key) = argument.cast::<Key>() {
        return Ok((key.get().key.clone().into(), key.get().picklable));
    }
    if let Ok(tables) = argument.cast::<crate::tables::Tables>() {
        return Ok((tables.get().tables.clone().into(), false));
    }
    if let Ok(arrays) = argument.cast::<pyo3::types::PyDict>() {
        return Ok((crate::tables::Tables::new(arrays)?.tables.into(), false));
    }
    if let Ok(path) = argument.extract::<PathBuf>() {
        return Ok((Key::load(py, path, None)?.key.into(), false));
    }
    let text = format!(
        "a key is an imgveil.Key, an imgveil.Tables, a dictionary of tables or the path of a key file, not {}",
        argument.get_type().name()?
    );
    Err(PyTypeError::new_err(text))
}
