//! Stages that draw a key for every image on the device.

use super::Fault;
use super::compare::{Extent, compare};
use super::draws::Draws;
use crate::engine::Device;
use crate::image::{Depth, Geometry};
use crate::key::Key;
use crate::scheme::{Block, KeyScope, Options, Preset, Scheme, Statistic, compile};

/// Compares batches of many images, each with a key of its own.
pub fn check(device: &Device, extent: Extent) -> Result<String, Fault> {
    let mut draws = Draws::new(extent.seed);
    let per_image = Options { key_scope: Some(KeyScope::Image), ..Options::default() };
    // The nibbles of `le` with keys per image, which no preset has.
    let nibbles = Preset::Le.scheme(Options::default())?.canonical().replace("key=shared", "key=image").parse()?;
    let filter = Options { statistic: Some(Statistic::Mean), ..per_image };
    let of_pixels = [
        Preset::Skk.scheme(per_image)?,
        Preset::SkkFilter.scheme(per_image)?,
        Preset::SkkFilter.scheme(filter)?,
        Preset::Keystream.scheme(Options::default())?,
    ];
    let of_blocks = [
        Preset::EtcImage.scheme(Options::default())?,
        Preset::ShuffleFlipImage.scheme(Options::default())?,
        Preset::VitImage.scheme(Options { block: Some(Block::square(4)), sign_flip: true, ..Options::default() })?,
        Scheme { name: "nibbles".into(), stages: vec![nibbles] },
    ];
    let mut images = 0;
    for (height, width, channels, count) in [(28, 28, 1, 300), (32, 32, 3, 300), (224, 224, 3, 8)] {
        for depth in [Depth::U8, Depth::U16] {
            let geometry = Geometry::new(height, width, channels)?.with_depth(depth);
            // Plans of the images' own take a device in software long, so there are fewer images.
            let few = of_blocks.iter().map(|scheme| (scheme, count / 8));
            for (scheme, count) in of_pixels.iter().map(|scheme| (scheme, count)).chain(few) {
                let program = compile(scheme, &Key::from_bytes(draws.bytes()), geometry)?;
                let input = draws.images(geometry, 4);
                let refs = draws.refs(count, 4, false);
                compare(device, &program, &input, &refs, || format!("{} on {geometry}", scheme.describe()))?;
                images += count;
            }
        }
    }
    Ok(format!("{images} images with a key each"))
}
