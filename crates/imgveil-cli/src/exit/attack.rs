//! Errors of attacks.

use super::{FAILED, Failure, USAGE};
use imgveil_attack::Error;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut words = error.to_string();
        let code = match &error {
            Error::Oracle(source) => {
                words += &format!(": {source}");
                FAILED
            }
            Error::Stopped => FAILED,
            Error::BlockDoesNotTile { .. } => {
                words += ": use --pad, --crop or another --block";
                USAGE
            }
            Error::TooFewImages { .. } => {
                words += ": give more, or raise --limit";
                USAGE
            }
            _ => USAGE,
        };
        Self { words, code }
    }
}
