//! Running the attacks that are left, within the budget.

use super::cell::Cell;
use super::store::Store;
use super::subject::Subject;
use super::tried::{Trial, Tried, in_order, tried};
use crate::attack::{Read, Target, black_box};
use crate::exit::Failure;
use crate::output::{Output, TimedLines, duration};
use imgveil::internal::engine::Device;
use imgveil::internal::key::Key;
use imgveil_attack::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::time::{Duration, Instant};

/// What is attacked.
pub struct Run<'a> {
    pub subjects: &'a [Subject],
    /// The attacks that are run.
    pub attacks: &'a [Tried],
    /// How networks are trained, for [`Tried::Learned`].
    #[cfg(feature = "train")]
    pub learn: Option<super::learn::Learn<'a>>,
    pub read: &'a Read,
    pub patients: Option<&'a [Option<String>]>,
    pub seed: u64,
    pub budget: Duration,
    pub device: &'a Device,
    pub store: &'a Store,
}

/// The attacks on a scheme, in the order of [`Run::attacks`].
pub type Row = Vec<(Tried, Cell)>;

/// Stops an attack when the budget ends, and shows how far it is.
struct Watch<'a> {
    end: Instant,
    bar: &'a ProgressBar,
    name: &'a str,
}

impl Progress for Watch<'_> {
    fn report(&self, phase: &'static str, done: usize, total: usize) {
        self.bar.set_message(format!("{}: {phase}, {done} of {total}", self.name));
    }

    fn stopped(&self) -> bool {
        Instant::now() >= self.end
    }
}

/// Runs what is left, and returns a row for each scheme.
pub fn run(run: &Run<'_>, out: &Output) -> Result<Vec<Row>, Failure> {
    let total = run.subjects.len() * run.attacks.len();
    let mut cells: Vec<Vec<Option<Cell>>> = Vec::new();
    for scheme in 0..run.subjects.len() {
        cells.push(run.attacks.iter().map(|&attack| run.store.cell(scheme, attack)).collect::<Result<_, _>>()?);
    }
    let before = cells.iter().flatten().flatten().count();
    if before > 0 {
        out.note(&format!("goes on: {before} of {total} attacks were done before"));
    }
    let bar = ProgressBar::new(total as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:28} {pos}/{len} attacks, {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_position(before as u64);
    bar.enable_steady_tick(Duration::from_secs(1));
    let (started, mut lines) = (Instant::now(), TimedLines::new());
    // A budget without end is as long as the clock allows.
    let end = started.checked_add(run.budget).unwrap_or_else(|| started + Duration::from_secs(1 << 30));
    let mut done = before;
    for attack in in_order(run.attacks) {
        let place = run.attacks.iter().position(|other| *other == attack).unwrap_or_default();
        for (scheme, subject) in run.subjects.iter().enumerate() {
            if cells[scheme][place].is_some() {
                continue;
            }
            if Instant::now() >= end {
                cells[scheme][place] = Some(Cell::NotReached);
                continue;
            }
            let name = format!("{}: {}", subject.text, attack.title().to_lowercase());
            bar.set_message(crate::output::plain(&name));
            let begun = Instant::now();
            let cell = one(run, attack, subject, &Watch { end, bar: &bar, name: &crate::output::plain(&name) })?;
            if matches!(cell, Cell::NotReached) {
                cells[scheme][place] = Some(cell);
                continue;
            }
            cells[scheme][place] = Some(run.store.keep(scheme, attack, &cell)?);
            done += 1;
            bar.set_position(done as u64);
            bar.suspend(|| out.detail(&format!("{name}: {}", duration(begun.elapsed().as_secs_f64()))));
            if lines.due() {
                out.note(&format!("{done} of {total} attacks are done; the last one was {name}"));
            }
        }
    }
    bar.finish_and_clear();
    let row = |row: Vec<Option<Cell>>| {
        let cells = row.into_iter().map(|cell| cell.unwrap_or(Cell::NotReached));
        run.attacks.iter().copied().zip(cells).collect()
    };
    Ok(cells.into_iter().map(row).collect())
}

fn one(run: &Run<'_>, attack: Tried, subject: &Subject, watch: &Watch<'_>) -> Result<Cell, Failure> {
    #[cfg(feature = "train")]
    if let (Tried::Learned, Some(learn)) = (attack, &run.learn) {
        return super::learn::cell(learn, run, subject, watch);
    }
    let (read, folder) = (run.read, run.store.path(""));
    let trial = Trial {
        plain: &read.images,
        geometry: read.geometry,
        patients: run.patients,
        seed: run.seed,
        folder: &folder,
        progress: watch,
    };
    let scheme = &subject.scheme;
    let words = || "a throwaway key".to_owned();
    let open = || Target::encrypted_here(scheme, key_of(run.seed).into(), words(), read.clone(), run.device);
    tried(attack, subject, &trial, open, || black_box(scheme, neighbour(run.seed).into(), read.geometry, run.device))
}

/// The key of a seed. It protects nothing, and makes figures that anybody can repeat.
pub fn key_of(seed: u64) -> Key {
    Key::from_bytes(bytes(seed))
}

fn bytes(seed: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    ChaCha20Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// The key of a seed with its last bit changed.
fn neighbour(seed: u64) -> Key {
    let mut bytes = bytes(seed);
    bytes[31] ^= 1;
    Key::from_bytes(bytes)
}
