//! Batches in burn's memory: the values, and what crossed between host and device.

use super::fault::{TrainingFault, wrong};
use super::images::feed;
use crate::backend::Backend;
use crate::evaluate::fetch;
use crate::feed::{Feed, Labels};
use burn::tensor::Tensor;
use imgveil::internal::engine::Device;
use imgveil::internal::image::Augmentation;
use imgveil::internal::scheme::Preset;

const IMAGES: usize = 24;
const BATCH: usize = 8;

/// Compares `batches` batches of each scheme with those of the CPU engine: images on the device, and streamed.
pub fn check(backend: &Backend, batches: usize) -> Result<String, TrainingFault> {
    let cpu = Backend::open(Device::cpu())?;
    let mut compared = 0;
    for preset in [Preset::None, Preset::ShuffleFlip, Preset::Ele, Preset::Keystream, Preset::InstaHide] {
        let mut expected = feed(&cpu, preset, 32, IMAGES)?;
        for streamed in [false, true] {
            let limit = backend.image_limit();
            if streamed {
                backend.limit_images(0);
            }
            let found = feed(backend, preset, 32, IMAGES);
            backend.limit_images(limit);
            let what = format!("{} {}", preset.name(), if streamed { "streamed" } else { "from the device" });
            compare(backend, &mut found?, &cpu, &mut expected, batches, &what)?;
            compared += batches;
        }
    }
    Ok(match backend.gpu() {
        Some(_) => format!("{compared} batches in burn's memory, nothing read back"),
        None => format!("{compared} batches"),
    })
}

fn compare(
    backend: &Backend,
    found: &mut Feed,
    cpu: &Backend,
    expected: &mut Feed,
    batches: usize,
    what: &str,
) -> Result<(), TrainingFault> {
    for batch in 0..batches {
        let view = Augmentation { dx: batch as i16 % 3, mirrored: batch % 2 == 1, ..Augmentation::IDENTITY };
        let picks: Vec<_> = (0..BATCH).map(|i| ((batch * 5 + i * 7) % IMAGES, view)).collect();
        let before = crate::trainer::counts(backend);
        // Between batches burn works on tensors of its own, whose memory is used again. It queues kernels and submits
        // them later: one that reads memory which is free now must still come before the batch is written there.
        let read = Tensor::<4>::full([BATCH, 3, 32, 32], 3.0, &backend.device());
        let queued = read.clone() * 2.0;
        drop(read);
        let ready = found.batch(&picks)?;
        let passed = crate::trainer::counts(backend) - before;
        let churn = Tensor::<2>::ones([64, 64], &backend.device()).matmul(Tensor::ones([64, 64], &backend.device()));
        let images = fetch(backend, ready.images)?;
        let reference = expected.batch(&picks)?;
        let differing = |a: &[f32], b: &[f32]| a.iter().zip(b).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
        let wanted = fetch(cpu, reference.images)?;
        match differing(&images, &wanted) {
            0 if images.len() == wanted.len() => {}
            count => {
                return Err(wrong(format!("{what}: batch {batch}"), format!("{count} other values"), "equal values"));
            }
        }
        let labels = |labels: Labels, on: &Backend| match labels {
            Labels::Hard(classes) => fetch(on, classes.float()),
            Labels::Soft(shares) => fetch(on, shares),
        };
        if labels(ready.labels, backend)? != labels(reference.labels, cpu)? {
            return Err(wrong(format!("{what}: labels of batch {batch}"), "other labels", "equal labels"));
        }
        if passed.device_to_host != 0 {
            return Err(wrong(
                format!("{what}: batch {batch}"),
                format!("{} bytes read back", passed.device_to_host),
                "none",
            ));
        }
        if fetch(backend, queued)?.iter().any(|&value| value != 6.0) {
            return Err(wrong(
                format!("{what}: what burn had queued before batch {batch}"),
                "other values",
                "6 everywhere",
            ));
        }
        if fetch(backend, churn)?.iter().any(|&sum| sum != 64.0) {
            return Err(wrong(format!("{what}: burn's product beside batch {batch}"), "other values", "64 everywhere"));
        }
    }
    Ok(())
}
