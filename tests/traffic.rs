//! What crosses between host and device, counted. Alone in its process: the counters belong to the one device.

mod common;

use common::{RunOnce, geometry, gpu, ramp};
use imgveil::ImageId;
use imgveil::internal::engine::gpu::Resident;
use imgveil::internal::engine::{ImageRef, Loaded};
use imgveil::internal::image::Depth;
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Block, CompileError, KeyScope, Options, PRESETS, Preset, Scheme, compile};
use std::sync::{Mutex, PoisonError};

/// The counters are the device's, and tests run side by side.
static ALONE: Mutex<()> = Mutex::new(());

/// A batch of bytes goes up once and comes back once, whole words an image, and is counted however it is asked for.
#[test]
fn a_batch_goes_up_once_and_comes_back_once() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(gpu) = gpu("a_batch_goes_up_once_and_comes_back_once") else { return };
    let (geometry, images) = (geometry(9, 7, 3), 50);
    let scheme = Preset::ShuffleFlip.scheme(Options { block: Some(Block::square(1)), ..Options::default() }).unwrap();
    let program = compile(&scheme, &Key::from_bytes([5; 32]), geometry).unwrap();
    let input = ramp(geometry.bytes() * images);
    let refs = ImageRef::all(images);
    let mut output = vec![0; input.len()];
    let program = Loaded::new(gpu, program).unwrap();
    program.bytes(&input, &refs, &mut output).unwrap();
    for begun in [false, true] {
        let before = gpu.wgpu().traffic().counts();
        if begun {
            drop(program.begin(input.clone(), &refs).unwrap().wait().unwrap());
        } else {
            program.bytes(&input, &refs, &mut output).unwrap();
        }
        let batch = gpu.wgpu().traffic().counts() - before;
        // 189 bytes of an image in 192.
        assert_eq!((batch.dispatches, batch.device_to_host), (1, 192 * 50));
        assert!((192 * 50..=192 * 50 + 50 * 28 + 192).contains(&batch.host_to_device), "{}", batch.host_to_device);
    }
}

/// A scheme of permutation and flips, also with a key for each image, is one dispatch from the resident set into the
/// caller's memory. Nothing is read back. The bytes sent do not grow with the image: no table is sent for an image's
/// own key.
#[test]
fn a_preset_is_one_dispatch_and_reads_nothing_back() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(gpu) = gpu("a_preset_is_one_dispatch_and_reads_nothing_back") else { return };
    let key = Key::from_bytes([5; 32]);
    let per_block = Options { key_scope: Some(KeyScope::Block), scramble: true, ..Options::default() };
    let per_image = Options { key_scope: Some(KeyScope::Image), ..Options::default() };
    let flips = Options { sign_flip: true, ..Options::default() };
    let mut schemes: Vec<Scheme> = PRESETS.iter().map(|p| p.scheme(Options::default()).unwrap()).collect();
    schemes.push(Preset::ShuffleFlip.scheme(per_block).unwrap());
    schemes.push(Preset::Skk.scheme(per_image).unwrap());
    schemes.push(Preset::SkkFilter.scheme(per_image).unwrap());
    schemes.push(Preset::Vit.scheme(flips).unwrap());
    for geometry in [geometry(32, 32, 3), geometry(64, 64, 1), geometry(32, 32, 3).with_depth(Depth::U16)] {
        let resident = Resident::upload(gpu.wgpu(), geometry, &ramp(geometry.bytes() * 64)).unwrap();
        let refs: Vec<ImageRef> =
            ImageRef::all(64).into_iter().map(|image| image.with_id(ImageId([image.index as u8; 8]))).collect();
        let output = gpu.wgpu().device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (geometry.samples() * 64 * 4) as u64,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        });
        for scheme in &schemes {
            let program = match compile(scheme, &key, geometry) {
                Err(CompileError::MixingDepth) if geometry.depth() == Depth::U16 => continue,
                program => program.unwrap(),
            };
            // The first run uploads the plan's table; the second is a training step's.
            let program = Loaded::new(gpu, program).unwrap();
            program.floats_into(&resident, &refs, output.as_entire_binding()).unwrap();
            let before = gpu.wgpu().traffic().counts();
            program.floats_into(&resident, &refs, output.as_entire_binding()).unwrap();
            let step = gpu.wgpu().traffic().counts() - before;
            // Signs and colours, the statistics of the blocks, and the blocks filled with them.
            let expected = match &*scheme.name {
                "skk-filter" => 3,
                // Statistics and filling; then noise. A blur goes along rows, then along columns.
                "pixelate" => 2,
                "dp-pix" => 3,
                "blur" => 2,
                // Drawing plans, and applying them; for places inside blocks, then for places of blocks.
                "etc-image" => 2,
                "shuffle-flip-image" | "vit-image" => 4,
                _ => 1,
            };
            assert_eq!((step.dispatches, step.device_to_host), (expected, 0), "{scheme} {geometry}");
            assert!(step.host_to_device <= expected * (64 * 28 + 192), "{scheme}: {} bytes", step.host_to_device);
        }
    }
}
