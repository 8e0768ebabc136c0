//! Convolutions on the CPU as products of matrices, on all threads.
//!
//! burn computes the gradient of a weight on the CPU as a convolution of the maps by the gradient of the output, which
//! reads the whole gradient once for every channel, and the gradient of the maps on one thread. Here the windows of the
//! maps become columns (Chellapilla et al., "High Performance Convolutional Neural Networks for Document Processing",
//! IWFHR 2006), and one product of matrices for some images at a time gives the sums: the output (O, P) is the weight
//! (O, K) by the columns (K, P). The gradient of the weight is the gradient of the output by the columns, and the
//! columns of the gradient of the maps are the weight by the gradient of the output. Without strides, the gradient of
//! the maps is a convolution itself, which needs no sums of columns. P counts the places of the output in all images, K
//! the channels and places under the kernel.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, TensorData};
use rayon::prelude::*;

type Maps = FloatTensor<Flex>;

/// The most bytes of columns at a time. More would leave the caches of the processor.
const MOST_BYTES: usize = 2 << 20;

/// The sizes of a convolution without groups and dilation.
struct Sizes {
    images: usize,
    channels: usize,
    outputs: usize,
    /// Rows and columns of the maps.
    maps: [usize; 2],
    /// Rows and columns of the kernel.
    kernel: [usize; 2],
    /// Rows and columns of the output.
    output: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
}

/// Computes the output, or `None` if this module does not compute such a convolution.
pub(super) fn output(maps: &Maps, weight: &Maps, options: &ConvOptions<2>) -> Option<Maps> {
    let sizes = Sizes::of(maps, weight, options)?;
    Some(sizes.output_of(&contiguous(maps)?, &flat(weight, [sizes.outputs, sizes.taps()])?))
}

/// Computes the gradient of the weight, or `None`.
pub(super) fn weight_gradient(maps: &Maps, weight: &Maps, gradient: &Maps, options: &ConvOptions<2>) -> Option<Maps> {
    let sizes = Sizes::of(maps, weight, options)?;
    let (maps, gradient) = (contiguous(maps)?, contiguous(gradient)?);
    let mut sum: Option<Maps> = None;
    // The sums of a part are added to those before, which takes as long as to make as many columns.
    let most_bytes = MOST_BYTES.max(4 * sizes.outputs * sizes.taps());
    for (first, count) in sizes.parts(most_bytes) {
        let columns = tensor(sizes.columns(values(&maps), first, count), [sizes.taps(), count * sizes.places()]);
        let product = Flex::float_matmul(sizes.gradients(&gradient, first, count), columns.transpose(0, 1));
        sum = Some(match sum {
            Some(sum) => Flex::float_add(sum, product),
            None => product,
        });
    }
    Some(sum?.reshape(weight.shape()))
}

/// Computes the gradient of the maps, or `None`.
pub(super) fn maps_gradient(maps: &Maps, weight: &Maps, gradient: &Maps, options: &ConvOptions<2>) -> Option<Maps> {
    let sizes = Sizes::of(maps, weight, options)?;
    let (gradient, weight) = (contiguous(gradient)?, contiguous(weight)?);
    if let Some(turned) = sizes.turned() {
        let weight = turned_weight(values(&weight), [sizes.outputs, sizes.channels], sizes.kernel[0] * sizes.kernel[1]);
        return Some(turned.output_of(&gradient, &tensor(weight, [turned.outputs, turned.taps()])));
    }
    let weight = weight.reshape([sizes.outputs, sizes.taps()].into()).transpose(0, 1);
    let mut found = vec![0.0; sizes.images * sizes.of_maps()];
    for (first, count) in sizes.parts(MOST_BYTES) {
        let columns = Flex::float_matmul(weight.clone(), sizes.gradients(&gradient, first, count));
        let part = &mut found[first * sizes.of_maps()..][..count * sizes.of_maps()];
        sizes.add_columns(values(&columns), part, count);
    }
    Some(tensor(found, [sizes.images, sizes.channels, sizes.maps[0], sizes.maps[1]]))
}

/// The weight (C, O, K) of the convolution that gives the gradient of the maps: channels and outputs change places, and
/// the kernel is turned by half a turn.
fn turned_weight(weight: &[f32], [outputs, channels]: [usize; 2], under: usize) -> Vec<f32> {
    let mut turned = vec![0.0; weight.len()];
    turned.par_chunks_mut(outputs * under).enumerate().for_each(|(channel, rows)| {
        for (output, kernel) in rows.chunks_exact_mut(under).enumerate() {
            let from = &weight[(output * channels + channel) * under..][..under];
            kernel.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
        }
    });
    turned
}

impl Sizes {
    fn of(maps: &Maps, weight: &Maps, options: &ConvOptions<2>) -> Option<Self> {
        if maps.dtype() != DType::F32 || options.groups != 1 || options.dilation != [1, 1] || options.is_asymmetric() {
            return None;
        }
        let [images, channels, height, width] = maps.shape().dims();
        let [outputs, _, rows, columns] = weight.shape().dims();
        let (stride, padding) = ([options.stride[0], options.stride[1]], options.padding_begin());
        let side = |maps: usize, kernel: usize, axis: usize| {
            Some((maps + 2 * padding[axis]).checked_sub(kernel)? / stride[axis] + 1)
        };
        let output = [side(height, rows, 0)?, side(width, columns, 1)?];
        let (maps, kernel) = ([height, width], [rows, columns]);
        Some(Self { images, channels, outputs, maps, kernel, output, stride, padding })
    }

    /// The convolution of the gradient of the output that gives the gradient of the maps, with the kernel turned by
    /// half a turn. `None` with strides, which would put zeros between the values.
    fn turned(&self) -> Option<Self> {
        let padding = [0, 1].map(|axis| (self.kernel[axis] - 1).checked_sub(self.padding[axis]));
        let [Some(top), Some(left)] = padding else { return None };
        (self.stride == [1, 1]).then_some(Self {
            channels: self.outputs,
            outputs: self.channels,
            maps: self.output,
            output: self.maps,
            padding: [top, left],
            ..*self
        })
    }

    /// The output for maps and a weight (O, K).
    fn output_of(&self, maps: &Maps, weight: &Maps) -> Maps {
        let mut found = vec![0.0; self.images * self.of_outputs()];
        for (first, count) in self.parts(MOST_BYTES) {
            let columns = tensor(self.columns(values(maps), first, count), [self.taps(), count * self.places()]);
            let product = Flex::float_matmul(weight.clone(), columns);
            let part = &mut found[first * self.of_outputs()..][..count * self.of_outputs()];
            exchange(values(&product), part, [self.outputs, count], self.places());
        }
        tensor(found, [self.images, self.outputs, self.output[0], self.output[1]])
    }

    /// The number of values under the kernel.
    fn taps(&self) -> usize {
        self.channels * self.kernel[0] * self.kernel[1]
    }

    /// The number of places of an output map.
    fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// The number of values of the output for an image.
    fn of_outputs(&self) -> usize {
        self.outputs * self.places()
    }

    /// The number of values of an image's maps.
    fn of_maps(&self) -> usize {
        self.channels * self.maps[0] * self.maps[1]
    }

    /// Runs of images, as the first and how many, whose columns have at most so many bytes, or are those of one image.
    fn parts(&self, most_bytes: usize) -> impl Iterator<Item = (usize, usize)> {
        let images = self.images;
        let together = (most_bytes / (4 * self.taps() * self.places())).clamp(1, images.max(1));
        (0..images).step_by(together).map(move |first| (first, together.min(images - first)))
    }

    /// The columns (K, P) of `count` images from `first` on.
    fn columns(&self, maps: &[f32], first: usize, count: usize) -> Vec<f32> {
        let (places, [height, width]) = (self.places(), self.maps);
        let mut columns = vec![0.0; self.taps() * count * places];
        columns.par_chunks_mut(count * places).enumerate().for_each(|(tap, row)| {
            let channel = tap / (self.kernel[0] * self.kernel[1]);
            for (image, window) in row.chunks_mut(places).enumerate() {
                let plane = ((first + image) * self.channels + channel) * height * width;
                self.copy_window(tap, &maps[plane..][..height * width], window);
            }
        });
        columns
    }

    /// Copies the values of a plane under one place of the kernel. `window` holds zeros for what is outside.
    fn copy_window(&self, tap: usize, plane: &[f32], window: &mut [f32]) {
        let step = self.stride[1];
        for (from, to, count) in self.runs(tap) {
            match step {
                1 => window[to..to + count].copy_from_slice(&plane[from..from + count]),
                _ => {
                    let values = plane[from..].iter().step_by(step);
                    window[to..to + count].iter_mut().zip(values).for_each(|(to, from)| *to = *from);
                }
            }
        }
    }

    /// The runs of places in a window that are inside the maps: where a run begins in the plane, where in the window,
    /// and its length.
    fn runs(&self, tap: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let ([height, width], [rows, columns]) = (self.maps, self.output);
        let (row, column) = (tap / self.kernel[1] % self.kernel[0], tap % self.kernel[1]);
        let ([down, across], [top, left]) = (self.stride, self.padding);
        // The places whose column is inside: column + place * across - left is from 0 to width.
        let begin = left.saturating_sub(column).div_ceil(across).min(columns);
        let end = (width + left).saturating_sub(column).div_ceil(across).clamp(begin, columns);
        (0..rows).filter_map(move |place| {
            let row = (row + place * down).checked_sub(top).filter(|&row| row < height && end > begin)?;
            Some((row * width + column + begin * across - left, place * columns + begin, end - begin))
        })
    }

    /// Adds columns (K, P) of `count` images to their maps, each at its place.
    fn add_columns(&self, columns: &[f32], maps: &mut [f32], count: usize) {
        let (places, [height, width]) = (self.places(), self.maps);
        let under = self.kernel[0] * self.kernel[1];
        let step = self.stride[1];
        maps.par_chunks_mut(height * width).enumerate().for_each(|(plane, values)| {
            let (image, channel) = (plane / self.channels, plane % self.channels);
            for tap in channel * under..(channel + 1) * under {
                let window = &columns[(tap * count + image) * places..][..places];
                for (to, from, count) in self.runs(tap) {
                    let window = &window[from..from + count];
                    match step {
                        1 => values[to..to + count].iter_mut().zip(window).for_each(|(sum, value)| *sum += value),
                        _ => values[to..].iter_mut().step_by(step).zip(window).for_each(|(sum, value)| *sum += value),
                    }
                }
            }
        });
    }

    /// The gradient of the output as (O, P), for `count` images from `first` on.
    fn gradients(&self, gradient: &Maps, first: usize, count: usize) -> Maps {
        let part = &values(gradient)[first * self.of_outputs()..][..count * self.of_outputs()];
        let mut found = vec![0.0; part.len()];
        exchange(part, &mut found, [count, self.outputs], self.places());
        tensor(found, [self.outputs, count * self.places()])
    }
}

/// Copies (A, B, P) to (B, A, P).
fn exchange(from: &[f32], to: &mut [f32], [first, second]: [usize; 2], places: usize) {
    to.par_chunks_mut(first * places).enumerate().for_each(|(b, rows)| {
        for (a, row) in rows.chunks_mut(places).enumerate() {
            row.copy_from_slice(&from[(a * second + b) * places..][..places]);
        }
    });
}

/// The tensor with its values in order. `None` if they are no 32-bit floats.
fn contiguous(tensor: &Maps) -> Option<Maps> {
    let tensor = tensor.to_contiguous();
    tensor.as_slice::<f32>().is_some().then_some(tensor)
}

/// The values of a tensor from [`contiguous`].
fn values(tensor: &Maps) -> &[f32] {
    tensor.as_slice().unwrap_or_default()
}

/// A tensor as a matrix.
fn flat(tensor: &Maps, [rows, columns]: [usize; 2]) -> Option<Maps> {
    Some(contiguous(tensor)?.reshape([rows, columns].into()))
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Maps {
    Maps::from_data(TensorData::new(values, shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::backend::ops::ModuleOps;
    use burn::tensor::{Device, Distribution, Tensor};
    use proptest::prelude::*;

    proptest! {
        /// burn's own convolution on the CPU is the oracle.
        #[test]
        fn equals_burns_convolution_and_its_gradients(
            images in 1..5usize,
            channels in 1..4usize,
            outputs in 1..4usize,
            kernel in (1..4usize, 1..4usize),
            stride in (1..4usize, 1..4usize),
            padding in (0..3usize, 0..3usize),
            more in (0..5usize, 0..5usize),
        ) {
            let device = Device::flex();
            let options = ConvOptions::new([stride.0, stride.1], [padding.0, padding.1], [1, 1], 1);
            let random = |shape: [usize; 4]| {
                let tensor = Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device);
                tensor.try_into_primitive::<Flex>().expect("made on flex")
            };
            let maps = random([images, channels, kernel.0 + more.0, kernel.1 + more.1]);
            let weight = random([outputs, channels, kernel.0, kernel.1]);
            let found = output(&maps, &weight, &options).unwrap();
            let [_, _, rows, columns] = found.shape().dims();
            // In another order in memory than a gradient usually is.
            let gradient = Flex::float_permute(random([rows, columns, images, outputs]), &[2, 3, 0, 1]);
            let of_weight = weight_gradient(&maps, &weight, &gradient, &options).unwrap();
            let of_maps = maps_gradient(&maps, &weight, &gradient, &options).unwrap();

            let (m, w, g, o) = (maps, weight, gradient, options);
            let expected = Flex::conv2d(m.clone(), w.clone(), None, o.clone());
            let weights = Flex::conv2d_weight_backward(m.clone(), w.clone(), g.clone(), o.clone());
            let expected_maps = Flex::conv2d_x_backward(m, w, g, o);
            for (found, expected) in [(found, expected), (of_weight, weights), (of_maps, expected_maps)] {
                let [found, expected] = [found, expected].map(Tensor::<4>::from_primitive::<Flex>);
                prop_assert_eq!(found.dims(), expected.dims());
                // Sums of at most 324 products of the order of 1, with the rounding of 32 bits.
                prop_assert!((found - expected).abs().max().into_scalar::<f32>() < 1e-3);
            }
        }
    }

    /// Several runs of images, the last one shorter.
    #[test]
    fn a_batch_may_have_more_columns_than_are_made_at_a_time() {
        let device = Device::flex();
        let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
        let random = |shape: [usize; 4]| {
            let tensor = Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device);
            tensor.try_into_primitive::<Flex>().expect("made on flex")
        };
        let (maps, weight) = (random([5, 64, 20, 20]), random([8, 64, 3, 3]));
        let parts = Sizes::of(&maps, &weight, &options).unwrap().parts(MOST_BYTES).collect::<Vec<_>>();
        assert_eq!(parts, [(0, 2), (2, 2), (4, 1)]);
        let found = output(&maps, &weight, &options).unwrap();
        let gradient = random([5, 8, 20, 20]);
        let of_weight = weight_gradient(&maps, &weight, &gradient, &options).unwrap();
        let expected = Flex::conv2d(maps.clone(), weight.clone(), None, options.clone());
        let expected_weight = Flex::conv2d_weight_backward(maps, weight, gradient, options);
        for (found, expected) in [(found, expected), (of_weight, expected_weight)] {
            let [found, expected] = [found, expected].map(Tensor::<4>::from_primitive::<Flex>);
            assert!((found - expected).abs().max().into_scalar::<f32>() < 1e-2);
        }
    }
}
