//! A plan cut into tiles: a few pieces of the output, and the few pieces of the input that they are made of, so that an engine can
//! hold these close by (a cache, a workgroup's memory) and find elements there by 16-bit entries instead of 32-bit ones anywhere in
//! the image. Blocks are such tiles by nature, wherever scrambling sends them; a plan that moves elements across the whole
//! image has none, and engines then follow its table.

use super::{FLIP, Plan, Unit};
use crate::image::Geometry;

/// Bytes of a piece of the input, and of a piece of an interleaved output.
pub const CHUNK: usize = 16;
/// Chunks of the input that a tile is made of, at most.
pub const SOURCES: usize = 64;
/// Samples of a piece of a planar output.
pub const QUAD: usize = 4;

/// An entry takes the upper nibble; else it is the lower one. Only where a plan moves nibbles.
pub const UPPER: u16 = 1 << 10;
/// An entry is flipped.
pub const FLIPPED: u16 = 1 << 15;
/// The byte of the tile's sources that an entry takes.
pub const PLACE: u16 = (SOURCES * CHUNK - 1) as u16;

/// How often a chunk of the input is read, in the mean, at most. Scrambled blocks whose rows are shorter than a chunk bring their
/// neighbours along, two to three times.
const MOST_READS: usize = 4;

/// Bytes of a word.
const WORD: usize = 4;

/// Images of more bytes are not cut: lists would take longer to make than they save.
const LARGEST: usize = 4 << 20;

/// How the output is laid, and thereby what its pieces are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// (H, W, C): pieces are chunks.
    Interleaved,
    /// (C, H, W): pieces are four neighbours of one channel.
    Planar,
}

/// A plan in tiles.
#[derive(Debug)]
pub struct Tiles {
    /// Where a tile's sources and outputs begin, and at last where they end.
    bounds: Vec<[usize; 2]>,
    sources: Vec<u32>,
    outputs: Vec<u32>,
    entries: Vec<u16>,
    per_output: usize,
}

/// One tile.
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
    /// Numbers of the input's chunks, rising, at most [`SOURCES`].
    pub sources: &'a [u32],
    /// Numbers of the output's pieces, rising.
    pub outputs: &'a [u32],
    /// For every piece, one behind the other, and every byte of it, in order (of a planar one, the first byte of each sample
    /// comes before the second): one entry, or two where nibbles are moved, that of the lower nibble first. Bits 0 to 9 are
    /// [`PLACE`]: a byte of the sources as they stand here, chunk behind chunk.
    pub entries: &'a [u16],
}

impl Tiles {
    /// Cuts a plan into tiles of at most so many pieces of output. `None` where it has no good ones: elements come from all
    /// over the image, rows do not go up in pieces, or the image is large.
    pub fn cut(plan: &Plan, layout: Layout, most_outputs: usize) -> Option<Tiles> {
        let pieces = Pieces::of(plan, layout)?;
        let chunks = plan.geometry().bytes().div_ceil(CHUNK);
        let per_byte = if plan.unit() == Unit::Nibble { 2 } else { 1 };
        let mut tiles = Tiles {
            bounds: vec![[0, 0]],
            sources: Vec::new(),
            outputs: Vec::new(),
            entries: Vec::new(),
            per_output: pieces.bytes * per_byte,
        };
        // The tile that a chunk was last taken into, counted from one, and its place among that tile's sources.
        let mut taken = vec![0u32; chunks];
        let mut local = vec![0u16; chunks];
        let mut new = Vec::new();
        for piece in pieces.in_order() {
            let [first_source, first_output] = tiles.bounds[tiles.bounds.len() - 1];
            pieces.chunks_beyond(piece, &taken, tiles.bounds.len() as u32, &mut new);
            let full = tiles.sources.len() - first_source + new.len() > SOURCES;
            if full || tiles.outputs.len() - first_output == most_outputs {
                tiles.close(&pieces, &mut local);
                if tiles.sources.len() > MOST_READS * chunks {
                    return None;
                }
                pieces.chunks_beyond(piece, &taken, tiles.bounds.len() as u32, &mut new);
            }
            let tile = tiles.bounds.len() as u32;
            new.iter().for_each(|&chunk| taken[chunk as usize] = tile);
            tiles.sources.extend(&new);
            tiles.outputs.push(piece as u32);
        }
        tiles.close(&pieces, &mut local);
        (tiles.sources.len() <= MOST_READS * chunks).then_some(tiles)
    }

    /// Ends the last tile: puts its lists in order and writes its entries.
    fn close(&mut self, pieces: &Pieces<'_>, local: &mut [u16]) {
        let [first_source, first_output] = self.bounds[self.bounds.len() - 1];
        let (sources, outputs) = (&mut self.sources[first_source..], &mut self.outputs[first_output..]);
        sources.sort_unstable();
        outputs.sort_unstable();
        for (place, &chunk) in sources.iter().enumerate() {
            local[chunk as usize] = place as u16;
        }
        for &piece in &*outputs {
            let begun = self.entries.len();
            pieces.each_source(piece as usize, |source| {
                let place = local[source.byte / CHUNK] * CHUNK as u16 + (source.byte % CHUNK) as u16;
                self.entries
                    .push(place | if source.upper { UPPER } else { 0 } | if source.flipped { FLIPPED } else { 0 });
            });
            // Behind the image's end: anything.
            self.entries.resize(begun + self.per_output, 0);
        }
        self.bounds.push([self.sources.len(), self.outputs.len()]);
    }

    /// How many tiles there are.
    pub fn count(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Entries of one piece of output.
    pub fn per_output(&self) -> usize {
        self.per_output
    }

    /// The tiles.
    pub fn iter(&self) -> impl Iterator<Item = Tile<'_>> {
        self.bounds.windows(2).map(|bounds| {
            let ([from_source, from_output], [to_source, to_output]) = (bounds[0], bounds[1]);
            Tile {
                sources: &self.sources[from_source..to_source],
                outputs: &self.outputs[from_output..to_output],
                entries: &self.entries[from_output * self.per_output..to_output * self.per_output],
            }
        })
    }
}

/// Where a byte, or a nibble, comes from.
struct SourceByte {
    byte: usize,
    upper: bool,
    flipped: bool,
}

/// The pieces of a plan's output.
struct Pieces<'a> {
    plan: &'a Plan,
    layout: Layout,
    /// How many there are.
    count: usize,
    /// Bytes of each.
    bytes: usize,
}

impl<'a> Pieces<'a> {
    fn of(plan: &'a Plan, layout: Layout) -> Option<Self> {
        let geometry = plan.geometry();
        let size = geometry.bytes();
        let (count, bytes) = match layout {
            Layout::Interleaved => (size.div_ceil(CHUNK), CHUNK),
            Layout::Planar if geometry.pixels().is_multiple_of(QUAD) => {
                (geometry.samples() / QUAD, QUAD * geometry.depth().bytes())
            }
            Layout::Planar => return None,
        };
        (size <= LARGEST).then_some(Self { plan, layout, count, bytes })
    }

    /// Byte `k` of a piece, as a byte of the interleaved output; `None` behind its end.
    fn byte(&self, geometry: Geometry, piece: usize, k: usize) -> Option<usize> {
        match self.layout {
            Layout::Interleaved => Some(piece * CHUNK + k).filter(|&byte| byte < geometry.bytes()),
            Layout::Planar => {
                let quads = geometry.pixels() / QUAD;
                let (channel, pixel) = (piece / quads, piece % quads * QUAD + k % QUAD);
                let sample = pixel * geometry.channels() + channel;
                Some(sample * geometry.depth().bytes() + k / QUAD)
            }
        }
    }

    /// What a piece is made of, in the order of its entries.
    fn each_source(&self, piece: usize, mut then: impl FnMut(SourceByte)) {
        let geometry = self.plan.geometry();
        let of_sample = geometry.depth().bytes();
        let table = self.plan.table();
        for byte in (0..self.bytes).map_while(|k| self.byte(geometry, piece, k)) {
            match self.plan.unit() {
                Unit::Sample => {
                    let entry = table[byte / of_sample];
                    let byte = (entry & !FLIP) as usize * of_sample + byte % of_sample;
                    then(SourceByte { byte, upper: false, flipped: entry & FLIP != 0 });
                }
                Unit::Nibble => {
                    for entry in &table[2 * byte..2 * byte + 2] {
                        let nibble = (entry & !FLIP) as usize;
                        then(SourceByte { byte: nibble / 2, upper: nibble % 2 == 1, flipped: entry & FLIP != 0 });
                    }
                }
            }
        }
    }

    /// The chunks that a piece is made of and a tile has not taken yet, each once.
    fn chunks_beyond(&self, piece: usize, taken: &[u32], tile: u32, new: &mut Vec<u32>) {
        new.clear();
        self.each_source(piece, |source| {
            let chunk = source.byte / CHUNK;
            if taken[chunk] != tile && !new.contains(&(chunk as u32)) {
                new.push(chunk as u32);
            }
        });
    }

    /// All pieces, those together that share blocks: they are made of the same words, directly or by way of others. Words,
    /// because two pieces of a permutation never take the same byte; and nothing longer, because what lies around a block would
    /// tie it to its neighbours, and scrambled blocks with theirs to the whole image.
    fn in_order(&self) -> Vec<usize> {
        let words = self.plan.geometry().bytes().div_ceil(WORD);
        let mut groups = Groups::new(words);
        let mut first_source = Vec::with_capacity(self.count);
        for piece in 0..self.count {
            let mut first = None;
            self.each_source(piece, |source| match first {
                None => first = Some(source.byte / WORD),
                Some(first) => groups.join(first, source.byte / WORD),
            });
            // Every piece has a byte.
            first_source.push(first.unwrap_or_default());
        }
        // Groups in the order in which the output comes to them.
        let mut rank = vec![u32::MAX; words];
        let mut ranked: Vec<(u32, usize)> = Vec::with_capacity(self.count);
        for (piece, &word) in first_source.iter().enumerate() {
            let rank = &mut rank[groups.of(word)];
            *rank = (*rank).min(piece as u32);
            ranked.push((*rank, piece));
        }
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, piece)| piece).collect()
    }
}

/// Disjoint sets of words: a forest whose paths are halved while they are walked.
struct Groups(Vec<u32>);

impl Groups {
    fn new(words: usize) -> Self {
        Self((0..words as u32).collect())
    }

    fn of(&mut self, word: usize) -> usize {
        let (parents, mut at) = (&mut self.0, word);
        while parents[at] as usize != at {
            parents[at] = parents[parents[at] as usize];
            at = parents[at] as usize;
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        // The smaller number stays: trees stay flat enough where bytes come in order, as they nearly do.
        self.0[a.max(b)] = a.min(b) as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Depth;
    use crate::schedule::Stream;
    use proptest::prelude::*;

    /// A plan inside blocks of a few elements that lie one behind the other, the blocks scrambled or not.
    fn blocks(geometry: Geometry, unit: Unit, block: usize, scrambled: bool, seed: u64) -> Plan {
        let elements = unit.elements(geometry).unwrap();
        let mut stream = Stream::new(&[5; 32], seed);
        let whole = elements / block;
        let order: Vec<u32> = if scrambled { stream.permutation(whole as u32) } else { (0..whole as u32).collect() };
        let flips = stream.bits(elements);
        let mut table: Vec<u32> = (0..elements as u32).collect();
        for (to, from) in order.into_iter().enumerate() {
            for (i, element) in stream.permutation(block as u32).into_iter().enumerate() {
                table[to * block + i] = from * block as u32 + element;
            }
        }
        for (entry, flip) in table.iter_mut().zip(flips) {
            *entry |= if flip { FLIP } else { 0 };
        }
        Plan::from_table(geometry, unit, table).unwrap()
    }

    /// Element by element, interleaved.
    fn naive(plan: &Plan, image: &[u8]) -> Vec<u8> {
        let bits = plan.bits() as usize;
        let mut output = vec![0; image.len()];
        for (i, &entry) in plan.table().iter().enumerate() {
            for b in 0..bits {
                let from = (entry & !FLIP) as usize * bits + b;
                let bit = (image[from / 8] >> (from % 8) & 1 == 1) ^ (entry & FLIP != 0);
                output[(i * bits + b) / 8] |= u8::from(bit) << ((i * bits + b) % 8);
            }
        }
        output
    }

    /// What the tiles make of an image, and how often each byte of it was made. Planar bytes are put where they belong
    /// in the interleaved image.
    fn tiled(plan: &Plan, tiles: &Tiles, layout: Layout, image: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let geometry = plan.geometry();
        let (mut output, mut made) = (vec![0; image.len()], vec![0; image.len()]);
        let per_byte = if plan.unit() == Unit::Nibble { 2 } else { 1 };
        for tile in tiles.iter() {
            let near: Vec<u8> = tile
                .sources
                .iter()
                .flat_map(|&chunk| (0..CHUNK).map(move |b| image.get(chunk as usize * CHUNK + b).copied().unwrap_or(0)))
                .collect();
            for (piece, entries) in tile.outputs.iter().zip(tile.entries.chunks_exact(tiles.per_output())) {
                for (k, entries) in entries.chunks_exact(per_byte).enumerate() {
                    let all = if per_byte == 2 { 15 } else { 255 };
                    let element = |entry: u16| {
                        let byte = near[usize::from(entry & PLACE)] >> if entry & UPPER == 0 { 0 } else { 4 };
                        (byte ^ if entry & FLIPPED == 0 { 0 } else { all }) & all
                    };
                    let byte = entries
                        .iter()
                        .rev()
                        .fold(0u8, |byte, &entry| byte.checked_shl(4).unwrap_or(0) | element(entry));
                    let at = match layout {
                        Layout::Interleaved => *piece as usize * CHUNK + k,
                        Layout::Planar => {
                            let first = *piece as usize * QUAD + k % QUAD;
                            let (channel, pixel) = (first / geometry.pixels(), first % geometry.pixels());
                            (pixel * geometry.channels() + channel) * geometry.depth().bytes() + k / QUAD
                        }
                    };
                    if at < image.len() {
                        output[at] = byte;
                        made[at] += 1;
                    }
                }
            }
        }
        (output, made)
    }

    proptest! {
        #[test]
        fn tiles_make_every_byte_once_and_as_the_plan_does(
            (h, w, rgb, deep, nibbles) in (1u32..40, 1u32..40, any::<bool>(), any::<bool>(), any::<bool>()),
            (block, scrambled, most, seed) in (1usize..70, any::<bool>(), 1usize..300, any::<u64>()),
        ) {
            let geometry = Geometry::new(h, w, if rgb { 3 } else { 1 }).unwrap();
            let geometry = if deep { geometry.with_depth(Depth::U16) } else { geometry };
            let unit = if nibbles { Unit::Nibble } else { Unit::Sample };
            let plan = blocks(geometry, unit, block, scrambled, seed);
            let image: Vec<u8> = (0..geometry.bytes()).map(|i| (i * 37 + i / 256 * 11) as u8).collect();
            let expected = naive(&plan, &image);
            for layout in [Layout::Interleaved, Layout::Planar] {
                let Some(tiles) = Tiles::cut(&plan, layout, most) else {
                    // Small images always have tiles, but for planes that do not go up in fours.
                    prop_assert!(layout == Layout::Planar && geometry.pixels() % QUAD != 0 || geometry.bytes() > SOURCES * CHUNK || most < 64);
                    continue;
                };
                for tile in tiles.iter() {
                    prop_assert!(tile.sources.len() <= SOURCES && tile.outputs.len() <= most);
                    prop_assert!(tile.sources.is_sorted_by(|a, b| a < b) && tile.outputs.is_sorted_by(|a, b| a < b));
                }
                let (output, made) = tiled(&plan, &tiles, layout, &image);
                prop_assert!(made.iter().all(|&times| times == 1));
                prop_assert!(output == expected);
            }
        }
    }

    #[test]
    fn a_plan_across_the_whole_image_has_no_tiles() {
        let geometry = Geometry::new(64, 64, 3).unwrap();
        let plan = blocks(geometry, Unit::Sample, geometry.samples(), false, 1);
        assert!(Tiles::cut(&plan, Layout::Interleaved, 64).is_none());
        assert!(Tiles::cut(&plan, Layout::Planar, 256).is_none());
        let plan = blocks(geometry, Unit::Nibble, 96, true, 1);
        let tiles = Tiles::cut(&plan, Layout::Interleaved, 64).unwrap();
        assert_eq!(tiles.iter().map(|tile| tile.outputs.len()).sum::<usize>(), geometry.bytes() / CHUNK);
    }
}
