//! How a job reports its progress.

use super::census::Contents;
use super::changes::Changes;
use crate::set::Remark;
use crate::text::first_few;
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
    /// The splits and classes of the set, before anything is written.
    fn contents(&self, _contents: &Contents) {}
    /// How the input of an update differs from the set, before anything is written.
    fn changes(&self, _changes: &Changes) {}
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
    About(Remark),
    /// The same run was completed before, so that nothing was done.
    AlreadyComplete(PathBuf),
    /// The file of names was missing, and is written again. Of so many images, which are no longer in the input, it has
    /// no line.
    NamesAgain {
        /// The file.
        path: PathBuf,
        /// The number of images.
        unknown: usize,
    },
    /// Links that lead out of the input's folder. They were not followed.
    LinksOut(Vec<String>),
    /// Files and folders in the output that imgveil did not write, folders with a slash. They were left.
    Strangers(Vec<String>),
    /// The images were stored as JPEG, which is not exact.
    NotExact,
    /// The set is of format 1, whose manifest has no seal.
    Format1,
    /// The set has neutral names, and no file says which image is which.
    NoNames,
}

/// What cannot be checked about a set of format 1.
const FORMAT_1: &str = "the set is of format 1, whose imgveil.json has no seal: whether its names, labels, splits, \
                        order or options were changed cannot be checked";

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::About(remark) => remark.fmt(f),
            Self::AlreadyComplete(output) => {
                write!(f, "{}: this very run was completed before, and nothing was done", output.display())
            }
            Self::NamesAgain { path, unknown } => {
                write!(f, "{} was missing and is written again", path.display())?;
                match unknown {
                    0 => Ok(()),
                    more => write!(f, ", but for {more} images that are no longer in the input"),
                }
            }
            Self::Format1 => f.write_str(FORMAT_1),
            Self::NoNames => f.write_str(
                "no file of names says which image is which: the new one leads back to the names in the old set",
            ),
            Self::LinksOut(links) => {
                let (lead, were) = if links.len() == 1 { ("link leads", "was") } else { ("links lead", "were") };
                let count = links.len();
                write!(f, "{count} {lead} out of the input and {were} not followed: {}", first_few(links))
            }
            Self::Strangers(names) => {
                let files = if names.len() == 1 { "file" } else { "files" };
                let were = if names.len() == 1 { "was" } else { "were" };
                let count = names.len();
                write!(f, "{count} {files} that imgveil did not write {were} left: {}", first_few(names))
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
