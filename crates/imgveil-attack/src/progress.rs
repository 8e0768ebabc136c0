//! How far an attack is, and whether it is to stop.

use crate::Error;

/// Follows an attack that takes long. `()` follows nothing.
pub trait Progress: Sync {
    /// `done` of `total` steps of the phase `phase` are done. Calls come from several threads.
    fn report(&self, phase: &'static str, done: usize, total: usize);

    /// Whether the attack is to stop. It then ends soon with [`Error::Stopped`].
    fn stopped(&self) -> bool {
        false
    }

    /// [`Error::Stopped`] if the attack is to stop.
    ///
    /// # Errors
    ///
    /// As it says.
    fn check(&self) -> Result<(), Error> {
        if self.stopped() { Err(Error::Stopped) } else { Ok(()) }
    }
}

impl Progress for () {
    fn report(&self, _phase: &'static str, _done: usize, _total: usize) {}
}
