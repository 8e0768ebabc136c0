//! Pages, strides, batches under way, limits of bindings, and what goes wrong on a device.

use crate::common::{self, RunOnce, engines, geometry, gpu, ramp};
use crate::oracle::{bits, run};
use imgveil::Device;
use imgveil::internal::engine::gpu::Resident;
use imgveil::internal::engine::{EngineError, ImageRef, Keystream, Loaded, Program, Step};
use imgveil::internal::image::{Augmentation, Depth};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::{ImageId, Subkey};
use imgveil::internal::scheme::{Block, KeyScope, Options, PRESETS, Preset, Scheme, compile};

/// A buffer for so many floats.
fn float_buffer(gpu: &Device, floats: usize) -> wgpu::Buffer {
    gpu.wgpu().device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: (floats * 4) as u64,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// The bytes of a buffer.
fn read(gpu: &Device, buffer: &wgpu::Buffer) -> Vec<u8> {
    let staging = gpu.wgpu().device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: buffer.size(),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.wgpu().device().create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
    gpu.wgpu().queue().submit([encoder.finish()]);
    staging.slice(..).map_async(wgpu::MapMode::Read, |result| result.unwrap());
    gpu.wgpu().wait().unwrap();
    staging.slice(..).get_mapped_range().unwrap().to_vec()
}

/// A set in several pages is the same set, for mixtures too, whose images lie in different pages.
#[test]
fn pages_make_no_difference() {
    let Some(gpu) = gpu("pages_make_no_difference") else { return };
    let (geometry, images) = (geometry(9, 7, 3), 8);
    let input = ramp(geometry.bytes() * images);
    let output = float_buffer(gpu, geometry.samples() * images);
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
            seen.push(read(gpu, &output));
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
    // With its own plan behind it an image takes five times its bytes, so floats go in parts too.
    let geometry = common::geometry(2048, 2048, 1);
    let stages = vec!["pixel-shuffling block=4x4 key=image".parse().unwrap()];
    let scheme = Scheme { name: "test".into(), stages };
    let program = compile(&scheme, &Key::from_bytes([5; 32]), geometry).unwrap();
    let input = ramp(geometry.bytes() * images);
    let resident = Resident::upload(gpu.wgpu(), geometry, &input).unwrap();
    let output = float_buffer(gpu, geometry.samples() * images);
    let loaded = Loaded::new(gpu, program.clone()).unwrap();
    loaded.floats_into(&resident, &refs, output.as_entire_binding()).unwrap();
    let mut expected = vec![0.0f32; geometry.samples() * images];
    Device::cpu().floats(&program, &input, &refs, &mut expected).unwrap();
    assert!(read(gpu, &output) == bytemuck::cast_slice::<f32, u8>(&expected));
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
