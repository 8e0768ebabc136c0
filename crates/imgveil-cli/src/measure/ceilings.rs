//! The limits of a device, measured in the same run: copies, transfers to the device and back, and the cost of a
//! dispatch.

use super::median;
use imgveil::internal::engine::{Device, EngineError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::Instant;

/// A limit of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// What is measured.
    pub name: String,
    /// Bytes read and written, in GiB a second.
    pub gib_per_second: Option<f64>,
    /// Time of one dispatch.
    pub microseconds: Option<f64>,
}

/// Repetitions in one submission, so that the cost of submitting does not count.
const REPEATS: u32 = 8;

/// Measures a device's limits with buffers of `bytes` bytes, for about `seconds` seconds each.
///
/// # Errors
/// When the device fails.
pub fn ceilings(device: &Device, bytes: usize, seconds: f64) -> Result<Vec<Ceiling>, EngineError> {
    let input: Vec<u8> = (0..bytes).map(|i| (i.wrapping_mul(31) >> 3) as u8).collect();
    let mut output = vec![0u8; bytes];
    // A copy reads and writes every byte; a transfer counts it once.
    let rate = |name: &str, moved: usize, seconds: f64| Ceiling {
        name: name.to_owned(),
        gib_per_second: Some(moved as f64 / seconds / f64::from(1 << 30)),
        microseconds: None,
    };
    let mut found = Vec::new();
    let time = median(seconds, || {
        let begun = Instant::now();
        black_box(&mut output).copy_from_slice(black_box(&input));
        Ok(begun.elapsed().as_secs_f64())
    })?;
    found.push(rate("host copy, 1 thread", 2 * bytes, time));
    let part = bytes.div_ceil(rayon::current_num_threads()).max(1);
    let time = median(seconds, || {
        let begun = Instant::now();
        black_box(&mut output).par_chunks_mut(part).zip(black_box(&input).par_chunks(part)).for_each(|(to, from)| {
            to.copy_from_slice(from);
        });
        Ok(begun.elapsed().as_secs_f64())
    })?;
    found.push(rate(HOST_COPY, 2 * bytes, time));
    if let Some(gpu) = device.gpu() {
        let copy = median(seconds, || Ok(gpu.time_copy(bytes as u64, REPEATS)?.seconds))?;
        found.push(rate(DEVICE_COPY, 2 * bytes, copy));
        let up = median(seconds, || Ok(gpu.time_upload(&input, 1)?.seconds))?;
        found.push(rate("upload", bytes, up));
        let down = median(seconds, || Ok(gpu.time_readback(bytes as u64, 1)?.seconds))?;
        found.push(rate("readback", bytes, down));
        let dispatch = median(seconds, || Ok(gpu.time_dispatch(256)?.seconds))?;
        let microseconds = Some(dispatch * 1e6);
        found.push(Ceiling { name: "a dispatch".to_owned(), gib_per_second: None, microseconds });
    }
    Ok(found)
}

const HOST_COPY: &str = "host copy, all threads";
const DEVICE_COPY: &str = "device copy";

/// The rate of the copy that a device's rows are compared with, in GiB a second.
pub(super) fn copy_of(device: &Device, ceilings: &[Ceiling]) -> Option<f64> {
    let name = if device.gpu().is_some() { DEVICE_COPY } else { HOST_COPY };
    ceilings.iter().find(|ceiling| ceiling.name == name)?.gib_per_second
}
