//! The CPU engine: the twin of every shader, same steps, same bits. All cores where there are threads, one in a browser. Images
//! of a batch go through a plan sixteen at a time (`lanes`).

mod lanes;

use super::{Done, Engine, EngineError, ImageRef, Pending, check, check_bytes};
use crate::image::{Augmentation, Depth, Geometry, normalised};
use crate::plan::{COLOUR_ORDERS, FLIP, Mixing, PixelKeys, Plan, Program, Statistic, Step, Unit};
use crate::schedule::Stream;

/// Runs programs on the host.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuEngine;

impl Engine for CpuEngine {
    fn name(&self) -> String {
        format!("CPU, {} threads", threads())
    }

    fn in_flight(&self) -> usize {
        1
    }

    fn begin<'a>(
        &'a self,
        program: &Program,
        mut input: Vec<u8>,
        refs: &[ImageRef],
    ) -> Result<Box<dyn Pending + 'a>, EngineError> {
        let size = program.geometry().bytes();
        check_bytes(program, input.len(), refs, refs.len() * size)?;
        let as_it_lies =
            |(image_ref, index): (&ImageRef, u32)| image_ref.index == index && image_ref.view == Augmentation::IDENTITY;
        if input.len() == refs.len() * size && refs.iter().zip(0..).all(as_it_lies) {
            each_image(&mut input, size, refs, 1, together(program, refs.len()), |scratch, refs, images| {
                run_steps(program, program.steps(), refs, scratch, images);
            });
            return Ok(Box::new(Done(input)));
        }
        let mut output = vec![0; refs.len() * size];
        self.bytes(program, &input, refs, &mut output)?;
        Ok(Box::new(Done(output)))
    }

    fn bytes(&self, program: &Program, input: &[u8], refs: &[ImageRef], output: &mut [u8]) -> Result<(), EngineError> {
        check_bytes(program, input.len(), refs, output.len())?;
        let size = program.geometry().bytes();
        each_image(output, size, refs, 1, together(program, refs.len()), |scratch, refs, output| {
            encrypt(program, input, refs, scratch, output);
        });
        Ok(())
    }

    fn floats(
        &self,
        program: &Program,
        input: &[u8],
        refs: &[ImageRef],
        output: &mut [f32],
    ) -> Result<(), EngineError> {
        let geometry = program.geometry();
        check(program, input.len(), refs, output.len(), geometry.samples())?;
        if let Some(mixing) = program.mixing() {
            each_image(output, geometry.samples(), refs, mixing.images as usize, 1, |scratch, refs, output| {
                mix(program, mixing, input, refs, scratch, output);
            });
            return Ok(());
        }
        let scale = normalised(geometry.depth());
        each_image(output, geometry.samples(), refs, 1, together(program, refs.len()), |scratch, refs, output| {
            let mut encrypted = std::mem::take(&mut scratch.encrypted);
            encrypted.resize(refs.len() * geometry.bytes(), 0);
            encrypt(program, input, refs, scratch, &mut encrypted);
            for (bytes, floats) in
                encrypted.chunks_exact(geometry.bytes()).zip(output.chunks_exact_mut(geometry.samples()))
            {
                scaled(geometry, bytes, &scale, floats);
            }
            scratch.encrypted = encrypted;
        });
        Ok(())
    }
}

/// With fewer images than these, a plan's plain loop is faster than lanes that are mostly empty.
const FEWEST: usize = 6;

/// How many images of a batch a thread takes at a time: what lanes hold, where a step of the program is done in them and every
/// thread gets enough for them to pay; else one.
fn together(program: &Program, images: usize) -> usize {
    let in_lanes = program.steps().iter().any(|step| is_for_lanes(program.geometry(), step));
    let of_a_thread = images.div_ceil(threads());
    match in_lanes && of_a_thread >= FEWEST && program.geometry().bytes() <= lanes::LARGEST {
        true => of_a_thread.min(lanes::LANES),
        false => 1,
    }
}

/// Whether lanes can do a step.
fn is_for_lanes(geometry: Geometry, step: &Step) -> bool {
    match step {
        Step::Permute(_) => true,
        Step::BlockStatistic(..) => geometry.depth() == Depth::U8,
        _ => false,
    }
}

/// The image of the input that a pick shows.
fn image_of<'a>(program: &Program, input: &'a [u8], image_ref: &ImageRef) -> &'a [u8] {
    let size = program.geometry().bytes();
    &input[image_ref.index as usize * size..][..size]
}

/// Memory that a thread reuses from image to image.
#[derive(Default)]
struct Scratch {
    step: Vec<u8>,
    columns: lanes::Columns,
    encrypted: Vec<u8>,
    sums: Vec<i32>,
}

/// Writes one image of floats (C, H, W): what stands in `scale` for every stored sample.
fn scaled(geometry: Geometry, bytes: &[u8], scale: &[f32], output: &mut [f32]) {
    let (channels, depth) = (geometry.channels(), geometry.depth());
    for (channel, plane) in output.chunks_exact_mut(geometry.pixels()).enumerate() {
        let pixels = bytes.chunks_exact(channels * depth.bytes());
        match (depth, <&[f32; 256]>::try_from(scale)) {
            // A table of 256 needs no check whether a byte is in it.
            (Depth::U8, Ok(scale)) => {
                plane.iter_mut().zip(pixels).for_each(|(value, pixel)| *value = scale[usize::from(pixel[channel])]);
            }
            _ => {
                let sample = |pixel: &[u8]| scale[usize::from(depth.sample(pixel, channel))];
                plane.iter_mut().zip(pixels).for_each(|(value, pixel)| *value = sample(pixel));
            }
        }
    }
}

/// Writes one image of floats (C, H, W) from `value(sample)`, samples in stored order.
fn planar(geometry: Geometry, output: &mut [f32], value: impl Fn(usize) -> f32) {
    let channels = geometry.channels();
    for (channel, plane) in output.chunks_exact_mut(geometry.pixels()).enumerate() {
        for (pixel, place) in plane.iter_mut().enumerate() {
            *place = value(pixel * channels + channel);
        }
    }
}

/// A few images through their views and a program, up to where it mixes; `output` has them one behind the other.
fn encrypt(program: &Program, input: &[u8], refs: &[ImageRef], scratch: &mut Scratch, output: &mut [u8]) {
    let geometry = program.geometry();
    let mut steps = program.steps();
    // A plan reads any element at any time, so it needs its input whole; a view or another step does not.
    match steps.split_first() {
        Some((Step::Permute(plan), rest)) if refs.iter().all(|image_ref| image_ref.view == Augmentation::IDENTITY) => {
            let images: Vec<&[u8]> = refs.iter().map(|image_ref| image_of(program, input, image_ref)).collect();
            if images.len() >= FEWEST {
                lanes::permute(plan, &images, &mut scratch.columns, output);
            } else {
                let outputs = output.chunks_exact_mut(geometry.bytes());
                images.iter().zip(outputs).for_each(|(image, output)| permute(plan, image, output));
            }
            steps = rest;
        }
        _ => {
            let outputs = output.chunks_exact_mut(geometry.bytes());
            refs.iter().zip(outputs).for_each(|(image_ref, output)| {
                image_ref.view.copy(geometry, image_of(program, input, image_ref), output);
            });
        }
    }
    run_steps(program, steps, refs, scratch, output);
}

/// Steps of a program on a few images, one behind the other, in place.
fn run_steps(program: &Program, steps: &[Step], refs: &[ImageRef], scratch: &mut Scratch, images: &mut [u8]) {
    let geometry = program.geometry();
    for step in steps {
        if refs.len() >= FEWEST && is_for_lanes(geometry, step) {
            match step {
                Step::Permute(plan) => lanes::permute_in_place(plan, &mut scratch.columns, images),
                Step::BlockStatistic(block, statistic) => {
                    lanes::block_statistic(geometry, *block, *statistic, &mut scratch.columns, images);
                }
                // `is_for_lanes` names these two.
                Step::PixelKeyed(_) | Step::Keystream(_) | Step::Mix(_) => {}
            }
            continue;
        }
        for (image_ref, image) in refs.iter().zip(images.chunks_exact_mut(geometry.bytes())) {
            match step {
                Step::Permute(plan) => {
                    scratch.step.clear();
                    scratch.step.extend_from_slice(image);
                    permute(plan, &scratch.step, image);
                }
                Step::PixelKeyed(keys) => pixel_keyed(geometry, keys, image_ref, image),
                Step::BlockStatistic(block, statistic) => block_statistic(geometry, *block, *statistic, image),
                Step::Keystream(subkey) => Stream::new(subkey, image_ref.id.stream()).xor(image),
                // The last step of its program; `mix` does it.
                Step::Mix(_) => {}
            }
        }
    }
}

/// One image through one plan: the twin of `shaders/permute_bytes.wgsl`.
fn permute(plan: &Plan, input: &[u8], output: &mut [u8]) {
    let source = |entry: u32| (entry & !FLIP) as usize;
    // All ones where the flip bit is set, else 0: no branch.
    let flip = |entry: u32| (entry as i32) >> 31;
    match (plan.unit(), plan.geometry().depth()) {
        (Unit::Sample, Depth::U8) => {
            for (sample, &entry) in output.iter_mut().zip(plan.table()) {
                *sample = input[source(entry)] ^ flip(entry) as u8;
            }
        }
        (Unit::Sample, Depth::U16) => {
            for (sample, &entry) in output.chunks_exact_mut(2).zip(plan.table()) {
                let from = 2 * source(entry);
                sample[0] = input[from] ^ flip(entry) as u8;
                sample[1] = input[from + 1] ^ flip(entry) as u8;
            }
        }
        (Unit::Nibble, _) => {
            let nibble = |entry: u32| {
                let from = source(entry);
                (input[from / 2] >> (4 * (from % 2)) ^ flip(entry) as u8) & 15
            };
            for (byte, entries) in output.iter_mut().zip(plan.table().chunks_exact(2)) {
                *byte = nibble(entries[0]) | nibble(entries[1]) << 4;
            }
        }
    }
}

/// One image under its own signs and colour orders: the twin of `shaders/shared/pixel_keys.wgsl`.
fn pixel_keyed(geometry: Geometry, keys: &PixelKeys, image_ref: &ImageRef, image: &mut [u8]) {
    let (pixels, channels, bytes) = (geometry.pixels(), geometry.channels(), geometry.depth().bytes());
    let signs: Vec<Vec<bool>> = keys.negative.as_ref().map_or(Vec::new(), |subkey| {
        let mut stream = Stream::new(subkey, image_ref.id.stream());
        (0..channels).map(|_| stream.bits(pixels)).collect()
    });
    let digits = keys.colour.as_ref().map(|subkey| Stream::digits(subkey, image_ref.id.stream(), 6, pixels));
    let mut before = [0u8; 6];
    for (p, pixel) in image.chunks_exact_mut(channels * bytes).enumerate() {
        let before = &mut before[..pixel.len()];
        before.copy_from_slice(pixel);
        let order = digits.as_ref().map_or([0, 1, 2], |digits| COLOUR_ORDERS[digits[p] as usize]);
        for (j, &c) in order.iter().enumerate().take(channels) {
            let c = usize::from(c);
            // Output channel j is input channel c, flipped as channel c is; undone, c comes back from j.
            let (from, to) = if keys.inverse { (j, c) } else { (c, j) };
            let flip = if signs.get(c).is_some_and(|plane| plane[p]) { 255 } else { 0 };
            for byte in 0..bytes {
                pixel[to * bytes + byte] = before[from * bytes + byte] ^ flip;
            }
        }
    }
}

/// Every block filled with its statistic: the twin of `shaders/block_statistic.wgsl` and `shaders/fill_bytes.wgsl`.
fn block_statistic(geometry: Geometry, (rows, columns): (u32, u32), statistic: Statistic, image: &mut [u8]) {
    let depth = geometry.depth();
    let mut values = Vec::new();
    for samples in blocks(geometry, (rows, columns)) {
        values.clear();
        values.extend(samples.clone().map(|sample| u32::from(depth.sample(image, sample))));
        let value = statistic_of(statistic, &mut values);
        for sample in samples {
            depth.set_sample(image, sample, value as u16);
        }
    }
}

/// The samples of each block and channel; blocks of so many rows and columns, cut off at the right and lower edge.
fn blocks(
    geometry: Geometry,
    (rows, columns): (u32, u32),
) -> impl Iterator<Item = impl Iterator<Item = usize> + Clone> {
    let (height, width, channels) = (geometry.height(), geometry.width(), geometry.channels());
    let (rows, columns) = (rows as usize, columns as usize);
    let corners = (0..height).step_by(rows).flat_map(move |y| (0..width).step_by(columns).map(move |x| (y, x)));
    corners.flat_map(move |(top, left)| {
        let (bottom, right) = (height.min(top + rows), width.min(left + columns));
        (0..channels).map(move |channel| {
            (top..bottom).flat_map(move |y| (left..right).map(move |x| (y * width + x) * channels + channel))
        })
    })
}

/// The statistic of at least one value.
fn statistic_of(statistic: Statistic, values: &mut [u32]) -> u32 {
    let m = values.len();
    match statistic {
        Statistic::Max => values.iter().copied().max().unwrap_or_default(),
        Statistic::Min => values.iter().copied().min().unwrap_or_default(),
        Statistic::Mean => {
            let sum: u64 = values.iter().map(|&value| u64::from(value)).sum();
            ((2 * sum + m as u64) / (2 * m as u64)) as u32
        }
        Statistic::Median => {
            let (below, upper, _) = values.select_nth_unstable(m / 2);
            match (m % 2, below.iter().max()) {
                (0, Some(lower)) => (lower + *upper).div_ceil(2),
                _ => *upper,
            }
        }
    }
}

/// Several images into one: the twin of `shaders/mix_floats.wgsl`.
fn mix(program: &Program, mixing: &Mixing, input: &[u8], refs: &[ImageRef], scratch: &mut Scratch, output: &mut [f32]) {
    let geometry = program.geometry();
    let (mut encrypted, mut sums) = (std::mem::take(&mut scratch.encrypted), std::mem::take(&mut scratch.sums));
    encrypted.resize(geometry.bytes(), 0);
    sums.clear();
    sums.resize(geometry.samples(), 0);
    for image_ref in refs {
        encrypt(program, input, std::slice::from_ref(image_ref), scratch, &mut encrypted);
        for (sum, &p) in sums.iter_mut().zip(&encrypted) {
            *sum += image_ref.weight as i32 * (2 * i32::from(p) - 255);
        }
    }
    let signs = Stream::new(&mixing.subkey, refs[0].id.stream()).bits(geometry.samples());
    // Every sum is an integer below 2^24, so a float holds it; one product, one rounding.
    let unit = 1.0 / Mixing::FULL_SCALE as f32;
    planar(geometry, output, |sample| {
        let value = sums[sample] as f32 * unit;
        f32::from_bits(value.to_bits() ^ u32::from(signs[sample]) << 31)
    });
    (scratch.encrypted, scratch.sums) = (encrypted, sums);
}

/// Runs `work` on all picks with their images of the output: `group` picks make an image, and `together` images go to a thread
/// at a time.
#[cfg(feature = "threads")]
fn each_image<T: Send>(
    output: &mut [T],
    size: usize,
    refs: &[ImageRef],
    group: usize,
    together: usize,
    work: impl Fn(&mut Scratch, &[ImageRef], &mut [T]) + Send + Sync,
) {
    use rayon::prelude::*;
    // A few pieces for every thread: more would make scratch memory anew too often.
    let pieces = refs.len().div_ceil(group * together).div_ceil(4 * threads());
    output
        .par_chunks_mut(size * together)
        .zip(refs.par_chunks(group * together))
        .with_min_len(pieces.max(1))
        .for_each_init(Scratch::default, |scratch, (images, refs)| work(scratch, refs, images));
}

#[cfg(not(feature = "threads"))]
fn each_image<T>(
    output: &mut [T],
    size: usize,
    refs: &[ImageRef],
    group: usize,
    together: usize,
    work: impl Fn(&mut Scratch, &[ImageRef], &mut [T]),
) {
    let mut scratch = Scratch::default();
    for (images, refs) in output.chunks_mut(size * together).zip(refs.chunks(group * together)) {
        work(&mut scratch, refs, images);
    }
}

#[cfg(feature = "threads")]
fn threads() -> usize {
    rayon::current_num_threads()
}

#[cfg(not(feature = "threads"))]
fn threads() -> usize {
    1
}
