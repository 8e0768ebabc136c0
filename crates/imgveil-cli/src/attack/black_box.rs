//! The black box: the public `Cipher`, of which an attack gets encrypted samples and nothing else.

use imgveil::internal::image::Geometry;
use imgveil::{Cipher, Images};
use imgveil_attack::{Batch, Error, Oracle};

/// Samples that are encrypted at a time.
const AT_ONCE: usize = 32 << 20;

/// Encrypts under one key, and answers nothing else.
pub struct BlackBox(Cipher);

impl BlackBox {
    /// The black box of this cipher.
    pub fn new(cipher: Cipher) -> Self {
        Self(cipher)
    }

    /// Encrypts images under their own names, on which keys per image depend.
    pub fn encrypt_named(&self, plain: &Batch, names: &[String]) -> Result<Batch, Error> {
        let (geometry, shape) = (self.0.geometry(), plain.shape());
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| Error::Oracle(error);
        let mut samples = Vec::with_capacity(plain.samples().len());
        let together = (AT_ONCE / shape.samples().max(1)).max(1);
        let names = names.chunks(together);
        for (images, names) in plain.samples().chunks(together * shape.samples()).zip(names) {
            let images = Images::new(geometry, names.to_vec(), stored(images, geometry))
                .map_err(|error| failed(error.into()))?;
            let encrypted = self.0.encrypt(&images).map_err(|error| failed(error.into()))?;
            samples.extend(read(encrypted.samples(), geometry));
        }
        Batch::new(shape, plain.max(), samples)
    }
}

impl Oracle for BlackBox {
    fn encrypt(&self, plain: &Batch) -> Result<Batch, Error> {
        let names: Vec<String> = (0..plain.len()).map(|number| format!("attack/{number:06}")).collect();
        self.encrypt_named(plain, &names)
    }
}

/// Samples as they are stored.
pub(super) fn stored(samples: &[u16], geometry: Geometry) -> Vec<u8> {
    match geometry.depth().bytes() {
        1 => samples.iter().map(|&sample| sample as u8).collect(),
        _ => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
    }
}

/// Samples from what is stored.
pub(super) fn read(bytes: &[u8], geometry: Geometry) -> Vec<u16> {
    match geometry.depth().bytes() {
        1 => bytes.iter().map(|&byte| byte.into()).collect(),
        _ => bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect(),
    }
}
