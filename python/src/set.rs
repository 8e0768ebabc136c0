//! `imgveil.Set`: what `imgveil encrypt` wrote, or any set that imgveil reads, image by image. It needs no key.

use crate::errors::{error, of_data};
use crate::{scheme, threads};
use imgveil::Depth;
use imgveil::internal::hex;
use imgveil_data::{Opened, Source};
use numpy::{PyArray, PyArrayMethods};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use std::path::PathBuf;

/// A set of images on disk: a folder of pictures, `.npy` or `.npz` arrays, or WebDataset shards, plain or encrypted.
///
/// Opening it lists the images. `set[i]` decodes one: an array (H, W, C) of uint8, or of uint16 where samples use more
/// than 8 bits. Arrays are read where they are on disk, and not loaded whole. A set pickles as its path. Threads and
/// forked processes may share it.
#[pyclass(module = "imgveil", frozen)]
pub struct Set {
    path: PathBuf,
    opened: Opened,
}

#[pymethods]
impl Set {
    /// Opens the set at a path: a folder, a file, or a pattern of shards such as `train-{000000..000099}.tar`.
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let opened = threads::run(py, || imgveil_data::open(&path)).map_err(|e| of_data(py, &e, "SetError"))?;
        Ok(Self { path, opened })
    }

    fn __len__(&self) -> usize {
        self.source().items().len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyAny>> {
        let index = self.index(index)?;
        let image = threads::run(py, || self.source().read(index))
            .map_err(|e| error(py, "SetError", "set", &format!("image {index}: {e}")))?;
        let geometry = image.geometry();
        let shape = [geometry.height(), geometry.width(), geometry.channels()];
        if geometry.depth() == Depth::U8 {
            return PyArray::from_vec(py, image.into_samples()).reshape(shape).map(Bound::into_any);
        }
        let samples = image.samples().as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect();
        PyArray::from_vec(py, samples).reshape(shape).map(Bound::into_any)
    }

    /// The path.
    #[getter]
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Names of the classes; empty if the set has none.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.source().classes().to_vec()
    }

    /// The name of every image: its path in the set, without extension.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.source().items().iter().map(|item| item.name.clone()).collect()
    }

    /// The class of every image as an index into `classes`, or None.
    #[getter]
    fn labels(&self) -> Vec<Option<u32>> {
        self.source().items().iter().map(|item| item.label).collect()
    }

    /// The split of every image: `train`, `val`, `test`, or `all` in a set that is not divided.
    #[getter]
    fn splits(&self) -> Vec<&'static str> {
        self.source().items().iter().map(|item| item.split.name().unwrap_or("all")).collect()
    }

    /// The ids of an encrypted set's images, which a scheme that keys every image by itself needs to decrypt; None for
    /// a plain set.
    #[getter]
    fn ids(&self) -> Option<Vec<String>> {
        let manifest = self.opened.manifest.as_ref()?;
        Some(manifest.images.iter().map(|entry| hex::encode(&entry.id.0)).collect())
    }

    /// The scheme that encrypted the set; None for a plain set.
    #[getter]
    fn scheme(&self) -> Option<scheme::Scheme> {
        self.opened.manifest.as_ref().map(|manifest| scheme::Scheme { scheme: manifest.scheme.clone() })
    }

    /// The fingerprint of the key that encrypted the set; None for a plain set.
    #[getter]
    fn fingerprint(&self) -> Option<String> {
        self.opened.manifest.as_ref().map(|manifest| manifest.key.to_string())
    }

    /// What should be known about how the set was read, in sentences.
    #[getter]
    fn remarks(&self) -> Vec<String> {
        self.opened.remarks.iter().map(ToString::to_string).collect()
    }

    /// Shape and depth of an image, from its header alone: ((H, W, C), bits).
    fn geometry(&self, py: Python<'_>, index: isize) -> PyResult<((usize, usize, usize), u32)> {
        let index = self.index(index)?;
        let geometry = threads::run(py, || self.source().geometry(index))
            .map_err(|e| error(py, "SetError", "set", &format!("image {index}: {e}")))?;
        Ok(((geometry.height(), geometry.width(), geometry.channels()), geometry.depth().bits()))
    }

    fn __reduce__(&self, py: Python<'_>) -> (Py<PyAny>, (PathBuf,)) {
        (py.get_type::<Self>().into_any().unbind(), (self.path.clone(),))
    }

    fn __repr__(&self) -> String {
        let how = self.opened.manifest.as_ref().map_or("plain".to_owned(), |m| m.scheme.to_string());
        format!("<imgveil.Set {}, {} images, {how}>", self.path.display(), self.source().items().len())
    }
}

impl Set {
    fn source(&self) -> &dyn Source {
        &*self.opened.source
    }

    fn index(&self, index: isize) -> PyResult<usize> {
        let count = self.source().items().len();
        let found = if index < 0 { count.checked_add_signed(index) } else { usize::try_from(index).ok() };
        found.filter(|&index| index < count).ok_or_else(|| PyIndexError::new_err(format!("there are {count} images")))
    }
}
