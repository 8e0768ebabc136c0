//! How much memory training takes at least, so that what cannot fit is refused before it begins. The parameters are
//! counted from their shapes: making the networks to count them would take memory already.

use super::InverseConfig;
use super::generator::{FEATURES, RESIDUAL};
use imgveil::internal::image::Geometry;

/// A parameter is in memory four times: itself, its gradient, and two moments of Adam.
const COPIES: u64 = 4;

impl InverseConfig {
    /// The least memory that training on images of this geometry takes, in bytes: parameters, gradients, the state of
    /// the optimiser, and one map for each layer of the generator's decoder. `judged` counts the discriminator too.
    /// Real training takes more.
    pub fn least_memory(&self, geometry: Geometry, judged: bool) -> u64 {
        let discriminator = if judged { discriminator(self.discriminator, geometry) } else { 0 };
        let maps = (2 * RESIDUAL as u64 + 2) * (self.width * geometry.pixels()) as u64;
        let parameters = self.generator(geometry) + discriminator;
        4 * (COPIES.saturating_mul(parameters)).saturating_add((self.batch as u64).saturating_mul(4 * maps))
    }

    fn generator(&self, geometry: Geometry) -> u64 {
        let [channels, pixels, width, features] =
            [geometry.channels(), geometry.pixels(), self.width, FEATURES].map(|count| count as u64);
        let (inputs, blocks) = match self.block {
            Some(block) => {
                let block = u64::from(block.height) * u64::from(block.width);
                // For every block, a matrix of its samples by its features; two of batch norm for every feature.
                (features, pixels * channels * features * block + 2 * pixels * features)
            }
            None => (channels, 0),
        };
        let norms = 2 * width * (2 * RESIDUAL as u64 + 2);
        let decoder = 9 * width * (inputs + (2 * RESIDUAL as u64 + 1) * width + channels) + norms;
        blocks.saturating_add(decoder)
    }
}

fn discriminator(width: usize, geometry: Geometry) -> u64 {
    let conv = |inputs: usize, outputs: usize, places: usize| (inputs * outputs * places + outputs) as u64;
    let widths = [geometry.channels(), width / 8, width / 4, width / 2];
    let stage = |pair: &[usize]| conv(pair[0], pair[1], 9) + conv(pair[1], pair[1], 16);
    let attention = |width: usize| 2 * conv(width, (width / 8).max(1), 1) + conv(width, width, 1) + 1;
    let map = (geometry.height() / 8) * (geometry.width() / 8);
    widths.windows(2).map(stage).sum::<u64>()
        + attention(width / 2)
        + conv(width / 2, width, 9)
        + attention(width)
        + conv(width, 1, map)
}

#[cfg(test)]
mod tests {
    use super::super::discriminator::Discriminator;
    use super::super::generator::Generator;
    use super::*;
    use burn::module::Module;
    use burn::tensor::Device;
    use imgveil::internal::scheme::Block;

    /// The parameters that are counted are those of the networks, which also keep running means and singular vectors.
    #[test]
    fn every_parameter_is_counted() {
        let device = Device::flex();
        let counted = |counted: u64, made: usize, kept: usize| assert_eq!(counted + kept as u64, made as u64);
        for (side, channels, block, width) in [(16, 1, None, 8), (16, 3, Some(4), 12), (24, 3, Some(8), 4)] {
            let geometry = Geometry::new(side, side, channels).unwrap();
            let config = InverseConfig { block: block.map(Block::square), width, ..InverseConfig::default() };
            let size = [side as usize; 2];
            let block = block.map(|side| [side as usize; 2]);
            let made = Generator::new(channels as usize, size, block, width, &device);
            let of_blocks = block.map_or(0, |_| 2 * FEATURES * geometry.pixels());
            let norms = 2 * width * (2 * RESIDUAL + 2);
            counted(config.generator(geometry), made.num_params(), of_blocks + norms + channels as usize);
            let made = Discriminator::new(channels as usize, size, 64, &device);
            // One for each output of every convolution but those of attention.
            counted(discriminator(64, geometry), made.num_params(), 2 * (8 + 16 + 32) + 64 + 1);
        }
    }

    /// A scheme of large blocks in colour: a matrix of 768 x 4,096 for each of 196 blocks.
    #[test]
    fn large_blocks_take_gigabytes() {
        let geometry = Geometry::new(224, 224, 3).unwrap();
        let config = InverseConfig { block: Some(Block::square(16)), batch: 2, ..InverseConfig::default() };
        let least = config.least_memory(geometry, false);
        assert!(least > 196 * 768 * 4096 * 16, "{least}");
        assert!(config.least_memory(geometry, true) > least);
        let unblocked = InverseConfig { block: None, ..config };
        assert!(unblocked.least_memory(geometry, false) < 1 << 30);
    }
}
