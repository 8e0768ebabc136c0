//! How much memory a step takes, so that a batch that does not fit is refused before the first step. An allocation that
//! fails ends the process without a word, so small steps are measured in a process of their own, and the caller
//! computes what a large one takes.

use crate::backend::Backend;
use crate::checkpoint::read_description;
use crate::error::{Error, TrainError};
use crate::model::{ModelConfig, ModelKind};
use crate::precision::Precision;
use burn::tensor::{DType, Tensor};
use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil_data::process_memory::{process_memory, space_left};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What decides the memory of a step, as plain data for another process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepProbe {
    /// The network.
    pub model: ModelConfig,
    /// The number format of a step.
    pub precision: Precision,
    /// The device.
    #[serde(with = "super::texts::device")]
    pub device: DeviceChoice,
    /// Whether the step computes gradients.
    pub learns: bool,
}

/// The memory that a process has taken at most for steps of so many images, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepMemory {
    /// The images of a step.
    pub images: usize,
    /// The most that was in memory.
    pub resident: u64,
    /// The most address space that was taken.
    pub space: u64,
}

/// What this process may still take, in bytes. `None` for what has no limit, or is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Of the memory of the machine and the container.
    pub resident: Option<u64>,
    /// Of its address space.
    pub space: Option<u64>,
}

impl Room {
    /// What there is now.
    pub fn now() -> Self {
        Self { resident: imgveil_data::available_now(), space: space_left() }
    }

    /// The smaller of the two.
    pub fn least(self) -> Option<u64> {
        [self.resident, self.space].into_iter().flatten().min()
    }
}

/// A step that does not fit into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The bytes that it takes.
    pub needed: u64,
    /// The bytes that there are.
    pub available: u64,
    /// The most images of a step that fits.
    pub fits: usize,
}

/// How many times the parameters are in memory beside a step of training: two states of the optimiser, the best weights
/// so far, and the state of the run while it is written.
const COPIES: u64 = 7;

/// The most bytes that a network takes for a place of its first map, in a step with gradients: about three times what
/// was measured. `places` is the number of places; attention compares each with all others.
fn of_a_place(kind: ModelKind, places: u64) -> u64 {
    let kib = match kind {
        ModelKind::Cnn => 24,
        ModelKind::ResNet18 => 20,
        ModelKind::Xception => 36,
        ModelKind::ResNet50 => 105,
        ModelKind::DenseNet121 => 180,
        ModelKind::VitTiny => 4 * places.max(256),
        ModelKind::VitSmall => 8 * places.max(256),
        ModelKind::ConvMixer => 2 << 10,
        ModelKind::Bag => 24,
    };
    kib << 10
}

/// Small steps vary by some MiB, so that steps are made until they differ by so many bytes.
const ENOUGH: u64 = 128 << 20;

/// What an image takes over many steps, compared with the first: the allocator does not give back all that is freed.
const SLACK: f64 = 1.1;

impl StepProbe {
    /// The probe for predictions of a run's checkpoint. `None` where the memory of the device is not known.
    ///
    /// # Errors
    /// When a file is missing, or the description of the network is damaged.
    pub fn of_prediction(
        run: &Path,
        checkpoint: &str,
        backend: &Backend,
        device: &DeviceChoice,
    ) -> Result<Option<Self>, Error> {
        if !backend.uses_host_memory() {
            return Ok(None);
        }
        let model = read_description(run, checkpoint)?.model;
        Ok(Some(Self { model, precision: Precision::F32, device: device.clone(), learns: false }))
    }

    /// The sizes of steps to measure for a batch of `batch` images. None if it surely fits into `room`.
    pub fn sizes(&self, batch: usize, room: Room) -> Vec<usize> {
        let Some(least) = room.least() else { return Vec::new() };
        let ModelConfig { kind, size, adaptation, patch, channels, .. } = &self.model;
        if adaptation.is_none() {
            let patch = patch.unwrap_or([1, 1]);
            let places = (size[0] / patch[0].max(1) * (size[1] / patch[1].max(1))) as u64;
            let of_an_image = places * of_a_place(*kind, places) + (size[0] * size[1] * channels) as u64 * 16;
            let parameters = 4 * self.model.outline().parameters() as u64;
            if (batch as u64).saturating_mul(of_an_image) + (2 + COPIES) * parameters < least / 2 {
                return Vec::new();
            }
        }
        let doubled = std::iter::successors(Some(2), |&images| Some(2 * images));
        let mut sizes: Vec<usize> = doubled.take_while(|&images| images <= 4 || 4 * images <= batch).collect();
        sizes.iter_mut().for_each(|images| *images = (*images).min(batch.max(1)));
        sizes.dedup();
        sizes
    }

    /// Makes steps of each of these sizes until they take 128 MiB more than the first, and tells after each how much
    /// memory this process has taken since before the first. Tells nothing where the system does not say.
    ///
    /// # Errors
    /// When there is no such device.
    pub fn measure(&self, sizes: &[usize], tell: &mut dyn FnMut(StepMemory)) -> Result<(), Error> {
        let Some(before) = process_memory() else { return Ok(()) };
        let backend = Backend::open(Device::open(&self.device)?)?;
        let device = if self.learns { backend.device().autodiff() } else { backend.device() };
        let network = self.model.init(0, &device);
        let [height, width] = self.model.size;
        let mut first = None;
        for &images in sizes {
            let batch = Tensor::<4>::zeros([images, self.model.channels, height, width], &device);
            let network = self.precision.of_step(&network);
            let (logits, penalty) = network.forward_with_penalty(self.precision.images(batch));
            let loss = logits.cast(DType::F32).sum();
            let loss = penalty.map_or(loss.clone(), |penalty| loss + penalty);
            if self.learns {
                drop(self.precision.gradients(loss.clone(), &network));
            }
            // Results that are fetched have been computed.
            let loss = if self.learns { loss.inner() } else { loss };
            loss.try_into_data().map_err(|e| TrainError::Fetch(e.to_string()))?;
            let Some(now) = process_memory() else { return Ok(()) };
            let step = StepMemory {
                images,
                resident: now.most_resident.saturating_sub(before.resident),
                space: now.most_space.saturating_sub(before.space),
            };
            tell(step);
            if step.resident - first.get_or_insert(step).resident >= ENOUGH {
                break;
            }
        }
        Ok(())
    }

    /// Whether a batch fits, from steps that were measured. `None` if it does, or nothing can be said. The next step
    /// may have `ended` the process that measured.
    pub fn unfit(&self, batch: usize, measured: &[StepMemory], ended: bool, room: Room) -> Option<Unfit> {
        let parameters = 4 * self.model.outline().parameters() as u64;
        let beside = if self.learns { COPIES * parameters } else { parameters };
        let pixels = (self.model.channels * self.model.size[0] * self.model.size[1]) as u64;
        // Two batches are made ahead.
        let ahead = 2 * 4 * pixels;
        let unfit = |line: Option<Line>, available: Option<u64>| {
            let (line, available) = (line?.plus(beside, ahead), available?);
            let needed = line.at(batch);
            (needed > available).then(|| Unfit { needed, available, fits: line.within(available).min(batch - 1) })
        };
        let (resident, space) =
            (Line::through(measured, |step| step.resident), Line::through(measured, |step| step.space));
        // Allocators reserve address space in large pieces, which hide what a few images take.
        let space = space.map(|line| line.at_least(resident.as_ref()));
        let unfit = [unfit(resident, room.resident), unfit(space, room.space)];
        let unfit = unfit.into_iter().flatten().min_by_key(|unfit| unfit.fits);
        if unfit.is_some() || !ended {
            return unfit;
        }
        let fits = measured.last().map_or(0, |step| step.images);
        let available = room.least()?;
        (fits < batch).then_some(Unfit { needed: available, available, fits })
    }
}

/// Memory as a line over the images of a step.
struct Line {
    constant: f64,
    of_an_image: f64,
}

impl Line {
    fn through(measured: &[StepMemory], of: fn(&StepMemory) -> u64) -> Option<Self> {
        // The first steps also take what every process takes once.
        let [.., first, last] = measured else { return None };
        let (from, to) = (of(first) as f64, of(last) as f64);
        let of_an_image = ((to - from) / (last.images - first.images) as f64).max(0.0);
        Some(Self { constant: to - of_an_image * last.images as f64, of_an_image: of_an_image * SLACK })
    }

    fn at_least(self, other: Option<&Self>) -> Self {
        let of_an_image = other.map_or(0.0, |other| other.of_an_image).max(self.of_an_image);
        Self { of_an_image, ..self }
    }

    fn plus(self, constant: u64, of_an_image: u64) -> Self {
        Self { constant: self.constant + constant as f64, of_an_image: self.of_an_image + of_an_image as f64 }
    }

    fn at(&self, images: usize) -> u64 {
        (self.constant + self.of_an_image * images as f64).max(0.0) as u64
    }

    /// The most images within so many bytes.
    fn within(&self, bytes: u64) -> usize {
        let rest = bytes as f64 - self.constant;
        if rest <= 0.0 { 0 } else { (rest / self.of_an_image.max(1.0)) as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgveil::internal::image::Geometry;

    fn probe(kind: ModelKind, side: u32) -> StepProbe {
        let model = ModelConfig::new(kind, None, Geometry::new(side, side, 1).unwrap(), 2, None);
        StepProbe { model, precision: Precision::F32, device: DeviceChoice::Cpu, learns: true }
    }

    fn room(resident: u64, space: Option<u64>) -> Room {
        Room { resident: Some(resident), space }
    }

    #[test]
    fn the_largest_batch_within_both_limits_is_found() {
        let probe = probe(ModelKind::Cnn, 32);
        let step = |images: usize| StepMemory { images, resident: (100 + 50 * images as u64) << 20, space: 1 << 30 };
        let measured = [step(2), step(4)];
        let unfit = |room| probe.unfit(64, &measured, false, room);
        assert_eq!(unfit(room(4 << 30, None)), None);
        assert_eq!(unfit(Room::default()), None);
        // 100 MiB and something, and 55 MiB an image.
        let found = unfit(room(2 << 30, None)).unwrap();
        assert!((33..36).contains(&found.fits) && found.needed > 3500 << 20, "{found:?}");
        let found = unfit(room(2 << 30, Some(1 << 29))).unwrap();
        assert_eq!((found.fits, found.available), (0, 1 << 29));
        // The step of four images ended the process, then also that of two.
        let ended = |measured: &[StepMemory]| probe.unfit(64, measured, true, room(9 << 30, None)).unwrap().fits;
        assert_eq!((ended(&measured[..1]), ended(&[])), (2, 0));
    }

    #[test]
    fn nothing_is_measured_where_it_surely_fits_or_nothing_is_known() {
        assert!(probe(ModelKind::Cnn, 32).sizes(64, room(4 << 30, None)).is_empty());
        assert!(probe(ModelKind::DenseNet121, 64).sizes(64, Room::default()).is_empty());
        assert!(probe(ModelKind::ResNet18, 32).sizes(64, room(8 << 30, None)).is_empty());
        assert!(!probe(ModelKind::DenseNet121, 64).sizes(64, room(64 << 30, None)).is_empty());
        assert_eq!(probe(ModelKind::Cnn, 32).sizes(64, room(64 << 20, None)), [2, 4, 8, 16]);
        assert_eq!(probe(ModelKind::ResNet18, 32).sizes(3, room(64 << 20, None)), [2, 3]);
    }

    /// The bound below which nothing is measured holds, and larger steps take more. Memory is that of the process, in
    /// which other tests run: so this test starts itself again, alone.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_step_of_the_small_network_takes_less_than_its_bound() {
        const NAME: &str = "run::step_memory::tests::a_step_of_the_small_network_takes_less_than_its_bound";
        const ALONE: &str = "IMGVEIL_TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let mut again = std::process::Command::new(std::env::current_exe().unwrap());
            let done = again.args(["--exact", NAME]).env(ALONE, "1").output().unwrap();
            let said = String::from_utf8_lossy(&done.stdout);
            assert!(done.status.success() && said.contains("1 passed"), "{said}");
            return;
        }
        let probe = probe(ModelKind::Cnn, 128);
        let mut steps = Vec::new();
        probe.measure(&[16, 64], &mut |step| steps.push(step)).unwrap();
        let grown = steps[1].resident - steps[0].resident;
        let bound = 32 * 32 * of_a_place(ModelKind::Cnn, 32 * 32) + 128 * 128 * 16;
        assert!(grown > 0 && grown < (64 - 16) * bound, "{steps:?}");
    }
}
