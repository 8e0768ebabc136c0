//! The compiler: a scheme, a key and a geometry become a [`Program`]. Every stage draws from its own subkey; runs of
//! permutations and flips fold into one plan.

use super::{Block, KeyScope, Scheme, Stage};
use crate::image::Geometry;
use crate::key::Key;
use crate::plan::{FLIP, Plan, PlanError, Program, Step};
use crate::schedule::{Stream, subkey};

/// Why a scheme cannot be compiled for a geometry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The block does not divide the image.
    #[error(
        "blocks of {block} pixels do not tile an image of {height}x{width}: use --pad (grow the image; decryption \
         restores its size), --crop (cut it) or another --block"
    )]
    Tiling {
        /// The block.
        block: Block,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// The image is smaller than one block.
    #[error(
        "blocks of {block} pixels are larger than an image of {height}x{width}: use a smaller --block, --resize, or --pad \
         (grow the image; decryption restores its size)"
    )]
    Small {
        /// The block.
        block: Block,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// A stage made no valid plan.
    #[error("stage {stage} made no valid plan: {source}")]
    Plan {
        /// Number of the stage, from 0.
        stage: usize,
        /// What is wrong.
        source: PlanError,
    },
}

/// Compiles `scheme` under `key` for images of `geometry`.
///
/// # Errors
/// When a stage's block does not divide the image's sides.
pub fn compile(scheme: &Scheme, key: &Key, geometry: Geometry) -> Result<Program, CompileError> {
    let mut program = Program::identity(geometry);
    for (index, stage) in scheme.stages.iter().enumerate() {
        let subkey = subkey(key, &descriptor(scheme, index, geometry));
        let step = match *stage {
            Stage::Keystream => Step::Keystream(subkey),
            Stage::PixelShuffling { block, scope } => {
                let tiling = Tiling::new(block, geometry)?;
                Step::Permute(pixel_shuffling(&tiling, scope, &mut Stream::new(&subkey, 0)))
            }
            Stage::SignFlip { block, scope } => {
                let tiling = Tiling::new(block, geometry)?;
                Step::Permute(sign_flip(&tiling, scope, &mut Stream::new(&subkey, 0)))
            }
            Stage::BlockScrambling { block } => {
                let tiling = Tiling::new(block, geometry)?;
                Step::Permute(block_scrambling(&tiling, &mut Stream::new(&subkey, 0)))
            }
        };
        program.push(step).map_err(|source| CompileError::Plan { stage: index, source })?;
    }
    Ok(program)
}

/// The line that names a stage to the key schedule.
fn descriptor(scheme: &Scheme, index: usize, geometry: Geometry) -> String {
    format!(
        "imgveil/1 scheme=[{}] stage={index} image={geometry} depth={}",
        scheme.canonical(),
        geometry.depth().bits()
    )
}

/// Blocks over an image: numbered row by row; inside a block, elements count (row, column, channel).
struct Tiling {
    geometry: Geometry,
    block: Block,
    columns: usize,
}

impl Tiling {
    fn new(block: Block, geometry: Geometry) -> Result<Self, CompileError> {
        let (height, width) = (geometry.height(), geometry.width());
        if height < block.height as usize || width < block.width as usize {
            return Err(CompileError::Small { block, height, width });
        }
        if !height.is_multiple_of(block.height as usize) || !width.is_multiple_of(block.width as usize) {
            return Err(CompileError::Tiling { block, height, width });
        }
        Ok(Self { geometry, block, columns: width / block.width as usize })
    }

    fn blocks(&self) -> usize {
        self.geometry.height() / self.block.height as usize * self.columns
    }

    /// D: elements of a block.
    fn elements(&self) -> usize {
        self.block.height as usize * self.block.width as usize * self.geometry.channels()
    }

    /// The sample of the image that is element `i` of block `b`.
    fn sample(&self, b: usize, i: usize) -> usize {
        let (rows, columns, channels) =
            (self.block.height as usize, self.block.width as usize, self.geometry.channels());
        let (pixel, channel) = (i / channels, i % channels);
        let y = b / self.columns * rows + pixel / columns;
        let x = b % self.columns * columns + pixel % columns;
        (y * self.geometry.width() + x) * channels + channel
    }

    /// A plan from `entry(b, i)`: what element `i` of output block `b` is.
    fn plan(&self, mut entry: impl FnMut(usize, usize) -> u32) -> Plan {
        let mut table = vec![0; self.geometry.samples()];
        for b in 0..self.blocks() {
            for i in 0..self.elements() {
                table[self.sample(b, i)] = entry(b, i);
            }
        }
        Plan::trusted(self.geometry, table)
    }
}

fn pixel_shuffling(tiling: &Tiling, scope: KeyScope, stream: &mut Stream) -> Plan {
    let elements = tiling.elements();
    let shared = matches!(scope, KeyScope::Shared);
    let mut permutation = Vec::new();
    tiling.plan(|b, i| {
        // Blocks are visited in order, so a key per block is drawn as the contract says: block 0's first.
        if i == 0 && (b == 0 || !shared) {
            permutation = stream.permutation(elements as u32);
        }
        tiling.sample(b, permutation[i] as usize) as u32
    })
}

fn sign_flip(tiling: &Tiling, scope: KeyScope, stream: &mut Stream) -> Plan {
    let elements = tiling.elements();
    let bits = match scope {
        KeyScope::Shared => stream.bits(elements),
        KeyScope::Block => stream.bits(tiling.blocks() * elements),
    };
    tiling.plan(|b, i| {
        let flip = bits[(b * elements + i) % bits.len()];
        tiling.sample(b, i) as u32 | if flip { FLIP } else { 0 }
    })
}

fn block_scrambling(tiling: &Tiling, stream: &mut Stream) -> Plan {
    let permutation = stream.permutation(tiling.blocks() as u32);
    tiling.plan(|b, i| tiling.sample(permutation[b] as usize, i) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::{Options, Preset};

    #[test]
    fn a_permutation_flip_scheme_is_one_step() {
        let options = Options { scramble: true, ..Options::default() };
        let scheme = Preset::ShuffleFlip.scheme(options).unwrap();
        let geometry = Geometry::new(28, 28, 1).unwrap();
        let program = compile(&scheme, &Key::from_bytes([1; 32]), geometry).unwrap();
        assert_eq!(program.steps().len(), 1);
        assert!(!program.keyed_per_image());
    }

    #[test]
    fn blocks_that_do_not_tile_name_the_way_out() {
        let scheme = Preset::ShuffleFlip.scheme(Options::default()).unwrap();
        let error = compile(&scheme, &Key::from_bytes([1; 32]), Geometry::new(30, 28, 1).unwrap()).err().unwrap();
        let words = error.to_string();
        assert!(
            words.contains("4x4") && words.contains("30x28") && words.contains("--pad") && words.contains("--crop")
        );
    }

    #[test]
    fn no_two_stages_sizes_or_schemes_share_a_stream() {
        let key = Key::from_bytes([1; 32]);
        let mut seen = std::collections::HashSet::new();
        for options in [Options::default(), Options { scramble: true, ..Options::default() }] {
            let scheme = Preset::ShuffleFlip.scheme(options).unwrap();
            for geometry in [Geometry::new(28, 28, 1).unwrap(), Geometry::new(32, 32, 1).unwrap()] {
                for index in 0..scheme.stages.len() {
                    assert!(seen.insert(*subkey(&key, &descriptor(&scheme, index, geometry))));
                }
            }
        }
        assert_eq!(seen.len(), 10);
    }
}
