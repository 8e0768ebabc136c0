//! Every attack on encrypted images alone recovers what its scheme leaves, and nothing of random bytes.
//!
//! The bounds are far from what the attacks reach and from what noise reaches, so that they hold however floats are
//! rounded.

mod common;

use common::schemes::{flip_pixels, medians, scramble, shuffle_flip, shuffle_nibbles, turn_blocks};
use common::{noise, phantoms};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use imgveil_attack::ciphertext::{BlockChanges, Moves, Prior, Structure};
use imgveil_attack::{Batch, Error, Progress, Shape, metric, nearest_variant};

const GREY: Shape = Shape { height: 48, width: 48, channels: 1 };
const COLOUR: Shape = Shape { channels: 3, ..GREY };

const BOTH: Moves = Moves { shuffled: true, flipped: true };

/// The mean SSIM after the attack, up to what it leaves open.
fn after(structure: Structure, plain: &Batch, encrypted: &Batch, prior: Prior<'_>) -> f64 {
    let recovered = structure.recover(encrypted, prior, &()).unwrap();
    metric::mean(&nearest_variant(&recovered, plain, structure.ambiguity()).unwrap().1)
}

/// The images come back with a SSIM above `bound`, the encrypted ones are far from it, and random bytes give nothing.
fn opens(structure: Structure, plain: &Batch, encrypted: &Batch, bound: f64) {
    opens_against(structure, plain, encrypted, bound, 0.15);
}

/// As [`opens`], with what random bytes must stay below. Smooth guesses have some likeness with any smooth image.
fn opens_against(structure: Structure, plain: &Batch, encrypted: &Batch, bound: f64, nothing: f64) {
    let before = metric::mean(&metric::ssim(encrypted, plain).unwrap());
    assert!(before < 0.5 * bound, "{structure:?}: the encrypted images have {before}");
    let score = after(structure, plain, encrypted, Prior::Natural);
    assert!(score > bound, "{structure:?}: {score}");
    let random = noise(plain.len(), plain.shape(), 99);
    let score = after(structure, plain, &random, Prior::Natural);
    assert!(score < nothing, "{structure:?}: {score} from random bytes");
}

fn samples(moves: Moves, key_per_block: bool, scrambled: bool) -> Structure {
    Structure::Samples { block: 4, moves, key_per_block, scrambled }
}

#[test]
fn shared_blocks_open_from_one_image() {
    let plain = phantoms(1, GREY, 1);
    opens(samples(BOTH, false, false), &plain, &shuffle_flip(&plain, 4, false, 1), 0.999);
}

#[test]
fn shared_blocks_of_colour_open() {
    let plain = phantoms(6, COLOUR, 2);
    opens(samples(BOTH, false, false), &plain, &shuffle_flip(&plain, 4, false, 2), 0.95);
}

#[test]
fn shared_blocks_open_with_the_statistics_of_other_images() {
    let (plain, public) = (phantoms(2, GREY, 3), phantoms(10, Shape { height: 50, ..GREY }, 4));
    let encrypted = shuffle_flip(&plain, 4, false, 3);
    assert!(after(samples(BOTH, false, false), &plain, &encrypted, Prior::Images(&public)) > 0.999);
    let structure = samples(BOTH, false, false);
    let other = structure.recover(&encrypted, Prior::Images(&phantoms(1, COLOUR, 1)), &());
    assert!(matches!(other, Err(Error::NotApplicable(_))));
}

#[test]
fn scrambled_blocks_open_from_some_images() {
    let plain = phantoms(12, GREY, 5);
    let encrypted = scramble(&shuffle_flip(&plain, 4, false, 5), 4, 6);
    opens(samples(BOTH, false, true), &plain, &encrypted, 0.95);
}

#[test]
fn a_key_for_every_block_opens_from_some_images() {
    let plain = phantoms(32, GREY, 7);
    let encrypted = shuffle_flip(&plain, 4, true, 7);
    opens(samples(BOTH, true, false), &plain, &encrypted, 0.9);
    opens(samples(BOTH, true, true), &plain, &scramble(&encrypted, 4, 8), 0.9);
}

#[test]
fn nibbles_open_from_one_image() {
    let plain = phantoms(1, GREY, 9);
    let structure = Structure::Nibbles { block: 4, key_per_block: false, scrambled: false };
    opens(structure, &plain, &shuffle_nibbles(&plain, 4, false, 9), 0.9);
}

#[test]
fn nibbles_with_a_key_for_every_block_open_from_many_images() {
    let plain = phantoms(120, Shape { height: 32, width: 32, channels: 1 }, 10);
    let encrypted = scramble(&shuffle_nibbles(&plain, 4, true, 10), 4, 11);
    opens(Structure::Nibbles { block: 4, key_per_block: true, scrambled: true }, &plain, &encrypted, 0.75);
}

#[test]
fn turned_blocks_open_from_some_images() {
    let changes = BlockChanges { turned: true, negated: true, reordered: true };
    let structure = Structure::Blocks { block: 8, changes, key_per_image: false };
    for shape in [GREY, COLOUR] {
        let plain = phantoms(6, shape, 12);
        opens(structure, &plain, &turn_blocks(&plain, 8, 12), 0.95);
    }
    // Of an oblong image some are put together lying on their side.
    for seed in 0..6 {
        let plain = phantoms(6, Shape { width: 32, ..COLOUR }, 12);
        opens(structure, &plain, &turn_blocks(&plain, 8, seed), 0.95);
    }
}

/// Pieces of 4x4 with fine texture: many sides fit many others, so that it counts which fits best by far.
#[test]
fn turned_blocks_of_texture_open() {
    let changes = BlockChanges { turned: true, negated: true, reordered: true };
    let structure = Structure::Blocks { block: 4, changes, key_per_image: false };
    let (smooth, grain) = (phantoms(16, GREY, 31), noise(16, GREY, 32));
    let rough = smooth.samples().iter().zip(grain.samples()).map(|(&sample, &grain)| (sample + grain / 24).min(255));
    let plain = Batch::new(GREY, 255, rough.collect()).unwrap();
    opens(structure, &plain, &turn_blocks(&plain, 4, 31), 0.9);
}

/// With a key for every image each is put together from its own blocks.
#[test]
fn blocks_with_a_key_for_every_image_stay_with_their_image() {
    let plain = phantoms(3, GREY, 34);
    let changes = BlockChanges { turned: true, negated: false, reordered: false };
    let structure = Structure::Blocks { block: 8, changes, key_per_image: true };
    let recovered = structure.recover(&turn_blocks(&plain, 8, 35), Prior::Natural, &()).unwrap();
    let sorted = |image: &[u16]| {
        let mut samples: Vec<u16> = image.iter().map(|&sample| sample.min(255 - sample)).collect();
        samples.sort_unstable();
        samples
    };
    for (found, plain) in recovered.iter().zip(plain.iter()) {
        assert_eq!(sorted(found), sorted(plain));
    }
}

/// Blocks that were kept as JPEG after encryption, with all that it loses.
#[test]
fn turned_blocks_open_from_jpeg_files() {
    let changes = BlockChanges { turned: true, negated: true, reordered: true };
    let structure = Structure::Blocks { block: 8, changes, key_per_image: false };
    for shape in [GREY, COLOUR] {
        let plain = phantoms(8, shape, 12);
        let encrypted = jpeg(&turn_blocks(&plain, 8, 12), 90);
        assert_ne!(encrypted, turn_blocks(&plain, 8, 12));
        opens(structure, &plain, &encrypted, 0.8);
    }
}

/// Patches of colour, as `vit` moves them: channels of a pixel that are equal, nearly equal, and unlike.
#[test]
fn patches_of_colour_open() {
    let moves = Moves { shuffled: true, flipped: true };
    let structure = Structure::Samples { block: 12, moves, key_per_block: false, scrambled: true };
    for share in [0.0, 0.1, 0.4] {
        let plain = colourful(24, share, 21);
        opens(structure, &plain, &scramble(&shuffle_flip(&plain, 12, false, 21), 12, 22), 0.85);
    }
}

/// Pictures whose channels have so much of their own.
fn colourful(count: usize, share: f64, seed: u64) -> Batch {
    let [common, red, green, blue] = [0, 1, 2, 3].map(|part| phantoms(count, GREY, seed + part));
    let own = [&red, &green, &blue].map(Batch::samples);
    let mixed = |(i, &sample): (usize, &u16)| {
        own.map(|own| ((1.0 - share) * f64::from(sample) + share * f64::from(own[i])).round() as u16)
    };
    Batch::new(COLOUR, 255, common.samples().iter().enumerate().flat_map(mixed).collect()).unwrap()
}

/// Images as a JPEG of this quality keeps them.
fn jpeg(images: &Batch, quality: u8) -> Batch {
    let shape = images.shape();
    let (width, height) = (shape.width as u32, shape.height as u32);
    let colour = if shape.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let kept = |image: &[u16]| -> Vec<u16> {
        let bytes: Vec<u8> = image.iter().map(|&sample| sample as u8).collect();
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, quality).encode(&bytes, width, height, colour).unwrap();
        image::load_from_memory(&file).unwrap().as_bytes().iter().map(|&sample| sample.into()).collect()
    };
    Batch::new(shape, 255, images.iter().flat_map(kept).collect()).unwrap()
}

#[test]
fn shared_pixels_open_from_a_few_images() {
    for shape in [GREY, COLOUR] {
        let plain = phantoms(6, shape, 13);
        opens(Structure::Pixels { key_per_image: false }, &plain, &flip_pixels(&plain, false, 13), 0.97);
    }
}

#[test]
fn a_key_for_every_image_leaves_tones() {
    let plain = phantoms(4, GREY, 14);
    opens(Structure::Pixels { key_per_image: true }, &plain, &flip_pixels(&plain, true, 14), 0.77);
    let plain = phantoms(2, COLOUR, 15);
    opens(Structure::Pixels { key_per_image: true }, &plain, &flip_pixels(&plain, true, 15), 0.77);
}

#[test]
fn medians_of_blocks_leave_shapes() {
    let plain = phantoms(4, Shape { height: 96, width: 96, channels: 1 }, 16);
    for (key_per_image, bound) in [(false, 0.8), (true, 0.63)] {
        let encrypted = medians(&flip_pixels(&plain, key_per_image, 16), 4);
        opens_against(Structure::FilteredPixels { block: 4, key_per_image }, &plain, &encrypted, bound, 0.3);
    }
}

#[test]
fn a_result_is_the_same_every_time() {
    let plain = phantoms(5, GREY, 17);
    let encrypted = scramble(&shuffle_flip(&plain, 4, true, 17), 4, 18);
    let once = || samples(BOTH, true, true).recover(&encrypted, Prior::Natural, &()).unwrap();
    assert_eq!(once(), once());
}

#[test]
fn what_cannot_be_attacked_is_refused() {
    let plain = phantoms(1, GREY, 19);
    let structure = |block| Structure::Samples { block, moves: BOTH, key_per_block: false, scrambled: false };
    let refused = |structure: Structure, batch: &Batch| structure.recover(batch, Prior::Natural, &()).unwrap_err();
    assert!(matches!(refused(structure(5), &plain), Error::BlockDoesNotTile { block: 5, .. }));
    assert!(matches!(refused(structure(0), &plain), Error::BlockDoesNotTile { block: 0, .. }));
    assert!(matches!(refused(structure(4), &plain.select(&[])), Error::TooFewImages { needed: 1, given: 0 }));
    let ten_bits = Batch::new(GREY, 1023, plain.samples().to_vec()).unwrap();
    let nibbles = Structure::Nibbles { block: 4, key_per_block: false, scrambled: false };
    assert!(matches!(refused(nibbles, &ten_bits), Error::NotApplicable(_)));
}

#[test]
fn an_attack_stops_when_asked_to() {
    struct Impatient;
    impl Progress for Impatient {
        fn report(&self, _phase: &'static str, _done: usize, _total: usize) {}
        fn stopped(&self) -> bool {
            true
        }
    }
    let encrypted = noise(2, GREY, 20);
    let changes = BlockChanges { turned: true, negated: true, reordered: true };
    let blocks = Structure::Blocks { block: 8, changes, key_per_image: false };
    for structure in [samples(BOTH, true, false), samples(BOTH, false, true), blocks] {
        assert!(matches!(structure.recover(&encrypted, Prior::Natural, &Impatient), Err(Error::Stopped)));
    }
}

#[test]
fn deep_samples_are_attacked_too() {
    let eight = phantoms(2, GREY, 21);
    let deep =
        Batch::new(GREY, 4095, eight.samples().iter().map(|sample| sample * 16 + sample % 13).collect()).unwrap();
    let encrypted = shuffle_flip(&deep, 4, false, 21);
    assert!(after(samples(BOTH, false, false), &deep, &encrypted, Prior::Natural) > 0.999);
}
