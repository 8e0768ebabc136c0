//! The settings of a row of a grid, and the training run that they describe.

use crate::config::Config;
use crate::error::{Error, ErrorDetail, RowError};
use crate::model::ModelKind;
use crate::run::RunSpec;
use imgveil::internal::scheme::{Block, LONGEST_SCHEME, Options, Preset, Scheme};
use imgveil_data::regular_file;
use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A setting: its name, and its text; none for a switch that is on.
pub type Setting = (String, Option<String>);

/// Parses a finite number that is positive.
///
/// # Errors
/// When the text is no such number.
pub fn positive(text: &str) -> Result<f64, String> {
    not_negative(text).ok().filter(|&n| n > 0.0).ok_or_else(|| format!("`{text}` is no positive number"))
}

/// Parses a finite number that is not negative.
///
/// # Errors
/// When the text is no such number.
pub fn not_negative(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0).ok_or_else(|| format!("`{text}` is no such number"))
}

/// Parses a number from 0 to 1.
///
/// # Errors
/// When the text is no such number.
pub fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|n| (0.0..=1.0).contains(n)).ok_or_else(|| format!("`{text}` is no number from 0 to 1"))
}

/// Parses a whole number of at least `least` and at most 32 bits.
fn whole(text: &str, least: u32) -> Result<u32, String> {
    let number: i64 = text.parse().map_err(|e: std::num::ParseIntError| e.to_string())?;
    let found = u32::try_from(number).ok().filter(|&n| n >= least);
    found.ok_or_else(|| format!("{number} is not in {least}..={}", u32::MAX))
}

/// Parses a value by its own type.
fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e: T::Err| e.to_string())
}

/// The run that a row's settings describe, without its secret, seed and folder. `scheme` is the name of a built-in
/// scheme or the path of a scheme file; `none` without options of a scheme leaves the images as they are.
pub(super) fn spec(data: &Path, scheme: &str, model: &str, settings: &[Setting]) -> Result<RunSpec, RowError> {
    let invalid = |name: &str, value: &str| {
        let (name, value) = (name.to_owned(), value.to_owned());
        move |reason| RowError::Value { name, value, reason }
    };
    let model: ModelKind = parsed(model).map_err(invalid("model", model))?;
    let mut parts = Parts::new(model, data);
    for (name, text) in settings {
        match text {
            None if parts.switch(name) => {}
            None if Parts::takes_value(name) => return Err(RowError::NoValue(name.clone())),
            None => return Err(RowError::Unknown(name.clone())),
            Some(value) if Parts::is_switch(name) => {
                return Err(RowError::Switch { name: name.clone(), value: value.clone() });
            }
            Some(_) if !Parts::takes_value(name) => return Err(RowError::Unknown(name.clone())),
            Some(value) => parts.set(name, value).map_err(invalid(name, value))?,
        }
    }
    let Parts { mut spec, options, learning_rate, weight_decay } = parts;
    if spec.resize.pad && spec.resize.crop {
        return Err(RowError::Both("pad", "crop"));
    }
    let optimiser = spec.config.optimiser;
    spec.config.learning_rate = learning_rate.unwrap_or(optimiser.default_learning_rate());
    spec.config.weight_decay = weight_decay.unwrap_or(optimiser.default_weight_decay());
    spec.scheme = match scheme {
        "none" if options == Options::default() => None,
        // Options of a scheme are those of the default scheme, as for a single run.
        "none" => Some(named(Preset::ShuffleFlip.name(), options)?),
        scheme => Some(named(scheme, options)?),
    };
    Ok(spec)
}

struct Parts {
    spec: RunSpec,
    options: Options,
    learning_rate: Option<f64>,
    weight_decay: Option<f64>,
}

impl Parts {
    const SWITCHES: [&str; 5] = ["pad", "crop", "scramble", "sign-flip", "fresh-keys"];
    const VALUES: [&str; 24] = [
        "resize",
        "block",
        "key-scope",
        "statistic",
        "channel-table",
        "adapt",
        "weights",
        "patch",
        "normalise",
        "epochs",
        "batch",
        "optimiser",
        "lr",
        "weight-decay",
        "augment",
        "accumulate",
        "label-smoothing",
        "warmup",
        "clip",
        "patience",
        "balance",
        "precision",
        "device",
        "device-memory",
    ];

    fn new(model: ModelKind, data: &Path) -> Self {
        let spec = RunSpec::new(data.to_owned(), Config::new(model));
        Self { spec, options: Options::default(), learning_rate: None, weight_decay: None }
    }

    fn is_switch(name: &str) -> bool {
        Self::SWITCHES.contains(&name)
    }

    fn takes_value(name: &str) -> bool {
        Self::VALUES.contains(&name)
    }

    /// Switches a setting on; false where there is no such switch.
    fn switch(&mut self, name: &str) -> bool {
        match name {
            "pad" => self.spec.resize.pad = true,
            "crop" => self.spec.resize.crop = true,
            "scramble" => self.options.scramble = true,
            "sign-flip" => self.options.sign_flip = true,
            "fresh-keys" => self.spec.config.fresh_keys = true,
            _ => return false,
        }
        true
    }

    /// Gives one of [`Self::VALUES`] its value.
    fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let Self { spec, options, learning_rate, weight_decay } = self;
        let config = &mut spec.config;
        match name {
            "resize" => spec.resize.size = Some(parsed(text)?),
            "block" => options.block = Some(parsed(text)?),
            "key-scope" => options.key_scope = Some(parsed(text)?),
            "statistic" => options.statistic = Some(parsed(text)?),
            "channel-table" => options.orders = Some(parsed(text)?),
            "adapt" => config.adapt = Some(parsed(text)?),
            "weights" => config.weights = Some(PathBuf::from(text)),
            "patch" => {
                let patch: Block = parsed(text)?;
                config.patch = Some([patch.height as usize, patch.width as usize]);
            }
            "normalise" => config.normalise = parsed(text)?,
            "epochs" => config.epochs = whole(text, 1)? as usize,
            "batch" => config.batch = whole(text, 2)? as usize,
            "optimiser" => config.optimiser = parsed(text)?,
            "lr" => *learning_rate = Some(positive(text)?),
            "weight-decay" => *weight_decay = Some(not_negative(text)?),
            "augment" => config.augment = parsed(text)?,
            "accumulate" => config.accumulate = whole(text, 1)? as usize,
            "label-smoothing" => config.label_smoothing = share(text)?,
            "warmup" => config.warmup = Some(whole(text, 0)? as usize),
            "clip" => config.clip = Some(not_negative(text)?).filter(|&limit| limit > 0.0),
            "patience" => config.patience = Some(whole(text, 1)? as usize),
            "balance" => config.balance = parsed(text)?,
            "precision" => config.precision = parsed(text)?,
            "device" => spec.device = parsed(text)?,
            "device-memory" => spec.device_memory = u64::from(whole(text, 0)?) << 20,
            other => return Err(format!("there is no setting `{other}`")),
        }
        Ok(())
    }
}

/// The scheme of this name or file with these options.
fn named(scheme: &str, options: Options) -> Result<Scheme, RowError> {
    let failed = |detail: ErrorDetail| RowError::Scheme(Box::new(detail.into()));
    if scheme.ends_with(".toml") {
        return match first_given(&options) {
            Some(option) => Err(RowError::BuiltIn { option, scheme: scheme.to_owned() }),
            None => read(scheme).map_err(|error| RowError::Scheme(Box::new(error))),
        };
    }
    Preset::named(scheme).and_then(|preset| preset.scheme(options)).map_err(|error| failed(error.into()))
}

/// The first option that differs from its default.
fn first_given(options: &Options) -> Option<&'static str> {
    let given = [
        (options.block.is_some(), "block"),
        (options.key_scope.is_some(), "key-scope"),
        (options.scramble, "scramble"),
        (options.sign_flip, "sign-flip"),
        (options.statistic.is_some(), "statistic"),
        (options.orders.is_some(), "channel-table"),
    ];
    given.into_iter().find(|(is, _)| *is).map(|(_, option)| option)
}

/// Reads a scheme file.
fn read(path: &str) -> Result<Scheme, Error> {
    let mut text = Vec::new();
    // One byte more than a scheme may have, so that a larger file is refused without being read whole.
    let limit = LONGEST_SCHEME as u64 + 1;
    let read = regular_file::open_named(Path::new(path)).and_then(|file| file.take(limit).read_to_end(&mut text));
    read.map_err(|source| ErrorDetail::SchemeFile { path: path.into(), source })?;
    Ok(Scheme::from_toml(&text, path)?)
}
