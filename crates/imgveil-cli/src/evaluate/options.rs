//! What a report depends on: a run goes on only where all of it is the same.

use crate::exit::{Failure, USAGE};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Flags and their values, in the order of the command line, and what was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The program and its version.
    pub tool: String,
    /// The flags that the figures depend on. A flag without a value has none.
    pub flags: Vec<(String, Option<String>)>,
    /// A hash of the images, once they have been read.
    pub images: Option<String>,
}

impl Options {
    /// The options of this program, without flags.
    pub fn new() -> Self {
        Self { tool: imgveil_data::set::manifest::TOOL.to_owned(), flags: Vec::new(), images: None }
    }

    /// Adds a flag that has a value.
    pub fn flag(&mut self, name: &str, value: Option<impl ToString>) {
        self.flags.extend(value.map(|value| (name.to_owned(), Some(value.to_string()))));
    }

    /// Adds a flag that has none.
    pub fn switch(&mut self, name: &str, on: bool) {
        self.flags.extend(on.then(|| (name.to_owned(), None)));
    }

    /// The value of a flag.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|(other, _)| other == name)?.1.as_deref()
    }

    /// The flags as words of a command line.
    pub fn words(&self, without: &[&str]) -> Vec<String> {
        let kept = self.flags.iter().filter(|(name, _)| !without.contains(&name.as_str()));
        kept.flat_map(|(name, value)| std::iter::once(name.clone()).chain(value.clone())).map(|w| quoted(&w)).collect()
    }

    /// Checks that a run with these options may go on in a folder that was begun with others.
    pub fn check(&self, begun: &Self, folder: &Path) -> Result<(), Failure> {
        let folder = folder.display();
        let refuse = |words: String| Err(Failure { words, code: USAGE });
        let rest = "choose another folder with -o";
        if self.tool != begun.tool {
            return refuse(format!("{folder} was begun by {}, and this is {}: {rest}", begun.tool, self.tool));
        }
        let said = |options: &Self, name: &str| {
            options.flags.iter().find(|(other, _)| other == name).map(|(name, value)| match value {
                Some(value) => format!("with {name} {}", quoted(value)),
                None => format!("with {name}"),
            })
        };
        for (name, _) in begun.flags.iter().chain(&self.flags) {
            let (before, now) = (said(begun, name), said(self, name));
            if before != now {
                let words = |said: Option<String>| said.unwrap_or_else(|| format!("without {name}"));
                let (before, now) = (words(before), words(now));
                return refuse(format!(
                    "{folder} was begun {before}, and this command is {now}: give the same options to go on, or {rest}"
                ));
            }
        }
        match (&begun.images, &self.images) {
            (Some(before), Some(now)) if before != now => {
                refuse(format!("{folder} was begun with other images of this name (hash {before}, now {now}): {rest}"))
            }
            _ => Ok(()),
        }
    }
}

/// A word as a shell reads it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(seed: u64, pad: bool, images: &str) -> Options {
        let mut options = Options::new();
        options.flag("--data", Some("in put"));
        options.flag("--seed", Some(seed));
        options.flag("--limit", None::<u32>);
        options.switch("--pad", pad);
        options.images = Some(images.to_owned());
        options
    }

    #[test]
    fn the_first_option_that_differs_is_named() {
        let of = |now: Options, begun: Options| now.check(&begun, Path::new("out")).map_err(|failure| failure.words);
        assert_eq!(of(options(1, true, "a"), options(1, true, "a")), Ok(()));
        let words = of(options(2, true, "a"), options(1, true, "a")).unwrap_err();
        assert!(words.starts_with("out was begun with --seed 1, and this command is with --seed 2: "), "{words}");
        let words = of(options(1, false, "a"), options(1, true, "a")).unwrap_err();
        assert!(words.starts_with("out was begun with --pad, and this command is without --pad: "), "{words}");
        let words = of(options(1, true, "a"), options(1, false, "a")).unwrap_err();
        assert!(words.starts_with("out was begun without --pad, and this command is with --pad: "), "{words}");
        assert!(of(options(1, true, "b"), options(1, true, "a")).unwrap_err().contains("other images"));
        let old = Options { tool: "imgveil 0.0.9".to_owned(), ..options(1, true, "a") };
        assert!(of(options(1, true, "a"), old).unwrap_err().contains("was begun by imgveil 0.0.9"));
    }

    #[test]
    fn flags_are_words_of_a_shell() {
        let words = options(1, true, "").words(&["--seed"]);
        assert_eq!(words, ["--data", "'in put'", "--pad"]);
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
