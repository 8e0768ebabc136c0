//! Arrays of numpy as the memory of images. Arrays that lie in one piece, row by row, are used as they are; others are
//! copied first.

use crate::errors::{Raise, batch, dtype};
use bytemuck::{cast_slice, cast_slice_mut};
use imgveil::{Depth, Geometry};
use numpy::{
    Element, PyArray, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

/// The geometry of images of a shape: (H, W, C), or (H, W) of grey images.
///
/// # Errors
/// When there is none.
pub fn geometry(shape: &Bound<'_, PyAny>, depth: u32) -> PyResult<Geometry> {
    let py = shape.py();
    let refuse = |text: &str| crate::errors::error(py, "GeometryError", "geometry", text);
    let sides: Vec<i64> =
        shape.extract().map_err(|_| refuse("a shape is (height, width, channels) or (height, width)"))?;
    let (height, width, channels) = match sides[..] {
        [height, width] => (height, width, 1),
        [height, width, channels] => (height, width, channels),
        _ => {
            let text = format!("a shape is (height, width, channels) or (height, width), not {} numbers", sides.len());
            return Err(refuse(&text));
        }
    };
    let side = |side: i64| {
        u32::try_from(side).map_err(|_| refuse(&format!("an image of {height}x{width}x{channels} does not exist")))
    };
    let depth = Depth::new(depth).ok_or_else(|| refuse(&format!("a depth is 8 to 16 bits, not {depth}")))?;
    Ok(Geometry::new(side(height)?, side(width)?, side(channels)?).raised(py)?.with_depth(depth))
}

/// The type of samples of this depth.
pub fn sample_type(geometry: Geometry) -> &'static str {
    if geometry.depth() == Depth::U8 { "uint8" } else { "uint16" }
}

/// A batch of images as it is read: an array in one piece.
pub enum Samples<'py> {
    U8(PyReadonlyArrayDyn<'py, u8>),
    U16(PyReadonlyArrayDyn<'py, u16>),
}

impl<'py> Samples<'py> {
    /// The images of an argument, (N, H, W, C), or (N, H, W) of grey ones: an array, or what exports its memory by
    /// DLPack. An array that does not lie in one piece is copied.
    ///
    /// # Errors
    /// When the argument is something else, or its type or its shape are not the geometry's.
    pub fn of(argument: &Bound<'py, PyAny>, geometry: Geometry) -> PyResult<Self> {
        let py = argument.py();
        let array = array(argument)?;
        check_shape(&array, geometry, "the images")?;
        let wanted = sample_type(geometry);
        check_type(&array, wanted, "the images", geometry)?;
        let array = in_one_piece(&array, wanted)?;
        let borrowed = |_| batch(py, "the images are being written by another call");
        Ok(match geometry.depth() {
            Depth::U8 => Self::U8(array.cast::<PyArrayDyn<u8>>()?.try_readonly().map_err(borrowed)?),
            _ => Self::U16(array.cast::<PyArrayDyn<u16>>()?.try_readonly().map_err(borrowed)?),
        })
    }

    /// The bytes.
    ///
    /// # Errors
    /// Never for an array in one piece.
    pub fn bytes(&self) -> PyResult<&[u8]> {
        Ok(match self {
            Self::U8(array) => array.as_slice()?,
            Self::U16(array) => cast_slice(array.as_slice()?),
        })
    }

    /// The array itself.
    pub fn array(&self) -> Bound<'py, PyAny> {
        match self {
            Self::U8(array) => array.as_any().clone(),
            Self::U16(array) => array.as_any().clone(),
        }
    }

    /// The shape of the array.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::U8(array) => array.shape().to_vec(),
            Self::U16(array) => array.shape().to_vec(),
        }
    }

    /// The number of images.
    pub fn images(&self) -> usize {
        self.shape().first().copied().unwrap_or_default()
    }
}

/// Where results of one type go: an array in one piece, and the array of the caller, if that one is not.
pub struct Output<'py, T: Element> {
    array: Bound<'py, PyArrayDyn<T>>,
    memory: PyReadwriteArrayDyn<'py, T>,
    given: Option<Bound<'py, PyUntypedArray>>,
}

impl<'py, T: Element> Output<'py, T> {
    /// The argument `out`, or a new array.
    ///
    /// # Errors
    /// When `out` is no array, has another shape or type, cannot be written, or shares memory with `input`.
    pub fn of(
        py: Python<'py>,
        out: Option<&Bound<'py, PyAny>>,
        shape: &[usize],
        name: &str,
        input: &Bound<'py, PyAny>,
    ) -> PyResult<Self> {
        let Some(out) = out else {
            let array = PyArray::zeros(py, shape, false);
            return Ok(Self { memory: array.readwrite(), array, given: None });
        };
        let Ok(given) = out.cast::<PyUntypedArray>() else {
            return Err(batch(py, &format!("out is not a numpy array but {}", out.get_type().name()?)));
        };
        if given.shape() != shape {
            let text = format!("out has the shape {}, and the result has {}", tuple(given.shape()), tuple(shape));
            return Err(batch(py, &text));
        }
        let found = given.dtype().str()?.to_string();
        if found != name {
            return Err(dtype(py, &format!("out is an array of {found}, and the result is one of {name}")));
        }
        let writable: bool = given.getattr("flags")?.getattr("writeable")?.extract()?;
        if !writable {
            return Err(batch(py, "out cannot be written: it is a read-only array"));
        }
        check_strides(given, "out")?;
        if py.import("numpy")?.call_method1("may_share_memory", (given, input))?.extract()? {
            return Err(batch(py, "out shares memory with the images, which would be overwritten while they are read"));
        }
        let whole = given.is_c_contiguous();
        let array = match given.cast::<PyArrayDyn<T>>() {
            Ok(array) if whole => array.clone(),
            _ => PyArray::zeros(py, shape, false),
        };
        let memory = array.try_readwrite().map_err(|_| batch(py, "out is being used by another call"))?;
        Ok(Self { array, memory, given: (!whole).then(|| given.clone()) })
    }

    /// The memory to write to.
    ///
    /// # Errors
    /// Never for an array in one piece.
    pub fn memory(&mut self) -> PyResult<&mut [T]> {
        Ok(self.memory.as_slice_mut()?)
    }

    /// The array with the result.
    ///
    /// # Errors
    /// When the interpreter fails.
    pub fn finish(self) -> PyResult<Bound<'py, PyAny>> {
        let Self { array, memory, given } = self;
        drop(memory);
        match given {
            None => Ok(array.into_any()),
            Some(given) => {
                array.py().import("numpy")?.call_method1("copyto", (&given, &array))?;
                Ok(given.into_any())
            }
        }
    }
}

/// The samples of an output as bytes.
pub fn as_bytes<T: bytemuck::Pod>(samples: &mut [T]) -> &mut [u8] {
    cast_slice_mut(samples)
}

/// The array of an argument.
fn array<'py>(argument: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = argument.py();
    let numpy = py.import("numpy")?;
    if let Ok(array) = argument.cast::<PyUntypedArray>() {
        if argument.is_instance(&numpy.getattr("ma")?.getattr("MaskedArray")?)? {
            return Err(batch(py, "the images are a masked array, and a mask has no meaning here: fill it first"));
        }
        return Ok(array.clone());
    }
    if argument.hasattr("__dlpack__")? {
        let exported = numpy.call_method1("from_dlpack", (argument,)).map_err(|source| {
            let text = format!("the memory of the images cannot be used by numpy: {}", source.value(py));
            batch(py, &text)
        })?;
        return Ok(exported.cast_into()?);
    }
    let found = argument.get_type().name()?;
    let text = format!("the images are not a numpy array (or a tensor on the CPU) but {found}");
    Err(dtype(py, &text))
}

fn check_shape(array: &Bound<'_, PyUntypedArray>, geometry: Geometry, what: &str) -> PyResult<()> {
    let (height, width, channels) = (geometry.height(), geometry.width(), geometry.channels());
    let fits = match *array.shape() {
        [_, h, w] => channels == 1 && (h, w) == (height, width),
        [_, h, w, c] => (h, w, c) == (height, width, channels),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let wanted = match channels {
        1 => format!("(N, {height}, {width}) or (N, {height}, {width}, 1)"),
        _ => format!("(N, {height}, {width}, {channels})"),
    };
    let found = tuple(array.shape());
    Err(batch(array.py(), &format!("{what} have the shape {found}, and the cipher is for {wanted}")))
}

fn check_type(array: &Bound<'_, PyUntypedArray>, wanted: &str, what: &str, geometry: Geometry) -> PyResult<()> {
    let found = array.dtype();
    let kind: String = found.getattr("kind")?.extract()?;
    let size: usize = found.getattr("itemsize")?.extract()?;
    if kind == "u" && format!("uint{}", 8 * size) == wanted {
        return Ok(());
    }
    let depth = geometry.depth().bits();
    let text = format!("{what} are an array of {}, and a cipher of depth {depth} takes {wanted}", found.str()?);
    Err(dtype(array.py(), &text))
}

/// Negative strides most often are pictures that a view mirrored. As in PyTorch, the copy is left to the caller.
fn check_strides(array: &Bound<'_, PyUntypedArray>, what: &str) -> PyResult<()> {
    let negative = array.strides().iter().zip(array.shape()).any(|(&stride, &length)| stride < 0 && length > 1);
    if negative && !array.shape().contains(&0) {
        let text = format!("{what} have negative strides: copy them first, by numpy.ascontiguousarray or .copy()");
        return Err(batch(array.py(), &text));
    }
    Ok(())
}

/// The array itself, or a copy in one piece with samples in the order of this machine.
fn in_one_piece<'py>(array: &Bound<'py, PyUntypedArray>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    check_strides(array, "the images")?;
    let arguments = pyo3::types::PyDict::new(array.py());
    arguments.set_item("dtype", name)?;
    // Without a copy where the array is in one piece, aligned and in this machine's order already.
    arguments.set_item("requirements", ("C", "A"))?;
    array.py().import("numpy")?.call_method("require", (array,), Some(&arguments))
}

/// A shape as Python writes it.
fn tuple(shape: &[usize]) -> String {
    let sides: Vec<String> = shape.iter().map(ToString::to_string).collect();
    match &sides[..] {
        [only] => format!("({only},)"),
        sides => format!("({})", sides.join(", ")),
    }
}
