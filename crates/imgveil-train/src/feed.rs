//! The feed: batches of plain images, augmented and encrypted, as burn tensors. On a GPU the images lie there as packed bytes,
//! or go up batch by batch where there is no room for all, and one dispatch writes a batch into burn's memory; on the CPU the
//! CPU engine writes the same bits.

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

    /// Keeps the first so many images.
    pub fn truncate(&mut self, images: usize) {
        let geometry = self.geometry;
        self.samples.truncate(images.saturating_mul(geometry.bytes()));
        self.floats.truncate(images.saturating_mul(geometry.samples()));
        self.labels.truncate(images);
        self.soft.truncate(images.saturating_mul(self.classes));
        self.ids.truncate(images);
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
    /// All on the device, and the room that they take until they go.
    Device {
        resident: Resident,
        _room: Taken<'a>,
    },
    /// Those of a batch on the device.
    Streamed(Streaming),
    Host,
    /// Mixtures that were made before; they go up with every batch.
    Floats(&'a [f32]),
}

/// Gives batches of a split.
///
/// # Examples
///
/// Encrypted batches for any burn network; `examples/own_model.rs` trains one.
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
/// let mut feed = Feed::new(&backend, &program, Some(&key), &split)?;
/// let shifted = Augmentation { dx: 2, ..Augmentation::IDENTITY };
/// let batch = feed.batch(&[(0, Augmentation::IDENTITY), (1, Augmentation::IDENTITY), (1, shifted)])?;
/// assert_eq!(batch.images.dims(), [3, 1, 8, 8]);
/// assert!(matches!(batch.labels, Labels::Hard(classes) if classes.dims() == [3]));
/// # Ok(())
/// # }
/// ```
pub struct Feed<'a> {
    backend: &'a Backend,
    loaded: LoadedProgram,
    key: Option<&'a Key>,
    split: &'a Split,
    images: Images<'a>,
    output: Vec<f32>,
    /// Where the program mixes: the epoch, and the partners of every image in it.
    epoch: u32,
    partners: Vec<Vec<u32>>,
}

impl<'a> Feed<'a> {
    /// A feed of `split` through `program`. On a GPU the images are uploaded here, once, if there is room for them
    /// ([`Backend::limit_images`]) and the device takes them; else those of every batch go up with it. In host memory the
    /// whole split stays as it is, a byte or two a sample.
    ///
    /// `key` gives augmented views their own ids where the program is keyed per image.
    ///
    /// # Errors
    /// When an image does not fit the device.
    pub fn new(
        backend: &'a Backend,
        program: &'a Program,
        key: Option<&'a Key>,
        split: &'a Split,
    ) -> Result<Self, FeedError> {
        let images = match backend {
            _ if !split.floats.is_empty() => Images::Floats(&split.floats),
            Backend::Wgpu(bridge) => match bridge.take_room(split.samples.len() as u64) {
                Some(room) => match Resident::upload(bridge.gpu(), split.geometry, &split.samples) {
                    Ok(resident) => Images::Device { resident, _room: room },
                    // Less memory than was hoped for. If the device is lost, the first batch will say so.
                    Err(EngineError::Device { .. }) => Images::Streamed(Streaming::new(split.geometry)),
                    Err(error) => return Err(error.into()),
                },
                None => Images::Streamed(Streaming::new(split.geometry)),
            },
            Backend::Flex(_) => Images::Host,
        };
        let device = match backend {
            Backend::Wgpu(bridge) => bridge.on().clone(),
            Backend::Flex(_) => Device::cpu(),
        };
        let loaded = LoadedProgram::new(&device, program.clone())?;
        let mut feed = Self { backend, loaded, key, split, images, output: Vec::new(), epoch: 0, partners: Vec::new() };
        feed.begin_epoch(1);
        Ok(feed)
    }

    /// Begins an epoch, from 1: a program that mixes mixes anew in every one of them.
    pub fn begin_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
        if let (Some(mixing), Some(key)) = (self.loaded.program().mixing(), self.key) {
            // Only training images are mixed.
            let part = ImageId(set::Split::Train.number().to_le_bytes()).of_epoch(key, epoch);
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

    /// Whether the images of every batch go up with it, because there was no room for all of them on the device.
    pub fn is_streamed(&self) -> bool {
        matches!(self.images, Images::Streamed(_))
    }

    /// Begins to send the images of the batch that will be wanted next, so that they are on the device when it is. Changes
    /// nothing else, and does nothing where the set does not stream. [`Feed::batches`] calls it.
    ///
    /// # Errors
    /// As [`Feed::batch`].
    pub fn prepare(&mut self, wanted: &[(usize, Augmentation)]) -> Result<(), FeedError> {
        self.check(wanted)?;
        if !self.is_streamed() {
            return Ok(());
        }
        let indices = wanted.iter().flat_map(|&(index, _)| self.mixed(index)).map(|index| index as u32).collect();
        if let (Images::Streamed(streaming), Some(gpu)) = (&mut self.images, self.backend.gpu()) {
            streaming.prepare(gpu, &self.split.samples, indices)?;
        }
        Ok(())
    }

    /// The batches of an epoch, one after the other, as [`Feed::batch`] gives them; of a set that streams, each batch's images
    /// go up while the device works on the one before.
    pub fn batches<'f>(&'f mut self, order: &'f [Vec<(usize, Augmentation)>]) -> Batches<'f, 'a> {
        Batches { feed: self, order }
    }

    /// The batch of these images (indices into the split), each seen through its view, encrypted, scaled. Where the program mixes,
    /// each with its partners of this epoch, seen through the same view, and with a soft label.
    ///
    /// # Errors
    /// When an index is out of range or the device fails.
    pub fn batch(&mut self, wanted: &[(usize, Augmentation)]) -> Result<Batch, FeedError> {
        self.check(wanted)?;
        let (mut refs, soft) = self.refs(wanted);
        let geometry = self.split.geometry;
        let shape = [wanted.len(), geometry.channels(), geometry.height(), geometry.width()];
        let device = self.backend.device();
        let loaded = &self.loaded;
        let images = match (&mut self.images, self.backend) {
            (Images::Device { resident, .. }, Backend::Wgpu(bridge)) => {
                bridge.tensor(shape, |memory| loaded.floats_into(resident, &refs, memory))?
            }
            (Images::Streamed(streaming), Backend::Wgpu(bridge)) => {
                let indices: Vec<u32> = refs.iter().map(|image_ref| image_ref.index).collect();
                let sent = streaming.batch(bridge.gpu(), &self.split.samples, &indices)?;
                // They lie there in the order of the references.
                refs.iter_mut().zip(0..).for_each(|(image_ref, place)| image_ref.index = place);
                bridge.tensor(shape, |memory| loaded.floats_into(&sent, &refs, memory))?
            }
            (Images::Host, _) => {
                self.output.resize(wanted.len() * geometry.samples(), 0.0);
                loaded.floats(&self.split.samples, &refs, &mut self.output)?;
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
            // These are made only where there is a GPU.
            (Images::Device { .. } | Images::Streamed(_), Backend::Flex(_)) => {
                let wanted = "the images are on a GPU that is not there".to_owned();
                return Err(EngineError::NoDevice(NoDevice { wanted, adapters: Vec::new() }).into());
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

    /// Whether all of these images are there.
    fn check(&self, wanted: &[(usize, Augmentation)]) -> Result<(), EngineError> {
        let images = self.split.len();
        match wanted.iter().find(|(index, _)| *index >= images) {
            Some(&(index, _)) => Err(EngineError::Index { index: u32::try_from(index).unwrap_or(u32::MAX), images }),
            None => Ok(()),
        }
    }

    /// The image and, where the program mixes, its partners of this epoch.
    fn mixed(&self, index: usize) -> impl Iterator<Item = usize> {
        std::iter::once(index).chain(self.partners.iter().map(move |list| list[index] as usize))
    }

    /// Counts bytes that go up.
    fn sent(&self, bytes: usize) {
        if let Some(gpu) = self.backend.gpu() {
            gpu.traffic().add_up(bytes as u64);
        }
    }

    /// What the engine is to pick for these images, which are there; and soft labels, if labels are soft.
    fn refs(&self, wanted: &[(usize, Augmentation)]) -> (Vec<ImageRef>, Option<Vec<f32>>) {
        let split = self.split;
        // The augmented image is another image: without an id of its own it would share the plain image's keystream.
        let id = |index: usize, augmentation| Some(split.ids[index].of_augmentation(self.key?, augmentation));
        let image_ref = |index: usize, augmentation, weight| ImageRef {
            index: index as u32,
            augmentation,
            id: id(index, augmentation),
            weight,
        };
        let classes = split.classes;
        let (Some(mixing), Some(key)) = (self.loaded.program().mixing(), self.key) else {
            let refs = wanted.iter().map(|&(index, view)| image_ref(index, view, 0)).collect();
            let shares = |&(index, _): &(usize, Augmentation)| split.soft[index * classes..][..classes].to_vec();
            return (refs, (!split.soft.is_empty()).then(|| wanted.iter().flat_map(shares).collect()));
        };
        let (mut refs, mut soft) = (Vec::new(), Vec::with_capacity(wanted.len() * classes));
        for &(index, view) in wanted {
            let in_epoch = |j: usize| split.ids[j].of_augmentation(key, view).of_epoch(key, self.epoch);
            // The first one's id gives weights and signs.
            let id = in_epoch(index);
            let mut told = Vec::with_capacity(mixing.images as usize);
            for (j, weight) in self.mixed(index).zip(mixing.weights(id, split.geometry.samples())) {
                refs.push(image_ref(j, view, weight).with_id(in_epoch(j)));
                told.push((split.labels[j], weight));
            }
            soft.extend(soft_label(&told, classes));
        }
        (refs, Some(soft))
    }
}

/// The batches of an epoch: see [`Feed::batches`].
pub struct Batches<'f, 'a> {
    feed: &'f mut Feed<'a>,
    order: &'f [Vec<(usize, Augmentation)>],
}

impl Iterator for Batches<'_, '_> {
    type Item = Result<Batch, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (wanted, later) = self.order.split_first()?;
        self.order = later;
        let batch = self.feed.batch(wanted);
        // Behind this batch's dispatch and before what the caller does with it.
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

impl ExactSizeIterator for Batches<'_, '_> {}
