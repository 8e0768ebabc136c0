//! Names, roles and shapes of a network's tensors as PyTorch's model collections publish them.

use crate::model::{ModelConfig, Role, published};
use crate::parameters::{self, ParameterVisitor};
use burn::module::Param;
use burn::tensor::Tensor;

/// A tensor on the host, in PyTorch's layout.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HostTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, in row-major order.
    pub values: Vec<f32>,
}

/// The transpose of a matrix with `rows` rows.
pub(super) fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows.max(1);
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

/// The name, the role and the shape in PyTorch's layout of the tensor at `path`.
pub(super) fn described(config: &ModelConfig, path: &[String], shape: &[usize]) -> (String, Role, Vec<usize>) {
    let (name, role) = published(config.kind, &path.join("."));
    let mut shape = shape.to_vec();
    if is_linear(&name, shape.len()) {
        shape.reverse();
    }
    (name, role, shape)
}

/// Whether a tensor is the weight of a linear layer: PyTorch keeps (outputs, inputs), and burn (inputs, outputs). No
/// other layer has a weight of two dimensions.
pub(super) fn is_linear(name: &str, rank: usize) -> bool {
    rank == 2 && name.ends_with("weight")
}

/// The name, the role and the shape of each tensor of the network of `config`.
pub(super) fn shapes(config: &ModelConfig) -> Vec<(String, Role, Vec<usize>)> {
    let mut shapes = Shapes { config, found: Vec::new() };
    parameters::visit(&config.outline(), &mut shapes);
    shapes.found
}

struct Shapes<'a> {
    config: &'a ModelConfig,
    found: Vec<(String, Role, Vec<usize>)>,
}

impl ParameterVisitor for Shapes<'_> {
    fn visit<const D: usize>(&mut self, path: &[String], param: &Param<Tensor<D>>) {
        self.found.push(described(self.config, path, &param.lazy_shape()));
    }
}
