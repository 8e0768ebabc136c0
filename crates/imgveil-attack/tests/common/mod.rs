//! Images that tests draw, and small schemes of their own.

pub mod schemes;

use imgveil_attack::{Batch, Shape};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// From 0 to 1.
pub fn unit(random: &mut ChaCha8Rng) -> f64 {
    f64::from(random.next_u32()) / f64::from(u32::MAX)
}

/// Smooth bodies with soft and hard parts on a gradient, and a little noise: no two images alike.
pub fn phantoms(count: usize, shape: Shape, seed: u64) -> Batch {
    let random = &mut random(seed);
    let mut samples = Vec::new();
    for _ in 0..count {
        let mut plane = |rough: f64| -> Vec<f64> {
            let (slope, turn, level) = (unit(random), unit(random), 30.0 + 90.0 * unit(random));
            let bodies: Vec<[f64; 6]> = (0..7).map(|_| [0; 6].map(|_| unit(random))).collect();
            let mut plane = Vec::new();
            for y in 0..shape.height {
                for x in 0..shape.width {
                    let (v, u) = (y as f64 / shape.height as f64, x as f64 / shape.width as f64);
                    let mut value = level + 60.0 * (slope * u + turn * v);
                    for [cy, cx, ry, rx, bright, soft] in &bodies {
                        let (ry, rx) = (0.12 + 0.3 * ry, 0.12 + 0.3 * rx);
                        let distance = ((v - cy) / ry).hypot((u - cx) / rx);
                        value += (bright - 0.4) * 130.0 / (1.0 + ((distance - 1.0) * (3.0 + 6.0 * soft)).exp());
                    }
                    plane.push(value + rough * (unit(random) - 0.5));
                }
            }
            plane
        };
        let light = plane(4.0);
        let tints: Vec<Vec<f64>> = (0..shape.channels).map(|_| plane(2.0)).collect();
        for pixel in 0..light.len() {
            for (channel, tint) in tints.iter().enumerate() {
                let colour = if shape.channels == 1 { 0.0 } else { 0.25 * tint[pixel] + 12.0 * channel as f64 - 30.0 };
                samples.push((light[pixel] + colour).clamp(0.0, 255.0) as u16);
            }
        }
    }
    Batch::new(shape, 255, samples).unwrap()
}

/// Random bytes: what a keystream leaves.
pub fn noise(count: usize, shape: Shape, seed: u64) -> Batch {
    let random = &mut random(seed);
    Batch::new(shape, 255, (0..count * shape.samples()).map(|_| (random.next_u32() >> 24) as u16).collect()).unwrap()
}
