//! What the user should know about a set although it can be used.

use imgveil::internal::plain::Plain;
use serde::{Serialize, Serializer};
use std::fmt;

/// Something that the user should know about a set, as facts, and what kind of advice helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    words: String,
    advice: Advice,
}

/// What helps against a [`Remark`]. Programs turn it into words that fit them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Nothing needs to be done.
    #[default]
    None,
    /// Labels and splits from a file, or another folder, if the layout of the folders was not meant like this.
    Layout,
    /// One number of channels for all images.
    Channels,
    /// One size for all images.
    Size,
    /// A stated number of bits, if samples are to be flipped over their whole range.
    Depth,
    /// Leaving the labels out.
    Labels,
    /// Turning images as their files ask for.
    Orientation,
    /// Looking for text in pixels, and blanking it.
    BurntIn,
}

impl Remark {
    /// A remark without advice.
    pub fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), advice: Advice::None }
    }

    /// Adds advice.
    #[must_use]
    pub fn with(self, advice: Advice) -> Self {
        Self { advice, ..self }
    }

    /// What helps.
    pub fn advice(&self) -> Advice {
        self.advice
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Serialize for Remark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.words)
    }
}

/// `1 image`, `2 images`.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// The first of a list of names, quoted, and how many more there are.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let names: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.plain())).collect();
    let more = names.len().saturating_sub(SHOWN);
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
