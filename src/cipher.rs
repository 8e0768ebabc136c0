//! A scheme and a key for images of one geometry, on a device.

use crate::engine::{Device, EngineError, ImageRef, Loaded, Lossy, Pending};
use crate::image::Geometry;
#[cfg(not(target_family = "wasm"))]
use crate::images::{BatchError, check as check_samples};
use crate::schedule::ImageId;
use crate::scheme::{Scheme, Secret};
use crate::{Encrypted, Error, Images};
use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

/// Encrypts and decrypts batches of images of one geometry.
///
/// A cipher owns everything that it needs. It is cheap to clone: clones share the tables on the device. Several threads
/// may use it at once.
///
/// Some schemes key every image by its own stream. Their image ids come from the names and pixels of the images. The
/// cipher derives the ids itself, so that two different images never share a stream.
#[derive(Clone)]
pub struct Cipher(Arc<Inner>);

struct Inner {
    scheme: Scheme,
    secret: Secret,
    forward: Loaded,
    /// The inverse of the scheme, or the reason why it has none.
    backward: Result<Loaded, Lossy>,
}

impl Cipher {
    /// Compiles `scheme` under a key (or written-out tables) for images of `geometry`, and loads it onto `device`.
    ///
    /// # Errors
    /// When the scheme's blocks do not tile the images, the tables do not belong to the scheme, or the plan exceeds the
    /// device's limits.
    pub fn new(scheme: &Scheme, secret: impl Into<Secret>, geometry: Geometry, device: &Device) -> Result<Self, Error> {
        let secret = secret.into();
        let program = secret.compile(scheme, geometry)?;
        let backward = match program.inverse() {
            Ok(inverse) => Ok(Loaded::new(device, inverse)?),
            Err(lossy) => Err(lossy),
        };
        let forward = Loaded::new(device, program)?;
        Ok(Self(Arc::new(Inner { scheme: scheme.clone(), secret, forward, backward })))
    }

    /// The scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.0.scheme
    }

    /// The geometry of the images.
    pub fn geometry(&self) -> Geometry {
        self.0.forward.program().geometry()
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.0.forward.device()
    }

    /// Encrypts a batch.
    ///
    /// # Errors
    /// When the images have another geometry, the scheme mixes images into floats, or the device fails.
    #[cfg(not(target_family = "wasm"))]
    pub fn encrypt(&self, images: &Images) -> Result<Encrypted, Error> {
        let ids = self.ids(images)?;
        let mut samples = vec![0; images.samples().len()];
        self.0.forward.bytes(images.samples(), &refs(&ids), &mut samples)?;
        Ok(Encrypted::new(self.geometry(), images.names().to_vec(), ids, samples)?)
    }

    /// Decrypts a batch exactly, byte for byte.
    ///
    /// # Errors
    /// When the images have another geometry, the scheme loses information ([`Scheme::has_inverse`]), or the device
    /// fails.
    #[cfg(not(target_family = "wasm"))]
    pub fn decrypt(&self, encrypted: &Encrypted) -> Result<Images, Error> {
        let backward = self.0.backward.as_ref().map_err(|lossy| *lossy)?;
        self.check(encrypted.geometry())?;
        let mut samples = vec![0; encrypted.samples().len()];
        backward.bytes(encrypted.samples(), &refs(encrypted.ids()), &mut samples)?;
        Ok(Images::new(self.geometry(), encrypted.names().to_vec(), samples)?)
    }

    /// As [`Cipher::decrypt`], without blocking: for asynchronous code and a browser.
    ///
    /// # Errors
    /// As [`Cipher::decrypt`].
    pub async fn decrypt_later(&self, encrypted: &Encrypted) -> Result<Images, Error> {
        let backward = self.0.backward.as_ref().map_err(|lossy| *lossy)?;
        self.check(encrypted.geometry())?;
        let pending = backward.begin(encrypted.samples().to_vec(), &refs(encrypted.ids()))?;
        Ok(Images::new(self.geometry(), encrypted.names().to_vec(), pending.ready().await?)?)
    }

    /// As [`Cipher::floats`], without blocking: for asynchronous code and a browser.
    ///
    /// # Errors
    /// As [`Cipher::encrypt`].
    pub async fn floats_later(&self, images: &Images) -> Result<Vec<f32>, Error> {
        let ids = self.ids(images)?;
        let mut floats = vec![0.0; images.len() * self.geometry().samples()];
        self.0.forward.floats_later(images.samples(), &refs(&ids), &mut floats).await?;
        Ok(floats)
    }

    /// Encrypts a batch to the input of a network: floats `(2p - max) / max` in [-1, 1], planar (N, C, H, W). `max` is
    /// the largest sample of the depth, so flipping a sample exactly flips the sign of its float.
    ///
    /// # Errors
    /// As [`Cipher::encrypt`].
    #[cfg(not(target_family = "wasm"))]
    pub fn floats(&self, images: &Images) -> Result<Vec<f32>, Error> {
        let ids = self.ids(images)?;
        let mut floats = vec![0.0; images.len() * self.geometry().samples()];
        self.0.forward.floats(images.samples(), &refs(&ids), &mut floats)?;
        Ok(floats)
    }

    /// Whether every image has a key of its own, so that [`Cipher::decrypt_into`] needs ids.
    pub fn keyed_per_image(&self) -> bool {
        self.0.forward.program().keyed_per_image()
    }

    /// Encrypts images that lie in the caller's memory, (N, H, W, C), to `output`, which has as many bytes. Nothing is
    /// copied.
    ///
    /// A scheme that keys every image by itself needs the name of every image. It returns their ids, which are needed
    /// to decrypt. Any other scheme takes no names, derives no ids and returns none.
    ///
    /// # Errors
    /// When there are not `geometry.bytes()` bytes of samples and of output for each image, a name is missing, a sample
    /// exceeds the depth, the scheme mixes images into floats, or the device fails.
    #[cfg(not(target_family = "wasm"))]
    pub fn encrypt_into(
        &self,
        samples: &[u8],
        names: &[impl AsRef<str>],
        output: &mut [u8],
    ) -> Result<Vec<ImageId>, Error> {
        let (images, ids) = self.ids_of(samples, names)?;
        self.0.forward.bytes(samples, &refs_of(images, &ids), output)?;
        Ok(ids)
    }

    /// As [`Cipher::encrypt_into`], to the floats of [`Cipher::floats`]: planar (N, C, H, W).
    ///
    /// # Errors
    /// As [`Cipher::encrypt_into`].
    #[cfg(not(target_family = "wasm"))]
    pub fn floats_into(
        &self,
        samples: &[u8],
        names: &[impl AsRef<str>],
        output: &mut [f32],
    ) -> Result<Vec<ImageId>, Error> {
        let (images, ids) = self.ids_of(samples, names)?;
        self.0.forward.floats(samples, &refs_of(images, &ids), output)?;
        Ok(ids)
    }

    /// Decrypts images that lie in the caller's memory, (N, H, W, C), to `output`, which has as many bytes. Nothing is
    /// copied. A scheme that keys every image by itself needs the ids that [`Cipher::encrypt_into`] returned; any other
    /// scheme takes none.
    ///
    /// # Errors
    /// As [`Cipher::encrypt_into`]; also when the scheme loses information ([`Scheme::has_inverse`]).
    #[cfg(not(target_family = "wasm"))]
    pub fn decrypt_into(&self, samples: &[u8], ids: &[ImageId], output: &mut [u8]) -> Result<(), Error> {
        let backward = self.0.backward.as_ref().map_err(|lossy| *lossy)?;
        let images = samples.len() / self.geometry().bytes();
        check_samples(self.geometry(), images, samples)?;
        if self.keyed_per_image() && ids.len() != images {
            return Err(BatchError::Ids { images, found: ids.len() }.into());
        }
        backward.bytes(samples, &refs_of(images, if self.keyed_per_image() { ids } else { &[] }), output)?;
        Ok(())
    }

    /// The number of images and, if they are needed, their ids.
    #[cfg(not(target_family = "wasm"))]
    fn ids_of(&self, samples: &[u8], names: &[impl AsRef<str>]) -> Result<(usize, Vec<ImageId>), Error> {
        let (key, geometry) = (self.0.secret.key(), self.geometry());
        if self.0.forward.program().mixing().is_some() {
            return Err(EngineError::NeedsPartners.into());
        }
        if !self.keyed_per_image() {
            let images = samples.len() / geometry.bytes();
            check_samples(geometry, images, samples)?;
            return Ok((images, Vec::new()));
        }
        check_samples(geometry, names.len(), samples)?;
        let named = names.iter().zip(samples.chunks_exact(geometry.bytes()));
        let ids = named.map(|(name, samples)| ImageId::new(key, name.as_ref(), geometry, samples)).collect();
        Ok((names.len(), ids))
    }

    /// Starts to encrypt a batch. A GPU works while the caller does something else; the CPU engine has finished when
    /// this returns. To get the result, call [`Job::wait`] on a thread that may block, or `.await` the job in
    /// asynchronous code and in a browser.
    ///
    /// # Errors
    /// As [`Cipher::encrypt`].
    pub fn submit(&self, images: Images) -> Result<Job, Error> {
        let ids = self.ids(&images)?;
        let (names, samples) = images.into_parts();
        let pending = self.0.forward.begin(samples, &refs(&ids))?;
        Ok(Job { geometry: self.geometry(), names, ids, pending })
    }

    /// The ids of plain images.
    fn ids(&self, images: &Images) -> Result<Vec<ImageId>, Error> {
        self.check(images.geometry())?;
        if self.0.forward.program().mixing().is_some() {
            return Err(EngineError::NeedsPartners.into());
        }
        let (key, geometry) = (self.0.secret.key(), self.geometry());
        let named = images.names().iter().zip(images.samples().chunks_exact(geometry.bytes()));
        Ok(named.map(|(name, samples)| ImageId::new(key, name, geometry, samples)).collect())
    }

    fn check(&self, found: Geometry) -> Result<(), Error> {
        let expected = self.geometry();
        if found == expected { Ok(()) } else { Err(EngineError::Geometry { expected, found }.into()) }
    }
}

/// References to all images of a batch, in order.
fn refs(ids: &[ImageId]) -> Vec<ImageRef> {
    ids.iter().zip(0..).map(|(id, index)| ImageRef::new(index).with_id(*id)).collect()
}

/// References to all images of a batch, in order, with ids where there are any.
#[cfg(not(target_family = "wasm"))]
fn refs_of(images: usize, ids: &[ImageId]) -> Vec<ImageRef> {
    if ids.is_empty() { ImageRef::all(images) } else { refs(ids) }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher")
            .field("scheme", &self.0.scheme.describe())
            .field("key", &self.0.secret.key().fingerprint().to_string())
            .field("geometry", &self.geometry().to_string())
            .field("device", self.device())
            .finish()
    }
}

/// A batch that [`Cipher::submit`] started. Dropping it discards the result.
#[must_use]
pub struct Job {
    geometry: Geometry,
    names: Vec<String>,
    ids: Vec<ImageId>,
    pending: Pending,
}

impl Job {
    /// Blocks until the batch is encrypted.
    ///
    /// # Errors
    /// When the device fails, or does not answer within its time limit.
    #[cfg(not(target_family = "wasm"))]
    pub fn wait(self) -> Result<Encrypted, Error> {
        let samples = self.pending.wait()?;
        Ok(Encrypted::new(self.geometry, self.names, self.ids, samples)?)
    }

    async fn ready(self) -> Result<Encrypted, Error> {
        let samples = self.pending.ready().await?;
        Ok(Encrypted::new(self.geometry, self.names, self.ids, samples)?)
    }
}

#[cfg(not(target_family = "wasm"))]
type Ready = std::pin::Pin<Box<dyn Future<Output = Result<Encrypted, Error>> + Send>>;
#[cfg(target_family = "wasm")]
type Ready = std::pin::Pin<Box<dyn Future<Output = Result<Encrypted, Error>>>>;

impl IntoFuture for Job {
    type Output = Result<Encrypted, Error>;
    type IntoFuture = Ready;

    fn into_future(self) -> Ready {
        Box::pin(self.ready())
    }
}
