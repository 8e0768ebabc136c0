//! The vision transformer: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, section 3.1; tiny and
//! small are the sizes of Touvron et al., "Training data-efficient image transformers", ICML 2021, table 1. Details
//! as in timm: a class token, pre-norm with an epsilon of 1e-6, one linear layer for query, key and value.

use super::ModelConfig;
use super::convolution::Convolve;
use super::layers::Norm;
use super::patches;
use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor};

const DEPTH: usize = 12;
/// The channels of a head.
const HEAD: usize = 64;
/// The width of the two-layer perceptrons, relative to the width of the transformer.
const EXPANSION: usize = 4;
const EPSILON: f64 = 1e-6;

/// A vision transformer.
#[derive(Module, Debug)]
pub struct Vit {
    embedding: Conv2d,
    class_token: Param<Tensor<3>>,
    position: Param<Tensor<3>>,
    layers: Vec<EncoderLayer>,
    norm: LayerNorm,
    linear: Linear,
}

/// Self-attention and a perceptron, each behind a layer norm and with a shortcut.
#[derive(Module, Debug)]
pub struct EncoderLayer {
    attention_norm: LayerNorm,
    attention: Attention,
    perceptron_norm: LayerNorm,
    hidden: Linear,
    output: Linear,
}

/// Multi-head self-attention.
#[derive(Module, Debug)]
pub struct Attention {
    query_key_value: Linear,
    output: Linear,
    heads: usize,
}

fn layer_norm(width: usize, device: &Device) -> LayerNorm {
    LayerNormConfig::new(width).with_epsilon(EPSILON).init(device)
}

impl Attention {
    fn new(width: usize, device: &Device) -> Self {
        Self {
            query_key_value: LinearConfig::new(width, 3 * width).init(device),
            output: LinearConfig::new(width, width).init(device),
            heads: width / HEAD,
        }
    }

    fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let [batch, count, width] = tokens.dims();
        let all = self.query_key_value.forward(tokens).reshape([batch, count, 3, self.heads, HEAD]);
        // (query, key or value; batch; head; token; channel)
        let all = all.permute([2, 0, 3, 1, 4]);
        let part = |index: usize| -> Tensor<4> { all.clone().narrow(0, index, 1).squeeze_dim(0) };
        let (query, key, value) = (part(0), part(1), part(2));
        let scores = query.matmul(key.swap_dims(2, 3)) / (HEAD as f64).sqrt();
        let mixed = softmax(scores, 3).matmul(value);
        self.output.forward(mixed.swap_dims(1, 2).reshape([batch, count, width]))
    }
}

impl EncoderLayer {
    fn new(width: usize, device: &Device) -> Self {
        Self {
            attention_norm: layer_norm(width, device),
            attention: Attention::new(width, device),
            perceptron_norm: layer_norm(width, device),
            hidden: LinearConfig::new(width, EXPANSION * width).init(device),
            output: LinearConfig::new(EXPANSION * width, width).init(device),
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.clone() + self.attention.forward(self.attention_norm.normed(x));
        let hidden = gelu(self.hidden.forward(self.perceptron_norm.normed(x.clone())));
        x + self.output.forward(hidden)
    }
}

impl Vit {
    /// Tiny: width 192, 3 heads.
    pub(super) fn new_tiny(config: &ModelConfig, device: &Device) -> Self {
        Self::new(config, 192, device)
    }

    /// Small: width 384, 6 heads.
    pub(super) fn new_small(config: &ModelConfig, device: &Device) -> Self {
        Self::new(config, 384, device)
    }

    fn new(config: &ModelConfig, width: usize, device: &Device) -> Self {
        let [rows, columns] = patches::grid(config);
        Self {
            embedding: patches::embedding(config, width, device),
            class_token: Param::from_tensor(Tensor::zeros([1, 1, width], device)),
            position: Param::from_tensor(Tensor::zeros([1, 1 + rows * columns, width], device)),
            layers: (0..DEPTH).map(|_| EncoderLayer::new(width, device)).collect(),
            norm: layer_norm(width, device),
            linear: LinearConfig::new(width, config.classes).init(device),
        }
    }

    /// Computes logits (N, classes) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let batch = images.dims()[0];
        let patches: Tensor<3> = self.embedding.convolved(images).flatten(2, 3);
        let class = self.class_token.val().repeat_dim(0, batch);
        let mut x = Tensor::cat(vec![class, patches.swap_dims(1, 2)], 1) + self.position.val();
        for layer in &self.layers {
            x = layer.forward(x);
        }
        // Layer norm treats each token separately, so that only the class token is needed.
        let class: Tensor<2> = x.narrow(1, 0, 1).squeeze_dim(1);
        self.linear.forward(self.norm.normed(class))
    }
}
