//! Checkpoints: the weights in burn's burnpack format, and beside them `model.json`, which says what network they belong to.

use super::model::{ModelConfig, Network};
use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The description of a run's network.
pub const MODEL: &str = "model.json";

/// What a checkpoint's weights belong to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The network.
    pub model: ModelConfig,
    /// Names of the classes, in the order of the outputs.
    pub classes: Vec<String>,
    /// The scheme of the images that it learned from.
    pub scheme: crate::scheme::Scheme,
}

/// Why a checkpoint cannot be written or loaded.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Its words.
        source: std::io::Error,
    },
    /// Not a checkpoint, or of another network.
    #[error("{path} is damaged or belongs to another network: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The weights as bytes.
pub(super) fn weights(network: Network) -> Result<Vec<u8>, String> {
    network.into_record().into_bytes().map(|bytes| bytes.to_vec()).map_err(|e| e.to_string())
}

/// Loads a checkpoint (`best.bpk` or `last.bpk`) of a run's folder to a device.
///
/// # Errors
/// When a file is missing or damaged, or the weights are another network's.
pub fn load_checkpoint(folder: &Path, file: &str, device: &Device) -> Result<(ModelInfo, Network), CheckpointError> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|source| CheckpointError::Read { path, source })
    };
    let damaged = |name: &str, reason: String| CheckpointError::Damaged { path: folder.join(name), reason };
    let info: ModelInfo = serde_json::from_slice(&read(MODEL)?).map_err(|e| damaged(MODEL, e.to_string()))?;
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(read(file)?));
    let record = record.map_err(|e| damaged(file, e.to_string()))?;
    let mut network = info.model.init(0, device);
    // Before there were adaptation networks, a checkpoint held the classifier alone.
    network = match network.classifier.clone().try_load_record(record.clone()) {
        Ok(classifier) => Network { classifier, ..network },
        Err(_) => network.try_load_record(record).map_err(|e| damaged(file, e.to_string()))?,
    };
    Ok((info, network))
}
