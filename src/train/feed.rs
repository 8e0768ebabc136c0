//! The feed: batches of plain images, augmented and encrypted, as burn tensors. On a GPU the images lie there as packed bytes
//! and one dispatch writes a batch into burn's memory; on the CPU the CPU engine writes the same bits.

use super::Backend;
use crate::dataset::floats::FloatPart;
use crate::dataset::{self, Loaded};
use crate::engine::gpu::Resident;
use crate::engine::{CpuEngine, Engine, EngineError, Pick};
use crate::image::{Geometry, View};
use crate::key::Key;
use crate::plan::{Program, soft_label};
use crate::schedule::ImageId;
use burn::tensor::{Int, Tensor, TensorData};

/// Images and labels in memory, for a feed.
pub struct Split {
    /// The images' geometry.
    pub geometry: Geometry,
    /// Interleaved samples, image after image; empty where there are floats.
    pub samples: Vec<u8>,
    /// Mixtures that were made before, image after image, each (C, H, W); empty where there are samples.
    pub floats: Vec<f32>,
    /// A class each; that with the largest share where labels are soft.
    pub labels: Vec<u32>,
    /// A share of every class for every image, where labels are soft; else empty.
    pub soft: Vec<f32>,
    /// How many classes there are.
    pub classes: usize,
    /// An id each, for stages keyed per image; zero where there is no key.
    pub ids: Vec<ImageId>,
}

impl Split {
    /// A loaded part of a set with so many classes; with a key, every image gets its id.
    pub fn new(loaded: Loaded, classes: usize, key: Option<&Key>) -> Self {
        let Loaded { geometry, samples, labels, names } = loaded;
        let images = samples.chunks_exact(geometry.bytes());
        let id = |(name, image): (&String, &[u8])| {
            key.map_or(ImageId::default(), |key| ImageId::new(key, name, geometry, image))
        };
        let ids = names.iter().zip(images).map(id).collect();
        Self { geometry, samples, floats: Vec::new(), labels, soft: Vec::new(), classes, ids }
    }

    /// A part of a set of mixtures with so many classes.
    pub fn of_mixtures(geometry: Geometry, part: &FloatPart, classes: usize) -> Self {
        let (pixels, channels, size) = (geometry.pixels(), geometry.channels(), geometry.samples());
        // From (H, W, C) to (C, H, W).
        let planar =
            |image: &[f32]| -> Vec<f32> { (0..size).map(|i| image[i % pixels * channels + i / pixels]).collect() };
        let floats: Vec<f32> = part.images.chunks_exact(size).flat_map(planar).collect();
        let largest = |shares: &[f32]| {
            let best = (0..classes).max_by(|&a, &b| shares[a].total_cmp(&shares[b]));
            best.unwrap_or_default() as u32
        };
        let labels: Vec<u32> = part.labels.chunks_exact(classes.max(1)).map(largest).collect();
        let ids = vec![ImageId::default(); labels.len()];
        Self { geometry, samples: Vec::new(), floats, labels, soft: part.labels.clone(), classes, ids }
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
    /// What they show.
    pub labels: Labels,
}

/// The labels of a batch on burn's device.
pub enum Labels {
    /// (N), the classes.
    Hard(Tensor<1, Int>),
    /// (N, classes), a share of every class.
    Soft(Tensor<2>),
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
    /// Mixtures that were made before; they go up with every batch.
    Floats(&'a [f32]),
}

/// Gives batches of a split.
pub struct Feed<'a> {
    backend: &'a Backend,
    program: &'a Program,
    key: Option<&'a Key>,
    split: &'a Split,
    images: Images<'a>,
    output: Vec<f32>,
    /// Where the program mixes: the epoch, and the partners of every image in it.
    epoch: u32,
    partners: Vec<Vec<u32>>,
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
            _ if !split.floats.is_empty() => Images::Floats(&split.floats),
            Some(gpu) => Images::Device(Resident::upload(gpu, split.geometry, &split.samples)?),
            None => Images::Host(&split.samples),
        };
        let mut feed =
            Self { backend, program, key, split, images, output: Vec::new(), epoch: 0, partners: Vec::new() };
        feed.begin_epoch(1);
        Ok(feed)
    }

    /// Begins an epoch, from 1: a program that mixes mixes anew in every one of them.
    pub fn begin_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
        if let (Some(mixing), Some(key)) = (self.program.mixing(), self.key) {
            // Only training images are mixed.
            let part = ImageId(dataset::Split::Train.number().to_le_bytes()).of_epoch(key, epoch);
            self.partners = mixing.partners(part.stream(), self.split.len() as u32);
        }
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

    /// The batch of these images (indices into the split), each seen through its view, encrypted, scaled. Where the program mixes,
    /// each with its partners of this epoch, seen through the same view, and with a soft label.
    ///
    /// # Errors
    /// When an index is out of range or the device fails.
    pub fn batch(&mut self, wanted: &[(usize, View)]) -> Result<Batch, FeedError> {
        let images = self.split.len();
        if let Some(&(index, _)) = wanted.iter().find(|(index, _)| *index >= images) {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            return Err(EngineError::Index { index, images }.into());
        }
        let (picks, soft) = self.picks(wanted);
        let geometry = self.split.geometry;
        let shape = [wanted.len(), geometry.channels(), geometry.height(), geometry.width()];
        let device = self.backend.device();
        let images = match (&self.images, self.backend) {
            (Images::Device(resident), Backend::Wgpu(bridge)) => {
                bridge.tensor(shape, |gpu, memory| gpu.floats_into(self.program, resident, &picks, memory))?
            }
            (Images::Host(samples), _) => {
                self.output.resize(wanted.len() * geometry.samples(), 0.0);
                CpuEngine.floats(self.program, samples, &picks, &mut self.output)?;
                let data = TensorData::new(std::mem::take(&mut self.output), shape);
                Tensor::from_data(data, &device)
            }
            (Images::Floats(floats), _) => {
                let size = geometry.samples();
                let batch: Vec<f32> =
                    wanted.iter().flat_map(|&(index, _)| &floats[index * size..][..size]).copied().collect();
                self.sent(size_of_val(&batch[..]));
                Tensor::from_data(TensorData::new(batch, shape), &device)
            }
            // A resident set is made only where there is a GPU.
            (Images::Device(_), Backend::Flex(_)) => {
                return Err(EngineError::NoDevice("the images are on a GPU that is not there".into()).into());
            }
        };
        let labels = match soft {
            Some(soft) => {
                self.sent(size_of_val(&soft[..]));
                let data = TensorData::new(soft, [wanted.len(), self.split.classes]);
                Labels::Soft(Tensor::from_data(data, &device))
            }
            None => {
                let labels: Vec<i32> = wanted.iter().map(|&(index, _)| self.split.labels[index] as i32).collect();
                self.sent(size_of_val(&labels[..]));
                Labels::Hard(Tensor::from_data(TensorData::new(labels, [wanted.len()]), &device))
            }
        };
        Ok(Batch { images, labels })
    }

    /// Counts bytes that go up.
    fn sent(&self, bytes: usize) {
        if let Some(gpu) = self.backend.gpu() {
            gpu.traffic().add_up(bytes as u64);
        }
    }

    /// What the engine is to pick for these images, which are there; and soft labels, if labels are soft.
    fn picks(&self, wanted: &[(usize, View)]) -> (Vec<Pick>, Option<Vec<f32>>) {
        let split = self.split;
        let pick = |index: usize, view, weight| {
            // A view is another image: without its own id two views would share a keystream.
            let id = match self.key {
                Some(key) if self.program.keyed_per_image() => split.ids[index].of_view(key, view),
                _ => split.ids[index],
            };
            Pick { index: index as u32, view, id, weight }
        };
        let classes = split.classes;
        let (Some(mixing), Some(key)) = (self.program.mixing(), self.key) else {
            let picks = wanted.iter().map(|&(index, view)| pick(index, view, 0)).collect();
            let shares = |&(index, _): &(usize, View)| split.soft[index * classes..][..classes].to_vec();
            return (picks, (!split.soft.is_empty()).then(|| wanted.iter().flat_map(shares).collect()));
        };
        let (mut picks, mut soft) = (Vec::new(), Vec::with_capacity(wanted.len() * classes));
        for &(index, view) in wanted {
            let in_epoch = |pick: Pick| Pick { id: pick.id.of_epoch(key, self.epoch), ..pick };
            // The first one's id gives weights and signs.
            let id = in_epoch(pick(index, view, 0)).id;
            let mut told = Vec::with_capacity(mixing.images as usize);
            let mixed = std::iter::once(index).chain(self.partners.iter().map(|list| list[index] as usize));
            for (j, weight) in mixed.zip(mixing.weights(id, split.geometry.samples())) {
                picks.push(in_epoch(pick(j, view, weight)));
                told.push((split.labels[j], weight));
            }
            soft.extend(soft_label(&told, classes));
        }
        (picks, Some(soft))
    }
}
