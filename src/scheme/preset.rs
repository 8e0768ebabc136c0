//! The schemes by name, and the options of each. `about` has what people should know of them.

use super::stage::{
    BlockScrambling, BlockStatistic, ColourShuffling, Epsilon, GaussianBlur, Keystream, LaplaceNoise, Mixing,
    NegativePositive, NibbleShuffling, PixelNegativePositive, PixelShuffling, Radius, RotationInversion, SignFlip,
};
use super::{Block, KeyScope, Order, Orders, Scheme, Stage, Statistic};

/// The options of presets. `None` stands for the preset's own default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The block.
    pub block: Option<Block>,
    /// What has a key of its own.
    pub key_scope: Option<KeyScope>,
    /// Whether the blocks are scrambled too.
    pub scramble: bool,
    /// Whether signs are flipped too.
    pub sign_flip: bool,
    /// Which statistic fills a block.
    pub statistic: Option<Statistic>,
    /// What the orders of the channels are.
    pub orders: Option<Orders>,
    /// The privacy bound.
    pub epsilon: Option<Epsilon>,
    /// The radius of the blur in pixels.
    pub radius: Option<Radius>,
}

/// A scheme of the literature, by name. [`Preset::about`] says where it comes from, what breaks it and what our reading
/// of its source leaves open. `docs/SCHEDULE.md` defines the stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// No stage: the control that shows what encryption costs.
    None,
    /// Pixel shuffling and sign flip inside each block, optionally block scrambling: the house scheme, made of the
    /// moves of Tanaka 2018 and AprilPyone & Kiya 2021.
    ShuffleFlip,
    /// LE (Tanaka, "Learnable image encryption", ICCE-TW 2018, its section on the encryption): 4x4 blocks; each byte is
    /// cut into two nibbles, low ones first; flip, shuffle, flip; one key for all blocks of all images.
    ///
    /// The published code derives the flips from the permutation (`rev = key > n/2`), so its real key space is n!, not
    /// n! * 2^n; imported keys are read so, and ours draw both apart. The paper has no samples of 16 bits. Even apart,
    /// the two flips cancel where a cycle of the permutation has equal bits, so that of the n! * 2^n keys (2n-1)!! =
    /// 1*3*5*...*(2n-1) differ in what they do.
    Le,
    /// ELE (Madono et al., "Block-wise scrambled image recognition using adaptation network", AAAI workshop 2020, its
    /// section on block-wise scrambling): [`Preset::Le`] with a key for every block, taken by the source block, and
    /// then block scrambling. Published keys: 64 keys of 96 and a permutation of 64 for 32x32x3.
    Ele,
    /// EtC (Chuman et al., IEEE TIFS 14(6), 2019, its section on the colour-based scheme that it starts from): rotation
    /// and inversion, negative-positive, colour component shuffling, block scrambling, in blocks of 16x16. The
    /// published code's channel orders lose channels; `orders: AsPublished` does the same.
    Etc,
    /// SKK (Sirichotedumrong et al., IEEE Access 7, 2019, its section on the proposed encryption): every sample of a
    /// pixel is flipped or not by a bit of its own (three separate bit streams), and every pixel's channels are put
    /// into one of 6 orders. The same key for all images, or a key for each.
    Skk,
    /// [`Preset::Skk`], and then every block filled with its median, mean, maximum or minimum, channel by channel: our
    /// reading of Huang et al., IEEE Access 10, 2022. Its exact filter, by blocks or with a sliding window, and its
    /// size, are not public to us.
    SkkFilter,
    /// SHF (AprilPyone & Kiya, "Block-wise image transformation with secret key for adversarially robust defense", IEEE
    /// TIFS 16, 2021, its section on pixel shuffling): pixel shuffling with one key for all blocks.
    Shf,
    /// NP (the same paper's section on bit flipping): sign flips with one key for all blocks.
    Np,
    /// The block-wise scheme for vision transformers (Kiya et al., "Image and model transformation with secret key for
    /// vision transformer", IEICE Trans. Inf. & Syst. E106-D, 2023, its section on encrypting images): pixel shuffling
    /// (and flips, if asked for) inside patches, whose samples are counted (channel, row, column), one key for all
    /// patches; then patch scrambling.
    Vit,
    /// [`Preset::Etc`] with a key for every image, in blocks of 4x4: no two images share a move. The idea of keys that
    /// are never used twice is that of Aso, Shiota & Kiya, "Disposable-key-based image encryption for collaborative
    /// learning of Vision Transformer", arXiv 2408.05737, 2024.
    EtcImage,
    /// [`Preset::ShuffleFlip`] with a key for every block of every image, and scrambled blocks: of a block nothing is
    /// left but the unordered distances of its samples from mid-grey.
    ShuffleFlipImage,
    /// [`Preset::Vit`] with a key for every image, and for every patch of it (Aso, Shiota & Kiya, arXiv 2408.05737,
    /// 2024, its section on the encryption with disposable keys).
    VitImage,
    /// InstaHide (Huang et al., ICML 2020, its section on the inside-dataset scheme): every image is mixed with 3
    /// others of its set, with weights that are normalised half-normal numbers, none above 0.65, then every value's
    /// sign is flipped or not. The labels are mixed alike. Floats come out.
    InstaHide,
    /// Every block filled with its mean: what people do today to hide faces and plates. No key; a control.
    Pixelate,
    /// A Gaussian blur, of radius 4 (a standard deviation of 4.5 pixels) unless asked otherwise. No key; a control.
    Blur,
    /// DP-Pix (Fan, "Image pixelization with differential privacy", DBSec 2018, its section on the mechanism): every
    /// block filled with its mean and Laplace noise of the scale `max * m / (pixels of a block * epsilon)`, with
    /// epsilon 0.5 unless asked otherwise, and m 16. A control.
    DpPix,
    /// ChaCha20 XOR with a stream per image: real encryption, the other control. Training must fall to chance.
    Keystream,
}

/// All presets, in the order in which they are shown.
pub const PRESETS: [Preset; 18] = [
    Preset::None,
    Preset::ShuffleFlip,
    Preset::Le,
    Preset::Ele,
    Preset::Etc,
    Preset::Skk,
    Preset::SkkFilter,
    Preset::Shf,
    Preset::Np,
    Preset::Vit,
    Preset::EtcImage,
    Preset::ShuffleFlipImage,
    Preset::VitImage,
    Preset::InstaHide,
    Preset::Pixelate,
    Preset::Blur,
    Preset::DpPix,
    Preset::Keystream,
];

/// Why a preset was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
    /// A key scope that the preset has not.
    #[error(
        "scheme `{preset}` has no key scope `{scope}`, only {}",
        .known.iter().map(KeyScope::to_string).collect::<Vec<_>>().join(" and ")
    )]
    Scope {
        /// The preset's name.
        preset: &'static str,
        /// As given.
        scope: KeyScope,
        /// Those that it has.
        known: &'static [KeyScope],
    },
}

fn names() -> String {
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name()).collect();
    names.join(", ")
}

/// Which options a preset has.
pub(super) struct Has {
    /// The block, if it has one to choose: the default.
    pub block: Option<Block>,
    /// What may have a key of its own, the default first.
    pub scopes: &'static [KeyScope],
    pub scramble: bool,
    pub sign_flip: bool,
    pub statistic: bool,
    pub orders: bool,
    pub epsilon: bool,
    pub radius: bool,
}

impl Has {
    /// Every combination of the options that it has, with these values of those that have many. Those that leave
    /// options out come first.
    pub fn combinations(&self, many: &Many<'_>) -> Vec<Options> {
        /// Each of these with the option left out, and then with each of its values.
        fn with<T: Copy>(all: Vec<Options>, has: bool, values: &[T], set: fn(&mut Options, T)) -> Vec<Options> {
            let values = if has { values } else { &[] };
            let each = |options: Options| {
                let given = values.iter().map(move |&value| {
                    let mut options = options;
                    set(&mut options, value);
                    options
                });
                std::iter::once(options).chain(given)
            };
            all.into_iter().flat_map(each).collect()
        }
        let all = vec![Options::default()];
        let all = with(all, self.block.is_some(), many.blocks, |options, block| options.block = Some(block));
        let all = with(all, true, self.scopes, |options, scope| options.key_scope = Some(scope));
        let all = with(all, self.scramble, &[true], |options, is| options.scramble = is);
        let all = with(all, self.sign_flip, &[true], |options, is| options.sign_flip = is);
        let all = with(all, self.statistic, &STATISTICS, |options, statistic| options.statistic = Some(statistic));
        let orders = [Orders::Permutations, Orders::AsPublished];
        let all = with(all, self.orders, &orders, |options, orders| options.orders = Some(orders));
        let all = with(all, self.epsilon, many.epsilons, |options, epsilon| options.epsilon = Some(epsilon));
        with(all, self.radius, many.radii, |options, radius| options.radius = Some(radius))
    }
}

/// Values of the options that have too many to list them all.
#[derive(Default)]
pub(super) struct Many<'a> {
    pub blocks: &'a [Block],
    pub epsilons: &'a [Epsilon],
    pub radii: &'a [Radius],
}

/// All statistics.
const STATISTICS: [Statistic; 4] = [Statistic::Median, Statistic::Mean, Statistic::Max, Statistic::Min];

impl Preset {
    /// The scheme that is used where none is named: no image says anything of another one, and networks still learn
    /// (`docs/RESULTS.md`, "Keys per image").
    pub const DEFAULT: Self = Self::EtcImage;

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
            Preset::Le => "le",
            Preset::Ele => "ele",
            Preset::Etc => "etc",
            Preset::Skk => "skk",
            Preset::SkkFilter => "skk-filter",
            Preset::Shf => "shf",
            Preset::Np => "np",
            Preset::Vit => "vit",
            Preset::EtcImage => "etc-image",
            Preset::ShuffleFlipImage => "shuffle-flip-image",
            Preset::VitImage => "vit-image",
            Preset::InstaHide => "instahide",
            Preset::Pixelate => "pixelate",
            Preset::Blur => "blur",
            Preset::DpPix => "dp-pix",
            Preset::Keystream => "keystream",
        }
    }

    pub(super) fn has(self) -> Has {
        const KEYS: &[KeyScope] = &[KeyScope::Shared, KeyScope::Block];
        const SETS: &[KeyScope] = &[KeyScope::Shared, KeyScope::Image];
        let block = |side| Some(Block::square(side));
        let none = Has {
            block: None,
            scopes: &[],
            scramble: false,
            sign_flip: false,
            statistic: false,
            orders: false,
            epsilon: false,
            radius: false,
        };
        match self {
            Preset::None | Preset::InstaHide | Preset::Keystream => none,
            Preset::Blur => Has { radius: true, ..none },
            Preset::ShuffleFlip => Has { block: block(4), scopes: KEYS, scramble: true, ..none },
            Preset::Le | Preset::Ele | Preset::Shf | Preset::Np => Has { block: block(4), ..none },
            Preset::EtcImage | Preset::ShuffleFlipImage => Has { block: block(4), ..none },
            Preset::VitImage => Has { block: block(16), sign_flip: true, ..none },
            Preset::Pixelate => Has { block: block(8), ..none },
            Preset::DpPix => Has { block: block(16), epsilon: true, ..none },
            Preset::Etc => Has { block: block(16), orders: true, ..none },
            Preset::Skk => Has { scopes: SETS, ..none },
            Preset::SkkFilter => Has { block: block(4), scopes: SETS, statistic: true, ..none },
            Preset::Vit => Has { block: block(16), sign_flip: true, ..none },
        }
    }

    /// The scheme with these options.
    ///
    /// # Errors
    /// When the preset does not have an option that is given.
    pub fn scheme(self, options: Options) -> Result<Scheme, PresetError> {
        let (has, preset) = (self.has(), self.name());
        let unknown = [
            (options.block.is_some() && has.block.is_none(), "block"),
            (options.key_scope.is_some() && has.scopes.is_empty(), "key scope"),
            (options.scramble && !has.scramble, "block scrambling to choose"),
            (options.sign_flip && !has.sign_flip, "sign flips to choose"),
            (options.statistic.is_some() && !has.statistic, "statistic"),
            (options.orders.is_some() && !has.orders, "channel table"),
            (options.epsilon.is_some() && !has.epsilon, "epsilon"),
            (options.radius.is_some() && !has.radius, "radius"),
        ];
        if let Some((_, option)) = unknown.into_iter().find(|(is, _)| *is) {
            return Err(PresetError::Option { preset, option });
        }
        let scope = options.key_scope.unwrap_or_default();
        if options.key_scope.is_some() && !has.scopes.contains(&scope) {
            return Err(PresetError::Scope { preset, scope, known: has.scopes });
        }
        // Presets without blocks never look at it.
        let block = options.block.or(has.block).unwrap_or(Block::square(1));
        let order = Order::RowColumnChannel;
        let shuffling = PixelShuffling { block, scope, order }.into();
        let flip = SignFlip { block, scope, order }.into();
        let scrambling = BlockScrambling { block, scope: KeyScope::Shared }.into();
        let colours = match scope {
            KeyScope::Image => KeyScope::Image,
            KeyScope::Shared | KeyScope::Block => KeyScope::Block,
        };
        let skk: [Stage; 2] = [
            PixelNegativePositive { scope }.into(),
            ColourShuffling { block: Block::square(1), scope: colours, orders: Orders::Permutations }.into(),
        ];
        let mut stages: Vec<Stage> = match self {
            Preset::None => vec![],
            Preset::ShuffleFlip => vec![shuffling, flip],
            Preset::Le => vec![NibbleShuffling { block, scope }.into()],
            Preset::Ele => vec![NibbleShuffling { block, scope: KeyScope::Block }.into(), scrambling],
            Preset::Etc => vec![
                RotationInversion { block, scope: KeyScope::Block }.into(),
                NegativePositive { block, scope: KeyScope::Block }.into(),
                ColourShuffling { block, scope: KeyScope::Block, orders: options.orders.unwrap_or_default() }.into(),
                scrambling,
            ],
            Preset::Skk => skk.to_vec(),
            Preset::SkkFilter => {
                let statistic = options.statistic.unwrap_or(Statistic::Median);
                [&skk[..], &[BlockStatistic { block, statistic }.into()]].concat()
            }
            Preset::Shf => vec![shuffling],
            Preset::Np => vec![flip],
            Preset::Vit => patches(block, KeyScope::Shared, options.sign_flip),
            Preset::VitImage => patches(block, KeyScope::Image, options.sign_flip),
            Preset::EtcImage => {
                let scope = KeyScope::Image;
                vec![
                    RotationInversion { block, scope }.into(),
                    NegativePositive { block, scope }.into(),
                    ColourShuffling { block, scope, orders: Orders::Permutations }.into(),
                    BlockScrambling { block, scope }.into(),
                ]
            }
            Preset::ShuffleFlipImage => {
                let scope = KeyScope::Image;
                vec![
                    PixelShuffling { block, scope, order }.into(),
                    SignFlip { block, scope, order }.into(),
                    BlockScrambling { block, scope }.into(),
                ]
            }
            Preset::InstaHide => vec![Mixing { images: 4 }.into()],
            Preset::Pixelate => vec![BlockStatistic { block, statistic: Statistic::Mean }.into()],
            Preset::Blur => vec![GaussianBlur { radius: options.radius.unwrap_or(Radius::FOUR) }.into()],
            Preset::DpPix => {
                let mean = BlockStatistic { block, statistic: Statistic::Mean }.into();
                let epsilon = options.epsilon.unwrap_or(Epsilon::HALF);
                vec![mean, LaplaceNoise { block, epsilon, m: 16 }.into()]
            }
            Preset::Keystream => vec![Keystream.into()],
        };
        if options.scramble {
            stages.push(scrambling);
        }
        Ok(Scheme { name: preset.to_owned(), stages })
    }
}

/// The scheme for vision transformers: pixels of patches, their signs if asked for, then the patches.
fn patches(block: Block, scope: KeyScope, sign_flip: bool) -> Vec<Stage> {
    let order = Order::ChannelRowColumn;
    let flip = sign_flip.then(|| SignFlip { block, scope, order }.into());
    let pixels = std::iter::once(PixelShuffling { block, scope, order }.into());
    pixels.chain(flip).chain([BlockScrambling { block, scope }.into()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_and_options_are_not_swallowed() {
        for preset in PRESETS {
            assert_eq!(Preset::named(preset.name()).unwrap(), preset);
            assert_eq!(preset.scheme(Options::default()).unwrap().name, preset.name());
        }
        assert!(Preset::named("rot13").unwrap_err().to_string().contains("none, shuffle-flip, le, ele"));
        let scramble = Options { scramble: true, ..Options::default() };
        assert!(Preset::Keystream.scheme(scramble).is_err());
        assert_eq!(Preset::ShuffleFlip.scheme(scramble).unwrap().stages.len(), 3);
        let image = Options { key_scope: Some(KeyScope::Image), ..Options::default() };
        assert!(Preset::Skk.scheme(image).unwrap().keyed_per_image());
        assert!(Preset::ShuffleFlip.scheme(image).unwrap_err().to_string().contains("only shared and block"));
    }

    #[test]
    fn schemes_say_whether_images_share_a_key() {
        let of = |ask: fn(&Scheme) -> bool| -> Vec<&str> {
            let asked = |preset: &Preset| ask(&preset.scheme(Options::default()).unwrap());
            PRESETS.into_iter().filter(asked).map(Preset::name).collect()
        };
        let shared = ["shuffle-flip", "le", "ele", "etc", "skk", "skk-filter", "shf", "np", "vit"];
        assert_eq!(of(Scheme::shares_key), shared);
        assert_eq!(of(Scheme::moves_by_image), ["etc-image", "shuffle-flip-image", "vit-image"]);
    }

    #[test]
    fn stages_of_a_preset_can_be_written_down() {
        for preset in PRESETS {
            for stage in preset.scheme(Options::default()).unwrap().stages {
                assert_eq!(stage.to_string().parse::<Stage>().unwrap(), stage);
            }
        }
    }
}
