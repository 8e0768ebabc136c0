//! Slots: the buffers of one batch, kept for later batches.

use std::sync::{Mutex, PoisonError};

/// One batch is copied in, one is computed, one is copied out. This many slots are kept for later batches. If more
/// batches run at once, they get more slots for a while: waiting for a slot could mean waiting for the very thread that
/// would give it back.
pub const SLOTS: usize = 3;

/// The buffers of one batch, all of the same size.
pub struct Slot {
    pub bytes: u64,
    /// Host memory that the device copies from. Mapped while the slot is idle.
    pub upload: wgpu::Buffer,
    /// Device memory: each step of a program reads one and writes the other.
    pub device: [wgpu::Buffer; 2],
    /// Host memory that the device copies to. Mapped while the result is read, and not while the slot is idle.
    pub readback: wgpu::Buffer,
}

/// The idle slots: no batch uses them.
#[derive(Default)]
pub struct Ring(Mutex<Vec<Slot>>);

impl Ring {
    /// Takes an idle slot of at least `bytes` bytes. If all are too small, one is dropped, because the caller makes a
    /// new one.
    pub fn take(&self, bytes: u64) -> Option<Slot> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = idle.iter().position(|slot| slot.bytes >= bytes);
        if fitting.is_none() {
            idle.pop();
        }
        fitting.map(|place| idle.swap_remove(place))
    }

    /// Keeps a slot that no batch uses any more.
    pub fn give_back(&self, slot: Slot) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < SLOTS {
            idle.push(slot);
        }
    }
}
