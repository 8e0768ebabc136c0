//! `imgveil.Device`, the list of adapters, and the self-test.

use crate::errors::{Raise, error};
use crate::threads;
use imgveil::internal::self_test::{CHECKS, Extent};
use imgveil::{Device as CoreDevice, DeviceChoice};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A device that encrypts: "auto" (a hardware GPU, else the CPU), "cpu", "gpu" (software adapters too), an adapter's
/// number in `imgveil.devices()`, or a part of its name.
///
/// Ciphers share a device. A device can be closed; its ciphers then refuse to work. A GPU belongs to the process that
/// opened it: in a forked process (a worker of a PyTorch DataLoader, say) it refuses to work, and the CPU works.
///
/// >>> import imgveil
/// >>> with imgveil.Device("cpu") as device:
/// ...     cipher = imgveil.Cipher("le", imgveil.Key.generate(), (8, 8), device=device)
/// >>> device.closed
/// True
#[pyclass(module = "imgveil", frozen)]
pub struct Device(pub Handle);

/// A device as ciphers hold it.
#[derive(Clone)]
pub struct Handle {
    pub device: CoreDevice,
    /// The generation of the process that opened it (see `threads`).
    opened_in: usize,
    closed: Arc<AtomicBool>,
}

impl Handle {
    fn open(py: Python<'_>, choice: &DeviceChoice) -> PyResult<Self> {
        let device = threads::run(py, || CoreDevice::open(choice)).raised(py)?;
        Ok(Self { device, opened_in: threads::generation(), closed: Arc::default() })
    }

    /// Checks that the device can work here and now.
    ///
    /// # Errors
    /// When it was closed, or is a GPU that another process opened.
    pub fn check(&self, py: Python<'_>) -> PyResult<()> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(error(py, "DeviceError", "device", "the device was closed: open another one"));
        }
        if self.opened_in != threads::generation() && self.device.why_cpu().is_none() {
            let text = "the GPU was opened before this process was forked, and belongs to the parent: open a device in \
                        this process, or use device=\"cpu\" in worker processes";
            return Err(error(py, "DeviceError", "device", text));
        }
        Ok(())
    }
}

#[pymethods]
impl Device {
    #[new]
    #[pyo3(signature = (device = None))]
    fn new(py: Python<'_>, device: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let choice = device.map_or(Ok(DeviceChoice::Auto), choice)?;
        Ok(Self(Handle::open(py, &choice)?))
    }

    /// The name, such as `CPU, 8 threads`.
    #[getter]
    fn name(&self, py: Python<'_>) -> String {
        threads::run(py, || self.0.device.name())
    }

    /// Whether it is a GPU.
    #[getter]
    fn is_gpu(&self) -> bool {
        self.0.device.why_cpu().is_none()
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.0.closed.load(Ordering::Relaxed)
    }

    /// Closes the device: its ciphers refuse to work from now on. Batches under way end as usual.
    fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_reason))]
    fn __exit__(&self, _reason: &Bound<'_, pyo3::types::PyTuple>) {
        self.close();
    }

    fn __reduce__(&self) -> PyResult<()> {
        let text = "a device belongs to its process and does not pickle: open one in the other process";
        Err(PyTypeError::new_err(text))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<imgveil.Device {}{}>", self.name(py), if self.closed() { ", closed" } else { "" })
    }
}

fn choice(argument: &Bound<'_, PyAny>) -> PyResult<DeviceChoice> {
    if let Ok(number) = argument.extract::<usize>() {
        return Ok(DeviceChoice::Index(number));
    }
    match argument.extract::<String>() {
        Ok(text) => Ok(text.parse().unwrap_or_default()),
        Err(_) => {
            let found = argument.get_type().name()?;
            let text = format!("a device is an imgveil.Device, a name or an adapter's number, not {found}");
            Err(PyTypeError::new_err(text))
        }
    }
}

/// The device that an argument means: a `Device`, or what opens one.
///
/// # Errors
/// When there is no such device, or it was closed.
pub fn of(argument: &Bound<'_, PyAny>) -> PyResult<Handle> {
    let py = argument.py();
    let handle = match argument.cast::<Device>() {
        Ok(device) => device.get().0.clone(),
        Err(_) => Handle::open(py, &choice(argument)?)?,
    };
    handle.check(py)?;
    Ok(handle)
}

/// What the adapters report, as dictionaries; `imgveil.devices()` makes `DeviceInfo` of them.
#[pyfunction]
#[pyo3(name = "_adapters")]
pub fn adapters(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let adapters = threads::run(py, CoreDevice::list).raised(py)?;
    let described = adapters.into_iter().map(|adapter| {
        let info = PyDict::new(py);
        info.set_item("index", adapter.index)?;
        info.set_item("name", adapter.name)?;
        info.set_item("kind", adapter.kind)?;
        info.set_item("backend", adapter.backend)?;
        info.set_item("driver", adapter.driver)?;
        info.set_item("binding_limit", adapter.binding_limit)?;
        info.set_item("f16", adapter.f16)?;
        Ok(info)
    });
    described.collect()
}

/// Checks that a device and its driver compute the right bits: known answers, random programs, keys per image, more.
/// Returns what each check compared, by its name. Takes a second or a few, and longer with `full`, which draws more
/// programs. The first check that fails raises `imgveil.DeviceError`.
///
/// >>> import imgveil
/// >>> "known answers" in imgveil.check("cpu")
/// True
#[pyfunction]
#[pyo3(signature = (device = None, *, full = false))]
pub fn check<'py>(py: Python<'py>, device: Option<&Bound<'py, PyAny>>, full: bool) -> PyResult<Bound<'py, PyDict>> {
    let handle = match device {
        Some(device) => of(device)?,
        None => Handle::open(py, &DeviceChoice::Auto)?,
    };
    let results = PyDict::new(py);
    for check in CHECKS {
        let found = threads::run(py, || check.run(&handle.device, if full { Extent::FULL } else { Extent::SHORT }));
        let words = found.map_err(|fault| error(py, "DeviceError", "device", &format!("{}: {fault}", check.name)))?;
        results.set_item(check.name, words)?;
        py.check_signals()?;
    }
    Ok(results)
}
