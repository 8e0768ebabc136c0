//! Errors of the libraries as Python exceptions. `imgveil/errors.py` has their classes.

use imgveil::internal::plain::Plain;
use pyo3::prelude::*;

/// The exception of class `class`.
pub fn error(py: Python<'_>, class: &str, kind: &str, text: &str) -> PyErr {
    let made = || -> PyResult<PyErr> {
        let class = py.import("imgveil.errors")?.getattr(class)?;
        let exception = class.call1((text,))?;
        exception.setattr("kind", kind)?;
        Ok(PyErr::from_value(exception))
    };
    made().unwrap_or_else(|error| error)
}

/// A batch, an array or an argument that is refused.
pub fn batch(py: Python<'_>, text: &str) -> PyErr {
    error(py, "BatchError", "batch", text)
}

/// An array of another type than the images have.
pub fn dtype(py: Python<'_>, text: &str) -> PyErr {
    error(py, "DtypeError", "batch", text)
}

/// An error that becomes an exception.
pub trait Raise<T> {
    /// The value, or the exception.
    ///
    /// # Errors
    /// The exception of the error's kind.
    fn raised(self, py: Python<'_>) -> PyResult<T>;
}

/// The core's error, and what becomes one.
impl<T, E: Into<imgveil::Error>> Raise<T> for Result<T, E> {
    fn raised(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|source| {
            let source = source.into();
            let (class, kind) = core(source.kind());
            error(py, class, kind, &source.to_string())
        })
    }
}

fn core(kind: imgveil::ErrorKind) -> (&'static str, &'static str) {
    use imgveil::ErrorKind::{
        Batch, Device, DeviceLimit, Geometry, Incompatible, Key, Lossy, NoDevice, Scheme, Tables, Timeout,
    };
    match kind {
        Key => ("InvalidKeyError", "key"),
        Scheme => ("SchemeError", "scheme"),
        Geometry => ("GeometryError", "geometry"),
        Tables => ("TablesError", "tables"),
        Incompatible => ("IncompatibleError", "incompatible"),
        Lossy => ("LossyError", "lossy"),
        Batch => ("BatchError", "batch"),
        NoDevice => ("NoDeviceError", "no_device"),
        DeviceLimit => ("DeviceLimitError", "device_limit"),
        Device => ("DeviceError", "device"),
        Timeout => ("DeviceTimeoutError", "timeout"),
        // A kind that this version of the package does not know.
        _ => ("Error", "other"),
    }
}

/// The exception of an error of sets and files of keys. `secret` is the class of a damaged file.
pub fn of_data(py: Python<'_>, source: &imgveil_data::Error, secret: &str) -> PyErr {
    use imgveil_data::ErrorKind::{AlreadyExists, Device, InvalidSecret, Io, Memory, NotFound, Scheme, WrongKey};
    let (class, kind) = match source.kind() {
        NotFound => ("MissingFileError", "not_found"),
        AlreadyExists => ("ExistingFileError", "already_exists"),
        Io => ("FileError", "io"),
        InvalidSecret => (secret, if secret == "TablesError" { "tables" } else { "key" }),
        WrongKey => ("InvalidKeyError", "wrong_key"),
        Scheme => ("IncompatibleError", "incompatible"),
        Device => ("DeviceError", "device"),
        Memory => ("SetError", "memory"),
        _ => ("SetError", "set"),
    };
    error(py, class, kind, &source.to_string())
}

/// A text of others, as messages quote it.
pub fn quoted(text: &str) -> String {
    text.plain().to_string()
}
