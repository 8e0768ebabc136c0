//! Convolutions as products of matrices on a GPU.
//!
//! Without its feature `autotune`, burn convolves on a GPU with a kernel that reads every value from memory for each
//! product, and computes the gradient of the weights as a convolution of the maps by the gradient of the output, with a
//! kernel as large as the map. On an NVIDIA H100, a 3x3 convolution of 64 images of 64 maps of 56x56 took 8 to 13 ms,
//! and its gradient of the weights about 40 ms. With `autotune`, burn tries every kernel on every shape, which takes
//! minutes on a software adapter. Here the windows of the maps become columns, and one product of matrices gives the
//! same sums in another order. On the CPU, `convolution_cpu` does the same with loops of its own.

use super::convolution_cpu;
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

/// A convolution as this module computes it.
pub(crate) trait Convolve {
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
        let maps = with_options(maps, self.weight.val(), options);
        match &self.bias {
            Some(bias) => maps + bias.val().reshape([1, -1, 1, 1]),
            None => maps,
        }
    }
}

/// Convolves maps (N, C, H, W) with a weight (O, C, KH, KW), with as many zeros on opposite sides.
pub(crate) fn convolve(maps: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    with_options(maps, weight, ConvOptions::new_with_padding([stride; 2], [(padding, padding); 2], [1, 1], 1))
}

fn with_options(maps: Tensor<4>, weight: Tensor<4>, options: ConvOptions<2>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::convolution(maps.into_dispatch(), weight.into_dispatch(), options))
}

/// A convolution without bias, groups or dilation.
#[backend_extension(Cube, Flex, Autodiff)]
pub trait Convolution: Backend {
    /// Convolves maps (N, C, H, W) with a weight (O, C, KH, KW) to maps (N, O, OH, OW).
    fn convolution(maps: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self>;
}

/// A backend that computes the gradients of a convolution.
pub trait ConvolutionGradients: Convolution {
    /// Computes the gradient of the maps from the gradient of the output.
    fn maps_gradient(
        maps: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        Self::conv2d_x_backward(maps, weight, gradient, options)
    }

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
        convolved_by_columns::<Self>(maps, weight, &options, MOST_BYTES)
    }
}

impl Convolution for Flex {
    fn convolution(maps: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self> {
        let found = convolution_cpu::output(&maps, &weight, &options);
        found.unwrap_or_else(|| Self::conv2d(maps, weight, None, options))
    }
}

impl ConvolutionGradients for Flex {
    fn maps_gradient(
        maps: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        let found = convolution_cpu::maps_gradient(&maps, &weight, &gradient, &options);
        found.unwrap_or_else(|| Self::conv2d_x_backward(maps, weight, gradient, options))
    }

    fn weight_gradient(
        maps: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        let found = convolution_cpu::weight_gradient(&maps, &weight, &gradient, &options);
        found.unwrap_or_else(|| Self::conv2d_weight_backward(maps, weight, gradient, options))
    }
}

impl ConvolutionGradients for Cube {
    fn weight_gradient(
        maps: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        weight_gradient_by_columns::<Self>(maps, weight, gradient, &options, MOST_BYTES)
    }
}

impl<B: ConvolutionGradients, C: CheckpointStrategy> Convolution for Autodiff<B, C> {
    fn convolution(maps: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Convolved;

        impl<B: ConvolutionGradients> Backward<B, 2> for Convolved {
            type State = (NodeId, NodeId, ConvOptions<2>);

            fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
                let [of_maps, of_weight] = ops.parents;
                let gradient = gradients.consume::<B>(&ops.node);
                let (maps, weight, options) = ops.state;
                let maps = checkpointer.retrieve_node_output::<B::FloatTensorPrimitive>(maps);
                let weight = checkpointer.retrieve_node_output::<B::FloatTensorPrimitive>(weight);
                if let Some(node) = of_maps {
                    let (maps, weight) = (maps.clone(), weight.clone());
                    let found = B::maps_gradient(maps, weight, gradient.clone(), options.clone());
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
                let output = B::convolution(maps.into_primitive(), weight.into_primitive(), options);
                prepared.finish(state, output)
            }
            OpsKind::UnTracked(prepared) => {
                prepared.finish(B::convolution(maps.into_primitive(), weight.into_primitive(), options))
            }
        }
    }
}

/// The windows of maps under a convolution.
struct Windows<B: Backend> {
    /// Maps (C, N, H, W) with their padding. The channel is the first axis, so that the places of one channel in all
    /// images make one row of columns.
    maps: FloatTensor<B>,
    /// Rows and columns of the kernel.
    kernel: [usize; 2],
    stride: [usize; 2],
    /// Rows and columns of the output.
    output: [usize; 2],
}

impl<B: Backend> Windows<B> {
    fn new(maps: FloatTensor<B>, kernel: [usize; 2], output: [usize; 2], options: &ConvOptions<2>) -> Self {
        let [images, channels, height, width] = maps.shape().dims();
        let [top, left] = options.padding_begin();
        let [bottom, right] = options.padding_end();
        let dtype = maps.dtype();
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
        let stride = [options.stride[0], options.stride[1]];
        Self { maps, kernel, stride, output }
    }

    /// The number of values under the kernel: K C, K being the number of its places.
    fn taps(&self) -> usize {
        let [channels, ..] = self.maps.shape().dims::<4>();
        self.kernel[0] * self.kernel[1] * channels
    }

    /// The number of places of an output map.
    fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// How many images have at most `most_bytes` bytes of columns, at least one.
    fn together(&self, most_bytes: usize) -> usize {
        let [_, images, ..] = self.maps.shape().dims::<4>();
        (most_bytes / (self.taps() * self.places() * self.maps.dtype().size())).clamp(1, images)
    }

    /// The columns (K C, P) of `count` images from `first` on, P being the number of places in their output maps.
    fn columns(&self, first: usize, count: usize) -> FloatTensor<B> {
        let [channels, ..] = self.maps.shape().dims::<4>();
        let ([rows, columns], part) = (self.kernel, range(first, first + count));
        let mut windows = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                let down = stepped(row, self.output[0], self.stride[0]);
                let across = stepped(column, self.output[1], self.stride[1]);
                let window = B::float_slice(self.maps.clone(), &[all(), part, down, across]);
                windows.push(B::float_reshape(window, Shape::new([channels, count * self.places()])));
            }
        }
        if windows.len() == 1 { windows.remove(0) } else { B::float_cat(windows, 0) }
    }
}

/// The size of the output of a convolution, or `None` if the kernel is larger than the maps.
fn output_size(maps: [usize; 2], kernel: [usize; 2], options: &ConvOptions<2>) -> Option<[usize; 2]> {
    let (begin, end) = (options.padding_begin(), options.padding_end());
    let side = |axis: usize| {
        let places = (begin[axis] + maps[axis] + end[axis]).checked_sub(kernel[axis])?;
        Some(places / options.stride[axis] + 1)
    };
    Some([side(0)?, side(1)?])
}

/// Convolves with columns of at most `most_bytes` bytes, or with the columns of one image if they are larger. For each
/// part of the batch it multiplies [O, K C] by [K C, P].
fn convolved_by_columns<B: Backend>(
    maps: FloatTensor<B>,
    weight: FloatTensor<B>,
    options: &ConvOptions<2>,
    most_bytes: usize,
) -> FloatTensor<B> {
    let [images, _, height, width] = maps.shape().dims();
    let [outputs, _, rows, columns] = weight.shape().dims();
    let Some(size) = output_size([height, width], [rows, columns], options) else {
        return B::conv2d(maps, weight, None, options.clone());
    };
    let windows = Windows::<B>::new(maps, [rows, columns], size, options);
    let weight = B::float_permute(weight, &[0, 2, 3, 1]);
    let weight = B::float_reshape(weight, Shape::new([outputs, windows.taps()]));
    let together = windows.together(most_bytes);
    let mut parts = Vec::with_capacity(images.div_ceil(together));
    for first in (0..images).step_by(together) {
        let count = together.min(images - first);
        let product = B::float_matmul(weight.clone(), windows.columns(first, count));
        parts.push(B::float_reshape(product, Shape::new([outputs, count, size[0], size[1]])));
    }
    let output = if parts.len() == 1 { parts.remove(0) } else { B::float_cat(parts, 1) };
    B::float_permute(output, &[1, 0, 2, 3])
}

/// Computes the gradient of the weight from columns of at most `most_bytes` bytes, or from the columns of one image if
/// they are larger. For each part of the batch it multiplies [O, P] by [P, K C], where P is the number of places in the
/// output maps of the part, and K the number of places in the kernel.
fn weight_gradient_by_columns<B: Backend>(
    maps: FloatTensor<B>,
    weight: FloatTensor<B>,
    gradient: FloatTensor<B>,
    options: &ConvOptions<2>,
    most_bytes: usize,
) -> FloatTensor<B> {
    let [images, channels, ..] = maps.shape().dims::<4>();
    let [outputs, _, rows, columns] = weight.shape().dims();
    let [_, _, out_height, out_width] = gradient.shape().dims();
    let dtype = gradient.dtype();
    let windows = Windows::<B>::new(maps, [rows, columns], [out_height, out_width], options);
    let (taps, places) = (windows.taps(), windows.places());
    let gradient = B::float_permute(gradient, &[1, 0, 2, 3]);

    let together = windows.together(most_bytes);
    let mut sum: Option<FloatTensor<B>> = None;
    for first in (0..images).step_by(together) {
        let count = together.min(images - first);
        // The product is split into many sums of few products, which are added up afterwards.
        let split = split_of(count, outputs * taps);
        let inner = count / split * places;
        let columns = B::float_reshape(windows.columns(first, count), Shape::new([taps, split, inner]));
        let columns = B::float_permute(columns, &[1, 2, 0]);
        let gradient = B::float_slice(gradient.clone(), &[all(), range(first, first + count), all(), all()]);
        let gradient = B::float_reshape(gradient, Shape::new([outputs, split, inner]));
        let products = B::float_matmul(B::float_swap_dims(gradient, 0, 1), columns);
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
        fn columns_give_the_output_and_the_gradient_of_the_weight(
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

            let parts = || (flex(maps.clone()), flex(weight.clone()));
            let (found, expected) = (parts(), parts());
            let output = convolved_by_columns::<Flex>(found.0, found.1, &options, most_bytes);
            let burns = Flex::conv2d(expected.0, expected.1, None, options.clone());
            let (found, expected) = (parts(), parts());
            let of_weight = weight_gradient_by_columns::<Flex>(
                found.0, found.1, flex(gradient.clone()), &options, most_bytes,
            );
            let burns_of_weight = Flex::conv2d_weight_backward(expected.0, expected.1, flex(gradient), options);
            for (found, expected) in [(output, burns), (of_weight, burns_of_weight)] {
                let [found, expected] = [found, expected].map(Tensor::<4>::from_primitive::<Flex>);
                prop_assert_eq!(found.dims(), expected.dims());
                // Sums of at most 324 products of the order of 1, with the rounding of 32 bits.
                prop_assert!((found - expected).abs().max().into_scalar::<f32>() < 1e-3);
            }
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
