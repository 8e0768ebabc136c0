//! Errors of the command's own work: previews, measurements, the demo.

use super::{DATASET, FAILED, Failure, USAGE, failure};
use crate::preview::PreviewError;

impl From<PreviewError> for Failure {
    fn from(error: PreviewError) -> Self {
        let code = match error {
            PreviewError::Dataset(error) => return error.into(),
            PreviewError::Preset(error) => return error.into(),
            PreviewError::Compile(error) => return error.into(),
            PreviewError::Engine(error) => return error.into(),
            PreviewError::Read(_) => DATASET,
            PreviewError::NotPng(_) | PreviewError::Small { .. } => USAGE,
            PreviewError::Geometry(_) | PreviewError::Sheet(_) | PreviewError::NotExact(_) => FAILED,
        };
        failure(&error, code)
    }
}

#[cfg(feature = "train")]
impl From<crate::demo::DemoError> for Failure {
    fn from(error: crate::demo::DemoError) -> Self {
        use crate::demo::DemoError;
        match error {
            DemoError::Dataset(error) => error.into(),
            DemoError::Job(error) => error.into(),
            DemoError::Key(error) => error.into(),
            DemoError::Generate(error) => error.into(),
            DemoError::Scheme(error) => error.into(),
            DemoError::Compile(error) => error.into(),
            DemoError::Engine(error) => error.into(),
            DemoError::Preview(error) => error.into(),
            DemoError::Train(error) => error.into(),
            DemoError::Geometry(_) | DemoError::Lossy(_) | DemoError::Sheet(_) | DemoError::NotExact(_) => {
                Failure { words: error.to_string(), code: FAILED }
            }
        }
    }
}

impl From<crate::measure::MeasureError> for Failure {
    fn from(error: crate::measure::MeasureError) -> Self {
        use crate::measure::MeasureError;
        match error {
            MeasureError::Engine(error) => error.into(),
            MeasureError::Compile(error) => error.into(),
            MeasureError::Job(error) => error.into(),
            MeasureError::Wrong { .. } | MeasureError::Disk { .. } => failure(&error, FAILED),
        }
    }
}
