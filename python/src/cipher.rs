//! `imgveil.Cipher`.

use crate::arrays::{Output, Samples, as_bytes, geometry, sample_type};
use crate::device::{self, Handle};
use crate::errors::{Raise, batch};
use crate::key::secret_stays;
use crate::{key, scheme, threads};
use imgveil::internal::engine::Step;
use imgveil::internal::hex;
use imgveil::internal::plan::{FLIP, Plan, Unit};
use imgveil::{Cipher as CoreCipher, Depth, ImageId, Secret};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Encrypts and decrypts batches of images of one shape on a device.
///
/// `scheme` is a `Scheme` or its text; `key` a `Key`, `Tables`, or the path of a key file; `shape` is (H, W, C) or
/// (H, W); `depth` is the number of bits that samples use: 8 for arrays of uint8, 9 to 16 for arrays of uint16;
/// `device` is what `Device` takes, or a `Device`.
///
/// Batches are arrays (N, H, W, C), or (N, H, W) of grey images, or tensors on the CPU that export their memory by
/// DLPack. An array that lies in one piece in memory is read where it is. While a batch is encrypted the interpreter
/// runs other threads; several threads may use a cipher at once.
///
/// >>> import imgveil, numpy as np
/// >>> cipher = imgveil.Cipher("ele block=4", imgveil.Key.generate(), (32, 32, 3))
/// >>> images = np.arange(2 * 32 * 32 * 3).astype(np.uint8).reshape(2, 32, 32, 3)
/// >>> encrypted = cipher.encrypt(images)
/// >>> encrypted.shape, encrypted.dtype.name
/// ((2, 32, 32, 3), 'uint8')
/// >>> np.array_equal(cipher.decrypt(encrypted), images)
/// True
#[pyclass(module = "imgveil", frozen)]
pub struct Cipher {
    cipher: CoreCipher,
    secret: Secret,
    device: Handle,
    picklable: bool,
}

#[pymethods]
impl Cipher {
    #[new]
    #[pyo3(signature = (scheme, key, shape, *, depth = 8, device = None))]
    fn new(
        scheme: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        shape: &Bound<'_, PyAny>,
        depth: u32,
        device: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let py = scheme.py();
        let scheme = scheme::of(scheme)?;
        let (secret, picklable) = key::secret(key)?;
        let geometry = geometry(shape, depth)?;
        let device = match device {
            Some(device) => device::of(device)?,
            None => device::of(pyo3::types::PyString::new(py, "auto").as_any())?,
        };
        let made = threads::run(py, || CoreCipher::new(&scheme, &secret, geometry, &device.device));
        Ok(Self { cipher: made.raised(py)?, secret, device, picklable })
    }

    /// Encrypts a batch: (N, H, W, C) to an array of the same shape and type.
    ///
    /// A scheme that keys every image by itself needs `names`, one for each image and no two alike in a data set. It
    /// cannot be decrypted without the ids of `Cipher.ids`. Other schemes take no notice of names.
    ///
    /// `out` is an array for the result, of the same shape and type, that shares no memory with `images`. Without it a
    /// new array is made.
    #[pyo3(signature = (images, names = None, *, out = None))]
    fn encrypt<'py>(
        &self,
        images: &Bound<'py, PyAny>,
        names: Option<&Bound<'py, PyAny>>,
        out: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = images.py();
        let (samples, names) = self.batch(images, names)?;
        self.transformed(py, &samples, out, |input, output| self.cipher.encrypt_into(input, &names, output).map(drop))
    }

    /// Decrypts a batch exactly: (N, H, W, C) to an array of the same shape and type.
    ///
    /// A scheme that keys every image by itself needs `ids`: what `Cipher.ids` returned for the plain images, or what
    /// an encrypted set holds. `out` is as in `encrypt`.
    #[pyo3(signature = (encrypted, ids = None, *, out = None))]
    fn decrypt<'py>(
        &self,
        encrypted: &Bound<'py, PyAny>,
        ids: Option<&Bound<'py, PyAny>>,
        out: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = encrypted.py();
        self.device.check(py)?;
        let samples = Samples::of(encrypted, self.cipher.geometry())?;
        let ids = match self.cipher.keyed_per_image() {
            true => read_ids(py, ids, samples.images())?,
            false => Vec::new(),
        };
        self.transformed(py, &samples, out, |input, output| self.cipher.decrypt_into(input, &ids, output))
    }

    /// Encrypts a batch to the input of a network: (N, H, W, C) to an array of float32, planar (N, C, H, W), with
    /// values `(2p - max) / max` in [-1, 1]. `max` is the largest sample of the depth, so a flipped sample is exactly a
    /// flipped sign. `names` and `out` are as in `encrypt`.
    #[pyo3(signature = (images, names = None, *, out = None))]
    fn floats<'py>(
        &self,
        images: &Bound<'py, PyAny>,
        names: Option<&Bound<'py, PyAny>>,
        out: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = images.py();
        let (samples, names) = self.batch(images, names)?;
        let geometry = self.cipher.geometry();
        let shape = [samples.images(), geometry.channels(), geometry.height(), geometry.width()];
        let mut output = Output::<f32>::of(py, out, &shape, "float32", &samples.array())?;
        if samples.images() > 0 {
            let (input, memory) = (samples.bytes()?, output.memory()?);
            threads::run(py, || self.cipher.floats_into(input, &names, memory)).raised(py)?;
        }
        output.finish()
    }

    /// The ids of plain images, as texts of 16 hex digits: keyed hashes of name and pixels, which are not secret. A
    /// scheme that keys every image by itself needs them to decrypt. Store them with the encrypted images.
    ///
    /// >>> import imgveil, numpy as np
    /// >>> cipher = imgveil.Cipher("keystream", imgveil.Key.generate(), (8, 8))
    /// >>> images = np.zeros((2, 8, 8), np.uint8)
    /// >>> ids, encrypted = cipher.ids(images, ["a", "b"]), cipher.encrypt(images, ["a", "b"])
    /// >>> np.array_equal(cipher.decrypt(encrypted, ids), images)
    /// True
    fn ids(&self, images: &Bound<'_, PyAny>, names: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
        let py = images.py();
        let samples = Samples::of(images, self.cipher.geometry())?;
        let names = read_names(py, names, samples.images())?;
        let (key, geometry, input) = (self.secret.key(), self.cipher.geometry(), samples.bytes()?);
        Ok(threads::run(py, || {
            let named = names.iter().zip(input.chunks_exact(geometry.bytes()));
            named.map(|(name, samples)| hex::encode(&ImageId::new(key, name, geometry, samples).0)).collect()
        }))
    }

    /// What the key says at this shape as `Tables`: named arrays for other programs. They are as secret as the key.
    fn tables(&self, py: Python<'_>) -> PyResult<crate::tables::Tables> {
        let tables = match &self.secret {
            Secret::Tables(tables) => tables.clone(),
            secret => crate::tables::exported(py, self.cipher.scheme(), secret.key(), self.cipher.geometry())?,
        };
        Ok(crate::tables::Tables { tables })
    }

    /// The scheme as one gather, for programs such as `imgveil.torch.PlanModule`: a dictionary of `source` (int64, for
    /// each element of the output the number of the element of the input), `flip` (bool) and `bits` of an element. An
    /// element is a sample, or 4 bits of one, the lowest first. Samples are numbered (row, column, channel). None if
    /// the scheme is not one gather. It is as secret as the key. With `inverse`, the gather that decrypts.
    #[pyo3(signature = (*, inverse = false))]
    fn plan<'py>(&self, py: Python<'py>, inverse: bool) -> PyResult<Option<Bound<'py, PyDict>>> {
        let geometry = self.cipher.geometry();
        let made = threads::run(py, || -> Result<Option<Plan>, imgveil::Error> {
            let mut program = self.secret.compile(self.cipher.scheme(), geometry)?;
            if inverse {
                program = program.inverse()?;
            }
            Ok(match program.steps() {
                [] => Some(Plan::identity(geometry)),
                [Step::Permute(plan)] => Some(plan.clone()),
                _ => None,
            })
        });
        let Some(plan) = made.raised(py)? else { return Ok(None) };
        let whole = plan.unit() == Unit::Sample;
        let result = PyDict::new(py);
        let source = plan.table().iter().map(|entry| i64::from(entry & !FLIP));
        result.set_item("source", PyArray1::from_iter(py, source))?;
        result.set_item("flip", PyArray1::from_iter(py, plan.table().iter().map(|entry| entry & FLIP != 0)))?;
        result.set_item("bits", plan.bits())?;
        result.set_item("per_sample", if whole { 1 } else { plan.unit().per_sample(geometry.depth()) })?;
        Ok(Some(result))
    }

    /// The scheme.
    #[getter]
    fn scheme(&self) -> scheme::Scheme {
        scheme::Scheme { scheme: self.cipher.scheme().clone() }
    }

    /// The fingerprint of the key.
    #[getter]
    fn fingerprint(&self) -> String {
        self.secret.key().fingerprint().to_string()
    }

    /// The shape of an image, (H, W, C).
    #[getter]
    fn shape(&self) -> (usize, usize, usize) {
        let geometry = self.cipher.geometry();
        (geometry.height(), geometry.width(), geometry.channels())
    }

    /// The bits that samples use.
    #[getter]
    fn depth(&self) -> u32 {
        self.cipher.geometry().depth().bits()
    }

    /// The device.
    #[getter]
    fn device(&self) -> device::Device {
        device::Device(self.device.clone())
    }

    /// Whether every image has a key of its own, so that names and ids are needed.
    #[getter]
    fn keyed_per_image(&self) -> bool {
        self.cipher.keyed_per_image()
    }

    /// Whether what it encrypted can be decrypted.
    #[getter]
    fn has_inverse(&self) -> bool {
        self.cipher.scheme().has_inverse()
    }

    /// Seconds that the engine alone takes for a batch of 8 bits, from memory to memory, for tests of what a call
    /// costs: into `out`, or without it into memory that is new each time, as `encrypt` takes it. The calling thread is
    /// none of the engine's, as in a program in Rust.
    #[pyo3(signature = (images, out, count))]
    fn _engine_seconds<'py>(
        &self,
        images: &Bound<'py, PyAny>,
        out: Option<&Bound<'py, PyAny>>,
        count: usize,
    ) -> PyResult<Vec<f64>> {
        let py = images.py();
        let samples = Samples::of(images, self.cipher.geometry())?;
        let input = samples.bytes()?;
        let none: [&str; 0] = [];
        let mut given = match out {
            Some(_) => Some(Output::<u8>::of(
                py,
                out,
                &samples.shape(),
                sample_type(self.cipher.geometry()),
                &samples.array(),
            )?),
            None => None,
        };
        let mut kept = given.as_mut().map(Output::memory).transpose()?;
        py.detach(|| {
            let timed = |_| {
                let begun = std::time::Instant::now();
                match &mut kept {
                    Some(kept) => drop(self.cipher.encrypt_into(input, &none, kept)?),
                    None => drop(self.cipher.encrypt_into(input, &none, &mut vec![0; input.len()])?),
                }
                Ok::<_, imgveil::Error>(begun.elapsed().as_secs_f64())
            };
            (0..count).map(timed).collect::<Result<_, _>>()
        })
        .raised(py)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let Secret::Key(secret) = &self.secret else { return Err(secret_stays("cipher")) };
        if !self.picklable {
            return Err(secret_stays("cipher"));
        }
        let make = py.get_type::<Self>().getattr("_unpickled")?;
        let key = Bound::new(py, key::Key::from(secret.clone()).picklable())?;
        let device = if self.device.device.why_cpu().is_some() { "cpu" } else { "gpu" };
        let arguments = (self.scheme(), key, self.shape(), self.depth(), device).into_pyobject(py)?;
        (make, arguments).into_pyobject(py)
    }

    #[staticmethod]
    fn _unpickled(
        scheme: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        shape: &Bound<'_, PyAny>,
        depth: u32,
        device: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Self::new(scheme, key, shape, depth, Some(device))
    }

    // Ciphers never change, so a copy is the cipher itself, and copying does not pickle.
    fn __copy__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: PyRef<'py, Self>, _memo: &Bound<'py, PyAny>) -> PyRef<'py, Self> {
        slf
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (geometry, device) = (self.cipher.geometry(), threads::run(py, || self.device.device.name()));
        format!("<imgveil.Cipher {}, key {}, {geometry}, {device}>", self.cipher.scheme(), self.fingerprint())
    }
}

impl Cipher {
    /// Plain images, and their names if the scheme needs them.
    fn batch<'py>(
        &self,
        images: &Bound<'py, PyAny>,
        names: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Samples<'py>, Vec<String>)> {
        let py = images.py();
        self.device.check(py)?;
        let samples = Samples::of(images, self.cipher.geometry())?;
        if !self.cipher.keyed_per_image() {
            return Ok((samples, Vec::new()));
        }
        let Some(names) = names else {
            let text = format!("scheme {} keys every image by its name and pixels: give names", self.cipher.scheme());
            return Err(batch(py, &text));
        };
        let names = read_names(py, names, samples.images())?;
        Ok((samples, names))
    }

    /// Runs `work` from the samples to `out`, or to a new array.
    fn transformed<'py>(
        &self,
        py: Python<'py>,
        samples: &Samples<'py>,
        out: Option<&Bound<'py, PyAny>>,
        work: impl FnOnce(&[u8], &mut [u8]) -> Result<(), imgveil::Error> + Send,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (shape, name, input) = (samples.shape(), sample_type(self.cipher.geometry()), samples.array());
        let done = |input: &[u8], output: &mut [u8]| match input.len() {
            0 => Ok(()),
            _ => threads::run(py, || work(input, output)).raised(py),
        };
        if self.cipher.geometry().depth() == Depth::U8 {
            let mut output = Output::<u8>::of(py, out, &shape, name, &input)?;
            done(samples.bytes()?, output.memory()?)?;
            output.finish()
        } else {
            let mut output = Output::<u16>::of(py, out, &shape, name, &input)?;
            done(samples.bytes()?, as_bytes(output.memory()?))?;
            output.finish()
        }
    }
}

/// One text for each image.
fn texts(py: Python<'_>, given: &Bound<'_, PyAny>, images: usize, what: &str) -> PyResult<Vec<String>> {
    // A text is a sequence of texts, too.
    let texts: Option<Vec<String>> = if given.cast::<pyo3::types::PyString>().is_ok() {
        None
    } else {
        given.try_iter().and_then(|all| all.map(|text| text?.extract()).collect()).ok()
    };
    match texts {
        None => Err(batch(py, &format!("{what} are a list of texts, one for each image"))),
        Some(texts) if texts.len() != images => {
            Err(batch(py, &format!("there are {images} images and {} {what}", texts.len())))
        }
        Some(texts) => Ok(texts),
    }
}

fn read_names(py: Python<'_>, names: &Bound<'_, PyAny>, images: usize) -> PyResult<Vec<String>> {
    let names = texts(py, names, images, "names")?;
    // Two images of one name and equal pixels would share a stream.
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        let text = format!("two images are named `{}`: names must differ", crate::errors::quoted(pair[0]));
        return Err(batch(py, &text));
    }
    Ok(names)
}

fn read_ids(py: Python<'_>, ids: Option<&Bound<'_, PyAny>>, images: usize) -> PyResult<Vec<ImageId>> {
    let Some(ids) = ids else {
        return Err(batch(py, "the scheme keys every image by itself: give the ids of Cipher.ids to decrypt"));
    };
    let read = |text: &String| {
        hex::decode(text).map(ImageId).ok_or_else(|| {
            let text = format!("`{}` is not an id: 16 lower-case hex digits", crate::errors::quoted(text));
            batch(py, &text)
        })
    };
    texts(py, ids, images, "ids")?.iter().map(read).collect()
}
