//! The progress of a job: a bar on a terminal, otherwise a line from time to time.

use super::listing::Listing;
use super::{Output, TimedLines, contents_lines, duration, plain};
use crate::exit::advice as advice_on;
use imgveil_data::job::{Busy, Changes, Contents, Note, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whether progress is not printed.
static HUSHED: AtomicBool = AtomicBool::new(false);

/// Prints progress and notes of jobs, or does not.
pub fn hush(quiet: bool) {
    HUSHED.store(quiet, Ordering::Relaxed);
}

fn is_hushed() -> bool {
    HUSHED.load(Ordering::Relaxed)
}

/// The progress of a job that works on images.
pub struct ImageBar {
    verb: &'static str,
    bar: ProgressBar,
    terminal: bool,
    /// Until images are counted.
    listing: Mutex<Option<Listing>>,
    state: Mutex<State>,
}

struct State {
    verb: &'static str,
    started: Instant,
    /// When the bar was drawn.
    drawn: Instant,
    lines: TimedLines,
    total: usize,
    images: usize,
    bytes: u64,
    set_aside: usize,
    busy: Busy,
}

/// On a terminal, the bar is drawn this often.
const FRAME: Duration = Duration::from_millis(200);

/// The columns of the bar itself, and the blanks around it. A line that is wider than its terminal is drawn again and
/// again below itself.
const NARROWEST: usize = 8;

impl ImageBar {
    /// Progress of a job whose lines begin with `verb`, such as `encrypting`.
    pub fn new(verb: &'static str) -> Self {
        let bar = if is_hushed() { ProgressBar::hidden() } else { ProgressBar::new(0) }.with_prefix(verb);
        set_style(&bar, "{msg}");
        let terminal = std::io::stderr().is_terminal();
        let listing = (!is_hushed()).then(|| Listing::new(verb, &bar, terminal));
        Self { verb, bar, terminal, listing: Mutex::new(listing), state: Mutex::new(State::new(verb)) }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.listed();
        self.bar.finish_and_clear();
    }

    /// Files are no longer listed.
    fn listed(&self) {
        let listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if listing.is_some() {
            drop(listing);
            set_style(&self.bar, "{prefix} {wide_bar} {pos}/{len} images, {msg}");
            self.bar.set_message("");
        }
    }

    /// Begins to count images.
    fn begin(&self, verb: &'static str, total: usize) {
        self.listed();
        self.bar.set_prefix(verb);
        self.bar.set_length(total as u64);
        self.change(|state| {
            (state.verb, state.total, state.started) = (verb, total, Instant::now());
            (state.images, state.bytes, state.set_aside) = (0, 0, 0);
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let due = if self.terminal { state.drawn.elapsed() >= FRAME } else { state.lines.due() };
        if is_hushed() || !due {
            return;
        }
        state.drawn = Instant::now();
        let State { verb, images, total, .. } = *state;
        if self.terminal {
            let columns = usize::from(console::Term::stderr().size().1);
            let counts = format!("{verb} {images}/{total} images, ").chars().count();
            self.bar.set_position((state.images + state.set_aside).min(state.total) as u64);
            self.bar.set_message(state.words(columns.saturating_sub(counts + NARROWEST)));
        } else {
            let words = state.words(usize::MAX);
            let _ = writeln!(std::io::stderr(), "{verb}: {images} of {total} images, {words}");
        }
    }
}

impl Drop for ImageBar {
    /// After an error, too, nothing of a bar stays on the terminal.
    fn drop(&mut self) {
        self.finish();
    }
}

fn set_style(bar: &ProgressBar, template: &str) {
    // The templates are constant and well formed. If one ever is not, the style remains.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

/// Prints which links were not followed.
pub fn links_out(links: &[String], out: &Output) {
    if !links.is_empty() {
        let note = Note::LinksOut(links.to_vec());
        out.note(&format!("note: {note}{}", advice(&note)));
    }
}

/// The flag that helps.
fn advice(note: &Note) -> &'static str {
    match note {
        Note::About(remark) => advice_on(remark),
        Note::AlreadyComplete(_) => "; --retry-failed tries what it set aside",
        Note::LinksOut(_) => "; --follow-links follows them",
        _ => "",
    }
}

impl State {
    fn new(verb: &'static str) -> Self {
        let (now, lines) = (Instant::now(), TimedLines::new());
        let busy = Busy::default();
        Self { verb, started: now, drawn: now, lines, total: 0, images: 0, bytes: 0, set_aside: 0, busy }
    }

    /// `512 images/s, 77.1 MB/s, 2m 5s left, slowest: decode, 3 set aside`, without the parts for which there is no
    /// room.
    fn words(&self, room: usize) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        let (rate, mb) = (self.images as f64 / seconds, self.bytes as f64 / 1e6 / seconds);
        let left = self.total.saturating_sub(self.images + self.set_aside) as f64 / rate;
        let aside = (self.set_aside > 0).then(|| format!("{} set aside", self.set_aside));
        let slowest = (self.busy != Busy::default()).then(|| format!("slowest: {}", self.busy.slowest()));
        // The parts in their order, each with its rank: a lower one is worth more.
        let parts = [
            (2, Some(format!("{rate:.0} images/s"))),
            (3, Some(format!("{mb:.1} MB/s"))),
            (0, left.is_finite().then(|| format!("{} left", duration(left)))),
            (4, slowest),
            (1, aside),
        ];
        let mut shown: Vec<(usize, String)> =
            parts.into_iter().filter_map(|(rank, part)| Some((rank, part?))).collect();
        let length = |shown: &[(usize, String)]| shown.iter().map(|(_, part)| part.len() + 2).sum::<usize>();
        while length(&shown).saturating_sub(2) > room {
            let least = shown.iter().enumerate().max_by_key(|(_, (rank, _))| *rank).map(|(place, _)| place);
            match least {
                Some(place) => drop(shown.remove(place)),
                None => break,
            }
        }
        shown.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join(", ")
    }
}

impl Progress for ImageBar {
    fn look(&self, images: usize) {
        self.begin("looking at", images);
    }

    fn start(&self, images: usize) {
        self.begin(self.verb, images);
    }

    fn advance(&self, images: usize, bytes: u64) {
        self.change(|state| {
            state.images += images;
            state.bytes += bytes;
        });
    }

    fn set_aside(&self) {
        self.change(|state| state.set_aside += 1);
    }

    fn busy(&self, busy: &Busy) {
        self.change(|state| state.busy = *busy);
    }

    fn contents(&self, contents: &Contents) {
        if is_hushed() {
            return;
        }
        self.bar.suspend(|| {
            for line in contents_lines(contents) {
                let _ = writeln!(std::io::stderr(), "{}", plain(&line));
            }
        });
    }

    fn changes(&self, changes: &Changes) {
        if is_hushed() {
            return;
        }
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{changes}");
        });
    }

    fn note(&self, note: &Note) {
        if is_hushed() {
            return;
        }
        let advice = advice(note);
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "note: {}{advice}", plain(&note.to_string()));
        });
    }
}

impl imgveil_attack::Progress for ImageBar {
    fn report(&self, phase: &'static str, done: usize, total: usize) {
        self.listed();
        self.bar.set_length(total as u64);
        self.bar.set_prefix(phase);
        self.change(|state| (state.verb, state.total, state.images) = (phase, total, done));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_rates_the_time_left_and_the_slowest_step() {
        let now = Instant::now();
        let busy = Busy { encode: Duration::from_secs(7), ..Busy::default() };
        let state = |seconds: u64, images, set_aside, busy| {
            let started = now.checked_sub(Duration::from_secs(seconds)).unwrap();
            let bytes = images as u64 * 100_000;
            State { started, total: 2000, images, bytes, set_aside, busy, ..State::new("") }
        };
        let words = |seconds, images, set_aside, busy| state(seconds, images, set_aside, busy).words(usize::MAX);
        assert_eq!(words(10, 1000, 0, busy), "100 images/s, 10.0 MB/s, 10s left, slowest: encode");
        assert_eq!(words(10, 1000, 500, busy), "100 images/s, 10.0 MB/s, 5s left, slowest: encode, 500 set aside");
        assert_eq!(words(1, 0, 0, Busy::default()), "0 images/s, 0.0 MB/s");
        // In narrow terminals, what is worth least is left out first.
        let narrow = |room| state(10, 1000, 500, busy).words(room);
        assert_eq!(narrow(64), "100 images/s, 10.0 MB/s, 5s left, slowest: encode, 500 set aside");
        assert_eq!(narrow(63), "100 images/s, 10.0 MB/s, 5s left, 500 set aside");
        assert_eq!(narrow(40), "100 images/s, 5s left, 500 set aside");
        assert_eq!(narrow(30), "5s left, 500 set aside");
        assert_eq!(narrow(10), "5s left");
        assert_eq!(narrow(3), "");
    }
}
