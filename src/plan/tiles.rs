//! A plan cut into tiles. A tile is a few pieces of the output and the few pieces of the input that they read. An
//! engine can hold these in fast memory (a cache, a workgroup's memory) and find elements by 16-bit entries there,
//! instead of 32-bit entries over the whole image. A block is such a tile, even when scrambling moves it. A plan that
//! moves elements across the whole image has no tiles, and engines then follow its table.

use super::{FLIP, Plan, Unit};
use crate::image::Geometry;

/// Bytes of a piece of the input, and of a piece of an interleaved output.
pub const CHUNK: usize = 16;
/// The most chunks of the input that a tile reads.
pub const SOURCES: usize = 64;
/// Samples of a piece of a planar output.
pub const QUAD: usize = 4;

/// An entry takes the upper nibble; without this bit, the lower one. Only for plans that move nibbles.
pub const UPPER: u16 = 1 << 10;
/// An entry is flipped.
pub const FLIPPED: u16 = 1 << 15;
/// The bits of an entry that give its byte in the tile's sources.
pub const PLACE: u16 = (SOURCES * CHUNK - 1) as u16;

/// How often a chunk of the input is read at most, on average. If the rows of scrambled blocks are shorter than a
/// chunk, the chunk also holds neighbouring blocks and is read two to three times.
const MOST_READS: usize = 4;

/// Bytes of a word.
const WORD: usize = 4;

/// Larger images, in bytes, are not cut: making the lists would take longer than they save.
const LARGEST: usize = 4 << 20;

/// The layout of the output, which decides what its pieces are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// (H, W, C): pieces are chunks.
    Interleaved,
    /// (C, H, W): a piece is four neighbouring samples of one channel.
    Planar,
}

/// A plan in tiles.
#[derive(Debug)]
pub struct Tiles {
    /// Where the sources and the outputs of each tile begin; the last element is where they end.
    bounds: Vec<[usize; 2]>,
    sources: Vec<u32>,
    outputs: Vec<u32>,
    entries: Vec<u16>,
    per_output: usize,
}

/// One tile.
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
    /// The numbers of the input's chunks, in increasing order, at most [`SOURCES`].
    pub sources: &'a [u32],
    /// The numbers of the output's pieces, in increasing order.
    pub outputs: &'a [u32],
    /// The entries of each byte of each piece, in order: one entry, or two if nibbles are moved, the entry of the lower
    /// nibble first. In a planar piece, the first byte of each sample comes before the second. Bits 0 to 9 are
    /// [`PLACE`]: a byte of the chunks in `sources`, one chunk after the other.
    pub entries: &'a [u16],
}

impl Tiles {
    /// Cuts a plan into tiles of at most `most_outputs` pieces of output. `None` if the plan has no good tiles:
    /// elements come from all over the image, rows are not a whole number of pieces, or the image is large.
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
        // For each chunk: the tile that took it last, counted from one, and its place among that tile's sources.
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

    /// Ends the last tile: sorts its lists and writes its entries.
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
            // Padding beyond the end of the image: the value does not matter.
            self.entries.resize(begun + self.per_output, 0);
        }
        self.bounds.push([self.sources.len(), self.outputs.len()]);
    }

    /// The number of tiles.
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

/// The source of a byte, or of a nibble.
struct SourceByte {
    byte: usize,
    upper: bool,
    flipped: bool,
}

/// The pieces of a plan's output.
struct Pieces<'a> {
    plan: &'a Plan,
    layout: Layout,
    /// The number of pieces.
    count: usize,
    /// Bytes of a piece.
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

    /// Byte `k` of a piece, as a byte of the interleaved output; `None` beyond the end of the output.
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

    /// Calls `then` with the sources of a piece, in the order of its entries.
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

    /// Collects the chunks that a piece reads and that the tile has not taken yet, each once.
    fn chunks_beyond(&self, piece: usize, taken: &[u32], tile: u32, new: &mut Vec<u32>) {
        new.clear();
        self.each_source(piece, |source| {
            let chunk = source.byte / CHUNK;
            if taken[chunk] != tile && !new.contains(&(chunk as u32)) {
                new.push(chunk as u32);
            }
        });
    }

    /// All pieces, ordered so that those of a block are together: pieces that read the same word, directly or through
    /// other pieces, form a group. The unit is a word, because two pieces of a permutation never read the same byte. A
    /// longer unit would also hold bytes around a block and join it to its neighbours, and scrambled blocks to the
    /// whole image.
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
        // The groups, in the order of their first piece in the output.
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

/// Disjoint sets of words: a forest with path halving.
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
        // The smaller number becomes the root. The trees stay flat enough, because bytes come nearly in order.
        self.0[a.max(b)] = a.min(b) as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Depth;
    use crate::schedule::Stream;
    use proptest::prelude::*;

    /// A plan that moves elements inside blocks of a few consecutive elements; the blocks are scrambled or not.
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

    /// The plan applied element by element, interleaved.
    fn naive(plan: &Plan, image: &[u8]) -> Vec<u8> {
        let bits = if plan.unit() == Unit::Nibble { 4 } else { 8 * plan.geometry().depth().bytes() };
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

    /// The result of the tiles, and how often each byte of it was written. Planar bytes are put in their places of the
    /// interleaved image.
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
                    // Small images always have tiles, unless the size of their planes is not a multiple of four.
                    let no_quads = layout == Layout::Planar && geometry.pixels() % QUAD != 0;
                    prop_assert!(no_quads || geometry.bytes() > SOURCES * CHUNK || most < 64);
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
