//! How a job reports its progress.

use serde::{Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Receives the progress of a job. The methods may be called from many threads.
pub trait Progress: Send + Sync {
    /// The job first reads this many images, to see how many bits their samples use. [`Progress::advance`] counts them,
    /// and the job then starts.
    fn look(&self, _images: usize) {}
    /// The job will work on this many images.
    fn start(&self, images: usize);
    /// This many more images are written, with this many bytes of samples.
    fn advance(&self, images: usize, bytes: u64);
    /// One more image was set aside.
    fn set_aside(&self) {}
    /// How long each stage has worked so far. The stage that worked longest limits the speed.
    fn busy(&self, _busy: &Busy) {}
    /// Something that the user should know.
    fn note(&self, _note: &Note) {}
}

/// Ignores all progress.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn start(&self, _: usize) {}
    fn advance(&self, _: usize, _: u64) {}
}

/// Something that the user should know about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// About the input or the scheme.
    About(String),
    /// The bits that samples of more than 8 bits use, and what follows from it.
    Depth(String),
    /// The same run was completed before, so that nothing was done.
    AlreadyComplete(PathBuf),
    /// The images were stored as JPEG, which is not exact.
    NotExact,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::About(words) | Self::Depth(words) => f.write_str(words),
            Self::AlreadyComplete(output) => {
                write!(f, "{}: this very run was completed before, and nothing was done", output.display())
            }
            Self::NotExact => f.write_str(
                "the images were kept as JPEG: what comes back is close to what was encrypted, not the same",
            ),
        }
    }
}

/// How long each stage has worked so far. For stages with several threads, the mean of the threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Busy {
    /// Reading and decoding.
    #[serde(serialize_with = "in_seconds")]
    pub decode: Duration,
    /// The device.
    #[serde(serialize_with = "in_seconds")]
    pub device: Duration,
    /// Encoding and writing.
    #[serde(serialize_with = "in_seconds")]
    pub encode: Duration,
}

fn in_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

impl Busy {
    /// The name of the stage that worked longest: `decode`, `device` or `encode`.
    pub fn slowest(&self) -> &'static str {
        let stages = [(self.decode, "decode"), (self.device, "device"), (self.encode, "encode")];
        stages.into_iter().max_by_key(|(time, _)| *time).map_or("decode", |(_, name)| name)
    }
}
