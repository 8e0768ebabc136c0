//! The feed: batches of plain images, augmented and encrypted, as burn tensors.
//!
//! On a GPU the images are kept on the device as packed bytes, or streamed batch by batch where the device has no room
//! for all of them. One dispatch writes a batch into burn's memory. Without a GPU, the CPU engine writes the same bits.

use super::Backend;
use super::backend::Taken;
use burn::tensor::{Int, Tensor, TensorData};
use imgveil::internal::engine::gpu::{Resident, Streaming};
use imgveil::internal::engine::{Device, EngineError, ImageRef, Loaded as LoadedProgram, NoDevice};
use imgveil::internal::engine::{Program, soft_label};
use imgveil::internal::image::{Augmentation, Geometry};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::ImageId;
use imgveil_data::set::mixtures::MixtureSplit;
use imgveil_data::set::{self, Loaded};
use std::sync::Arc;

/// Images and labels in memory, for a feed.
#[derive(Clone)]
#[non_exhaustive]
pub struct Split {
    /// The geometry of the images.
    pub geometry: Geometry,
    /// Interleaved samples, image after image. Empty if the split holds floats.
    pub samples: Vec<u8>,
    /// Mixtures that were made before training, image after image, each (C, H, W). Empty if the split holds samples.
    pub floats: Vec<f32>,
    /// The class of each image. For soft labels, the class with the largest share.
    pub labels: Vec<u32>,
    /// For soft labels, the share of each class, image after image; otherwise empty.
    pub soft: Vec<f32>,
    /// The number of classes.
    pub classes: usize,
    /// The id of each image, for stages that are keyed per image. Zero without a key.
    pub ids: Vec<ImageId>,
}

impl Split {
    /// Takes loaded images of a set with `classes` classes. With a key, every image gets its id.
    pub fn new(loaded: Loaded, classes: usize, key: Option<&Key>) -> Self {
        let Loaded { geometry, samples, labels, names } = loaded;
        let images = samples.chunks_exact(geometry.bytes());
        let id = |(name, image): (&String, &[u8])| {
            key.map_or(ImageId::default(), |key| ImageId::new(key, name, geometry, image))
        };
        let ids = names.iter().zip(images).map(id).collect();
        Self { geometry, samples, floats: Vec::new(), labels, soft: Vec::new(), classes, ids }
    }

    /// Takes a split of a set of mixtures with `classes` classes.
    pub fn of_mixtures(geometry: Geometry, part: &MixtureSplit, classes: usize) -> Self {
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

    /// Keeps the first `images` images.
    pub fn truncate(&mut self, images: usize) {
        let geometry = self.geometry;
        self.samples.truncate(images.saturating_mul(geometry.bytes()));
        self.floats.truncate(images.saturating_mul(geometry.samples()));
        self.labels.truncate(images);
        self.soft.truncate(images.saturating_mul(self.classes));
        self.ids.truncate(images);
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// A batch on burn's device.
#[non_exhaustive]
pub struct Batch {
    /// The images, (N, C, H, W), scaled to [-1, 1]: `(2p - 255) / 255`.
    pub images: Tensor<4>,
    /// The labels of the images.
    pub labels: Labels,
}

/// The labels of a batch on burn's device.
#[non_exhaustive]
pub enum Labels {
    /// The class of each image, (N).
    Hard(Tensor<1, Int>),
    /// The share of each class for each image, (N, classes).
    Soft(Tensor<2>),
}

/// The error of a feed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// The engine or the device failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Where the images of a feed are.
enum Images {
    /// All images are on the device. They take their share of the room until they are dropped.
    Device { resident: Resident, _room: Taken },
    /// Only the images of a batch are sent to the device.
    Streamed(Streaming),
    /// The CPU engine reads the samples of the split.
    Host,
    /// The floats of the split are sent with every batch.
    Floats,
}

/// Gives batches of a split.
///
/// A feed owns what it needs. The backend, the program and the split are shared, not copied: several feeds can use the
/// same ones, and a feed can be kept in a structure or moved to another thread.
///
/// # Examples
///
/// Encrypted batches for any burn network. `examples/own_model.rs` trains one.
///
/// ```
/// use imgveil_data::set::Loaded;
/// use imgveil::internal::engine::{Device, DeviceChoice};
/// use imgveil::internal::image::{Augmentation, Geometry};
/// use imgveil::Key;
/// use imgveil::internal::scheme::{Options, Preset, compile};
/// use imgveil_train::{Backend, Feed, Labels, Split};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Two grey images of 8 x 8 pixels, and a class for each.
/// let geometry = Geometry::new(8, 8, 1)?;
/// let names = vec!["black".into(), "white".into()];
/// let samples = [[0; 64], [255; 64]].concat();
/// let loaded = Loaded { geometry, samples, labels: vec![0, 1], names };
///
/// let key = Key::from_bytes([7; 32]);
/// let program = compile(&Preset::ShuffleFlip.scheme(Options::default())?, &key, geometry)?;
/// let split = Split::new(loaded, 2, Some(&key));
/// let backend = Backend::open(Device::open(&DeviceChoice::Cpu)?)?;
///
/// let mut feed = Feed::new(&backend, program, Some(&key), split)?;
/// let shifted = Augmentation { dx: 2, ..Augmentation::IDENTITY };
/// let batch = feed.batch(&[(0, Augmentation::IDENTITY), (1, Augmentation::IDENTITY), (1, shifted)])?;
/// assert_eq!(batch.images.dims(), [3, 1, 8, 8]);
/// assert!(matches!(batch.labels, Labels::Hard(classes) if classes.dims() == [3]));
/// # Ok(())
/// # }
/// ```
pub struct Feed {
    backend: Backend,
    loaded: LoadedProgram,
    key: Option<Key>,
    split: Arc<Split>,
    images: Images,
    output: Vec<f32>,
    /// The epoch, for a program that mixes and for fresh keys.
    epoch: u32,
    /// Whether images have other keys in every epoch, where every image has its own.
    fresh_keys: bool,
    /// The partners of each image in this epoch, for a program that mixes.
    partners: Vec<Vec<u32>>,
}

impl Feed {
    /// A feed of `split` through `program`.
    ///
    /// On a GPU the images are uploaded here, once, if the device has room for them ([`Backend::limit_images`]).
    /// Otherwise the images of every batch are sent with it. The split stays in host memory in either case.
    ///
    /// `key` gives augmented images their own ids if the program is keyed per image.
    ///
    /// # Errors
    /// When an image does not fit the device.
    pub fn new(
        backend: &Backend,
        program: impl Into<Arc<Program>>,
        key: Option<&Key>,
        split: impl Into<Arc<Split>>,
    ) -> Result<Self, FeedError> {
        let (backend, split) = (backend.clone(), split.into());
        let images = match &backend {
            _ if !split.floats.is_empty() => Images::Floats,
            Backend::Wgpu(bridge) => match bridge.take_room(split.samples.len() as u64) {
                Some(room) => match Resident::upload(bridge.gpu(), split.geometry, &split.samples) {
                    Ok(resident) => Images::Device { resident, _room: room },
                    // The device has less memory than the limit says. If it is lost, the first batch reports it.
                    Err(EngineError::Device { .. }) => Images::Streamed(Streaming::new(split.geometry)),
                    Err(error) => return Err(error.into()),
                },
                None => Images::Streamed(Streaming::new(split.geometry)),
            },
            Backend::Flex(_) => Images::Host,
        };
        let device = match &backend {
            Backend::Wgpu(bridge) => bridge.on().clone(),
            Backend::Flex(_) => Device::cpu(),
        };
        let loaded = LoadedProgram::new(&device, program)?;
        let (key, output, partners) = (key.cloned(), Vec::new(), Vec::new());
        let mut feed = Self { backend, loaded, key, split, images, output, epoch: 0, fresh_keys: false, partners };
        feed.begin_epoch(1);
        Ok(feed)
    }

    /// The same with fresh keys: a program that is keyed per image encrypts every image under another key in every
    /// epoch, as if it were another image (`docs/SCHEDULE.md`, "Ids and hashes of images, format 1"). Needs the key.
    pub fn with_fresh_keys(self) -> Self {
        Self { fresh_keys: true, ..self }
    }

    /// Begins epoch `epoch`, counted from 1. A program that mixes draws new partners in every epoch.
    pub fn begin_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
        if let (Some(mixing), Some(key)) = (self.loaded.program().mixing(), &self.key) {
            // Only training images are mixed.
            let part = ImageId(set::Split::Train.number().to_le_bytes()).of_epoch(key, epoch);
            self.partners = mixing.partners(part.stream(), self.split.len() as u32);
        }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.split.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.split.is_empty()
    }

    /// The class of each image, in the order of the split.
    pub fn labels(&self) -> &[u32] {
        &self.split.labels
    }

    /// Whether the images of every batch are sent with it, because the device had no room for all of them.
    pub fn is_streamed(&self) -> bool {
        matches!(self.images, Images::Streamed(_))
    }

    /// Begins to send the images of the next batch, so that they are on the device when [`Feed::batch`] asks for them.
    /// Does nothing unless the feed [streams](Feed::is_streamed). [`Feed::batches`] calls it.
    ///
    /// # Errors
    /// As [`Feed::batch`].
    pub fn prepare(&mut self, picks: &[(usize, Augmentation)]) -> Result<(), FeedError> {
        self.check(picks)?;
        if !self.is_streamed() {
            return Ok(());
        }
        let indices = picks.iter().flat_map(|&(index, _)| self.mixed(index)).map(|index| index as u32).collect();
        if let (Images::Streamed(streaming), Some(gpu)) = (&mut self.images, self.backend.gpu()) {
            streaming.prepare(gpu, &self.split.samples, indices)?;
        }
        Ok(())
    }

    /// The batches of an epoch, one after the other, as [`Feed::batch`] gives them. If the feed streams, the images of
    /// each batch are sent while the device works on the batch before.
    pub fn batches<'f>(&'f mut self, order: &'f [Vec<(usize, Augmentation)>]) -> Batches<'f> {
        Batches { feed: self, order }
    }

    /// Makes a batch of `picks`: images as indices into the split, each with its augmentation. The images are
    /// augmented, encrypted and scaled. A program that mixes adds the partners of this epoch to each image, under the
    /// same augmentation, and gives soft labels.
    ///
    /// # Errors
    /// When an index is out of range or the device fails.
    pub fn batch(&mut self, picks: &[(usize, Augmentation)]) -> Result<Batch, FeedError> {
        self.check(picks)?;
        let (mut refs, soft) = self.refs(picks);
        let geometry = self.split.geometry;
        let shape = [picks.len(), geometry.channels(), geometry.height(), geometry.width()];
        let device = self.backend.device();
        let loaded = &self.loaded;
        let images = match (&mut self.images, &self.backend) {
            (Images::Device { resident, .. }, Backend::Wgpu(bridge)) => {
                bridge.tensor(shape, |memory| loaded.floats_into(resident, &refs, memory))?
            }
            (Images::Streamed(streaming), Backend::Wgpu(bridge)) => {
                let indices: Vec<u32> = refs.iter().map(|image_ref| image_ref.index).collect();
                let sent = streaming.batch(bridge.gpu(), &self.split.samples, &indices)?;
                // The device holds them in the order of the references.
                refs.iter_mut().zip(0..).for_each(|(image_ref, place)| image_ref.index = place);
                bridge.tensor(shape, |memory| loaded.floats_into(&sent, &refs, memory))?
            }
            (Images::Host, _) => {
                self.output.resize(picks.len() * geometry.samples(), 0.0);
                loaded.floats(&self.split.samples, &refs, &mut self.output)?;
                let data = TensorData::new(std::mem::take(&mut self.output), shape);
                Tensor::from_data(data, &device)
            }
            (Images::Floats, _) => {
                let size = geometry.samples();
                let batch: Vec<f32> =
                    picks.iter().flat_map(|&(index, _)| &self.split.floats[index * size..][..size]).copied().collect();
                self.sent(size_of_val(&batch[..]));
                Tensor::from_data(TensorData::new(batch, shape), &device)
            }
            // `Feed::new` makes these only with a GPU.
            (Images::Device { .. } | Images::Streamed(_), Backend::Flex(_)) => {
                let wanted = "the images are on a GPU that is not there".to_owned();
                return Err(EngineError::NoDevice(NoDevice { wanted, adapters: Vec::new() }).into());
            }
        };
        let labels = match soft {
            Some(soft) => {
                self.sent(size_of_val(&soft[..]));
                let data = TensorData::new(soft, [picks.len(), self.split.classes]);
                Labels::Soft(Tensor::from_data(data, &device))
            }
            None => {
                let labels: Vec<i32> = picks.iter().map(|&(index, _)| self.split.labels[index] as i32).collect();
                self.sent(size_of_val(&labels[..]));
                Labels::Hard(Tensor::from_data(TensorData::new(labels, [picks.len()]), &device))
            }
        };
        Ok(Batch { images, labels })
    }

    /// Checks that the split has all of the images.
    fn check(&self, picks: &[(usize, Augmentation)]) -> Result<(), EngineError> {
        let images = self.split.len();
        match picks.iter().find(|(index, _)| *index >= images) {
            Some(&(index, _)) => Err(EngineError::Index { index: u32::try_from(index).unwrap_or(u32::MAX), images }),
            None => Ok(()),
        }
    }

    /// The image and, if the program mixes, its partners of this epoch.
    fn mixed(&self, index: usize) -> impl Iterator<Item = usize> {
        std::iter::once(index).chain(self.partners.iter().map(move |list| list[index] as usize))
    }

    /// The image that has the largest share in the mixture of an image in this epoch: the image itself if the program
    /// does not mix.
    pub(crate) fn strongest(&self, index: usize) -> usize {
        let (Some(mixing), Some(key)) = (self.loaded.program().mixing(), &self.key) else { return index };
        let id = self.split.ids[index].of_augmentation(key, Augmentation::IDENTITY).of_epoch(key, self.epoch);
        let weights = mixing.weights(id, self.split.geometry.samples());
        let parts: Vec<(usize, u32)> = self.mixed(index).zip(weights).collect();
        // An image can be its own partner.
        let share = |image: usize| parts.iter().filter(|part| part.0 == image).map(|part| part.1).sum::<u32>();
        parts.iter().map(|part| part.0).max_by_key(|&image| share(image)).unwrap_or(index)
    }

    /// Counts bytes that are sent to the device.
    fn sent(&self, bytes: usize) {
        if let Some(gpu) = self.backend.gpu() {
            gpu.traffic().add_up(bytes as u64);
        }
    }

    /// The references for the engine, and the labels if they are soft. The split must have all of the images.
    fn refs(&self, picks: &[(usize, Augmentation)]) -> (Vec<ImageRef>, Option<Vec<f32>>) {
        let split = &*self.split;
        // Without an id of its own, an augmented image would share the keystream of the plain image.
        let id = |index: usize, augmentation| {
            let key = self.key.as_ref()?;
            let id = split.ids[index].of_augmentation(key, augmentation);
            Some(if self.fresh_keys { id.of_epoch(key, self.epoch) } else { id })
        };
        let image_ref = |index: usize, augmentation, weight| ImageRef {
            index: index as u32,
            augmentation,
            id: id(index, augmentation),
            weight,
        };
        let classes = split.classes;
        let (Some(mixing), Some(key)) = (self.loaded.program().mixing(), &self.key) else {
            let refs = picks.iter().map(|&(index, augmentation)| image_ref(index, augmentation, 0)).collect();
            let shares = |&(index, _): &(usize, Augmentation)| split.soft[index * classes..][..classes].to_vec();
            return (refs, (!split.soft.is_empty()).then(|| picks.iter().flat_map(shares).collect()));
        };
        let (mut refs, mut soft) = (Vec::new(), Vec::with_capacity(picks.len() * classes));
        for &(index, augmentation) in picks {
            let in_epoch = |j: usize| split.ids[j].of_augmentation(key, augmentation).of_epoch(key, self.epoch);
            // The id of the image itself gives the weights and signs.
            let id = in_epoch(index);
            let mut shares = Vec::with_capacity(mixing.images as usize);
            for (j, weight) in self.mixed(index).zip(mixing.weights(id, split.geometry.samples())) {
                refs.push(image_ref(j, augmentation, weight).with_id(in_epoch(j)));
                shares.push((split.labels[j], weight));
            }
            soft.extend(soft_label(&shares, classes));
        }
        (refs, Some(soft))
    }
}

/// The batches of an epoch. [`Feed::batches`] returns it.
pub struct Batches<'f> {
    feed: &'f mut Feed,
    order: &'f [Vec<(usize, Augmentation)>],
}

impl Iterator for Batches<'_> {
    type Item = Result<Batch, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (picks, later) = self.order.split_first()?;
        self.order = later;
        let batch = self.feed.batch(picks);
        // Sent after the dispatch of this batch and before the work of the caller on it.
        let prepared = match later.first() {
            Some(next) => self.feed.prepare(next),
            None => Ok(()),
        };
        Some(batch.and_then(|batch| prepared.map(|()| batch)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.order.len(), Some(self.order.len()))
    }
}

impl ExactSizeIterator for Batches<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_can_be_moved_to_a_thread_and_outlives_its_parts() {
        fn holds<T: Send + 'static>() {}
        holds::<Feed>();
    }
}
