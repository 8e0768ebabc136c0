//! `imgveil.Scheme`.

use crate::errors::{Raise, error};
use imgveil::internal::scheme::{LONGEST_SCHEME, PRESETS};
use imgveil_data::regular_file;
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use std::io::Read;
use std::path::{Path, PathBuf};

/// An encryption scheme: a preset's name and its options, such as `Scheme("ele block=4")`.
///
/// `imgveil.presets()` lists the presets. `Scheme.load` reads a scheme of your own from a TOML file.
///
/// >>> import imgveil
/// >>> scheme = imgveil.Scheme("shuffle-flip block=4 scramble")
/// >>> scheme.name, scheme.has_inverse, scheme.keyed_per_image
/// ('shuffle-flip', True, False)
/// >>> scheme.stages[0]
/// 'pixel-shuffling block=4x4 key=shared'
#[pyclass(module = "imgveil", frozen)]
pub struct Scheme {
    pub scheme: imgveil::Scheme,
}

#[pymethods]
impl Scheme {
    /// The scheme of a text: a preset's name and its options.
    #[new]
    fn new(py: Python<'_>, text: &str) -> PyResult<Self> {
        Ok(Self { scheme: text.parse().raised(py)? })
    }

    /// The scheme of a TOML file (docs/encrypting.md, "A scheme of your own").
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let mut text = Vec::new();
        // One byte more than a scheme may have, so that a larger file is refused without reading all of it.
        let limit = LONGEST_SCHEME as u64 + 1;
        regular_file::open_named(&path).and_then(|file| file.take(limit).read_to_end(&mut text)).map_err(|source| {
            let (class, kind) = match source.kind() {
                std::io::ErrorKind::NotFound => ("MissingFileError", "not_found"),
                _ => ("FileError", "io"),
            };
            error(py, class, kind, &format!("cannot read the scheme file {}: {source}", path.display()))
        })?;
        let file = path.file_name().map(Path::new).unwrap_or(&path).display().to_string();
        Ok(Self { scheme: imgveil::Scheme::from_toml(&text, &file).raised(py)? })
    }

    #[staticmethod]
    fn _from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        let scheme =
            serde_json::from_str(text).map_err(|e| error(py, "SchemeError", "scheme", &format!("no scheme: {e}")))?;
        Ok(Self { scheme })
    }

    fn _to_json(&self, py: Python<'_>) -> PyResult<String> {
        serde_json::to_string(&self.scheme).map_err(|e| error(py, "SchemeError", "scheme", &e.to_string()))
    }

    /// The preset's name, or that of a scheme of your own.
    #[getter]
    fn name(&self) -> &str {
        &self.scheme.name
    }

    /// The stages in the order in which they encrypt, as texts.
    #[getter]
    fn stages(&self) -> Vec<String> {
        self.scheme.stages.iter().map(ToString::to_string).collect()
    }

    /// The block that the scheme works on, (height, width), or None.
    #[getter]
    fn block(&self) -> Option<(u32, u32)> {
        self.scheme.block().map(|block| (block.height, block.width))
    }

    /// Height and width of images must be multiples of these: (height, width).
    #[getter]
    fn tile(&self) -> (u32, u32) {
        let tile = self.scheme.tile();
        (tile.height, tile.width)
    }

    /// Whether what it encrypted can be decrypted with the key.
    #[getter]
    fn has_inverse(&self) -> bool {
        self.scheme.has_inverse()
    }

    /// Whether every image has a key of its own, drawn from its name and its pixels.
    #[getter]
    fn keyed_per_image(&self) -> bool {
        self.scheme.keyed_per_image()
    }

    /// Whether it mixes several images into one.
    #[getter]
    fn mixes(&self) -> bool {
        self.scheme.mixes()
    }

    /// The name and the stages, for people.
    fn describe(&self) -> String {
        self.scheme.describe()
    }

    fn __richcmp__(&self, other: &Self, compare: CompareOp, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let equal = self.scheme == other.scheme;
        match compare {
            CompareOp::Eq => Ok(equal.into_pyobject(py)?.to_owned().into_any().unbind()),
            CompareOp::Ne => Ok((!equal).into_pyobject(py)?.to_owned().into_any().unbind()),
            _ => Ok(py.NotImplemented()),
        }
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        pyo3::types::PyString::new(py, &self.scheme.describe()).hash()
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, (String,))> {
        Ok((py.get_type::<Self>().getattr("_from_json")?.unbind(), (self._to_json(py)?,)))
    }

    fn __str__(&self) -> String {
        self.scheme.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<imgveil.Scheme {}>", self.scheme)
    }
}

/// The scheme that an argument means: a `Scheme`, or its text.
///
/// # Errors
/// When it is none.
pub fn of(argument: &Bound<'_, PyAny>) -> PyResult<imgveil::Scheme> {
    if let Ok(scheme) = argument.cast::<Scheme>() {
        return Ok(scheme.get().scheme.clone());
    }
    match argument.extract::<String>() {
        Ok(text) => text.parse().raised(argument.py()),
        Err(_) => {
            let found = argument.get_type().name()?;
            Err(PyTypeError::new_err(format!("a scheme is an imgveil.Scheme or its text, not {found}")))
        }
    }
}

/// The names of the schemes of the literature, for `Scheme`.
///
/// >>> import imgveil
/// >>> "ele" in imgveil.presets()
/// True
#[pyfunction]
pub fn presets() -> Vec<&'static str> {
    PRESETS.iter().map(|preset| preset.name()).collect()
}
