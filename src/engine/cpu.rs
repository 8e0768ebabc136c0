//! The CPU engine: the twin of every shader, same steps, same bits. All cores where there are threads, one in a browser.

use super::{Engine, EngineError, Pick, check};
use crate::image::normalised;
use crate::plan::{FLIP, Plan, Program, Step};
use crate::schedule::Stream;

/// Runs programs on the host.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuEngine;

impl Engine for CpuEngine {
    fn name(&self) -> String {
        format!("CPU, {} threads", threads())
    }

    fn bytes(&self, program: &Program, input: &[u8], picks: &[Pick], output: &mut [u8]) -> Result<(), EngineError> {
        check(program, input.len(), picks, output.len())?;
        let samples = program.geometry().samples();
        each_image(output, samples, picks, |scratch, pick, output| {
            let image = &input[pick.index as usize * samples..][..samples];
            encrypt_one(program, image, pick, scratch, output);
        });
        Ok(())
    }

    fn floats(&self, program: &Program, input: &[u8], picks: &[Pick], output: &mut [f32]) -> Result<(), EngineError> {
        check(program, input.len(), picks, output.len())?;
        let geometry = program.geometry();
        let (samples, pixels, channels) = (geometry.samples(), geometry.pixels(), geometry.channels());
        let scale = normalised();
        each_image(output, samples, picks, |scratch, pick, output: &mut [f32]| {
            let image = &input[pick.index as usize * samples..][..samples];
            let mut bytes = std::mem::take(&mut scratch.encrypted);
            bytes.resize(samples, 0);
            encrypt_one(program, image, pick, scratch, &mut bytes);
            for (channel, plane) in output.chunks_exact_mut(pixels).enumerate() {
                for (value, pixel) in plane.iter_mut().zip(bytes.chunks_exact(channels)) {
                    *value = scale[pixel[channel] as usize];
                }
            }
            scratch.encrypted = bytes;
        });
        Ok(())
    }
}

/// Memory that a thread reuses from image to image.
#[derive(Default)]
struct Scratch {
    viewed: Vec<u8>,
    step: Vec<u8>,
    encrypted: Vec<u8>,
}

/// One image through view and program.
fn encrypt_one(program: &Program, image: &[u8], pick: &Pick, scratch: &mut Scratch, output: &mut [u8]) {
    let geometry = program.geometry();
    // A plan reads any sample at any time, so it needs its input whole; a view or an in-place step does not.
    let mut first = true;
    for step in program.steps() {
        match step {
            Step::Permute(plan) => {
                if first && pick.view == crate::image::View::IDENTITY {
                    permute(plan, image, output);
                } else if first {
                    scratch.viewed.resize(image.len(), 0);
                    pick.view.copy(geometry, image, &mut scratch.viewed);
                    permute(plan, &scratch.viewed, output);
                } else {
                    scratch.step.clear();
                    scratch.step.extend_from_slice(output);
                    permute(plan, &scratch.step, output);
                }
            }
            Step::Keystream(subkey) => {
                if first {
                    pick.view.copy(geometry, image, output);
                }
                Stream::new(subkey, pick.id.stream()).xor(output);
            }
        }
        first = false;
    }
    if first {
        pick.view.copy(geometry, image, output);
    }
}

/// One image through one plan: the twin of `shaders/permute_bytes.wgsl`.
fn permute(plan: &Plan, input: &[u8], output: &mut [u8]) {
    for (sample, &entry) in output.iter_mut().zip(plan.table()) {
        // 255 where the flip bit is set, else 0: no branch.
        let flip = ((entry as i32) >> 31) as u8;
        *sample = input[(entry & !FLIP) as usize] ^ flip;
    }
}

/// Runs `work` on every pick with its part of the output.
#[cfg(not(target_family = "wasm"))]
fn each_image<T: Send>(
    output: &mut [T],
    samples: usize,
    picks: &[Pick],
    work: impl Fn(&mut Scratch, &Pick, &mut [T]) + Send + Sync,
) {
    use rayon::prelude::*;
    output
        .par_chunks_exact_mut(samples)
        .zip(picks)
        .for_each_init(Scratch::default, |scratch, (part, pick)| work(scratch, pick, part));
}

#[cfg(target_family = "wasm")]
fn each_image<T>(output: &mut [T], samples: usize, picks: &[Pick], work: impl Fn(&mut Scratch, &Pick, &mut [T])) {
    let mut scratch = Scratch::default();
    for (part, pick) in output.chunks_exact_mut(samples).zip(picks) {
        work(&mut scratch, pick, part);
    }
}

#[cfg(not(target_family = "wasm"))]
fn threads() -> usize {
    rayon::current_num_threads()
}

#[cfg(target_family = "wasm")]
fn threads() -> usize {
    1
}
