//! Batches of images of one geometry, plain and encrypted.

use crate::image::{Geometry, Image};
use crate::schedule::ImageId;

/// Why a batch was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The number of samples does not match the images.
    #[error("{images} images of {geometry} have {} bytes of samples, and {found} were \
        given", images * geometry.bytes())]
    Samples {
        /// How many names were given.
        images: usize,
        /// The geometry.
        geometry: Geometry,
        /// Bytes found.
        found: usize,
    },
    /// The number of ids does not match the images.
    #[error("{images} images have {images} ids, and {found} were given")]
    Ids {
        /// How many names were given.
        images: usize,
        /// Ids found.
        found: usize,
    },
    /// An image of another geometry.
    #[error("image {index} of the batch has a geometry of {found}, and the first one has {expected}")]
    Geometry {
        /// The index of the image.
        index: usize,
        /// The geometry of the first image.
        expected: Geometry,
        /// The geometry of this one.
        found: Geometry,
    },
    /// A sample above the largest one of the depth.
    #[error("image {index} of the batch has a sample of {sample}, and samples of {geometry} go up to {}",
        .geometry.depth().max())]
    Sample {
        /// The index of the image.
        index: usize,
        /// The first such sample.
        sample: u16,
        /// The geometry.
        geometry: Geometry,
    },
    /// The batch has no image.
    #[error("a batch has at least one image")]
    Empty,
}

/// Plain images of one geometry, each with a name.
///
/// The images follow each other in memory, (N, H, W, C). A 16-bit sample is two bytes, the less significant one first.
/// The names in a data set must differ: schemes that key every image by itself derive the streams from names and
/// pixels.
#[derive(Clone, PartialEq, Eq)]
pub struct Images {
    geometry: Geometry,
    names: Vec<String>,
    samples: Vec<u8>,
}

impl Images {
    /// A batch of images with these names.
    ///
    /// # Errors
    /// When there are not `geometry.bytes()` bytes of samples for each name, or a sample exceeds the depth.
    pub fn new(
        geometry: Geometry,
        names: impl IntoIterator<Item = impl Into<String>>,
        samples: Vec<u8>,
    ) -> Result<Self, BatchError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        check(geometry, names.len(), &samples)?;
        Ok(Self { geometry, names, samples })
    }

    /// A batch of decoded images.
    ///
    /// # Errors
    /// When there is no image, or the geometries differ.
    pub fn from_images(images: impl IntoIterator<Item = (String, Image)>) -> Result<Self, BatchError> {
        let mut images = images.into_iter();
        let (name, first) = images.next().ok_or(BatchError::Empty)?;
        let (geometry, mut names, mut samples) = (first.geometry(), vec![name], first.into_samples());
        for (name, image) in images {
            let (index, found) = (names.len(), image.geometry());
            if found != geometry {
                return Err(BatchError::Geometry { index, expected: geometry, found });
            }
            names.push(name);
            samples.extend_from_slice(image.samples());
        }
        Ok(Self { geometry, names, samples })
    }

    /// The geometry of every image.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The samples, (N, H, W, C).
    pub fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names and the samples.
    pub fn into_parts(self) -> (Vec<String>, Vec<u8>) {
        (self.names, self.samples)
    }
}

impl std::fmt::Debug for Images {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Images({} of {})", self.len(), self.geometry)
    }
}

/// Encrypted images of one geometry, each with its name and its id.
///
/// Ids are keyed hashes and not secret. Schemes that key every image by itself need them to decrypt; store them with
/// the images.
#[derive(Clone, PartialEq, Eq)]
pub struct Encrypted {
    geometry: Geometry,
    names: Vec<String>,
    ids: Vec<ImageId>,
    samples: Vec<u8>,
}

impl Encrypted {
    /// A batch that was encrypted earlier, from its stored parts.
    ///
    /// # Errors
    /// When there are not `geometry.bytes()` bytes of samples and one id for each name, or a sample exceeds the depth.
    pub fn new(
        geometry: Geometry,
        names: Vec<String>,
        ids: Vec<ImageId>,
        samples: Vec<u8>,
    ) -> Result<Self, BatchError> {
        check(geometry, names.len(), &samples)?;
        if ids.len() != names.len() {
            return Err(BatchError::Ids { images: names.len(), found: ids.len() });
        }
        Ok(Self { geometry, names, ids, samples })
    }

    /// The geometry of every image.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The ids, in order.
    pub fn ids(&self) -> &[ImageId] {
        &self.ids
    }

    /// The samples, (N, H, W, C).
    pub fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl std::fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Encrypted({} of {})", self.len(), self.geometry)
    }
}

/// Checks that these are the samples of so many images.
pub(crate) fn check(geometry: Geometry, images: usize, samples: &[u8]) -> Result<(), BatchError> {
    let found = samples.len();
    if found != images * geometry.bytes() {
        return Err(BatchError::Samples { images, geometry, found });
    }
    for (index, image) in samples.chunks_exact(geometry.bytes()).enumerate() {
        if let Some(sample) = geometry.depth().first_above(image) {
            return Err(BatchError::Sample { index, sample, geometry });
        }
    }
    Ok(())
}
