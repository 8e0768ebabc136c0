//! A mixture drawn from one image: its partners are copies of itself.

use crate::exit::Failure;
use imgveil::internal::engine::{Device, ImageRef, Loaded, Mixing, Program};
use imgveil::internal::image::{Augmentation, Image};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::ImageId;

/// How far the copies are shifted, in quarters of the sides, and whether they are mirrored. There are as many as a
/// mixture may have partners, all different.
const COPIES: [(i16, i16, bool); 7] =
    [(1, 1, true), (-1, 1, false), (1, -1, false), (-1, -1, true), (0, 1, true), (1, 0, false), (-1, 0, true)];

/// The image mixed with copies of itself, as a picture: -1 is black and 1 white. In a set, the partners are other
/// images.
pub(super) fn mixture(
    program: &Program,
    mixing: &Mixing,
    plain: &Image,
    id: ImageId,
    key: &Key,
    device: &Device,
) -> Result<Vec<u8>, Failure> {
    let geometry = plain.geometry();
    let quarter = |side: usize| i16::try_from(side / 4).unwrap_or(i16::MAX).max(1);
    let shifted = |&(down, right, mirrored): &(i16, i16, bool)| Augmentation {
        dy: down * quarter(geometry.height()),
        dx: right * quarter(geometry.width()),
        mirrored,
        ..Augmentation::IDENTITY
    };
    let views = std::iter::once(Augmentation::IDENTITY).chain(COPIES.iter().map(shifted));
    let weights = mixing.weights(id, geometry.samples());
    let image_ref = |(augmentation, weight): (Augmentation, u32)| {
        let id = id.of_augmentation(key, augmentation);
        ImageRef::new(0).augmented(augmentation).with_id(id).weighted(weight)
    };
    let refs: Vec<ImageRef> = views.zip(weights).map(image_ref).collect();
    let mut floats = vec![0.0; geometry.samples()];
    Loaded::new(device, program.clone())?.floats(plain.samples(), &refs, &mut floats)?;
    let (pixels, channels) = (geometry.pixels(), geometry.channels());
    // From planes to interleaved pixels.
    let sample = |i: usize| ((floats[i % channels * pixels + i / channels] + 1.0) * 127.5).round() as u8;
    Ok((0..geometry.samples()).map(sample).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgveil::internal::image::Geometry;
    use imgveil::internal::scheme::{Options, Preset, compile};

    /// One value of the mixture computed by hand: the weighted mean of the copies, and the sign of the stream.
    #[test]
    fn a_mixture_is_of_the_image_and_its_copies() {
        let key = Key::from_bytes([6; 32]);
        let geometry = Geometry::new(8, 12, 3).unwrap();
        let plain = Image::new(geometry, (0..geometry.samples()).map(|i| (i * 7) as u8).collect()).unwrap();
        let program = compile(&Preset::InstaHide.scheme(Options::default()).unwrap(), &key, geometry).unwrap();
        let mixing = program.mixing().unwrap();
        let id = ImageId::new(&key, "a", geometry, plain.samples());
        let mixed = mixture(&program, mixing, &plain, id, &key, &Device::cpu()).unwrap();
        let weights = mixing.weights(id, geometry.samples());
        let views = [(0, 0, false), (2, 3, true), (-2, 3, false), (2, -3, false)];
        let mut copies = Vec::new();
        for (dy, dx, mirrored) in views {
            let mut copy = vec![0; geometry.samples()];
            Augmentation { dy, dx, mirrored, ..Augmentation::IDENTITY }.copy(geometry, plain.samples(), &mut copy);
            copies.push(copy);
        }
        for (i, &shown) in mixed.iter().enumerate() {
            let mean: f64 =
                copies.iter().zip(&weights).map(|(copy, &w)| f64::from(copy[i]) * f64::from(w)).sum::<f64>() / 65536.0;
            let near = |value: f64| (f64::from(shown) - value).abs() <= 0.5 + 1e-3;
            assert!(near(mean) || near(255.0 - mean), "sample {i} is {shown}, and the mean {mean}");
        }
    }
}
