//! Phantom chest X-rays: drawn images for demonstrations and tests. There are two classes: clear lungs, and lungs with
//! an opacity.
//!
//! With them, every command can be tried, and a small network can be trained to a meaningful accuracy, without a
//! download and without a patient. They consist of a few smooth shapes whose position, size and contrast vary with the
//! image's number. The same arguments give the same bytes on every platform: the random numbers come from ChaCha20, and
//! the arithmetic only uses `+ - * /` and square root, which IEEE 754 defines to the last bit.
//!
//! The generator is not a model of disease: results on phantoms say nothing about real X-rays. It never reads a file or
//! a clock, and its random numbers never protect anything.

mod drawing;
mod scene;

use self::drawing::Draws;
use self::scene::Scene;

/// The class of a phantom: what the drawing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PhantomClass {
    /// Lungs without an opacity.
    Clear,
    /// One or two soft consolidation patches in the lungs.
    Opacity,
}

impl PhantomClass {
    /// Both classes, in the order of their labels.
    pub const ALL: [Self; 2] = [Self::Clear, Self::Opacity];

    /// The class's number in a training set: 0 for clear, 1 for opacity.
    pub fn label(self) -> u32 {
        match self {
            Self::Clear => 0,
            Self::Opacity => 1,
        }
    }

    /// The class's name, which is also the name of its folder in a data set: `clear` or `opacity`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Opacity => "opacity",
        }
    }
}

/// Image number `index` of a class: `size` x `size` grey values, row-major. It is a frontal view with the patient's
/// left on the right, bone white and air black.
///
/// The same arguments always give the same bytes. The same index and class at another size show the same anatomy. Size
/// 0 gives an empty vector.
pub fn phantom(index: u64, class: PhantomClass, size: usize) -> Vec<u8> {
    let mut draws = Draws::new(index, class);
    let scene = Scene::draw(&mut draws, class);

    let mut pixels = Vec::with_capacity(size * size);
    // Thin bones narrower than a pixel would flicker between rows; they are widened to about one.
    let pixel = 1.0 / size as f64;
    for row in 0..size {
        for column in 0..size {
            let u = (column as f64 + 0.5) * pixel;
            let v = (row as f64 + 0.5) * pixel;
            // Grain is drawn last, for each pixel, so that the anatomy does not depend on the size.
            let grey = scene.grey(u, v, pixel) + scene.grain * draws.grain();
            pixels.push((grey * 255.0 + 0.5).clamp(0.0, 255.0) as u8);
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FNV-1a, 64 bits.
    fn checksum(bytes: &[u8]) -> u64 {
        bytes
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    }

    fn mean(pixels: &[u8]) -> f64 {
        pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / pixels.len() as f64
    }

    #[test]
    fn the_bytes_are_pinned() {
        let pinned = [
            (0, PhantomClass::Clear, 32, 0x99a7_5180_6c35_7895),
            (0, PhantomClass::Opacity, 32, 0xd8f6_78ae_ce04_8a1c),
            (7, PhantomClass::Opacity, 128, 0x5431_b044_f13a_8ddb),
            (u64::MAX, PhantomClass::Clear, 61, 0x029d_ba69_dcea_997d),
        ];
        let got = pinned.map(|(index, class, size, _)| {
            let pixels = phantom(index, class, size);
            (index, class, size, checksum(&pixels))
        });
        assert_eq!(got, pinned, "{got:#x?}");
    }

    #[test]
    fn sizes_from_nothing_to_large() {
        for size in [0, 1, 2, 32, 128, 200] {
            for class in PhantomClass::ALL {
                assert_eq!(phantom(3, class, size).len(), size * size);
            }
        }
    }

    #[test]
    fn images_use_the_grey_range_without_drowning_in_it() {
        for index in 0..50 {
            for class in PhantomClass::ALL {
                let pixels = phantom(index, class, 32);
                let (low, high) = (pixels.iter().min(), pixels.iter().max());
                assert!(low < Some(&90) && high > Some(&130), "image {index}");
                let white = pixels.iter().filter(|&&p| p == 255).count();
                assert!(white < pixels.len() / 10, "image {index}: {white} white");
            }
        }
    }

    #[test]
    fn indices_and_classes_differ() {
        let mut seen = std::collections::HashSet::new();
        for index in 0..100 {
            for class in PhantomClass::ALL {
                assert!(seen.insert(phantom(index, class, 32)), "image {index}");
            }
        }
    }

    #[test]
    fn a_size_shows_the_same_anatomy_as_another() {
        for class in PhantomClass::ALL {
            let small = phantom(5, class, 32);
            let large = phantom(5, class, 128);
            let mut off = 0.0;
            for (at, &pixel) in small.iter().enumerate() {
                let (row, column) = (at / 32 * 4, at % 32 * 4);
                let block: f64 = (0..16).map(|k| f64::from(large[(row + k / 4) * 128 + column + k % 4])).sum();
                off += (block / 16.0 - f64::from(pixel)).abs();
            }
            assert!(off / 1024.0 < 8.0, "{}", off / 1024.0);
        }
    }

    /// Brightness must not reveal the class, or a network would learn the exposure instead of the patches.
    #[test]
    fn mean_brightness_does_not_give_the_class_away() {
        let means = |class| -> Vec<f64> { (0..200).map(|i| mean(&phantom(i, class, 32))).collect() };
        let clear = means(PhantomClass::Clear);
        let opacity = means(PhantomClass::Opacity);
        let mut brighter = 0.0;
        for a in &opacity {
            for b in &clear {
                brighter += f64::from(u8::from(a > b)) + 0.5 * f64::from(u8::from(a == b));
            }
        }
        let auc = brighter / (200.0 * 200.0);
        assert!((0.35..0.65).contains(&auc), "area under the ROC curve {auc}");
    }

    /// The patches brighten the lungs. Otherwise there would be nothing to learn.
    #[test]
    fn opacities_brighten_the_lungs_they_lie_in() {
        for index in 0..50 {
            let mut draws = Draws::new(index, PhantomClass::Opacity);
            let mut scene = Scene::draw(&mut draws, PhantomClass::Opacity);
            assert!(matches!(scene.patches.len(), 1 | 2));
            let grid = |scene: &Scene| -> Vec<f64> {
                (0..1024)
                    .map(|at| {
                        let (row, column) = (at / 32, at % 32);
                        let (u, v) = (f64::from(column) + 0.5, f64::from(row) + 0.5);
                        scene.grey(u / 32.0, v / 32.0, 1.0 / 32.0)
                    })
                    .collect()
            };
            let with = grid(&scene);
            scene.patches.clear();
            let without = grid(&scene);
            let brightest = with.iter().zip(&without).map(|(a, b)| a - b).fold(0.0, f64::max);
            assert!(brightest > 0.06, "image {index}: {brightest}");
        }
    }

    #[test]
    fn labels_count_the_classes() {
        for (label, class) in PhantomClass::ALL.into_iter().enumerate() {
            assert_eq!(class.label() as usize, label);
        }
    }
}
