//! The self-test: its known answers are the vectors, and every device of a test machine passes it.

mod common;

use common::{engines, root};
use imgveil::internal::engine::KERNELS;
use imgveil::internal::hex;
use imgveil::internal::image::{Depth, Geometry};
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::Scheme;
use imgveil::internal::self_test::{ANSWERS, Answer, CHECKS, Extent, answers};
use serde_json::Value;
use std::path::PathBuf;

/// The answer that a case of `assets/vectors/schemes.json` states.
fn stated(case: &Value) -> Answer {
    let text = |field: &str| case[field].as_str().unwrap();
    let number = |field: &str| u32::try_from(case[field].as_u64().unwrap()).unwrap();
    let stages = case["stages"].as_array().unwrap().iter().map(|stage| stage.as_str().unwrap().parse().unwrap());
    Answer {
        secret: hex::decode(text("secret")).unwrap(),
        id: ImageId(hex::decode(text("id")).unwrap()),
        geometry: Geometry::new(number("height"), number("width"), number("channels"))
            .unwrap()
            .with_depth(Depth::new(number("depth")).unwrap()),
        scheme: Scheme { name: "known answer".to_owned(), stages: stages.collect() },
        hash: hex::decode(text("output_blake3")).unwrap(),
    }
}

/// After a change of the vectors, run with `IMGVEIL_PIN=1` and commit `assets/answers.txt`.
#[test]
fn known_answers_are_those_of_the_vectors() {
    let file = std::fs::read(root().join("assets/vectors/schemes.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    let expected: Vec<Answer> = file["cases"].as_array().unwrap().iter().map(stated).collect();
    let lines: String = expected.iter().map(|answer| answer.line() + "\n").collect();
    if std::env::var("IMGVEIL_PIN").is_ok_and(|v| v == "1") {
        std::fs::write(root().join("assets/answers.txt"), &lines).unwrap();
    }
    assert_eq!(ANSWERS, lines, "see the comment on this test");
    assert_eq!(answers().collect::<Vec<_>>(), expected);
}

/// The self-test uses every kernel that encrypts or converts, so that it would find a fault in any of them. With
/// `IMGVEIL_VARIANTS=FOLDER`, writes each variant that was used there, for `tests/backends`.
#[test]
fn every_kernel_is_used() {
    let Some(device) = common::open_gpu() else {
        return common::say_skipped("every_kernel_is_used: IMGVEIL_SKIP_GPU=1");
    };
    for check in CHECKS {
        check.run(&device, Extent { programs: 300, ..Extent::SHORT }).unwrap_or_else(|e| panic!("{}: {e}", check.name));
    }
    let variants = device.gpu().unwrap().variants();
    for kernel in KERNELS {
        // Copies are for measurements only.
        let is_copy = kernel.name.starts_with("copy_vectors") || kernel.name.starts_with("copy_words");
        assert!(is_copy || variants.iter().any(|variant| variant.kernel == kernel.name), "{} is not used", kernel.name);
    }
    if let Some(folder) = std::env::var_os("IMGVEIL_VARIANTS").map(PathBuf::from) {
        std::fs::create_dir_all(&folder).unwrap();
        for (number, variant) in variants.iter().enumerate() {
            let kernel = KERNELS.iter().find(|kernel| kernel.name == variant.kernel).unwrap();
            let path = folder.join(format!("{}-{number}.wgsl", kernel.name));
            let constants: String = variant.constants.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            std::fs::write(&path, kernel.wgsl).unwrap();
            std::fs::write(path.with_extension("constants"), constants).unwrap();
        }
    }
}

#[test]
fn every_device_passes() {
    for device in engines("every_device_passes") {
        for check in CHECKS {
            check.run(&device, Extent::SHORT).unwrap_or_else(|e| panic!("{}, {}: {e}", device.name(), check.name));
        }
    }
}
