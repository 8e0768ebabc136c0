//! What fuzzing guards, without a fuzzer: every target of training on small sound inputs, on those cut anywhere, and
//! with a byte changed anywhere.

#[path = "common/fuzzed.rs"]
mod fuzzed;

/// How many places of a seed are cut and changed.
const PLACES: usize = 400;

const GRID: &str = r#"
data = "images"
key = "hospital.key"
seeds = [3, 1]
schemes = ["none", { scheme = "etc", block = 8 }]
models = ["cnn", { model = "resnet18", adapt = "le" }]
[train]
epochs = 4
resize = "64x64"
[[also]]
schemes = [{ scheme = "vit", sign-flip = true }]
models = ["vit-tiny"]
lr = 0.001
"#;

const MODEL: &str = r#"{
  "model": {"kind": "cnn", "channels": 1, "size": [8, 8], "classes": 2, "patch": [4, 4],
    "adaptation": {"kind": "le", "block": [4, 4]}},
  "classes": ["a", "b"],
  "scheme": {"name": "np", "stages": ["keystream key=image"]},
  "key": "0123456789abcdef"
}"#;

const RUN: &str = r#"{"tool": "imgveil", "config": {"epochs": 3}, "classes": ["a", "b"], "images": [3, 2, 1]}"#;

fn survives(target: &str, seed: &str) {
    let (_, run) = fuzzed::TARGETS.into_iter().find(|(name, _)| *name == target).expect("a target");
    let seed = seed.as_bytes();
    assert!(run(seed), "the seed of {target} is not what it should be");
    for place in (0..seed.len()).step_by(seed.len().div_ceil(PLACES)) {
        run(&seed[..place]);
        for change in [0x01, 0x02, 0x08, 0x20, 0xff] {
            let mut changed = seed.to_vec();
            changed[place] ^= change;
            run(&changed);
        }
    }
}

#[test]
fn model_json() {
    survives("model_json", MODEL);
}

#[test]
fn run_json() {
    survives("run_json", RUN);
}

#[test]
fn grid() {
    survives("grid", GRID);
}
