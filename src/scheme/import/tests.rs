use super::published::symmetry;
use super::*;
use crate::engine::Step;
use crate::image::Depth;
use crate::key::Key;
use crate::scheme::stage::{BlockStatistic, RotationInversion};
use crate::scheme::{Block, KeyScope, Options, Orders, PRESETS, Preset, Stage, Statistic, write_out};
use crate::tables::{Array, PLAN};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn key() -> Key {
    Key::from_bytes([5; 32])
}

fn scheme(name: &str) -> Scheme {
    Preset::named(name).unwrap().scheme(Options::default()).unwrap()
}

fn custom(stages: &[&str]) -> Scheme {
    let stages = stages.iter().map(|stage| stage.parse().unwrap()).collect();
    Scheme { name: "custom".into(), stages }
}

fn geometry(text: &str) -> Geometry {
    text.parse().unwrap()
}

/// Every preset with every option that it has, as far as it has tables, and lists of all kinds of stages.
fn schemes() -> Vec<Scheme> {
    let block = Some(Block::square(4));
    let plain = Options { block, ..Options::default() };
    let mut schemes = vec![
        custom(&["nibble-shuffling block=4x4 key=block", "rotation-inversion block=8x8", "block-scrambling block=2x4"]),
        custom(&["pixel-shuffling block=4x8 key=block order=channel-row-column", "negative-positive block=4x4"]),
        custom(&["pixel-negative-positive key=shared", "colour-shuffling block=2x2 key=block orders=as-published"]),
        custom(&["sign-flip block=8x2 key=block", "block-statistic block=3x5 statistic=max"]),
        custom(&["sign-flip block=4x4 key=shared", "colour-shuffling block=1x1 key=block"]),
        // Stages of another scheme than the name says.
        Scheme { name: "le".into(), ..custom(&["nibble-shuffling block=4x4 key=block"]) },
        Scheme { name: "skk".into(), ..custom(&["pixel-negative-positive key=shared"]) },
        Scheme { name: "etc".into(), ..custom(&["sign-flip block=4x4 key=shared"]) },
    ];
    for preset in PRESETS {
        schemes.extend(
            [
                plain,
                Options { block: None, ..plain },
                Options { key_scope: Some(KeyScope::Block), ..plain },
                Options { key_scope: Some(KeyScope::Block), scramble: true, ..plain },
                Options { scramble: true, ..plain },
                Options { sign_flip: true, ..plain },
                Options { statistic: Some(Statistic::Min), ..plain },
                Options { orders: Some(Orders::AsPublished), ..plain },
            ]
            .into_iter()
            .filter_map(|options| preset.scheme(options).ok())
            // Not those that have no key at all.
            .filter(|scheme| !scheme.keyed_per_image() && scheme.stages.iter().any(|stage| stage.has_inverse())),
        );
    }
    schemes
}

/// The tables that `key` gives, changed.
fn changed(scheme: &Scheme, geometry: Geometry, change: impl FnOnce(&mut BTreeMap<String, Array>)) -> Tables {
    let mut arrays = export(scheme, &key(), geometry).unwrap().arrays().clone();
    change(&mut arrays);
    Tables::new(arrays)
}

fn refused(scheme: &Scheme, geometry: Geometry, change: impl FnOnce(&mut BTreeMap<String, Array>)) -> ImportError {
    match import(scheme, &changed(scheme, geometry, change), geometry) {
        Err(CompileError::Tables(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn set(arrays: &mut BTreeMap<String, Array>, name: &str, shape: &[u32], values: Vec<u32>) {
    arrays.insert(name.into(), Array::new(shape.to_vec(), values).unwrap());
}

#[test]
fn what_is_exported_says_what_the_key_says() {
    for scheme in schemes() {
        for size in ["16x16x1", "16x16x3", "32x16x1x16", "16x32x3x16"] {
            let geometry = geometry(size);
            let tables = export(&scheme, &key(), geometry).unwrap_or_else(|e| panic!("{scheme} {size}: {e}"));
            let keys = import(&scheme, &tables, geometry).unwrap();
            assert_eq!(keys, write_out(&scheme, &key(), geometry).unwrap(), "{scheme} {size}");
            let lossy = scheme.stages.iter().any(|stage| matches!(stage, Stage::BlockStatistic(BlockStatistic { .. })));
            assert_eq!(tables.arrays().contains_key(PLAN), !lossy);
        }
    }
}

#[test]
fn defaults_are_those_of_the_published_code() {
    // Samples of a 5x7 block: an odd number, whose half is no integer; 17 is not above it and 18 is.
    let np = Preset::Np.scheme(Options { block: Some("5x7".parse().unwrap()), ..Options::default() }).unwrap();
    let key: Vec<u32> = (0..35).rev().collect();
    let tables = changed(&np, geometry("10x7x1"), |arrays| {
        arrays.remove("flip");
        set(arrays, "key", &[35], key.clone());
    });
    let keys = import(&np, &tables, geometry("10x7x1")).unwrap();
    assert_eq!(keys[0].flips, key.iter().map(|&entry| entry > 17).collect::<Vec<_>>());
    assert!(keys[0].permutations.is_empty());
    let le = scheme("le");
    let tables = changed(&le, geometry("4x8x1"), |arrays| {
        arrays.remove("rev");
    });
    let keys = import(&le, &tables, geometry("4x8x1")).unwrap();
    assert_eq!(keys[0].flips, keys[0].permutations.iter().map(|&entry| entry > 16).collect::<Vec<_>>());
    let ele = scheme("ele");
    let tables = changed(&ele, geometry("4x8x3"), |arrays| {
        arrays.remove("revs");
    });
    let keys = import(&ele, &tables, geometry("4x8x3")).unwrap();
    assert_eq!(keys[0].flips, keys[0].permutations.iter().map(|&entry| entry > 48).collect::<Vec<_>>());
    assert_eq!((keys[0].permutations.len(), keys[1].permutations.len()), (192, 2));
}

/// Against the published words: turned first, then flipped, both on a square whose four corners are told apart.
#[test]
fn the_published_symmetries_are_all_twelve_of_them() {
    let turn = |s: [u8; 4]| [s[1], s[3], s[0], s[2]];
    for rotate in 0..4 {
        for flip in 0..3 {
            let mut square = [0, 1, 2, 3];
            for _ in 0..[1, 2, 3, 0][rotate as usize] {
                square = turn(square);
            }
            let [a, b, c, d] = square;
            let expected = [[c, d, a, b], [b, a, d, c], square][flip as usize];
            let geometry = geometry("2x2x1");
            let stage = RotationInversion { block: Block::square(2), scope: KeyScope::Block }.into();
            let mut key = StageKey::default();
            key.digits.push(symmetry(rotate, flip));
            let program =
                compile_written_out(&Scheme { name: "x".into(), stages: vec![stage] }, &[key], geometry).unwrap();
            let table = match program.steps() {
                [Step::Permute(plan)] => plan.table().to_vec(),
                _ => vec![0, 1, 2, 3],
            };
            assert_eq!(table, expected.map(u32::from), "rotate {rotate}, flip {flip}");
        }
    }
}

#[test]
fn grey_images_need_no_channels_and_given_ones_are_not_looked_at() {
    for (name, size) in [("etc", "16x32x1"), ("skk", "5x3x1")] {
        let (scheme, geometry) = (scheme(name), geometry(size));
        let expected = write_out(&scheme, &key(), geometry).unwrap();
        for any in [None, Some(vec![9, 9, 9])] {
            let tables = changed(&scheme, geometry, |arrays| {
                assert!(arrays.remove("channel").unwrap().values().iter().all(|&order| order == 0));
                if let Some(values) = any {
                    set(arrays, "channel", &[3], values);
                }
            });
            assert_eq!(import(&scheme, &tables, geometry).unwrap(), expected);
        }
    }
}

#[test]
fn schemes_without_tables_say_why() {
    let no_tables = |scheme: &Scheme| {
        let imported = import(scheme, &Tables::new(BTreeMap::new()), geometry("8x8x1"));
        let exported = export(scheme, &key(), geometry("8x8x1")).map(|_| ());
        assert_eq!(imported.map(|_| ()), exported);
        match exported {
            Err(CompileError::Tables(error)) if error.is_about_the_scheme() => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let per_image = Options { key_scope: Some(KeyScope::Image), ..Options::default() };
    for (scheme, words) in [
        (scheme("keystream"), "`keystream` has no tables: stage 0 (keystream key=image) draws a key for every image"),
        (scheme("instahide"), "stage 0 (mixing images=4 key=image) draws a key for every image"),
        (Preset::Skk.scheme(per_image).unwrap(), "stage 0 (pixel-negative-positive key=image) draws"),
        (custom(&["block-scrambling block=4x4", "colour-shuffling block=1x1 key=image"]), "stage 1 (colour"),
        (scheme("none"), "nothing that it does to images of 8x8x1 depends on a key"),
        (custom(&["block-statistic block=3x3 statistic=max"]), "depends on a key"),
        (custom(&["colour-shuffling block=4x4 key=block"]), "depends on a key"),
    ] {
        assert!(no_tables(&scheme).contains(words), "{}", no_tables(&scheme));
    }
}

#[test]
fn missing_and_unknown_arrays_are_named() {
    let shuffle_flip = scheme("shuffle-flip");
    let small = geometry("8x8x1");
    assert_eq!(
        refused(&shuffle_flip, small, |arrays| drop(arrays.remove("flip"))).to_string(),
        "the tables have no array `flip` (stage 1, sign-flip block=4x4 key=shared), of shape (D) = (16), D being the \
         samples of a block: add it, or choose the scheme that they are for"
    );
    assert_eq!(
        refused(&scheme("np"), small, |arrays| drop(arrays.remove("flip"))).to_string(),
        "the tables have no array `flip` (stage 0, sign-flip block=4x4 key=shared) nor `key` in its stead, of shape \
         (D) = (16), D being the samples of a block: add it, or choose the scheme that they are for"
    );
    assert_eq!(
        refused(&scheme("np"), small, |arrays| set(arrays, "key", &[16], (0..16).collect())).to_string(),
        "the tables have both `key` and `flip`, and scheme `np` takes one of them: remove the other"
    );
    assert_eq!(
        refused(&scheme("le"), small, |arrays| set(arrays, "revs", &[32], vec![0; 32])).to_string(),
        "the tables have an array `revs`, and those of scheme `le` are key, rev: remove it, or choose the scheme that \
         the tables are for"
    );
    let two = custom(&["sign-flip block=4x4 key=shared", "nibble-shuffling block=4x4 key=shared"]);
    let error = refused(&two, small, |arrays| set(arrays, "stage1_flip", &[0], vec![]));
    assert!(
        matches!(error, ImportError::Unknown { known, .. } if known == ["stage0_flip", "stage1_perm", "stage1_rev"])
    );
}

#[test]
fn shapes_are_told_with_what_they_count() {
    let words = |scheme: &Scheme, size: &str, name: &str, shape: &[u32]| {
        let count = shape.iter().product::<u32>();
        refused(scheme, geometry(size), |arrays| set(arrays, name, shape, vec![0; count as usize])).to_string()
    };
    assert_eq!(
        words(&scheme("ele"), "32x32x3", "keys", &[96]),
        "in the tables, array `keys` (stage 0, nibble-shuffling block=4x4 key=block) has shape (96), and for images \
         of 32x32x3 it must have (blocks, n) = (64, 96), n being the nibbles of a block: check that the tables were \
         made for this block and size"
    );
    let skk = scheme("skk");
    assert!(
        words(&skk, "6x7x3", "flip", &[126])
            .contains("(126), and for images of 6x7x3 it must have (H, W, C) = (6, 7, 3):")
    );
    assert!(words(&skk, "6x7x3", "channel", &[42]).contains("it must have (H, W) = (6, 7):"));
    assert!(words(&scheme("etc"), "32x32x3", "flip", &[5]).contains("it must have (blocks) = (4):"));
    assert!(words(&scheme("shf"), "8x8x3", "key", &[16]).contains("(D) = (48), D being the samples of a block:"));
    assert!(words(&scheme("le"), "8x8x1x16", "rev", &[]).contains("has shape (), and for images of 8x8x1x16"));
}

#[test]
fn bad_values_are_told_with_their_places() {
    let keyed = Options { key_scope: Some(KeyScope::Block), ..Options::default() };
    let scheme = Preset::ShuffleFlip.scheme(keyed).unwrap();
    let with = |name: &str, number: usize, value: u32| {
        refused(&scheme, geometry("8x8x1"), |arrays| {
            let mut values = arrays[name].values().to_vec();
            values[number] = value;
            set(arrays, name, &[4, 16], values);
        })
        .to_string()
    };
    assert_eq!(
        with("flip", 35, 2),
        "in the tables, array `flip` (stage 1, sign-flip block=4x4 key=block) has 2 at [2, 3], and its values are 0 \
         to 1: correct it"
    );
    assert!(with("perm", 63, 16).contains(
        "`perm` (stage 0, pixel-shuffling block=4x4 key=block) has 16 at [3, 15], and its values are 0 to 15"
    ));
    assert!(with("perm", 63, u32::MAX).contains("has 4294967295 at [3, 15]"));
    let identity: Vec<u32> = (0..64).map(|i| if i == 37 { 2 } else { i % 16 }).collect();
    let error = refused(&scheme, geometry("8x8x1"), |arrays| set(arrays, "perm", &[4, 16], identity));
    assert_eq!(
        error.to_string(),
        "in the tables, array `perm` (stage 0, pixel-shuffling block=4x4 key=block) is no permutation: 2 stands at \
         [2, 2] and again at [2, 5]: correct it"
    );
    let etc = self::scheme("etc");
    for (name, below) in [("rotate", 4), ("flip", 3), ("negaposi", 2), ("channel", 6), ("permutation", 4)] {
        let error = refused(&etc, geometry("32x32x3"), |arrays| set(arrays, name, &[4], vec![0, 1, below, 1]));
        assert!(matches!(error, ImportError::Range { below: b, value, .. } if (b, value) == (below, below)), "{name}");
    }
}

#[test]
fn blocks_that_do_not_tile_are_told_before_any_array() {
    let error = import(&scheme("le"), &Tables::new(BTreeMap::new()), geometry("30x30x1"));
    assert!(matches!(error, Err(CompileError::Tiling { .. })));
}

proptest! {
    /// Arrays from outside are a key of the right shape, or an error; never a panic, here or in what is compiled of
    /// them.
    #[test]
    fn whatever_the_arrays_hold_nothing_panics(
        number in 0usize..64, rgb: bool, bits in 8u32..=16, at in 0usize..8,
        shape in prop::collection::vec(0u32..20, 0..3), seed: u32, below in 1u32..40,
    ) {
        let schemes = schemes();
        let scheme = &schemes[number % schemes.len()];
        let depth = scheme.depth(Depth::new(bits).unwrap());
        let geometry = Geometry::new(16, 16, if rgb { 3 } else { 1 }).unwrap().with_depth(depth);
        let tables = changed(scheme, geometry, |arrays| {
            let name = arrays.keys().nth(at % arrays.len()).unwrap().clone();
            // Every other time the right shape, so that the values are looked at.
            let shape = if seed % 2 == 0 { arrays[&name].shape().to_vec() } else { shape };
            let count = shape.iter().product::<u32>();
            set(arrays, &name, &shape, (0..count).map(|i| (i ^ seed).wrapping_mul(2_654_435_761) % below).collect());
        });
        if let Ok(program) = compile_tables(scheme, &tables, geometry) {
            prop_assert_eq!(program.geometry(), geometry);
        }
    }
}
