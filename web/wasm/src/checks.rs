//! Whether the device computes the right bits, and how fast it is.

use imgveil::internal::engine::{Device, EngineError, ImageRef, Loaded};
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Key;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::compile;
use imgveil::internal::self_test::{Answer, answers};

/// How many known answers there are.
pub fn known() -> usize {
    answers().count()
}

/// Compares what the device makes of the image of a known answer with the answer, and decrypts it again where the
/// scheme can. Returns the BLAKE3 hash of what the device made.
///
/// # Errors
/// The first difference, or the failure of the device, in words.
pub async fn check(device: &Device, number: usize) -> Result<[u8; 32], String> {
    let answer = answers().nth(number).ok_or("there is no such known answer")?;
    let Answer { secret, id, geometry, scheme, hash } = &answer;
    let what = format!("{geometry} with {}", scheme.describe());
    let failed = |error: EngineError| format!("{what}: {error}");
    let program = compile(scheme, &Key::from_bytes(*secret), *geometry).map_err(|error| format!("{what}: {error}"))?;
    let refs = [ImageRef::new(0).with_id(*id)];
    let plain = answer.image();
    let run = async |program| Loaded::new(device, program)?.begin(plain.clone(), &refs)?.ready().await;
    let encrypted = run(program.clone()).await.map_err(failed)?;
    let found = blake3::hash(&encrypted);
    if found.as_bytes() != hash {
        return Err(format!("{what} is encrypted to other bytes than the known ones (BLAKE3 {found})"));
    }
    if let Ok(inverse) = program.inverse() {
        let loaded = Loaded::new(device, inverse).map_err(failed)?;
        let back = loaded.begin(encrypted, &refs).map_err(failed)?.ready().await.map_err(failed)?;
        if back != plain {
            return Err(format!("{what} is not decrypted to what it was"));
        }
    }
    Ok(*found.as_bytes())
}

/// A batch of images on a device, to measure how fast a scheme is.
pub struct Speed {
    loaded: Loaded,
    refs: Vec<ImageRef>,
    samples: Vec<u8>,
}

impl Speed {
    /// The number of images of a batch.
    pub const IMAGES: usize = 64;

    /// The size of the images.
    ///
    /// # Errors
    /// Never.
    pub fn geometry() -> Result<Geometry, String> {
        Geometry::new(224, 224, 3).map_err(|error| error.to_string())
    }

    /// Prepares a scheme.
    ///
    /// # Errors
    /// When the text is no scheme, or the device refuses it.
    pub fn new(device: &Device, scheme: &str) -> Result<Self, String> {
        let geometry = Self::geometry()?;
        let scheme = scheme.parse().map_err(|error| format!("{error}"))?;
        let program = compile(&scheme, &Key::from_bytes([7; 32]), geometry).map_err(|error| error.to_string())?;
        let loaded = Loaded::new(device, program).map_err(|error| error.to_string())?;
        let id = |image: u32| ImageId(u64::from(image).to_le_bytes());
        let refs = (0..Self::IMAGES as u32).map(|image| ImageRef::new(image).with_id(id(image))).collect();
        let sample = |number: u32| (number.wrapping_mul(2_654_435_761) >> 24) as u8;
        let samples = (0..(geometry.bytes() * Self::IMAGES) as u32).map(sample).collect();
        Ok(Self { loaded, refs, samples })
    }

    /// Encrypts the batch once: to the device, and back.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn run(&mut self) -> Result<(), String> {
        let samples = std::mem::take(&mut self.samples);
        let words = |error: EngineError| error.to_string();
        self.samples = self.loaded.begin(samples, &self.refs).map_err(words)?.ready().await.map_err(words)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_answers_hold_on_the_cpu() {
        let device = Device::cpu();
        assert!(known() > 300);
        for number in (0..known()).step_by(9) {
            pollster::block_on(check(&device, number)).unwrap();
        }
        assert!(pollster::block_on(check(&device, known())).is_err());
    }

    #[test]
    fn a_batch_can_be_run_again() {
        let mut speed = Speed::new(&Device::cpu(), "shuffle-flip").unwrap();
        let before = speed.samples.clone();
        pollster::block_on(speed.run()).unwrap();
        assert_ne!(speed.samples, before);
        pollster::block_on(speed.run()).unwrap();
    }
}
