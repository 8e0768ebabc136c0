//! The schemes by name. Each says where it comes from and what it does not protect.

use super::{Block, KeyScope, Scheme, Stage};

/// What the user may choose of a preset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The block; a preset's own default when `None`.
    pub block: Option<Block>,
    /// One key for all blocks or one each; shared when `None`.
    pub key_scope: Option<KeyScope>,
    /// Whether the blocks are scrambled too.
    pub scramble: bool,
}

/// A scheme of the literature, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// No stage: the control that shows what encryption costs.
    None,
    /// Pixel shuffling and sign flip inside each block, optionally block scrambling: the house scheme, made of the two
    /// moves that Tanaka ("Learnable image encryption", ICCE-TW 2018) and AprilPyone & Kiya ("Encryption inspired
    /// adversarial defense for visual classification", ICIP 2020) combine.
    ///
    /// Does not protect against: anyone who holds one plain image with its encryption (the key of a block is read
    /// off), nor statistics of a block, which it keeps: its histogram up to negation. With a shared key, equal blocks
    /// look equal. Smooth regions keep their shapes.
    ShuffleFlip,
    /// ChaCha20 XOR with a stream per image: real encryption, the other control. Training must fall to chance.
    Keystream,
}

/// All presets, in the order in which they are shown.
pub const PRESETS: [Preset; 3] = [Preset::None, Preset::ShuffleFlip, Preset::Keystream];

/// Why a preset was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresetError {
    /// No such name.
    #[error("there is no scheme `{name}`; the schemes are {}", names())]
    Unknown {
        /// As typed.
        name: String,
    },
    /// An option that means nothing for this preset.
    #[error("scheme `{preset}` has no {option}; leave that option out")]
    Option {
        /// The preset's name.
        preset: &'static str,
        /// The option.
        option: &'static str,
    },
}

fn names() -> String {
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name()).collect();
    names.join(", ")
}

impl Preset {
    /// The preset called `name`.
    ///
    /// # Errors
    /// When there is none; the error lists those that there are.
    pub fn named(name: &str) -> Result<Self, PresetError> {
        let found = PRESETS.into_iter().find(|preset| preset.name() == name);
        found.ok_or_else(|| PresetError::Unknown { name: name.to_owned() })
    }

    /// The preset's name on the command line and in `imgveil.json`.
    pub fn name(self) -> &'static str {
        match self {
            Preset::None => "none",
            Preset::ShuffleFlip => "shuffle-flip",
            Preset::Keystream => "keystream",
        }
    }

    /// The scheme with these options.
    ///
    /// # Errors
    /// When an option means nothing for the preset: better refused than silently without effect.
    pub fn scheme(self, options: Options) -> Result<Scheme, PresetError> {
        let stages = match self {
            Preset::None | Preset::Keystream => {
                let given = [
                    (options.block.is_some(), "block"),
                    (options.key_scope.is_some(), "key scope"),
                    (options.scramble, "block scrambling"),
                ];
                if let Some((_, option)) = given.into_iter().find(|(given, _)| *given) {
                    return Err(PresetError::Option { preset: self.name(), option });
                }
                if self == Preset::None { vec![] } else { vec![Stage::Keystream] }
            }
            Preset::ShuffleFlip => {
                let block = options.block.unwrap_or(Block { height: 4, width: 4 });
                let scope = options.key_scope.unwrap_or_default();
                let mut stages = vec![Stage::PixelShuffling { block, scope }, Stage::SignFlip { block, scope }];
                if options.scramble {
                    stages.push(Stage::BlockScrambling { block });
                }
                stages
            }
        };
        Ok(Scheme { name: self.name().to_owned(), stages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_and_options_are_not_swallowed() {
        for preset in PRESETS {
            assert_eq!(Preset::named(preset.name()).unwrap(), preset);
        }
        assert!(Preset::named("rot13").unwrap_err().to_string().contains("none, shuffle-flip, keystream"));
        let options = Options { scramble: true, ..Options::default() };
        assert!(Preset::Keystream.scheme(options).is_err());
        assert_eq!(Preset::ShuffleFlip.scheme(options).unwrap().stages.len(), 3);
    }
}
