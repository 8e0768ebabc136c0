#![no_main]
#[path = "../../crates/imgveil-data/tests/common/fuzzed.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzzed::part_name(data);
});
