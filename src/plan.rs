//! The compiled form of a scheme. A [`Plan`] is one gather: for every sample where it comes from and whether it is
//! flipped; permutations and flips compose, so any run of such stages is one plan. A [`Program`] is what an engine
//! runs: plans, and the steps that are no plan. Knows nothing of schemes, keys' files or devices.

use crate::image::Geometry;
use crate::schedule::Subkey;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bit 31 of a table entry: the sample is flipped (`p -> 255 - p`). Bits 0..31 are the source.
pub const FLIP: u32 = 1 << 31;

/// A permutation of an image's samples with flips: `out[i] = in[source(i)]`, flipped or not.
///
/// Invariant: the sources are a permutation of `0..geometry.samples()`, so every plan has an inverse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    geometry: Geometry,
    table: Vec<u32>,
}

/// Why a table is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not one entry a sample.
    #[error("a plan for {geometry} has {expected} entries, this table has {found}")]
    Length {
        /// The plan's geometry.
        geometry: Geometry,
        /// Samples of an image.
        expected: usize,
        /// Entries found.
        found: usize,
    },
    /// A source out of range or taken twice.
    #[error("entry {index} of the table takes sample {source_sample}, which is out of range or was taken before")]
    NotAPermutation {
        /// The first bad entry.
        index: usize,
        /// Its source.
        source_sample: u32,
    },
}

impl Plan {
    /// The plan that changes nothing.
    pub fn identity(geometry: Geometry) -> Self {
        // Fewer than 2^31 samples: Geometry's invariant.
        Self { geometry, table: (0..geometry.samples() as u32).collect() }
    }

    /// A plan from its table: per sample the source in bits 0..31 and [`FLIP`].
    ///
    /// # Errors
    /// When the sources are no permutation of the image's samples.
    pub fn from_table(geometry: Geometry, table: Vec<u32>) -> Result<Self, PlanError> {
        let expected = geometry.samples();
        if table.len() != expected {
            return Err(PlanError::Length { geometry, expected, found: table.len() });
        }
        let mut taken = vec![false; expected];
        for (index, &entry) in table.iter().enumerate() {
            let source = entry & !FLIP;
            match taken.get_mut(source as usize) {
                Some(place) if !*place => *place = true,
                _ => return Err(PlanError::NotAPermutation { index, source_sample: source }),
            }
        }
        Ok(Self { geometry, table })
    }

    /// A plan that its maker knows to be one; checked in debug builds.
    pub(crate) fn trusted(geometry: Geometry, table: Vec<u32>) -> Self {
        debug_assert!(Self::from_table(geometry, table.clone()).is_ok());
        Self { geometry, table }
    }

    /// The images that the plan is for.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The table, an entry a sample: source in bits 0..31, [`FLIP`] in bit 31.
    pub fn table(&self) -> &[u32] {
        &self.table
    }

    /// Whether the plan changes nothing.
    pub fn is_identity(&self) -> bool {
        self.table.iter().enumerate().all(|(i, &entry)| entry == i as u32)
    }

    /// This plan and then `next`, as one plan. Both are for the same geometry.
    ///
    /// # Errors
    /// When the geometries differ.
    pub fn then(&self, next: &Plan) -> Result<Plan, PlanError> {
        if self.geometry != next.geometry {
            return Err(PlanError::Length {
                geometry: next.geometry,
                expected: next.geometry.samples(),
                found: self.table.len(),
            });
        }
        let table = next.table.iter().map(|&entry| self.table[(entry & !FLIP) as usize] ^ (entry & FLIP)).collect();
        Ok(Plan { geometry: self.geometry, table })
    }

    /// The plan that undoes this one.
    pub fn inverse(&self) -> Plan {
        let mut table = vec![0; self.table.len()];
        for (i, &entry) in self.table.iter().enumerate() {
            table[(entry & !FLIP) as usize] = i as u32 | (entry & FLIP);
        }
        Plan { geometry: self.geometry, table }
    }
}

/// One step of a program.
#[derive(Clone)]
pub enum Step {
    /// Move and flip samples.
    Permute(Plan),
    /// XOR with the image's own ChaCha20 stream under this subkey.
    Keystream(Subkey),
}

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

    /// Appends a step. A plan after a plan folds into one; the identity is left out.
    ///
    /// # Errors
    /// When a plan is for another geometry.
    pub fn push(&mut self, step: Step) -> Result<(), PlanError> {
        self.id = next_id();
        let Step::Permute(next) = step else {
            self.steps.push(step);
            return Ok(());
        };
        let before = match self.steps.last() {
            Some(Step::Permute(before)) => before.clone(),
            _ => Plan::identity(self.geometry),
        };
        let folded = before.then(&next)?;
        if let Some(Step::Permute(_)) = self.steps.last() {
            self.steps.pop();
        }
        if !folded.is_identity() {
            self.steps.push(Step::Permute(folded));
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
        self.steps.iter().any(|step| matches!(step, Step::Keystream(_)))
    }

    /// The program that undoes this one.
    pub fn inverse(&self) -> Program {
        let steps = self.steps.iter().rev().map(|step| match step {
            Step::Permute(plan) => Step::Permute(plan.inverse()),
            Step::Keystream(subkey) => Step::Keystream(subkey.clone()),
        });
        Program { geometry: self.geometry, steps: steps.collect(), id: next_id() }
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
        Plan::from_table(geometry, table).unwrap()
    }

    proptest! {
        #[test]
        fn composing_plans_is_applying_them_in_turn(h in 1u32..9, w in 1u32..9, rgb: bool, a: u8, b: u8) {
            let geometry = Geometry::new(h, w, if rgb { 3 } else { 1 }).unwrap();
            let (a, b) = (random(geometry, a), random(geometry, b));
            let image: Vec<u8> = (0..geometry.samples()).map(|i| (i * 37) as u8).collect();
            prop_assert_eq!(apply(&a.then(&b).unwrap(), &image), apply(&b, &apply(&a, &image)));
            prop_assert!(a.then(&a.inverse()).unwrap().is_identity());
            prop_assert!(a.inverse().then(&a).unwrap().is_identity());
        }
    }

    #[test]
    fn a_table_that_is_no_permutation_is_refused() {
        let geometry = Geometry::new(1, 3, 1).unwrap();
        assert!(matches!(Plan::from_table(geometry, vec![0, 1]), Err(PlanError::Length { found: 2, .. })));
        for bad in [vec![0, 1, 1], vec![0, 3, 1], vec![0, 1, 1 | FLIP]] {
            assert!(matches!(Plan::from_table(geometry, bad), Err(PlanError::NotAPermutation { .. })));
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
        program.push(Step::Permute(plan.then(&plan).unwrap().inverse())).unwrap();
        assert_eq!(program.steps().len(), 0);
    }
}
