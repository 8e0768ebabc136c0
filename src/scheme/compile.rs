//! The compiler: a scheme, a key and a geometry become a [`Program`]. Every stage draws from its own subkey. Runs of
//! permutations and flips fold into one plan. The files of `stage` say what a stage's key is and which step it makes.

use super::stage::key::Keyed;
use super::stage::{Shape, StageKey};
use super::{CompileError, Scheme, Stage};
use crate::engine::Program;
use crate::image::Geometry;
use crate::key::Key;
use crate::schedule::subkey;
use std::borrow::Cow;

/// Whether `scheme` can be compiled for images of `geometry`, without a key and without making a table.
///
/// # Errors
/// When a stage's block does not tile the image, stages do not go with each other or with the image, or the image has
/// more elements than a table holds.
pub fn check(scheme: &Scheme, geometry: Geometry) -> Result<(), CompileError> {
    let mut mixed = false;
    for (index, stage) in scheme.stages.iter().enumerate() {
        if mixed {
            return Err(CompileError::AfterMixing(stage.to_string()));
        }
        Shape::of(stage, geometry)?;
        stage.rules().check(geometry).map_err(|unfit| unfit.at(index))?;
        mixed = stage.mixes();
    }
    Ok(())
}

/// Compiles `scheme` under `key` for images of `geometry`.
///
/// # Errors
/// As [`check`].
pub fn compile(scheme: &Scheme, key: &Key, geometry: Geometry) -> Result<Program, CompileError> {
    let subkey = |index| subkey(key, &descriptor(scheme, index, geometry));
    assemble(scheme, geometry, |index, stage| {
        let subkey = subkey(index);
        if stage.keyed_per_image() {
            return Ok(Keyed::Image(subkey));
        }
        Ok(Keyed::Fixed(Cow::Owned(StageKey::draw(stage, &subkey, geometry)?)))
    })
}

/// The written-out keys of all stages of `scheme` under `key`, as [`compile`] uses them; those of stages keyed per
/// image are empty.
///
/// # Errors
/// As [`compile`].
pub fn write_out(scheme: &Scheme, key: &Key, geometry: Geometry) -> Result<Vec<StageKey>, CompileError> {
    let draw = |(index, stage): (usize, &Stage)| {
        StageKey::draw(stage, &subkey(key, &descriptor(scheme, index, geometry)), geometry)
    };
    scheme.stages.iter().enumerate().map(draw).collect()
}

/// Compiles `scheme` under written-out keys, one a stage, each of its stage's shape.
pub(super) fn compile_written_out(
    scheme: &Scheme,
    keys: &[StageKey],
    geometry: Geometry,
) -> Result<Program, CompileError> {
    assemble(scheme, geometry, |index, _| Ok(Keyed::Fixed(keys.get(index).map_or_else(Cow::default, Cow::Borrowed))))
}

/// Compiles `scheme` under the keys that `key` gives for a stage and its number.
fn assemble<'a>(
    scheme: &Scheme,
    geometry: Geometry,
    key: impl Fn(usize, &Stage) -> Result<Keyed<'a>, CompileError>,
) -> Result<Program, CompileError> {
    check(scheme, geometry)?;
    let mut program = Program::identity(geometry);
    for (index, stage) in scheme.stages.iter().enumerate() {
        let step = stage.rules().step(key(index, stage)?, geometry).map_err(|unfit| unfit.at(index))?;
        program.push(step).map_err(|source| CompileError::Plan { stage: index, source })?;
    }
    Ok(program)
}

/// The line that names a stage to the key schedule.
fn descriptor(scheme: &Scheme, index: usize, geometry: Geometry) -> String {
    format!(
        "imgveil/1 scheme=[{}] stage={index} image={} depth={}",
        scheme.canonical(),
        geometry.size(),
        geometry.depth().bits()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Depth;
    use crate::plan::PlanError;
    use crate::scheme::{Options, Preset};

    #[test]
    fn a_permutation_flip_scheme_is_one_step() {
        let options = Options { scramble: true, ..Options::default() };
        let scheme = Preset::ShuffleFlip.scheme(options).unwrap();
        let geometry = Geometry::new(28, 28, 1).unwrap();
        let program = compile(&scheme, &Key::from_bytes([1; 32]), geometry).unwrap();
        assert_eq!(program.steps().len(), 1);
        assert!(!program.keyed_per_image());
    }

    #[test]
    fn mixing_comes_last_and_takes_8_bits() {
        let stages = |texts: &[&str]| Scheme {
            name: "test".into(),
            stages: texts.iter().map(|text| text.parse().unwrap()).collect(),
        };
        let (key, geometry) = (Key::from_bytes([1; 32]), Geometry::new(28, 28, 1).unwrap());
        let after = stages(&["mixing images=4 key=image", "keystream key=image"]);
        assert!(matches!(compile(&after, &key, geometry), Err(CompileError::AfterMixing(_))));
        let mixing = stages(&["block-scrambling block=4x4", "mixing images=4 key=image"]);
        assert!(compile(&mixing, &key, geometry).unwrap().mixing().is_some());
        assert!(matches!(compile(&mixing, &key, geometry.with_depth(Depth::U16)), Err(CompileError::MixingDepth)));
    }

    /// Whatever can be wrong is found without a key: where the check passes, compiling does.
    #[test]
    fn what_passes_the_check_compiles() {
        let key = Key::from_bytes([1; 32]);
        for preset in crate::scheme::PRESETS {
            let scheme = preset.scheme(Options::default()).unwrap();
            for (height, width, channels) in [(16, 16, 1), (16, 16, 3), (18, 16, 3), (2, 2, 1)] {
                let geometry = Geometry::new(height, width, channels).unwrap();
                for depth in (8..=16).filter_map(Depth::new) {
                    let geometry = geometry.with_depth(depth);
                    let compiled = compile(&scheme, &key, geometry).map(drop);
                    assert_eq!(check(&scheme, geometry), compiled, "{} {geometry}", scheme.name);
                }
            }
        }
        let ten = Geometry::new(16, 16, 1).unwrap().with_depth(Depth::new(10).unwrap());
        let le = Preset::Le.scheme(Options::default()).unwrap();
        let refused = CompileError::Plan { stage: 0, source: PlanError::PartOfANibble { bits: 10 } };
        assert_eq!(check(&le, ten), Err(refused));
        // Too large to be tried: two nibbles for each of 1.6 * 10^9 samples.
        let huge = Geometry::new(40_000, 40_000, 1).unwrap();
        assert!(matches!(check(&le, huge), Err(CompileError::Plan { source: PlanError::TooLarge { .. }, .. })));
        assert_eq!(check(&Preset::ShuffleFlip.scheme(Options::default()).unwrap(), huge), Ok(()));
    }

    #[test]
    fn blocks_that_do_not_tile_are_named_with_the_image() {
        let scheme = Preset::ShuffleFlip.scheme(Options::default()).unwrap();
        let error = compile(&scheme, &Key::from_bytes([1; 32]), Geometry::new(30, 28, 1).unwrap()).err().unwrap();
        assert_eq!(error.to_string(), "blocks of 4x4 pixels do not tile an image of 30x28");
    }

    #[test]
    fn no_two_stages_sizes_or_schemes_share_a_stream() {
        let key = Key::from_bytes([1; 32]);
        let mut seen = std::collections::HashSet::new();
        for options in [Options::default(), Options { scramble: true, ..Options::default() }] {
            let scheme = Preset::ShuffleFlip.scheme(options).unwrap();
            let small = Geometry::new(28, 28, 1).unwrap();
            let depths = (9..=16).filter_map(Depth::new).map(|depth| small.with_depth(depth));
            for geometry in depths.chain([small, Geometry::new(32, 32, 1).unwrap()]) {
                for index in 0..scheme.stages.len() {
                    assert!(seen.insert(*subkey(&key, &descriptor(&scheme, index, geometry))));
                }
            }
        }
        assert_eq!(seen.len(), 50);
    }
}
