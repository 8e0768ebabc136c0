//! What a phantom is drawn with: random numbers, soft edges, hills and smooth noise.

use super::PhantomClass;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The random numbers of one image.
pub(super) struct Draws(ChaCha20Rng);

impl Draws {
    pub(super) fn new(index: u64, class: PhantomClass) -> Self {
        let mut seed = [0u8; 32];
        seed[..18].copy_from_slice(b"imgveil phantom v1");
        seed[20..24].copy_from_slice(&class.label().to_le_bytes());
        seed[24..].copy_from_slice(&index.to_le_bytes());
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// Uniform in 0..1.
    pub(super) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// Uniform between `low` and `high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Mean 0, standard deviation close to 1, bell-shaped: the sum of four uniform bytes of one word.
    pub(super) fn grain(&mut self) -> f64 {
        let sum: u32 = self.0.next_u32().to_le_bytes().map(u32::from).iter().sum();
        (f64::from(sum) - 510.0) / 147.8
    }
}

/// A smooth rise from 0 at `t <= 0` to 1 at `t >= 1`.
pub(super) fn rise(t: f64) -> f64 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A soft edge: 0 where `distance` is below `-width`, 1 above `width`.
pub(super) fn edge(distance: f64, width: f64) -> f64 {
    rise(0.5 + 0.5 * distance / width)
}

/// A smooth hill as a function of the squared distance `r2` in units of its radius: 1 at the centre, 0 from 1 on.
pub(super) fn hill(r2: f64) -> f64 {
    let t = 1.0 - r2.min(1.0);
    t * t
}

/// The hill of an upright ellipse around (`cx`, `cy`).
pub(super) fn ellipse(x: f64, y: f64, cx: f64, cy: f64, rx: f64, ry: f64) -> f64 {
    let (dx, dy) = ((x - cx) / rx, (y - cy) / ry);
    hill(dx * dx + dy * dy)
}

/// Smooth noise over the unit square: values on a grid of `CELLS` x `CELLS` cells, interpolated smoothly.
pub(super) struct Noise<const CELLS: usize> {
    values: Vec<f64>,
}

impl<const CELLS: usize> Noise<CELLS> {
    pub(super) fn draw(draws: &mut Draws) -> Self {
        let nodes = (CELLS + 1) * (CELLS + 1);
        let values = (0..nodes).map(|_| draws.between(-1.0, 1.0)).collect();
        Self { values }
    }

    /// The noise at a point of the unit square, between -1 and 1. Outside, the noise at the nearest edge.
    pub(super) fn at(&self, u: f64, v: f64) -> f64 {
        let (column, fx) = Self::cell(u);
        let (row, fy) = Self::cell(v);
        let first = row * (CELLS + 1) + column;
        let second = first + CELLS + 1;
        let top = self.values[first] + (self.values[first + 1] - self.values[first]) * fx;
        let bottom = self.values[second] + (self.values[second + 1] - self.values[second]) * fx;
        top + (bottom - top) * fy
    }

    /// The cell of a coordinate, and the smooth rise at its position in the cell.
    fn cell(t: f64) -> (usize, f64) {
        let t = (t * CELLS as f64).clamp(0.0, CELLS as f64);
        let cell = (t as usize).min(CELLS - 1);
        (cell, rise(t - cell as f64))
    }
}
