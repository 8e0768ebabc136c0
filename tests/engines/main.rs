//! The GPU engine against the CPU engine, to the bit, for random geometries, schemes, picks and views; the CPU engine
//! against a naive expression of docs/SCHEDULE.md; the shaders against naga.

#[path = "../common/mod.rs"]
mod common;
mod limits;
mod oracle;
mod strategies;

use common::{RunOnce, engines, geometry, gpu, ramp, within};
use imgveil::Device;
use imgveil::internal::engine::{EngineError, ImageRef, KERNELS, Keystream, Program, Step};
use imgveil::internal::image::{Augmentation, Depth};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::{ImageId, Stream, Subkey};
use imgveil::internal::scheme::{
    Block, KeyScope, Options, Orders, PRESETS, Preset, Scheme, Stage, Statistic, compile, stage as stages,
};
use oracle::{bits, naive, naive_view, planar, run, unpacked};
use proptest::prelude::*;
use strategies::{case, depth, stage, view};

#[test]
fn naga_accepts_every_shader() {
    for kernel in KERNELS {
        let module = naga::front::wgsl::parse_str(kernel.wgsl)
            .unwrap_or_else(|e| panic!("{}: {}", kernel.name, e.emit_to_string(kernel.wgsl)));
        // No capabilities beyond WebGPU's core.
        let mut validator =
            naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
        validator.validate(&module).unwrap_or_else(|e| panic!("{kernel:?}: {e:?}"));
        assert_eq!(module.entry_points.len(), 1, "{}", kernel.name);
        // What every WebGPU device has, for workgroups and their memory.
        let invocations: u32 = module.entry_points[0].workgroup_size.iter().product();
        assert!((64..=256).contains(&invocations), "{}: {invocations} invocations", kernel.name);
        let shared =
            module.global_variables.iter().filter(|(_, variable)| variable.space == naga::AddressSpace::WorkGroup);
        let bytes: u32 = shared.map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx())).sum();
        assert!(bytes <= 16384, "{}: {bytes} bytes", kernel.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_cpu_engine_is_the_definition((geometry, scheme, refs, images) in case(), secret: [u8; 32]) {
        let program = compile(&scheme, &Key::from_bytes(secret), geometry).unwrap();
        let size = geometry.bytes();
        let input = within(geometry.depth(), ramp(size * images));
        let (bytes, floats) = run(&Device::cpu(), &program, &input, &refs);
        for (i, image_ref) in refs.iter().enumerate() {
            let image = &input[image_ref.index as usize * size..][..size];
            let expected = naive(&program, image, image_ref);
            prop_assert_eq!(&bytes[i * size..][..size], &expected[..]);
            prop_assert_eq!(&floats[i * geometry.samples()..][..geometry.samples()], &planar(geometry, &expected)[..]);
        }
        // More images than go through a plan together, from input to output and in place, give what each gives alone.
        let many: Vec<ImageRef> = refs.iter().cycle().take(41).copied().collect();
        let (all, all_floats) = run(&Device::cpu(), &program, &input, &many);
        for i in 0..many.len() {
            let (alone, samples) = (i % refs.len(), geometry.samples());
            prop_assert_eq!(&all[i * size..][..size], &bytes[alone * size..][..size]);
            prop_assert_eq!(&all_floats[i * samples..][..samples], &floats[alone * samples..][..samples]);
        }
        let image = |image_ref: &ImageRef| &input[image_ref.index as usize * size..][..size];
        let lying: Vec<u8> = many.iter().flat_map(image).copied().collect();
        let augmentation = Augmentation::IDENTITY;
        let unaugmented = |(index, image_ref): (u32, &ImageRef)| ImageRef { index, augmentation, ..*image_ref };
        let in_order: Vec<ImageRef> = (0..).zip(&many).map(unaugmented).collect();
        let in_place = Device::cpu().begin(&program, lying.clone(), &in_order).unwrap().wait().unwrap();
        for (image_ref, image) in in_order.iter().zip(in_place.chunks_exact(size)) {
            let mut alone = vec![0; size];
            Device::cpu().bytes(&program, &lying, &[*image_ref], &mut alone).unwrap();
            prop_assert_eq!(image, &alone[..]);
        }
        // And back.
        let inverse = program.inverse();
        prop_assert!(inverse.is_ok() || !scheme.has_inverse(), "{}", scheme);
        if let Ok(inverse) = inverse {
            let ids: Vec<ImageRef> =
                (0..).zip(&refs).map(|(index, p)| ImageRef { id: p.id, ..ImageRef::new(index) }).collect();
            let (plain, _) = run(&Device::cpu(), &inverse, &bytes, &ids);
            for (i, image_ref) in refs.iter().enumerate() {
                let mut viewed = vec![0; size];
                image_ref.augmentation.copy(geometry, &input[image_ref.index as usize * size..][..size], &mut viewed);
                prop_assert_eq!(&plain[i * size..][..size], &viewed[..]);
            }
        }
    }

    /// What goes tile by tile on the GPU: images that are seen as they are and are a whole number of chunks, several of
    /// them. The simple kernels, which take the same picks two at a time, and the CPU engine give the same.
    #[test]
    fn tiles_are_what_the_simple_kernels_give(
        (bh, bw, square, rows, columns) in (1u32..9, 1u32..9, any::<bool>(), 1u32..9, 1u32..9),
        (rgb, depth) in (any::<bool>(), depth()),
        kinds in prop::collection::vec((0..8usize, any::<bool>(), any::<bool>()), 0..4),
        (images, indices) in (1u32..9, prop::collection::vec(any::<u32>(), 3..21)),
        secret: [u8; 32],
    ) {
        if let Some(gpu) = gpu("tiles_are_what_the_simple_kernels_give") {
            // A row of sixteen bytes, and more.
            let block = Block { height: bh, width: if square { bh } else { bw } };
            let width = block.width * columns * 16;
            let depth = if kinds.iter().any(|(kind, ..)| *kind == 2) { depth.whole_nibbles() } else { depth };
            let geometry = geometry(bh * rows, width, if rgb { 3 } else { 1 }).with_depth(depth);
            prop_assume!(geometry.bytes() <= 1 << 18);
            // Nothing here is keyed per image: plans, and nothing else.
            let kinds = kinds.into_iter().filter(|(kind, ..)| !matches!(kind, 5 | 6));
            let stages = kinds.map(|(kind, per_block, order)| stage(kind, block, per_block, order));
            let scheme = Scheme { name: "random".into(), stages: stages.collect() };
            let program = compile(&scheme, &Key::from_bytes(secret), geometry).unwrap();
            let input = within(depth, ramp(geometry.bytes() * images as usize));
            let refs: Vec<ImageRef> = indices.iter().map(|index| ImageRef::new(index % images)).collect();
            let tiled = run(gpu, &program, &input, &refs);
            let mut simple = (Vec::new(), Vec::new());
            for refs in refs.chunks(2) {
                let (bytes, floats) = run(gpu, &program, &input, refs);
                simple.0.extend(bytes);
                simple.1.extend(floats);
            }
            prop_assert!(tiled == simple, "{} on {}", scheme, geometry);
            prop_assert!(tiled == run(&Device::cpu(), &program, &input, &refs), "{} on {}", scheme, geometry);
        }
    }

    #[test]
    fn the_gpu_engine_is_the_cpu_engine((geometry, scheme, refs, images) in case(), secret: [u8; 32]) {
        if let Some(gpu) = gpu("the_gpu_engine_is_the_cpu_engine") {
            let program = compile(&scheme, &Key::from_bytes(secret), geometry).unwrap();
            let input = within(geometry.depth(), ramp(geometry.bytes() * images));
            let cpu = Device::cpu();
            let equal = |program: &Program| run(gpu, program, &input, &refs) == run(&cpu, program, &input, &refs);
            prop_assert!(equal(&program), "{}", scheme);
            if let Ok(inverse) = program.inverse() {
                prop_assert!(equal(&inverse), "{} undone", scheme);
            }
        }
    }

    #[test]
    fn mixtures_are_the_definition_on_both_engines(
        (h, w, rgb) in (1u32..40, 1u32..40, any::<bool>()),
        shuffled: bool,
        k in 2u32..9,
        groups in prop::collection::vec((any::<[u8; 8]>(), any::<u32>(), view()), 1..4),
        secret: [u8; 32],
    ) {
        let geometry = geometry(h, w, if rgb { 3 } else { 1 });
        let mut stages: Vec<Stage> = vec![stages::Mixing { images: k }.into()];
        if shuffled {
            stages.insert(0, stages::BlockScrambling { block: Block::square(1), scope: KeyScope::Shared }.into());
        }
        let program = compile(&Scheme { name: "test".into(), stages }, &Key::from_bytes(secret), geometry).unwrap();
        let mixing = program.mixing().unwrap();
        let (size, images) = (geometry.samples(), 5);
        let input = within(geometry.depth(), ramp(size * images));
        let mut refs = Vec::new();
        for (id, partner, view) in groups {
            let id = ImageId(id);
            for (weight, j) in mixing.weights(id, size).into_iter().zip(0..) {
                let index = (partner.wrapping_mul(j + 1) >> 8) % images as u32;
                refs.push(ImageRef { index, augmentation: view, id: Some(id), weight });
            }
        }
        let mut expected = Vec::new();
        for group in refs.chunks(k as usize) {
            let before = Program::identity(geometry);
            let mut first = program.steps().to_vec();
            first.pop();
            let mut shuffle = before;
            first.into_iter().for_each(|step| shuffle.push(step).unwrap());
            let mut sums = vec![0i64; size];
            for image_ref in group {
                let image = naive(&shuffle, &input[image_ref.index as usize * size..][..size], image_ref);
                let weight = i64::from(image_ref.weight);
                sums.iter_mut().zip(image).for_each(|(sum, p)| *sum += weight * (2 * i64::from(p) - 255));
            }
            let signs = Stream::new(&mixing.subkey, group[0].id.unwrap().stream()).bits(size);
            let c = geometry.channels();
            for i in 0..size {
                let sample = i % geometry.pixels() * c + i / geometry.pixels();
                let value = sums[sample] as f32 * (1.0f32 / 16_711_680.0);
                expected.push(if signs[sample] { (-value).to_bits() } else { value.to_bits() });
            }
        }
        let mut floats = vec![0.0; expected.len()];
        Device::cpu().floats(&program, &input, &refs, &mut floats).unwrap();
        prop_assert_eq!(floats.iter().map(|f| f.to_bits()).collect::<Vec<_>>(), &expected[..]);
        if let Some(gpu) = gpu("mixtures_are_the_definition_on_both_engines") {
            floats.fill(0.0);
            gpu.floats(&program, &input, &refs, &mut floats).unwrap();
            prop_assert_eq!(floats.iter().map(|f| f.to_bits()).collect::<Vec<_>>(), &expected[..]);
            prop_assert_eq!(gpu.bytes(&program, &input, &refs, &mut []), Err(EngineError::FloatsOnly));
            prop_assert_eq!(gpu.begin(&program, input.clone(), &refs).err(), Some(EngineError::FloatsOnly));
        }
        prop_assert_eq!(Device::cpu().bytes(&program, &input, &refs, &mut []), Err(EngineError::FloatsOnly));
    }
}

/// The definition is a turn: of a smooth image, what it should be but for a little.
#[test]
fn a_turned_image_is_turned() {
    let (h, w) = (37u32, 52u32);
    let smooth = |y: f64, x: f64| 120.0 + 50.0 * (y / 7.0).sin() + 60.0 * (x / 9.0 + 1.0).cos();
    let samples = |of: &dyn Fn(f64, f64) -> f64| -> Vec<u8> {
        (0..h * w).map(|i| of(f64::from(i / w), f64::from(i % w)).round() as u8).collect()
    };
    let image = samples(&smooth);
    let geometry = geometry(h, w, 1);
    let (centre_y, centre_x) = (f64::from(h - 1) / 2.0, f64::from(w - 1) / 2.0);
    for angle in [-18_000i16, -2_345, -600, 1, 500, 1_000, 4_500, 9_000, 31_000] {
        let mut turned = vec![0; image.len()];
        Augmentation { angle, ..Augmentation::IDENTITY }.copy(geometry, &image, &mut turned);
        let radians = f64::from(angle).to_radians() / 100.0;
        for (i, &sample) in turned.iter().enumerate() {
            // Rows go down: what is to the right goes up.
            let (y, x) = (f64::from(i as u32 / w) - centre_y, f64::from(i as u32 % w) - centre_x);
            let from_y = radians.sin() * x + radians.cos() * y + centre_y;
            let from_x = radians.cos() * x - radians.sin() * y + centre_x;
            let inside = (0.0..=f64::from(h - 1)).contains(&from_y) && (0.0..=f64::from(w - 1)).contains(&from_x);
            let beyond = |at: f64, last: u32| at < -1.01 || at > f64::from(last) + 0.01;
            if beyond(from_y, h) || beyond(from_x, w) {
                assert_eq!(sample, 0, "{angle}: outside is black");
            } else if inside {
                let error = (f64::from(sample) - smooth(from_y, from_x)).abs();
                assert!(error < 1.5, "{angle} degrees / 100, sample {i}: {sample}, {error} off");
            }
        }
    }
}

/// At the longest side and the largest shift that are allowed, 32 bits still hold every position. Beyond, views are
/// refused.
#[test]
fn views_are_equal_or_refused_at_the_limits() {
    let (long, high) = (geometry(1, 16_384, 1).with_depth(Depth::U16), geometry(16_384, 1, 1));
    let engines = engines("views_are_equal_or_refused_at_the_limits");
    for geometry in [long, high] {
        let program = Program::identity(geometry);
        let white = vec![255; geometry.bytes()];
        let mut views = Vec::new();
        for (angle, far) in [(1, 0), (-4_500, 16_384), (13_500, -16_384), (4_500, -16_384), (9_000, 16_384)] {
            views.extend([(far, far), (far, -far), (0, 0)].map(|(dy, dx)| Augmentation {
                dy,
                dx,
                angle,
                ..Augmentation::IDENTITY
            }));
        }
        views.push(Augmentation { brightness: 256, angle: 77, mirrored: true, ..Augmentation::IDENTITY });
        let refs: Vec<ImageRef> = views.into_iter().map(|view| ImageRef::new(0).augmented(view)).collect();
        for engine in &engines {
            let mut output = vec![0; geometry.bytes() * refs.len()];
            engine.bytes(&program, &white, &refs, &mut output).unwrap();
            for (image, image_ref) in output.chunks(geometry.bytes()).zip(&refs) {
                let expected = naive_view(geometry, &unpacked(geometry.depth(), &white), image_ref.augmentation);
                assert!(
                    unpacked(geometry.depth(), image) == expected,
                    "{:?} on {}",
                    image_ref.augmentation,
                    engine.name()
                );
            }
            let too_far = Augmentation { dx: 16_385, angle: 1, ..Augmentation::IDENTITY };
            for view in [too_far, Augmentation { brightness: -257, ..Augmentation::IDENTITY }] {
                let image_ref = [ImageRef::new(0).augmented(view)];
                let refused = engine.bytes(&program, &white, &image_ref, &mut output[..geometry.bytes()]);
                assert_eq!(refused, Err(EngineError::Augmentation { augmentation: view, geometry }));
            }
        }
    }
}

/// Every preset with every option, at the sizes that data sets have and at odd ones; whole batches.
#[test]
fn real_sizes_are_equal_on_both_engines() {
    let Some(gpu) = gpu("real_sizes_are_equal_on_both_engines") else { return };
    let key = Key::from_bytes([5; 32]);
    for (geometry, block) in [
        (geometry(28, 28, 1), "4"),
        (geometry(32, 32, 3), "4"),
        (geometry(224, 224, 3), "16"),
        (geometry(48, 80, 1), "16"),
        (geometry(35, 15, 3), "5"),
        (geometry(24, 40, 1).with_depth(Depth::U16), "8"),
        (geometry(64, 48, 3).with_depth(Depth::U16), "4"),
        (geometry(64, 48, 3).with_depth(bits(12)), "4"),
        (geometry(24, 40, 1).with_depth(bits(12)), "8"),
        (geometry(64, 48, 1).with_depth(bits(10)), "4"),
        (geometry(24, 40, 3).with_depth(bits(10)), "8"),
        (geometry(48, 80, 3).with_depth(bits(14)), "16"),
        (geometry(35, 15, 1).with_depth(bits(14)), "5"),
    ] {
        let input = within(geometry.depth(), ramp(geometry.bytes() * 9));
        let refs: Vec<ImageRef> =
            ImageRef::all(9).into_iter().map(|p| p.with_id(ImageId([p.index as u8; 8]))).rev().collect();
        let options = |scope, scramble, sign_flip, statistic, orders| Options {
            block: Some(block.parse().unwrap()),
            key_scope: scope,
            scramble,
            sign_flip,
            statistic,
            orders,
            ..Options::default()
        };
        let plain = options(None, false, false, None, None);
        let mut schemes: Vec<Scheme> = Vec::new();
        let whole = geometry.depth() == geometry.depth().whole_nibbles();
        let fits = |preset: &Preset| match preset {
            Preset::InstaHide => false,
            Preset::Le | Preset::Ele => whole,
            _ => true,
        };
        for preset in PRESETS.into_iter().filter(fits) {
            let unblocked = Options { block: None, ..plain };
            schemes.push(preset.scheme(plain).or_else(|_| preset.scheme(unblocked)).unwrap());
        }
        schemes.push(Preset::ShuffleFlip.scheme(options(Some(KeyScope::Block), true, false, None, None)).unwrap());
        schemes.push(Preset::Vit.scheme(options(None, false, true, None, None)).unwrap());
        schemes.push(Preset::Etc.scheme(options(None, false, false, None, Some(Orders::AsPublished))).unwrap());
        for statistic in [Statistic::Median, Statistic::Mean, Statistic::Max, Statistic::Min] {
            let options = options(Some(KeyScope::Image), false, false, Some(statistic), None);
            schemes.push(Preset::SkkFilter.scheme(options).unwrap());
        }
        for scheme in schemes {
            let program = compile(&scheme, &key, geometry).unwrap();
            for program in [Ok(program.clone()), program.inverse()].into_iter().flatten() {
                let (on_gpu, on_cpu) =
                    (run(gpu, &program, &input, &refs), run(&Device::cpu(), &program, &input, &refs));
                assert!(on_gpu == on_cpu, "{scheme} {geometry}");
            }
        }
    }
}

/// RFC 8439, appendix A.1 (key and nonce of zeros, blocks 0 and 1) and section 2.4.2 (its 96-bit nonce is the counter's
/// high word and the stream id here): the keystream of both engines, on an image of zeros.
#[test]
fn keystreams_are_chacha20() {
    let mut counted = [0u8; 32];
    (0..32).for_each(|i| counted[i] = i as u8);
    let a1 = "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7\
              da41597c5157488d7724e03fb8d84a376a43b8f41518a11c\
              c387b669b2ee65869f07e7be5551387a98ba977c732d080dcb0f29a048e36569\
              12c6533e32ee7aed29b721769ce64e43d57133b074d839d5\
              31ed1f28510afb45ace10a1f4b794d6f";
    let section = "224f51f3401bd9e12fde276fb8631ded8c131f823d2c06e27e4fcaec9ef3cf78\
                   8a3b0aa372600a92b57974cded2b9334794cba40c63e34cdea2\
                   12c4cf07d41b769a6749f3f630f4122cafe28ec4dc47e26d4346d70b98c73f3e\
                   9c53ac40c5945398b6eda1a832c89c167eacd901d7e2bf363";
    let geometry = geometry(12, 16, 1);
    for (key, id, first_block, expected) in [([0; 32], 0, 0, a1), (counted, 0x4a00_0000, 1, section)] {
        let mut program = Program::identity(geometry);
        program.push(Step::Keystream(Keystream(Subkey::new(key)))).unwrap();
        let image_ref = ImageRef::new(0).with_id(ImageId(u64::to_le_bytes(id)));
        let engines = engines("keystreams_are_chacha20");
        for engine in &engines {
            let mut output = vec![0; geometry.bytes()];
            engine.bytes(&program, &vec![0; geometry.bytes()], &[image_ref], &mut output).unwrap();
            let stream: String = output[64 * first_block..].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(&stream[..expected.len()], expected, "{}", engine.name());
        }
    }
}
