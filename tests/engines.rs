//! The GPU engine against the CPU engine, to the bit, for random geometries, schemes, picks and views; the CPU engine
//! against a naive expression of docs/SCHEDULE.md; the shaders against naga.

mod common;

use common::{geometry, gpu, ramp};
use imgveil::engine::gpu::KERNELS;
use imgveil::engine::{CpuEngine, Engine, EngineError, Pick};
use imgveil::image::{Geometry, View, normalised};
use imgveil::key::Key;
use imgveil::plan::Program;
use imgveil::schedule::ImageId;
use imgveil::scheme::{Block, KeyScope, Options, Preset, Scheme, Stage, compile};
use proptest::prelude::*;

#[test]
fn naga_accepts_every_shader() {
    for kernel in KERNELS {
        let module = naga::front::wgsl::parse_str(kernel.wgsl())
            .unwrap_or_else(|e| panic!("{kernel:?}: {}", e.emit_to_string(kernel.wgsl())));
        // No capabilities beyond WebGPU's core.
        let mut validator =
            naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
        validator.validate(&module).unwrap_or_else(|e| panic!("{kernel:?}: {e:?}"));
        let size = module.entry_points[0].workgroup_size;
        assert_eq!((module.entry_points.len(), size), (1, [64, 1, 1]), "{kernel:?}");
    }
}

/// Blocks, and how many of them, so that every scheme tiles.
fn case() -> impl Strategy<Value = (Geometry, Scheme, Vec<Pick>, usize)> {
    let block = (1u32..7, 1u32..7);
    let scheme = (0..5usize, any::<bool>(), any::<bool>());
    let picks = prop::collection::vec((any::<u32>(), any::<[u8; 8]>(), -3i16..4, -9i16..10, any::<bool>()), 1..6);
    (block, 1u32..6, 1u32..6, any::<bool>(), scheme, 1usize..5, picks, any::<bool>()).prop_map(
        |((bh, bw), rows, columns, rgb, (kind, per_block, scramble), images, picks, views)| {
            let geometry = geometry(bh * rows, bw * columns, if rgb { 3 } else { 1 });
            let block = Block { height: bh, width: bw };
            let options = Options {
                block: Some(block),
                key_scope: Some(if per_block { KeyScope::Block } else { KeyScope::Shared }),
                scramble,
            };
            let scheme = match kind {
                0 => Preset::None.scheme(Options::default()).unwrap(),
                1 => Preset::Keystream.scheme(Options::default()).unwrap(),
                // No preset needs several dispatches, but the engine must be right when a scheme does.
                2 => Scheme {
                    name: "sandwich".into(),
                    stages: vec![Stage::Keystream, Stage::BlockScrambling { block }, Stage::Keystream],
                },
                _ => Preset::ShuffleFlip.scheme(options).unwrap(),
            };
            let picks = picks.into_iter().map(|(index, id, dy, dx, mirrored)| Pick {
                index: index % images as u32,
                view: if views { View { dy, dx, mirrored } } else { View::IDENTITY },
                id: ImageId(id),
            });
            (geometry, scheme, picks.collect(), images)
        },
    )
}

/// Slow and plain: the view by its definition, then stage by stage with the CPU engine's own steps one at a time.
fn naive(program: &Program, image: &[u8], pick: &Pick) -> Vec<u8> {
    let geometry = program.geometry();
    let (h, w, c) = (geometry.height() as i64, geometry.width() as i64, geometry.channels());
    let at = |y: i64, x: i64, channel: usize| {
        if !(0..h).contains(&y) || !(0..w).contains(&x) {
            return 0;
        }
        let x = if pick.view.mirrored { w - 1 - x } else { x };
        image[(y * w + x) as usize * c + channel]
    };
    let (dy, dx) = (i64::from(pick.view.dy), i64::from(pick.view.dx));
    let mut samples: Vec<u8> =
        (0..geometry.samples()).map(|i| at((i / c) as i64 / w + dy, (i / c) as i64 % w + dx, i % c)).collect();
    for step in program.steps() {
        match step {
            imgveil::plan::Step::Permute(plan) => {
                let before = samples.clone();
                for (i, &entry) in plan.table().iter().enumerate() {
                    let sample = before[(entry & 0x7fff_ffff) as usize];
                    samples[i] = if entry >> 31 == 1 { 255 - sample } else { sample };
                }
            }
            imgveil::plan::Step::Keystream(subkey) => {
                let mut stream = imgveil::schedule::Stream::new(subkey, pick.id.stream());
                let words: Vec<u32> = (0..samples.len().div_ceil(4)).map(|_| stream.word()).collect();
                for (i, sample) in samples.iter_mut().enumerate() {
                    *sample ^= (words[i / 4] >> (8 * (i % 4))) as u8;
                }
            }
        }
    }
    samples
}

fn planar(geometry: Geometry, samples: &[u8]) -> Vec<u32> {
    let (pixels, c) = (geometry.pixels(), geometry.channels());
    let scale = normalised();
    (0..c * pixels).map(|i| scale[samples[i % pixels * c + i / pixels] as usize].to_bits()).collect()
}

/// Bytes and float bits of an engine.
fn run(engine: &dyn Engine, program: &Program, input: &[u8], picks: &[Pick]) -> (Vec<u8>, Vec<u32>) {
    let size = program.geometry().samples() * picks.len();
    let (mut bytes, mut floats) = (vec![0; size], vec![0.0; size]);
    engine.bytes(program, input, picks, &mut bytes).unwrap();
    engine.floats(program, input, picks, &mut floats).unwrap();
    (bytes, floats.into_iter().map(f32::to_bits).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_cpu_engine_is_the_definition((geometry, scheme, picks, images) in case(), secret: [u8; 32]) {
        let program = compile(&scheme, &Key::from_bytes(secret), geometry).unwrap();
        let input = ramp(geometry.samples() * images);
        let (bytes, floats) = run(&CpuEngine, &program, &input, &picks);
        for (i, pick) in picks.iter().enumerate() {
            let image = &input[pick.index as usize * geometry.samples()..][..geometry.samples()];
            let expected = naive(&program, image, pick);
            let here = i * geometry.samples()..(i + 1) * geometry.samples();
            prop_assert_eq!(&bytes[here.clone()], &expected[..]);
            prop_assert_eq!(&floats[here], &planar(geometry, &expected)[..]);
        }
        // And back.
        let ids: Vec<Pick> = (0..).zip(&picks).map(|(index, p)| Pick { index, id: p.id, ..Pick::default() }).collect();
        let (plain, _) = run(&CpuEngine, &program.inverse(), &bytes, &ids);
        for (i, pick) in picks.iter().enumerate() {
            let image = &input[pick.index as usize * geometry.samples()..][..geometry.samples()];
            let mut viewed = vec![0; image.len()];
            pick.view.copy(geometry, image, &mut viewed);
            prop_assert_eq!(&plain[i * image.len()..][..image.len()], &viewed[..]);
        }
    }

    #[test]
    fn the_gpu_engine_is_the_cpu_engine((geometry, scheme, picks, images) in case(), secret: [u8; 32]) {
        if let Some(gpu) = gpu("the_gpu_engine_is_the_cpu_engine") {
            let program = compile(&scheme, &Key::from_bytes(secret), geometry).unwrap();
            let input = ramp(geometry.samples() * images);
            prop_assert_eq!(run(gpu, &program, &input, &picks), run(&CpuEngine, &program, &input, &picks));
        }
    }
}

/// The sizes that data sets have, with odd ones; whole batches.
#[test]
fn real_sizes_are_equal_on_both_engines() {
    let Some(gpu) = gpu("real_sizes_are_equal_on_both_engines") else { return };
    let key = Key::from_bytes([5; 32]);
    for (geometry, block) in [
        (geometry(28, 28, 1), "4"),
        (geometry(32, 32, 3), "4"),
        (geometry(224, 224, 3), "16"),
        (geometry(224, 224, 1), "4x8"),
        (geometry(15, 35, 3), "5x7"),
    ] {
        let input = ramp(geometry.samples() * 9);
        let picks: Vec<Pick> =
            Pick::all(9).into_iter().map(|p| Pick { id: ImageId([p.index as u8; 8]), ..p }).rev().collect();
        let block = Some(block.parse().unwrap());
        for (preset, options) in [
            (Preset::None, Options::default()),
            (Preset::Keystream, Options::default()),
            (Preset::ShuffleFlip, Options { block, ..Options::default() }),
            (Preset::ShuffleFlip, Options { block, key_scope: Some(KeyScope::Block), scramble: true }),
        ] {
            let program = compile(&preset.scheme(options).unwrap(), &key, geometry).unwrap();
            let (on_gpu, on_cpu) = (run(gpu, &program, &input, &picks), run(&CpuEngine, &program, &input, &picks));
            assert!(on_gpu == on_cpu, "{preset:?} {geometry}");
        }
    }
}

/// More images, and more parts of an image, than a dimension of a grid holds.
#[test]
fn grids_go_on_in_strides() {
    let Some(gpu) = gpu("grids_go_on_in_strides") else { return };
    let key = Key::from_bytes([5; 32]);
    let block = Some("1".parse().unwrap());
    for (geometry, images) in [(geometry(1, 2, 1), 70_000), (geometry(4200, 4200, 1), 1)] {
        let input = ramp(geometry.samples() * images);
        let picks: Vec<Pick> = Pick::all(images)
            .into_iter()
            .map(|p| Pick { id: ImageId((u64::from(p.index) + 1).to_le_bytes()), ..p })
            .collect();
        for (preset, options) in [
            (Preset::Keystream, Options::default()),
            (Preset::ShuffleFlip, Options { block, key_scope: Some(KeyScope::Block), scramble: true }),
        ] {
            let program = compile(&preset.scheme(options).unwrap(), &key, geometry).unwrap();
            let (on_gpu, on_cpu) = (run(gpu, &program, &input, &picks), run(&CpuEngine, &program, &input, &picks));
            assert!(on_gpu == on_cpu, "{preset:?} {geometry}");
        }
    }
}

#[test]
fn wrong_sizes_are_errors_on_both_engines() {
    let program = Program::identity(geometry(4, 4, 1));
    let mut engines: Vec<&dyn Engine> = vec![&CpuEngine];
    engines.extend(gpu("wrong_sizes_are_errors_on_both_engines").map(|gpu| gpu as &dyn Engine));
    for engine in engines {
        let one = Pick::all(1);
        let beyond = [Pick { index: 2, ..Pick::default() }];
        assert!(matches!(engine.bytes(&program, &[0; 15], &one, &mut [0; 16]), Err(EngineError::Size { .. })));
        assert!(matches!(engine.bytes(&program, &[0; 16], &one, &mut [0; 15]), Err(EngineError::Size { .. })));
        assert!(matches!(engine.bytes(&program, &[0; 32], &beyond, &mut [0; 16]), Err(EngineError::Index { .. })));
        engine.bytes(&program, &[], &[], &mut []).unwrap();
    }
}
