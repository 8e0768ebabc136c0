//! What the self-test draws: images, geometries, schemes, references.

use super::Fault;
use crate::engine::ImageRef;
use crate::image::{Augmentation, Depth, Geometry};
use crate::schedule::ImageId;
use crate::scheme::{Block, Scheme, Stage};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Stages of every kind. `BLOCK` stands for the block that tiles the image, `SQUARE` for the same if it is square, and
/// `ANY` for one that need not tile it.
const STAGES: &str = include_str!("../../assets/drawn-stages.txt");

/// A source of random cases. The same seed gives the same cases on every machine.
pub struct Draws(ChaCha8Rng);

/// A random program's parts.
pub struct Case {
    pub geometry: Geometry,
    pub scheme: Scheme,
    pub secret: [u8; 32],
    /// Stored samples of all images.
    pub input: Vec<u8>,
    pub refs: Vec<ImageRef>,
}

impl Draws {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number from `range`. The small bias towards its lower end does no harm here.
    pub fn number(&mut self, range: std::ops::Range<u32>) -> u32 {
        range.start + self.0.next_u32() % (range.end - range.start)
    }

    fn coin(&mut self) -> bool {
        self.number(0..2) == 1
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Stored samples of `images` images: any values that the depth has.
    pub fn images(&mut self, geometry: Geometry, images: usize) -> Vec<u8> {
        let mut samples = vec![0; geometry.bytes() * images];
        self.0.fill_bytes(&mut samples);
        if geometry.depth() != Depth::U8 {
            let upper = (geometry.depth().max() >> 8) as u8;
            samples.iter_mut().skip(1).step_by(2).for_each(|byte| *byte &= upper);
        }
        samples
    }

    fn depth(&mut self) -> Depth {
        let bits = match self.number(0..4) {
            0 | 1 => 8,
            2 => 16,
            _ => self.number(9..16),
        };
        Depth::new(bits).unwrap_or_default()
    }

    /// A stage of any kind that works on this block.
    fn stage(&mut self, block: Block) -> Result<Stage, Fault> {
        let is_square = block.height == block.width;
        let all: Vec<&str> = STAGES.lines().filter(|line| is_square || !line.contains("SQUARE")).collect();
        let line = all[self.number(0..all.len() as u32) as usize];
        // Need not tile the image.
        let any = Block { height: block.height + 1, width: block.width.max(2) - 1 };
        let text = line.replace("ANY", &any.to_string());
        Ok(text.replace("BLOCK", &block.to_string()).replace("SQUARE", &block.to_string()).parse()?)
    }

    fn augmentation(&mut self) -> Augmentation {
        let shift = |draws: &mut Self, most: u32| draws.number(0..2 * most + 1) as i16 - most as i16;
        let mut view = Augmentation::IDENTITY;
        if self.coin() {
            (view.dy, view.dx, view.mirrored) = (shift(self, 3), shift(self, 9), self.coin());
        }
        if self.number(0..3) == 0 {
            view.angle = shift(self, 18_000);
        }
        if self.number(0..3) == 0 {
            view.brightness = shift(self, 256);
        }
        view
    }

    /// References to `images` images.
    pub fn refs(&mut self, count: usize, images: usize, augmented: bool) -> Vec<ImageRef> {
        let image_ref = |_| ImageRef {
            index: self.number(0..images as u32),
            augmentation: if augmented { self.augmentation() } else { Augmentation::IDENTITY },
            id: Some(ImageId(self.bytes())),
            weight: 0,
        };
        (0..count).map(image_ref).collect()
    }

    /// Any scheme of up to four stages, on any geometry that its blocks tile, with any references.
    ///
    /// # Errors
    /// None, as long as the sides that are drawn make a geometry.
    pub fn case(&mut self) -> Result<Case, Fault> {
        let mut block = Block { height: self.number(1..9), width: self.number(1..9) };
        if self.coin() {
            block.width = block.height;
        }
        // Wide images of many samples go through other kernels than small ones.
        let (rows, columns) = (self.number(1..7), self.number(1..7) * if self.coin() { 16 } else { 1 });
        let count = self.number(0..5);
        let stages: Vec<Stage> = (0..count).map(|_| self.stage(block)).collect::<Result<_, _>>()?;
        let scheme = Scheme { name: "random".to_owned(), stages };
        let channels = if self.coin() { 3 } else { 1 };
        let depth = scheme.depth(self.depth());
        let geometry = Geometry::new(block.height * rows, block.width * columns, channels)?.with_depth(depth);
        let images = self.number(1..7) as usize;
        let (secret, input) = (self.bytes(), self.images(geometry, images));
        let (count, augmented) = (self.number(1..12) as usize, self.coin());
        Ok(Case { geometry, scheme, secret, input, refs: self.refs(count, images, augmented) })
    }
}
