//! What the page shows of schemes.

use imgveil::Preset;
use imgveil::internal::scheme::{Choice, Options, PRESETS, Risk, Scheme};
use serde::Serialize;

/// A scheme of the list.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Its options.
    pub choices: Vec<Choice>,
}

/// A scheme with its options.
#[derive(Debug, Serialize)]
pub struct Told {
    /// Its text.
    pub text: String,
    /// What the stages do, one after the other.
    pub stages: Vec<String>,
    /// What attackers get, as measured: a line for each.
    pub risks: Vec<String>,
    /// What it does not protect against. `None` for a scheme of the user's own.
    pub broken_by: Option<&'static str>,
    /// Whether it can be undone with the key.
    pub inverse: bool,
    /// Whether every image has a key of its own.
    pub keyed_per_image: bool,
    /// Images must be tiled by blocks of this height and width.
    pub tile: [u32; 2],
}

/// The schemes that the page offers: all but those that mix images, whose output no PNG holds.
pub fn list() -> Vec<Listed> {
    let offered = |preset: &Preset| preset.scheme(Options::default()).is_ok_and(|scheme| !scheme.mixes());
    let listed = |preset: Preset| {
        let about = preset.about();
        Listed { name: preset.name(), summary: about.summary, source: about.source, choices: preset.choices() }
    };
    PRESETS.into_iter().filter(offered).map(listed).collect()
}

/// What there is to say of a scheme with its options.
///
/// # Errors
/// Why the text is no scheme.
pub fn tell(text: &str) -> Result<Told, String> {
    let scheme: Scheme = text.trim().parse().map_err(|error| format!("{error}"))?;
    let tile = scheme.tile();
    Ok(Told {
        text: scheme.to_string(),
        stages: scheme.stages.iter().map(|stage| stage.explain().to_owned()).collect(),
        risks: scheme.risks().iter().map(Risk::to_string).collect(),
        broken_by: Preset::named(&scheme.name).ok().map(|preset| preset.about().broken_by),
        inverse: scheme.has_inverse(),
        keyed_per_image: scheme.keyed_per_image(),
        tile: [tile.height, tile.width],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemes_of_the_list_are_told_of() {
        let list = list();
        assert_eq!(list[1].name, "shuffle-flip");
        assert!(list.iter().all(|listed| listed.name != "instahide") && list.len() == PRESETS.len() - 1);
        for Listed { name, .. } in list {
            let told = tell(name).unwrap();
            assert_eq!(told.text, name);
            assert!(!told.risks.is_empty() && told.broken_by.is_some(), "{name}");
        }
        let told = tell("shuffle-flip block=8 key=block scramble").unwrap();
        assert_eq!((told.text.as_str(), told.tile), ("shuffle-flip block=8x8 key=block scramble", [8, 8]));
        assert!(tell("le block=zero").unwrap_err().contains("zero"));
    }
}
