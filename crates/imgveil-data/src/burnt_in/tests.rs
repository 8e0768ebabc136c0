//! Drawn letters, and pictures without any.

use super::*;
use imgveil::internal::image::Geometry;
use proptest::prelude::*;

/// Letters of 5x7 pixels, a row in five bits.
const H: [u8; 7] = [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001];
const E: [u8; 7] = [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111];
const L: [u8; 7] = [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111];
const O: [u8; 7] = [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110];
const TEXT: [[u8; 7]; 5] = [H, E, L, L, O];

/// Draws letters, each pixel as a square of `scale`, with the upper left corner at (x, y).
fn draw(samples: &mut [u8], width: usize, letters: &[[u8; 7]], (x, y): (usize, usize), scale: usize, level: u8) {
    for (number, letter) in letters.iter().enumerate() {
        for (row, column) in (0..7 * scale).flat_map(|row| (0..5 * scale).map(move |column| (row, column))) {
            if letter[row / scale] >> (4 - column / scale) & 1 == 1 {
                samples[(y + row) * width + x + number * 6 * scale + column] = level;
            }
        }
    }
}

fn image(samples: Vec<u8>, width: usize) -> Image {
    let height = samples.len() / width;
    Image::new(Geometry::new(height as u32, width as u32, 1).unwrap(), samples).unwrap()
}

#[test]
fn words_near_the_border_are_found_where_they_are() {
    for (scale, at) in [(1, (3, 4)), (2, (150, 230)), (4, (60, 20)), (1, (215, 100))] {
        for (ground, level) in [(20, 250), (235, 10)] {
            let mut samples = vec![ground; 256 * 256];
            draw(&mut samples, 256, &TEXT, at, scale, level);
            let found = text_like(&image(samples, 256));
            let [region] = found[..] else { panic!("{found:?} at {at:?}, {scale} times") };
            let inside = |x: usize, y: usize| {
                (region.x..region.x + region.width).contains(&(x as u32))
                    && (region.y..region.y + region.height).contains(&(y as u32))
            };
            assert!(inside(at.0, at.1) && inside(at.0 + 29 * scale - 1, at.1 + 7 * scale - 1), "{region}");
            assert!(region.height as usize <= 14 * scale && region.width as usize <= 40 * scale, "{region}");
        }
    }
}

/// Letters whose edges are soft over eight pixels stand out sharply only in a smaller copy of the image.
#[test]
fn words_of_large_soft_letters_are_found() {
    let mut small = vec![130; 80 * 80];
    draw(&mut small, 80, &[L; 4], (3, 3), 1, 250);
    let at = |y: usize, x: usize| usize::from(small[y.min(79) * 80 + x.min(79)]);
    let between = |y: usize, x: usize| {
        let (row, column, down, right) = (y / 8, x / 8, y % 8, x % 8);
        let across = |row| (8 - right) * at(row, column) + right * at(row, column + 1);
        (((8 - down) * across(row) + down * across(row + 1)) / 64) as u8
    };
    let soft = (0..640).flat_map(|y| (0..640).map(move |x| (y, x))).map(|(y, x)| between(y, x)).collect();
    let found = text_like(&image(soft, 640));
    let [Region { x, y, width, height }] = found[..] else { panic!("{found:?}") };
    assert!(x <= 24 && y <= 24 && x + width >= 24 + 22 * 8 && y + height >= 24 + 6 * 8, "{found:?}");
}

#[test]
fn two_letters_words_in_the_middle_and_smooth_pictures_are_left() {
    let found = |letters: &[[u8; 7]], at| {
        let mut samples = vec![20; 256 * 256];
        draw(&mut samples, 256, letters, at, 2, 250);
        text_like(&image(samples, 256))
    };
    // Markers of the side of the body are one or two letters.
    assert_eq!(found(&TEXT[..2], (3, 4)), []);
    assert_eq!(found(&TEXT, (98, 121)), []);
    let smooth = |i: usize| (127.0 + 120.0 * (i as f64 / 9000.0).sin()) as u8;
    assert_eq!(text_like(&image((0..256 * 256).map(smooth).collect(), 256)), []);
}

#[test]
fn deep_and_coloured_images_are_looked_at_too() {
    let mut samples = vec![20; 128 * 128];
    draw(&mut samples, 128, &TEXT, (3, 4), 1, 250);
    let grey = text_like(&image(samples.clone(), 128));
    assert_eq!(grey.len(), 1);
    // Of 12 bits, and as the green of an RGB image.
    let deep = samples.iter().flat_map(|&sample| (u16::from(sample) * 16).to_le_bytes()).collect();
    let geometry = Geometry::new(128, 128, 1).unwrap().with_depth(Depth::new(12).unwrap());
    assert_eq!(text_like(&Image::new(geometry, deep).unwrap()), grey);
    let colours = samples.iter().flat_map(|&sample| [0, sample, 0]).collect();
    assert_eq!(text_like(&Image::new(Geometry::new(128, 128, 3).unwrap(), colours).unwrap()), grey);
}

proptest! {
    #[test]
    fn any_image_is_looked_at(
        (height, width) in (1u32..70, 1u32..70),
        rgb: bool,
        samples in prop::collection::vec(prop_oneof![Just(0u8), Just(255), any::<u8>()], 70 * 70 * 3),
    ) {
        let geometry = Geometry::new(height, width, if rgb { 3 } else { 1 }).unwrap();
        let image = Image::new(geometry, samples[..geometry.bytes()].to_vec()).unwrap();
        for region in text_like(&image) {
            prop_assert!(region.width > 0 && region.x + region.width <= width, "{}", region);
            prop_assert!(region.height > 0 && region.y + region.height <= height, "{}", region);
        }
    }

    #[test]
    fn regions_are_read_as_they_are_written(x: u32, y: u32, width in 1u32.., height in 1u32..) {
        let region = Region { x, y, width, height };
        prop_assert_eq!(region.to_string().parse::<Region>(), Ok(region));
    }
}

#[test]
fn every_byte_of_every_channel_is_blanked() {
    let region = Region { x: 1, y: 1, width: 2, height: 7 };
    for (channels, depth) in [(1, Depth::U8), (3, Depth::U8), (1, Depth::U16), (3, Depth::U16)] {
        let geometry = Geometry::new(3, 4, channels).unwrap().with_depth(depth);
        let blanked = region.blanked(Image::new(geometry, vec![9; geometry.bytes()]).unwrap());
        let pixel = geometry.bytes() / 12;
        for (place, bytes) in blanked.samples().chunks(pixel).enumerate() {
            let inside = place / 4 >= 1 && (1..3).contains(&(place % 4));
            assert_eq!(bytes, vec![if inside { 0 } else { 9 }; pixel], "{geometry} {place}");
        }
    }
    let outside = Region { x: 4, ..region };
    let geometry = Geometry::new(3, 4, 1).unwrap();
    assert_eq!(outside.blanked(Image::new(geometry, vec![9; 12]).unwrap()).samples(), [9; 12]);
}

#[test]
fn what_is_no_region_is_refused() {
    for text in ["", "1,2,3", "1,2,3,4,5", "-1,0,2,2", "0,0,0,1", "0,0,1,0", "a,b,c,d", "1;2;3;4"] {
        assert_eq!(text.parse::<Region>(), Err(NotARegion(text.to_owned())));
    }
}
