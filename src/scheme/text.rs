//! Schemes as text: the name of a preset and its options.

use super::preset::Many;
use super::{KeyScope, Options, Orders, Preset, PresetError, Scheme, Stage, StageError};
use crate::engine::Statistic;
use crate::plain::Plain;
use std::fmt;
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
    /// A word that is no option of the preset.
    #[error("`{}` is no option of scheme `{preset}`, which has {}", .word.plain(), either(.known))]
    Option {
        /// The preset's name.
        preset: &'static str,
        /// The word.
        word: String,
        /// The options that the preset has, as they are written.
        known: Vec<&'static str>,
    },
    /// An option that is given twice.
    #[error("option `{0}` is given twice")]
    Twice(&'static str),
}

/// The options of a preset in words.
fn either(known: &[&str]) -> String {
    match known {
        [] => "no options".to_owned(),
        [only] => only.to_string(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The options of a preset as they are written.
fn known(preset: Preset) -> Vec<&'static str> {
    let has = preset.has();
    let key = match (has.scopes.contains(&KeyScope::Block), has.scopes.contains(&KeyScope::Image)) {
        (true, true) => "key=shared|block|image",
        (true, false) => "key=shared|block",
        (false, _) => "key=shared|image",
    };
    let options = [
        (has.block.is_some(), "block=SIZE"),
        (!has.scopes.is_empty(), key),
        (has.scramble, "scramble"),
        (has.sign_flip, "sign-flip"),
        (has.statistic, "statistic=median|mean|max|min"),
        (has.orders, "orders=permutations|as-published"),
        (has.epsilon, "epsilon=NUMBER"),
        (has.radius, "radius=PIXELS"),
    ];
    options.into_iter().filter(|(has, _)| *has).map(|(_, option)| option).collect()
}

/// The preset and the options that make a scheme, if a preset makes it. Options that change nothing are left out.
fn origin(scheme: &Scheme) -> Option<(Preset, Options)> {
    let preset = Preset::named(&scheme.name).ok()?;
    let mut blocks: Vec<_> = scheme.stages.iter().filter_map(Stage::block).collect();
    blocks.dedup();
    let (mut epsilons, mut radii) = (Vec::new(), Vec::new());
    for stage in &scheme.stages {
        match stage {
            Stage::LaplaceNoise(stage) => epsilons.push(stage.epsilon),
            Stage::GaussianBlur(stage) => radii.push(stage.radius),
            _ => {}
        }
    }
    let combinations = preset.has().combinations(&Many { blocks: &blocks, epsilons: &epsilons, radii: &radii });
    let found = combinations.into_iter().find(|&options| preset.scheme(options).as_ref() == Ok(scheme))?;
    Some((preset, found))
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((preset, options)) = origin(self) else {
            return f.write_str(&self.describe());
        };
        let Options { block, key_scope, scramble, sign_flip, statistic, orders, epsilon, radius } = options;
        f.write_str(preset.name())?;
        if let Some(block) = block {
            write!(f, " block={block}")?;
        }
        if let Some(scope) = key_scope {
            write!(f, " key={scope}")?;
        }
        if scramble {
            f.write_str(" scramble")?;
        }
        if sign_flip {
            f.write_str(" sign-flip")?;
        }
        if let Some(statistic) = statistic {
            write!(f, " statistic={statistic}")?;
        }
        if let Some(orders) = orders {
            write!(f, " orders={orders}")?;
        }
        if let Some(epsilon) = epsilon {
            write!(f, " epsilon={epsilon}")?;
        }
        if let Some(radius) = radius {
            write!(f, " radius={radius}")?;
        }
        Ok(())
    }
}

impl FromStr for Scheme {
    type Err = SchemeTextError;

    /// Reads a preset's name and its options, separated by spaces: `shuffle-flip block=4 key=block scramble`.
    ///
    /// Options are those of [`Options`]: `block` (`4` or `4x8`), `key` (`shared`, `block`, `image`), `statistic`
    /// (`median`, `mean`, `max`, `min`), `orders` (`permutations`, `as-published`), `epsilon` (`0.5`), `radius` (`4`),
    /// and the words `scramble` and `sign-flip`.
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
                ("epsilon", Some(value)) => set(&mut options.epsilon, "epsilon", value)?,
                ("radius", Some(value)) => set(&mut options.radius, "radius", value)?,
                ("scramble", None) => switch(&mut options.scramble, "scramble")?,
                ("sign-flip", None) => switch(&mut options.sign_flip, "sign-flip")?,
                _ => {
                    let (preset, word, known) = (preset.name(), word.to_owned(), known(preset));
                    return Err(SchemeTextError::Option { preset, word, known });
                }
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
    use crate::scheme::{Block, Epsilon, PRESETS, Radius};
    use proptest::prelude::*;

    proptest! {
        /// The text of every preset with every combination of its options is read as the same scheme.
        #[test]
        fn texts_are_read_as_what_was_written(
            height in 1u32..65_536, width in 1u32..65_536, square: bool,
            epsilon in 1u32..=1_000_000, radius in 1u32..=64,
        ) {
            let block = if square { Block::square(height) } else { Block { height, width } };
            let (epsilon, radius) = (Epsilon::thousandths(epsilon).unwrap(), Radius::pixels(radius).unwrap());
            let many = Many { blocks: &[block, Block::square(1)], epsilons: &[epsilon], radii: &[radius] };
            for preset in PRESETS {
                for options in preset.has().combinations(&many) {
                    let scheme = preset.scheme(options).unwrap();
                    let text = scheme.to_string();
                    prop_assert_eq!(text.parse::<Scheme>(), Ok(scheme), "{} {:?}: {}", preset.name(), options, text);
                }
            }
        }
    }

    #[test]
    fn texts_say_what_is_not_the_default() {
        for text in [
            "none",
            "shuffle-flip",
            "shuffle-flip block=8x8 key=block scramble",
            "etc block=4x4 orders=as-published",
            "skk-filter block=3x5 key=image statistic=max",
            "vit sign-flip",
            "dp-pix block=8x8 epsilon=1.25",
            "blur radius=8",
        ] {
            assert_eq!(text.parse::<Scheme>().unwrap().to_string(), text);
        }
        assert_eq!("skk key=shared".parse::<Scheme>().unwrap().to_string(), "skk");
        // Stages that the preset does not make, and a name that is no preset's.
        let stages = vec!["keystream key=image".parse().unwrap()];
        for name in ["le", "mine"] {
            let scheme = Scheme { name: name.into(), stages: stages.clone() };
            assert_eq!(scheme.to_string(), format!("{name} [keystream key=image]"));
        }
    }

    /// Every option that an error lists is one that the preset takes.
    #[test]
    fn errors_list_what_is_taken() {
        for preset in PRESETS {
            for option in known(preset) {
                for value in option.split_once('=').map_or("", |(_, values)| values).split('|') {
                    let name = option.split('=').next().unwrap();
                    let text = match value {
                        "" => format!("{} {name}", preset.name()),
                        "SIZE" | "NUMBER" | "PIXELS" => format!("{} {name}=4", preset.name()),
                        value => format!("{} {name}={value}", preset.name()),
                    };
                    assert!(text.parse::<Scheme>().is_ok(), "{text}");
                }
            }
            assert_eq!(known(preset).len(), preset.choices().len(), "{}", preset.name());
        }
    }

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
        assert_eq!(words("le blocks=4"), "`blocks=4` is no option of scheme `le`, which has block=SIZE");
        assert_eq!(
            words("shuffle-flip scramble=yes"),
            "`scramble=yes` is no option of scheme `shuffle-flip`, which has block=SIZE, key=shared|block and scramble"
        );
        assert_eq!(words("none block"), "`block` is no option of scheme `none`, which has no options");
        assert_eq!(words("le block=4 block=4"), "option `block` is given twice");
        assert!(words("le block=0").starts_with("option `block`: `0` is not a block size"));
        assert!(words("le key=image").contains("le"));
        assert_eq!(
            words("dp-pix m=3"),
            "`m=3` is no option of scheme `dp-pix`, which has block=SIZE and epsilon=NUMBER"
        );
        assert!(words("dp-pix epsilon=0").starts_with("option `epsilon`: `0`"));
        assert_eq!(words("blur radius=65"), "option `radius`: `65` is no radius of a blur: write 1 to 64");
        assert_eq!(words("le epsilon=1"), "scheme `le` has no epsilon; leave that option out");
    }
}
