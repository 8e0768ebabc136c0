//! Words and progress. Results go to standard output, everything else to standard error; a closed pipe is no reason to
//! panic.

use crate::cli::exit::{FAILED, Failure};
use imgveil::job::Watch;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;

/// Where a command says things.
pub struct Output {
    verbose: bool,
}

impl Output {
    /// `verbose` as the user asked.
    pub fn new(verbose: bool) -> Self {
        Self { verbose }
    }

    /// A result, for standard output.
    pub fn say(&self, words: &str) {
        let _ = writeln!(std::io::stdout(), "{words}");
    }

    /// Something to know on the way, for standard error.
    pub fn note(&self, words: &str) {
        let _ = writeln!(std::io::stderr(), "{words}");
    }

    /// Something only the curious want to know.
    pub fn detail(&self, words: &str) {
        if self.verbose {
            self.note(words);
        }
    }

    /// A warning.
    pub fn warn(&self, words: &str) {
        self.note(&format!("warning: {words}"));
    }

    /// What went wrong.
    pub fn error(&self, words: &str) {
        self.note(&format!("error: {words}"));
    }

    /// A value as JSON, for standard output.
    pub fn json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|e| Failure { words: format!("cannot write JSON: {e}"), code: FAILED })?;
        self.say(&text);
        Ok(())
    }
}

/// `1 image`, `2 images`.
pub fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Words behind `begin`, broken into lines of at most 100 characters; those after the first are indented as far as `begin`
/// reaches.
pub fn wrapped(begin: &str, words: &str) -> String {
    const WIDTH: usize = 100;
    let indent = begin.chars().count();
    let (mut text, mut used) = (begin.to_owned(), indent);
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if used > indent && used + 1 + length > WIDTH {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        } else if used > indent {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += length;
    }
    text
}

/// A progress bar over images; nothing where standard error is no terminal.
pub struct ImageBar(ProgressBar);

impl ImageBar {
    /// A bar that begins with `verb`, such as `encrypting`.
    pub fn new(verb: &'static str) -> Self {
        let bar = ProgressBar::new(0).with_message(verb);
        // A constant template that is known to be well formed; the default is fine if it ever is not.
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:32} {pos}/{len} images, {per_sec}, {eta} left") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Watch for ImageBar {
    fn start(&self, images: usize) {
        self.0.set_length(images as u64);
        self.0.reset_eta();
    }

    fn advance(&self, images: usize, _: u64) {
        self.0.inc(images as u64);
    }

    fn note(&self, words: &str) {
        self.0.suspend(|| {
            let _ = writeln!(std::io::stderr(), "note: {words}");
        });
    }
}
