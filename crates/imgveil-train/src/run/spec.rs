//! What a training run is told, as plain data.

use crate::config::Config;
use imgveil::internal::engine::DeviceChoice;
use imgveil::internal::scheme::Scheme;
use imgveil_data::format::ReadOptions;
use imgveil_data::set::Resize;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The usual limit on image memory on a GPU, in bytes.
pub const DEVICE_MEMORY: u64 = 4096 << 20;

/// A training run: everything that decides what it does. It can be stored and handed to another process as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// The data set, plain or encrypted.
    pub data: PathBuf,
    /// The scheme that encrypts a plain set. A set that is encrypted already takes none.
    pub scheme: Option<Scheme>,
    /// The scheme for a plain set with a secret, where none was asked for. `None`: its images are taken as they are.
    #[serde(default)]
    pub default_scheme: Option<Scheme>,
    /// Nobody named a network: that of the configuration gives way to one that fits the scheme.
    #[serde(default)]
    pub usual_model: bool,
    /// Where the key or the tables are. With them, the manifest of an encrypted set is authenticated.
    pub secret: Option<SecretSource>,
    /// How plain images are brought to size.
    #[serde(with = "super::texts::resize")]
    pub resize: Resize,
    /// How plain images are read where their format allows several readings.
    #[serde(default, with = "super::texts::reading")]
    pub reading: ReadOptions,
    /// How the network learns.
    pub config: Config,
    /// The device to train on.
    #[serde(with = "super::texts::device")]
    pub device: DeviceChoice,
    /// The most bytes of images that are kept on a GPU. A set that needs more is sent batch by batch.
    pub device_memory: u64,
    /// The folder of the run. `None`: `runs/MODEL-SCHEME-SEED`, or `runs/ADAPT-MODEL-SCHEME-SEED` with an adaptation
    /// network.
    pub folder: Option<PathBuf>,
    /// Whether an interrupted run in the folder is continued.
    pub resume: bool,
}

/// The file that holds the secret of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SecretSource {
    /// A key file.
    Key(PathBuf),
    /// A key file that is sealed with a passphrase, and the file of the passphrase.
    SealedKey {
        /// The key file.
        key: PathBuf,
        /// The file of its passphrase.
        passphrase: PathBuf,
    },
    /// A file of written-out tables.
    Tables(PathBuf),
}

impl RunSpec {
    /// A run on `data` with `config`: plain images, the default device and folder.
    pub fn new(data: PathBuf, config: Config) -> Self {
        Self {
            data,
            scheme: None,
            default_scheme: None,
            usual_model: false,
            secret: None,
            resize: Resize::default(),
            reading: ReadOptions::default(),
            config,
            device: DeviceChoice::default(),
            device_memory: DEVICE_MEMORY,
            folder: None,
            resume: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AdaptationKind, ModelKind};
    use imgveil::internal::scheme::{Options, Preset};

    #[test]
    fn a_spec_survives_json() {
        let config = Config {
            adapt: Some(AdaptationKind::Le),
            weights: Some("a.safetensors".into()),
            patch: Some([4, 8]),
            augment: "crop=3,flip,rotate=7".parse().unwrap(),
            patience: Some(3),
            learning_rate: 0.1 + 0.2,
            ..Config::new(ModelKind::VitTiny)
        };
        let spec = RunSpec::new("images".into(), config);
        let whole = RunSpec {
            scheme: Some(Preset::Etc.scheme(Options::default()).unwrap()),
            secret: Some(SecretSource::Key("k.key".into())),
            resize: Resize { size: Some("192x256".parse().unwrap()), pad: true, crop: false },
            reading: ReadOptions {
                window: Some("40,400".parse().unwrap()),
                axis: "x".parse().unwrap(),
                depth: imgveil::internal::image::Depth::new(12),
                labels: Some("labels.csv".into()),
                follow_links: true,
                ..ReadOptions::default()
            },
            folder: Some("runs/a".into()),
            resume: true,
            ..spec.clone()
        };
        for device in ["auto", "cpu", "gpu", "3", "NVIDIA"] {
            for spec in [&spec, &whole] {
                let spec = RunSpec { device: device.parse().unwrap(), ..spec.clone() };
                let text = serde_json::to_string(&spec).unwrap();
                assert_eq!(serde_json::from_str::<RunSpec>(&text).unwrap(), spec, "{text}");
            }
        }
    }
}
