//! The core, timed: draws, plan compilation, tiles, both engines. For comparison, there are rows that copy the same
//! bytes and rows of the plain conversion without a scheme.
//!
//!     cargo bench --bench engines
//!     cargo bench --bench engines -- 224x224x3      # one geometry
//!
//! Names say adapter and geometry; figures are of samples in, in bytes.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use imgveil::internal::engine::gpu::Resident;
use imgveil::internal::engine::{Device, DeviceChoice, ImageRef, Loaded};
use imgveil::internal::engine::{Program, Step, WEIGHT_ONE};
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Key;
use imgveil::internal::plan::tiles::{Layout, SOURCES, Tiles};
use imgveil::internal::schedule::{ImageId, Stream};
use imgveil::internal::scheme::compile;
use imgveil::internal::scheme::representative;
use std::collections::{BTreeSet, VecDeque};
use std::hint::black_box;

/// Bytes of a batch, about: more than any cache holds.
const BATCH: usize = 64 << 20;

fn geometries() -> Vec<Geometry> {
    ["28x28x1", "32x32x3", "224x224x3"].iter().filter_map(|text| text.parse().ok()).collect()
}

/// Plans into tiles, which a GPU needs once for a program.
fn cutting(c: &mut Criterion) {
    let mut group = c.benchmark_group("cut");
    for geometry in geometries() {
        for (name, scheme) in representative() {
            let Ok(program) = compile(&scheme, &key(), geometry) else { continue };
            let Some(Step::Permute(plan)) = program.steps().first() else { continue };
            for (layout, outputs) in [(Layout::Interleaved, SOURCES), (Layout::Planar, 4 * SOURCES)] {
                let id = BenchmarkId::new(format!("{name}, {layout:?}"), geometry);
                group.bench_function(id, |b| b.iter(|| Tiles::cut(black_box(plan), layout, outputs)));
            }
        }
    }
    group.finish();
}

/// All images once; in groups of four equal parts for a program that mixes. And how many images come out.
fn refs(program: &Program, images: usize) -> (Vec<ImageRef>, usize) {
    let group = program.mixing().map_or(1, |mixing| mixing.images as usize);
    let refs = ImageRef::all(images / group * group)
        .into_iter()
        .map(|image| image.with_id(ImageId(u64::from(image.index).to_le_bytes())).weighted(WEIGHT_ONE / group as u32));
    (refs.collect(), images / group)
}

fn key() -> Key {
    Key::from_bytes([7; 32])
}

fn schedule(c: &mut Criterion) {
    let mut group = c.benchmark_group("schedule");
    for n in [16u32, 3_136, 150_528] {
        group.throughput(Throughput::Elements(u64::from(n)));
        group.bench_with_input(BenchmarkId::new("permutation", n), &n, |b, &n| {
            let mut stream = Stream::new(&[7; 32], 0);
            b.iter(|| black_box(stream.permutation(n)));
        });
    }
    group.finish();
}

fn compilation(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    for geometry in geometries() {
        for (name, scheme) in representative() {
            group.bench_function(BenchmarkId::new(name, geometry), |b| {
                b.iter(|| black_box(compile(&scheme, &key(), geometry).expect("blocks of 4 tile it")));
            });
        }
    }
    group.finish();
}

/// An engine from host memory to host memory.
fn engine(c: &mut Criterion, device: &Device) {
    for geometry in geometries() {
        let images = (BATCH / geometry.samples()).max(1);
        let input = vec![77u8; images * geometry.samples()];
        let mut group = c.benchmark_group(format!("{} {geometry}", device.name()));
        group.throughput(Throughput::Bytes(input.len() as u64)).sample_size(20);
        let mut bytes = vec![0u8; input.len()];
        let mut floats = vec![0f32; input.len()];
        group.bench_function("memcpy", |b| b.iter(|| bytes.copy_from_slice(black_box(&input))));
        for (name, scheme) in representative() {
            let program = compile(&scheme, &key(), geometry).expect("blocks of 4 tile it");
            let (refs, outputs) = refs(&program, images);
            let loaded = Loaded::new(device, program.clone()).expect("the device holds the plan");
            if program.mixing().is_none() {
                group.bench_function(format!("{name}, bytes to bytes"), |b| {
                    b.iter(|| loaded.bytes(&input, &refs, &mut bytes).expect("the engine runs"));
                });
            }
            let floats = &mut floats[..outputs * geometry.samples()];
            group.bench_function(format!("{name}, bytes to floats"), |b| {
                b.iter(|| loaded.floats(&input, &refs, floats).expect("the engine runs"));
            });
        }
        group.finish();
    }
}

/// The work of a job, from host memory to host memory, batch after batch: with one batch at a time, and with as many
/// running batches as pay. Each iteration is one batch. An iteration leaves its running batches to the next one, so the
/// rows differ only by what overlaps.
fn stream(c: &mut Criterion, device: &Device) {
    for geometry in geometries() {
        // The size of a job's batch.
        let images = ((32 << 20) / geometry.samples()).max(1);
        let mut group = c.benchmark_group(format!("{} stream {geometry}", device.name()));
        group.throughput(Throughput::Bytes((images * geometry.samples()) as u64)).sample_size(20);
        for (name, scheme) in representative() {
            let program = compile(&scheme, &key(), geometry).expect("blocks of 4 tile it");
            if program.mixing().is_some() {
                continue;
            }
            let (refs, _) = refs(&program, images);
            let loaded = Loaded::new(device, program.clone()).expect("the device holds the plan");
            for depth in BTreeSet::from([1, device.in_flight()]) {
                let mut idle = vec![vec![77u8; images * geometry.samples()]; depth];
                let mut under_way = VecDeque::new();
                group.bench_function(format!("{name}, {depth} under way"), |b| {
                    b.iter(|| {
                        if let Some(batch) = idle.pop() {
                            under_way.push_back(loaded.begin(batch, &refs).expect("the engine runs"));
                        }
                        if under_way.len() == depth
                            && let Some(pending) = under_way.pop_front()
                        {
                            idle.push(black_box(pending.wait().expect("the engine runs")));
                        }
                    });
                });
            }
        }
        group.finish();
    }
}

/// The feed's way on a GPU: images resident, result stays there. Waits for the device every time.
fn resident(c: &mut Criterion, device: &Device) {
    let Some(gpu) = device.gpu() else { return };
    for geometry in geometries() {
        // As floats the batch must fit WebGPU's default binding, 128 MiB.
        let images = (BATCH / 4 / geometry.samples()).max(1);
        let input = vec![77u8; images * geometry.samples()];
        let set = Resident::upload(gpu, geometry, &input).expect("the images fit the device");
        let output = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (input.len() * 4) as u64,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        });
        let mut group = c.benchmark_group(format!("{} resident {geometry}", gpu.name()));
        group.throughput(Throughput::Bytes(input.len() as u64)).sample_size(20);
        let mut bench = |name: &str, program: &Program| {
            let (refs, _) = refs(program, images);
            let loaded = Loaded::new(device, program.clone()).expect("the device holds the plan");
            group.bench_function(format!("{name}, bytes to floats"), |b| {
                b.iter(|| {
                    loaded.floats_into(&set, &refs, output.as_entire_binding()).expect("the kernel runs");
                    gpu.wait().expect("the device is there");
                });
            });
        };
        for (name, scheme) in representative() {
            bench(&name, &compile(&scheme, &key(), geometry).expect("blocks of 4 tile it"));
        }
        group.finish();
    }
}

fn engines(c: &mut Criterion) {
    engine(c, &Device::cpu());
    stream(c, &Device::cpu());
    match Device::open(&DeviceChoice::Gpu) {
        Ok(gpu) => {
            engine(c, &gpu);
            stream(c, &gpu);
            resident(c, &gpu);
        }
        Err(error) => println!("the GPU's rows are missing: {error}"),
    }
}

criterion_group!(benches, schedule, compilation, cutting, engines);
criterion_main!(benches);
