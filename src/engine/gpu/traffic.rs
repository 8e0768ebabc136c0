//! Counters of the transfers between host and device. They prove that training keeps the pixels on the device.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what imgveil itself sends, fetches and launches. burn's own launch parameters (shapes and strides, a few
/// dozen bytes per operation, no pixels) are not counted, because burn has no counter for them.
#[derive(Debug, Default)]
pub struct Traffic {
    up: AtomicU64,
    down: AtomicU64,
    dispatches: AtomicU64,
}

/// The counters at one point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Bytes from host to device.
    pub host_to_device: u64,
    /// Bytes from device to host.
    pub device_to_host: u64,
    /// Compute dispatches of imgveil's kernels.
    pub dispatches: u64,
}

impl Traffic {
    /// Counts bytes sent to the device.
    pub fn add_up(&self, bytes: u64) {
        self.up.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes fetched from the device.
    pub fn add_down(&self, bytes: u64) {
        self.down.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts one dispatch.
    pub fn add_dispatch(&self) {
        self.dispatches.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        Counts {
            host_to_device: self.up.load(Ordering::Relaxed),
            device_to_host: self.down.load(Ordering::Relaxed),
            dispatches: self.dispatches.load(Ordering::Relaxed),
        }
    }
}

impl std::ops::Sub for Counts {
    type Output = Counts;

    /// What was counted since `earlier`.
    fn sub(self, earlier: Counts) -> Counts {
        Counts {
            host_to_device: self.host_to_device - earlier.host_to_device,
            device_to_host: self.device_to_host - earlier.device_to_host,
            dispatches: self.dispatches - earlier.dispatches,
        }
    }
}
