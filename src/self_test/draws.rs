//! What the self-test draws: images, geometries, schemes, references.

use super::Fault;
use crate::engine::{ImageRef, Statistic};
use crate::image::{Augmentation, Depth, Geometry};
use crate::schedule::ImageId;
use crate::scheme::{Block, KeyScope, Order, Orders, Scheme, Stage, stage};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

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

    /// A stage of any kind that works on this block, and whether it needs whole nibbles.
    fn stage(&mut self, block: Block) -> Stage {
        let scope = if self.coin() { KeyScope::Block } else { KeyScope::Shared };
        let order = if self.coin() { Order::RowColumnChannel } else { Order::ChannelRowColumn };
        match self.number(0..14) {
            0 | 1 => stage::PixelShuffling { block, scope, order }.into(),
            2 => stage::SignFlip { block, scope, order }.into(),
            3 => stage::NibbleShuffling { block, scope }.into(),
            4 if block.height == block.width => stage::RotationInversion { block }.into(),
            4 | 5 => stage::NegativePositive { block }.into(),
            6 => stage::PixelNegativePositive { scope: if self.coin() { KeyScope::Image } else { KeyScope::Shared } }
                .into(),
            7 => {
                let per_image = self.coin();
                let block = if per_image { Block::square(1) } else { block };
                let scope = if per_image { KeyScope::Image } else { KeyScope::Block };
                stage::ColourShuffling { block, scope, orders: Orders::Permutations }.into()
            }
            8 => stage::BlockScrambling { block }.into(),
            9 => stage::Keystream.into(),
            11 => stage::GaussianBlur { radius: self.number(1..4) }.into(),
            12 => {
                let epsilon = stage::Epsilon::thousandths(self.number(100..20_000)).unwrap_or(stage::Epsilon::HALF);
                stage::LaplaceNoise { block, epsilon, m: self.number(1..20) }.into()
            }
            10 => stage::ColourShuffling { block, scope: KeyScope::Block, orders: Orders::AsPublished }.into(),
            _ => {
                let all = [Statistic::Median, Statistic::Mean, Statistic::Max, Statistic::Min];
                let statistic = all[self.number(0..4) as usize];
                // A block of its own, which need not tile the image.
                let block = Block { height: block.height + 1, width: block.width.max(2) - 1 };
                stage::BlockStatistic { block, statistic }.into()
            }
        }
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
        let stages: Vec<Stage> = (0..self.number(0..5)).map(|_| self.stage(block)).collect();
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
