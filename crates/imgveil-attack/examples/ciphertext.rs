//! Measures the attacks on encrypted images alone: `ciphertext PLAIN.npy ENCRYPTED.npy ATTACK [BLOCK] [PRIOR.npy]`.
//!
//! Prints, for 1, 4, 16, 64 and all images, the mean SSIM of the encrypted and of the recovered images to the plain
//! ones, the share of samples that are exact, and the time. The attacks see the encrypted array only.

use imgveil_attack::ciphertext::{self, BlockChanges, Moves, Prior};
use imgveil_attack::{Ambiguity, Batch, Error, Shape, metric, nearest_variant};
use std::time::Instant;

fn read(path: &str) -> Batch {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let array = npyz::NpyFile::new(&bytes[..]).expect("a .npy file");
    let dimensions: Vec<usize> = array.shape().iter().map(|&length| length as usize).collect();
    let channels = dimensions.get(3).copied().unwrap_or(1);
    let shape = Shape { height: dimensions[1], width: dimensions[2], channels };
    Batch::from_bytes(shape, &array.into_vec::<u8>().expect("bytes")).expect("images")
}

type Attack<'a> = Box<dyn Fn(&Batch) -> Result<Batch, Error> + 'a>;

/// An attack and what it leaves open.
fn attack<'a>(name: &str, block: usize, prior: Prior<'a>) -> (Attack<'a>, Ambiguity) {
    let sign = Ambiguity { negative: true, reordered: true, ..Ambiguity::default() };
    let whole = Ambiguity { turned: true, ..sign };
    let changes = BlockChanges { turned: true, negated: true, reordered: true };
    let moves = |shuffled, flipped| Moves { shuffled, flipped };
    match name {
        "shuffle-flip" => (Box::new(move |y| ciphertext::shared_blocks(y, block, moves(true, true), prior)), sign),
        "shf" => (Box::new(move |y| ciphertext::shared_blocks(y, block, moves(true, false), prior)), sign),
        "np" => (Box::new(move |y| ciphertext::shared_blocks(y, block, moves(false, true), prior)), sign),
        "etc" => (Box::new(move |y| ciphertext::turned_blocks(y, block, changes, &())), whole),
        "scrambled" => {
            (Box::new(move |y| ciphertext::scrambled_blocks(y, block, moves(true, true), prior, &())), whole)
        }
        "vit" => (Box::new(move |y| ciphertext::scrambled_blocks(y, block, moves(true, false), prior, &())), whole),
        "keyed" => (Box::new(move |y| ciphertext::keyed_blocks(y, block, moves(true, true), false, prior, &())), whole),
        "keyed-scrambled" => {
            (Box::new(move |y| ciphertext::keyed_blocks(y, block, moves(true, true), true, prior, &())), whole)
        }
        "le" => (Box::new(move |y| ciphertext::nibbles(y, block, prior, &())), sign),
        "ele" => (Box::new(move |y| ciphertext::keyed_nibbles(y, block, true, prior, &())), whole),
        "skk" => (Box::new(ciphertext::shared_pixels), Ambiguity { negative_channels: true, ..sign }),
        "fold" => (Box::new(ciphertext::folded_pixels), Ambiguity { negative_channels: true, ..sign }),
        _ => panic!("no attack {name}"),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (plain, encrypted) = (read(&arguments[0]), read(&arguments[1]));
    let block = arguments.get(3).map_or(4, |text| text.parse().expect("a block size"));
    let prior = arguments.get(4).map(|path| read(path));
    let prior = prior.as_ref().map_or(Prior::Natural, Prior::Images);
    let (run, open) = attack(&arguments[2], block, prior);
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
            let recovered = run(&y).expect("an attack");
            time += start.elapsed().as_secs_f64() / f64::from(draws as u32);
            let (recovered, scores) = nearest_variant(&recovered, &x, open).expect("scores");
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
