//! The compiled form of a scheme at one geometry.

use super::step::{Lossy, Mixing, Step};
use crate::image::Geometry;
use crate::plan::PlanError;

/// What an engine runs on every image of one geometry: a list of steps in order, empty for the identity.
#[derive(Clone, Debug)]
pub struct Program {
    geometry: Geometry,
    steps: Vec<Step>,
}

impl Program {
    /// The program that changes nothing.
    pub fn identity(geometry: Geometry) -> Self {
        Self { geometry, steps: Vec::new() }
    }

    /// Appends a step. Folds two steps into one where possible: a plan after a plan, and channel orders after signs if
    /// both are keyed per image. Leaves out the identity.
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
        let folded = match self.steps.pop() {
            None => [None, Some(step)],
            Some(before) => before.then(step)?,
        };
        self.steps.extend(folded.into_iter().flatten().filter(|step| !step.is_identity()));
        Ok(())
    }

    /// The geometry of the images that the program is for.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether a step depends on the image's id.
    pub fn keyed_per_image(&self) -> bool {
        self.steps.iter().any(Step::keyed_per_image)
    }

    /// The step that mixes images, if there is one. The output is then floats, one image for every `images` references.
    pub fn mixing(&self) -> Option<&Mixing> {
        match self.steps.last() {
            Some(Step::Mix(mixing)) => Some(mixing),
            _ => None,
        }
    }

    /// The same program without mixing, for showing single images to a network that was trained on mixtures.
    pub fn without_mixing(&self) -> Program {
        let steps = self.steps.iter().filter(|step| !matches!(step, Step::Mix(_))).cloned().collect();
        Program { geometry: self.geometry, steps }
    }

    /// The program that undoes this one.
    ///
    /// # Errors
    /// When a step loses information; the error names it.
    pub fn inverse(&self) -> Result<Program, Lossy> {
        let steps = self.steps.iter().rev().map(Step::inverse).collect::<Result<_, _>>()?;
        Ok(Program { geometry: self.geometry, steps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{FLIP, Plan, Unit};
    use crate::schedule::Stream;

    fn random(geometry: Geometry, seed: u8) -> Plan {
        let mut stream = Stream::new(&[seed; 32], 0);
        let table = stream.permutation(geometry.samples() as u32);
        let flips = stream.bits(geometry.samples());
        let table = table.iter().zip(flips).map(|(&s, f)| s | if f { FLIP } else { 0 }).collect();
        Plan::from_table(geometry, Unit::Sample, table).unwrap()
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
