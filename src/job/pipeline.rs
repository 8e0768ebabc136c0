//! Three stages that work at the same time: decode (all cores), device (one), encode and write (all cores). Between them
//! stands one batch, so that memory stays flat whatever the set's size.

use super::{Failure, JobError, Watch};
use crate::dataset::ReadError;
use crate::image::{Geometry, Image};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes of samples in one batch: large enough to keep a device busy, small enough for three batches in memory.
const BATCH_BYTES: usize = 32 << 20;
/// Images of one batch at most, so that progress moves with small images too.
const BATCH_IMAGES: usize = 1024;

/// An image on its way, with whatever its job carries along.
pub(super) struct Job<T> {
    pub index: usize,
    pub image: Image,
    pub carried: T,
}

/// The three stages of a job.
pub(super) trait Stages: Sync {
    /// What a decoded image carries to the device and on.
    type Carried: Send + Sync;
    /// What is left of an image when it is written.
    type Written: Send;

    /// Reads image `index`; an error sets it aside.
    fn decode(&self, index: usize) -> Result<(Image, Self::Carried), ReadError>;
    /// Works on images of one geometry, interleaved one behind the other, in place.
    fn work(&self, geometry: Geometry, jobs: &[Job<Self::Carried>], samples: &mut Vec<u8>) -> Result<(), JobError>;
    /// Writes an image; the inner error sets it aside.
    fn write(&self, job: Job<Self::Carried>) -> Result<Result<Self::Written, ReadError>, JobError>;
}

/// What came of a run.
pub(super) struct Done<W> {
    /// Index and result of each image written, in order.
    pub written: Vec<(usize, W)>,
    /// Images set aside, in order.
    pub failed: Vec<(usize, Failure)>,
}

/// Runs the images `indices` through the stages; `samples_of` gives each one's size beforehand, for the batches.
pub(super) fn run<S: Stages>(
    stages: &S,
    indices: &[usize],
    samples_of: impl Fn(usize) -> usize,
    watch: &dyn Watch,
) -> Result<Done<S::Written>, JobError> {
    watch.start(indices.len());
    let batches = batches(indices, samples_of);
    std::thread::scope(|scope| {
        let (to_device, from_decode) = sync_channel(1);
        let (to_write, from_device) = sync_channel(1);
        let decode = scope.spawn(move || decode_all(stages, indices, &batches, &to_device));
        let device = scope.spawn(move || work_all(stages, &from_decode, &to_write));
        // When a stage fails it hangs up: those before it find nobody to send to and end, those after it nothing to receive.
        let written = write_all(stages, from_device, watch);
        let failed = decode.join().map_err(|_| JobError::Worker)?;
        device.join().map_err(|_| JobError::Worker)??;
        let mut done = written?;
        done.failed.extend(failed);
        done.failed.sort_by_key(|(index, _)| *index);
        Ok(done)
    })
}

/// Cuts the images into batches of bounded size.
fn batches(indices: &[usize], samples_of: impl Fn(usize) -> usize) -> Vec<Range<usize>> {
    let (mut batches, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, &index) in indices.iter().enumerate() {
        bytes += samples_of(index);
        if bytes >= BATCH_BYTES || at + 1 - start == BATCH_IMAGES || at + 1 == indices.len() {
            batches.push(start..at + 1);
            (start, bytes) = (at + 1, 0);
        }
    }
    batches
}

type Batch<T> = Vec<Job<T>>;

fn decode_all<S: Stages>(
    stages: &S,
    indices: &[usize],
    batches: &[Range<usize>],
    to_device: &SyncSender<Batch<S::Carried>>,
) -> Vec<(usize, Failure)> {
    let mut failed = Vec::new();
    for batch in batches {
        let decoded: Vec<_> = indices[batch.clone()].par_iter().map(|&index| (index, stages.decode(index))).collect();
        let mut jobs = Vec::with_capacity(decoded.len());
        for (index, result) in decoded {
            match result {
                Ok((image, carried)) => jobs.push(Job { index, image, carried }),
                Err(error) => failed.push((index, error.into())),
            }
        }
        if to_device.send(jobs).is_err() {
            break;
        }
    }
    failed
}

fn work_all<S: Stages>(
    stages: &S,
    from_decode: &Receiver<Batch<S::Carried>>,
    to_write: &SyncSender<Batch<S::Carried>>,
) -> Result<(), JobError> {
    for batch in from_decode {
        // Images of one geometry go to the device together.
        let mut groups: Vec<Batch<S::Carried>> = Vec::new();
        for job in batch {
            match groups.iter_mut().find(|group| group[0].image.geometry() == job.image.geometry()) {
                Some(group) => group.push(job),
                None => groups.push(vec![job]),
            }
        }
        for group in groups {
            let geometry = group[0].image.geometry();
            let size = geometry.bytes();
            let mut samples = Vec::with_capacity(size * group.len());
            group.iter().for_each(|job| samples.extend_from_slice(job.image.samples()));
            stages.work(geometry, &group, &mut samples)?;
            let worked = group
                .into_iter()
                .zip(samples.chunks_exact(size))
                .filter_map(|(job, samples)| Some(Job { image: Image::new(geometry, samples.to_vec())?, ..job }));
            if to_write.send(worked.collect()).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn write_all<S: Stages>(
    stages: &S,
    from_device: Receiver<Batch<S::Carried>>,
    watch: &dyn Watch,
) -> Result<Done<S::Written>, JobError> {
    let mut done = Done { written: Vec::new(), failed: Vec::new() };
    for batch in from_device {
        let results: Vec<_> = batch
            .into_par_iter()
            .map(|job| {
                let (index, bytes) = (job.index, job.image.samples().len() as u64);
                let result = stages.write(job);
                watch.advance(1, bytes);
                (index, result)
            })
            .collect();
        for (index, result) in results {
            match result? {
                Ok(written) => done.written.push((index, written)),
                Err(error) => done.failed.push((index, error.into())),
            }
        }
    }
    done.written.sort_by_key(|(index, _)| *index);
    Ok(done)
}
