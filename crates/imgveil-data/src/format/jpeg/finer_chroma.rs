//! Images whose colour has more samples than their luminance, which the decoder gives in planes only. Planes are
//! enlarged and converted with the formulas of libjpeg-turbo (`jdsample.c`, `jdcolor.c`).

use super::colours::Colours;
use super::failed::Failed;
use super::head::JpegHead;
use libjpeg_turbo_rs::Decoder;

/// A plane of samples.
struct Plane {
    samples: Vec<u8>,
    width: usize,
}

impl Plane {
    fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.samples.chunks_exact(self.width)
    }
}

/// Interleaved samples of an image of three components.
pub(super) fn decode(decoder: Decoder<'_>, head: &JpegHead, colours: Colours) -> Result<Vec<u8>, Failed> {
    let (width, height) = (usize::from(head.width), usize::from(head.height));
    let (raw, _) = decoder.decode_raw_with_warnings()?;
    let most = |of: fn(&(u8, u8)) -> u8| usize::from(head.factors.iter().map(of).max().unwrap_or(1));
    let (across, down) = (most(|factors| factors.0), most(|factors| factors.1));
    let mut planes = Vec::new();
    for ((samples, &stride), &(x, y)) in raw.planes.iter().zip(&raw.plane_widths).zip(&head.factors) {
        let (x, y) = (usize::from(x), usize::from(y));
        if x == 0 || y == 0 || !across.is_multiple_of(x) || !down.is_multiple_of(y) {
            return Err(Failed::Unsupported("sampling factors that do not divide each other".into()));
        }
        // Without what fills the last blocks.
        let (columns, rows) = ((width * x).div_ceil(across), (height * y).div_ceil(down));
        let own = samples.chunks_exact(stride.max(1)).take(rows).filter_map(|row| row.get(..columns));
        let plane = Plane { samples: own.flatten().copied().collect(), width: columns };
        if plane.samples.len() != columns * rows {
            return Err(Failed::Short);
        }
        planes.push(enlarged(plane, across / x, down / y));
    }
    let [first, second, third] = planes.as_slice() else {
        return Err(Failed::Unsupported("sampling factors of other than three components".into()));
    };
    let convert = match colours {
        Colours::Stored => false,
        Colours::Converted => true,
        // As libjpeg classifies an image of three components.
        Colours::Marked => head.jfif || head.adobe.map_or(head.ids != *b"RGB", |transform| transform != 0),
    };
    let mut pixels = Vec::with_capacity(3 * width * height);
    for ((first, second), third) in first.rows().zip(second.rows()).zip(third.rows()).take(height) {
        for ((&a, &b), &c) in first.iter().zip(second).zip(third).take(width) {
            pixels.extend(if convert { rgb(a, b, c) } else { [a, b, c] });
        }
    }
    Ok(pixels)
}

/// A plane with `across` and `down` times as many samples along its sides.
fn enlarged(plane: Plane, across: usize, down: usize) -> Plane {
    // libjpeg interpolates where a side is doubled, and the width only if the plane has more than two columns.
    match (across, down) {
        (1, 1) => plane,
        (2, 1) if plane.width > 2 => {
            let samples = plane.rows().flat_map(|row| doubled(&quadrupled(row), 4, (1, 2)));
            Plane { samples: samples.collect(), width: 2 * plane.width }
        }
        (1, 2) => {
            let samples = twice(&plane, |near, far, bias| (3 * near + far + bias) >> 2);
            Plane { samples: samples.into_iter().flatten().map(|sample| sample as u8).collect(), width: plane.width }
        }
        (2, 2) if plane.width > 2 => {
            let rows = twice(&plane, |near, far, _| 3 * near + far);
            let samples = rows.iter().flat_map(|row| doubled(row, 16, (8, 7))).collect();
            Plane { samples, width: 2 * plane.width }
        }
        _ => {
            let wide = |row: &[u8]| row.iter().flat_map(|&sample| std::iter::repeat_n(sample, across)).collect();
            let samples = plane.rows().flat_map(|row| std::iter::repeat_n::<Vec<u8>>(wide(row), down)).flatten();
            Plane { samples: samples.collect(), width: across * plane.width }
        }
    }
}

fn quadrupled(row: &[u8]) -> Vec<u32> {
    row.iter().map(|&sample| u32::from(sample)).collect()
}

/// Two rows for every row: `mix` of a row and the one above it, then of a row and the one below it. The third argument
/// is the rounding of the two.
fn twice(plane: &Plane, mix: impl Fn(u32, u32, u32) -> u32) -> Vec<Vec<u32>> {
    let rows: Vec<Vec<u32>> = plane.rows().map(quadrupled).collect();
    let mixed = |near: &[u32], far: Option<&Vec<u32>>, bias| {
        let far = far.map_or(near, Vec::as_slice);
        near.iter().zip(far).map(|(&near, &far)| mix(near, far, bias)).collect()
    };
    let pair = |(at, row): (usize, &Vec<u32>)| {
        [mixed(row, at.checked_sub(1).and_then(|above| rows.get(above)), 1), mixed(row, rows.get(at + 1), 2)]
    };
    rows.iter().enumerate().flat_map(pair).collect()
}

/// A row of twice the width. A new sample is three parts of the nearer old one and one part of the other, divided by
/// `scale`, with the rounding of left and right samples.
fn doubled(row: &[u32], scale: u32, (left, right): (u32, u32)) -> Vec<u8> {
    let last = row.len().saturating_sub(1);
    let sample = |at: usize| row.get(at.min(last)).copied().unwrap_or(0);
    let pair = |(at, &near): (usize, &u32)| {
        let before = if at == 0 { near } else { sample(at - 1) };
        [(3 * near + before + left) / scale, (3 * near + sample(at + 1) + right) / scale]
    };
    row.iter().enumerate().flat_map(pair).map(|sample| sample as u8).collect()
}

/// Red, green and blue of Y, Cb and Cr, with the integers of libjpeg.
fn rgb(y: u8, blue: u8, red: u8) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (y, blue, red) = (i32::from(y), i32::from(blue) - 128, i32::from(red) - 128);
    let parts = [
        y + ((91_881 * red + HALF) >> 16),
        y + ((-22_554 * blue - 46_802 * red + HALF) >> 16),
        y + ((116_130 * blue + HALF) >> 16),
    ];
    parts.map(|part| part.clamp(0, 255) as u8)
}
