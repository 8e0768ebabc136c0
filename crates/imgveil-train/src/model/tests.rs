//! Tests of every kind of network.

use super::*;
use crate::OptimiserKind;
use crate::parameters::ParameterMapper;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::GradientsParams;
use burn::tensor::{Int, TensorData};
use imgveil::internal::schedule::Stream;

fn config(kind: ModelKind, adaptation: Option<AdaptationKind>, [height, width, channels]: [u32; 3]) -> ModelConfig {
    ModelConfig::new(kind, adaptation, Geometry::new(height, width, channels).unwrap(), 3, None)
}

/// A small network behind either adaptation network.
fn adapted() -> [ModelConfig; 2] {
    [AdaptationKind::Le, AdaptationKind::Ele].map(|kind| config(ModelKind::Cnn, Some(kind), [8, 8, 1]))
}

/// Images that are all different.
fn images(config: &ModelConfig, count: usize, device: &Device) -> Tensor<4> {
    let shape = [count, config.channels, config.size[0], config.size[1]];
    let values: Vec<f32> = (0..shape.iter().product()).map(|i| (i as f32 * 0.7).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// The published figures: torchvision's resnet18, resnet50 and densenet121, Keras's and timm's xception, timm's
/// vit_tiny_patch16_224, vit_small_patch16_224 and convmixer_768_32.
#[test]
fn networks_have_the_published_parameters() {
    for (kind, size, parameters) in [
        (ModelKind::ResNet18, 224, 11_689_512),
        (ModelKind::ResNet50, 224, 25_557_032),
        (ModelKind::DenseNet121, 224, 7_978_856),
        (ModelKind::Xception, 299, 22_855_952),
        (ModelKind::VitTiny, 224, 5_717_416),
        (ModelKind::VitSmall, 224, 22_050_664),
        (ModelKind::ConvMixer, 224, 21_110_248),
    ] {
        let geometry = Geometry::new(size, size, 3).unwrap();
        let mut config = ModelConfig::new(kind, None, geometry, 1000, None);
        let count = |config: &ModelConfig| config.build(&Device::flex()).parameters();
        assert_eq!(count(&config), parameters, "{}", kind.name());
        // A head of two classes has 998 rows less, with their biases.
        config.classes = 2;
        let features = (parameters - count(&config)) / 998 - 1;
        assert_eq!(parameters - count(&config), 998 * (features + 1));
        assert!([192, 384, 512, 768, 1024, 2048].contains(&features), "{}: {features}", kind.name());
    }
    // Without its 7x7 stem, the rest of a residual network is the same.
    let patched = ModelConfig {
        patch: Some([4, 4]),
        ..ModelConfig::new(ModelKind::ResNet18, None, Geometry::new(224, 224, 3).unwrap(), 1000, None)
    };
    assert_eq!(patched.build(&Device::flex()).parameters(), 11_689_512 - 64 * 3 * (7 * 7 - 4 * 4));
}

#[test]
fn every_network_takes_small_and_large_images() {
    let device = Device::flex();
    for kind in MODELS {
        for size in [[28, 28, 1], [32, 32, 3], [64, 64, 3], [30, 25, 1]] {
            let config = config(kind, None, size);
            let logits = values(config.build(&device).forward(images(&config, 1, &device)));
            assert_eq!(logits.len(), 3);
            assert!(logits.iter().all(|logit| logit.is_finite()), "{} {size:?}", kind.name());
        }
    }
    // Blocks as large as the image leave a map of one pixel.
    for kind in [ModelKind::ResNet50, ModelKind::DenseNet121, ModelKind::Xception] {
        let config = ModelConfig { patch: Some([28, 28]), ..config(kind, None, [28, 28, 1]) };
        assert_eq!(config.build(&device).forward(images(&config, 1, &device)).dims(), [1, 3], "{}", kind.name());
    }
}

/// The stems that large images get.
#[test]
fn stems_for_large_images_shrink_them() {
    let device = Device::flex();
    for kind in [ModelKind::ResNet18, ModelKind::DenseNet121, ModelKind::Xception, ModelKind::VitTiny] {
        let config = config(kind, None, [96, 96, 3]);
        assert_eq!(config.build(&device).forward(images(&config, 1, &device)).dims(), [1, 3], "{}", kind.name());
    }
    assert_eq!(config(ModelKind::VitTiny, None, [96, 96, 3]).patch, Some([16, 16]));
    assert_eq!(config(ModelKind::ConvMixer, None, [96, 100, 3]).patch, Some([7, 7]));
    assert_eq!(config(ModelKind::ConvMixer, None, [96, 95, 3]).patch, Some([4, 4]));
}

#[test]
fn the_patch_is_the_schemes_block_but_behind_an_adaptation_network() {
    let geometry = Geometry::new(32, 32, 3).unwrap();
    let (block, pixel) = (Some(Block { height: 8, width: 4 }), Some(Block::square(1)));
    for kind in MODELS {
        let patch = |adaptation, block| ModelConfig::new(kind, adaptation, geometry, 2, block).patch;
        let usual = kind.usual_patch([32, 32]);
        assert_eq!(patch(None, block), Some([8, 4]));
        assert_eq!(patch(None, pixel), usual);
        assert_eq!(patch(None, None), usual);
        assert_eq!(patch(Some(AdaptationKind::Le), block), usual);
    }
    let adapted = |block| ModelConfig::new(ModelKind::Cnn, Some(AdaptationKind::Ele), geometry, 2, block).adaptation;
    assert_eq!(adapted(block).unwrap().block, [8, 4]);
    assert_eq!(adapted(pixel).unwrap().block, [4, 4]);
    assert!(adapted(block).unwrap().tiles([32, 32]) && !adapted(block).unwrap().tiles([32, 30]));
}

/// Every value of a network comes from the seed or is a constant. The kinds that are left out differ from these in
/// size only.
#[test]
fn the_seed_decides_every_weight() {
    let device = Device::flex();
    let plain = [ModelKind::Cnn, ModelKind::ResNet18, ModelKind::DenseNet121, ModelKind::VitTiny];
    let plain = plain.map(|kind| config(kind, None, [8, 8, 1]));
    for config in plain.iter().chain(&adapted()) {
        let drawn = |seed| parameters_of(&config.init(seed, &device));
        let (first, other) = (drawn(1), drawn(2));
        assert_eq!(first, drawn(1), "{config:?}");
        for (path, values) in &first {
            let constant = values.iter().all(|value| *value == values[0]);
            assert_eq!(values == &other[path], constant, "{path} of {config:?}");
        }
    }
}

/// The drawn weights have the deviations of their rules.
#[test]
fn weights_have_the_deviations_of_their_rules() {
    let deviation = |values: Vec<f32>| {
        (values.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() / values.len() as f64).sqrt()
    };
    let network = config(ModelKind::VitTiny, Some(AdaptationKind::Ele), [8, 8, 1]).init(3, &Device::flex());
    let all = parameters_of(&network);
    for (path, expected) in [
        ("classifier.Vit.position", 0.02),
        ("classifier.Vit.class_token", 1e-6),
        ("classifier.Vit.layers.3.hidden.weight", 0.02),
        ("classifier.Vit.layers.3.hidden.bias", 0.0),
        ("classifier.Vit.layers.3.perceptron_norm.gamma", 1.0),
        // The deviation of a uniform distribution is its bound divided by the root of 3.
        ("classifier.Vit.embedding.weight", 1.0 / (16.0 * 4.0 * 4.0 * 3f64).sqrt()),
        ("adaptation.Ele.weight", (6.0 / 16.0 / 3f64).sqrt()),
        ("adaptation.Ele.permutation", 1.0 / (4.0 * 3f64).sqrt()),
    ] {
        let found = deviation(all[path].clone());
        // The deviation of n draws has a relative standard error of at most 1 / sqrt(2 n). Three of them are allowed.
        let tolerance = 3.0 / (2.0 * all[path].len() as f64).sqrt();
        assert!((found - expected).abs() <= expected * tolerance, "{path}: {found}, not {expected}");
    }
}

/// Images of noise: every channel of every batch norm sees many different values.
fn noise(config: &ModelConfig, count: usize, device: &Device) -> Tensor<4> {
    let shape = [count, config.channels, config.size[0], config.size[1]];
    let mut stream = Stream::new(&[9; 32], 0);
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|_| (stream.word() >> 8) as f32 / (1 << 23) as f32 - 1.0).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Every kind of network, and the small one behind either adaptation network. ConvMixer takes larger images: on maps of
/// four pixels its 65 batch norms amplify every rounding.
fn every_kind() -> impl Iterator<Item = ModelConfig> {
    let size = |kind| if kind == ModelKind::ConvMixer { [16, 16, 1] } else { [8, 8, 1] };
    MODELS.into_iter().map(move |kind| config(kind, None, size(kind))).chain(adapted())
}

/// The loss of noise with labels that have nothing to do with it, with penalties.
fn loss(config: &ModelConfig, network: &Network, count: usize, device: &Device) -> Tensor<1> {
    let labels: Vec<i32> = (0..count as i32).map(|i| i * i % 3).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [count]), device);
    let (logits, penalty) = network.forward_with_penalty(noise(config, count, device));
    let ele = config.adaptation.is_some_and(|adaptation| adaptation.kind == AdaptationKind::Ele);
    assert_eq!(penalty.is_some(), ele);
    let loss = CrossEntropyLossConfig::new().init(device).forward(logits, labels);
    penalty.map_or(loss.clone(), |penalty| loss + penalty)
}

/// Steps on one batch make its loss much smaller, through an adaptation network too. Which way a single step goes
/// depends on rounding in networks with dozens of batch norms, and so does how many steps it takes. Whether a network
/// learns a few images by heart does not.
#[test]
fn every_network_learns() {
    let device = Device::flex().autodiff();
    for config in every_kind() {
        let mut network = config.init(1, &device);
        let mut optimiser = OptimiserKind::AdamW.build(0.0);
        let mut losses: Vec<f32> = Vec::new();
        let has_learnt =
            |losses: &[f32]| losses.len() > 3 && losses[losses.len() - 3..].iter().sum::<f32>() / 3.0 < 0.8 * losses[0];
        while !has_learnt(&losses) {
            assert!(losses.len() < 100, "{config:?}: {losses:?}");
            let loss = loss(&config, &network, 8, &device);
            losses.push(values(loss.clone().inner())[0]);
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimiser.step(3e-4, network, gradients);
        }
    }
}

/// Keeps a random half of every gradient as a direction, and sums the derivative of the loss in this direction.
struct Direction<'a> {
    gradients: &'a GradientsParams,
    kept: GradientsParams,
    seed: u8,
    derivative: f64,
    tensors: u64,
}

impl ParameterVisitor for Direction<'_> {
    fn visit<const D: usize>(&mut self, path: &[String], param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            assert!(path.last().unwrap().starts_with("running_"), "{path:?} has no gradient");
            return;
        };
        let (shape, device) = (gradient.shape(), gradient.device());
        let mut gradient = values(gradient);
        let mut stream = Stream::new(&[self.seed; 32], self.tensors);
        self.tensors += 1;
        for chunk in gradient.chunks_mut(32) {
            let bits = stream.word();
            for (i, value) in chunk.iter_mut().enumerate() {
                *value *= (bits >> i & 1) as f32;
                self.derivative += f64::from(*value) * f64::from(*value);
            }
        }
        self.kept.register::<D>(param.id, Tensor::from_data(TensorData::new(gradient, shape), &device));
    }
}

/// Moves the weights along a direction.
struct Moved<'a>(&'a GradientsParams, f64);

impl ParameterMapper for Moved<'_> {
    fn map<const D: usize>(&mut self, _: &[String], param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(direction) = self.0.get::<D>(param.id) else { return param };
        Param::initialized(param.id, Tensor::from_inner(param.val().inner() + direction * self.1).require_grad())
    }
}

/// Gradients agree with central differences along random directions. The error of a difference has two parts: rounding,
/// which falls with the step, and curvature, which grows with its square. The best of several steps counts.
#[test]
fn gradients_are_those_of_finite_differences() {
    let device = Device::flex().autodiff();
    // ConvMixer is left out. Its many batch norms make the gradient so steep (3e8) that no change of the loss is
    // proportional to it.
    let kinds = MODELS.into_iter().filter(|kind| *kind != ModelKind::ConvMixer);
    for config in kinds.map(|kind| config(kind, None, [8, 8, 1])) {
        let network = config.init(1, &device);
        let at = |network: &Network| f64::from(values(loss(&config, network, 16, &device).inner())[0]);
        let gradients = GradientsParams::from_grads(loss(&config, &network, 16, &device).backward(), &network);
        for seed in [1, 2] {
            let kept = GradientsParams::new();
            let mut direction = Direction { gradients: &gradients, kept, seed, derivative: 0.0, tensors: 0 };
            parameters::visit(&network, &mut direction);
            // The loss is about 1, so that its last bit is 1e-7: these changes are known to a thousandth or better.
            let errors = [0.02, 0.008, 0.003, 0.001].map(|change| {
                let step = change / direction.derivative;
                let moved = |by: f64| at(&parameters::map(network.clone(), &mut Moved(&direction.kept, by)));
                ((moved(step) - moved(-step)) / (2.0 * change) - 1.0).abs()
            });
            let best = errors.into_iter().fold(f64::INFINITY, f64::min);
            // 0.02 leaves room for the curvature.
            assert!(best < 0.02, "{config:?}, {:e}: {errors:?}", direction.derivative);
        }
    }
}

/// The values of all parameters.
fn parameters_of(network: &Network) -> std::collections::BTreeMap<String, Vec<f32>> {
    let mut all = Values::default();
    parameters::visit(network, &mut all);
    all.0
}

/// Values by path.
#[derive(Default)]
struct Values(std::collections::BTreeMap<String, Vec<f32>>);

impl ParameterVisitor for Values {
    fn visit<const D: usize>(&mut self, path: &[String], param: &Param<Tensor<D>>) {
        self.0.insert(path.join("."), values(param.val()));
    }
}

/// A checkpoint's two files: the configuration as JSON, the weights as a record.
#[test]
fn every_network_can_be_stored() {
    let device = Device::flex();
    for config in &every_kind().collect::<Vec<_>>() {
        let network = config.build(&device);
        let stored = parameters_of(&network);
        let text = serde_json::to_string(config).unwrap();
        let read: ModelConfig = serde_json::from_str(&text).unwrap();
        assert_eq!(&read, config);
        let bytes = network.into_record().into_bytes().unwrap();
        let record = burn::store::ModuleRecord::from_bytes(bytes).unwrap();
        let loaded = read.build(&device).try_load_record(record).unwrap();
        assert!(parameters_of(&loaded) == stored, "{text}");
    }
    // A configuration as written before there were adaptation networks.
    let old = r#"{"kind":"resnet18","channels":1,"size":[28,28],"classes":2,"patch":null}"#;
    let config: ModelConfig = serde_json::from_str(old).unwrap();
    assert_eq!((config.kind, config.adaptation), (ModelKind::ResNet18, None));
    assert_eq!(serde_json::to_string(&config).unwrap(), old);
}
