//! The self-test of a device that burn trains on: what imgveil's kernels hand over to burn, and what burn computes on
//! it.
//! `imgveil::internal::self_test` checks imgveil's own kernels.

mod fault;
mod hand_over;
mod images;
mod memory;
mod steps;
mod training;
mod weights;

pub use fault::TrainingFault;

use crate::backend::Backend;

/// A check of a device that burn trains on.
#[derive(Clone, Copy, Debug)]
pub struct TrainingCheck {
    /// The name, for people and for JSON.
    pub name: &'static str,
    run: fn(&Backend, usize) -> Result<String, TrainingFault>,
    /// Steps of training, in full and in the short form.
    steps: (usize, usize),
    /// Whether a software adapter needs minutes, to compile kernels.
    slow_in_software: bool,
}

impl TrainingCheck {
    /// Runs the check, in its short form or in full. Returns what was compared, in words.
    ///
    /// # Errors
    /// The first value that is wrong, or the failure of the device.
    pub fn run(&self, backend: &Backend, short: bool) -> Result<String, TrainingFault> {
        (self.run)(backend, if short { self.steps.1 } else { self.steps.0 })
    }

    /// Whether the check takes minutes on this backend: a software adapter compiles some kernels for that long.
    pub fn is_slow(&self, backend: &Backend) -> bool {
        self.slow_in_software && backend.gpu().is_some_and(|gpu| gpu.is_software())
    }
}

/// All checks, the most basic ones first.
pub const TRAINING_CHECKS: &[TrainingCheck] = &[
    TrainingCheck { name: "hand-over to burn", run: hand_over::check, steps: (8, 4), slow_in_software: false },
    TrainingCheck { name: "weights loaded and read back", run: weights::check, steps: (0, 0), slow_in_software: false },
    TrainingCheck { name: "training of the small CNN", run: training::cnn, steps: (20, 5), slow_in_software: false },
    TrainingCheck { name: "training of ResNet-18", run: training::resnet18, steps: (20, 3), slow_in_software: true },
    TrainingCheck { name: "memory over many steps", run: memory::check, steps: (200, 40), slow_in_software: false },
];
