//! A plan on the device: its table, and its tiles for both layouts of the output. Each is sent when it is first needed.

use super::device::Gpu;
use crate::engine::EngineError;
use crate::plan::tiles::{CHUNK, Layout, PLACE, SOURCES, Tiles};
use crate::plan::{Plan, Unit};
use std::sync::OnceLock;

/// A tile's kernel works on `IMAGES` of `shaders/shared/tiles.wgsl` at a time. With fewer images than these, half of it
/// or more is idle.
const FEWEST: usize = 3;

/// `NONE` of `shaders/shared/tiles.wgsl`.
const NONE: u32 = u32::MAX;

/// A loaded plan.
pub struct PlanTables {
    plan: Plan,
    table: OnceLock<wgpu::Buffer>,
    bytes: OnceLock<Option<TileTable>>,
    floats: OnceLock<Option<TileTable>>,
}

/// Tiles as `shaders/shared/tiles.wgsl` reads them.
pub struct TileTable {
    pub buffer: wgpu::Buffer,
    pub count: u64,
}

impl PlanTables {
    pub fn new(gpu: &Gpu, plan: &Plan) -> Result<Self, EngineError> {
        let bytes = size_of_val(plan.table()) as u64;
        if bytes > gpu.limit {
            return Err(gpu.too_large("the plan", bytes));
        }
        let plan = plan.clone();
        Ok(Self { plan, table: OnceLock::new(), bytes: OnceLock::new(), floats: OnceLock::new() })
    }

    pub fn unit(&self) -> Unit {
        self.plan.unit()
    }

    /// The table. The caller holds an error scope.
    pub fn table(&self, gpu: &Gpu) -> &wgpu::Buffer {
        self.table.get_or_init(|| gpu.sent(bytemuck::cast_slice(self.plan.table()), wgpu::BufferUsages::STORAGE))
    }

    /// The tiles for `images` images, if the plan has good tiles. The caller holds an error scope.
    pub fn tiles(&self, gpu: &Gpu, layout: Layout, images: usize) -> Option<&TileTable> {
        if images < FEWEST || !self.plan.geometry().bytes().is_multiple_of(CHUNK) {
            return None;
        }
        // Rows of outputs, as the kernels define them.
        let (place, rows) = match layout {
            Layout::Interleaved => (&self.bytes, 1),
            Layout::Planar => (&self.floats, 4),
        };
        let load = || {
            let tiles = Tiles::cut(&self.plan, layout, rows * SOURCES)?;
            let words = arranged(&tiles, rows);
            let bytes: &[u8] = bytemuck::cast_slice(&words);
            let count = tiles.count() as u64;
            let load = || TileTable { buffer: gpu.sent(bytes, wgpu::BufferUsages::STORAGE), count };
            (bytes.len() as u64 <= gpu.limit).then(load)
        };
        place.get_or_init(load).as_ref()
    }
}

/// Tiles in rows with one place per invocation: sources and outputs, then the entries of each row of outputs.
fn arranged(tiles: &Tiles, rows: usize) -> Vec<[u32; 2]> {
    // A place holds four entries.
    let entry_rows = tiles.per_output() / 4;
    let of_tile = SOURCES * rows * (1 + entry_rows);
    let mut words = vec![[NONE, NONE]; of_tile * tiles.count()];
    for (tile, words) in tiles.iter().zip(words.chunks_exact_mut(of_tile)) {
        for (place, &source) in words.iter_mut().zip(tile.sources) {
            place[0] = source;
        }
        let (numbers, all_entries) = words.split_at_mut(rows * SOURCES);
        let outputs = tile.outputs.iter().zip(tile.entries.chunks_exact(tiles.per_output()));
        for (i, (&output, entries)) in outputs.enumerate() {
            numbers[i][1] = output;
            let (row, lane) = (i / SOURCES, i % SOURCES);
            for (k, four) in entries.as_chunks::<4>().0.iter().enumerate() {
                let pair = |low: u16, high: u16| u32::from(near(low)) | u32::from(near(high)) << 16;
                let place = (row * entry_rows + k) * SOURCES + lane;
                all_entries[place] = [pair(four[0], four[1]), pair(four[2], four[3])];
            }
        }
    }
    words
}

/// Converts an entry's place to its place in `near` of `shaders/shared/tiles.wgsl`: byte b of chunk c is word b * 64 +
/// c.
fn near(entry: u16) -> u16 {
    let (chunk, byte) = ((entry & PLACE) / CHUNK as u16, (entry & PLACE) % CHUNK as u16);
    entry & !PLACE | (byte * SOURCES as u16 + chunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::step::Step;
    use crate::image::Geometry;
    use crate::key::Key;
    use crate::scheme::{Block, KeyScope, Options, Preset, compile};
    use std::collections::HashSet;

    /// The average number of turns that 32 neighbouring invocations need for one read of `near`: a bank (a word, modulo
    /// 32) delivers one word per turn. None of this can be timed without a GPU, and a layout with worse turns would go
    /// unnoticed.
    fn turns(preset: Preset, options: Options, layout: Layout) -> f64 {
        let geometry = Geometry::new(224, 224, 3).unwrap();
        let program = compile(&preset.scheme(options).unwrap(), &Key::from_bytes([7; 32]), geometry).unwrap();
        let [Step::Permute(plan)] = program.steps() else { panic!("{preset:?} is one plan") };
        let rows = if layout == Layout::Planar { 4 } else { 1 };
        let tiles = Tiles::cut(plan, layout, rows * SOURCES).unwrap();
        let entry_rows = tiles.per_output() / 4;
        let words = arranged(&tiles, rows);
        let (mut sum, mut looks) = (0, 0);
        for tile in words.chunks_exact(SOURCES * rows * (1 + entry_rows)) {
            for (i, neighbours) in tile[rows * SOURCES..].chunks_exact(32).enumerate() {
                let outputs = &tile[i / 2 / entry_rows * SOURCES + i % 2 * 32..][..32];
                for shift in [0, 16] {
                    for word in [0, 1] {
                        let mut banks = vec![HashSet::new(); 32];
                        for (entry, output) in neighbours.iter().zip(outputs) {
                            if output[1] != NONE {
                                let place = entry[word] >> shift & u32::from(PLACE);
                                banks[place as usize % 32].insert(place);
                            }
                        }
                        let most = banks.iter().map(HashSet::len).max().unwrap();
                        (sum, looks) = (sum + most, looks + usize::from(most > 0));
                    }
                }
            }
        }
        sum as f64 / looks as f64
    }

    #[test]
    fn looks_into_the_memory_of_a_workgroup_seldom_wait_for_each_other() {
        let four = Options { block: Some(Block::square(4)), ..Options::default() };
        let per_block = Options { key_scope: Some(KeyScope::Block), ..four };
        // The figures are those of docs/BENCHMARKS.md. 32 random words in 32 banks would need 3.5 turns.
        for (preset, options, layout, expected) in [
            // One key for all blocks: neighbouring invocations of a row read neighbouring words of a row.
            (Preset::ShuffleFlip, four, Layout::Interleaved, 2.63),
            (Preset::ShuffleFlip, four, Layout::Planar, 2.93),
            (Preset::Le, four, Layout::Interleaved, 2.81),
            (Preset::Le, four, Layout::Planar, 2.92),
            (Preset::ShuffleFlip, per_block, Layout::Interleaved, 3.23),
            (Preset::Ele, four, Layout::Interleaved, 2.91),
            (Preset::Ele, four, Layout::Planar, 3.00),
        ] {
            let found = turns(preset, options, layout);
            assert!((found - expected).abs() < 0.01, "{preset:?} {layout:?}: {found:.2} turns");
        }
    }
}
