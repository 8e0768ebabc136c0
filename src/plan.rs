//! The compiled form of a scheme. A [`Plan`] is one gather: for every element where it comes from and whether it is
//! flipped; permutations and flips compose, so any run of such stages is one plan. A [`Program`] is what an engine
//! runs: plans, and the steps that are no plan. Knows nothing of schemes, keys' files or devices.

mod mixing;
pub mod tiles;

pub use mixing::{Mixing, WEIGHT_ONE, soft_label};

use crate::image::{Depth, Geometry};
use crate::schedule::Subkey;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bit 31 of a table entry: the element is flipped (`p -> max - p`). Bits 0..31 are the source.
pub const FLIP: u32 = 1 << 31;

/// What a plan moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Whole samples, of the image's depth.
    Sample,
    /// Nibbles: 4 bits, two or four to a sample, the least significant one first.
    Nibble,
}

impl Unit {
    /// Bits of one element.
    pub fn bits(self, depth: Depth) -> u32 {
        match self {
            Unit::Sample => depth.bits(),
            Unit::Nibble => 4,
        }
    }

    /// Elements of one sample.
    pub fn per_sample(self, depth: Depth) -> usize {
        (depth.bits() / self.bits(depth)) as usize
    }

    /// Elements of an image; fewer than 2^31, so that an entry of a table has a bit to spare.
    ///
    /// # Errors
    /// When there are more.
    pub fn elements(self, geometry: Geometry) -> Result<usize, PlanError> {
        // Samples alone are fewer than 2^31: Geometry's invariant.
        let elements = geometry.samples() as u64 * self.per_sample(geometry.depth()) as u64;
        match elements < u64::from(FLIP) {
            true => Ok(elements as usize),
            false => Err(PlanError::TooLarge { geometry }),
        }
    }
}

/// A gather over an image's elements with flips: `out[i] = in[source(i)]`, flipped or not. Elements are counted in stored
/// order: sample by sample, and the nibbles of a sample from the least significant one.
///
/// Invariant: every source is an element of the image. Where no source is taken twice the plan is a permutation and has an
/// inverse; all but one stage of the literature's are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    geometry: Geometry,
    unit: Unit,
    /// Shared by clones: a large image's takes gigabytes.
    table: Arc<Vec<u32>>,
    permutation: bool,
}

/// Why a table is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not one entry an element.
    #[error("a plan for {geometry} has {expected} entries, this table has {found}")]
    Length {
        /// The plan's geometry.
        geometry: Geometry,
        /// Elements of an image.
        expected: usize,
        /// Entries found.
        found: usize,
    },
    /// A source out of range.
    #[error(
        "entry {index} of the table takes element {source_element}, but an image of {geometry} has only {elements}"
    )]
    Range {
        /// The first bad entry.
        index: usize,
        /// Its source.
        source_element: u32,
        /// The plan's geometry.
        geometry: Geometry,
        /// Elements of an image.
        elements: usize,
    },
    /// Too many nibbles for a table.
    #[error("an image of {geometry} has too many nibbles (2^31 or more) for one table; cut it into tiles first")]
    TooLarge {
        /// The plan's geometry.
        geometry: Geometry,
    },
}

impl Plan {
    /// The plan that changes nothing.
    pub fn identity(geometry: Geometry) -> Self {
        let table = (0..geometry.samples() as u32).collect();
        Self { geometry, unit: Unit::Sample, table: Arc::new(table), permutation: true }
    }

    /// A plan from its table: per element the source in bits 0..31 and [`FLIP`].
    ///
    /// # Errors
    /// When the table has not one entry an element, or a source is no element of the image.
    pub fn from_table(geometry: Geometry, unit: Unit, table: Vec<u32>) -> Result<Self, PlanError> {
        let elements = unit.elements(geometry)?;
        if table.len() != elements {
            return Err(PlanError::Length { geometry, expected: elements, found: table.len() });
        }
        // A bit an element: images may have hundreds of millions.
        let mut taken = vec![0u64; elements.div_ceil(64)];
        let mut permutation = true;
        for (index, &entry) in table.iter().enumerate() {
            let source_element = entry & !FLIP;
            let source = source_element as usize;
            if source >= elements {
                return Err(PlanError::Range { index, source_element, geometry, elements });
            }
            permutation &= taken[source / 64] >> (source % 64) & 1 == 0;
            taken[source / 64] |= 1 << (source % 64);
        }
        Ok(Self { geometry, unit, table: Arc::new(table), permutation })
    }

    /// The images that the plan is for.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// What it moves.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Bits of an element.
    pub fn bits(&self) -> u32 {
        self.unit.bits(self.geometry.depth())
    }

    /// The table, an entry an element: source in bits 0..31, [`FLIP`] in bit 31.
    pub fn table(&self) -> &[u32] {
        &self.table
    }

    /// Whether the plan changes nothing.
    pub fn is_identity(&self) -> bool {
        self.table.iter().enumerate().all(|(i, &entry)| entry == i as u32)
    }

    /// This plan and then `next`, as one plan. Both are for the same geometry; nibbles where one of them moves nibbles. The table
    /// of `next` becomes that of the result, but where whole samples are moved after nibbles.
    ///
    /// # Errors
    /// When the geometries differ.
    pub fn then(&self, next: Plan) -> Result<Plan, PlanError> {
        if self.geometry != next.geometry {
            return Err(PlanError::Length {
                geometry: next.geometry,
                expected: next.table.len(),
                found: self.table.len(),
            });
        }
        let per_sample = Unit::Nibble.per_sample(self.geometry.depth()) as u32;
        let (mut unit, mut table) = (next.unit, next.table);
        match (self.unit, unit) {
            // Flipping a sample is flipping each of its nibbles.
            (Unit::Sample, Unit::Nibble) => Arc::make_mut(&mut table).iter_mut().for_each(|entry| {
                let (source, flip) = (*entry & !FLIP, *entry & FLIP);
                let before = self.table[(source / per_sample) as usize];
                let nibble = (before & !FLIP) * per_sample + source % per_sample;
                *entry = nibble | ((before & FLIP) ^ flip);
            }),
            (Unit::Nibble, Unit::Sample) => {
                let mut nibbles = Vec::with_capacity(self.table.len());
                for &entry in table.iter() {
                    let first = ((entry & !FLIP) * per_sample) as usize;
                    let moved = &self.table[first..first + per_sample as usize];
                    nibbles.extend(moved.iter().map(|before| before ^ (entry & FLIP)));
                }
                (unit, table) = (Unit::Nibble, Arc::new(nibbles));
            }
            _ => Arc::make_mut(&mut table).iter_mut().for_each(|entry| {
                *entry = self.table[(*entry & !FLIP) as usize] ^ (*entry & FLIP);
            }),
        }
        Ok(Plan { unit, table, permutation: self.permutation && next.permutation, geometry: self.geometry })
    }

    /// The plan that undoes this one; `None` where elements were lost.
    pub fn inverse(&self) -> Option<Plan> {
        if !self.permutation {
            return None;
        }
        let mut table = vec![0; self.table.len()];
        for (i, &entry) in self.table.iter().enumerate() {
            table[(entry & !FLIP) as usize] = i as u32 | (entry & FLIP);
        }
        Some(Plan { table: Arc::new(table), ..*self })
    }
}

/// A block's statistic (`docs/SCHEDULE.md`, "Stages").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// The middle value; the mean of the middle two, half up.
    Median,
    /// The mean, half up.
    Mean,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

/// Keys per image, pixel by pixel: sign bits, and then the orders of the channels. An engine draws both itself, from the
/// image's own stream.
#[derive(Clone)]
pub struct PixelKeys {
    /// Pixel negative-positive, first.
    pub negative: Option<Subkey>,
    /// Colour shuffling of single pixels, second.
    pub colour: Option<Subkey>,
    /// Both undone, in the reverse order.
    pub inverse: bool,
}

/// The orders of three channels in the order of their digits: output channel j is input channel `COLOUR_ORDERS[d][j]`.
pub const COLOUR_ORDERS: [[u8; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// One step of a program.
#[derive(Clone)]
pub enum Step {
    /// Move and flip elements.
    Permute(Plan),
    /// Flip samples and order the channels of pixels, with keys of the image's own.
    PixelKeyed(PixelKeys),
    /// Fill every block (rows, columns), channel by channel, with its statistic.
    BlockStatistic((u32, u32), Statistic),
    /// XOR with the image's own ChaCha20 stream under this subkey.
    Keystream(Subkey),
    /// Mix several images into one, as floats. The last step of its program.
    Mix(Mixing),
}

/// A program has no inverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Lossy(pub &'static str);

/// What an engine runs on every image of one geometry: steps in order, none for the identity.
#[derive(Clone)]
pub struct Program {
    geometry: Geometry,
    steps: Vec<Step>,
    id: u64,
}

impl Program {
    /// The program that changes nothing.
    pub fn identity(geometry: Geometry) -> Self {
        Self { geometry, steps: Vec::new(), id: next_id() }
    }

    /// A number that only this program and its clones have, in this process: engines keep a program's tables by it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Appends a step. A plan after a plan folds into one, and the identity is left out; colours after signs, both keyed per
    /// image, fold as well.
    ///
    /// # Errors
    /// When a plan is for another geometry.
    pub fn push(&mut self, step: Step) -> Result<(), PlanError> {
        if let Step::Permute(plan) = &step
            && plan.geometry() != self.geometry
        {
            let (expected, found) = (self.geometry.samples(), plan.table().len());
            return Err(PlanError::Length { geometry: self.geometry, expected, found });
        }
        self.id = next_id();
        let step = match (self.steps.pop(), step) {
            (Some(Step::Permute(before)), Step::Permute(next)) => Step::Permute(before.then(next)?),
            (
                Some(Step::PixelKeyed(PixelKeys { negative, colour: None, inverse: false })),
                Step::PixelKeyed(PixelKeys { negative: None, colour, inverse: false }),
            ) => Step::PixelKeyed(PixelKeys { negative, colour, inverse: false }),
            (before, step) => {
                self.steps.extend(before);
                step
            }
        };
        match step {
            Step::Permute(plan) if plan.is_identity() => {}
            step => self.steps.push(step),
        }
        Ok(())
    }

    /// The images that the program is for.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether a step depends on the image's id.
    pub fn keyed_per_image(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Keystream(_) | Step::PixelKeyed(_) | Step::Mix(_)))
    }

    /// How it mixes images, if it does: the output is floats then, one image for every `images` picks.
    pub fn mixing(&self) -> Option<&Mixing> {
        match self.steps.last() {
            Some(Step::Mix(mixing)) => Some(mixing),
            _ => None,
        }
    }

    /// The same program without mixing: what a single image looks like to a network that learned from mixtures.
    pub fn without_mixing(&self) -> Program {
        let steps = self.steps.iter().filter(|step| !matches!(step, Step::Mix(_))).cloned().collect();
        Program { geometry: self.geometry, steps, id: next_id() }
    }

    /// The program that undoes this one.
    ///
    /// # Errors
    /// When a step loses what it does; the error names it.
    pub fn inverse(&self) -> Result<Program, Lossy> {
        let inverted = |step: &Step| {
            Ok(match step {
                Step::Permute(plan) => {
                    Step::Permute(plan.inverse().ok_or(Lossy("colour shuffling as published drops channels"))?)
                }
                Step::PixelKeyed(keys) => Step::PixelKeyed(PixelKeys { inverse: !keys.inverse, ..keys.clone() }),
                Step::Keystream(subkey) => Step::Keystream(subkey.clone()),
                Step::BlockStatistic(..) => return Err(Lossy("the block statistic keeps one value of each block")),
                Step::Mix(_) => return Err(Lossy("mixing adds several images up")),
            })
        };
        let steps = self.steps.iter().rev().map(inverted).collect::<Result<_, _>>()?;
        Ok(Program { geometry: self.geometry, steps, id: next_id() })
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Stream;
    use proptest::prelude::*;

    /// The one-line oracle of a plan.
    fn apply(plan: &Plan, image: &[u8]) -> Vec<u8> {
        plan.table().iter().map(|&e| image[(e & !FLIP) as usize] ^ if e & FLIP == 0 { 0 } else { 255 }).collect()
    }

    fn random(geometry: Geometry, seed: u8) -> Plan {
        let mut stream = Stream::new(&[seed; 32], 0);
        let table = stream.permutation(geometry.samples() as u32);
        let flips = stream.bits(geometry.samples());
        let table = table.iter().zip(flips).map(|(&s, f)| s | if f { FLIP } else { 0 }).collect();
        Plan::from_table(geometry, Unit::Sample, table).unwrap()
    }

    fn random_nibbles(geometry: Geometry, seed: u8) -> Plan {
        let mut stream = Stream::new(&[seed; 32], 1);
        let n = geometry.samples() * Unit::Nibble.per_sample(geometry.depth());
        let (table, flips) = (stream.permutation(n as u32), stream.bits(n));
        let table = table.iter().zip(flips).map(|(&s, f)| s | if f { FLIP } else { 0 }).collect();
        Plan::from_table(geometry, Unit::Nibble, table).unwrap()
    }

    /// The oracle nibble by nibble, those of a sample one behind the other, the low one first.
    fn apply_to_nibbles(plan: &Plan, image: &[u8]) -> Vec<u8> {
        let of_element = plan.bits() as usize / 4;
        let mut moved = Vec::new();
        for &entry in plan.table() {
            let from = (entry & !FLIP) as usize * of_element;
            moved.extend(image[from..][..of_element].iter().map(|&n| if entry & FLIP == 0 { n } else { 15 - n }));
        }
        moved
    }

    proptest! {
        #[test]
        fn composing_plans_is_applying_them_in_turn(h in 1u32..9, w in 1u32..9, rgb: bool, a: u8, b: u8) {
            let geometry = Geometry::new(h, w, if rgb { 3 } else { 1 }).unwrap();
            let (a, b) = (random(geometry, a), random(geometry, b));
            let image: Vec<u8> = (0..geometry.samples()).map(|i| (i * 37) as u8).collect();
            prop_assert_eq!(apply(&a.then(b.clone()).unwrap(), &image), apply(&b, &apply(&a, &image)));
            prop_assert!(a.then(a.inverse().unwrap()).unwrap().is_identity());
            prop_assert!(a.inverse().unwrap().then(a).unwrap().is_identity());
        }

        #[test]
        fn plans_of_samples_and_of_nibbles_fold(h in 1u32..7, w in 1u32..7, rgb: bool, wide: bool, a: u8, b: u8) {
            let depth = if wide { Depth::U16 } else { Depth::U8 };
            let geometry = Geometry::new(h, w, if rgb { 3 } else { 1 }).unwrap().with_depth(depth);
            let (a, b) = (random(geometry, a), random_nibbles(geometry, b));
            let image: Vec<u8> = (0..2 * geometry.bytes()).map(|i| (i * 37) as u8 % 16).collect();
            let (ab, ba) = (a.then(b.clone()).unwrap(), b.then(a.clone()).unwrap());
            prop_assert_eq!(apply_to_nibbles(&ab, &image), apply_to_nibbles(&b, &apply_to_nibbles(&a, &image)));
            prop_assert_eq!(apply_to_nibbles(&ba, &image), apply_to_nibbles(&a, &apply_to_nibbles(&b, &image)));
            prop_assert!(ab.then(ab.inverse().unwrap()).unwrap().is_identity());
        }
    }

    #[test]
    fn a_table_that_leaves_the_image_is_refused_and_one_that_loses_samples_has_no_inverse() {
        let geometry = Geometry::new(1, 3, 1).unwrap();
        let plan = |table: &[u32]| Plan::from_table(geometry, Unit::Sample, table.to_vec());
        assert!(matches!(plan(&[0, 1]), Err(PlanError::Length { found: 2, .. })));
        assert!(matches!(plan(&[0, 3, 1]), Err(PlanError::Range { index: 1, source_element: 3, .. })));
        assert!(plan(&[0, 2, 1 | FLIP]).unwrap().inverse().is_some());
        for lossy in [[0, 1, 1], [0, 1, 1 | FLIP]] {
            let lossy = plan(&lossy).unwrap();
            assert!(lossy.inverse().is_none());
            assert!(Plan::identity(geometry).then(lossy).unwrap().inverse().is_none());
        }
    }

    #[test]
    fn programs_fold_plans_and_drop_the_identity() {
        let geometry = Geometry::new(4, 4, 1).unwrap();
        let plan = random(geometry, 3);
        let mut program = Program::identity(geometry);
        program.push(Step::Permute(plan.clone())).unwrap();
        program.push(Step::Permute(plan.clone())).unwrap();
        assert_eq!(program.steps().len(), 1);
        program.push(Step::Permute(plan.then(plan.clone()).unwrap().inverse().unwrap())).unwrap();
        assert_eq!(program.steps().len(), 0);
    }
}
