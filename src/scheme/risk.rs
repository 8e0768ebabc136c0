//! What an attacker gets out of a scheme: the one table from which the command and the documentation take their words.
//!
//! Figures are those of `imgveil attack` on 280 chest X-rays of 224x224, grey. Controls without a key count as they
//! are. SSIM is the mean over images that the attacker did not have, up to one negation or turn of all images.

use super::{KeyScope, Options, Preset, Scheme, Stage};
use std::fmt;

/// What an attacker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Attacker {
    /// Encrypted images of one key and size.
    Encrypted,
    /// Pairs of plain images with their encryptions, which he did not choose.
    Pairs,
    /// Images of his own choice with their encryptions.
    Chosen,
}

/// What an attacker gets.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Risk {
    /// What he has.
    pub attacker: Attacker,
    /// How many images or pairs he needs. `None` if the scheme resists him as far as was measured.
    pub images: Option<u32>,
    /// The mean SSIM of other images that he recovers with them; 1 is exact.
    pub ssim: f32,
}

/// A line of the table: the scheme, and for each attacker the images needed and the SSIM.
type Row = (Preset, KeyScope, bool, [Option<(u32, f32)>; 3]);

const SHARED: KeyScope = KeyScope::Shared;
const BLOCK: KeyScope = KeyScope::Block;
const IMAGE: KeyScope = KeyScope::Image;

/// Preset, key scope, whether blocks are scrambled by choice; then encrypted images alone, known pairs, chosen images.
const TABLE: [Row; 22] = [
    (Preset::None, SHARED, false, [Some((1, 1.0)), Some((1, 1.0)), Some((1, 1.0))]),
    (Preset::ShuffleFlip, SHARED, false, [Some((1, 1.0)), Some((1, 1.0)), Some((1, 1.0))]),
    (Preset::ShuffleFlip, SHARED, true, [Some((4, 0.988)), Some((2, 0.997)), Some((1, 1.0))]),
    (Preset::ShuffleFlip, BLOCK, false, [Some((4, 0.848)), Some((2, 0.979)), Some((1, 1.0))]),
    (Preset::ShuffleFlip, BLOCK, true, [Some((64, 0.972)), Some((2, 0.979)), Some((1, 1.0))]),
    (Preset::Le, SHARED, false, [Some((1, 1.0)), Some((1, 1.0)), Some((1, 1.0))]),
    (Preset::Ele, SHARED, false, [Some((64, 0.703)), Some((16, 0.979)), Some((2, 1.0))]),
    (Preset::Etc, SHARED, false, [Some((4, 1.0)), Some((1, 1.0)), Some((1, 1.0))]),
    (Preset::Skk, SHARED, false, [Some((4, 1.0)), Some((1, 1.0)), Some((1, 1.0))]),
    (Preset::Skk, IMAGE, false, [Some((1, 0.573)), None, None]),
    (Preset::SkkFilter, SHARED, false, [Some((4, 0.723)), None, None]),
    (Preset::SkkFilter, IMAGE, false, [Some((1, 0.406)), None, None]),
    (Preset::Shf, SHARED, false, [Some((1, 1.0)), Some((1, 1.0)), Some((1, 1.0))]),
    (Preset::Np, SHARED, false, [Some((1, 1.0)), Some((1, 1.0)), Some((1, 1.0))]),
    (Preset::Vit, SHARED, false, [Some((4, 0.992)), Some((1, 1.0)), Some((1, 1.0))]),
    // What is left of a single image: pieces of a jigsaw, or the tones of patches. Others say nothing of it.
    (Preset::EtcImage, SHARED, false, [Some((1, 0.191)), None, None]),
    (Preset::ShuffleFlipImage, SHARED, false, [None, None, None]),
    (Preset::VitImage, SHARED, false, [Some((1, 0.190)), None, None]),
    (Preset::Pixelate, SHARED, false, [Some((1, 0.619)), None, None]),
    (Preset::Blur, SHARED, false, [Some((1, 0.711)), None, None]),
    (Preset::DpPix, SHARED, false, [Some((1, 0.307)), None, None]),
    (Preset::Keystream, IMAGE, false, [None, None, None]),
];

impl Scheme {
    /// What attackers get, as measured: one entry an attacker. Empty for schemes that were not measured: a user's own,
    /// those that mix images, and controls with options of their own.
    pub fn risks(&self) -> Vec<Risk> {
        let Ok(preset) = Preset::named(&self.name) else { return Vec::new() };
        let usual = preset.scheme(Options::default()).map_or(Vec::new(), |scheme| scheme.stages);
        // What is left to see under a control follows from its block, its radius and its noise.
        if matches!(preset, Preset::Pixelate | Preset::Blur | Preset::DpPix) && self.stages != usual {
            return Vec::new();
        }
        // Scrambling by choice adds a stage to those of the default.
        let scramble = preset.has().scramble && self.stages.len() > usual.len();
        let scope = match self.stages.iter().find_map(scope) {
            Some(scope) if preset.has().scopes.contains(&scope) || preset == Preset::Keystream => scope,
            _ => SHARED,
        };
        let row = TABLE.iter().find(|(of, key, scrambled, _)| (*of, *key, *scrambled) == (preset, scope, scramble));
        let attackers = [Attacker::Encrypted, Attacker::Pairs, Attacker::Chosen];
        let risk = |(attacker, found): (Attacker, &Option<(u32, f32)>)| Risk {
            attacker,
            images: found.map(|(images, _)| images),
            ssim: found.map_or(0.0, |(_, ssim)| ssim),
        };
        row.map_or(Vec::new(), |(.., found)| attackers.into_iter().zip(found).map(risk).collect())
    }
}

/// What has a key of its own in a stage, as its text says.
fn scope(stage: &Stage) -> Option<KeyScope> {
    stage.to_string().split(' ').find_map(|word| word.strip_prefix("key=")?.parse().ok())
}

impl fmt::Display for Risk {
    /// Such as `16 encrypted images and nothing else give the others back with an SSIM of 0.953`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many, more) = match self.attacker {
            Attacker::Encrypted => ("encrypted image", "encrypted images", " of one key and size and nothing else"),
            Attacker::Pairs => ("known pair", "known pairs", ""),
            Attacker::Chosen => ("image of the attacker's choice", "images of the attacker's choice", ""),
        };
        let Some(images) = self.images else {
            return write!(f, "{many}{more}: nothing comes back");
        };
        let what = if images == 1 { one } else { many };
        let give = if images == 1 { "gives" } else { "give" };
        match self.ssim {
            1.0.. => write!(f, "{images} {what}{more} {give} all others back exactly"),
            ssim => write!(f, "{images} {what}{more} {give} images back with a mean SSIM of {ssim:.3}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::PRESETS;

    #[test]
    fn every_line_of_the_table_is_of_a_scheme_and_is_found_by_it() {
        for (preset, scope, scramble, found) in TABLE {
            let key = if preset.has().scopes.contains(&scope) { format!(" key={scope}") } else { String::new() };
            let text = format!("{}{key}{}", preset.name(), if scramble { " scramble" } else { "" });
            let scheme: Scheme = text.parse().unwrap();
            let risks = scheme.risks();
            assert_eq!(
                risks.iter().map(|risk| risk.images).collect::<Vec<_>>(),
                found.map(|f| f.map(|(n, _)| n)),
                "{text}"
            );
        }
        for preset in PRESETS {
            let risks = preset.scheme(Default::default()).unwrap().risks();
            assert_eq!(risks.is_empty(), preset == Preset::InstaHide, "{}", preset.name());
        }
        for other in ["dp-pix epsilon=100", "blur radius=1", "pixelate block=2"] {
            assert!(other.parse::<Scheme>().unwrap().risks().is_empty(), "{other}");
        }
    }

    #[test]
    fn risks_are_told_in_words() {
        let words =
            |text: &str| text.parse::<Scheme>().unwrap().risks().iter().map(Risk::to_string).collect::<Vec<_>>();
        assert_eq!(
            words("ele"),
            [
                "64 encrypted images of one key and size and nothing else give images back with a mean SSIM of 0.703",
                "16 known pairs give images back with a mean SSIM of 0.979",
                "2 images of the attacker's choice give all others back exactly",
            ]
        );
        assert_eq!(words("keystream")[1], "known pairs: nothing comes back");
        assert_eq!(words("le")[1], "1 known pair gives all others back exactly");
    }
}
