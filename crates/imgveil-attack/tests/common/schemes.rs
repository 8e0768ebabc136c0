//! Schemes written for the tests alone, from what papers say. They share nothing with the core.

use super::random;
use imgveil_attack::Batch;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

fn shuffled(count: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    (1..count).rev().for_each(|last| order.swap(last, random.next_u32() as usize % (last + 1)));
    order
}

fn coin(random: &mut ChaCha8Rng) -> bool {
    random.next_u32() >> 31 == 1
}

/// The samples of an image by block, rows of blocks first.
fn blocks(batch: &Batch, size: usize) -> Vec<Vec<usize>> {
    let shape = batch.shape();
    let (rows, columns) = (shape.height / size, shape.width / size);
    let cell = |row: usize, column: usize| {
        (0..size)
            .flat_map(|y| (0..size).map(move |x| (row * size + y, column * size + x)))
            .flat_map(|(y, x)| (0..shape.channels).map(move |c| (y * shape.width + x) * shape.channels + c))
            .collect()
    };
    (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(row, column)| cell(row, column))
        .collect()
}

fn rebuilt(batch: &Batch, change: impl Fn(&[u16]) -> Vec<u16>) -> Batch {
    Batch::new(batch.shape(), batch.max(), batch.iter().flat_map(change).collect()).unwrap()
}

/// Moves and flips samples inside of blocks, with one key or a key for every block.
pub fn shuffle_flip(batch: &Batch, size: usize, key_per_block: bool, seed: u64) -> Batch {
    let cells = blocks(batch, size);
    let random = &mut random(seed);
    let mut keys: Vec<(Vec<usize>, Vec<bool>)> = Vec::new();
    for _ in 0..if key_per_block { cells.len() } else { 1 } {
        keys.push((shuffled(cells[0].len(), random), (0..cells[0].len()).map(|_| coin(random)).collect()));
    }
    rebuilt(batch, |image| {
        let mut out = image.to_vec();
        for (block, cell) in cells.iter().enumerate() {
            let (order, flips) = &keys[block % keys.len()];
            for place in 0..cell.len() {
                let sample = image[cell[order[place]]];
                out[cell[place]] = if flips[place] { batch.max() - sample } else { sample };
            }
        }
        out
    })
}

/// Moves blocks.
pub fn scramble(batch: &Batch, size: usize, seed: u64) -> Batch {
    let cells = blocks(batch, size);
    let order = shuffled(cells.len(), &mut random(seed));
    rebuilt(batch, |image| {
        let mut out = image.to_vec();
        for (cell, &from) in cells.iter().zip(&order) {
            cell.iter().zip(&cells[from]).for_each(|(&to, &from)| out[to] = image[from]);
        }
        out
    })
}

/// Moves and flips nibbles inside of blocks.
pub fn shuffle_nibbles(batch: &Batch, size: usize, key_per_block: bool, seed: u64) -> Batch {
    let cells = blocks(batch, size);
    let (random, count) = (&mut random(seed), 2 * cells[0].len());
    let mut keys: Vec<(Vec<usize>, Vec<bool>)> = Vec::new();
    for _ in 0..if key_per_block { cells.len() } else { 1 } {
        keys.push((shuffled(count, random), (0..count).map(|_| coin(random)).collect()));
    }
    rebuilt(batch, |image| {
        let mut out = image.to_vec();
        for (block, cell) in cells.iter().enumerate() {
            let (order, flips) = &keys[block % keys.len()];
            let nibble = |number: usize| image[cell[number / 2]] >> (4 * (number % 2)) & 15;
            let moved = |number: usize| nibble(order[number]) ^ if flips[number] { 15 } else { 0 };
            (0..cell.len()).for_each(|place| out[cell[place]] = moved(2 * place) | moved(2 * place + 1) << 4);
        }
        out
    })
}

/// Moves, turns, mirrors, negates and recolours blocks.
pub fn turn_blocks(batch: &Batch, size: usize, seed: u64) -> Batch {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [2, 1, 0], [1, 0, 2]];
    let (cells, channels) = (blocks(batch, size), batch.shape().channels);
    let random = &mut random(seed);
    let keys: Vec<[u32; 5]> = cells.iter().map(|_| [0; 5].map(|_| random.next_u32() >> 8)).collect();
    let changed = rebuilt(batch, |image| {
        let mut out = image.to_vec();
        for (cell, &[up, left, over, negative, order]) in cells.iter().zip(&keys) {
            for y in 0..size {
                for x in 0..size {
                    let (v, u) = if over % 2 == 1 { (x, y) } else { (y, x) };
                    let v = if up % 2 == 1 { size - 1 - v } else { v };
                    let u = if left % 2 == 1 { size - 1 - u } else { u };
                    for c in 0..channels {
                        let from = if channels == 3 { ORDERS[order as usize % 6][c] } else { c };
                        let sample = image[cell[(v * size + u) * channels + from]];
                        out[cell[(y * size + x) * channels + c]] =
                            if negative % 2 == 1 { batch.max() - sample } else { sample };
                    }
                }
            }
        }
        out
    });
    scramble(&changed, size, seed + 1)
}

/// Flips samples and reorders channels of every pixel, with one key or a key for every image.
pub fn flip_pixels(batch: &Batch, key_per_image: bool, seed: u64) -> Batch {
    let channels = batch.shape().channels;
    let samples = batch.iter().enumerate().flat_map(|(number, image)| {
        let random = &mut random(if key_per_image { seed + number as u64 } else { seed });
        let pixel = |pixel: &[u16]| -> Vec<u16> {
            let order = shuffled(channels, random);
            order.iter().map(|&c| if coin(random) { batch.max() - pixel[c] } else { pixel[c] }).collect()
        };
        image.chunks_exact(channels).flat_map(pixel).collect::<Vec<_>>()
    });
    Batch::new(batch.shape(), batch.max(), samples.collect()).unwrap()
}

/// The median of every block, by channel.
pub fn medians(batch: &Batch, size: usize) -> Batch {
    let (cells, channels) = (blocks(batch, size), batch.shape().channels);
    rebuilt(batch, |image| {
        let mut out = image.to_vec();
        for cell in &cells {
            for channel in 0..channels {
                let own = || cell.iter().skip(channel).step_by(channels);
                let mut values: Vec<u16> = own().map(|&sample| image[sample]).collect();
                values.sort_unstable();
                let middle = values.len() / 2;
                let median = (values[middle - 1] + values[middle]).div_ceil(2);
                own().for_each(|&sample| out[sample] = median);
            }
        }
        out
    })
}
