//! `imgveil.Tables`: written-out keys as numpy arrays.

use crate::errors::{Raise, error, of_data};
use crate::key::{Key, secret_stays, warn};
use imgveil::internal::tables::Array;
use imgveil_data::tables_file;
use numpy::{PyArray1, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A written-out key: named arrays of integers, such as the permutations and signs of published code.
///
/// `Tables({"perm": ..., "flip": ...})` makes it from arrays, `Cipher.tables()` and `Tables.export` from a key. A
/// `Cipher` takes tables in place of a key. They are as secret as a key.
///
/// >>> import imgveil, numpy as np
/// >>> key = imgveil.Key.generate()
/// >>> tables = imgveil.Tables.export("shuffle-flip block=4", key, (8, 8, 3))
/// >>> {name: array.shape for name, array in tables.arrays().items()}
/// {'flip': (48,), 'perm': (48,), 'plan': (192,), 'plan_bits': ()}
/// >>> images = np.zeros((2, 8, 8, 3), np.uint8)
/// >>> of_tables = imgveil.Cipher("shuffle-flip block=4", tables, (8, 8, 3)).encrypt(images)
/// >>> of_key = imgveil.Cipher("shuffle-flip block=4", key, (8, 8, 3)).encrypt(images)
/// >>> np.array_equal(of_tables, of_key)
/// True
#[pyclass(module = "imgveil", frozen)]
pub struct Tables {
    pub tables: imgveil::Tables,
}

#[pymethods]
impl Tables {
    /// Tables of these arrays: a dictionary of names and integers from 0 to 2^32 - 1. An array `salt` (32 integers from
    /// 0 to 255) is their salt.
    #[new]
    pub fn new(arrays: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = arrays.py();
        let mut read = BTreeMap::new();
        for (name, array) in arrays.iter() {
            let name: String = name.extract()?;
            let array = integers(py, &name, &array)?;
            read.insert(name, array);
        }
        let tables =
            imgveil::Tables::from_file(read).map_err(|e| error(py, "TablesError", "tables", &e.to_string()))?;
        Ok(Self { tables })
    }

    /// The tables of what `key` gives `scheme` for images of `shape`, (H, W, C) or (H, W), under their published names
    /// (docs/SCHEDULE.md). Where the scheme is one gather, `plan` holds it: for each element of the output its source
    /// in bits 0 to 30, and whether it is flipped in bit 31.
    #[staticmethod]
    #[pyo3(signature = (scheme, key, shape, *, depth = 8))]
    fn export(
        py: Python<'_>,
        scheme: &Bound<'_, PyAny>,
        key: &Key,
        shape: &Bound<'_, PyAny>,
        depth: u32,
    ) -> PyResult<Self> {
        let scheme = crate::scheme::of(scheme)?;
        let geometry = crate::arrays::geometry(shape, depth)?;
        let tables = exported(py, &scheme, &key.key, geometry)?;
        Ok(Self { tables })
    }

    /// Reads a file of tables, `.npz` or JSON. Warns if other users of the machine can read it.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let loaded = py.detach(|| tables_file::load(&path)).map_err(|e| of_data(py, &e, "TablesError"))?;
        warn(py, loaded.warning)?;
        Ok(Self { tables: loaded.tables })
    }

    /// Writes the tables to a new file that only its owner can read, `.npz` or `.json`. A file that exists is never
    /// overwritten.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| tables_file::save(&self.tables, &path)).map_err(|e| of_data(py, &e, "TablesError"))
    }

    /// The arrays by their names, as copies of type uint32.
    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let arrays = PyDict::new(py);
        for (name, array) in self.tables.written() {
            if name != imgveil::internal::tables::SALT {
                arrays.set_item(name, numpy_array(py, &array)?)?;
            }
        }
        Ok(arrays)
    }

    /// The fingerprint of the secret that is derived from the tables.
    #[getter]
    fn fingerprint(&self) -> String {
        self.tables.key().fingerprint().to_string()
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(secret_stays("table of a key"))
    }

    fn __copy__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: PyRef<'py, Self>, _memo: &Bound<'py, PyAny>) -> PyRef<'py, Self> {
        slf
    }

    fn __repr__(&self) -> String {
        format!("<imgveil.Tables {}>", self.fingerprint())
    }
}

/// The tables of a key, with the salt that the key gives them.
///
/// # Errors
/// When the scheme has no tables, or does not fit the geometry.
pub fn exported(
    py: Python<'_>,
    scheme: &imgveil::Scheme,
    key: &imgveil::Key,
    geometry: imgveil::Geometry,
) -> PyResult<imgveil::Tables> {
    let made = crate::threads::run(py, || imgveil::internal::scheme::export(scheme, key, geometry));
    Ok(made.raised(py)?.with_salt_of(key))
}

/// An array of numpy, or what numpy makes one of.
fn integers(py: Python<'_>, name: &str, given: &Bound<'_, PyAny>) -> PyResult<Array> {
    let numpy = py.import("numpy")?;
    let refused = |why: &str| {
        let text = format!("array `{}`: {why}", crate::errors::quoted(name));
        error(py, "TablesError", "tables", &text)
    };
    let array = numpy.call_method1("asarray", (given,))?;
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    if !matches!(kind.as_str(), "i" | "u" | "b") {
        let dtype = array.getattr("dtype")?.str()?;
        return Err(refused(&format!("tables hold integers, and this is an array of {dtype}")));
    }
    let shape: Vec<u32> = array.getattr("shape")?.extract().map_err(|_| refused("it has too many values"))?;
    let flat = array.call_method1("reshape", (-1,))?;
    if flat.len()? > 0 {
        let (low, high): (i128, i128) = (flat.call_method0("min")?.extract()?, flat.call_method0("max")?.extract()?);
        if low < 0 || high > i128::from(u32::MAX) {
            return Err(refused("its values are not all from 0 to 4294967295"));
        }
    }
    let flat = flat.call_method1("astype", ("uint32",))?;
    let values = flat.cast::<PyArray1<u32>>()?.to_vec()?;
    Array::new(shape, values).map_err(|e| refused(&e.to_string()))
}

fn numpy_array<'py>(py: Python<'py>, array: &Array) -> PyResult<Bound<'py, PyAny>> {
    let flat = PyArray1::from_slice(py, array.values());
    debug_assert_eq!(flat.len(), array.values().len());
    flat.call_method1("reshape", (pyo3::types::PyTuple::new(py, array.shape())?,))
}
