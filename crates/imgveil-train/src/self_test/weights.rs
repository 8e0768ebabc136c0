//! Weights that go to the device and come back. Some drivers return zeros for the first tensors (cubecl's issue 1120).

use super::fault::{TrainingFault, wrong};
use super::steps::{initial, values};
use crate::backend::Backend;
use crate::checkpoint::load_weights;
use crate::model::ModelKind;

/// Loads the weights of two networks, works on the device, and reads them back.
pub fn check(backend: &Backend, _: usize) -> Result<String, TrainingFault> {
    let mut count = 0;
    for kind in [ModelKind::Cnn, ModelKind::ResNet18] {
        let (config, bytes, begun) = initial(kind)?;
        let network = load_weights(config.init(5, &backend.device()), bytes).map_err(TrainingFault::Weights)?;
        let found = values(backend, &network)?;
        let differing = found.iter().zip(&begun).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
        if differing > 0 || found.len() != begun.len() {
            let first = found.iter().zip(&begun).position(|(a, b)| a.to_bits() != b.to_bits()).unwrap_or(found.len());
            let what = format!("weights of {}", kind.name());
            return Err(wrong(what, format!("{differing} other values, the first is number {first}"), "equal values"));
        }
        count += found.len();
    }
    Ok(format!("{count} weights of two networks"))
}
