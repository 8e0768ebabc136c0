//! A set from disk to disk: the whole job, as `imgveil encrypt` does it, on arrays that need no decoding.

use crate::error::Error;
use crate::exit::Failure;
use imgveil::internal::engine::Device;
use imgveil::internal::engine::gpu::Timed;
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Scheme, Secret};
use imgveil_data::format::npy;
use imgveil_data::job::{EncryptOptions, EncryptRequest, EncryptRun};
use imgveil_data::set::Encoding;
use imgveil_data::set::names::Naming;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

/// Encrypts images (interleaved samples, one image after the other) from a file in `folder` to files there, for about
/// `seconds` seconds. Returns the duration of whole jobs in seconds: preflight, reading, hashes, encryption, writing,
/// manifest.
///
/// # Errors
/// When the disk, the job or the device fails.
pub(super) fn from_disk(
    device: &Device,
    scheme: &Scheme,
    geometry: Geometry,
    samples: &[u8],
    folder: &Path,
    seconds: f64,
) -> Result<Timed, Failure> {
    let disk = |error: std::io::Error| Error::cannot_measure_in(folder, error);
    let work = work_folder(folder)?;
    let (input, output) = (work.path().join("set.npy"), work.path().join("encrypted"));
    store(&input, geometry, samples).map_err(disk)?;
    let request = EncryptRequest {
        input,
        output: output.clone(),
        secret: Secret::Key(Key::from_bytes([7; 32])),
        scheme: scheme.clone(),
        // With names kept, there is no list beside the output.
        options: EncryptOptions { encoding: Some(Encoding::Npy), naming: Naming::Kept, ..EncryptOptions::default() },
    };
    let run = EncryptRun::new(request, device.clone());
    Timed::sampled(seconds, || {
        if output.exists() {
            std::fs::remove_dir_all(&output).map_err(disk)?;
        }
        let begun = Instant::now();
        run.run()?;
        Ok(begun.elapsed().as_secs_f64())
    })
}

/// Makes a folder for files in `folder`, which is removed when it is dropped.
///
/// # Errors
/// When it cannot be made there.
pub fn work_folder(folder: &Path) -> Result<tempfile::TempDir, Error> {
    let made = tempfile::Builder::new().prefix("imgveil-bench-").tempdir_in(folder);
    made.map_err(|error| Error::cannot_measure_in(folder, error))
}

/// (N, H, W) or (N, H, W, 3), as `numpy.save` writes it.
fn store(path: &Path, geometry: Geometry, samples: &[u8]) -> std::io::Result<()> {
    let images = samples.len() / geometry.bytes();
    let mut shape = vec![images as u64, geometry.height() as u64, geometry.width() as u64];
    if geometry.channels() > 1 {
        shape.push(geometry.channels() as u64);
    }
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&npy::header(geometry.depth().bytes(), &shape)?)?;
    file.write_all(samples)?;
    file.flush()
}
