//! What fuzzing guards, without a fuzzer: every target of `fuzz/` on small sound inputs, on those cut anywhere, with a
//! byte changed anywhere, and on every input that once broke it (`assets/regressions/TARGET/`).

#[path = "common/fuzz_seeds.rs"]
mod fuzz_seeds;
#[path = "common/fuzzed.rs"]
mod fuzzed;

use std::path::{Path, PathBuf};

/// How many places of a target's seeds are cut and changed: short ones at every byte, longer ones at as many as this in
/// all.
const PLACES: usize = 1200;

/// The number of targets of `imgveil-train`, which has such tests of its own.
const OF_TRAINING: usize = 3;

/// Runs a target on a seed, every truncation of it, and every single changed byte.
fn survives(target: &str) {
    let (_, run) = fuzzed::TARGETS.into_iter().find(|(name, _)| *name == target).expect("a target");
    let seeds = fuzz_seeds::of(target);
    for (number, seed) in seeds.iter().enumerate() {
        assert!(run(seed), "seed {number} of {target} is not what it should be");
        let step = (seed.len() * seeds.len()).div_ceil(PLACES);
        for place in (0..seed.len()).step_by(step) {
            run(&seed[..place]);
            // Another place of each stretch for each change, so that a step leaves nothing out for good.
            for (shift, change) in [0x01, 0x20, 0x80, 0xff].into_iter().enumerate() {
                let mut changed = seed.clone();
                let place = (place + shift * step / 4).min(seed.len() - 1);
                changed[place] ^= change;
                run(&changed);
            }
        }
    }
}

macro_rules! survives {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            survives(stringify!($target));
        })*

        #[test]
        fn every_target_is_run_here_and_has_a_program() {
            let here = [$(stringify!($target)),*];
            assert_eq!(here.as_slice(), fuzzed::TARGETS.map(|(name, _)| name));
            let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/fuzz_targets");
            // A packaged crate has none.
            if programs.exists() {
                assert_eq!(programs.read_dir().unwrap().count(), here.len() + OF_TRAINING);
                assert!(here.iter().all(|target| programs.join(format!("{target}.rs")).is_file()));
            }
        }
    };
}

survives!(key_file manifest journal part_name npz npy tar scheme_toml tables labels_csv names_csv dicom nifti picture);

#[test]
fn what_was_found_once_stays_fixed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/regressions");
    for (target, run) in fuzzed::TARGETS {
        let Ok(found) = root.join(target).read_dir() else { continue };
        for entry in found {
            run(&std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
}

/// `IMGVEIL_SEEDS=fuzz/corpus` writes the seeds there, for the fuzzer.
#[test]
fn seeds_are_small_and_written_where_asked() {
    for (target, _) in fuzzed::TARGETS {
        let seeds = fuzz_seeds::of(target);
        assert!(!seeds.is_empty() && seeds.iter().all(|seed| seed.len() < 16 << 10), "{target}");
        let Some(folder) = std::env::var_os("IMGVEIL_SEEDS").map(|root| PathBuf::from(root).join(target)) else {
            continue;
        };
        std::fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:02}")), seed).unwrap();
        }
    }
}
