#![no_main]
#[path = "../../crates/imgveil-train/tests/common/fuzzed.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzzed::model_json(data);
});
