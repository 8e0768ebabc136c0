//! Slots: the buffers of one batch, kept for later batches.

use std::sync::{Mutex, PoisonError};

/// One batch is copied in, one is worked on, one is copied out. As many slots are kept for later batches. More batches under way
/// get more slots for a while: waiting for a slot could be waiting for the very thread that would give it back.
pub const SLOTS: usize = 3;

/// The buffers of one batch, all of the same size.
pub struct Slot {
    pub bytes: u64,
    /// Host memory that the device copies from. Mapped while the slot is idle.
    pub upload: wgpu::Buffer,
    /// Device memory: each step of a program reads one and writes the other.
    pub device: [wgpu::Buffer; 2],
    /// Host memory that the device copies to. Mapped while its batch is taken out, and not while the slot is idle.
    pub readback: wgpu::Buffer,
}

/// The slots that no batch is in.
#[derive(Default)]
pub struct Ring(Mutex<Vec<Slot>>);

impl Ring {
    /// An idle slot of at least so many bytes. Where all are too small, one of them is dropped for the one to be made.
    pub fn take(&self, bytes: u64) -> Option<Slot> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = idle.iter().position(|slot| slot.bytes >= bytes);
        if fitting.is_none() {
            idle.pop();
        }
        fitting.map(|place| idle.swap_remove(place))
    }

    /// Keeps a slot that no batch is in any more.
    pub fn give_back(&self, slot: Slot) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < SLOTS {
            idle.push(slot);
        }
    }
}
