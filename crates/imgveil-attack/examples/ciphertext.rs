//! Measures the attacks on encrypted images alone: `ciphertext PLAIN.npy ENCRYPTED.npy SCHEME [BLOCK] [PRIOR.npy]`.
//!
//! Prints, for 1, 4, 16, 64 and all images, the mean SSIM of the encrypted and of the recovered images to the plain
//! ones, the share of samples that are exact, and the time. The attacks see the encrypted array only.

use imgveil_attack::ciphertext::{BlockChanges, Moves, Prior, Structure};
use imgveil_attack::{Batch, Progress, Shape, metric, nearest_variant};
use std::sync::{LazyLock, Mutex};
use std::time::Instant;

static PHASES: LazyLock<Phases> = LazyLock::new(|| Phases(Mutex::new(("start", Instant::now()))));

fn read(path: &str) -> Batch {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let array = npyz::NpyFile::new(&bytes[..]).expect("a .npy file");
    let dimensions: Vec<usize> = array.shape().iter().map(|&length| length as usize).collect();
    let channels = dimensions.get(3).copied().unwrap_or(1);
    let shape = Shape { height: dimensions[1], width: dimensions[2], channels };
    Batch::from_bytes(shape, &array.into_vec::<u8>().expect("bytes")).expect("images")
}

/// Prints when a phase begins.
struct Phases(Mutex<(&'static str, Instant)>);

impl Progress for Phases {
    fn report(&self, phase: &'static str, _done: usize, _total: usize) {
        let mut last = self.0.lock().expect("no panic");
        if last.0 != phase {
            eprintln!("  {:.1} s {}", last.1.elapsed().as_secs_f64(), last.0);
            *last = (phase, Instant::now());
        }
    }
}

/// What a scheme does.
fn structure(name: &str, block: usize) -> Structure {
    let samples = |shuffled, flipped, key_per_block, scrambled| Structure::Samples {
        block,
        moves: Moves { shuffled, flipped },
        key_per_block,
        scrambled,
    };
    let changes = BlockChanges { turned: true, negated: true, reordered: true };
    match name {
        "shuffle-flip" => samples(true, true, false, false),
        "shf" => samples(true, false, false, false),
        "np" => samples(false, true, false, false),
        "scrambled" => samples(true, true, false, true),
        "vit" => samples(true, false, false, true),
        "keyed" => samples(true, true, true, false),
        "keyed-scrambled" => samples(true, true, true, true),
        "le" => Structure::Nibbles { block, key_per_block: false, scrambled: false },
        "ele" => Structure::Nibbles { block, key_per_block: true, scrambled: true },
        "etc" => Structure::Blocks { block, changes, key_per_image: false },
        "skk" => Structure::Pixels { key_per_image: false },
        "skk-image" => Structure::Pixels { key_per_image: true },
        "skk-filter" => Structure::FilteredPixels { block, key_per_image: false },
        "skk-filter-image" => Structure::FilteredPixels { block, key_per_image: true },
        _ => panic!("no scheme {name}"),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (plain, encrypted) = (read(&arguments[0]), read(&arguments[1]));
    let block = arguments.get(3).map_or(4, |text| text.parse().expect("a block size"));
    let prior = arguments.get(4).map(|path| read(path));
    let prior = prior.as_ref().map_or(Prior::Natural, Prior::Images);
    let structure = structure(&arguments[2], block);
    let from = std::env::var("FROM").map_or(1, |text| text.parse().expect("a number of images"));
    for count in [1, 2, 4, 8, 16, 64, plain.len()].into_iter().filter(|&count| (from..=plain.len()).contains(&count)) {
        // Several draws of few images, and what they give on average.
        let draws = if count <= 4 { 6 } else { 1 };
        let (mut before, mut after, mut worst, mut exact, mut time) = (0.0, 0.0, f64::INFINITY, 0.0, 0.0);
        for draw in 0..draws {
            let chosen: Vec<usize> =
                (0..count).map(|k| (k * (plain.len() / count) + draw * 23) % plain.len()).collect();
            let (x, y) = (plain.select(&chosen), encrypted.select(&chosen));
            let start = Instant::now();
            let recovered = structure.recover(&y, prior, &*PHASES).expect("an attack");
            time += start.elapsed().as_secs_f64() / f64::from(draws as u32);
            let (recovered, scores) = nearest_variant(&recovered, &x, structure.ambiguity()).expect("scores");
            before += metric::mean(&metric::ssim(&y, &x).expect("scores")) / f64::from(draws as u32);
            let score = metric::mean(&scores);
            after += score / f64::from(draws as u32);
            worst = score.min(worst);
            let right = recovered.samples().iter().zip(x.samples()).filter(|(a, b)| a == b).count();
            exact += right as f64 / x.samples().len() as f64 / f64::from(draws as u32);
        }
        println!(
            "{:14} n={count:3}: SSIM {before:6.3} -> {after:.3} (worst {worst:.3}), exact {:5.1} %, {time:.2} s",
            arguments[2],
            100.0 * exact
        );
    }
}
