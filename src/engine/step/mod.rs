//! The steps of a program. Each step has a file with its inverse, its CPU twin, its GPU dispatches and the names of
//! their shaders. The two matches in this file list all steps.

pub mod block_statistic;
pub mod gaussian_blur;
pub mod keystream;
pub mod laplace_noise;
pub mod mixing;
pub mod own_plan;
pub mod permute;
pub mod pixel_keyed;

pub use block_statistic::{BlockStatistic, Statistic};
pub use gaussian_blur::GaussianBlur;
pub use keystream::Keystream;
pub use laplace_noise::LaplaceNoise;
pub use mixing::{Mixing, WEIGHT_ONE, soft_label};
pub use own_plan::{BlockKeys, ElementKeys, OwnKeys, OwnPlan};
pub use pixel_keyed::{COLOUR_ORDERS, PixelKeys};

use super::cpu::scratch::Scratch;
use super::image_ref::ImageRef;
use crate::image::Geometry;
use crate::plan::{Plan, PlanError};

#[cfg(feature = "gpu")]
use super::EngineError;
#[cfg(feature = "gpu")]
use super::gpu::device::Gpu;
#[cfg(feature = "gpu")]
use super::gpu::dispatch::GpuStep;
#[cfg(feature = "gpu")]
use super::gpu::kernel::{COPY_VECTORS, COPY_WORDS, Kernel};

/// One step of a program.
#[derive(Clone)]
pub enum Step {
    /// Move and flip elements.
    Permute(Plan),
    /// Flip samples and reorder the channels of pixels, with the image's own keys.
    PixelKeyed(PixelKeys),
    /// Move and flip elements by a plan of the image's own.
    OwnPlan(OwnPlan),
    /// Fill every block with its statistic.
    BlockStatistic(BlockStatistic),
    /// XOR with the image's own stream.
    Keystream(Keystream),
    /// Add noise of the image's own to every block.
    LaplaceNoise(LaplaceNoise),
    /// Blur.
    GaussianBlur(GaussianBlur),
    /// Mix several images into one, as floats. The last step of its program.
    Mix(Mixing),
}

/// A step has no inverse, so its program has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Lossy(pub &'static str);

/// The interface of a step for the executors.
pub(crate) trait Execute {
    /// The name for `Debug`, which does not print keys and tables.
    fn name(&self) -> &'static str;

    /// The step that undoes this one.
    fn inverse(&self) -> Result<Step, Lossy>;

    /// Whether the step depends on the image's id.
    fn keyed_per_image(&self) -> bool {
        false
    }

    /// Whether the CPU twin works on several images side by side.
    fn in_lanes(&self) -> bool {
        false
    }

    /// The CPU twin: runs the step in place on images that follow each other in memory, one for each reference.
    fn on_cpu(&self, geometry: Geometry, refs: &[ImageRef], scratch: &mut Scratch, images: &mut [u8]);

    /// The step on a GPU: one entry for each dispatch.
    #[cfg(feature = "gpu")]
    fn on_gpu(&self, gpu: &Gpu) -> Result<Vec<Box<dyn GpuStep>>, EngineError>;
}

impl Step {
    pub(crate) fn execute(&self) -> &dyn Execute {
        match self {
            Step::Permute(plan) => plan,
            Step::PixelKeyed(keys) => keys,
            Step::OwnPlan(plan) => plan,
            Step::BlockStatistic(statistic) => statistic,
            Step::Keystream(keystream) => keystream,
            Step::LaplaceNoise(noise) => noise,
            Step::GaussianBlur(blur) => blur,
            Step::Mix(mixing) => mixing,
        }
    }

    /// Whether the step depends on the image's id.
    pub fn keyed_per_image(&self) -> bool {
        self.execute().keyed_per_image()
    }

    /// The step that undoes this one.
    ///
    /// # Errors
    /// When the step loses information.
    pub fn inverse(&self) -> Result<Step, Lossy> {
        self.execute().inverse()
    }

    /// This step and the next one, folded into one step if possible.
    pub(super) fn then(self, next: Step) -> Result<[Option<Step>; 2], PlanError> {
        Ok(match (self, next) {
            (Step::Permute(before), Step::Permute(next)) => [None, Some(Step::Permute(before.then(next)?))],
            (Step::PixelKeyed(before), Step::PixelKeyed(next)) => {
                before.then(next).map(|step| step.map(Step::PixelKeyed))
            }
            (Step::OwnPlan(before), Step::OwnPlan(next)) => before.then(next).map(|step| step.map(Step::OwnPlan)),
            (before, next) => [Some(before), Some(next)],
        })
    }

    /// Whether the step changes nothing.
    pub(super) fn is_identity(&self) -> bool {
        matches!(self, Step::Permute(plan) if plan.is_identity())
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.execute().name())
    }
}

/// Every kernel.
#[cfg(feature = "gpu")]
pub static KERNELS: [&Kernel; 24] = [
    &permute::PERMUTE_BYTES,
    &permute::PERMUTE_FLOATS,
    &permute::PERMUTE_TILES_BYTES,
    &permute::PERMUTE_TILES_FLOATS,
    &permute::COPY_BYTES,
    &permute::SCALE_FLOATS,
    &keystream::KEYSTREAM_BYTES,
    &keystream::KEYSTREAM_FLOATS,
    &pixel_keyed::PIXEL_KEYED_BYTES,
    &pixel_keyed::PIXEL_KEYED_FLOATS,
    &own_plan::BLOCK_KEYS,
    &own_plan::ELEMENT_KEYS,
    &own_plan::OWN_PLAN_BYTES,
    &own_plan::OWN_PLAN_FLOATS,
    &block_statistic::BLOCK_STATISTIC,
    &block_statistic::FILL_BYTES,
    &block_statistic::FILL_FLOATS,
    &laplace_noise::LAPLACE_BYTES,
    &laplace_noise::LAPLACE_FLOATS,
    &gaussian_blur::BLUR_BYTES,
    &gaussian_blur::BLUR_FLOATS,
    &mixing::MIX_FLOATS,
    &COPY_VECTORS,
    &COPY_WORDS,
];
