//! Files of several images that stay open while their images are read one after the other.

use crate::format::{ImageFile, ReadErrorKind};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// The most recently opened files, so that a volume is decompressed once and not once for each slice. The number of
/// files kept does not depend on the size of the set.
#[derive(Default)]
pub(super) struct OpenFiles(Mutex<VecDeque<(usize, Cached)>>);

/// A file, or nothing while its first reader opens it.
type Cached = Arc<Mutex<Option<Arc<dyn ImageFile>>>>;

impl OpenFiles {
    /// Threads read images in order, so that at most two files are in use at a time.
    const KEPT: usize = 2;

    /// The file `number`. If it is not open, `open` opens it.
    pub fn get(
        &self,
        number: usize,
        open: impl FnOnce() -> Result<Box<dyn ImageFile>, ReadErrorKind>,
    ) -> Result<Arc<dyn ImageFile>, ReadErrorKind> {
        let cached = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match kept.iter().find(|(of, _)| *of == number) {
                Some((_, cached)) => cached.clone(),
                None => {
                    let cached = Cached::default();
                    kept.push_back((number, cached.clone()));
                    if kept.len() > Self::KEPT {
                        kept.pop_front();
                    }
                    cached
                }
            }
        };
        // Readers of the same file wait here. Readers of other files do not.
        let mut cached = cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = cached.as_ref() {
            return Ok(file.clone());
        }
        let file: Arc<dyn ImageFile> = open()?.into();
        *cached = Some(file.clone());
        Ok(file)
    }
}
