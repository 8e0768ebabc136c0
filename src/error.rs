//! The error type of the public API.

use crate::engine::{EngineError, Lossy};
use crate::image::GeometryError;
use crate::images::BatchError;
use crate::key::KeyError;
use crate::plan::PlanError;
use crate::scheme::{CompileError, CustomError, ImportError, NameError, PresetError, SchemeTextError, StageError};
use std::fmt;

/// What an [`Error`] is about. Programs decide by the kind; people read the error's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text of a key is damaged or is not a key, or there are no random bytes for a new key.
    Key,
    /// A scheme, a stage or an option is not valid.
    Scheme,
    /// A geometry is not valid.
    Geometry,
    /// Written-out tables do not belong to the scheme.
    Tables,
    /// The scheme does not fit the images.
    Incompatible,
    /// The scheme loses information and cannot be undone.
    Lossy,
    /// Images, names and samples do not fit together.
    Batch,
    /// There is no such device.
    NoDevice,
    /// The images or the plan do not fit the device's limits.
    DeviceLimit,
    /// The device refused or failed.
    Device,
    /// The device did not answer in time.
    Timeout,
}

/// Why something failed: a kind, a text with the facts, and a source.
#[derive(Debug, Clone)]
pub struct Error(Box<Detail>);

macro_rules! details {
    ($($variant:ident($error:ty)),* $(,)?) => {
        #[derive(Debug, Clone)]
        enum Detail {
            $($variant($error),)*
        }

        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self(Box::new(Detail::$variant(error)))
            }
        })*

        impl Error {
            fn detail(&self) -> &(dyn std::error::Error + 'static) {
                match &*self.0 {
                    $(Detail::$variant(error) => error,)*
                }
            }
        }
    };
}

details! {
    Key(KeyError),
    Preset(PresetError),
    Stage(StageError),
    Text(SchemeTextError),
    Name(NameError),
    Custom(CustomError),
    Geometry(GeometryError),
    Import(ImportError),
    Compile(CompileError),
    Plan(PlanError),
    Lossy(Lossy),
    Batch(BatchError),
    Engine(EngineError),
}

impl Error {
    /// What the error is about.
    pub fn kind(&self) -> ErrorKind {
        match &*self.0 {
            Detail::Key(_) => ErrorKind::Key,
            Detail::Preset(_) | Detail::Stage(_) | Detail::Text(_) | Detail::Name(_) | Detail::Custom(_) => {
                ErrorKind::Scheme
            }
            Detail::Geometry(_) => ErrorKind::Geometry,
            Detail::Import(_) | Detail::Compile(CompileError::Tables(_)) => ErrorKind::Tables,
            Detail::Compile(_) | Detail::Plan(_) => ErrorKind::Incompatible,
            Detail::Lossy(_) => ErrorKind::Lossy,
            Detail::Batch(_) => ErrorKind::Batch,
            Detail::Engine(error) => match error {
                EngineError::NoDevice(_) => ErrorKind::NoDevice,
                EngineError::TooLarge { .. } => ErrorKind::DeviceLimit,
                EngineError::Device { .. } => ErrorKind::Device,
                EngineError::Timeout { .. } => ErrorKind::Timeout,
                EngineError::FloatsOnly | EngineError::NeedsPartners => ErrorKind::Incompatible,
                EngineError::Size { .. }
                | EngineError::Index { .. }
                | EngineError::NoId { .. }
                | EngineError::Geometry { .. }
                | EngineError::Augmentation { .. } => ErrorKind::Batch,
            },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.detail(), f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.detail().source()
    }
}
