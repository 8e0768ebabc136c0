//! What people should know of a preset before they use it: where it comes from, what breaks it, and what our reading of
//! its source leaves open. The documentation of presets points here.

use super::{Epsilon, KeyScope, Options, Preset, Radius};
use std::fmt;

/// What there is to say of a preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct About {
    /// What it is, in a line.
    pub summary: &'static str,
    /// Where it comes from, in a few words: name and year.
    pub source: &'static str,
    /// Where it comes from, in full, with the section.
    pub reference: &'static str,
    /// What it does not protect against.
    pub broken_by: &'static str,
    /// What its source says otherwise, or not at all.
    pub open: Option<&'static str>,
}

impl Preset {
    /// What there is to say of it.
    pub fn about(self) -> About {
        match self {
            Preset::None => About {
                summary: "nothing is done: the control that shows what encryption costs",
                source: "-",
                reference: "none: it is what the others are compared with",
                broken_by: "nothing is hidden",
                open: None,
            },
            Preset::ShuffleFlip => About {
                summary: "samples change places and signs inside each block: the house scheme",
                source: "after Tanaka 2018",
                reference: "made of the two moves that Tanaka, \"Learnable image encryption\", ICCE-TW 2018, and \
                            AprilPyone & Kiya, \"Block-wise image transformation with secret key for adversarially \
                            robust defense\", IEEE TIFS 16, 2021, use",
                broken_by: "one plain image with its encryption: the key of a block is read off. A block keeps its \
                            values up to negation, so smooth regions keep their shapes; with one key for all blocks, \
                            equal blocks look equal",
                open: None,
            },
            Preset::Le => About {
                summary: "the nibbles of each block change places and signs, with one key for all blocks",
                source: "Tanaka 2018",
                reference: "Tanaka, \"Learnable image encryption\", ICCE-TW 2018, its section \
                            on the encryption",
                broken_by: "one plain image with its encryption gives the key away. Equal blocks stay equal, so \
                            outlines show, and it has been attacked from encrypted images alone (Chang & Li, \
                            \"Attacks on image encryption schemes for privacy-preserving deep neural networks\", \
                            2020)",
                open: Some(
                    "the published code flips where the permutation's entry is above n/2, so that it has n! keys: \
                     tables that leave the flips out are read so, and our keys draw permutation and flips apart. The \
                     paper has no samples of 16 bits; they are cut into four nibbles",
                ),
            },
            Preset::Ele => About {
                summary: "le with a key for every block, and then the blocks change places",
                source: "Madono 2020",
                reference: "Madono, Tanaka, Onishi & Ogawa, \"Block-wise scrambled image recognition using adaptation \
                            network\", AAAI workshop 2020, its section on block-wise scrambling",
                broken_by: "a few plain images with their encryptions: all images share the keys, which are read off \
                            block by block",
                open: Some("what LE leaves open, as `imgveil schemes le` tells"),
            },
            Preset::Etc => About {
                summary: "blocks are turned, negated, recoloured and scrambled as wholes, and still compress as JPEG",
                source: "Chuman 2019",
                reference: "Chuman, Sirichotedumrong & Kiya, \"Encryption-then-compression systems using \
                            grayscale-based image encryption for JPEG images\", IEEE TIFS 14(6), 2019, its section \
                            on the colour-based scheme that it starts from",
                broken_by: "whoever puts the blocks together as a jigsaw puzzle; what is inside a block is plain to \
                            see",
                open: Some(
                    "the published code orders channels by assigning them one after another in place, which loses \
                     channels in five of its six cases (orders=as-published does the same). Our keys draw \
                     the 8 symmetries of the square uniformly; the paper draws rotations and inversions apart, which \
                     gives some of the 8 twice",
                ),
            },
            Preset::Skk => About {
                summary: "every pixel's channels are negated or not, one by one, and change places",
                source: "Sirichotedumrong 2019",
                reference: "Sirichotedumrong, Kinoshita & Kiya, \"Pixel-based image encryption without key management \
                            for privacy-preserving deep neural networks\", IEEE Access 7, 2019, its section on the \
                            proposed encryption",
                broken_by: "encrypted images alone (Chang & Li, \"Attacks on image encryption schemes for \
                            privacy-preserving deep neural networks\", 2020): a negated sample is its own inverse, \
                            and its neighbours give away which one it was; smooth regions and edges stay visible. \
                            A flip keeps a sample's distance from the middle of the range, so abs(p - 127.5) of a \
                            single image shows the picture, with a key for every image too. \
                            With one key for all images, one plain image with its encryption gives the key away, and \
                            a network learns to undo it (Sirichotedumrong & Kiya, arXiv 1912.04746, whose attack \
                            failed where every image has its key)",
                open: None,
            },
            Preset::SkkFilter => About {
                summary: "skk, and then every block is filled with one value of its own",
                source: "after Huang 2022",
                reference: "our reading of Huang, Yap, Chiu & Sun, \"Privacy-preserving deep learning with learnable \
                            image encryption on medical images\", IEEE Access 10, 2022, which enhances SKK by \
                            statistical filtering",
                broken_by: "what breaks SKK: what is left is a small SKK image. abs(p - 127.5) of a single image shows \
                            the picture, with the median too. With the maximum or minimum, eyes are enough: negated \
                            or not, the outermost of a block's values shows its shade",
                open: Some(
                    "whether the paper filters by blocks or with a sliding window, and of which size, is not public \
                     to us. This one works by blocks, which may be smaller at the edges",
                ),
            },
            Preset::Shf => About {
                summary: "samples change places inside each block, with one key for all blocks",
                source: "AprilPyone 2021",
                reference: "AprilPyone & Kiya, \"Block-wise image transformation with secret key for adversarially \
                            robust defense\", IEEE TIFS 16, 2021 (arXiv 2010.00801), its section on the pixel \
                            shuffling",
                broken_by: "what breaks shuffle-flip, of which it is the weaker half: there it is a defence against \
                            adversarial examples. Values stay as they were",
                open: None,
            },
            Preset::Np => About {
                summary: "samples are negated or not by their places in the block, with one key for all blocks",
                source: "AprilPyone 2021",
                reference: "AprilPyone & Kiya, \"Block-wise image transformation with secret key for adversarially \
                            robust defense\", IEEE TIFS 16, 2021 (arXiv 2010.00801), its section on the bit flipping",
                broken_by: "eyes: edges and shapes stay visible. One plain image with its encryption gives the key \
                            away",
                open: Some(
                    "the published code flips where an entry of a permutation is above n/2, which is always the same \
                     number of samples: imported keys are read so, and ours flip where a bit of the key says so",
                ),
            },
            Preset::Vit => About {
                summary: "samples change places inside each patch, with one key for all patches, and then the patches \
                          do",
                source: "Kiya 2023",
                reference: "Kiya, Iijima, AprilPyone & Kinoshita, \"Image and model transformation with secret key \
                            for vision transformer\", IEICE Trans. Inf. & Syst. E106-D, 2023, its section on \
                            encrypting images: a vision transformer whose patch and position embeddings are permuted \
                            by the same key gives the \
                            plain model's outputs",
                broken_by: "encrypted images alone: Chuman & Kiya (arXiv 2211.02369) mostly restored images under \
                            block and pixel shuffling with a jigsaw puzzle solver. One plain image with its encryption \
                            gives the key away",
                open: None,
            },
            Preset::EtcImage => About {
                summary: "etc with a key for every image: no two images share a move",
                source: "after Aso 2024",
                reference: "made of the moves of Chuman, Sirichotedumrong & Kiya, IEEE TIFS 14(6), 2019, with keys \
                            that are never used twice, after Aso, Shiota & Kiya, \"Disposable-key-based image \
                            encryption for collaborative learning of Vision Transformer\", arXiv 2408.05737, 2024",
                broken_by: "whoever puts the blocks of a single image together as a jigsaw puzzle; what is inside a \
                            block is plain to see, up to a turn and a negation. What images share, such as their \
                            tones and textures, stays: labels can be guessed, and images be recognised by it",
                open: None,
            },
            Preset::ShuffleFlipImage => About {
                summary: "shuffle-flip with a key for every block of every image, and the blocks change places",
                source: "this project",
                reference: "made of the moves of shuffle-flip, with keys that are never used twice, after Aso, Shiota \
                            & Kiya, arXiv 2408.05737, 2024",
                broken_by: "of a block the unordered distances of its samples from mid-grey are left: dark and light \
                            areas, and rough ones, can be told from it. Labels can be guessed, and images be \
                            recognised by it",
                open: None,
            },
            Preset::VitImage => About {
                summary: "vit with a key for every patch of every image, and the patches change places",
                source: "Aso 2024",
                reference: "Aso, Shiota & Kiya, \"Disposable-key-based image encryption for collaborative learning of \
                            Vision Transformer\", arXiv 2408.05737, 2024, its section on the encryption",
                broken_by: "a patch keeps its samples, in another order: the histogram of every patch is plain to see. \
                            Labels can be guessed, and images be recognised by it",
                open: Some("the paper also restricts the permutations, which is not done here"),
            },
            Preset::InstaHide => About {
                summary: "every image is mixed with 3 others of its set, and values are negated or not",
                source: "Huang 2020",
                reference: "Huang, Song, Li & Arora, \"InstaHide: Instance-hiding schemes for private distributed \
                            learning\", ICML 2020, its section on the inside-dataset scheme",
                broken_by: "the mixtures alone: Carlini et al., \"Is private learning possible with instance \
                            encoding?\", IEEE S&P 2021, recover the images of its public challenge from them",
                open: Some(
                    "partners come from the set itself, which the paper calls inside-dataset; not from a public set",
                ),
            },
            Preset::Pixelate => About {
                summary: "every block is filled with its mean, as faces and plates are hidden today: a control",
                source: "-",
                reference: "none: it is what others are compared with",
                broken_by: "eyes, and networks that are trained on pixelated images (McPherson, Shokri & Shmatikov, \
                            \"Defeating image obfuscation with deep learning\", 2016). There is no key: what is \
                            left is plain to see",
                open: None,
            },
            Preset::Blur => About {
                summary: "every sample becomes a mean of its neighbours, as faces are hidden today: a control",
                source: "-",
                reference: "none: it is what others are compared with. The weights are those of three box means \
                            (Wells, \"Efficient synthesis of Gaussian filters by cascaded uniform filters\", IEEE \
                            TPAMI 8(2), 1986)",
                broken_by: "eyes, deconvolution, and networks that are trained on blurred images (McPherson, Shokri & \
                            Shmatikov, \"Defeating image obfuscation with deep learning\", 2016). There is no key",
                open: None,
            },
            Preset::DpPix => About {
                summary: "every block is filled with its mean and Laplace noise: a control with a privacy bound",
                source: "Fan 2018",
                reference: "Fan, \"Image pixelization with differential privacy\", DBSec 2018, its section on the \
                            mechanism, with epsilon 0.5 and m 16",
                broken_by: "whoever holds several noisy versions of one image, whose mean has less noise: the same \
                            image under another name has noise of its own. The bound is on images that differ in 16 \
                            pixels, and not on the rest: large shapes stay visible",
                open: Some(
                    "noise is rounded to whole samples and drawn from 31 bits, which the proof for real numbers does \
                     not cover. Other bounds are a stage `laplace-noise` in a scheme of your own",
                ),
            },
            Preset::Keystream => About {
                summary: "every byte is XORed with a keystream of the image's own: real encryption, the other control",
                source: "ChaCha20",
                reference: "ChaCha20 (Bernstein, \"ChaCha, a variant of Salsa20\", 2008), with 64 bits each for \
                            counter and stream",
                broken_by: "nothing known but trying keys, and nothing can be learned through it. Sizes and names \
                            stay; the same image under the same name gives the same bytes; changes are not noticed by \
                            it but by the hashes of imgveil.json",
                open: None,
            },
        }
    }

    /// The options that it has, in the order in which the text of a scheme names them.
    pub fn choices(self) -> Vec<Choice> {
        let has = self.has();
        let choice = |option, what: String, default: &str| Choice { option, what, default: default.to_owned() };
        let mut choices = Vec::new();
        if let Some(block) = has.block {
            choices.push(choice("block", "the block in pixels: 4, or HEIGHTxWIDTH".into(), &block.to_string()));
        }
        if let Some(default) = has.scopes.first() {
            let whose = |scope: &KeyScope| match scope {
                KeyScope::Shared if has.scopes.contains(&KeyScope::Block) => "shared (one key for all blocks)",
                KeyScope::Shared => "shared (one key for all images)",
                KeyScope::Block => "block (a key for every block)",
                KeyScope::Image => "image (a key for every image)",
            };
            let scopes: Vec<&str> = has.scopes.iter().map(whose).collect();
            choices.push(choice("key", scopes.join(" or "), &default.to_string()));
        }
        if has.scramble {
            choices.push(choice("scramble", "the blocks change places too".into(), "they do not"));
        }
        if has.sign_flip {
            choices.push(choice("sign-flip", "signs are flipped too".into(), "they are not"));
        }
        if has.statistic {
            choices.push(choice("statistic", "what fills a block: median, mean, max or min".into(), "median"));
        }
        if has.orders {
            let what = "the orders of the channels: permutations, or as-published (cannot be undone)";
            choices.push(choice("orders", what.into(), "permutations"));
        }
        if has.epsilon {
            let what = "the privacy bound: a number such as 0.5; less of it is more noise";
            choices.push(choice("epsilon", what.into(), &Epsilon::HALF.to_string()));
        }
        if has.radius {
            let what = "the radius in pixels, 1 to 64; the blur reaches three times as far";
            choices.push(choice("radius", what.into(), &Radius::FOUR.to_string()));
        }
        choices
    }

    /// Whether every image has a key of its own.
    pub fn keyed_per_image(self) -> PerImage {
        match self.scheme(Options::default()) {
            Ok(scheme) if scheme.keyed_per_image() => PerImage::Yes,
            _ if self.has().scopes.contains(&KeyScope::Image) => PerImage::Option,
            _ => PerImage::No,
        }
    }
}

/// An option of a preset.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Choice {
    /// Its name in the text of a scheme, such as `block` in `le block=8x8`.
    pub option: &'static str,
    /// What may be chosen.
    pub what: String,
    /// What is chosen without it.
    pub default: String,
}

/// Whether every image has a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PerImage {
    /// It has.
    Yes,
    /// If asked for.
    Option,
    /// All images share one.
    No,
}

impl fmt::Display for PerImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            PerImage::Yes => "yes",
            PerImage::Option => "option",
            PerImage::No => "no",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::{Block, Orders, PRESETS, Statistic};

    /// Options are told as the preset takes them: each one told is accepted, with its default, and no other is.
    #[test]
    fn options_are_told_as_they_are_taken() {
        let plain = Options::default();
        let given = |option: &str, default: &str| match option {
            "block" => Options { block: default.parse().ok(), ..plain },
            "key" => Options { key_scope: default.parse().ok(), ..plain },
            "statistic" => Options { statistic: default.parse().ok(), ..plain },
            "orders" => Options { orders: default.parse().ok(), ..plain },
            "epsilon" => Options { epsilon: default.parse().ok(), ..plain },
            "radius" => Options { radius: default.parse().ok(), ..plain },
            other => panic!("{other}"),
        };
        for preset in PRESETS {
            let mut told: Vec<&str> = Vec::new();
            for choice in preset.choices() {
                told.push(choice.option);
                let options = match choice.option {
                    "scramble" => Options { scramble: true, ..plain },
                    "sign-flip" => Options { sign_flip: true, ..plain },
                    option => {
                        assert_eq!(
                            preset.scheme(given(option, &choice.default)),
                            preset.scheme(plain),
                            "{}",
                            preset.name()
                        );
                        given(option, &choice.default)
                    }
                };
                assert!(preset.scheme(options).is_ok() && options != plain, "{} {}", preset.name(), choice.option);
            }
            for (option, options) in [
                ("block", Options { block: Some(Block::square(2)), ..plain }),
                ("key", Options { key_scope: Some(KeyScope::Shared), ..plain }),
                ("scramble", Options { scramble: true, ..plain }),
                ("sign-flip", Options { sign_flip: true, ..plain }),
                ("statistic", Options { statistic: Some(Statistic::Mean), ..plain }),
                ("orders", Options { orders: Some(Orders::AsPublished), ..plain }),
                ("epsilon", Options { epsilon: Some(Epsilon::HALF), ..plain }),
                ("radius", Options { radius: Some(Radius::FOUR), ..plain }),
            ] {
                assert_eq!(preset.scheme(options).is_ok(), told.contains(&option), "{} {option}", preset.name());
            }
        }
    }

    #[test]
    fn keys_per_image_are_told_as_they_are() {
        let per_image = PRESETS.map(|preset| (preset.name(), preset.keyed_per_image()));
        let not_no: Vec<_> = per_image.into_iter().filter(|(_, is)| *is != PerImage::No).collect();
        let (yes, option) = (PerImage::Yes, PerImage::Option);
        let own = ["etc-image", "shuffle-flip-image", "vit-image", "instahide", "dp-pix", "keystream"];
        let expected = ["skk", "skk-filter"].map(|name| (name, option)).into_iter().chain(own.map(|name| (name, yes)));
        assert_eq!(not_no, expected.collect::<Vec<_>>());
    }

    /// They stand inside sentences and lines that the command line puts together.
    #[test]
    fn words_are_whole_and_fit_into_lines() {
        for preset in PRESETS {
            let about = preset.about();
            let texts = [about.summary, about.source, about.reference, about.broken_by, about.open.unwrap_or("-")];
            for text in texts {
                assert!(!text.is_empty() && !text.ends_with('.') && !text.contains("  "), "{text}");
            }
            assert!(about.summary.len() <= 100 && about.source.len() <= 22, "{}", preset.name());
            for stage in preset.scheme(Options::default()).unwrap().stages {
                assert!(
                    stage
                        .tile()
                        .is_none_or(|block| stage.explain().contains(&block.to_string()) || block == Block::square(1))
                );
            }
        }
    }
}
