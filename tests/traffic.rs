//! What crosses between host and device, counted. Alone in its process: the counters belong to the one device.

mod common;

use common::{geometry, gpu, ramp};
use imgveil::engine::Pick;
use imgveil::engine::gpu::Resident;
use imgveil::key::Key;
use imgveil::scheme::{Options, compile};

/// One dispatch from the resident set into the caller's memory, for every preset; nothing comes back.
#[test]
fn a_preset_is_one_dispatch_and_reads_nothing_back() {
    let Some(gpu) = gpu("a_preset_is_one_dispatch_and_reads_nothing_back") else { return };
    let geometry = geometry(32, 32, 3);
    let key = Key::from_bytes([5; 32]);
    let resident = Resident::upload(gpu, geometry, &ramp(geometry.samples() * 64)).unwrap();
    let picks = Pick::all(64);
    let output = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: (geometry.samples() * 64 * 4) as u64,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    for preset in imgveil::scheme::PRESETS {
        let program = compile(&preset.scheme(Options::default()).unwrap(), &key, geometry).unwrap();
        // The first run uploads the plan's table; the second is a training step's.
        gpu.floats_into(&program, &resident, &picks, output.as_entire_binding()).unwrap();
        let before = gpu.traffic().counts();
        gpu.floats_into(&program, &resident, &picks, output.as_entire_binding()).unwrap();
        let step = gpu.traffic().counts() - before;
        assert_eq!((step.dispatches, step.device_to_host), (1, 0), "{preset:?}");
        assert!(step.host_to_device <= 64 * 64, "{preset:?}: {} bytes", step.host_to_device);
    }
}
