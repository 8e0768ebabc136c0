//! Counting of the traffic between host and device.

use crate::backend::Backend;
use crate::outcome::StepTraffic;
use imgveil::internal::engine::gpu::Counts;

/// Traffic so far, and the batches and images that caused it.
#[derive(Default)]
pub(crate) struct Passed {
    counts: Counts,
    batches: usize,
    images: usize,
}

impl Passed {
    pub fn add(&mut self, counts: Counts, batches: usize, images: usize) {
        self.counts.host_to_device += counts.host_to_device;
        self.counts.device_to_host += counts.device_to_host;
        self.counts.dispatches += counts.dispatches;
        self.batches += batches;
        self.images += images;
    }

    /// Traffic per step.
    pub fn of_steps(&self) -> StepTraffic {
        StepTraffic {
            steps: self.batches as u64,
            host_to_device_per_image: self.counts.host_to_device as f64 / self.images.max(1) as f64,
            device_to_host: self.counts.device_to_host,
            dispatches_per_step: self.counts.dispatches as f64 / self.batches.max(1) as f64,
        }
    }
}

/// The traffic counters of a backend's GPU, or zeros without a GPU.
pub(crate) fn counts(backend: &Backend) -> Counts {
    backend.gpu().map_or_else(Counts::default, |gpu| gpu.traffic().counts())
}
