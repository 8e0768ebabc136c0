//! The images of the self-test: blobs whose side, left or right, is their class.

use super::fault::TrainingFault;
use crate::backend::Backend;
use crate::feed::{Feed, Split};
use imgveil::Key;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::{Options, Preset, compile};
use imgveil::internal::self_test::Fault;
use imgveil_data::set::Loaded;

/// Classes of the images.
pub const CLASSES: usize = 2;

/// `count` RGB images of `side` x `side` pixels, the classes in turn.
fn split(side: u32, count: usize, key: &Key) -> Result<Split, Fault> {
    let geometry = Geometry::new(side, side, 3)?;
    let mut loaded = Loaded { geometry, samples: Vec::new(), labels: Vec::new(), names: Vec::new() };
    for number in 0..count {
        let class = number % CLASSES;
        let (row, column) = ((number * 7 % side as usize) as i64, (side as i64 / 4) * (1 + 2 * class as i64));
        for pixel in 0..geometry.pixels() as i64 {
            let (y, x) = (pixel / i64::from(side) - row, pixel % i64::from(side) - column);
            let blob = (220 - 4 * (x * x + y * y)).max(0);
            let noise = (pixel * 2_654_435_761 + number as i64 * 40_503) >> 7 & 31;
            loaded.samples.extend([0, 1, 2].map(|channel| (blob / (1 + channel) + noise) as u8));
        }
        loaded.labels.push(class as u32);
        loaded.names.push(number.to_string());
    }
    Ok(Split::new(loaded, CLASSES, Some(key)))
}

/// A feed of such images, encrypted by a scheme.
pub fn feed(backend: &Backend, preset: Preset, side: u32, count: usize) -> Result<Feed, TrainingFault> {
    let key = Key::from_bytes([9; 32]);
    let split = split(side, count, &key)?;
    let scheme = preset.scheme(Options::default()).map_err(Fault::from)?;
    let program = compile(&scheme, &key, split.geometry).map_err(Fault::from)?;
    Ok(Feed::new(backend, program, Some(&key), split)?)
}
