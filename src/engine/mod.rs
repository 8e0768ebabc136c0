//! Engines run programs on batches. The CPU engine and the GPU engine give the same bits; tests compare them for every
//! scheme. Engines know steps, but not schemes.

mod checks;
mod choice;
mod cpu;
mod device;
mod error;
#[cfg(feature = "gpu")]
pub mod gpu;
mod image_ref;
mod loaded;
mod program;
mod statistic;
mod step;
#[cfg(feature = "gpu")]
mod wait;

pub use choice::DeviceChoice;
pub use device::Device;
pub use error::{EngineError, NoDevice};
pub use image_ref::ImageRef;
pub use loaded::{Loaded, Pending};
pub use program::Program;
#[cfg(feature = "gpu")]
pub use step::KERNELS;
pub use step::{
    BlockKeys, BlockStatistic, COLOUR_ORDERS, ElementKeys, GaussianBlur, Keystream, LaplaceNoise, Lossy, Mixing,
    OwnKeys, OwnPlan, PixelKeys, Statistic, Step, WEIGHT_ONE, soft_label,
};
