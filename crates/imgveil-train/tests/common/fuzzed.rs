//! What is fuzzed of training: a function for every file that comes from outside, and what must hold whatever its bytes
//! are. Each function returns whether the bytes were valid. The targets in `fuzz/` and `tests/regressions.rs` both call
//! these functions, so that neither can drift from the other.
#![allow(dead_code)]

use imgveil_train::study::Grid;
use imgveil_train::{describe, identity_of};
use std::path::Path;

/// A target and its name.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// Every target.
pub const TARGETS: [Target; 3] = [("model_json", model_json), ("run_json", run_json), ("grid", grid)];

/// The checkpoint that a description is read with has so many bytes.
const CHECKPOINT: u64 = 1 << 20;

/// A description of a network that is accepted is the same after it is written, and a small network can be made.
pub fn model_json(data: &[u8]) -> bool {
    let Ok(info) = describe(data, CHECKPOINT) else { return false };
    let text = serde_json::to_vec(&info).expect("it was parsed just now");
    assert_eq!(describe(&text, CHECKPOINT).as_ref(), Ok(&info));
    // Others draw millions of weights, which takes seconds without optimization.
    if ["cnn", "bag"].contains(&info.model.kind.into()) {
        let network = info.model.init(0, &burn::tensor::Device::flex());
        assert!(network.parameters() > 0);
    }
    true
}

/// The identity of a run is the same after it is written.
pub fn run_json(data: &[u8]) -> bool {
    let Ok(identity) = identity_of(data) else { return false };
    let text = serde_json::to_vec(&identity).expect("it was parsed just now");
    assert!(identity_of(&text).is_ok());
    identity.is_object()
}

/// The rows of a grid give runs with names of their own, or a reason.
pub fn grid(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(grid) = Grid::parse(text, Path::new("grid.toml")) else { return false };
    let runs = grid.runs();
    assert_eq!(runs.len(), grid.rows.len() * grid.seeds.len());
    for run in runs.iter().take(8) {
        assert!(!run.name.contains(['/', '\\']));
        let _ = grid.spec(run, Path::new("runs"));
    }
    true
}
