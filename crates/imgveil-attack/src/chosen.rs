//! Chosen plaintext: the attacker has a few images of his own encrypted and reads the whole table off the results.
//!
//! Attacker: can have images encrypted under the key that is attacked (a service that encrypts what it is sent, a
//! participant who contributes images). Cost: a few images, and less than a second. Gives back: the table, with which
//! all other images of the key and size are decrypted exactly.
//!
//! [`generic`] knows nothing of the scheme. Its images hold the digits of each element's own number, so that every
//! element of the result says where it came from. The first digit leaves the highest bit clear, which shows the flip.
//! [`structured`] also knows the public structure and needs one or two images.

use crate::layout::{Layout, Level, Within};
use crate::table::Table;
use crate::turns::turns;
use crate::{Batch, Error, Oracle, Shape};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::HashMap;

/// What an attack with chosen images found.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The images that the attacker had encrypted to recover the table.
    pub images: usize,
    /// The table, if the scheme is one: if it predicts the encryption of another image exactly.
    pub table: Option<Table>,
}

/// Recovers the table of any scheme that moves and negates samples or nibbles, whatever its blocks and stages are.
///
/// Depths that are no multiple of 4 have no nibbles; samples are used instead.
///
/// # Errors
///
/// If the oracle fails.
pub fn generic(oracle: &dyn Oracle, shape: Shape, max: u16, seed: u64) -> Result<Chosen, Error> {
    let level = Layout::unknown(shape, max).level;
    let (largest, elements) = (usize::from(level.largest(max)), shape.samples() * level.parts(max));
    let half = largest.div_ceil(2);
    // The first digit is below half of the range, the others use all of it.
    let (mut digits, mut rest): (Vec<Vec<u16>>, Vec<usize>) = (Vec::new(), (0..elements).collect());
    while digits.is_empty() || rest.iter().any(|&rest| rest > 0) {
        let base = if digits.is_empty() { half } else { largest + 1 };
        digits.push(rest.iter().map(|rest| (rest % base) as u16).collect());
        rest.iter_mut().for_each(|rest| *rest /= base);
    }
    let encrypted = level.cut_all(&oracle.encrypt(&joined(shape, max, level, &digits)?)?);
    let mut table = Table::guess(shape, max, level);
    for element in 0..elements {
        let flip = usize::from(encrypted[0][element]) >= half;
        let (mut source, mut weight) = (0usize, 1usize);
        for (number, image) in encrypted.iter().enumerate() {
            let value = usize::from(image[element]);
            source += if flip { largest - value } else { value } * weight;
            weight *= if number == 0 { half } else { largest + 1 };
        }
        if source >= elements {
            return Ok(Chosen { images: digits.len(), table: None });
        }
        table.source[element] = source as u32;
        (table.flip[element], table.sure[element]) = (flip, true);
    }
    confirmed(oracle, table, digits.len(), seed)
}

/// As [`generic`], by an attacker who knows the structure of the scheme: with one image, or with two where samples are
/// cut into nibbles and every block has a key of its own.
///
/// # Errors
///
/// If the oracle fails, or the layout does not fit the images.
pub fn structured(oracle: &dyn Oracle, layout: Layout, shape: Shape, max: u16, seed: u64) -> Result<Chosen, Error> {
    layout.check(shape, max)?;
    let blocks = layout.blocks(shape, max);
    let marks = Marks::new(&layout, &blocks, max, seed);
    let Some(marks) = marks else {
        return Ok(Chosen { images: 0, table: None });
    };
    let elements = shape.samples() * layout.level.parts(max);
    let images = marks.images(&blocks, elements, max, layout.level);
    let encrypted = layout.level.cut_all(&oracle.encrypt(&joined(shape, max, layout.level, &images)?)?);
    match marks.read(&layout, &blocks, &encrypted, shape, max) {
        Some(table) => confirmed(oracle, table, images.len(), seed),
        None => Ok(Chosen { images: images.len(), table: None }),
    }
}

/// Keeps the table if it predicts the encryption of random images, which were not used to find it.
fn confirmed(oracle: &dyn Oracle, table: Table, images: usize, seed: u64) -> Result<Chosen, Error> {
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    let count = 2 * table.shape.samples();
    let samples = (0..count).map(|_| random.next_u32() as u16 & table.max).collect();
    let checked = Batch::new(table.shape, table.max, samples)?;
    let right = table.encrypt(&checked)? == oracle.encrypt(&checked)?;
    Ok(Chosen { images, table: right.then_some(table) })
}

fn joined(shape: Shape, max: u16, level: Level, images: &[Vec<u16>]) -> Result<Batch, Error> {
    Batch::new(shape, max, images.iter().flat_map(|elements| level.join(elements, max)).collect())
}

/// What the chosen images hold: for every block a mark for each of its elements. No mark is changed by a flip into
/// another one, and the marks of a block, in any order, tell which block it is.
struct Marks {
    of_block: Vec<Vec<u32>>,
    /// How many first blocks hold digits of the elements' numbers, for a permutation that all blocks share.
    digits: usize,
    images: u32,
}

impl Marks {
    /// `None` if the images are too small to hold marks that differ.
    fn new(layout: &Layout, blocks: &[Vec<u32>], max: u16, seed: u64) -> Option<Self> {
        let (half, size) = (u32::from(layout.level.largest(max)).div_ceil(2), blocks[0].len());
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        match layout.within {
            Within::PerBlock => {
                // Values of one image are enough, or pairs of two.
                let two = half * 2 * half;
                let (images, values) = if size <= half as usize { (1, half) } else { (2, two) };
                if size > values as usize {
                    return None;
                }
                let of_block = subsets(blocks.len(), size, values, layout.scrambled, &mut random)?;
                Some(Self { of_block, digits: 0, images })
            }
            Within::Shared | Within::Turned => {
                let digits = if layout.within == Within::Shared { digits_of(size, half) } else { 0 };
                let mut of_block: Vec<Vec<u32>> =
                    (0..digits as u32).map(|k| (0..size as u32).map(|i| i / half.pow(k) % half).collect()).collect();
                while of_block.len() < blocks.len() {
                    of_block.push((0..size).map(|_| random.next_u32() % half).collect());
                }
                (of_block.len() == blocks.len()).then_some(Self { of_block, digits, images: 1 })
            }
        }
    }

    /// The elements of the chosen images.
    fn images(&self, blocks: &[Vec<u32>], elements: usize, max: u16, level: Level) -> Vec<Vec<u16>> {
        let half = u32::from(level.largest(max)).div_ceil(2);
        let mut images = vec![vec![0; elements]; self.images as usize];
        for (block, marks) in blocks.iter().zip(&self.of_block) {
            for (&element, &mark) in block.iter().zip(marks) {
                images[0][element as usize] = (mark % half) as u16;
                if self.images == 2 {
                    images[1][element as usize] = (mark / half) as u16;
                }
            }
        }
        images
    }

    /// The table, from the encrypted images. `None` if they are not what the layout says.
    fn read(
        &self,
        layout: &Layout,
        blocks: &[Vec<u32>],
        encrypted: &[Vec<u16>],
        shape: Shape,
        max: u16,
    ) -> Option<Table> {
        let largest = layout.level.largest(max);
        let half = u32::from(largest).div_ceil(2);
        let flip: Vec<bool> = encrypted[0].iter().map(|&value| u32::from(value) >= half).collect();
        let value = |image: usize, element: usize| {
            let value = encrypted[image][element];
            u32::from(if flip[element] { largest - value } else { value })
        };
        let mark = |&element: &u32| {
            let element = element as usize;
            value(0, element) + if self.images == 2 { half * value(1, element) } else { 0 }
        };
        let seen: Vec<Vec<u32>> = blocks.iter().map(|block| block.iter().map(mark).collect()).collect();
        let origin = self.origins(layout, &seen)?;
        let shared = if layout.within == Within::Shared { self.shared(&seen, &origin, half)? } else { Vec::new() };
        let mut table = Table::guess(shape, max, layout.level);
        for ((block, seen), &from) in blocks.iter().zip(&seen).zip(&origin) {
            let places: Vec<u32> = match layout.within {
                Within::Shared => shared.clone(),
                Within::PerBlock => {
                    let place: HashMap<u32, u32> = self.of_block[from].iter().copied().zip(0..).collect();
                    seen.iter().map(|mark| place.get(mark).copied()).collect::<Option<_>>()?
                }
                Within::Turned => {
                    let marks = &self.of_block[from];
                    let fits = |map: &Vec<u32>| map.iter().zip(seen).all(|(&at, &mark)| marks[at as usize] == mark);
                    turns(layout.block, shape.channels).into_iter().find(fits)?
                }
            };
            for (&element, &place) in block.iter().zip(&places) {
                table.source[element as usize] = blocks[from][place as usize];
                table.sure[element as usize] = true;
            }
        }
        table.flip = flip;
        Some(table)
    }

    /// The block of the plain image that each block of the encrypted one holds.
    fn origins(&self, layout: &Layout, seen: &[Vec<u32>]) -> Option<Vec<usize>> {
        if !layout.scrambled {
            return Some((0..seen.len()).collect());
        }
        let sorted = |marks: &Vec<u32>| {
            let mut marks = marks.clone();
            marks.sort_unstable();
            marks
        };
        let known: HashMap<Vec<u32>, usize> = self.of_block.iter().map(sorted).zip(0..).collect();
        let origin: Vec<usize> = seen.iter().map(|marks| known.get(&sorted(marks)).copied()).collect::<Option<_>>()?;
        (known.len() == seen.len()).then_some(origin)
    }

    /// The permutation that all blocks share, from the blocks that hold digits.
    fn shared(&self, seen: &[Vec<u32>], origin: &[usize], half: u32) -> Option<Vec<u32>> {
        let size = seen[0].len();
        let mut places = vec![0; size];
        for digit in 0..self.digits {
            let block = &seen[origin.iter().position(|&from| from == digit)?];
            places.iter_mut().zip(block).for_each(|(place, &mark)| *place += mark * half.pow(digit as u32));
        }
        places.iter().all(|&place| (place as usize) < size).then_some(places)
    }
}

/// The digits to the base `base` of numbers below `size`.
fn digits_of(size: usize, base: u32) -> usize {
    let (mut digits, mut reach) = (1, base as usize);
    while reach < size {
        (digits, reach) = (digits + 1, reach * base as usize);
    }
    digits
}

/// For each block, `size` different values below `values`, in a random order. If blocks are to be told apart, no two
/// have the same values. `None` if there are not enough.
fn subsets(blocks: usize, size: usize, values: u32, apart: bool, random: &mut ChaCha20Rng) -> Option<Vec<Vec<u32>>> {
    let mut seen = std::collections::HashSet::new();
    let mut all: Vec<u32> = (0..values).collect();
    let mut of_block = Vec::with_capacity(blocks);
    let mut tries = 0;
    while of_block.len() < blocks {
        for i in 0..size {
            let j = i + random.next_u32() as usize % (all.len() - i);
            all.swap(i, j);
        }
        let drawn = all[..size].to_vec();
        if apart {
            let mut sorted = drawn.clone();
            sorted.sort_unstable();
            if !seen.insert(sorted) {
                tries += 1;
                if tries > 20 * blocks {
                    return None;
                }
                continue;
            }
        }
        of_block.push(drawn);
    }
    Some(of_block)
}
