//! What the command prints. Results go to standard output, everything else to standard error. A closed pipe is ignored.
//! Nothing is printed as it came from others: see [`plain()`].

mod job_report;
mod listing;
mod passed_over;
mod plain;
mod progress;
mod set_table;
mod timed_lines;

pub use job_report::{continued, list, report, report_set_aside, set_aside};
pub use passed_over::{WOULD, passed_over};
pub use plain::{is_plain, plain, plain_json, plain_lines};
pub use progress::{ImageBar, hush, links_out};
#[cfg(feature = "train")]
pub use set_table::division;
pub use set_table::{contents_lines, set_table, values_line};
pub use timed_lines::TimedLines;

use crate::exit::{FAILED, Failure};
use std::io::Write;
use std::time::Duration;
use timed_lines::INTERVAL;

/// Prints for a command.
pub struct Output {
    verbose: bool,
    quiet: bool,
    arguments: Vec<String>,
}

impl Output {
    /// With `verbose`, details are printed too.
    pub fn new(verbose: bool) -> Self {
        Self { verbose, quiet: false, arguments: Vec::new() }
    }

    /// Prints results, warnings and errors only.
    #[must_use]
    pub fn quiet(self, quiet: bool) -> Self {
        Self { quiet, ..self }
    }

    /// With the words of the command line.
    #[must_use]
    pub fn of_arguments(self, arguments: Vec<String>) -> Self {
        Self { arguments, ..self }
    }

    /// The words of the command line.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Whether only results, warnings and errors are printed.
    #[cfg(feature = "train")]
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints one line of a result on standard output.
    pub fn say(&self, words: &str) {
        let _ = writeln!(std::io::stdout(), "{}", plain(words));
    }

    /// Prints lines of a result on standard output. What others wrote in them must be on one line already.
    pub fn say_lines(&self, lines: &str) {
        let _ = writeln!(std::io::stdout(), "{}", plain_lines(lines));
    }

    /// Prints one line on standard error, unless the user wants none.
    pub fn note(&self, words: &str) {
        if !self.quiet {
            self.tell(words);
        }
    }

    /// Prints one line of a warning or an error on standard error.
    pub fn tell(&self, words: &str) {
        let _ = writeln!(std::io::stderr(), "{}", plain(words));
    }

    /// Prints a note if the user asked for details.
    pub fn detail(&self, words: &str) {
        if self.verbose {
            self.note(words);
        }
    }

    /// Prints a warning on standard error.
    pub fn warn(&self, words: &str) {
        self.tell(&format!("warning: {words}"));
    }

    /// Prints an error on standard error.
    pub fn error(&self, failure: &Failure) {
        match failure.lines() {
            Some(lines) => drop(writeln!(std::io::stderr(), "error: {}", plain_lines(lines))),
            None => self.tell(&format!("error: {}", failure.words)),
        }
    }

    /// Prints a value as JSON on standard output.
    pub fn json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|e| Failure { words: format!("cannot write JSON: {e}"), code: FAILED })?;
        let _ = writeln!(std::io::stdout(), "{}", plain::plain_json(&text));
        Ok(())
    }
}

/// `1 image`, `2 images`.
pub fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// `begin` followed by `words`, broken into lines of at most 100 characters. Lines after the first are indented by the
/// length of `begin`.
pub fn wrapped(begin: &str, words: &str) -> String {
    let (begin, words) = (&plain(begin), &plain(words));
    let indent = " ".repeat(begin.chars().count());
    let options = textwrap::Options::new(100)
        .initial_indent(begin)
        .subsequent_indent(&indent)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(words, options)
}

/// Seconds in at most two units: `40s`, `2m 5s`, `3h 4m`.
pub fn duration(seconds: f64) -> String {
    // An infinite or negative estimate must not cause a panic.
    let seconds = (seconds.round() as u64).clamp(1, 100 * 365 * 24 * 3600);
    // From an hour on, seconds are not shown.
    let seconds = if seconds < 3600 { seconds } else { seconds / 60 * 60 };
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_two_units() {
        assert_eq!([0.2, 59.1, 125.0, 11_060.0].map(duration), ["1s", "59s", "2m 5s", "3h 4m"]);
        assert_eq!([f64::NAN, -1.0].map(duration), ["1s", "1s"]);
        assert!(!duration(f64::INFINITY).is_empty());
    }
}
