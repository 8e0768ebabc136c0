//! Chosen and known plaintext on toy schemes that are written here, and on controls that have no table.

use imgveil_attack::chosen::{Chosen, generic, structured};
use imgveil_attack::known::{measure, table};
use imgveil_attack::{Batch, Error, Layout, Level, Oracle, Shape, Within};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A black box that counts the images that it is given.
struct BlackBox<F> {
    encrypt: F,
    images: AtomicUsize,
}

impl<F: Fn(&[u16]) -> Vec<u16> + Sync> Oracle for BlackBox<F> {
    fn encrypt(&self, plain: &Batch) -> Result<Batch, Error> {
        self.images.fetch_add(plain.len(), Ordering::Relaxed);
        Batch::new(plain.shape(), plain.max(), plain.iter().flat_map(&self.encrypt).collect())
    }
}

fn black_box<F: Fn(&[u16]) -> Vec<u16> + Sync>(encrypt: F) -> BlackBox<F> {
    BlackBox { encrypt, images: AtomicUsize::new(0) }
}

fn random(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn permutation(n: usize, random: &mut ChaCha20Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    (1..n).rev().for_each(|i| order.swap(i, random.next_u32() as usize % (i + 1)));
    order
}

/// Smooth images with noise, so that neighbours are alike and samples repeat.
fn images(shape: Shape, max: u16, count: usize) -> Batch {
    let mut random = random(77);
    let mut samples = Vec::new();
    for image in 0..count {
        for y in 0..shape.height {
            for x in 0..shape.width {
                for c in 0..shape.channels {
                    let slope = (y * (image + 3) + x * 5 + c * 40 + image * 31) as u32 * u32::from(max) / 255;
                    samples.push(((slope + random.next_u32() % (u32::from(max) / 16)) % u32::from(max)) as u16);
                }
            }
        }
    }
    Batch::new(shape, max, samples).unwrap()
}

/// Samples of every block: blocks row by row, samples in the order of (row, column, channel).
fn blocks(shape: Shape, side: usize) -> Vec<Vec<usize>> {
    let columns = shape.width / side;
    let of = |block: usize| {
        let (top, left) = (block / columns * side, block % columns * side);
        let sample = move |i: usize| {
            let (pixel, c) = (i / shape.channels, i % shape.channels);
            ((top + pixel / side) * shape.width + left + pixel % side) * shape.channels + c
        };
        (0..side * side * shape.channels).map(sample).collect()
    };
    (0..shape.height / side * columns).map(of).collect()
}

/// A key: for every sample its source and its flip.
fn key(shape: Shape, side: usize, within: Within, scrambled: bool, seed: u64) -> Vec<(usize, bool)> {
    let mut random = random(seed);
    let blocks = blocks(shape, side);
    let size = blocks[0].len();
    let from = if scrambled { permutation(blocks.len(), &mut random) } else { (0..blocks.len()).collect() };
    let mut key = vec![(0, false); shape.samples()];
    let draw = |random: &mut ChaCha20Rng| -> (Vec<usize>, Vec<bool>) {
        match within {
            Within::Turned => {
                // Transposed, mirrored, negated, and the channels in another order.
                let (turn, mirror, flip) = (random.next_u32() % 2, random.next_u32() % 2, random.next_u32() % 2 == 1);
                let order = permutation(shape.channels, random);
                let place = |i: usize| {
                    let (pixel, c) = (i / shape.channels, i % shape.channels);
                    let (mut y, mut x) = (pixel / side, pixel % side);
                    if mirror == 1 {
                        x = side - 1 - x;
                    }
                    if turn == 1 {
                        std::mem::swap(&mut y, &mut x);
                    }
                    (y * side + x) * shape.channels + order[c]
                };
                ((0..size).map(place).collect(), vec![flip; size])
            }
            _ => (permutation(size, random), (0..size).map(|_| random.next_u32() % 2 == 1).collect()),
        }
    };
    let shared = draw(&mut random);
    for (block, &from) in from.iter().enumerate() {
        let (places, flips) = if within == Within::Shared { shared.clone() } else { draw(&mut random) };
        for i in 0..size {
            key[blocks[block][i]] = (blocks[from][places[i]], flips[i]);
        }
    }
    key
}

fn moved(key: &[(usize, bool)], max: u16) -> impl Fn(&[u16]) -> Vec<u16> + Sync {
    move |image| key.iter().map(|&(from, flip)| if flip { max - image[from] } else { image[from] }).collect()
}

/// Checks that the attack took so many images and decrypts others exactly.
#[track_caller]
fn opens<F: Fn(&[u16]) -> Vec<u16> + Sync>(found: &Chosen, oracle: &BlackBox<F>, secret: &Batch, expected: usize) {
    let taken = oracle.images.load(Ordering::Relaxed);
    assert_eq!(found.images, expected);
    // Two images more check the table.
    assert_eq!(taken, expected + 2);
    let table = found.table.as_ref().expect("a table");
    assert_eq!(table.determined(), 1.0);
    assert_eq!(&table.decrypt(&oracle.encrypt(secret).unwrap()).unwrap(), secret);
}

const GREY: Shape = Shape { height: 16, width: 24, channels: 1 };
const COLOUR: Shape = Shape { height: 16, width: 24, channels: 3 };

#[test]
fn whatever_moves_and_negates_is_opened_without_knowing_it() {
    for (shape, max, expected) in [(GREY, 255, 3), (COLOUR, 255, 4), (GREY, 1023, 1), (GREY, 65535, 3)] {
        let key = key(shape, 8, Within::PerBlock, true, 5);
        let oracle = black_box(moved(&key, max));
        let found = generic(&oracle, shape, max, 1).unwrap();
        // 10 bits have no whole number of nibbles: samples hold the digits, and 512 of them hold 384 places.
        opens(&found, &oracle, &images(shape, max, 3), expected);
    }
}

#[test]
fn nibbles_that_go_anywhere_are_opened_too() {
    let (order, max) = (permutation(2 * GREY.samples(), &mut random(9)), 255);
    let oracle = black_box(|image: &[u16]| {
        let nibbles: Vec<u16> = image.iter().flat_map(|sample| [sample & 15, sample >> 4]).collect();
        let moved: Vec<u16> = order.iter().map(|&from| nibbles[from] ^ if from % 3 == 0 { 15 } else { 0 }).collect();
        moved.chunks(2).map(|pair| pair[0] | pair[1] << 4).collect()
    });
    opens(&generic(&oracle, GREY, max, 1).unwrap(), &oracle, &images(GREY, max, 3), 3);
}

#[test]
fn one_image_is_enough_for_whoever_knows_the_structure() {
    for shape in [GREY, COLOUR] {
        for (side, within, scrambled) in [
            (4, Within::Shared, false),
            (4, Within::Shared, true),
            (4, Within::PerBlock, false),
            (4, Within::PerBlock, true),
            (8, Within::Turned, true),
            (1, Within::PerBlock, false),
        ] {
            let key = key(shape, side, within, scrambled, 6);
            let oracle = black_box(moved(&key, 255));
            let layout = Layout { level: Level::Sample, block: (side, side), within, scrambled };
            let found = structured(&oracle, layout, shape, 255, 1).unwrap();
            opens(&found, &oracle, &images(shape, 255, 3), 1);
        }
    }
}

#[test]
fn a_wrong_structure_gives_no_table() {
    let key = key(GREY, 4, Within::PerBlock, true, 7);
    let oracle = black_box(moved(&key, 255));
    for (within, scrambled) in [(Within::Shared, true), (Within::PerBlock, false), (Within::Turned, true)] {
        let layout = Layout { level: Level::Sample, block: (4, 4), within, scrambled };
        assert!(structured(&oracle, layout, GREY, 255, 1).unwrap().table.is_none(), "{within:?} {scrambled}");
    }
    let layout = Layout { level: Level::Sample, block: (5, 5), within: Within::Shared, scrambled: false };
    assert!(matches!(structured(&oracle, layout, GREY, 255, 1), Err(Error::BlockDoesNotTile { block: 5, .. })));
}

/// XOR with a stream that depends on the image: nothing to find.
fn stream(image: &[u16]) -> Vec<u16> {
    let seed =
        image.iter().fold(1u64, |seed, &sample| seed.wrapping_mul(6_364_136_223_846_793_005) + u64::from(sample));
    let mut random = random(seed);
    image.iter().map(|sample| sample ^ (random.next_u32() as u16 & 255)).collect()
}

#[test]
fn a_keystream_has_no_table() {
    let oracle = black_box(stream);
    assert!(generic(&oracle, GREY, 255, 1).unwrap().table.is_none());
    for within in [Within::Shared, Within::PerBlock, Within::Turned] {
        for scrambled in [false, true] {
            let layout = Layout { level: Level::Sample, block: (4, 4), within, scrambled };
            assert!(structured(&oracle, layout, GREY, 255, 1).unwrap().table.is_none());
        }
    }
}

/// One fixed stream for all images: no table of moves either, although two encryptions of it would tell it.
#[test]
fn a_table_is_kept_only_if_it_predicts() {
    let mut random = random(4);
    let pad: Vec<u16> = (0..GREY.samples()).map(|_| random.next_u32() as u16 & 255).collect();
    let oracle = black_box(|image: &[u16]| image.iter().zip(&pad).map(|(sample, pad)| sample ^ pad).collect());
    assert!(generic(&oracle, GREY, 255, 1).unwrap().table.is_none());
}

#[test]
fn pairs_determine_more_the_more_there_are() {
    let (plain, max) = (images(GREY, 255, 30), 255);
    for (within, scrambled) in [
        (Within::Shared, false),
        (Within::Shared, true),
        (Within::PerBlock, false),
        (Within::PerBlock, true),
        (Within::Turned, true),
    ] {
        let key = key(GREY, 4, within, scrambled, 8);
        let encrypted = black_box(moved(&key, max)).encrypt(&plain).unwrap();
        let layout = Layout { level: Level::Sample, block: (4, 4), within, scrambled };
        let found = measure(&plain, &encrypted, layout, 8, 3, &()).unwrap();
        assert_eq!(found.steps.iter().map(|step| step.pairs).collect::<Vec<_>>(), [1, 2, 4, 8]);
        let determined: Vec<f64> = found.steps.iter().map(|step| step.determined).collect();
        assert!(determined.is_sorted() && determined[3] > 0.99, "{within:?} {scrambled}: {determined:?}");
        assert!(found.steps[3].right > 0.99 && found.steps[3].ssim > 0.99, "{:?}", found.steps);
        // What is said to be determined is right.
        let few: Vec<usize> = (0..2).collect();
        let table = table(&plain.select(&few), &encrypted.select(&few), layout).unwrap();
        let back = table.decrypt(&encrypted).unwrap();
        let right = back.samples().iter().zip(plain.samples()).filter(|(a, b)| a == b).count() as f64;
        assert!(right / plain.samples().len() as f64 >= table.determined() - 1e-9);
    }
}

/// Images on which pairs are measured are none of the pairs: their own pair would decrypt them.
#[test]
fn pairs_are_no_images_that_are_measured() {
    // Each image is flat but for a block of its own, so that a pair tells nothing of what another image shows.
    let samples = (0..12).flat_map(|image| {
        (0..GREY.samples()).map(move |i| {
            let block = i / GREY.width / 4 * (GREY.width / 4) + i % GREY.width / 4;
            if block == image { (i * 89 % 251) as u16 } else { 100 }
        })
    });
    let plain = Batch::new(GREY, 255, samples.collect()).unwrap();
    let key = key(GREY, 4, Within::PerBlock, false, 8);
    let encrypted = black_box(moved(&key, 255)).encrypt(&plain).unwrap();
    let layout = Layout { level: Level::Sample, block: (4, 4), within: Within::PerBlock, scrambled: false };
    let found = measure(&plain, &encrypted, layout, 4, 3, &()).unwrap();
    for (number, &other) in found.others.iter().enumerate() {
        assert_ne!(found.decrypted.image(number), plain.image(other));
    }
}

/// Blocks that look the same are not determined, and are not said to be.
#[test]
fn equal_blocks_are_not_determined() {
    let textured = images(GREY, 255, 2);
    // The left half repeats one block.
    let samples = textured.iter().flat_map(|image| {
        (0..GREY.samples()).map(|i| {
            let (y, x) = (i / GREY.width, i % GREY.width);
            if x < GREY.width / 2 { image[y % 4 * GREY.width + x % 4] } else { image[i] }
        })
    });
    let plain = Batch::new(GREY, 255, samples.collect()).unwrap();
    for within in [Within::PerBlock, Within::Turned] {
        let encrypted = black_box(moved(&key(GREY, 4, within, true, 8), 255)).encrypt(&plain).unwrap();
        let layout = Layout { level: Level::Sample, block: (4, 4), within, scrambled: true };
        let determined = table(&plain, &encrypted, layout).unwrap().determined();
        assert!((0.2..=0.5).contains(&determined), "{within:?}: {determined}");
    }
}

#[test]
fn pairs_of_a_keystream_determine_nothing() {
    let plain = images(GREY, 255, 20);
    let encrypted = black_box(stream).encrypt(&plain).unwrap();
    for layout in [
        Layout::unknown(GREY, 255),
        Layout { level: Level::Sample, block: (4, 4), within: Within::Shared, scrambled: true },
        Layout { level: Level::Sample, block: (4, 4), within: Within::Turned, scrambled: true },
    ] {
        let found = measure(&plain, &encrypted, layout, 8, 3, &()).unwrap();
        for step in &found.steps {
            assert!(step.determined == 0.0 && step.ssim < 0.1, "{layout:?}: {step:?}");
        }
    }
}

#[test]
fn too_few_images_are_refused() {
    let plain = images(GREY, 255, 4);
    let layout = Layout::unknown(GREY, 255);
    let refused = measure(&plain, &plain, layout, 4, 0, &());
    assert!(matches!(refused, Err(Error::TooFewImages { needed: 5, given: 4 })));
    assert!(matches!(measure(&plain, &plain.select(&[0]), layout, 1, 0, &()), Err(Error::Mismatch(..))));
}
