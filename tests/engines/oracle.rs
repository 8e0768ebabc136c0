//! The definition of docs/SCHEDULE.md, formula by formula: slow, and plain enough to read beside that page.

use crate::common::RunOnce;
use imgveil::Device;
use imgveil::internal::engine::{
    BlockStatistic, ElementKeys, GaussianBlur, ImageRef, Keystream, LaplaceNoise, OwnKeys, OwnPlan, Program, Step,
};
use imgveil::internal::image::{Augmentation, Depth, Geometry, normalised};
use imgveil::internal::schedule::Stream;
use imgveil::internal::scheme::Statistic;

pub fn bits(bits: u32) -> Depth {
    Depth::new(bits).unwrap()
}

/// Stored bytes as samples.
pub fn unpacked(depth: Depth, bytes: &[u8]) -> Vec<u32> {
    match depth {
        Depth::U8 => bytes.iter().map(|&b| u32::from(b)).collect(),
        _ => bytes.chunks(2).map(|pair| u32::from(pair[0]) + 256 * u32::from(pair[1])).collect(),
    }
}

pub fn packed(depth: Depth, samples: &[u32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()[..depth.bytes()].to_vec()).collect()
}

/// "Views" of docs/SCHEDULE.md, formula by formula.
pub fn naive_view(geometry: Geometry, image: &[u32], view: Augmentation) -> Vec<u32> {
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

/// "rankings" of docs/SCHEDULE.md: sequences of three pieces, which never were all equal.
fn naive_rankings(key: &[u8; 32], id: u64, skipped: u64, bits: u32, n: usize, count: usize) -> Vec<Vec<usize>> {
    let piece = |number: usize| {
        let per_word = 32 / bits as usize;
        let word = Stream::at(key, id, skipped + (number / per_word) as u64).word();
        word >> (bits * (number % per_word) as u32) & ((1u64 << bits) - 1) as u32
    };
    let all = n * count;
    let of_one = |q: usize| {
        let sequence = |i: usize| [0, 1, 2].map(|round| piece(q * n + i + round * all));
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|&i| sequence(i));
        assert!(order.windows(2).all(|pair| sequence(pair[0]) != sequence(pair[1])));
        order
    };
    (0..count).map(of_one).collect()
}

/// "Stages" of docs/SCHEDULE.md with `key=image`: block by block, in the order of the stages.
fn naive_own_plan(geometry: Geometry, plan: &OwnPlan, id: u64, before: &[u32]) -> Vec<u32> {
    assert!(!plan.inverse, "an oracle for encryption");
    let (w, c, max) = (geometry.width(), geometry.channels(), geometry.depth().max());
    let (bh, bw) = (plan.blocks.block().0 as usize, plan.blocks.block().1 as usize);
    let (rows, columns) = (geometry.height() / bh, w / bw);
    let (count, d) = (rows * columns, bh * bw * c);
    let stored = |b: usize, i: usize| {
        let (y, x, channel) = if plan.blocks.are_channels_first() {
            (i / bw % bh, i % bw, i / (bh * bw))
        } else {
            (i / c / bw, i / c % bw, i % c)
        };
        ((b / columns * bh + y) * w + b % columns * bw + x) * c + channel
    };
    let mut blocks: Vec<Vec<u32>> = (0..count).map(|b| (0..d).map(|i| before[stored(b, i)]).collect()).collect();
    match &plan.keys {
        OwnKeys::Blocks(keys) => {
            if let Some(key) = &keys.turn {
                for (block, digit) in blocks.iter_mut().zip(Stream::digits(key, id, 8, count)) {
                    for _ in 0..digit % 4 {
                        let at = |y: usize, x: usize, channel: usize| block[(y * bw + x) * c + channel];
                        *block = (0..d).map(|i| at(i / c % bw, bw - 1 - i / c / bw, i % c)).collect();
                    }
                    if digit >= 4 {
                        let at = |y: usize, x: usize, channel: usize| block[(y * bw + x) * c + channel];
                        *block = (0..d).map(|i| at(i / c / bw, bw - 1 - i / c % bw, i % c)).collect();
                    }
                }
            }
            if let Some(key) = &keys.negative {
                for (block, flip) in blocks.iter_mut().zip(Stream::new(key, id).bits(count)) {
                    block.iter_mut().filter(|_| flip).for_each(|sample| *sample = max - *sample);
                }
            }
            if let Some(key) = &keys.colour {
                for (block, digit) in blocks.iter_mut().zip(Stream::digits(key, id, 6, count)) {
                    let order = ["012", "021", "102", "120", "201", "210"][digit as usize].as_bytes();
                    *block = (0..d).map(|i| block[i / c * c + usize::from(order[i % c] - b'0')]).collect();
                }
            }
            if let Some(key) = &keys.scramble {
                let places = &naive_rankings(key, id, 0, 32, count, 1)[0];
                blocks = places.iter().map(|&from| blocks[from].clone()).collect();
            }
        }
        OwnKeys::Elements(ElementKeys::Samples { shuffle, flip }) => {
            if let Some(key) = shuffle {
                for (block, order) in blocks.iter_mut().zip(naive_rankings(key, id, 0, 16, d, count)) {
                    *block = order.iter().map(|&from| block[from]).collect();
                }
            }
            if let Some(key) = flip {
                let bits = Stream::new(key, id).bits(count * d);
                for (sample, flip) in blocks.iter_mut().flatten().zip(bits) {
                    *sample = if flip { max - *sample } else { *sample };
                }
            }
        }
        OwnKeys::Elements(ElementKeys::Nibbles(key)) => {
            let levels = geometry.depth().bits() as usize / 4;
            let n = d * levels;
            let bits = Stream::new(key, id).bits(count * n);
            let orders = naive_rankings(key, id, (count * n).div_ceil(32) as u64, 16, n, count);
            for ((block, order), flips) in blocks.iter_mut().zip(orders).zip(bits.chunks(n)) {
                let flipped = |nibble: u32, i: usize| if flips[i] { 15 - nibble } else { nibble };
                let nibbles: Vec<u32> = (0..n).map(|i| flipped(block[i % d] >> (4 * (i / d)) & 15, i)).collect();
                let moved: Vec<u32> = (0..n).map(|i| flipped(nibbles[order[i]], i)).collect();
                *block = (0..d).map(|i| (0..levels).map(|level| moved[level * d + i] << (4 * level)).sum()).collect();
            }
        }
    }
    let mut after = vec![0; before.len()];
    for (b, block) in blocks.iter().enumerate() {
        block.iter().enumerate().for_each(|(i, &sample)| after[stored(b, i)] = sample);
    }
    after
}

/// Slow and plain: the view by its definition, then step by step, each in the most obvious way.
pub fn naive(program: &Program, image: &[u8], image_ref: &ImageRef) -> Vec<u8> {
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
            Step::OwnPlan(plan) => samples = naive_own_plan(geometry, plan, image_ref.id.unwrap().stream(), &before),
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
pub fn noise(scale: u64, word: u32) -> u32 {
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

pub fn planar(geometry: Geometry, bytes: &[u8]) -> Vec<u32> {
    let (pixels, c) = (geometry.pixels(), geometry.channels());
    let (scale, samples) = (normalised(geometry.depth()), unpacked(geometry.depth(), bytes));
    (0..c * pixels).map(|i| scale[samples[i % pixels * c + i / pixels] as usize].to_bits()).collect()
}

/// Bytes and float bits of an engine.
pub fn run(engine: &Device, program: &Program, input: &[u8], refs: &[ImageRef]) -> (Vec<u8>, Vec<u32>) {
    let geometry = program.geometry();
    let (mut bytes, mut floats) = (vec![0; geometry.bytes() * refs.len()], vec![0.0; geometry.samples() * refs.len()]);
    engine.bytes(program, input, refs, &mut bytes).unwrap();
    engine.floats(program, input, refs, &mut floats).unwrap();
    (bytes, floats.into_iter().map(f32::to_bits).collect())
}
