//! The black box that is attacked.

use crate::{Batch, Error};

/// Something that encrypts images and says nothing else: neither key nor plan nor what it does.
///
/// Every call encrypts with the same key. What an oracle returns has as many images of the same depth as it was given;
/// image i of the result is image i encrypted. Attackers who cannot have images encrypted never hold an oracle.
pub trait Oracle: Sync {
    /// Encrypts a batch.
    ///
    /// # Errors
    ///
    /// [`Error::Oracle`] if the encryption fails.
    fn encrypt(&self, plain: &Batch) -> Result<Batch, Error>;
}
