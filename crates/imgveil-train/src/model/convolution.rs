//! Convolutions whose weight gradient is a product of matrices on a GPU.
//!
//! Without its feature `autotune`, burn computes the gradient of the weights on a GPU as a convolution of the maps by
//! the gradient of the output, with a kernel as large as the map. On an NVIDIA H100 this took about 40 of 55 ms of a
//! 3x3 convolution with both gradients, on 64 images of 64 maps of 56x56. With `autotune`, burn tries every kernel on
//! every shape, which takes minutes on a software adapter. Here the windows of the maps become columns, and one product
//! of matrices gives the same sums in another order. The CPU backend keeps burn's own gradient, which is fast there.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::autodiff::{Autodiff, NodeId};
use burn::backend::ops::ModuleOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{FloatDType, Shape, Slice, Tensor};

/// The most bytes of columns at a time. A storage binding of any device holds as much.
const MOST_BYTES: usize = 128 << 20;
/// The least number of sums in a product, if there are enough images. Fewer sums leave a large device idle. More sums
/// cost a small device little.
const FEWEST_SUMS: usize = 4 << 20;

/// A convolution with the weight gradient of this module.
pub(super) trait Convolve {
    /// Convolves maps (N, C, H, W), like [`Conv2d::forward`].
    fn convolved(&self, maps: Tensor<4>) -> Tensor<4>;
}

impl Convolve for Conv2d {
    fn convolved(&self, maps: Tensor<4>) -> Tensor<4> {
        let padding = match self.padding {
            PaddingConfig2d::Valid => [(0, 0); 2],
            PaddingConfig2d::Explicit(top, left, bottom, right) => [(top, bottom), (left, right)],
            PaddingConfig2d::Same => return self.forward(maps),
        };
        let options = ConvOptions::new_with_padding(self.stride, padding, self.dilation, self.groups);
        if self.groups != 1 || self.dilation != [1, 1] || options.is_asymmetric() {
            return self.forward(maps);
        }
        let weight = self.weight.val().into_dispatch();
        let maps = Tensor::from_dispatch(Dispatch::convolution(maps.into_dispatch(), weight, options));
        match &self.bias {
            Some(bias) => maps + bias.val().reshape([1, -1, 1, 1]),
            None => maps,
        }
    }
}

/// A convolution without bias, groups or dilation.
#[backend_extension(Cube, Flex, Autodiff)]
pub trait Convolution: Backend {
    /// Convolves maps (N, C, H, W) with a weight (O, C, KH, KW) to maps (N, O, OH, OW).
    fn convolution(maps: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self>;
}

/// A backend that computes the gradient of the weight.
pub trait WeightGradient: Backend {
    /// Computes the gradient of the weight from the gradient of the output.
    fn weight_gradient(
        maps: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self>;
}

impl Convolution for Cube {
    fn convolution(maps: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self> {
        Self::conv2d(maps, weight, None, options)
    }
}

impl Convolution for Flex {
    fn convolution(maps: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self> {
        Self::conv2d(maps, weight, None, options)
    }
}

impl WeightGradient for Flex {
    fn weight_gradient(
        maps: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        Self::conv2d_weight_backward(maps, weight, gradient, options)
    }
}

impl WeightGradient for Cube {
    fn weight_gradient(
        maps: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        by_columns::<Self>(maps, weight, gradient, &options, MOST_BYTES)
    }
}

impl<B: Backend + WeightGradient, C: CheckpointStrategy> Convolution for Autodiff<B, C> {
    fn convolution(maps: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Convolved;

        impl<B: Backend + WeightGradient> Backward<B, 2> for Convolved {
            type State = (NodeId, NodeId, ConvOptions<2>);

            fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
                let [of_maps, of_weight] = ops.parents;
                let gradient = gradients.consume::<B>(&ops.node);
                let (maps, weight, options) = ops.state;
                let maps = checkpointer.retrieve_node_output::<B::FloatTensorPrimitive>(maps);
                let weight = checkpointer.retrieve_node_output::<B::FloatTensorPrimitive>(weight);
                if let Some(node) = of_maps {
                    let (maps, weight) = (maps.clone(), weight.clone());
                    let found = B::conv2d_x_backward(maps, weight, gradient.clone(), options.clone());
                    gradients.register::<B>(node.id, found);
                }
                if let Some(node) = of_weight {
                    gradients.register::<B>(node.id, B::weight_gradient(maps, weight, gradient, options));
                }
            }
        }

        match Convolved.prepare::<C>([maps.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prepared) => {
                let state = (prepared.checkpoint(&maps), prepared.checkpoint(&weight), options.clone());
                let output = B::conv2d(maps.into_primitive(), weight.into_primitive(), None, options);
                prepared.finish(state, output)
            }
            OpsKind::UnTracked(prepared) => {
                prepared.finish(B::conv2d(maps.into_primitive(), weight.into_primitive(), None, options))
            }
        }
    }
}

/// Computes the gradient of the weight from columns of at most `most_bytes` bytes, or from the columns of one image if
/// they are larger. For each part of the batch it multiplies [O, P] by [P, K C], where P is the number of places in the
/// output maps of the part, and K the number of places in the kernel.
fn by_columns<B: Backend>(
    maps: FloatTensor<B>,
    weight: FloatTensor<B>,
    gradient: FloatTensor<B>,
    options: &ConvOptions<2>,
    most_bytes: usize,
) -> FloatTensor<B> {
    let [images, channels, height, width] = maps.shape().dims();
    let [outputs, _, rows, columns] = weight.shape().dims();
    let [_, _, out_height, out_width] = gradient.shape().dims();
    let (dtype, places) = (gradient.dtype(), out_height * out_width);
    let taps = rows * columns * channels;
    let [top, left] = options.padding_begin();
    let [bottom, right] = options.padding_end();

    // The channel is the first axis, so that the places of one channel in all images make one row of columns.
    let maps = B::float_permute(maps, &[1, 0, 2, 3]);
    let maps = match [top, left, bottom, right] {
        [0, 0, 0, 0] => maps,
        _ => {
            let shape = Shape::new([channels, images, top + height + bottom, left + width + right]);
            let zeros = B::float_zeros(shape, &maps.device(), dtype.into());
            let inner = [all(), all(), range(top, top + height), range(left, left + width)];
            B::float_slice_assign(zeros, &inner, maps)
        }
    };
    let gradient = B::float_permute(gradient, &[1, 0, 2, 3]);

    let together = (most_bytes / (taps * places * dtype.size())).clamp(1, images);
    let mut sum: Option<FloatTensor<B>> = None;
    for first in (0..images).step_by(together) {
        let count = together.min(images - first);
        let part = range(first, first + count);
        let mut windows = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                let down = stepped(row, out_height, options.stride[0]);
                let across = stepped(column, out_width, options.stride[1]);
                let window = B::float_slice(maps.clone(), &[all(), part, down, across]);
                windows.push(B::float_reshape(window, Shape::new([channels, count * places])));
            }
        }
        let windows = if windows.len() == 1 { windows.remove(0) } else { B::float_cat(windows, 0) };
        // The product is split into many sums of few products, which are added up afterwards.
        let split = split_of(count, outputs * taps);
        let inner = count / split * places;
        let windows = B::float_reshape(windows, Shape::new([taps, split, inner]));
        let windows = B::float_permute(windows, &[1, 2, 0]);
        let gradient = B::float_slice(gradient.clone(), &[all(), part, all(), all()]);
        let gradient = B::float_reshape(gradient, Shape::new([outputs, split, inner]));
        let products = B::float_matmul(B::float_swap_dims(gradient, 0, 1), windows);
        let found = B::float_sum_dim(B::float_cast(products, FloatDType::F32), 0);
        sum = Some(match sum {
            Some(sum) => B::float_add(sum, found),
            None => found,
        });
    }
    // A batch is never empty.
    let sum =
        sum.unwrap_or_else(|| B::float_zeros(Shape::new([1, outputs, taps]), &gradient.device(), FloatDType::F32));
    let sum = B::float_reshape(sum, Shape::new([outputs, rows, columns, channels]));
    B::float_cast(B::float_permute(sum, &[0, 3, 1, 2]), dtype.into())
}

/// The smallest divisor of `images` that gives at least [`FEWEST_SUMS`] sums, at `each` sums per part.
fn split_of(images: usize, each: usize) -> usize {
    let divisors = (1..=images).filter(|split| images.is_multiple_of(*split));
    divisors.into_iter().find(|split| split * each >= FEWEST_SUMS).unwrap_or(images)
}

fn all() -> Slice {
    Slice::full()
}

fn range(from: usize, to: usize) -> Slice {
    Slice::new(from as isize, Some(to as isize), 1)
}

/// A slice of `count` places, `step` apart, from `first` on.
fn stepped(first: usize, count: usize, step: usize) -> Slice {
    Slice::new(first as isize, Some((first + (count - 1) * step + 1) as isize), step as isize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution};
    use proptest::prelude::*;

    fn flex(tensor: Tensor<4>) -> FloatTensor<Flex> {
        tensor.try_into_primitive::<Flex>().expect("made on flex")
    }

    proptest! {
        /// burn's own gradient on the CPU is the oracle.
        #[test]
        fn columns_give_the_gradient_of_the_weight(
            images in 1..5usize,
            channels in 1..4usize,
            outputs in 1..4usize,
            kernel in (1..4usize, 1..4usize),
            stride in (1..4usize, 1..4usize),
            padding in (0..3usize, 0..3usize),
            more in (0..5usize, 0..5usize),
            most_bytes in prop::sample::select(vec![1usize, 500, 1 << 20]),
        ) {
            let device = Device::flex();
            let options = ConvOptions::new([stride.0, stride.1], [padding.0, padding.1], [1, 1], 1);
            let (height, width) = (kernel.0 + more.0, kernel.1 + more.1);
            let random = |shape: [usize; 4]| Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device);
            let maps = random([images, channels, height, width]);
            let weight = random([outputs, channels, kernel.0, kernel.1]);
            let side =
                |size: usize, kernel: usize, stride: usize, padding: usize| (size + 2 * padding - kernel) / stride + 1;
            let (out_height, out_width) =
                (side(height, kernel.0, stride.0, padding.0), side(width, kernel.1, stride.1, padding.1));
            let gradient = random([images, outputs, out_height, out_width]);

            let found = by_columns::<Flex>(
                flex(maps.clone()), flex(weight.clone()), flex(gradient.clone()), &options, most_bytes,
            );
            let expected = Flex::conv2d_weight_backward(flex(maps), flex(weight), flex(gradient), options);
            let difference = Tensor::<4>::from_primitive::<Flex>(found) - Tensor::<4>::from_primitive::<Flex>(expected);
            // Sums of at most 324 products of the order of 1, with the rounding of 32 bits.
            prop_assert!(difference.abs().max().into_scalar::<f32>() < 1e-3);
        }
    }

    #[test]
    fn products_are_split_until_they_have_enough_sums() {
        // The first and the last stage of ResNet-18.
        assert_eq!(split_of(16, 64 * 576), 16);
        assert_eq!(split_of(64, 512 * 4608), 2);
        assert_eq!(split_of(1, 1), 1);
    }
}
