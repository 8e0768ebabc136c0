//! Known plaintext: the attacker holds a few plain images with their encryptions, and matches elements by their values.
//!
//! Attacker: has pairs that he did not choose (a leaked original, an image that is public). Knows the structure of the
//! scheme. Cost: the pairs, and seconds. Gives back: the part of the table that the pairs determine, and other images
//! decrypted with it. Entries that several elements fit are guessed.

use crate::layout::{Layout, Within};
use crate::metric;
use crate::shuffled::shuffled;
use crate::table::Table;
use crate::turns::turns;
use crate::{Batch, Error, Progress};
use rayon::prelude::*;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// What a number of pairs gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The pairs.
    pub pairs: usize,
    /// The share of positions that they determine, 0 to 1.
    pub determined: f64,
    /// The mean SSIM of other images, decrypted with the table.
    pub ssim: f64,
    /// The share of their samples that are right, 0 to 1.
    pub right: f64,
}

/// The result of [`measure`].
#[derive(Clone, Debug)]
pub struct Known {
    /// One step for each number of pairs, in order.
    pub steps: Vec<Step>,
    /// The mean SSIM of the other images as they are encrypted.
    pub encrypted: f64,
    /// The numbers of the other images in the set.
    pub others: Vec<usize>,
    /// The other images, decrypted after the most pairs.
    pub decrypted: Batch,
}

/// How many images are decrypted to measure a step.
const OTHERS: usize = 20;

/// Draws pairs and other images from a set, and measures what 1, 2, 4, ... up to `pairs` of them give.
///
/// # Errors
///
/// When there are fewer than `pairs + 1` images, the batches or the layout do not fit, or the caller stops.
pub fn measure(
    plain: &Batch,
    encrypted: &Batch,
    layout: Layout,
    pairs: usize,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Known, Error> {
    plain.must_match(encrypted)?;
    if pairs == 0 || plain.len() <= pairs {
        return Err(Error::TooFewImages { needed: pairs.max(1) + 1, given: plain.len() });
    }
    let order = shuffled(plain.len(), seed);
    let others = order[..OTHERS.min(plain.len() - pairs)].to_vec();
    let known = &order[others.len()..];
    let mut numbers: Vec<usize> = std::iter::successors(Some(1), |n| Some(n * 2)).take_while(|&n| n < pairs).collect();
    numbers.push(pairs);
    let (shown, hidden) = (plain.select(&others), encrypted.select(&others));
    let mut decrypted = hidden.clone();
    let mut steps = Vec::new();
    for (done, &pairs) in numbers.iter().enumerate() {
        progress.report("matching pairs", done, numbers.len());
        progress.check()?;
        let table = table(&plain.select(&known[..pairs]), &encrypted.select(&known[..pairs]), layout)?;
        decrypted = table.decrypt(&hidden)?;
        let same = decrypted.samples().iter().zip(shown.samples()).filter(|(a, b)| a == b).count();
        steps.push(Step {
            pairs,
            determined: table.determined(),
            ssim: metric::mean(&metric::ssim(&shown, &decrypted)?),
            right: same as f64 / shown.samples().len() as f64,
        });
    }
    progress.report("matching pairs", numbers.len(), numbers.len());
    Ok(Known { steps, encrypted: metric::mean(&metric::ssim(&shown, &hidden)?), others, decrypted })
}

/// The table that pairs of images with their encryptions determine.
///
/// # Errors
///
/// When the batches or the layout do not fit, or there is no pair.
pub fn table(plain: &Batch, encrypted: &Batch, layout: Layout) -> Result<Table, Error> {
    plain.must_match(encrypted)?;
    layout.check(plain.shape(), plain.max())?;
    if plain.is_empty() {
        return Err(Error::TooFewImages { needed: 1, given: 0 });
    }
    let pairs = Pairs {
        layout,
        blocks: layout.blocks(plain.shape(), plain.max()),
        channels: plain.shape().channels,
        plain: Side::new(plain, layout),
        encrypted: Side::new(encrypted, layout),
    };
    let mut table = Table::guess(plain.shape(), plain.max(), layout.level);
    match layout.within {
        Within::PerBlock => pairs.per_block(&mut table),
        Within::Shared => pairs.shared(&mut table),
        Within::Turned => pairs.turned(&mut table),
    }
    Ok(table)
}

/// The elements of one side of the pairs.
struct Side {
    images: Vec<Vec<u16>>,
    largest: u16,
    /// Whether the first image's value is in the upper half. Elements are compared negated where it is.
    upper: Vec<bool>,
    /// A hash of each element's values over all images, the same for an element and its negative.
    signature: Vec<u64>,
}

impl Side {
    fn new(batch: &Batch, layout: Layout) -> Self {
        let largest = layout.level.largest(batch.max());
        let images = layout.level.cut_all(batch);
        let upper: Vec<bool> = images[0].iter().map(|&value| value > largest / 2).collect();
        let signature = upper.par_iter().enumerate().map(|(element, &upper)| {
            hash(images.iter().map(|image| if upper { largest - image[element] } else { image[element] }))
        });
        Self { signature: signature.collect(), largest, upper, images }
    }

    /// A hash of the elements of a block in any order.
    fn of_block(&self, block: &[u32]) -> u64 {
        let mut all: Vec<u64> = block.iter().map(|&element| self.signature[element as usize]).collect();
        all.sort_unstable();
        hash(all)
    }

    /// A hash of the values of a block in any order, the same for a block and its negative.
    fn of_whole_block(&self, block: &[u32]) -> u64 {
        let sorted = |negative: bool| {
            hash(self.images.iter().map(|image| {
                let value = |&element: &u32| image[element as usize];
                let mut all: Vec<u16> =
                    block.iter().map(|e| if negative { self.largest - value(e) } else { value(e) }).collect();
                all.sort_unstable();
                all
            }))
        };
        sorted(false).min(sorted(true))
    }

    /// A hash of the values that place `place` has in these blocks, and whether they are negated in it.
    fn of_place<'a>(&self, place: usize, blocks: impl Iterator<Item = &'a Vec<u32>>) -> (u64, bool) {
        let mut blocks = blocks.peekable();
        let upper = blocks.peek().is_some_and(|block| self.upper[block[place] as usize]);
        let values = blocks.flat_map(|block| self.images.iter().map(move |image| image[block[place] as usize]));
        (hash(values.map(|value| if upper { self.largest - value } else { value })), upper)
    }
}

fn hash<T: Hash>(values: impl IntoIterator<Item = T>) -> u64 {
    let mut hasher = DefaultHasher::new();
    values.into_iter().for_each(|value| value.hash(&mut hasher));
    hasher.finish()
}

struct Pairs {
    layout: Layout,
    blocks: Vec<Vec<u32>>,
    channels: usize,
    plain: Side,
    encrypted: Side,
}

/// Where the blocks of encrypted images come from.
struct Origins {
    block: Vec<usize>,
    /// Whether the block comes from there and no other block fits.
    sure: Vec<bool>,
}

impl Pairs {
    /// Matches blocks by a hash. A block that fits no block is its own origin and not sure, and so is all of it: the
    /// scheme is not what the layout says.
    fn origins(&self, of_block: impl Fn(&Side, &[u32]) -> u64 + Sync) -> Origins {
        let all = |side: &Side| -> Vec<u64> { self.blocks.par_iter().map(|block| of_block(side, block)).collect() };
        let (plain, encrypted) = (all(&self.plain), all(&self.encrypted));
        if !self.layout.scrambled {
            let sure = plain.iter().zip(&encrypted).map(|(plain, encrypted)| plain == encrypted).collect();
            return Origins { block: (0..self.blocks.len()).collect(), sure };
        }
        let mut known: HashMap<u64, Vec<usize>> = HashMap::new();
        plain.iter().enumerate().for_each(|(block, &hash)| known.entry(hash).or_default().push(block));
        let mut used: HashMap<u64, usize> = HashMap::new();
        let mut origins = Origins { block: Vec::new(), sure: Vec::new() };
        for (place, hash) in encrypted.iter().enumerate() {
            let fitting = known.get(hash).map_or(&[][..], Vec::as_slice);
            let turn = used.entry(*hash).or_default();
            origins.block.push(fitting.get(*turn).copied().unwrap_or(place));
            origins.sure.push(fitting.len() == 1 && *turn == 0);
            *turn += 1;
        }
        origins
    }

    /// Elements of a block among those of its origin.
    fn per_block(&self, table: &mut Table) {
        let origins = self.origins(Side::of_block);
        let matched: Vec<Vec<(u32, u32, bool)>> = self
            .blocks
            .par_iter()
            .enumerate()
            .map(|(number, block)| {
                let mut known: HashMap<u64, Vec<u32>> = HashMap::new();
                for &element in &self.blocks[origins.block[number]] {
                    known.entry(self.plain.signature[element as usize]).or_default().push(element);
                }
                let single: HashMap<u64, bool> =
                    known.iter().map(|(&hash, fitting)| (hash, fitting.len() == 1)).collect();
                let mut found = Vec::with_capacity(block.len());
                for &element in block {
                    let hash = self.encrypted.signature[element as usize];
                    if let Some(source) = known.get_mut(&hash).and_then(Vec::pop) {
                        found.push((element, source, origins.sure[number] && single[&hash]));
                    }
                }
                found
            })
            .collect();
        for (element, source, sure) in matched.into_iter().flatten() {
            self.set(table, element, source, sure);
        }
    }

    /// Places of all blocks together, as they share one permutation with its flips.
    fn shared(&self, table: &mut Table) {
        let origins = self.origins(Side::of_block);
        let sure: Vec<usize> = (0..self.blocks.len()).filter(|&block| origins.sure[block]).collect();
        // What is seen of blocks whose origin is known. Without any, blocks whose origin is a guess.
        let seen = if sure.is_empty() { (0..self.blocks.len()).collect() } else { sure.clone() };
        let places = self.blocks[0].len();
        let mut known: HashMap<u64, Vec<(usize, bool)>> = HashMap::new();
        for place in 0..places {
            let from = seen.iter().map(|&block| &self.blocks[origins.block[block]]);
            let (hash, upper) = self.plain.of_place(place, from);
            known.entry(hash).or_default().push((place, upper));
        }
        let share = sure.len() as f64 / self.blocks.len() as f64;
        for place in 0..places {
            let (hash, upper) = self.encrypted.of_place(place, seen.iter().map(|&block| &self.blocks[block]));
            let Some(fitting) = known.get_mut(&hash) else { continue };
            let single = fitting.len() == 1;
            let (from, before) = if single { fitting[0] } else { fitting.pop().unwrap_or((place, upper)) };
            for (number, block) in self.blocks.iter().enumerate() {
                let element = block[place] as usize;
                table.source[element] = self.blocks[origins.block[number]][from];
                table.flip[element] = upper != before;
                table.sure[element] = single && origins.sure[number] && share > 0.0;
            }
        }
    }

    /// Whole blocks among the blocks that have their values, and the turn that fits.
    fn turned(&self, table: &mut Table) {
        let origins = self.origins(Side::of_whole_block);
        let ways = turns(self.layout.block, self.channels);
        let largest = self.plain.largest;
        let fits = |block: &[u32], from: &[u32], way: &[u32], negative: bool| {
            self.plain.images.iter().zip(&self.encrypted.images).all(|(plain, encrypted)| {
                block.iter().zip(way).all(|(&element, &at)| {
                    let value = plain[from[at as usize] as usize];
                    encrypted[element as usize] == if negative { largest - value } else { value }
                })
            })
        };
        type Way = (usize, bool);
        let found: Vec<(Vec<Way>, usize)> = (0..self.blocks.len())
            .into_par_iter()
            .map(|number| {
                let from = &self.blocks[origins.block[number]];
                let all = (0..ways.len()).flat_map(|way| [(way, false), (way, true)]);
                let fitting = all.filter(|&(way, negative)| fits(&self.blocks[number], from, &ways[way], negative));
                (fitting.collect(), number)
            })
            .collect();
        for (fitting, number) in found {
            let Some(&(way, negative)) = fitting.first() else { continue };
            let sure = origins.sure[number] && fitting.len() == 1;
            for (&element, &at) in self.blocks[number].iter().zip(&ways[way]) {
                let element = element as usize;
                table.source[element] = self.blocks[origins.block[number]][at as usize];
                (table.flip[element], table.sure[element]) = (negative, sure);
            }
        }
    }

    fn set(&self, table: &mut Table, element: u32, source: u32, sure: bool) {
        let flip = self.encrypted.upper[element as usize] != self.plain.upper[source as usize];
        let element = element as usize;
        (table.source[element], table.flip[element], table.sure[element]) = (source, flip, sure);
    }
}
