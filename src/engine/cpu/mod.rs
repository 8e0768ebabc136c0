//! The CPU engine: the twin of every shader, with the same steps and the same bits. With the feature `threads` it uses
//! all cores, without it one. Most steps process sixteen images of a batch at a time (`lanes`).

mod each_image;
pub mod lanes;
pub mod scratch;

use super::EngineError;
use super::checks::{check, check_bytes};
use super::image_ref::ImageRef;
use super::program::Program;
use super::step::{Mixing, Step, mixing, permute};
use crate::image::{Augmentation, Depth, Geometry, normalised};
use each_image::{each_image, threads};
use scratch::{FEWEST, Scratch};

/// The name for people: `CPU, 2 threads`.
pub fn name() -> String {
    match threads() {
        1 => "CPU, 1 thread".to_owned(),
        threads => format!("CPU, {threads} threads"),
    }
}

/// Bytes to bytes. The result reuses the memory of `input` if nothing else reads it any more.
pub fn owned(program: &Program, mut input: Vec<u8>, refs: &[ImageRef]) -> Result<Vec<u8>, EngineError> {
    let size = program.geometry().bytes();
    check_bytes(program, input.len(), refs, refs.len() * size)?;
    let as_it_lies =
        |(image, index): (&ImageRef, u32)| image.index == index && image.augmentation == Augmentation::IDENTITY;
    if input.len() == refs.len() * size && refs.iter().zip(0..).all(as_it_lies) {
        each_image(&mut input, size, refs, 1, together(program, refs.len()), |scratch, refs, images| {
            run_steps(program.geometry(), program.steps(), refs, scratch, images);
        });
        return Ok(input);
    }
    let mut output = vec![0; refs.len() * size];
    bytes(program, &input, refs, &mut output)?;
    Ok(output)
}

/// Bytes to bytes.
pub fn bytes(program: &Program, input: &[u8], refs: &[ImageRef], output: &mut [u8]) -> Result<(), EngineError> {
    check_bytes(program, input.len(), refs, output.len())?;
    let size = program.geometry().bytes();
    each_image(output, size, refs, 1, together(program, refs.len()), |scratch, refs, output| {
        encrypt(program, input, refs, scratch, output);
    });
    Ok(())
}

/// Bytes to normalised floats (N, C, H, W).
pub fn floats(program: &Program, input: &[u8], refs: &[ImageRef], output: &mut [f32]) -> Result<(), EngineError> {
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
        let images = encrypted.chunks_exact(geometry.bytes());
        for (bytes, floats) in images.zip(output.chunks_exact_mut(geometry.samples())) {
            scaled(geometry, bytes, &scale, floats);
        }
        scratch.encrypted = encrypted;
    });
    Ok(())
}

/// How many images of a batch a thread takes at a time. This is the number of lanes if a step of the program uses lanes
/// and every thread gets enough images for them to pay, else one.
fn together(program: &Program, images: usize) -> usize {
    let geometry = program.geometry();
    let in_lanes = program.steps().iter().any(|step| step.execute().in_lanes());
    let of_a_thread = images.div_ceil(threads());
    if in_lanes && of_a_thread >= FEWEST && geometry.bytes() <= lanes::LARGEST {
        of_a_thread.min(lanes::LANES)
    } else {
        1
    }
}

/// The image of the input that a reference refers to.
fn image_of<'a>(geometry: Geometry, input: &'a [u8], image: &ImageRef) -> &'a [u8] {
    let size = geometry.bytes();
    &input[image.index as usize * size..][..size]
}

/// Writes one image of floats (C, H, W): for every stored sample, its entry of `scale`.
fn scaled(geometry: Geometry, bytes: &[u8], scale: &[f32], output: &mut [f32]) {
    let (channels, depth) = (geometry.channels(), geometry.depth());
    for (channel, plane) in output.chunks_exact_mut(geometry.pixels()).enumerate() {
        let pixels = bytes.chunks_exact(channels * depth.bytes());
        match (depth, <&[f32; 256]>::try_from(scale)) {
            // With a table of exactly 256 entries, a byte as index needs no bounds check.
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

/// Augments a few images and runs a program on them, up to where it mixes. In `output`, the results follow each other.
fn encrypt(program: &Program, input: &[u8], refs: &[ImageRef], scratch: &mut Scratch, output: &mut [u8]) {
    let geometry = program.geometry();
    let mut steps = program.steps();
    match steps.split_first() {
        // A plan reads any element at any time and cannot run in place, so it reads the images from the input, without
        // a copy.
        Some((Step::Permute(plan), rest)) if refs.iter().all(|image| image.augmentation == Augmentation::IDENTITY) => {
            let images: Vec<&[u8]> = refs.iter().map(|image| image_of(geometry, input, image)).collect();
            permute::from_images(plan, &images, scratch, output);
            steps = rest;
        }
        _ => {
            for (image, output) in refs.iter().zip(output.chunks_exact_mut(geometry.bytes())) {
                image.augmentation.copy(geometry, image_of(geometry, input, image), output);
            }
        }
    }
    run_steps(geometry, steps, refs, scratch, output);
}

/// Runs steps in place on a few images that follow each other in memory.
fn run_steps(geometry: Geometry, steps: &[Step], refs: &[ImageRef], scratch: &mut Scratch, images: &mut [u8]) {
    for step in steps {
        step.execute().on_cpu(geometry, refs, scratch, images);
    }
}

/// Mixes several images into one.
fn mix(program: &Program, mixing: &Mixing, input: &[u8], refs: &[ImageRef], scratch: &mut Scratch, output: &mut [f32]) {
    let geometry = program.geometry();
    let (mut encrypted, mut sums) = (std::mem::take(&mut scratch.encrypted), std::mem::take(&mut scratch.sums));
    encrypted.resize(geometry.bytes(), 0);
    sums.clear();
    sums.resize(geometry.samples(), 0);
    for image in refs {
        encrypt(program, input, std::slice::from_ref(image), scratch, &mut encrypted);
        mixing::add(&mut sums, image.weight, &encrypted);
    }
    mixing::finish(mixing, geometry, refs[0].stream(), &sums, output);
    (scratch.encrypted, scratch.sums) = (encrypted, sums);
}
