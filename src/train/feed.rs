//! The feed: batches of plain images, augmented and encrypted, as burn tensors. On a GPU the images lie there as packed bytes
//! and one dispatch writes a batch into burn's memory; on the CPU the CPU engine writes the same bits.

use super::Backend;
use crate::dataset::Loaded;
use crate::engine::gpu::Resident;
use crate::engine::{CpuEngine, Engine, EngineError, Pick};
use crate::image::{Geometry, View};
use crate::key::Key;
use crate::plan::Program;
use crate::schedule::ImageId;
use burn::tensor::{Int, Tensor, TensorData};

/// Images and labels in memory, for a feed.
pub struct Split {
    /// The images' geometry.
    pub geometry: Geometry,
    /// Interleaved samples, image after image.
    pub samples: Vec<u8>,
    /// A class each.
    pub labels: Vec<u32>,
    /// An id each, for stages keyed per image; zero where there is no key.
    pub ids: Vec<ImageId>,
}

impl Split {
    /// A loaded part of a set; with a key, every image gets its id.
    pub fn new(loaded: Loaded, key: Option<&Key>) -> Self {
        let Loaded { geometry, samples, labels, names } = loaded;
        let images = samples.chunks_exact(geometry.samples());
        let id = |(name, image): (&String, &[u8])| {
            key.map_or(ImageId::default(), |key| ImageId::new(key, name, geometry, image))
        };
        let ids = names.iter().zip(images).map(id).collect();
        Self { geometry, samples, labels, ids }
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// A batch on burn's device.
pub struct Batch {
    /// (N, C, H, W), scaled to [-1, 1]: `(2p - 255) / 255`.
    pub images: Tensor<4>,
    /// (N), the classes.
    pub labels: Tensor<1, Int>,
}

/// Why a batch could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The engine or the device failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

enum Images<'a> {
    Device(Resident),
    Host(&'a [u8]),
}

/// Gives batches of a split.
pub struct Feed<'a> {
    backend: &'a Backend,
    program: &'a Program,
    key: Option<&'a Key>,
    split: &'a Split,
    images: Images<'a>,
    output: Vec<f32>,
}

impl<'a> Feed<'a> {
    /// A feed of `split` through `program`. On a GPU the images are uploaded here, once.
    ///
    /// `key` gives augmented views their own ids where the program is keyed per image.
    ///
    /// # Errors
    /// When the images do not fit the device.
    pub fn new(
        backend: &'a Backend,
        program: &'a Program,
        key: Option<&'a Key>,
        split: &'a Split,
    ) -> Result<Self, FeedError> {
        let images = match backend.gpu() {
            Some(gpu) => Images::Device(Resident::upload(gpu, split.geometry, &split.samples)?),
            None => Images::Host(&split.samples),
        };
        Ok(Self { backend, program, key, split, images, output: Vec::new() })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.split.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.split.is_empty()
    }

    /// The classes of all images, in order.
    pub fn labels(&self) -> &[u32] {
        &self.split.labels
    }

    /// The batch of these images (indices into the split), each seen through its view, encrypted, scaled.
    ///
    /// # Errors
    /// When an index is out of range or the device fails.
    pub fn batch(&mut self, wanted: &[(usize, View)]) -> Result<Batch, FeedError> {
        let keyed = self.program.keyed_per_image();
        let mut picks = Vec::with_capacity(wanted.len());
        let mut labels = Vec::with_capacity(wanted.len());
        for &(index, view) in wanted {
            let (Some(&label), Some(&id)) = (self.split.labels.get(index), self.split.ids.get(index)) else {
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                return Err(EngineError::Index { index, images: self.split.len() }.into());
            };
            // A view is another image: without its own id two views would share a keystream.
            let id = match self.key {
                Some(key) if keyed => id.of_view(key, view),
                _ => id,
            };
            picks.push(Pick { index: index as u32, view, id, weight: 0 });
            labels.push(label as i32);
        }
        let geometry = self.split.geometry;
        let shape = [wanted.len(), geometry.channels(), geometry.height(), geometry.width()];
        let device = self.backend.device();
        let images = match (&self.images, self.backend) {
            (Images::Device(resident), Backend::Wgpu(bridge)) => {
                bridge.tensor(shape, |gpu, memory| gpu.floats_into(self.program, resident, &picks, memory))?
            }
            (Images::Host(samples), _) => {
                self.output.resize(picks.len() * geometry.samples(), 0.0);
                CpuEngine.floats(self.program, samples, &picks, &mut self.output)?;
                let data = TensorData::new(std::mem::take(&mut self.output), shape);
                Tensor::from_data(data, &device)
            }
            // A resident set is made only where there is a GPU.
            (Images::Device(_), Backend::Flex(_)) => {
                return Err(EngineError::NoDevice("the images are on a GPU that is not there".into()).into());
            }
        };
        if let Some(gpu) = self.backend.gpu() {
            gpu.traffic().add_up(size_of_val(&labels[..]) as u64);
        }
        let labels = Tensor::from_data(TensorData::new(labels, [wanted.len()]), &device);
        Ok(Batch { images, labels })
    }
}
