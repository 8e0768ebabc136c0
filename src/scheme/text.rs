//! Schemes as text: the name of a preset and its options.

use super::{KeyScope, Options, Orders, Preset, PresetError, Scheme, StageError};
use crate::engine::Statistic;
use std::str::FromStr;

/// Why a text is no scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemeTextError {
    /// The text is empty.
    #[error("a scheme is a preset's name and its options, such as `shuffle-flip block=4`")]
    Empty,
    /// There is no such preset, or the preset has no such option.
    #[error(transparent)]
    Preset(#[from] PresetError),
    /// An option's value is none.
    #[error("option `{option}`: {source}")]
    Value {
        /// The option.
        option: &'static str,
        /// What is wrong with its value.
        source: StageError,
    },
    /// A word that is no option.
    #[error("`{}` is no option: write {}", .0.escape_debug(), OPTIONS.join(", "))]
    Option(String),
    /// An option that is given twice.
    #[error("option `{0}` is given twice")]
    Twice(&'static str),
}

/// The options as they are written.
const OPTIONS: [&str; 6] = [
    "block=4",
    "key=shared, key=block or key=image",
    "scramble",
    "sign-flip",
    "statistic=median",
    "orders=as-published",
];

impl FromStr for Scheme {
    type Err = SchemeTextError;

    /// Reads a preset's name and its options, separated by spaces: `shuffle-flip block=4 key=block scramble`.
    ///
    /// Options are those of [`Options`]: `block` (`4` or `4x8`), `key` (`shared`, `block`, `image`), `statistic` (`median`, `mean`,
    /// `max`, `min`), `orders` (`permutations`, `as-published`), and the words `scramble` and `sign-flip`.
    ///
    /// ```
    /// use imgveil::{Options, Preset, Scheme};
    ///
    /// let scheme: Scheme = "shuffle-flip block=4".parse()?;
    /// let block = Some("4".parse()?);
    /// assert_eq!(scheme, Preset::ShuffleFlip.scheme(Options { block, ..Options::default() })?);
    /// assert!("shuffle-flip blocks=4".parse::<Scheme>().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_whitespace();
        let preset = Preset::named(words.next().ok_or(SchemeTextError::Empty)?)?;
        let mut options = Options::default();
        for word in words {
            let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            match (name, value) {
                ("block", Some(value)) => set(&mut options.block, "block", value)?,
                ("key", Some(value)) => set::<KeyScope>(&mut options.key_scope, "key", value)?,
                ("statistic", Some(value)) => set::<Statistic>(&mut options.statistic, "statistic", value)?,
                ("orders", Some(value)) => set::<Orders>(&mut options.orders, "orders", value)?,
                ("scramble", None) => switch(&mut options.scramble, "scramble")?,
                ("sign-flip", None) => switch(&mut options.sign_flip, "sign-flip")?,
                _ => return Err(SchemeTextError::Option(word.to_owned())),
            }
        }
        Ok(preset.scheme(options)?)
    }
}

fn set<T: FromStr<Err = StageError>>(
    place: &mut Option<T>,
    option: &'static str,
    value: &str,
) -> Result<(), SchemeTextError> {
    let value = value.parse().map_err(|source| SchemeTextError::Value { option, source })?;
    if place.replace(value).is_some() { Err(SchemeTextError::Twice(option)) } else { Ok(()) }
}

fn switch(place: &mut bool, option: &'static str) -> Result<(), SchemeTextError> {
    if std::mem::replace(place, true) { Err(SchemeTextError::Twice(option)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::{Block, PRESETS};

    #[test]
    fn presets_and_options_are_read() {
        for preset in PRESETS {
            assert_eq!(preset.name().parse::<Scheme>(), Ok(preset.scheme(Options::default()).unwrap()));
        }
        let block = Some(Block::square(8));
        let options = Options { block, key_scope: Some(KeyScope::Block), scramble: true, ..Options::default() };
        let scheme = Preset::ShuffleFlip.scheme(options).unwrap();
        assert_eq!("shuffle-flip  block=8 key=block scramble".parse(), Ok(scheme));
        let options = Options { statistic: Some(Statistic::Max), ..Options::default() };
        assert_eq!("skk-filter statistic=max".parse(), Ok(Preset::SkkFilter.scheme(options).unwrap()));
    }

    #[test]
    fn wrong_texts_name_the_wrong_word() {
        let words = |text: &str| text.parse::<Scheme>().unwrap_err().to_string();
        assert!(words("").starts_with("a scheme is a preset's name"));
        assert!(words("lee").contains("`lee`"));
        assert!(words("le blocks=4").starts_with("`blocks=4` is no option: write block=4, key="));
        assert!(words("le scramble=yes").starts_with("`scramble=yes` is no option"));
        assert_eq!(words("le block=4 block=4"), "option `block` is given twice");
        assert!(words("le block=0").starts_with("option `block`: `0` is not a block size"));
        assert!(words("le key=image").contains("le"));
    }
}
