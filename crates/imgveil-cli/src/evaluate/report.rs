//! The report as data: what `evaluation.json` has. It has no times, so that two runs with the same options give the
//! same bytes.

use super::attacker::{ATTACKERS, Attacker};
use super::bench::{Bench, Speed};
use super::cell::{Cell, Done};
use super::run::Row;
use super::study::{Score, Study};
use super::subject::Subject;
use super::tried::Tried;
use super::verdict::{Light, Verdict, verdicts};
use serde::Serialize;
use serde_json::{Value, json};

/// Where the figures are from.
#[derive(Clone, Debug, Serialize)]
pub struct Provenance {
    /// The command without its words on budget and output.
    pub command: String,
    /// The program and its version.
    pub tool: String,
    /// The commit that it was built from.
    pub commit: Option<String>,
    pub seed: u64,
    /// The images in words.
    pub data: String,
    pub images: usize,
    pub geometry: String,
    pub classes: Vec<String>,
    /// A hash of names and samples.
    pub images_hash: String,
    /// The fingerprint of the throwaway key.
    pub key: String,
    /// The study and the bench, if there are any.
    pub study: Option<String>,
    pub bench: Option<String>,
    /// Schemes of the study that were not evaluated.
    pub study_others: Vec<String>,
    /// What repeats an attack, but its name and the scheme.
    #[serde(skip)]
    pub repeat: String,
    /// The same for the attack that trains a network.
    #[serde(skip)]
    pub repeat_learned: String,
    /// The device that encrypted. The bits do not depend on it.
    #[serde(skip)]
    pub device: String,
    /// When the report was written. In the page only.
    #[serde(skip)]
    pub date: String,
}

/// A scheme with all that is known of it.
pub struct Evaluated {
    pub subject: Subject,
    pub cells: Row,
    pub verdicts: Vec<Verdict>,
    pub scores: Vec<Score>,
    pub speeds: Vec<Speed>,
}

/// The report.
pub struct Evaluation {
    pub provenance: Provenance,
    /// The attacks that were asked for, in the order of the report.
    pub attacks: Vec<Tried>,
    pub schemes: Vec<Evaluated>,
}

impl Evaluation {
    /// Brings everything together.
    pub fn new(
        provenance: Provenance,
        attacks: Vec<Tried>,
        subjects: Vec<Subject>,
        rows: Vec<Row>,
        study: Option<&Study>,
        bench: Option<&Bench>,
    ) -> Self {
        let geometry = provenance.geometry.clone();
        let evaluated = |(subject, cells): (Subject, Row)| Evaluated {
            verdicts: verdicts(&subject, |attack| of(&cells, attack)),
            scores: study.map_or(Vec::new(), |study| study.of(&subject.scheme, &subject.text)),
            speeds: bench.map_or(Vec::new(), |bench| bench.of(&subject.scheme, &geometry)),
            subject,
            cells,
        };
        Self { provenance, attacks, schemes: subjects.into_iter().zip(rows).map(evaluated).collect() }
    }

    /// The attacks that the budget did not reach.
    pub fn not_reached(&self) -> usize {
        let cells = self.schemes.iter().flat_map(|scheme| &scheme.cells);
        cells.filter(|(_, cell)| matches!(cell, Cell::NotReached)).count()
    }

    /// The report as JSON.
    pub fn json(&self) -> Value {
        let attack = |attack: &Tried| {
            let [open, in_part] = attack.rules();
            json!({ "attack": attack.id(), "title": attack.title(), "what": attack.what(), "open_if": open,
                    "in_part_if": in_part })
        };
        json!({
            "format": 1,
            "provenance": self.provenance,
            "complete": self.not_reached() == 0,
            "attacks": self.attacks.iter().map(attack).collect::<Vec<_>>(),
            "attackers": ATTACKERS.iter().map(attacker_json).collect::<Vec<_>>(),
            "schemes": self.schemes.iter().map(Evaluated::json).collect::<Vec<_>>(),
        })
    }
}

fn attacker_json(attacker: &Attacker) -> Value {
    let tries: Vec<&str> = attacker.tries.iter().map(|attack| attack.id()).collect();
    json!({ "attacker": attacker.id, "title": attacker.title, "has": attacker.has, "tries": tries })
}

/// The cell of an attack in a row.
fn of(row: &Row, attack: Tried) -> Option<&Cell> {
    row.iter().find(|(other, _)| *other == attack).map(|(_, cell)| cell)
}

impl Evaluated {
    /// The cell of an attack, if it was asked for.
    pub fn cell(&self, attack: Tried) -> Option<&Cell> {
        of(&self.cells, attack)
    }

    fn json(&self) -> Value {
        let cell = |(attack, cell): &(Tried, Cell)| match cell {
            Cell::Done(done) => {
                let Done { grade, verdict, figures, .. } = done.as_ref();
                let mut figures = json!(figures);
                drop_times(&mut figures);
                let attack = attack.id();
                json!({ "attack": attack, "state": "done", "grade": grade, "verdict": verdict, "figures": figures })
            }
            Cell::NotApplicable { reason } => {
                json!({ "attack": attack.id(), "state": "not-applicable", "reason": reason })
            }
            Cell::NotReached => json!({ "attack": attack.id(), "state": "not-reached" }),
        };
        json!({
            "scheme": self.subject.text,
            "name": self.subject.scheme.name,
            "stages": self.subject.scheme.stages,
            "control": self.subject.control,
            "verdicts": self.verdicts,
            "attacks": self.cells.iter().map(cell).collect::<Vec<_>>(),
            "accuracy": self.scores,
            "speed": self.speeds,
        })
    }
}

/// Removes times, and the attack's name, which stands beside the figures.
fn drop_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("seconds");
            fields.remove("attack");
            fields.values_mut().for_each(drop_times);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_times),
        _ => {}
    }
}

/// The light of a cell.
pub fn light(cell: &Cell) -> Light {
    match cell {
        Cell::Done(done) => done.grade.into(),
        Cell::NotApplicable { .. } => Light::NotApplicable,
        Cell::NotReached => Light::Undetermined,
    }
}
