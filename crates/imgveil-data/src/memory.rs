//! How much memory a job may use.

use crate::process_memory::{self, RESERVED};
use imgveil::internal::plain::Plain;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use sysinfo::System;

/// How many bytes of memory a job may use. The default is three quarters of what was available when this was first
/// asked: of the machine, of the container, and of the address space of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory(Option<NonZeroU64>);

/// What the program itself and its libraries take, whatever the images are.
const ITSELF: u64 = 48 << 20;

/// Where nothing is known about the machine, this is taken to be available.
const UNKNOWN: u64 = 4 << 30;

/// What the list of a set holds of each image, over all stages of a job: names, hashes, positions, states.
const LISTED: u64 = 1024;

impl Memory {
    /// So many bytes. `None` for zero.
    pub fn new(bytes: u64) -> Option<Self> {
        NonZeroU64::new(bytes).map(|bytes| Self(Some(bytes)))
    }

    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        static DEFAULT: OnceLock<u64> = OnceLock::new();
        match self.0 {
            Some(bytes) => bytes.get(),
            None => *DEFAULT.get_or_init(|| available().unwrap_or(UNKNOWN) / 4 * 3),
        }
    }

    /// What is left for images and lists.
    pub(crate) fn room(self) -> u64 {
        self.bytes().saturating_sub(ITSELF)
    }

    /// Checks that `needed` bytes fit.
    ///
    /// # Errors
    /// If they do not.
    pub(crate) fn check(self, needed: u64) -> Result<(), OutOfMemory> {
        if needed <= self.room() {
            return Ok(());
        }
        Err(OutOfMemory { needed: needed.saturating_add(ITSELF), allowed: self.bytes() })
    }

    /// Checks that the list of so many images fits.
    ///
    /// # Errors
    /// If it does not.
    pub(crate) fn check_list(self, images: u64) -> Result<(), OutOfMemory> {
        self.check(images.saturating_mul(LISTED))
    }
}

/// Counts images while they are listed by several threads, so that a list that does not fit is noticed while it grows.
pub(crate) struct Listing {
    memory: Memory,
    images: AtomicU64,
}

impl Listing {
    pub(crate) fn new(memory: Memory) -> Self {
        Self { memory, images: AtomicU64::new(0) }
    }

    /// Counts further images.
    ///
    /// # Errors
    /// If the list does not fit any more.
    pub(crate) fn add(&self, images: usize) -> Result<(), OutOfMemory> {
        let images = images as u64;
        self.memory.check_list(self.images.fetch_add(images, Ordering::Relaxed).saturating_add(images))
    }

    /// Checks the list as a whole.
    ///
    /// # Errors
    /// If it does not fit.
    pub(crate) fn check(&self) -> Result<(), OutOfMemory> {
        self.add(0)
    }
}

/// More memory is needed than a job may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it needs about {} of memory, and {} may be used", Size(*.needed), Size(*.allowed))]
#[non_exhaustive]
pub struct OutOfMemory {
    /// The bytes that are needed.
    pub needed: u64,
    /// The bytes that may be used.
    pub allowed: u64,
}

/// A number of bytes for people: `512 MiB`, `1.5 GiB`.
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 1 << 30 => write!(f, "{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
            bytes => write!(f, "{} MiB", bytes.div_ceil(1 << 20)),
        }
    }
}

/// The units of a size. Each is 1,024 of the one before.
const UNITS: [char; 4] = ['k', 'm', 'g', 't'];

/// The least size that is accepted. With less, the smallest job would fail.
const LEAST: u64 = 64 << 20;

impl FromStr for Memory {
    type Err = String;

    /// `512M`, `2G`, `1.5GiB`, or a number of bytes.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no size of memory: write 512M or 2G", text.plain());
        let lower = text.to_ascii_lowercase();
        let short = lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b')).unwrap_or(&lower);
        let unit = UNITS.iter().position(|&unit| short.ends_with(unit));
        let number = short.strip_suffix(UNITS).unwrap_or(short);
        if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(wrong());
        }
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let bytes = number * 1024f64.powi(unit.map_or(0, |unit| unit as i32 + 1));
        // Conversion saturates, and no machine has as much.
        match Self::new(bytes as u64) {
            Some(memory) if memory.bytes() >= LEAST => Ok(memory),
            _ => Err(format!("{text} of memory is too little for any job: give at least {}", Size(LEAST))),
        }
    }
}

/// The bytes that this process can still take. `None` where the system does not say.
fn available() -> Option<u64> {
    // Allocators reserve address space for each thread.
    let threads = THREADS_OF_A_WORKER * workers() as u64 + 1;
    let space = process_memory::space_left().map(|left| left.saturating_sub(threads * RESERVED));
    [available_now(), space].into_iter().flatten().min()
}

/// The bytes of memory that the machine and the container of this process have available. `None` where the system does
/// not say.
pub fn available_now() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory();
    let machine = Some(system.available_memory()).filter(|&bytes| bytes > 0);
    let container = system.cgroup_limits().map(|group| group.free_memory);
    [machine, container].into_iter().flatten().min()
}

/// A worker decodes, computes and encodes.
const THREADS_OF_A_WORKER: u64 = 3;

/// How many images are to be worked on at a time. 0 means that the cores tell.
static WANTED: AtomicUsize = AtomicUsize::new(0);

/// Sets how many images are worked on at a time in this process, where there is room for as many. Has an effect before
/// the first call of [`workers`] only.
#[doc(hidden)]
pub fn set_workers(workers: usize) {
    WANTED.store(workers, Ordering::Relaxed);
}

/// How many images are worked on at a time: as many as there are cores, or fewer in a small address space, which the
/// allocator would use up otherwise.
pub fn workers() -> usize {
    static WORKERS: OnceLock<usize> = OnceLock::new();
    *WORKERS.get_or_init(|| {
        let wanted = WANTED.load(Ordering::Relaxed);
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let cores = if wanted > 0 { wanted } else { available() };
        let room = process_memory::space_left().map(|left| left / (2 * (THREADS_OF_A_WORKER + 1) * RESERVED));
        room.map_or(cores, |room| usize::try_from(room).map_or(cores, |room| room.clamp(1, cores)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        let bytes = |text: &str| text.parse::<Memory>().map(Memory::bytes);
        assert_eq!(bytes("512M"), Ok(512 << 20));
        assert_eq!(bytes("2g"), Ok(2 << 30));
        assert_eq!(bytes("1.5GiB"), Ok(3 << 29));
        assert_eq!(bytes("100MB"), Ok(100 << 20));
        assert_eq!(bytes("134217728"), Ok(128 << 20));
        for text in ["", "G", "-1G", "2X", "1e9", "inf", "nan", "2 G", "1..5G", "é"] {
            assert!(bytes(text).unwrap_err().contains("is no size"), "{text}");
        }
        assert!(bytes("63M").unwrap_err().contains("at least 64 MiB"));
        assert_eq!(bytes("99999999999T"), Ok(u64::MAX));
    }

    #[test]
    fn what_does_not_fit_is_said_with_both_sizes() {
        let memory = Memory::new(1 << 30).unwrap();
        assert!(memory.check((1 << 30) - ITSELF).is_ok());
        let error = memory.check(5 << 30).unwrap_err().to_string();
        assert_eq!(error, "it needs about 5.0 GiB of memory, and 1.0 GiB may be used");
        assert!(memory.check_list(900_000).is_ok() && memory.check_list(1_100_000).is_err());
        assert!(memory.check_list(u64::MAX).is_err());
        assert!(Memory::default().bytes() > 0);
    }
}
