//! Checkpoints: the weights in burn's burnpack format, and `model.json`, which describes their network.

use crate::error::{CheckpointError, Error};
use crate::model::{ModelConfig, Network};
use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device};
use imgveil::internal::scheme::MOST_STAGES;
use imgveil_data::json_limits::JsonLimits;
use imgveil_data::limits::MOST_CLASSES;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The description of a run's network.
pub const MODEL: &str = "model.json";

/// The description of a checkpoint's network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The network.
    pub model: ModelConfig,
    /// The names of the classes, in the order of the outputs.
    pub classes: Vec<String>,
    /// The scheme of the training images.
    pub scheme: imgveil::internal::scheme::Scheme,
    /// The fingerprint of the key of the training images, if they were encrypted. It is safe to print.
    #[serde(default)]
    pub key: Option<String>,
    /// The bits that samples of the training images use, if they have more than 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
}

/// The weights as bytes.
pub(super) fn weights(network: Network) -> Result<Vec<u8>, String> {
    network.into_record().into_bytes().map(|bytes| bytes.to_vec()).map_err(|e| e.to_string())
}

/// The network with weights from [`weights`].
pub(super) fn load_weights(network: Network, bytes: Vec<u8>) -> Result<Network, String> {
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(|e| e.to_string())?;
    // Checkpoints of earlier versions hold the classifier alone.
    match network.classifier.clone().try_load_record(record.clone()) {
        Ok(classifier) => Ok(Network { classifier, ..network }),
        Err(_) => network.try_load_record(record).map_err(|e| e.to_string()),
    }
}

/// Loads a checkpoint (`best.bpk` or `last.bpk`) of a run's folder to a device.
///
/// # Errors
/// When a file is missing or damaged, or the weights are another network's.
pub fn load_checkpoint(folder: &Path, file: &str, device: &Device) -> Result<(ModelInfo, Network), Error> {
    Ok(read_checkpoint(folder, file, device)?)
}

/// [`load_checkpoint`] with the error's detail.
pub(crate) fn read_checkpoint(
    folder: &Path,
    file: &str,
    device: &Device,
) -> Result<(ModelInfo, Network), CheckpointError> {
    let read = |name: &str| {
        let path = folder.join(name);
        imgveil_data::regular_file::read(&path).map_err(|source| CheckpointError::Read { path, source })
    };
    let damaged = |name: &str, reason: String| CheckpointError::Damaged { path: folder.join(name), reason };
    let described = read_short(&folder.join(MODEL))?;
    let weights = read(file)?;
    let length = weights.len() as u64;
    let info = describe(&described, length).map_err(|reason| damaged(MODEL, reason))?;
    let network = load_weights(info.model.init(0, device), weights).map_err(|reason| damaged(file, reason))?;
    Ok((info, network))
}

/// Reads the description of a checkpoint, without its weights.
///
/// # Errors
/// As [`read_checkpoint`].
pub(crate) fn read_description(folder: &Path, file: &str) -> Result<ModelInfo, CheckpointError> {
    let read = |path: PathBuf, source| CheckpointError::Read { path, source };
    let described = read_short(&folder.join(MODEL))?;
    let weights = folder.join(file);
    let length = std::fs::metadata(&weights).map_err(|source| read(weights, source))?.len();
    describe(&described, length).map_err(|reason| CheckpointError::Damaged { path: folder.join(MODEL), reason })
}

/// The most bytes of `model.json`: the names of as many classes as there may be.
const LONGEST: u64 = 64 << 20;

/// The limits of `model.json`.
const LIMITS: JsonLimits = JsonLimits { lists: &[("classes", MOST_CLASSES), ("stages", MOST_STAGES)] };

/// Parses `model.json` and checks that the network can be made. `length` is the number of bytes of its checkpoint.
///
/// # Errors
/// What is wrong with it.
#[doc(hidden)]
pub fn describe(text: &[u8], length: u64) -> Result<ModelInfo, String> {
    if text.len() as u64 > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes"));
    }
    LIMITS.check(text).map_err(|e| e.to_string())?;
    let info: ModelInfo = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    info.model.check(length)?;
    if info.classes.len() != info.model.classes {
        let (names, outputs) = (info.classes.len(), info.model.classes);
        return Err(format!("it names {names} classes, and its network has {outputs}"));
    }
    Ok(info)
}

/// Reads no more than is parsed.
fn read_short(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    let mut text = Vec::new();
    let read = imgveil_data::regular_file::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut text));
    read.map(|_| text).map_err(|source| CheckpointError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AdaptationKind, ModelKind};
    use crate::weights::export_weights;
    use imgveil::internal::image::Geometry;
    use imgveil::internal::scheme::{Options, Preset};

    /// With an adaptation network, without one, and as it was written before there were any.
    #[test]
    fn checkpoints_load_also_from_before_there_were_adaptation_networks() {
        let folder = tempfile::tempdir().unwrap();
        let device = Device::flex();
        let scheme = Preset::None.scheme(Options::default()).unwrap();
        for (adaptation, old) in [(None, false), (None, true), (Some(AdaptationKind::Ele), false)] {
            let geometry = Geometry::new(8, 8, 1).unwrap();
            let model = ModelConfig::new(ModelKind::Cnn, adaptation, geometry, 2, None);
            let network = model.init(4, &device);
            let classes = vec!["a".into(), "b".into()];
            let info = ModelInfo { model, classes, scheme: scheme.clone(), key: None, depth: Some(12) };
            std::fs::write(folder.path().join(MODEL), serde_json::to_vec(&info).unwrap()).unwrap();
            let bytes = if old {
                network.classifier.clone().into_record().into_bytes().unwrap().to_vec()
            } else {
                weights(network.clone()).unwrap()
            };
            std::fs::write(folder.path().join("best.bpk"), bytes).unwrap();
            let (read, loaded) = load_checkpoint(folder.path(), "best.bpk", &device).unwrap();
            assert_eq!(read, info);
            let weights = |network| export_weights(&info.model, network).unwrap();
            assert!(weights(&loaded) == weights(&network));
        }
        // Weights of another network.
        let other = ModelConfig::new(ModelKind::ResNet18, None, Geometry::new(8, 8, 1).unwrap(), 2, None);
        std::fs::write(folder.path().join("best.bpk"), weights(other.outline()).unwrap()).unwrap();
        let error = read_checkpoint(folder.path(), "best.bpk", &device).unwrap_err();
        assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
    }
}
