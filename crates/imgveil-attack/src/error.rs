//! The error of this crate.

/// Why an attack or a metric could not be computed.
///
/// Every text states the facts; none names a flag of a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The number of samples is not count x height x width x channels.
    #[error("{given} samples do not make images of {shape}")]
    SampleCount {
        /// The shape that was named.
        shape: crate::Shape,
        /// How many samples were given.
        given: usize,
    },
    /// A sample is larger than the largest of its depth.
    #[error("a sample of {sample} is larger than the largest allowed, {max}")]
    SampleTooLarge {
        /// The sample.
        sample: u16,
        /// The largest sample allowed.
        max: u16,
    },
    /// A shape, depth or number of channels that is not supported.
    #[error("images of {0} are not supported")]
    Unsupported(crate::Shape),
    /// A largest sample that is not 2^depth - 1 with a depth of 8 to 16 bits.
    #[error("{0} is no largest sample of 8 to 16 bits")]
    InvalidMax(u16),
    /// Two batches that must have one shape, number of images and depth differ.
    #[error("the two batches differ: {0} and {1}")]
    Mismatch(String, String),
    /// Blocks that do not tile the images.
    #[error("blocks of {block} pixels do not tile images of {shape}")]
    BlockDoesNotTile {
        /// Height and width of a block.
        block: usize,
        /// The shape of the images.
        shape: crate::Shape,
    },
    /// An attack needs more images than it was given.
    #[error("{needed} or more images are needed, and there are {given}")]
    TooFewImages {
        /// The smallest number of images.
        needed: usize,
        /// How many there are.
        given: usize,
    },
    /// Images too small for a metric.
    #[error("images of {shape} are too small: sides of {needed} or more are needed")]
    TooSmall {
        /// The smallest side.
        needed: usize,
        /// The shape of the images.
        shape: crate::Shape,
    },
    /// An attack that cannot be run on this scheme or these images, and why.
    #[error("{0}")]
    NotApplicable(String),
    /// The oracle failed.
    #[error("the encryption that is attacked failed")]
    Oracle(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The caller stopped the attack.
    #[error("stopped")]
    Stopped,
}
