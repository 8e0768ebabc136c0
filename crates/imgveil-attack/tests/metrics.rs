//! The metrics against known answers of scikit-image, numpy and scipy (`tests/reference/metrics.py`).

use imgveil_attack::metric::{self, Adjacent};
use imgveil_attack::{Batch, Error, Shape};
use serde_json::Value;

/// The image that the script draws.
fn drawn(seed: u64, shape: Shape, max: u16, noise: u64) -> Batch {
    let triangle = |t: i64| (t.rem_euclid(128) - 64).unsigned_abs();
    let mut state = seed;
    let mut samples = Vec::new();
    for y in 0..shape.height as i64 {
        for x in 0..shape.width as i64 {
            for c in 0..shape.channels as i64 {
                state = (state * 1_664_525 + 1_013_904_223) % (1 << 32);
                let edge = 3 * y > shape.height as i64 && 2 * x > shape.width as i64;
                let wave = triangle(3 * x + 5 * y + 20 * c) / 2 + triangle(7 * y + 200 - x) / 4;
                let wave = wave + if edge { 80 } else { 0 };
                let value = wave * u64::from(max) / 160 + (state >> 16) * noise / 65_536;
                samples.push((value % (u64::from(max) + 1)) as u16);
            }
        }
    }
    Batch::new(shape, max, samples).unwrap()
}

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("reference/metrics.json")).unwrap()
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn images(case: &Value) -> (Batch, Batch) {
    let [height, width, channels] = [0, 1, 2].map(|k| number(&case["shape"][k]));
    let image = |k: usize| {
        let (seed, noise) = (case["seeds"][k].as_u64().unwrap(), case["noise"][k].as_u64().unwrap());
        drawn(seed, Shape { height, width, channels }, number(&case["max"]) as u16, noise)
    };
    (image(0), image(1))
}

#[test]
fn every_metric_gives_the_known_answers() {
    for case in cases() {
        let (a, b) = images(&case);
        let Adjacent { horizontal, vertical, diagonal } = metric::adjacent_correlation(&a).unwrap()[0];
        let mut values = vec![
            ("psnr", metric::psnr(&a, &b).unwrap()[0]),
            ("ssim", metric::ssim(&a, &b).unwrap()[0]),
            ("ssim_gaussian", metric::ssim_gaussian(&a, &b).unwrap()[0]),
            ("horizontal", horizontal),
            ("vertical", vertical),
            ("diagonal", diagonal),
            ("entropy", metric::entropy(&a)[0]),
            ("chi_square", metric::chi_square(&a)[0]),
            ("mutual_information", metric::mutual_information(&a, &b).unwrap()[0]),
            ("npcr", metric::npcr(&a, &b).unwrap()[0]),
            ("uaci", metric::uaci(&a, &b).unwrap()[0]),
            ("edge_overlap", metric::edge_overlap(&a, &b).unwrap()[0]),
        ];
        match metric::ms_ssim(&a, &b) {
            Ok(value) => values.push(("ms_ssim", value[0])),
            Err(error) => {
                assert!(matches!(error, Error::TooSmall { needed: 176, .. }), "{error}");
                assert!(case["answers"]["ms_ssim"].is_null());
            }
        }
        for (name, value) in values {
            let known = case["answers"][name].as_f64().unwrap();
            assert!((value - known).abs() <= 1e-8 * known.abs().max(1.0), "{name} of {a:?}: {value}, known {known}");
        }
    }
}

#[test]
fn a_batch_gets_the_values_of_its_images() {
    let shape = Shape { height: 12, width: 9, channels: 3 };
    let (a, b) = (drawn(1, shape, 255, 90), drawn(2, shape, 255, 200));
    let both = Batch::new(shape, 255, [a.samples(), b.samples()].concat()).unwrap();
    let turned = both.select(&[1, 0]);
    let alone = metric::ssim(&a, &b).unwrap()[0];
    assert_eq!(metric::ssim(&both, &turned).unwrap(), [alone, alone]);
    assert_eq!(metric::entropy(&both), [metric::entropy(&a)[0], metric::entropy(&b)[0]]);
}

#[test]
fn equal_images_reach_the_best_value() {
    let a = drawn(3, Shape { height: 176, width: 176, channels: 1 }, 4095, 500);
    assert_eq!(metric::psnr(&a, &a).unwrap(), [f64::INFINITY]);
    for value in [metric::ssim(&a, &a), metric::ssim_gaussian(&a, &a), metric::ms_ssim(&a, &a)] {
        assert!((value.unwrap()[0] - 1.0).abs() < 1e-12);
    }
    assert_eq!(metric::edge_overlap(&a, &a).unwrap(), [1.0]);
    assert_eq!((metric::npcr(&a, &a).unwrap()[0], metric::uaci(&a, &a).unwrap()[0]), (0.0, 0.0));
    assert!((metric::mutual_information(&a, &a).unwrap()[0] - metric::entropy(&a.map(|p| p / 16))[0]).abs() < 1e-9);
}

#[test]
fn batches_that_do_not_match_are_refused() {
    let shape = Shape { height: 12, width: 9, channels: 3 };
    let a = drawn(1, shape, 255, 90);
    for other in [drawn(1, shape, 4095, 90), drawn(1, Shape { channels: 1, ..shape }, 255, 90), a.select(&[0, 0])] {
        assert!(matches!(metric::ssim(&a, &other), Err(Error::Mismatch(..))));
        assert!(matches!(metric::npcr(&a, &other), Err(Error::Mismatch(..))));
    }
    let small = drawn(1, Shape { height: 6, width: 9, channels: 1 }, 255, 90);
    assert!(matches!(metric::ssim(&small, &small), Err(Error::TooSmall { needed: 7, .. })));
}
