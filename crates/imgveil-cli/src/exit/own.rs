//! Errors of the command's own work: previews, measurements, the demo.

use super::{DATASET, FAILED, Failure, USAGE};
use crate::error::{Error, ErrorKind};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut words = error.to_string();
        let code = match error.kind() {
            ErrorKind::Request => USAGE,
            ErrorKind::Image => DATASET,
            ErrorKind::MeasureDisk => {
                words += "; --disk chooses another folder, and --no-disk leaves the disk out";
                FAILED
            }
            #[cfg(feature = "train")]
            ErrorKind::Disk => FAILED,
            ErrorKind::Sheet | ErrorKind::Bug => FAILED,
        };
        Self { words, code }
    }
}
