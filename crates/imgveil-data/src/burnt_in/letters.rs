//! Marks that may be letters: small connected parts of an image that stand out sharply from what is beside them.

use super::Grey;
use super::region::Region;

/// How far a stroke is looked around, in pixels: further than most strokes of small letters are wide.
const REACH: usize = 4;
/// The least difference between a stroke and the darkest sample that near.
const CONTRAST: u8 = 66;
/// The least brightness of a stroke.
const BRIGHTNESS: u8 = 110;
/// The least height of a letter.
const LOWEST: u32 = 5;
/// An image of more marks than these is noise or texture.
const MOST: usize = 5000;

/// A mark that may be a letter, or several that touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub region: Region,
    /// How many letters it may be.
    pub letters: u32,
}

/// The marks of an image, from left to right. `inverted` looks for dark ones on a bright ground.
pub fn letters(grey: &Grey, inverted: bool) -> Vec<Mark> {
    let (height, width) = (grey.height(), grey.width);
    let samples: Vec<u8> = grey.samples.iter().map(|&sample| if inverted { 255 - sample } else { sample }).collect();
    let darkest = darkest(&samples, width);
    let stroke = |(&sample, &dark): (&u8, &u8)| sample >= BRIGHTNESS && sample - dark >= CONTRAST;
    let mut strokes: Vec<bool> = samples.iter().zip(&darkest).map(stroke).collect();
    let highest = (height as u32 / 8).max(12);
    let mut marks = Vec::new();
    for start in 0..strokes.len() {
        if !strokes[start] {
            continue;
        }
        let pixels = connected(&mut strokes, width, start);
        marks.extend(mark(&pixels, width, highest));
        if marks.len() > MOST {
            return Vec::new();
        }
    }
    marks.sort_unstable_by_key(|mark| mark.region);
    marks
}

/// The smallest sample within [`REACH`] of every sample.
fn darkest(samples: &[u8], width: usize) -> Vec<u8> {
    let height = samples.len() / width;
    let near = |at: usize, side: usize| at.saturating_sub(REACH)..(at + REACH + 1).min(side);
    let mut across = Vec::with_capacity(samples.len());
    for row in samples.chunks_exact(width) {
        across.extend((0..width).map(|x| row[near(x, width)].iter().copied().min().unwrap_or(0)));
    }
    let mut darkest = vec![u8::MAX; samples.len()];
    for (y, row) in darkest.chunks_exact_mut(width).enumerate() {
        for other in near(y, height) {
            row.iter_mut().zip(&across[other * width..]).for_each(|(least, &sample)| *least = (*least).min(sample));
        }
    }
    darkest
}

/// The pixels that are connected with `start`, also across corners. They are taken out of `strokes`.
fn connected(strokes: &mut [bool], width: usize, start: usize) -> Vec<usize> {
    strokes[start] = false;
    let mut pixels = vec![start];
    let mut next = 0;
    while let Some(&pixel) = pixels.get(next) {
        next += 1;
        let (y, x) = (pixel / width, pixel % width);
        for row in y.saturating_sub(1)..=y + 1 {
            for column in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                let at = row * width + column;
                if strokes.get(at) == Some(&true) {
                    strokes[at] = false;
                    pixels.push(at);
                }
            }
        }
    }
    pixels
}

/// The mark of connected pixels, if it has the shape of one or more letters.
fn mark(pixels: &[usize], width: usize, highest: u32) -> Option<Mark> {
    let (rows, columns) = (|at: &usize| (at / width) as u32, |at: &usize| (at % width) as u32);
    let (top, bottom) = (pixels.iter().map(rows).min()?, pixels.iter().map(rows).max()?);
    let (left, right) = (pixels.iter().map(columns).min()?, pixels.iter().map(columns).max()?);
    let region = Region { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
    let (wide, high) = (f64::from(region.width), f64::from(region.height));
    if !(LOWEST..=highest).contains(&region.height) || wide > 10.0 * high {
        return None;
    }
    let share = pixels.len() as f64 / (wide * high);
    if share < 0.15 {
        return None;
    }
    if wide <= 1.6 * high + 2.0 {
        // A full box is no letter, but for narrow ones such as l and 1.
        let full = share > 0.95 && high < 1.8 * wide;
        return (!full).then_some(Mark { region, letters: 1 });
    }
    // Letters that touch: a row crosses many strokes.
    let mut sorted = pixels.to_vec();
    sorted.sort_unstable();
    let apart = sorted.windows(2).filter(|two| two[1] != two[0] + 1).count() + 1;
    let crossed = apart as f64 / high;
    let letters = ((wide / (0.8 * high)).round() as u32).max(2);
    (crossed >= 0.9 * wide / high && share <= 0.75).then_some(Mark { region, letters })
}
