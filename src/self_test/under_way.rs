//! Batches that are started before earlier ones are waited for.

use super::Fault;
use super::compare::{Extent, equal};
use super::draws::Draws;
use crate::engine::{Device, ImageRef, Loaded, Pending};
use crate::image::Geometry;
use crate::key::Key;
use crate::scheme::{Options, Preset, compile};

/// Keeps up to five batches of three programs under way, and waits for them from both ends.
pub fn check(device: &Device, extent: Extent) -> Result<String, Fault> {
    let mut draws = Draws::new(extent.seed);
    let key = Key::from_bytes(draws.bytes());
    let mut programs = Vec::new();
    for (height, width, channels, preset) in
        [(28, 28, 1, Preset::ShuffleFlip), (96, 128, 3, Preset::Keystream), (64, 64, 3, Preset::Ele)]
    {
        let program = compile(&preset.scheme(Options::default())?, &key, Geometry::new(height, width, channels)?)?;
        programs.push((Loaded::new(device, program.clone())?, Loaded::new(&Device::cpu(), program)?));
    }
    let finish = |(number, pending, expected): (usize, Pending, Vec<u8>)| -> Result<(), Fault> {
        equal(&pending.wait()?, &expected, || format!("batch {number} of those under way"))
    };
    let batches = 40;
    let mut under_way = Vec::new();
    for number in 0..batches {
        let (on_device, on_cpu) = &programs[number % programs.len()];
        let images = draws.number(1..40) as usize;
        let input = draws.images(on_cpu.program().geometry(), images);
        let refs: Vec<ImageRef> = draws.refs(images, images, false);
        let mut expected = vec![0; input.len()];
        on_cpu.bytes(&input, &refs, &mut expected)?;
        under_way.push((number, on_device.begin(input, &refs)?, expected));
        if under_way.len() == 5 {
            let place = if draws.number(0..2) == 0 { 0 } else { under_way.len() - 1 };
            finish(under_way.remove(place))?;
        }
    }
    under_way.into_iter().try_for_each(finish)?;
    Ok(format!("{batches} batches, up to 5 at once"))
}
