//! The key space: how many different things the keys of a scheme can do to an image. It counts what the stages do, not
//! the numbers that are drawn for them. Two draws that do the same count once.

use super::{CompileError, Scheme, Shape, Stage};
use crate::image::{Depth, Geometry};
use std::fmt;

/// The bits of the secret: no more transforms than secrets can be reached with a key.
const SECRET: f64 = 256.0;

/// A number of transforms as its logarithm to base 2.
///
/// It says how long a search through all keys takes, and nothing about attacks that need no search.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeySpace {
    /// Of what written-out tables can do; `None` where every image has a key of its own, which no table holds.
    pub tables: Option<f64>,
}

impl KeySpace {
    /// Of what a key can do: 256 bits at most, because that is what a secret has.
    pub fn bits(self) -> f64 {
        self.tables.map_or(SECRET, |tables| tables.min(SECRET))
    }
}

impl fmt::Display for KeySpace {
    /// Whole bits, rounded down: `48`, or `256 (tables: 1,270)` where tables can do more than keys can reach.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", grouped(self.bits()))?;
        match self.tables {
            Some(tables) if tables.floor() > SECRET => write!(f, " (tables: {})", grouped(tables)),
            _ => Ok(()),
        }
    }
}

impl Scheme {
    /// The key space for images of `geometry`: the sum of the stages'. It is exact for presets; where two stages of a
    /// scheme of one's own undo or repeat each other, there are fewer transforms.
    ///
    /// # Errors
    /// When the scheme cannot be compiled for the geometry.
    pub fn key_space(&self, geometry: Geometry) -> Result<KeySpace, CompileError> {
        if self.mixes() && geometry.depth() != Depth::U8 {
            return Err(CompileError::MixingDepth);
        }
        let stages = self.stages.iter().map(|stage| stage.key_space(geometry)).collect::<Result<Vec<_>, _>>()?;
        Ok(KeySpace { tables: stages.iter().try_fold(0.0, |sum, stage| Some(sum + stage.tables?)) })
    }
}

impl Stage {
    /// The key space of this stage alone.
    ///
    /// # Errors
    /// When its block does not tile the image.
    pub fn key_space(&self, geometry: Geometry) -> Result<KeySpace, CompileError> {
        let shape = Shape::of(self, geometry)?;
        let tables = if self.idle(geometry).is_some() {
            Some(0.0)
        } else if self.keyed_per_image() {
            None
        } else {
            Some(self.rules().key_space(shape))
        };
        Ok(KeySpace { tables })
    }
}

/// The logarithm to base 2 of the number of keys of this shape.
pub(super) fn log2_keys(shape: Shape) -> f64 {
    let permutations = shape.permutations.map(|(keys, n)| keys as f64 * log2_factorial(n as u64));
    let flips = shape.flips.map(|(keys, n)| keys as f64 * n as f64);
    let digits = shape.digits.map(|(values, n)| n as f64 * f64::from(values).log2());
    [permutations, flips, digits].into_iter().flatten().fold(0.0, |sum, bits| sum + bits)
}

/// log2(n!).
fn log2_factorial(n: u64) -> f64 {
    if n < 128 {
        return (2..=n).map(|i| (i as f64).log2()).sum();
    }
    // Stirling's series: the next term is below 10^-13.
    let n = n as f64;
    let ln = n * n.ln() - n + (std::f64::consts::TAU * n).ln() / 2.0 + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3));
    ln * std::f64::consts::LOG2_E
}

/// log2((2n-1)!!), where (2n-1)!! = 1*3*5*...*(2n-1) = (2n)! / (2^n n!).
pub(super) fn log2_odd_factorial(n: u64) -> f64 {
    log2_factorial(2 * n) - n as f64 - log2_factorial(n)
}

/// A number of bits, rounded down, its digits in groups of three.
fn grouped(bits: f64) -> String {
    let digits = format!("{:.0}", bits.floor());
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::scheme::{Block, KeyScope, Options, Orders, Preset, StageKey};
    use std::collections::HashSet;

    /// All permutations of `0..n`.
    fn permutations(n: usize) -> Vec<Vec<u32>> {
        if n == 0 {
            return vec![vec![]];
        }
        let with_last = |shorter: Vec<u32>| {
            (0..n).map(move |at| {
                let mut longer = shorter.clone();
                longer.insert(at, n as u32 - 1);
                longer
            })
        };
        permutations(n - 1).into_iter().flat_map(with_last).collect()
    }

    /// All lists of `length` items, one behind the other, each out of `items`.
    fn lists<T: Clone>(items: &[Vec<T>], length: usize) -> Vec<Vec<T>> {
        (0..length).fold(vec![vec![]], |lists, _| {
            lists.iter().flat_map(|list| items.iter().map(move |item| [&list[..], item].concat())).collect()
        })
    }

    /// Every key that a stage can have.
    fn keys(stage: &Stage, geometry: Geometry) -> Vec<StageKey> {
        let shape = Shape::of(stage, geometry).unwrap();
        let permutations = shape.permutations.map_or(vec![vec![]], |(keys, n)| lists(&permutations(n), keys));
        let flips = shape.flips.map_or(vec![vec![]], |(keys, n)| lists(&[vec![false], vec![true]], keys * n));
        let digits = shape
            .digits
            .map_or(vec![vec![]], |(values, n)| lists(&(0..values).map(|value| vec![value]).collect::<Vec<_>>(), n));
        let mut keys = Vec::new();
        for permutations in &permutations {
            for flips in &flips {
                for digits in &digits {
                    let (permutations, flips, digits) = (permutations.clone(), flips.clone(), digits.clone());
                    keys.push(StageKey { permutations, flips, digits });
                }
            }
        }
        keys
    }

    /// The number of different plans that the keys of these stages give, by trying all of them.
    fn count(stages: &[Stage], geometry: Geometry) -> usize {
        let mut plans = HashSet::from([Plan::identity(geometry).table().to_vec()]);
        let mut whole = vec![Plan::identity(geometry)];
        for stage in stages {
            let each: Vec<Plan> =
                keys(stage, geometry).iter().map(|key| stage.rules().plan(key, geometry).ok().unwrap()).collect();
            plans.clear();
            let mut next = Vec::new();
            for before in &whole {
                for plan in &each {
                    let both = before.then(plan.clone()).unwrap();
                    if plans.insert(both.table().to_vec()) {
                        next.push(both);
                    }
                }
            }
            whole = next;
        }
        plans.len()
    }

    #[track_caller]
    fn counted_right(scheme: &Scheme, geometry: &str, expected: usize) {
        let geometry: Geometry = geometry.parse().unwrap();
        let found = scheme.key_space(geometry).unwrap().tables.unwrap();
        assert_eq!(count(&scheme.stages, geometry), expected, "{scheme} at {geometry}");
        assert!((found - (expected as f64).log2()).abs() < 1e-9, "{scheme} at {geometry}: {found}");
    }

    fn stages(texts: &[&str]) -> Scheme {
        Scheme { name: "test".into(), stages: texts.iter().map(|text| text.parse().unwrap()).collect() }
    }

    #[test]
    fn permutations_are_counted() {
        for (n, factorial) in [(1, 1), (2, 2), (3, 6), (4, 24), (5, 120)] {
            let block = format!("pixel-shuffling block=1x{n} key=shared");
            counted_right(&stages(&[&block]), &format!("1x{n}x1"), factorial);
        }
    }

    /// A block of d samples of 8 bits has 2d nibbles, so the numbers n that a test can try are 2 and 4: the formula is
    /// also held against pairs of permutations and bits of any length.
    #[test]
    fn of_a_permutation_between_two_equal_flips_only_the_odd_factorial_differ() {
        for (n, odd_factorial) in [(1, 1), (2, 3), (3, 15), (4, 105), (5, 945)] {
            let mut seen = HashSet::new();
            for permutation in permutations(n) {
                for bits in lists(&[vec![false], vec![true]], n) {
                    let entry = |i: usize| (permutation[i], bits[permutation[i] as usize] != bits[i]);
                    seen.insert((0..n).map(entry).collect::<Vec<_>>());
                }
            }
            assert_eq!(seen.len(), odd_factorial);
            assert!((log2_odd_factorial(n as u64) - (odd_factorial as f64).log2()).abs() < 1e-9);
        }
        counted_right(&Preset::Le.scheme(block("1x1")).unwrap(), "1x1x1", 3);
        counted_right(&Preset::Le.scheme(block("1x2")).unwrap(), "1x2x1", 105);
        counted_right(&Preset::Le.scheme(block("1x1")).unwrap(), "1x1x1x16", 105);
    }

    fn block(text: &str) -> Options {
        Options { block: text.parse::<Block>().ok(), ..Options::default() }
    }

    #[test]
    fn presets_are_counted() {
        let shuffle_flip = |options| Preset::ShuffleFlip.scheme(options).unwrap();
        let per_block = Options { key_scope: Some(KeyScope::Block), ..block("2x1") };
        counted_right(&Preset::None.scheme(Options::default()).unwrap(), "3x3x3", 1);
        counted_right(&shuffle_flip(block("2x1")), "2x2x1", 2 * 4);
        counted_right(&shuffle_flip(block("1x1")), "2x2x3", 6 * 8);
        counted_right(&shuffle_flip(Options { scramble: true, ..block("2x1") }), "2x3x1", 2 * 4 * 6);
        counted_right(&shuffle_flip(per_block), "2x2x1", (2 * 4) * (2 * 4));
        counted_right(&shuffle_flip(Options { scramble: true, ..per_block }), "2x2x1", (2 * 4) * (2 * 4) * 2);
        // A single block does not change its place.
        counted_right(&shuffle_flip(Options { scramble: true, ..block("2x2") }), "2x2x1", 24 * 16);
        counted_right(&Preset::Ele.scheme(block("1x1")).unwrap(), "1x2x1", 3 * 3 * 2);
        counted_right(&Preset::Ele.scheme(block("1x1")).unwrap(), "3x1x1", 3 * 3 * 3 * 6);
        counted_right(&Preset::Shf.scheme(block("1x2")).unwrap(), "2x2x1", 2);
        counted_right(&Preset::Np.scheme(block("1x2")).unwrap(), "2x2x3", 64);
        counted_right(&Preset::Vit.scheme(block("2x1")).unwrap(), "2x2x1", 2 * 2);
        let flipped = Options { sign_flip: true, ..block("1x1") };
        counted_right(&Preset::Vit.scheme(flipped).unwrap(), "1x2x3", 6 * 8 * 2);
        counted_right(&Preset::Skk.scheme(Options::default()).unwrap(), "1x2x3", (8 * 6) * (8 * 6));
        counted_right(&Preset::Skk.scheme(Options::default()).unwrap(), "2x2x1", 16);
        counted_right(&Preset::Etc.scheme(block("2")).unwrap(), "2x4x1", (8 * 2) * (8 * 2) * 2);
        counted_right(&Preset::Etc.scheme(block("2")).unwrap(), "2x2x3", 8 * 2 * 6);
        counted_right(&Preset::Etc.scheme(block("1")).unwrap(), "1x2x3", (2 * 6) * (2 * 6) * 2);
        let published = Options { orders: Some(Orders::AsPublished), ..block("2") };
        counted_right(&Preset::Etc.scheme(published).unwrap(), "2x2x3", 8 * 2 * 6);
        counted_right(&Preset::Etc.scheme(published).unwrap(), "2x4x1", (8 * 2) * (8 * 2) * 2);
    }

    #[test]
    fn stages_that_do_nothing_count_nothing() {
        let bits = |text: &str, geometry: &str| stages(&[text]).key_space(geometry.parse().unwrap()).unwrap().tables;
        assert_eq!(bits("rotation-inversion block=1x1", "4x4x3"), Some(0.0));
        assert_eq!(bits("block-scrambling block=4x4", "4x4x3"), Some(0.0));
        assert_eq!(bits("colour-shuffling block=4x4 key=block", "8x8x1"), Some(0.0));
        assert_eq!(bits("colour-shuffling block=1x1 key=image", "8x8x1"), Some(0.0));
        assert_eq!(bits("block-statistic block=4x4 statistic=mean", "7x9x3"), Some(0.0));
        assert_eq!(bits("rotation-inversion block=4x4", "8x8x3"), Some(12.0));
        assert_eq!(bits("pixel-negative-positive key=shared", "8x8x3"), Some(192.0));
        assert_eq!(bits("keystream key=image", "8x8x3"), None);
    }

    #[test]
    fn a_key_reaches_no_more_than_secrets_have_bits() {
        let shown = |preset: Preset, geometry: &str| {
            preset.scheme(Options::default()).unwrap().key_space(geometry.parse().unwrap()).unwrap().to_string()
        };
        assert_eq!(shown(Preset::None, "224x224x3"), "0");
        assert_eq!(shown(Preset::Np, "224x224x3"), "48");
        // log2(48!) = 202.95, rounded down.
        assert_eq!(shown(Preset::Shf, "224x224x3"), "202");
        assert_eq!(shown(Preset::Skk, "16x16x1"), "256");
        assert_eq!(shown(Preset::Skk, "16x16x3"), "256 (tables: 1,429)");
        assert_eq!(shown(Preset::Keystream, "1x1x1"), "256");
        assert_eq!(shown(Preset::InstaHide, "28x28x1"), "256");
        let small = Preset::Etc.scheme(Options::default()).unwrap().key_space("28x28x1".parse().unwrap());
        assert!(matches!(small, Err(CompileError::Tiling { .. })));
        let deep = Preset::InstaHide.scheme(Options::default()).unwrap().key_space("28x28x1x16".parse().unwrap());
        assert_eq!(deep, Err(CompileError::MixingDepth));
    }

    #[test]
    fn factorials_of_large_numbers_are_right() {
        for n in [127, 128, 129, 1000, 100_000] {
            let sum: f64 = (2..=n).map(|i| (i as f64).log2()).sum();
            assert!((log2_factorial(n) - sum).abs() < 1e-9 * sum, "{n}");
            let odd: f64 = (0..n).map(|i| ((2 * i + 1) as f64).log2()).sum();
            assert!((log2_odd_factorial(n) - odd).abs() < 1e-9 * odd, "{n}");
        }
        assert_eq!(grouped(1_234_567.9), "1,234,567");
        assert_eq!((grouped(999.0), grouped(1000.0)), ("999".to_owned(), "1,000".to_owned()));
    }
}
