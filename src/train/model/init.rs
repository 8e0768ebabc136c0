//! Initial weights from a seed, the same on every backend: burn's own generators differ from backend to backend, and then no
//! two devices could be compared.

use crate::schedule::Stream;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

/// Draws all weights of a module again: Kaiming uniform over the fan-in (He et al., ICCV 2015) for convolutions, uniform in
/// 1/sqrt(fan-in) for linear layers, zero for biases. Batch norm keeps its ones and zeros.
pub(super) fn seeded<M: Module>(module: M, seed: u64) -> M {
    let key = blake3::derive_key("imgveil initial weights", &seed.to_le_bytes());
    module.map(&mut Draw { key, drawn: 0, path: Vec::new() })
}

struct Draw {
    key: [u8; 32],
    /// Parameters so far: each draws from a stream of its own.
    drawn: u64,
    /// Names of the fields down to the parameter.
    path: Vec<String>,
}

impl ModuleMapper for Draw {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.val().dims();
        let bound = match *shape.as_slice() {
            // (outputs, inputs, rows, columns)
            [_, inputs, rows, columns] => (6.0 / (inputs * rows * columns) as f32).sqrt(),
            // (inputs, outputs)
            [inputs, _] => 1.0 / (inputs as f32).sqrt(),
            // burn draws biases too.
            [_] if self.path.last().is_some_and(|name| name == "bias") => 0.0,
            _ => return param,
        };
        let mut stream = Stream::new(&self.key, self.drawn);
        self.drawn += 1;
        let mut draw = || {
            // 24 bits: every value is exact in f32, in [-1, 1).
            let unit = (stream.word() >> 8) as f32 / (1 << 23) as f32 - 1.0;
            unit * bound
        };
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| draw()).collect();
        let (id, device) = (param.id, param.val().device());
        param.transform_for_load(Tensor::from_data(TensorData::new(values, shape), &device), id)
    }
}
