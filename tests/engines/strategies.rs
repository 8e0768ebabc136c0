//! Random programs: any stages, views and depths, at geometries that they fit.

use crate::common::geometry;
use imgveil::internal::engine::ImageRef;
use imgveil::internal::image::{Augmentation, Depth, Geometry};
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::{Block, KeyScope, Order, Orders, Scheme, Stage, Statistic, stage as stages};
use proptest::prelude::*;

/// A stage of any kind that works on this block, by a number.
pub fn stage(kind: usize, block: Block, per_block: bool, rgb_order: bool) -> Stage {
    // From 14 on: moves with a key per image.
    let (kind, per_image) = match kind.checked_sub(14) {
        Some(move_kind) => ([0, 1, 2, 3, 4, 6, 7][move_kind], true),
        None => (kind, false),
    };
    let scope = match (per_image, per_block) {
        (true, _) => KeyScope::Image,
        (false, true) => KeyScope::Block,
        (false, false) => KeyScope::Shared,
    };
    let of_blocks = if per_image { KeyScope::Image } else { KeyScope::Block };
    let of_places = if per_image { KeyScope::Image } else { KeyScope::Shared };
    let order = if rgb_order { Order::RowColumnChannel } else { Order::ChannelRowColumn };
    let pixels = if per_block { KeyScope::Image } else { KeyScope::Shared };
    match kind {
        0 => stages::PixelShuffling { block, scope, order }.into(),
        1 => stages::SignFlip { block, scope, order }.into(),
        2 => stages::NibbleShuffling { block, scope }.into(),
        3 if block.height == block.width => stages::RotationInversion { block, scope: of_blocks }.into(),
        3 | 4 => stages::NegativePositive { block, scope: of_blocks }.into(),
        5 => stages::PixelNegativePositive { scope: pixels }.into(),
        6 if per_block && !per_image => {
            stages::ColourShuffling { block: Block::square(1), scope: KeyScope::Image, orders: Orders::Permutations }
                .into()
        }
        6 => stages::ColourShuffling { block, scope: of_blocks, orders: Orders::Permutations }.into(),
        7 => stages::BlockScrambling { block, scope: of_places }.into(),
        8 => stages::Keystream.into(),
        12 => stages::GaussianBlur { radius: if per_block { "1" } else { "2" }.parse().unwrap() }.into(),
        10 => {
            let (epsilon, m) = if per_block { ("0.5", 16) } else { ("0.01", 900) };
            let block = Block { height: block.height + 1, width: block.width.max(2) - 1 };
            stages::LaplaceNoise { block, epsilon: epsilon.parse().unwrap(), m }.into()
        }
        9 => stages::ColourShuffling { block, scope: KeyScope::Block, orders: Orders::AsPublished }.into(),
        _ => {
            let statistic = match (per_block, rgb_order) {
                (false, false) => Statistic::Median,
                (false, true) => Statistic::Mean,
                (true, false) => Statistic::Max,
                (true, true) => Statistic::Min,
            };
            // Need not tile, and here seldom does.
            let block = Block { height: block.height + 1, width: block.width.max(2) - 1 };
            stages::BlockStatistic { block, statistic }.into()
        }
    }
}

/// Any view: small turns, any turns, none; brighter, darker, neither.
pub fn view() -> impl Strategy<Value = Augmentation> {
    let angle = prop_oneof![Just(0i16), -1500i16..1500, any::<i16>()];
    let brightness = prop_oneof![Just(0i16), -256i16..=256];
    (-3i16..4, -9i16..10, any::<bool>(), angle, brightness)
        .prop_map(|(dy, dx, mirrored, angle, brightness)| Augmentation { dy, dx, mirrored, angle, brightness })
}

/// Any depth; often one of the usual ones.
pub fn depth() -> impl Strategy<Value = Depth> {
    prop_oneof![Just(8u32), Just(12), Just(16), 9u32..16].prop_map(|bits| Depth::new(bits).unwrap())
}

/// Any list of stages of any kind, at a geometry that its blocks tile, on a few images.
pub fn case() -> impl Strategy<Value = (Geometry, Scheme, Vec<ImageRef>, usize)> {
    let block = (1u32..7, 1u32..7, any::<bool>());
    let stages = prop::collection::vec((0..21usize, any::<bool>(), any::<bool>()), 0..5);
    let refs = prop::collection::vec((any::<u32>(), any::<[u8; 8]>(), view()), 1..6);
    (block, 1u32..6, 1u32..6, (any::<bool>(), depth()), stages, 1usize..5, refs, 0..4u8).prop_map(
        |((bh, bw, square), rows, columns, (rgb, depth), stages, images, refs, views)| {
            let block = Block { height: bh, width: if square { bh } else { bw } };
            let depth =
                if stages.iter().any(|(kind, ..)| [2, 16].contains(kind)) { depth.whole_nibbles() } else { depth };
            let (height, width) = (block.height * rows, block.width * columns);
            let geometry = geometry(height, width, if rgb { 3 } else { 1 }).with_depth(depth);
            // Number 11 is signs and then colours with the image's own keys, which fold into one step.
            let stages = stages.into_iter().flat_map(|(kind, per_block, order)| match kind {
                11 => vec![stage(5, block, true, order), stage(6, block, true, order)],
                kind => vec![stage(kind, block, per_block, order)],
            });
            let refs = refs.into_iter().map(|(index, id, view)| ImageRef {
                index: index % images as u32,
                // None, shifts and mirrors alone, turns alone, all.
                augmentation: match views {
                    0 => Augmentation::IDENTITY,
                    1 => Augmentation { angle: 0, brightness: 0, ..view },
                    2 => Augmentation { angle: view.angle, ..Augmentation::IDENTITY },
                    _ => view,
                },
                id: Some(ImageId(id)),
                weight: 0,
            });
            (geometry, Scheme { name: "random".into(), stages: stages.collect() }, refs.collect(), images)
        },
    )
}
