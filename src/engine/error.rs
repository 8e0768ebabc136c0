//! Why an engine could not run.

use crate::image::{Augmentation, Geometry};
use std::time::Duration;

/// Why an engine could not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A buffer has the wrong size.
    #[error("{what} has a size of {found}, {expected} was expected for images of {geometry}")]
    Size {
        /// The buffer, and the unit of its size.
        what: &'static str,
        /// The size expected, or what it must be a multiple of.
        expected: usize,
        /// The size found.
        found: usize,
        /// The program's geometry.
        geometry: Geometry,
    },
    /// A reference to an image that is not in the input.
    #[error("image {index} was asked for, but there are {images}")]
    Index {
        /// The reference's index.
        index: u32,
        /// Images in the input.
        images: usize,
    },
    /// A reference has no id, and the program keys every image by its id.
    #[error("image {index} has no id, and this scheme draws a key for every image from its id")]
    NoId {
        /// The reference's index.
        index: u32,
    },
    /// The images have another geometry than the cipher.
    #[error("the images have a geometry of {found}, and the cipher is for {expected}")]
    Geometry {
        /// The cipher's geometry.
        expected: Geometry,
        /// The images' geometry.
        found: Geometry,
    },
    /// An augmentation that is not defined for the image.
    #[error(
        "an augmentation with an angle of {} hundredths of a degree and a brightness of {} does not go with an image \
         of {geometry}: turned images have sides and shifts of at most {} pixels, and brightness is -256 to 256",
        augmentation.angle, augmentation.brightness, Augmentation::TURNED_SIDE
    )]
    Augmentation {
        /// The augmentation.
        augmentation: Augmentation,
        /// The image.
        geometry: Geometry,
    },
    /// Bytes were requested from a program that mixes images into floats.
    #[error("a scheme that mixes images gives floats, and bytes were wanted")]
    FloatsOnly,
    /// The program needs images from several parts of a data set at once.
    #[error("a scheme that mixes images needs their partners from the whole data set")]
    NeedsPartners,
    /// There is no such device.
    #[error(transparent)]
    NoDevice(NoDevice),
    /// An image or a plan does not fit the device's limits.
    #[error("{what} takes {bytes} bytes, but {device} binds at most {limit}")]
    TooLarge {
        /// What does not fit.
        what: &'static str,
        /// Its size in bytes.
        bytes: u64,
        /// The device's limit in bytes.
        limit: u64,
        /// The device's name.
        device: String,
    },
    /// The device refused or failed.
    #[error("{device} failed while {doing}: {reason}")]
    Device {
        /// The device's name.
        device: String,
        /// What the device was doing.
        doing: &'static str,
        /// The driver's message.
        reason: String,
    },
    /// The device did not answer within the time limit.
    #[error("{device} did not answer within {} s while {doing}: it hangs, or it needs longer for this \
        work", limit.as_secs_f64())]
    Timeout {
        /// The device's name.
        device: String,
        /// What the device was doing.
        doing: &'static str,
        /// The time limit.
        limit: Duration,
    },
}

/// A choice of a device that matches none of the available devices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", wanted, others(adapters))]
pub struct NoDevice {
    /// What was looked for, such as `there is no adapter number 3`.
    pub wanted: String,
    /// The names of the available adapters, in the order of their numbers.
    pub adapters: Vec<String>,
}

fn others(adapters: &[String]) -> String {
    if adapters.is_empty() {
        return ": no Vulkan, Metal or DX12 driver was found".to_owned();
    }
    let names: Vec<String> = adapters.iter().enumerate().map(|(index, name)| format!("{index} ({name})")).collect();
    format!(": the adapters are {}", names.join(", "))
}
