//! The GPU engine against the CPU engine, to the bit, for random geometries, schemes, picks and views; the CPU engine
//! against a naive expression of docs/SCHEDULE.md; the shaders against naga.

mod common;

use common::{RunOnce, engines, geometry, gpu, ramp, within};
use imgveil::Device;
use imgveil::internal::engine::gpu::Resident;
use imgveil::internal::engine::{
    BlockStatistic, EngineError, GaussianBlur, ImageRef, KERNELS, Keystream, LaplaceNoise, Loaded, Program, Step,
};
use imgveil::internal::image::{Augmentation, Depth, Geometry, normalised};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::{ImageId, Stream, Subkey};
use imgveil::internal::scheme::{
    Block, KeyScope, Options, Order, Orders, PRESETS, Preset, Scheme, Stage, Statistic, compile, stage as stages,
};
use proptest::prelude::*;

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

/// A stage of any kind that works on this block, by a number.
fn stage(kind: usize, block: Block, per_block: bool, rgb_order: bool) -> Stage {
    let scope = if per_block { KeyScope::Block } else { KeyScope::Shared };
    let order = if rgb_order { Order::RowColumnChannel } else { Order::ChannelRowColumn };
    let pixels = if per_block { KeyScope::Image } else { KeyScope::Shared };
    match kind {
        0 => stages::PixelShuffling { block, scope, order }.into(),
        1 => stages::SignFlip { block, scope, order }.into(),
        2 => stages::NibbleShuffling { block, scope }.into(),
        3 if block.height == block.width => stages::RotationInversion { block }.into(),
        3 | 4 => stages::NegativePositive { block }.into(),
        5 => stages::PixelNegativePositive { scope: pixels }.into(),
        6 if per_block => {
            stages::ColourShuffling { block: Block::square(1), scope: KeyScope::Image, orders: Orders::Permutations }
                .into()
        }
        6 => stages::ColourShuffling { block, scope: KeyScope::Block, orders: Orders::Permutations }.into(),
        7 => stages::BlockScrambling { block }.into(),
        8 => stages::Keystream.into(),
        12 => stages::GaussianBlur { radius: if per_block { 1 } else { 2 } }.into(),
        10 => {
            let (epsilon, m) = if per_block { ("0.5", 16) } else { ("0.01", 900) };
            let block = Block { height: block.height + 1, width: block.width.max(2) - 1 };
            stages::LaplaceNoise { block, epsilon: epsilon.parse().unwrap(), m }.into()
        }
        9 => stages::ColourShuffling { block, scope: KeyScope::Block, orders: Orders::AsPublished }.into(),
        _ => {
            let statistic = match (per_block, rgb_order) {
                (false, false) => Statistic::Median,
                (false, true) => Statistic::Mean,
                (true, false) => Statistic::Max,
                (true, true) => Statistic::Min,
            };
            // Need not tile, and here seldom does.
            let block = Block { height: block.height + 1, width: block.width.max(2) - 1 };
            stages::BlockStatistic { block, statistic }.into()
        }
    }
}

/// Any view: small turns, any turns, none; brighter, darker, neither.
fn view() -> impl Strategy<Value = Augmentation> {
    let angle = prop_oneof![Just(0i16), -1500i16..1500, any::<i16>()];
    let brightness = prop_oneof![Just(0i16), -256i16..=256];
    (-3i16..4, -9i16..10, any::<bool>(), angle, brightness)
        .prop_map(|(dy, dx, mirrored, angle, brightness)| Augmentation { dy, dx, mirrored, angle, brightness })
}

/// Any depth; often one of the usual ones.
fn depth() -> impl Strategy<Value = Depth> {
    prop_oneof![Just(8u32), Just(12), Just(16), 9u32..16].prop_map(|bits| Depth::new(bits).unwrap())
}

/// Any list of stages of any kind, at a geometry that its blocks tile, on a few images.
fn case() -> impl Strategy<Value = (Geometry, Scheme, Vec<ImageRef>, usize)> {
    let block = (1u32..7, 1u32..7, any::<bool>());
    let stages = prop::collection::vec((0..14usize, any::<bool>(), any::<bool>()), 0..5);
    let refs = prop::collection::vec((any::<u32>(), any::<[u8; 8]>(), view()), 1..6);
    (block, 1u32..6, 1u32..6, (any::<bool>(), depth()), stages, 1usize..5, refs, 0..4u8).prop_map(
        |((bh, bw, square), rows, columns, (rgb, depth), stages, images, refs, views)| {
            let block = Block { height: bh, width: if square { bh } else { bw } };
            let depth = if stages.iter().any(|(kind, ..)| *kind == 2) { depth.whole_nibbles() } else { depth };
            let (height, width) = (block.height * rows, block.width * columns);
            let geometry = geometry(height, width, if rgb { 3 } else { 1 }).with_depth(depth);
            // Number 11 is signs and then colours with the image's own keys, which fold into one step.
            let stages = stages.into_iter().flat_map(|(kind, per_block, order)| match kind {
                11 => vec![stage(5, block, true, order), stage(6, block, true, order)],
                kind => vec![stage(kind, block, per_block, order)],
            });
            let refs = refs.into_iter().map(|(index, id, view)| ImageRef {
                index: index % images as u32,
                // None, shifts and mirrors alone, turns alone, all.
                augmentation: match views {
                    0 => Augmentation::IDENTITY,
                    1 => Augmentation { angle: 0, brightness: 0, ..view },
                    2 => Augmentation { angle: view.angle, ..Augmentation::IDENTITY },
                    _ => view,
                },
                id: Some(ImageId(id)),
                weight: 0,
            });
            (geometry, Scheme { name: "random".into(), stages: stages.collect() }, refs.collect(), images)
        },
    )
}

fn bits(bits: u32) -> Depth {
    Depth::new(bits).unwrap()
}

/// Stored bytes as samples.
fn unpacked(depth: Depth, bytes: &[u8]) -> Vec<u32> {
    match depth {
        Depth::U8 => bytes.iter().map(|&b| u32::from(b)).collect(),
        _ => bytes.chunks(2).map(|pair| u32::from(pair[0]) + 256 * u32::from(pair[1])).collect(),
    }
}

fn packed(depth: Depth, samples: &[u32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()[..depth.bytes()].to_vec()).collect()
}

/// "Views" of docs/SCHEDULE.md, formula by formula.
fn naive_view(geometry: Geometry, image: &[u32], view: Augmentation) -> Vec<u32> {
    let (h, w, channels) = (geometry.height() as i64, geometry.width() as i64, geometry.channels());
    let radians = f64::from(view.angle) / 100.0 / 180.0 * std::f64::consts::PI;
    let unit = |value: f64| (value * 16_384.0).round() as i64;
    let (c, s) = (unit(radians.cos()), unit(radians.sin()));
    let mirrored = |y: i64, x: i64, channel: usize| {
        if !(0..h).contains(&y) || !(0..w).contains(&x) {
            return 0;
        }
        let x = if view.mirrored { w - 1 - x } else { x };
        i64::from(image[(y * w + x) as usize * channels + channel])
    };
    let turned = |y: i64, x: i64, channel: usize| {
        let (big_y, big_x) = (2 * y - (h - 1), 2 * x - (w - 1));
        let u = c * big_x - s * big_y + (w - 1) * (1 << 14);
        let v = s * big_x + c * big_y + (h - 1) * (1 << 14);
        let (i, j) = (u.div_euclid(1 << 15), v.div_euclid(1 << 15));
        let (f, g) = (u.div_euclid(1 << 7).rem_euclid(256), v.div_euclid(1 << 7).rem_euclid(256));
        let row = |j: i64| (256 - f) * mirrored(j, i, channel) + f * mirrored(j, i + 1, channel);
        ((256 - g) * row(j) + g * row(j + 1) + (1 << 15)) / (1 << 16)
    };
    let sample = |number: usize| {
        let (pixel, channel) = ((number / channels) as i64, number % channels);
        let value = turned(pixel / w + i64::from(view.dy), pixel % w + i64::from(view.dx), channel);
        let brighter = (value * (256 + i64::from(view.brightness)) + 128) / 256;
        brighter.min(i64::from(geometry.depth().max())) as u32
    };
    (0..geometry.samples()).map(sample).collect()
}

/// Slow and plain: the view by its definition, then step by step, each in the most obvious way.
fn naive(program: &Program, image: &[u8], image_ref: &ImageRef) -> Vec<u8> {
    let geometry = program.geometry();
    let (depth, max) = (geometry.depth(), geometry.depth().max());
    let image = unpacked(depth, image);
    let (h, w, c) = (geometry.height(), geometry.width(), geometry.channels());
    let mut samples = naive_view(geometry, &image, image_ref.augmentation);
    for step in program.steps() {
        let before = samples.clone();
        match step {
            Step::Permute(plan) => {
                // Nibbles of a stored sample.
                let per_sample = if plan.bits() == 4 { 2 * depth.bytes() } else { 1 };
                let bits = plan.bits();
                let ones = (1u32 << bits) - 1;
                let element = |e: usize| before[e / per_sample] >> (bits as usize * (e % per_sample)) & ones;
                samples.fill(0);
                for (i, &entry) in plan.table().iter().enumerate() {
                    let moved = element((entry & 0x7fff_ffff) as usize);
                    let moved = if entry >> 31 == 1 { ones - moved } else { moved };
                    samples[i / per_sample] |= moved << (bits as usize * (i % per_sample));
                }
            }
            Step::PixelKeyed(keys) => {
                assert!(!keys.inverse, "an oracle for encryption");
                let id = image_ref.id.unwrap().stream();
                if let Some(subkey) = &keys.negative {
                    let mut stream = Stream::new(subkey, id);
                    for channel in 0..c {
                        for (p, flip) in stream.bits(geometry.pixels()).into_iter().enumerate() {
                            let sample = &mut samples[p * c + channel];
                            *sample = if flip { max - *sample } else { *sample };
                        }
                    }
                }
                if let Some(subkey) = &keys.colour {
                    for (p, digit) in Stream::digits(subkey, id, 6, geometry.pixels()).into_iter().enumerate() {
                        let order = ["012", "021", "102", "120", "201", "210"][digit as usize];
                        let pixel = samples[p * c..][..c].to_vec();
                        for (j, from) in order.bytes().enumerate() {
                            samples[p * c + j] = pixel[usize::from(from - b'0')];
                        }
                    }
                }
            }
            Step::BlockStatistic(BlockStatistic { block: (bh, bw), statistic }) => {
                let block = |i: usize| {
                    let (y, x) = (i / c / w, i / c % w);
                    (y / *bh as usize, x / *bw as usize, i % c)
                };
                for (i, sample) in samples.iter_mut().enumerate() {
                    let mut values: Vec<u32> =
                        before.iter().enumerate().filter(|(j, _)| block(*j) == block(i)).map(|(_, &v)| v).collect();
                    values.sort_unstable();
                    let (m, sum) = (values.len(), values.iter().sum::<u32>());
                    *sample = match statistic {
                        Statistic::Max => values[m - 1],
                        Statistic::Min => values[0],
                        Statistic::Mean => (f64::from(sum) / m as f64 + 0.5).floor() as u32,
                        Statistic::Median if m % 2 == 1 => values[m / 2],
                        Statistic::Median => (values[m / 2 - 1] + values[m / 2]).div_ceil(2),
                    };
                }
            }
            Step::Keystream(Keystream(subkey)) => {
                let mut stream = Stream::new(subkey, image_ref.id.unwrap().stream());
                let words: Vec<u32> = (0..geometry.bytes().div_ceil(4)).map(|_| stream.word()).collect();
                let pad: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                let pad = unpacked(depth, &pad[..geometry.bytes()]);
                samples.iter_mut().zip(pad).for_each(|(sample, pad)| *sample ^= pad & max);
            }
            Step::LaplaceNoise(LaplaceNoise { block: (bh, bw), scale, subkey }) => {
                let (rows, columns) = (h.div_ceil(*bh as usize), w.div_ceil(*bw as usize));
                let mut stream = Stream::new(subkey, image_ref.id.unwrap().stream());
                let words: Vec<u32> = (0..rows * columns * c).map(|_| stream.word()).collect();
                for (i, sample) in samples.iter_mut().enumerate() {
                    let block = i / c / w / *bh as usize * columns + i / c % w / *bw as usize;
                    let word = words[block * c + i % c];
                    let noise = noise(u64::from(*scale), word);
                    *sample = if word >> 31 == 1 { sample.saturating_sub(noise) } else { max.min(*sample + noise) };
                }
            }
            Step::GaussianBlur(GaussianBlur { radius }) => {
                // A box of 2r + 1 pixels three times over itself, by the definition.
                let r = *radius as i64;
                let mut weights = vec![0u64; 6 * *radius as usize + 1];
                for (a, b, d) in
                    (0..=2 * r).flat_map(|a| (0..=2 * r).flat_map(move |b| (0..=2 * r).map(move |d| (a, b, d))))
                {
                    weights[(a + b + d) as usize] += 1;
                }
                let whole: u64 = weights.iter().sum();
                for down in [false, true] {
                    let before = samples.clone();
                    for (i, sample) in samples.iter_mut().enumerate() {
                        let (y, x) = ((i / c / w) as i64, (i / c % w) as i64);
                        let at = |d: i64| {
                            let (dy, dx) = if down { (d, 0) } else { (0, d) };
                            let (y, x) = ((y + dy).clamp(0, h as i64 - 1), (x + dx).clamp(0, w as i64 - 1));
                            u64::from(before[(y as usize * w + x as usize) * c + i % c])
                        };
                        let sum: u64 = weights.iter().zip(-3 * r..).map(|(weight, d)| weight * at(d)).sum();
                        *sample = ((sum + whole / 2) / whole) as u32;
                    }
                }
            }
            Step::Mix(_) => unreachable!("no mixing in these schemes"),
        }
    }
    packed(depth, &samples)
}

/// `scale * -log2(u)`, as docs/SCHEDULE.md defines it, in wide numbers.
fn noise(scale: u64, word: u32) -> u32 {
    let v = 2 * u64::from(word % (1 << 31)) + 1;
    let a = u64::from(v.ilog2());
    let (mut x, mut f) = ((v << (31 - a)) >> 16, 0u64);
    for _ in 0..16 {
        let q = x * x;
        (f, x) = if q >= 1 << 31 { (2 * f + 1, q >> 16) } else { (2 * f, q >> 15) };
    }
    let bits = (32 << 16) - ((a << 16) + f);
    let (u, r) = (bits >> 16, bits % (1 << 16));
    ((scale * u + (scale / 4096 * r + scale % 4096 * r / 4096) / 16 + 128) / 256) as u32
}

fn planar(geometry: Geometry, bytes: &[u8]) -> Vec<u32> {
    let (pixels, c) = (geometry.pixels(), geometry.channels());
    let (scale, samples) = (normalised(geometry.depth()), unpacked(geometry.depth(), bytes));
    (0..c * pixels).map(|i| scale[samples[i % pixels * c + i / pixels] as usize].to_bits()).collect()
}

/// Bytes and float bits of an engine.
fn run(engine: &Device, program: &Program, input: &[u8], refs: &[ImageRef]) -> (Vec<u8>, Vec<u32>) {
    let geometry = program.geometry();
    let (mut bytes, mut floats) = (vec![0; geometry.bytes() * refs.len()], vec![0.0; geometry.samples() * refs.len()]);
    engine.bytes(program, input, refs, &mut bytes).unwrap();
    engine.floats(program, input, refs, &mut floats).unwrap();
    (bytes, floats.into_iter().map(f32::to_bits).collect())
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
            stages.insert(0, stages::BlockScrambling { block: Block::square(1) }.into());
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

/// A set in several pages is the same set, for mixtures too, whose images lie in different pages.
#[test]
fn pages_make_no_difference() {
    let Some(gpu) = gpu("pages_make_no_difference") else { return };
    let (geometry, images) = (geometry(9, 7, 3), 8);
    let input = ramp(geometry.bytes() * images);
    let output = gpu.wgpu().device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: (geometry.samples() * images * 4) as u64,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let read = || {
        let staging = gpu.wgpu().device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: output.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = gpu.wgpu().device().create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&output, 0, &staging, 0, output.size());
        gpu.wgpu().queue().submit([encoder.finish()]);
        staging.slice(..).map_async(wgpu::MapMode::Read, |result| result.unwrap());
        gpu.wgpu().wait().unwrap();
        staging.slice(..).get_mapped_range().unwrap().to_vec()
    };
    for preset in PRESETS {
        let block = preset.scheme(Options { block: Some(Block::square(1)), ..Options::default() });
        let scheme = block.or_else(|_| preset.scheme(Options::default())).unwrap();
        let program = compile(&scheme, &Key::from_bytes([5; 32]), geometry).unwrap();
        let refs: Vec<ImageRef> = [3, 0, 7, 4, 4, 1, 6, 2]
            .into_iter()
            .map(|index| ImageRef::new(index).with_id(ImageId([index as u8; 8])).weighted(1 << 14))
            .collect();
        let mut seen = Vec::new();
        for per_page in [8, 3, 1] {
            // Nothing must be left of the last round.
            let mut encoder = gpu.wgpu().device().create_command_encoder(&Default::default());
            encoder.clear_buffer(&output, 0, None);
            gpu.wgpu().queue().submit([encoder.finish()]);
            let resident = Resident::upload_in_pages(gpu.wgpu(), geometry, &input, per_page).unwrap();
            Loaded::new(gpu, program.clone())
                .unwrap()
                .floats_into(&resident, &refs, output.as_entire_binding())
                .unwrap();
            seen.push(read());
        }
        assert!(seen[0] == seen[1] && seen[0] == seen[2], "{scheme}");
        let outputs = refs.len() / program.mixing().map_or(1, |mixing| mixing.images as usize);
        let mut floats = vec![0.0f32; outputs * geometry.samples()];
        Device::cpu().floats(&program, &input, &refs, &mut floats).unwrap();
        let bytes: Vec<u8> = floats.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert!(seen[0][..bytes.len()] == bytes, "{scheme}");
    }
}

/// More images, and more parts of an image, than a dimension of a grid holds.
#[test]
fn grids_go_on_in_strides() {
    let Some(gpu) = gpu("grids_go_on_in_strides") else { return };
    let key = Key::from_bytes([5; 32]);
    let block = Some("1".parse().unwrap());
    // The last one: more than 65,535 times eight images, which is how many a row of tiles has.
    for (geometry, images) in [(geometry(1, 2, 1), 70_000), (geometry(4200, 4200, 1), 1), (geometry(4, 4, 1), 524_290)]
    {
        let input = ramp(geometry.samples() * images);
        let refs: Vec<ImageRef> = ImageRef::all(images)
            .into_iter()
            .map(|p| p.with_id(ImageId((u64::from(p.index) + 1).to_le_bytes())))
            .collect();
        for (preset, options) in [
            (Preset::None, Options::default()),
            (Preset::Keystream, Options::default()),
            (
                Preset::ShuffleFlip,
                Options { block, key_scope: Some(KeyScope::Block), scramble: true, ..Options::default() },
            ),
        ] {
            // A grid of its own; one that has to do with the number of images alone was seen with the first.
            if preset == Preset::Keystream && images > 70_000 {
                continue;
            }
            let program = compile(&preset.scheme(options).unwrap(), &key, geometry).unwrap();
            let (on_gpu, on_cpu) = (run(gpu, &program, &input, &refs), run(&Device::cpu(), &program, &input, &refs));
            assert!(on_gpu == on_cpu, "{preset:?} {geometry}");
        }
    }
}

/// Every sample that there is, on the device's own way to floats.
#[test]
fn every_sample_becomes_the_float_that_the_host_makes_of_it() {
    let Some(gpu) = gpu("every_sample_becomes_the_float_that_the_host_makes_of_it") else { return };
    let key = Key::from_bytes([5; 32]);
    let deep = (9..=16).flat_map(|depth| {
        let geometry = geometry(16, 1 << (depth - 4), 1).with_depth(bits(depth));
        [(geometry, Preset::None), (geometry, Preset::Np)]
    });
    let eight =
        [(geometry(16, 16, 1), Preset::None), (geometry(16, 16, 3), Preset::None), (geometry(16, 16, 1), Preset::Np)];
    for (geometry, preset) in deep.chain(eight) {
        let image: Vec<u8> = match geometry.depth() {
            Depth::U8 => (0..geometry.samples()).map(|i| i as u8).collect(),
            depth => (0..=depth.max() as u16).flat_map(u16::to_le_bytes).collect(),
        };
        let input = image.repeat(5);
        let program = compile(&preset.scheme(Options::default()).unwrap(), &key, geometry).unwrap();
        let refs = ImageRef::all(5);
        assert!(
            run(gpu, &program, &input, &refs) == run(&Device::cpu(), &program, &input, &refs),
            "{preset:?} {geometry}"
        );
    }
}

/// Batches of all sizes and programs in turn. They are started before others are waited for, waited for in another
/// order, and some of them are dropped. Each gives what it would give alone.
#[test]
fn batches_under_way_do_not_touch_each_other() {
    let key = Key::from_bytes([5; 32]);
    let geometries = [
        geometry(28, 28, 1),
        geometry(5, 7, 1),
        geometry(64, 48, 3).with_depth(Depth::U16),
        geometry(96, 128, 3),
        geometry(3, 3, 1),
    ];
    let presets = [Preset::ShuffleFlip, Preset::Keystream, Preset::SkkFilter, Preset::Vit, Preset::None];
    let one = Options { block: Some(Block::square(1)), ..Options::default() };
    let programs: Vec<Program> = geometries
        .iter()
        .flat_map(|&geometry| presets.map(|preset| (geometry, preset)))
        .map(|(geometry, preset)| {
            let scheme = preset.scheme(one).or_else(|_| preset.scheme(Options::default())).unwrap();
            compile(&scheme, &key, geometry).unwrap()
        })
        .collect();
    // Sizes go up and down: 0 to 40 images, picked in order or not, seen as they are or not.
    let batch = |number: usize| {
        let program = &programs[number * 7 % programs.len()];
        let images = number * 13 % 41;
        let input = ramp(program.geometry().bytes() * images + 997)[997..].to_vec();
        let mut refs: Vec<ImageRef> =
            ImageRef::all(images).into_iter().map(|p| p.with_id(ImageId([p.index as u8 + 1; 8]))).collect();
        match number % 4 {
            1 => refs.reverse(),
            2 => refs.truncate(images / 2),
            3 => refs.iter_mut().step_by(3).for_each(|image_ref| {
                (image_ref.index, image_ref.augmentation) = (
                    image_ref.index / 2,
                    Augmentation { dy: 1, dx: -2, mirrored: true, angle: number as i16 % 3, brightness: 9 },
                );
            }),
            _ => {}
        }
        let mut expected = vec![0; program.geometry().bytes() * refs.len()];
        Device::cpu().bytes(program, &input, &refs, &mut expected).unwrap();
        (program, input, refs, expected)
    };
    let engines = engines("batches_under_way_do_not_touch_each_other");
    for engine in &engines {
        assert!(engine.in_flight() >= 1);
        let mut under_way = Vec::new();
        for number in 0..100 {
            let (program, input, refs, expected) = batch(number);
            under_way.push((number, engine.begin(program, input, &refs).unwrap(), expected));
            // Up to seven under way, more than there are slots; now the oldest, now the newest.
            while under_way.len() > number * 5 % 8 {
                let place = if number % 2 == 0 { 0 } else { under_way.len() - 1 };
                let (number, pending, expected) = under_way.remove(place);
                if number % 9 != 8 {
                    assert!(pending.wait().unwrap() == expected, "batch {number} on {}", engine.name());
                }
            }
        }
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for number in thread * 10..thread * 10 + 10 {
                        let (program, input, refs, expected) = batch(number);
                        let pending = engine.begin(program, input, &refs).unwrap();
                        assert!(pending.wait().unwrap() == expected, "batch {number} of a thread on {}", engine.name());
                    }
                });
            }
        });
    }
}

/// The result of a batch lies where its images did: a job that hands its vectors round makes no new ones.
#[test]
fn a_batch_keeps_its_memory() {
    let program = compile(
        &Preset::ShuffleFlip.scheme(Options::default()).unwrap(),
        &Key::from_bytes([5; 32]),
        geometry(28, 28, 1),
    )
    .unwrap();
    let engines = engines("a_batch_keeps_its_memory");
    for engine in &engines {
        let input = ramp(28 * 28 * 6);
        let place = input.as_ptr();
        let output = engine.begin(&program, input, &ImageRef::all(6)).unwrap().wait().unwrap();
        assert_eq!(output.as_ptr(), place, "{}", engine.name());
    }
}

/// More than one binding holds: in parts that come out as one batch, in the order of the picks.
#[test]
fn a_batch_beyond_the_binding_limit_goes_in_parts() {
    let Some(gpu) = gpu("a_batch_beyond_the_binding_limit_goes_in_parts") else { return };
    // Eight images, each a little more than a seventh of what a binding holds, their rows no whole number of words.
    let limit = 128 << 20;
    if gpu.wgpu().check_binding("", limit + 1).is_ok() {
        common::say_skipped("a_batch_beyond_the_binding_limit_goes_in_parts: the adapter binds more than 128 MiB");
        return;
    }
    let (geometry, images) = (geometry(4383, 4383, 1), 8);
    let input = ramp(geometry.bytes() * images);
    let refs: Vec<ImageRef> =
        ImageRef::all(images).into_iter().map(|p| p.with_id(ImageId([p.index as u8 + 1; 8]))).rev().collect();
    let scheme = Preset::Keystream.scheme(Options::default()).unwrap();
    let program = compile(&scheme, &Key::from_bytes([5; 32]), geometry).unwrap();
    let (mut expected, mut output) = (vec![0; input.len()], vec![0; input.len()]);
    Device::cpu().bytes(&program, &input, &refs, &mut expected).unwrap();
    gpu.bytes(&program, &input, &refs, &mut output).unwrap();
    assert!(output == expected);
    assert!(gpu.begin(&program, input, &refs).unwrap().wait().unwrap() == expected);
    let mut beyond = Program::identity(common::geometry(11_600, 11_600, 1));
    beyond.push(Step::Keystream(Keystream(Subkey::new([5; 32])))).unwrap();
    let one = vec![0; beyond.geometry().bytes()];
    let one_ref = [ImageRef::new(0).with_id(ImageId([1; 8]))];
    assert!(matches!(gpu.begin(&beyond, one, &one_ref), Err(EngineError::TooLarge { .. })));
}

/// A device that does not answer within its time limit is an error that names it; with time enough it answers.
#[test]
fn a_device_that_takes_too_long_is_an_error() {
    // A device of its own: what it was asked for goes on after the time limit.
    let Some(device) = common::open_gpu() else {
        return common::say_skipped("a_device_that_takes_too_long_is_an_error: IMGVEIL_SKIP_GPU=1");
    };
    let geometry = geometry(1024, 1024, 3);
    let scheme = Preset::SkkFilter.scheme(Options::default()).unwrap();
    let program = compile(&scheme, &Key::from_bytes([5; 32]), geometry).unwrap();
    let refs: Vec<ImageRef> =
        ImageRef::all(16).into_iter().map(|image| image.with_id(ImageId([image.index as u8; 8]))).collect();
    let input = ramp(geometry.bytes() * refs.len());
    device.set_time_limit(std::time::Duration::ZERO);
    let error = device.begin(&program, input.clone(), &refs).unwrap().wait().unwrap_err();
    let name = device.name();
    let EngineError::Timeout { device: named, doing, limit } = error else { panic!("{error}") };
    assert!(name.starts_with(&named), "{named} of {name}");
    assert_eq!((doing, limit.as_millis()), ("reading results back", 0));
    device.set_time_limit(std::time::Duration::from_secs(600));
    assert!(device.begin(&program, input, &refs).unwrap().wait().is_ok());
}

/// A device that goes away is an error, before a batch and under it, and nothing panics or waits for ever.
#[test]
fn a_lost_device_is_an_error() {
    // A device of its own, for it is broken here.
    let Some(device) = common::open_gpu() else {
        return common::say_skipped("a_lost_device_is_an_error: IMGVEIL_SKIP_GPU=1");
    };
    let gpu = &device;
    let geometry = geometry(28, 28, 1);
    let scheme = Preset::ShuffleFlip.scheme(Options::default()).unwrap();
    let program = compile(&scheme, &Key::from_bytes([5; 32]), geometry).unwrap();
    let input = ramp(geometry.bytes());
    let pending = gpu.begin(&program, input.clone(), &ImageRef::all(1)).unwrap();
    gpu.wgpu().device().destroy();
    assert!(matches!(pending.wait(), Err(EngineError::Device { .. })));
    for _ in 0..2 {
        let again = gpu.begin(&program, input.clone(), &ImageRef::all(1)).and_then(|pending| pending.wait());
        assert!(matches!(again, Err(EngineError::Device { .. })));
    }
}

/// Without ids, two images would share a keystream.
#[test]
fn a_program_keyed_per_image_refuses_images_without_ids() {
    let mut program = Program::identity(geometry(4, 4, 1));
    program.push(Step::Keystream(Keystream(Subkey::new([5; 32])))).unwrap();
    let input = vec![0; 2 * 16];
    let refs = [ImageRef::new(0).with_id(ImageId([1; 8])), ImageRef::new(1)];
    for engine in engines("a_program_keyed_per_image_refuses_images_without_ids") {
        let refused = Err(EngineError::NoId { index: 1 });
        assert_eq!(engine.bytes(&program, &input, &refs, &mut [0; 32]), refused);
        assert_eq!(engine.floats(&program, &input, &refs, &mut [0.0; 32]), refused);
        assert_eq!(engine.begin(&program, input.clone(), &refs).err(), refused.err());
    }
}

#[test]
fn wrong_sizes_are_errors_on_both_engines() {
    let program = Program::identity(geometry(4, 4, 1));
    let engines = engines("wrong_sizes_are_errors_on_both_engines");
    for engine in &engines {
        let one = ImageRef::all(1);
        let beyond = [ImageRef::new(2)];
        assert!(matches!(engine.bytes(&program, &[0; 15], &one, &mut [0; 16]), Err(EngineError::Size { .. })));
        assert!(matches!(engine.bytes(&program, &[0; 16], &one, &mut [0; 15]), Err(EngineError::Size { .. })));
        assert!(matches!(engine.bytes(&program, &[0; 32], &beyond, &mut [0; 16]), Err(EngineError::Index { .. })));
        engine.bytes(&program, &[], &[], &mut []).unwrap();
        assert!(matches!(engine.begin(&program, vec![0; 15], &one), Err(EngineError::Size { .. })));
        assert!(matches!(engine.begin(&program, vec![0; 32], &beyond), Err(EngineError::Index { .. })));
        assert!(engine.begin(&program, vec![0; 16], &[]).unwrap().wait().unwrap().is_empty());
    }
}
