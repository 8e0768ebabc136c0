//! Layers whose weights are divided by their largest singular value: Miyato, Kataoka, Koyama & Yoshida, "Spectral
//! Normalization for Generative Adversarial Networks", ICLR 2018, algorithm 1, with one iteration a step.

use crate::model::convolve;
use burn::module::{Module, Param, RunningState};
use burn::tensor::{Device, Tensor};

/// A convolution. A kernel as large as the map is a linear layer.
#[derive(Module, Debug)]
pub(super) struct SpectralConv {
    /// (outputs, inputs, rows, columns)
    weight: Param<Tensor<4>>,
    bias: Option<Param<Tensor<1>>>,
    /// The estimate of the left singular vector.
    singular: RunningState<Tensor<1>>,
    stride: usize,
    padding: usize,
}

impl SpectralConv {
    pub fn new(channels: [usize; 2], kernel: [usize; 2], stride: usize, padding: usize, device: &Device) -> Self {
        let [inputs, outputs] = channels;
        let zeros = |count: usize| Tensor::zeros([count], device);
        // The values are drawn by `seeded`. The vector only must not be orthogonal to the one that is looked for.
        let start = Tensor::<1>::from_floats(&start(outputs)[..], device);
        Self {
            weight: Param::from_tensor(Tensor::zeros([outputs, inputs, kernel[0], kernel[1]], device)),
            bias: Some(Param::from_tensor(zeros(outputs))),
            singular: RunningState::new(start),
            stride,
            padding,
        }
    }

    pub fn without_bias(self) -> Self {
        Self { bias: None, ..self }
    }

    pub fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let maps = convolve(maps, self.normalised(), self.stride, self.padding);
        match &self.bias {
            Some(bias) => maps + bias.val().reshape([1, -1, 1, 1]),
            None => maps,
        }
    }

    /// The weight divided by its largest singular value, as a matrix of a row for each output.
    fn normalised(&self) -> Tensor<4> {
        let weight = self.weight.val();
        let outputs = weight.dims()[0];
        let matrix: Tensor<2> = weight.clone().reshape([outputs as i32, -1]);
        let fixed = matrix.clone().detach();
        let device = weight.device();
        let left: Tensor<2> = self.singular.value_sync().to_device(&device).reshape([1, outputs]);
        let right = unit(left.matmul(fixed.clone()));
        let left = unit(right.clone().matmul(fixed.transpose()));
        if device.is_autodiff() {
            self.singular.update(left.clone().reshape([outputs]).detach());
        }
        let largest = (left.matmul(matrix) * right).sum();
        weight / largest.clamp_min(1e-12).reshape([1, 1, 1, 1])
    }
}

fn start(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * 0.737 + 0.3).sin() + 0.1).collect()
}

fn unit(vector: Tensor<2>) -> Tensor<2> {
    let length = vector.clone().powi_scalar(2).sum().sqrt().clamp_min(1e-12);
    vector / length.reshape([1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    /// After some steps, a matrix with known singular values is divided by the largest.
    #[test]
    fn weights_are_divided_by_their_largest_singular_value() {
        let device = Device::flex().autodiff();
        let layer = SpectralConv::new([3, 2], [1, 1], 1, 0, &device);
        // Rows (3, 0, 0) and (0, 4, 0), turned by 30 degrees: the singular values stay 3 and 4.
        let (sin, cos) = 30f32.to_radians().sin_cos();
        let values = vec![3.0 * cos, -4.0 * sin, 0.0, 3.0 * sin, 4.0 * cos, 0.0];
        let weight = Tensor::<1>::from_data(TensorData::new(values.clone(), [6]), &device).reshape([2, 3, 1, 1]);
        let layer = SpectralConv { weight: Param::from_tensor(weight), ..layer };
        for _ in 0..40 {
            layer.normalised();
        }
        let found = layer.normalised().into_data().try_to_vec::<f32>().unwrap();
        for (found, value) in found.into_iter().zip(values) {
            assert!((found - value / 4.0).abs() < 1e-4, "{found} {value}");
        }
    }
}
