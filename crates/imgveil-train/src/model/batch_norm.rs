//! Batch norm whose sums use the whole of a GPU.
//!
//! Without its feature `autotune`, burn sums a channel on a GPU in one thread. A 64-channel batch norm then occupies 64
//! threads of a card that has thousands of times as many. On an NVIDIA H200, batch norms took 500 of the 800 ms of a
//! ResNet-18 step on 64 images of 224x224. Here the images are summed first, then rows, then columns, so that nearly
//! every sum has a thread for each of many places. The CPU backend keeps burn's own batch norm, which is fast there.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::autodiff::{Autodiff, NodeId};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, Dispatch, DispatchDevice, Flex, Scalar, TensorMetadata, backend_extension};
use burn::nn::BatchNorm;
use burn::tensor::Tensor;

/// Whether the maps lie on a GPU, and the layer learns.
pub(super) fn is_for(layer: &BatchNorm, maps: &Tensor<4>) -> bool {
    let device = maps.device();
    let learns = device.is_autodiff() && layer.training.is_enabled();
    learns && !matches!(device.inner().as_dispatch(), DispatchDevice::Flex(_))
}

/// Normalises maps (N, C, H, W) with the statistics of the batch, and updates the running statistics of the layer.
pub(super) fn batch_norm(layer: &BatchNorm, maps: Tensor<4>) -> Tensor<4> {
    let plain = maps.clone().inner();
    let mean = channel_means(plain.clone());
    let variance = channel_means((plain - mean.clone()).square());
    let running = |state: &burn::module::RunningState<Tensor<1>>, found: &Tensor<4>| {
        let old = state.value_sync();
        let found = Tensor::from_inner(found.clone().flatten(0, 3)).to_device(&old.device());
        state.update((old * (1.0 - layer.momentum) + found * layer.momentum).detach());
    };
    running(&layer.running_mean, &mean);
    running(&layer.running_var, &variance);
    let deviation = (variance + layer.epsilon).sqrt();
    let of_channels = |values: Tensor<1>| values.reshape([1, -1, 1, 1]).into_dispatch();
    Tensor::from_dispatch(Dispatch::normalisation(
        maps.into_dispatch(),
        of_channels(layer.gamma.val()),
        of_channels(layer.beta.val()),
        Tensor::<4>::from_inner(mean).into_dispatch(),
        Tensor::<4>::from_inner(deviation).into_dispatch(),
    ))
}

/// The mean of each channel of maps (N, C, H, W), as (1, C, 1, 1).
fn channel_means(maps: Tensor<4>) -> Tensor<4> {
    maps.mean_dim(0).mean_dim(2).mean_dim(3)
}

/// Normalisation by given statistics, which are those of the maps.
#[backend_extension(Cube, Flex, Autodiff)]
pub trait Normalisation: Backend {
    /// Computes `(maps - mean) / deviation * gamma + beta` from maps (N, C, H, W) and values of channels (1, C, 1, 1).
    ///
    /// The gradient of the maps takes into account that mean and deviation depend on them.
    fn normalisation(
        maps: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        deviation: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

macro_rules! without_gradient {
    ($($backend:ty),*) => { $(
        impl Normalisation for $backend {
            fn normalisation(
                maps: FloatTensor<Self>,
                gamma: FloatTensor<Self>,
                beta: FloatTensor<Self>,
                mean: FloatTensor<Self>,
                deviation: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                normalised::<Self>(maps, gamma, beta, mean, deviation)
            }
        }
    )* };
}

without_gradient!(Cube, Flex);

impl<B: Backend, C: CheckpointStrategy> Normalisation for Autodiff<B, C> {
    fn normalisation(
        maps: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        deviation: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Normalised;

        impl<B: Backend> Backward<B, 3> for Normalised {
            type State = (NodeId, NodeId, B::FloatTensorPrimitive, B::FloatTensorPrimitive);

            fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, checkpointer: &mut Checkpointer) {
                let [of_maps, of_gamma, of_beta] = ops.parents;
                let gradient = gradients.consume::<B>(&ops.node);
                let (maps, gamma, mean, deviation) = ops.state;
                let maps = checkpointer.retrieve_node_output::<B::FloatTensorPrimitive>(maps);
                let gamma = checkpointer.retrieve_node_output::<B::FloatTensorPrimitive>(gamma);
                let found = normalisation_gradients::<B>(maps, gamma, mean, deviation, gradient);
                for (node, found) in [of_maps, of_gamma, of_beta].into_iter().zip(found) {
                    if let Some(node) = node {
                        gradients.register::<B>(node.id, found);
                    }
                }
            }
        }

        let (mean, deviation) = (mean.into_primitive(), deviation.into_primitive());
        match Normalised.prepare::<C>([maps.node(), gamma.node(), beta.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prepared) => {
                let state = (prepared.checkpoint(&maps), prepared.checkpoint(&gamma), mean.clone(), deviation.clone());
                let [maps, gamma, beta] = [maps, gamma, beta].map(|tensor| tensor.into_primitive());
                prepared.finish(state, normalised::<B>(maps, gamma, beta, mean, deviation))
            }
            OpsKind::UnTracked(prepared) => {
                let [maps, gamma, beta] = [maps, gamma, beta].map(|tensor| tensor.into_primitive());
                prepared.finish(normalised::<B>(maps, gamma, beta, mean, deviation))
            }
        }
    }
}

fn normalised<B: Backend>(
    maps: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    mean: FloatTensor<B>,
    deviation: FloatTensor<B>,
) -> FloatTensor<B> {
    let scale = B::float_div(gamma, deviation);
    B::float_add(B::float_mul(B::float_sub(maps, mean), scale), beta)
}

/// The gradients of maps, gamma and beta (Ioffe & Szegedy, "Batch Normalization", ICML 2015, section 3).
fn normalisation_gradients<B: Backend>(
    maps: FloatTensor<B>,
    gamma: FloatTensor<B>,
    mean: FloatTensor<B>,
    deviation: FloatTensor<B>,
    gradient: FloatTensor<B>,
) -> [FloatTensor<B>; 3] {
    let [images, _, height, width] = maps.shape().dims();
    let each = Scalar::Float(1.0 / (images * height * width) as f64);
    let centred = B::float_sub(maps, mean);
    let of_beta = channel_sums::<B>(gradient.clone());
    let product = channel_sums::<B>(B::float_mul(gradient.clone(), centred.clone()));
    let of_gamma = B::float_div(product, deviation.clone());
    // (gradient - mean of gradient - centred * its share) * gamma / deviation
    let share = B::float_mul_scalar(B::float_div(of_gamma.clone(), deviation.clone()), each);
    let change = B::float_sub(gradient, B::float_mul_scalar(of_beta.clone(), each));
    let change = B::float_sub(change, B::float_mul(centred, share));
    [B::float_mul(change, B::float_div(gamma, deviation)), of_gamma, of_beta]
}

/// The sum of each channel of maps (N, C, H, W), as (1, C, 1, 1).
fn channel_sums<B: Backend>(maps: FloatTensor<B>) -> FloatTensor<B> {
    B::float_sum_dim(B::float_sum_dim(B::float_sum_dim(maps, 0), 2), 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::BatchNormConfig;
    use burn::tensor::{Device, Distribution};
    use proptest::prelude::*;

    proptest! {
        /// burn's own batch norm on the CPU is the oracle, for the result, all gradients and the running statistics.
        #[test]
        fn equals_burns_batch_norm(
            images in 1..5usize,
            channels in 1..4usize,
            size in (1..5usize, 1..5usize),
            offset in -3.0..3.0f64,
        ) {
            prop_assume!(images * size.0 * size.1 > 1);
            let device = Device::flex().autodiff();
            let random = |shape: [usize; 4]| Tensor::<4>::random(shape, Distribution::Normal(offset, 1.0), &device);
            let maps = random([images, channels, size.0, size.1]);
            let wanted = random([images, channels, size.0, size.1]);
            let mut layer = BatchNormConfig::new(channels).with_epsilon(1e-3).init(&device);
            let random = || Tensor::<1>::random([channels], Distribution::Normal(1.0, 0.5), &device);
            layer.gamma = layer.gamma.map(|_| random().require_grad());
            layer.beta = layer.beta.map(|_| random().require_grad());
            // Each has running statistics of its own.
            let other = BatchNormConfig::new(channels).with_epsilon(1e-3).init(&device);
            let other = BatchNorm { gamma: layer.gamma.clone(), beta: layer.beta.clone(), ..other };

            let results = |output: Tensor<4>, maps: Tensor<4>| {
                let gradients = (output.clone() * wanted.clone()).sum().backward();
                let of = |tensor: Option<Tensor<1>>| tensor.unwrap();
                [
                    output.inner().flatten::<1>(0, 3),
                    maps.grad(&gradients).unwrap().flatten::<1>(0, 3),
                    of(layer.gamma.val().grad(&gradients)),
                    of(layer.beta.val().grad(&gradients)),
                ]
            };
            let input = || maps.clone().detach().require_grad();
            let (mine, theirs) = (input(), input());
            let found = results(batch_norm(&layer, mine.clone()), mine);
            let expected = results(other.forward(theirs.clone()), theirs);
            for (found, expected) in found.into_iter().zip(expected) {
                // Sums of at most 64 products of the order of 10, with the rounding of 32 bits; a small variance
                // enlarges it.
                prop_assert!((found - expected).abs().max().into_scalar::<f32>() < 5e-3);
            }
            for (found, expected) in
                [(&layer.running_mean, &other.running_mean), (&layer.running_var, &other.running_var)]
            {
                prop_assert!((found.value() - expected.value()).abs().max().into_scalar::<f32>() < 1e-4);
            }
        }
    }
}
