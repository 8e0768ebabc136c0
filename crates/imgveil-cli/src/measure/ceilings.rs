//! The limits of a device, measured in the same run: copies, transfers to the device and back, and the cost of a
//! dispatch.

use imgveil::internal::engine::gpu::{Copy, Timed};
use imgveil::internal::engine::{Device, EngineError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::hint::black_box;

/// A limit of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// What is measured.
    pub name: String,
    /// Bytes read and written, in GiB per second.
    pub gib_per_second: Option<f64>,
    /// Time of one dispatch.
    pub microseconds: Option<f64>,
    /// The spread of the samples: from the first quartile to the third, in percent of the median.
    #[serde(default)]
    pub spread: Option<f64>,
}

/// Measures a device's limits with buffers of `bytes` bytes, for about `seconds` seconds each.
///
/// # Errors
/// When the device fails.
pub fn ceilings(device: &Device, bytes: usize, seconds: f64) -> Result<Vec<Ceiling>, EngineError> {
    let input: Vec<u8> = (0..bytes).map(|i| (i.wrapping_mul(31) >> 3) as u8).collect();
    let mut output = vec![0u8; bytes];
    // A copy reads and writes every byte; a transfer counts it once.
    let rate = |name: &str, moved: usize, timed: &Timed| Ceiling {
        name: name.to_owned(),
        gib_per_second: Some(moved as f64 / timed.seconds() / f64::from(1 << 30)),
        microseconds: None,
        spread: Some(100.0 * timed.spread()),
    };
    let mut found = Vec::new();
    let one = Timed::by_host(seconds, || {
        black_box(&mut output).copy_from_slice(black_box(&input));
        Ok::<_, EngineError>(())
    })?;
    found.push(rate("host copy, 1 thread", 2 * bytes, &one));
    let part = bytes.div_ceil(rayon::current_num_threads()).max(1);
    let all = Timed::by_host(seconds, || {
        black_box(&mut output).par_chunks_mut(part).zip(black_box(&input).par_chunks(part)).for_each(|(to, from)| {
            to.copy_from_slice(from);
        });
        Ok::<_, EngineError>(())
    })?;
    found.push(rate(HOST_COPY, 2 * bytes, &all));
    if let Some(gpu) = device.gpu() {
        for (name, copy) in DEVICE_COPIES {
            found.push(rate(name, 2 * bytes, &gpu.time_copy(bytes as u64, copy, seconds)?));
        }
        found.push(rate("upload", bytes, &gpu.time_upload(&input, seconds)?));
        found.push(rate("readback", bytes, &gpu.time_readback(bytes as u64, seconds)?));
        let dispatch = gpu.time_dispatch(seconds)?;
        found.push(Ceiling {
            name: "a dispatch".to_owned(),
            gib_per_second: None,
            microseconds: Some(dispatch.seconds() * 1e6),
            spread: Some(100.0 * dispatch.spread()),
        });
    }
    Ok(found)
}

const HOST_COPY: &str = "host copy, all threads";
/// The copies on a device. Which of them is the fastest depends on the device.
const DEVICE_COPIES: [(&str, Copy); 3] = [
    ("device copy, by the driver", Copy::Driver),
    ("device copy, in 16-byte vectors", Copy::Vectors),
    ("device copy, in 4-byte words", Copy::Words),
];

/// The rate of the fastest copy, with which a device's rows are compared, in GiB per second.
pub fn fastest_copy(device: &Device, ceilings: &[Ceiling]) -> Option<f64> {
    let is_compared = |ceiling: &&Ceiling| match device.gpu() {
        Some(_) => DEVICE_COPIES.iter().any(|(name, _)| *name == ceiling.name),
        None => ceiling.name == HOST_COPY,
    };
    ceilings.iter().filter(is_compared).filter_map(|ceiling| ceiling.gib_per_second).max_by(f64::total_cmp)
}
