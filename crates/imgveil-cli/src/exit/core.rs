//! Errors of the core library.

use super::{DEVICE, FAILED, Failure, KEY, USAGE, failure};
use imgveil::internal::engine::EngineError;
use imgveil::internal::key::KeyError;
use imgveil::internal::scheme::{CompileError, CustomError, PRESETS, Preset, PresetError, SchemeTextError};

/// The scheme that is called almost like this.
fn similar(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase().replace('_', "-");
    let distance = |preset: &&str| strsim::damerau_levenshtein(preset, &name);
    let names = PRESETS.into_iter().map(Preset::name);
    names.min_by_key(distance).filter(|preset| distance(preset) <= (preset.len() / 3).max(1))
}

impl From<PresetError> for Failure {
    fn from(error: PresetError) -> Self {
        let meant = match &error {
            PresetError::Unknown { name } => similar(name),
            _ => None,
        };
        match meant {
            Some(name) => Self { words: format!("{error}; did you mean `{name}`?"), code: USAGE },
            None => failure(&error, USAGE),
        }
    }
}

impl From<SchemeTextError> for Failure {
    fn from(error: SchemeTextError) -> Self {
        failure(&error, USAGE)
    }
}

impl From<CustomError> for Failure {
    fn from(error: CustomError) -> Self {
        failure(&error, USAGE)
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        let code = match &error {
            // Arrays that do not belong to the scheme count as a wrong key.
            CompileError::Tables(error) if !error.is_about_the_scheme() => KEY,
            _ => USAGE,
        };
        let advice = match &error {
            CompileError::Tiling { .. } => {
                ": use --pad (grow the image; decryption restores its size), --crop (cut it) or another --block"
            }
            CompileError::Small { .. } => {
                ": use a smaller --block, --resize, or --pad (grow the image; decryption restores its size)"
            }
            _ => "",
        };
        Failure { words: format!("{error}{advice}"), code }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let (code, advice) = match &error {
            EngineError::NoDevice(none) if none.adapters.is_empty() => (DEVICE, "; install one or use --device cpu"),
            EngineError::NoDevice(_) => (DEVICE, "; or use --device cpu"),
            EngineError::TooLarge { .. } => (FAILED, ": use a smaller --batch, smaller images, or --device cpu"),
            EngineError::Device { .. } => (FAILED, "; --device cpu works without it"),
            EngineError::Timeout { .. } => (
                FAILED,
                "; give it more time with --device-timeout, less work with a smaller --batch, restart its driver, or \
                 use --device cpu",
            ),
            _ => (FAILED, ""),
        };
        Failure { words: format!("{error}{advice}"), code }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let code = match error {
            KeyError::Random(_) => FAILED,
            _ => KEY,
        };
        failure(&error, code)
    }
}
