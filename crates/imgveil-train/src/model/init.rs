//! Initial weights from a seed. They are the same on every backend, so that devices can be compared; burn's own
//! generators differ from backend to backend.

use crate::parameters::{self, ParameterMapper};
use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use imgveil::internal::schedule::Stream;

/// The rule by which the weights of a network are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Kaiming uniform over the fan-in (He et al., ICCV 2015) for convolutions and for the sub-networks of single
    /// blocks, uniform in 1/sqrt(fan-in) for linear layers and the pseudo-permutation.
    Convolutional,
    /// As timm draws a vision transformer: normal with a deviation of 0.02 for linear layers and position embeddings,
    /// of 1e-6 for the class token; uniform in 1/sqrt(fan-in) for the patch embedding.
    Transformer,
}

/// Draws all weights of a module by a rule. Biases are zero; batch norm and layer norm keep their ones and zeros.
pub(crate) fn seeded<M: Module>(module: M, rule: Rule, seed: u64) -> M {
    let key = blake3::derive_key("imgveil initial weights", &seed.to_le_bytes());
    parameters::map(module, &mut Draw { key, rule, drawn: 0 })
}

/// The distribution of the values of a parameter.
enum Distribution {
    /// Uniform between -bound and bound.
    Uniform(f32),
    /// Normal with this deviation.
    Normal(f64),
}

struct Draw {
    key: [u8; 32],
    rule: Rule,
    /// The number of parameters drawn so far. Each draws from a stream of its own.
    drawn: u64,
}

impl Draw {
    /// The distribution of the parameter at `path`. `None` if it keeps its values.
    fn distribution(&self, path: &[String], shape: &[usize]) -> Option<Distribution> {
        let name = path.last().map(String::as_str);
        // An adaptation network follows the rule for convolutional networks, even in front of a transformer.
        let transformer = self.rule == Rule::Transformer && !path.iter().any(|name| name == "adaptation");
        let fan = |inputs: usize| 1.0 / (inputs as f32).sqrt();
        Some(match (shape, name) {
            (_, Some("position")) => Distribution::Normal(0.02),
            (_, Some("class_token")) => Distribution::Normal(1e-6),
            // (outputs, inputs, rows, columns)
            (&[_, inputs, rows, columns], _) if transformer => Distribution::Uniform(fan(inputs * rows * columns)),
            (&[_, inputs, rows, columns], _) => Distribution::Uniform((6.0 / (inputs * rows * columns) as f32).sqrt()),
            // (block, inputs, outputs)
            (&[_, inputs, _], _) => Distribution::Uniform((6.0 / inputs as f32).sqrt()),
            // (inputs, outputs)
            (&[_, _], _) if transformer => Distribution::Normal(0.02),
            (&[inputs, _], _) => Distribution::Uniform(fan(inputs)),
            // burn draws biases. Here they are zero.
            (&[_], Some("bias")) => Distribution::Uniform(0.0),
            _ => return None,
        })
    }
}

impl ParameterMapper for Draw {
    fn map<const D: usize>(&mut self, path: &[String], param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // The parameter is lazy, so that burn does not draw values that are replaced at once.
        let (shape, device, id) = (param.lazy_shape(), param.lazy_device(), param.id);
        let Some(distribution) = self.distribution(path, &shape) else { return param };
        let mut stream = Stream::new(&self.key, self.drawn);
        self.drawn += 1;
        let mut draw = || match distribution {
            // 24 bits, so that every value in [-1, 1) is exact in f32.
            Distribution::Uniform(bound) => ((stream.word() >> 8) as f32 / (1 << 23) as f32 - 1.0) * bound,
            Distribution::Normal(deviation) => {
                let magnitude = stream.half_normal() as f64 / 4_294_967_296.0 * deviation;
                (if stream.word() & 1 == 1 { -magnitude } else { magnitude }) as f32
            }
        };
        let values: Vec<f32> = (0..shape.num_elements()).map(|_| draw()).collect();
        param.transform_for_load(Tensor::from_data(TensorData::new(values, shape), &device), id)
    }
}
