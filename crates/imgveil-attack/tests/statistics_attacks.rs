//! Re-identification and label inference on toy schemes, and on a control that leaves nothing.

use imgveil_attack::labels::labels;
use imgveil_attack::reidentify::{reidentify, same_patient};
use imgveil_attack::{Batch, Error, Level, Shape, Statistics, another_export};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const SHAPE: Shape = Shape { height: 64, width: 64, channels: 1 };
const PLAIN: Statistics = Statistics { level: Level::Sample, block: (4, 4), scrambled: false };

fn random(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Soft blobs; image i is of patient i / 2, whose images have the blobs at the same places.
fn images(count: usize) -> Batch {
    let mut samples = Vec::new();
    for image in 0..count {
        let (mut places, mut noise) = (random(image as u64 / 2 + 100), random(image as u64));
        let blobs: Vec<(f64, f64, f64, f64)> = (0..6)
            .map(|_| {
                let mut below = |n: u32| f64::from(places.next_u32() % n);
                (below(64), below(64), 4.0 + below(9), below(90))
            })
            .collect();
        for y in 0..64 {
            for x in 0..64 {
                let light = |&(cy, cx, r, high): &(f64, f64, f64, f64)| {
                    high * (-((f64::from(y) - cy).powi(2) + (f64::from(x) - cx).powi(2)) / (2.0 * r * r)).exp()
                };
                let value = 30.0 + blobs.iter().map(light).sum::<f64>() + f64::from(noise.next_u32() % 5);
                samples.push(value.min(255.0) as u16);
            }
        }
    }
    Batch::new(SHAPE, 255, samples).unwrap()
}

/// Permutation and flips inside blocks of 4x4, and the blocks scrambled if asked for: one key for all images.
fn shuffled(plain: &Batch, scrambled: bool) -> Batch {
    let mut random = random(1);
    let mut permutation = |n: usize| {
        let mut order: Vec<usize> = (0..n).collect();
        (1..n).rev().for_each(|i| order.swap(i, random.next_u32() as usize % (i + 1)));
        order
    };
    let (places, blocks) = (permutation(16), permutation(256));
    let sample = |block: usize, i: usize| (block / 16 * 4 + i / 4) * 64 + block % 16 * 4 + i % 4;
    let mut samples = Vec::new();
    for image in plain.iter() {
        let mut out = vec![0; image.len()];
        for block in 0..256 {
            let from = if scrambled { blocks[block] } else { block };
            for i in 0..16 {
                let value = image[sample(from, places[i])];
                out[sample(block, i)] = if places[i] % 2 == 0 { 255 - value } else { value };
            }
        }
        samples.extend(out);
    }
    Batch::new(plain.shape(), 255, samples).unwrap()
}

fn noise(plain: &Batch) -> Batch {
    let mut random = random(2);
    plain.map(|_| 0).must_match(plain).unwrap();
    let samples = plain.samples().iter().map(|_| random.next_u32() as u16 & 255).collect();
    Batch::new(plain.shape(), 255, samples).unwrap()
}

#[test]
fn images_are_found_by_what_blocks_keep() {
    let plain = images(60);
    for scrambled in [false, true] {
        let statistics = Statistics { scrambled, ..PLAIN };
        let found = reidentify(&plain, &shuffled(&plain, scrambled), statistics, &()).unwrap();
        assert_eq!(found.same_pixels.rank_1, 1.0, "{found:?}");
        assert!(found.another_export.rank_5 > 0.4, "{found:?}");
        // Another export is harder to find than the image.
        assert!(found.another_export.mean_rank > found.same_pixels.mean_rank, "{found:?}");
    }
    // Blocks that are scrambled are not found by their places.
    let found = reidentify(&plain, &shuffled(&plain, true), PLAIN, &()).unwrap();
    assert!(found.same_pixels.rank_1 < 0.5, "{found:?}");
}

#[test]
fn nothing_is_found_in_noise() {
    let plain = images(60);
    let found = reidentify(&plain, &noise(&plain), PLAIN, &()).unwrap();
    assert!(found.same_pixels.rank_1 < 0.1 && found.another_export.rank_5 < 0.3, "{found:?}");
    // All images look the same: the right one is not counted as found.
    let flat = plain.map(|_| 7);
    assert_eq!(reidentify(&plain, &flat, PLAIN, &()).unwrap().same_pixels.rank_1, 0.0);
    assert!(matches!(reidentify(&plain.select(&[0]), &flat.select(&[0]), PLAIN, &()), Err(Error::TooFewImages { .. })));
}

#[test]
fn images_of_one_patient_are_alike() {
    let plain = images(40);
    let names: Vec<String> = (0..40).map(|image| format!("patient {}", image / 2)).collect();
    let mut patients: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
    patients[39] = None;
    let found = same_patient(&shuffled(&plain, false), &patients, &[], PLAIN).unwrap();
    assert_eq!((found.same, found.different, found.within_label), (19, 39 * 38 / 2 - 19, None));
    assert!(found.auc > 0.9, "{found:?}");
    // Whose contrast an image has says nothing of whose it is: every second image of a patient is duller.
    let first = |i: usize| (i / SHAPE.samples()).is_multiple_of(2);
    let duller = |(i, &sample): (usize, &u16)| if first(i) { sample } else { 128 + sample / 4 };
    let dull = Batch::new(SHAPE, 255, plain.samples().iter().enumerate().map(duller).collect()).unwrap();
    let found = same_patient(&shuffled(&dull, false), &patients, &[], PLAIN).unwrap();
    assert!(found.auc > 0.9, "{found:?}");
    let nothing = same_patient(&noise(&plain), &patients, &[Some(0); 40], PLAIN).unwrap();
    assert!((nothing.auc - 0.5).abs() < 0.2 && nothing.within_label == Some(nothing.auc), "{nothing:?}");
    let alone: Vec<Option<&str>> = names.iter().step_by(2).map(|name| Some(name.as_str())).collect();
    let evens = plain.select(&(0..40).step_by(2).collect::<Vec<_>>());
    assert!(matches!(same_patient(&evens, &alone, &[], PLAIN), Err(Error::NotApplicable(_))));
    assert!(matches!(same_patient(&evens, &patients, &[], PLAIN), Err(Error::Mismatch(..))));
}

/// Class 1 has rougher images.
fn labelled() -> (Batch, Vec<u32>) {
    let smooth = images(60);
    let told: Vec<u32> = (0..60).map(|image| image % 2).collect();
    let mut random = random(3);
    let mut samples = Vec::new();
    for (image, &label) in smooth.iter().zip(&told) {
        samples.extend(image.iter().map(|&sample| sample + label as u16 * (random.next_u32() % 12) as u16));
    }
    (Batch::new(SHAPE, 255, samples).unwrap(), told)
}

#[test]
fn texture_tells_labels_through_shuffling_and_not_through_noise() {
    let (plain, told) = labelled();
    for level in [Level::Sample, Level::Nibble] {
        let found = labels(&shuffled(&plain, true), Some(&plain), &told, level).unwrap();
        assert_eq!((found.len(), found[1].class, found[1].images), (2, 1, 30));
        assert!(found[1].encrypted > 0.85, "{found:?}");
        // What blocks keep is the same in both.
        assert!((found[1].plain.unwrap() - found[1].encrypted).abs() < 1e-6, "{found:?}");
        let nothing = labels(&noise(&plain), None, &told, level).unwrap();
        assert!(nothing[1].encrypted < 0.75 && nothing[1].plain.is_none(), "{nothing:?}");
    }
    assert!(matches!(labels(&plain, None, &[1; 60], Level::Sample), Err(Error::NotApplicable(_))));
    assert!(matches!(labels(&plain, None, &[1; 3], Level::Sample), Err(Error::Mismatch(..))));
}

#[test]
fn another_export_is_another_image_of_the_same() {
    let plain = images(2);
    let other = another_export(&plain).unwrap();
    let far = |a: &Batch, b: &Batch| {
        let sum: f64 = a.samples().iter().zip(b.samples()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        sum / a.samples().len() as f64
    };
    assert!((1.0..15.0).contains(&far(&plain, &other)), "{}", far(&plain, &other));
    // 5 % brighter.
    let flat = another_export(&plain.map(|_| 100)).unwrap();
    assert!(flat.samples().iter().all(|sample| (104..=106).contains(sample)), "{:?}", &flat.samples()[..4]);
    let deep = Batch::new(SHAPE, 4095, plain.samples().iter().map(|sample| sample * 16).collect()).unwrap();
    let of_deep = another_export(&deep).unwrap();
    assert!(far(&deep, &of_deep) < 15.0 * 17.0 && of_deep.max() == 4095);
    let colour = Shape { channels: 3, ..SHAPE };
    let samples = plain.image(0).iter().flat_map(|&sample| [sample, 255 - sample, 128]).collect();
    let colour = Batch::new(colour, 255, samples).unwrap();
    assert!(far(&colour, &another_export(&colour).unwrap()) < 15.0);
    let small = Batch::new(Shape { height: 4, width: 4, channels: 1 }, 255, vec![0; 16]).unwrap();
    assert!(matches!(another_export(&small), Err(Error::TooSmall { .. })));
}
