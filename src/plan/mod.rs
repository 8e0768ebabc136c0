//! Plans: a gather over the elements of an image, with flips. For every element, a plan says which element it comes
//! from and whether it is flipped. Permutations and flips compose, so a sequence of such stages is one plan.

pub mod blocks;
pub mod tiles;

use crate::image::{Depth, Geometry};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bit 31 of a table entry: the element is flipped (`p -> max - p`). Bits 0..31 are the source.
pub const FLIP: u32 = 1 << 31;

/// What a plan moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Whole samples, of the image's depth.
    Sample,
    /// Nibbles: 4 bits, two or four to a stored sample, the least significant one first. Depths that are no multiple of
    /// 4 have none. The highest nibble of a 12-bit sample is always 0: it moves to where another such nibble was, and
    /// is not flipped.
    Nibble,
}

impl Unit {
    /// Bits of one element. An element is flipped by flipping these.
    pub fn bits(self, depth: Depth) -> u32 {
        match self {
            Unit::Sample => depth.bits(),
            Unit::Nibble => 4,
        }
    }

    /// Elements of one stored sample.
    pub fn per_sample(self, depth: Depth) -> usize {
        match self {
            Unit::Sample => 1,
            Unit::Nibble => 2 * depth.bytes(),
        }
    }

    /// Elements of one sample that hold bits of its depth: the lowest ones. Above them there is at most one nibble.
    pub fn used(self, depth: Depth) -> usize {
        (depth.bits() / self.bits(depth)) as usize
    }

    /// Elements of an image. They are fewer than 2^31, so that an entry of a table has one bit left for the flip.
    ///
    /// # Errors
    /// When there are 2^31 or more, or samples are not whole nibbles.
    pub fn elements(self, geometry: Geometry) -> Result<usize, PlanError> {
        if self == Unit::Nibble && geometry.depth().whole_nibbles() != geometry.depth() {
            return Err(PlanError::PartOfANibble { bits: geometry.depth().bits() });
        }
        // The samples alone are fewer than 2^31: Geometry's invariant.
        let elements = geometry.samples() as u64 * self.per_sample(geometry.depth()) as u64;
        match elements < u64::from(FLIP) {
            true => Ok(elements as usize),
            false => Err(PlanError::TooLarge { geometry }),
        }
    }
}

/// A gather over an image's elements with flips: `out[i] = in[source(i)]`, flipped or not. Elements are numbered in
/// stored order: sample by sample, and the nibbles of a sample from the least significant one.
///
/// Invariant: every source is an element of the image. If no source occurs twice, the plan is a permutation and has an
/// inverse. This holds for all stages of the literature but one.
///
/// A plan is as secret as its key: `Debug` does not print its table, and the table is wiped when the last clone is
/// dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    geometry: Geometry,
    unit: Unit,
    /// Clones share the table, because the table of a large image takes gigabytes.
    table: Arc<Zeroizing<Vec<u32>>>,
    permutation: bool,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("geometry", &self.geometry).field("unit", &self.unit).finish_non_exhaustive()
    }
}

/// Why a table was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The number of entries differs from the number of elements.
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
    /// A nibble above the depth that is flipped, or changes places with one that holds a part of a sample.
    #[error("entry {index} of the table moves or flips bits that samples of {geometry} do not use")]
    Unused {
        /// The first bad entry.
        index: usize,
        /// The plan's geometry.
        geometry: Geometry,
    },
    /// Nibbles of a depth that is no multiple of 4.
    #[error("samples of {bits} bits cannot be cut into nibbles of 4 bits; give them 8, 12 or 16 bits")]
    PartOfANibble {
        /// The depth.
        bits: u32,
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
        Self { geometry, unit: Unit::Sample, table: Arc::new(Zeroizing::new(table)), permutation: true }
    }

    /// Makes a plan from its table: for each element the source in bits 0..31 (bit 31 excluded), and [`FLIP`].
    ///
    /// # Errors
    /// When the number of entries differs from the number of elements, a source is not an element of the image, or an
    /// entry would set bits above the depth.
    pub fn from_table(geometry: Geometry, unit: Unit, table: Vec<u32>) -> Result<Self, PlanError> {
        let elements = unit.elements(geometry)?;
        if table.len() != elements {
            return Err(PlanError::Length { geometry, expected: elements, found: table.len() });
        }
        let (per_sample, used) = (unit.per_sample(geometry.depth()), unit.used(geometry.depth()));
        let is_used = |element: usize| used == per_sample || element % per_sample < used;
        // One bit per element: images may have hundreds of millions of elements.
        let mut taken = vec![0u64; elements.div_ceil(64)];
        let mut permutation = true;
        for (index, &entry) in table.iter().enumerate() {
            let source_element = entry & !FLIP;
            let source = source_element as usize;
            if source >= elements {
                return Err(PlanError::Range { index, source_element, geometry, elements });
            }
            if is_used(index) != is_used(source) || entry & FLIP != 0 && !is_used(index) {
                return Err(PlanError::Unused { index, geometry });
            }
            permutation &= taken[source / 64] >> (source % 64) & 1 == 0;
            taken[source / 64] |= 1 << (source % 64);
        }
        Ok(Self { geometry, unit, table: Arc::new(Zeroizing::new(table)), permutation })
    }

    /// The geometry of the images.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The unit that the plan moves.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Bits of an element.
    pub fn bits(&self) -> u32 {
        self.unit.bits(self.geometry.depth())
    }

    /// The table, one entry per element: the source in bits 0..31 (bit 31 excluded), [`FLIP`] in bit 31.
    pub fn table(&self) -> &[u32] {
        &self.table
    }

    /// Whether the plan changes nothing.
    pub fn is_identity(&self) -> bool {
        self.table.iter().enumerate().all(|(i, &entry)| entry == i as u32)
    }

    /// This plan followed by `next`, as one plan. Both must be for the same geometry. The result moves nibbles if one
    /// of them does. It reuses the table of `next`, except when whole samples are moved after nibbles.
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
        let depth = self.geometry.depth();
        let (per_sample, used) = (Unit::Nibble.per_sample(depth) as u32, Unit::Nibble.used(depth) as u32);
        let (mut unit, mut table) = (next.unit, next.table);
        match (self.unit, unit) {
            // Flipping a sample means flipping each of its nibbles that holds bits of the depth.
            (Unit::Sample, Unit::Nibble) => Arc::make_mut(&mut table).iter_mut().for_each(|entry| {
                let (source, flip) = (*entry & !FLIP, *entry & FLIP);
                let (before, level) = (self.table[(source / per_sample) as usize], source % per_sample);
                let nibble = (before & !FLIP) * per_sample + level;
                *entry = nibble | if level < used { (before & FLIP) ^ flip } else { 0 };
            }),
            (Unit::Nibble, Unit::Sample) => {
                let mut nibbles = Vec::with_capacity(self.table.len());
                for &entry in table.iter() {
                    let first = ((entry & !FLIP) * per_sample) as usize;
                    let moved = &self.table[first..first + per_sample as usize];
                    let (moved, unused) = moved.split_at(used as usize);
                    nibbles.extend(moved.iter().map(|before| before ^ (entry & FLIP)));
                    nibbles.extend(unused);
                }
                (unit, table) = (Unit::Nibble, Arc::new(Zeroizing::new(nibbles)));
            }
            _ => Arc::make_mut(&mut table).iter_mut().for_each(|entry| {
                *entry = self.table[(*entry & !FLIP) as usize] ^ (*entry & FLIP);
            }),
        }
        Ok(Plan { unit, table, permutation: self.permutation && next.permutation, geometry: self.geometry })
    }

    /// The plan that undoes this one; `None` if this one loses elements.
    pub fn inverse(&self) -> Option<Plan> {
        if !self.permutation {
            return None;
        }
        let mut table = vec![0; self.table.len()];
        for (i, &entry) in self.table.iter().enumerate() {
            table[(entry & !FLIP) as usize] = i as u32 | (entry & FLIP);
        }
        Some(Plan { table: Arc::new(Zeroizing::new(table)), ..*self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Stream;
    use proptest::prelude::*;

    /// The oracle: the definition of a plan in one line.
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
        let (used, stored) = (Unit::Nibble.used(geometry.depth()), Unit::Nibble.per_sample(geometry.depth()));
        let n = geometry.samples() * used;
        let (order, flips) = (stream.permutation(n as u32), stream.bits(n));
        let place = |nibble: usize| nibble / used * stored + nibble % used;
        let mut table: Vec<u32> = (0..(geometry.samples() * stored) as u32).collect();
        for (i, (source, flip)) in order.into_iter().zip(flips).enumerate() {
            table[place(i)] = place(source as usize) as u32 | if flip { FLIP } else { 0 };
        }
        Plan::from_table(geometry, Unit::Nibble, table).unwrap()
    }

    /// The oracle for nibbles. The nibbles of a sample follow each other, the low one first.
    fn apply_to_nibbles(plan: &Plan, image: &[u8]) -> Vec<u8> {
        let depth = plan.geometry().depth();
        let of_element = Unit::Nibble.per_sample(depth) / plan.unit().per_sample(depth);
        let mut moved = Vec::new();
        for &entry in plan.table() {
            let from = (entry & !FLIP) as usize * of_element;
            let flipped = |i: usize| entry & FLIP != 0 && i < plan.bits() as usize / 4;
            let nibbles = image[from..][..of_element].iter().enumerate();
            moved.extend(nibbles.map(|(i, &n)| if flipped(i) { 15 - n } else { n }));
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
        fn plans_of_samples_and_of_nibbles_fold(
            h in 1u32..7, w in 1u32..7, rgb: bool, nibbles in 2usize..5, a: u8, b: u8,
        ) {
            let depth = Depth::new(4 * nibbles as u32).unwrap();
            let geometry = Geometry::new(h, w, if rgb { 3 } else { 1 }).unwrap().with_depth(depth);
            let (a, b) = (random(geometry, a), random_nibbles(geometry, b));
            let image: Vec<u8> = (0..2 * geometry.bytes())
                .map(|i| if i % (2 * depth.bytes()) < nibbles { (i * 37) as u8 % 16 } else { 0 })
                .collect();
            let (ab, ba) = (a.then(b.clone()).unwrap(), b.then(a.clone()).unwrap());
            prop_assert_eq!(apply_to_nibbles(&ab, &image), apply_to_nibbles(&b, &apply_to_nibbles(&a, &image)));
            prop_assert_eq!(apply_to_nibbles(&ba, &image), apply_to_nibbles(&a, &apply_to_nibbles(&b, &image)));
            prop_assert!(ab.then(ab.inverse().unwrap()).unwrap().is_identity());
        }
    }

    #[test]
    fn a_plan_does_not_print_its_table_and_wipes_it() {
        let plan = random(Geometry::new(1, 3, 1).unwrap(), 7);
        assert_eq!(
            format!("{plan:?}"),
            "Plan { geometry: Geometry { height: 1, width: 3, channels: 1, depth: U8 }, unit: Sample, .. }"
        );
        fn wiped<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        wiped(&*plan.table);
    }

    #[test]
    fn a_table_that_leaves_the_image_is_refused_and_one_that_loses_samples_has_no_inverse() {
        let geometry = Geometry::new(1, 3, 1).unwrap();
        let plan = |table: &[u32]| Plan::from_table(geometry, Unit::Sample, table.to_vec());
        assert!(matches!(plan(&[0, 1]), Err(PlanError::Length { found: 2, .. })));
        assert!(matches!(plan(&[0, 3, 1]), Err(PlanError::Range { index: 1, source_element: 3, .. })));
        let twelve = geometry.with_depth(Depth::new(12).unwrap());
        let nibbles = |change: &[(usize, u32)]| {
            let mut table: Vec<u32> = (0..12).collect();
            change.iter().for_each(|&(index, entry)| table[index] = entry);
            Plan::from_table(twelve, Unit::Nibble, table)
        };
        assert!(nibbles(&[(0, 6 | FLIP), (6, 0), (3, 7), (7, 3)]).is_ok());
        for (index, bad) in [(3, 3 | FLIP), (3, 2), (2, 3)] {
            assert_eq!(nibbles(&[(index, bad)]), Err(PlanError::Unused { index, geometry: twelve }));
        }
        let eleven = geometry.with_depth(Depth::new(11).unwrap());
        assert_eq!(Unit::Nibble.elements(eleven), Err(PlanError::PartOfANibble { bits: 11 }));
        assert_eq!(Unit::Sample.elements(eleven), Ok(3));
        assert!(plan(&[0, 2, 1 | FLIP]).unwrap().inverse().is_some());
        for lossy in [[0, 1, 1], [0, 1, 1 | FLIP]] {
            let lossy = plan(&lossy).unwrap();
            assert!(lossy.inverse().is_none());
            assert!(Plan::identity(geometry).then(lossy).unwrap().inverse().is_none());
        }
    }
}
