//! Progress of a training run, as reported to the caller.

use crate::outcome::Epoch;

/// Receives the progress of a training run and decides which losses are fetched.
pub trait Progress {
    /// An epoch of `steps` batches begins. Epochs are counted from 1.
    fn epoch_begins(&mut self, _epoch: usize, _steps: usize) {}
    /// Whether the loss of this batch is wanted. Only then is it fetched from the device, which waits for the device.
    fn wants_loss(&mut self) -> bool {
        false
    }
    /// A batch of `images` images is done.
    fn step(&mut self, _images: usize, _loss: Option<f32>) {}
    /// An epoch is done and evaluated.
    fn epoch_ends(&mut self, _epoch: &Epoch) {}
}

/// Ignores all progress.
impl Progress for () {}
