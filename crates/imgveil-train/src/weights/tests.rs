//! Reading what was written, published layouts, and files that do not fit.

use super::layout::shapes;
use super::*;
use crate::error::WeightsError;
use crate::model::{AdaptationKind, MODELS, ModelConfig, ModelKind, Network};
use burn::tensor::{Device, Tensor, TensorData};
use imgveil::internal::image::Geometry;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn config(kind: ModelKind, channels: u32, classes: usize) -> ModelConfig {
    ModelConfig::new(kind, None, Geometry::new(8, 8, channels).unwrap(), classes, None)
}

fn logits(network: &Network, config: &ModelConfig) -> Vec<f32> {
    let shape = [2, config.channels, 8, 8];
    let values: Vec<f32> = (0..shape.iter().product()).map(|i| (i as f32 * 0.7).sin()).collect();
    let images = Tensor::from_data(TensorData::new(values, shape), &Device::flex());
    network.forward(images).into_data().try_to_vec().unwrap()
}

fn file(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("weights.safetensors");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn what_is_exported_gives_the_same_logits_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::flex();
    let mut all: Vec<ModelConfig> = MODELS.map(|kind| config(kind, 3, 4)).to_vec();
    for kind in [AdaptationKind::Le, AdaptationKind::Ele] {
        let geometry = Geometry::new(8, 8, 1).unwrap();
        all.push(ModelConfig::new(ModelKind::Cnn, Some(kind), geometry, 2, None));
    }
    for config in all {
        let network = config.init(1, &device);
        let path = file(folder.path(), &export_weights(&config, &network).unwrap());
        let weights = Weights::open(&path).unwrap();
        assert_eq!(weights.check(&config).unwrap(), Vec::<String>::new(), "{config:?}");
        let loaded = weights.load(&config, config.outline()).unwrap();
        // All weights to the bit, and so the same logits but for rounding.
        assert!(export_weights(&config, &loaded).unwrap() == std::fs::read(&path).unwrap(), "{config:?}");
        let (expected, found) = (logits(&network, &config), logits(&loaded, &config));
        let largest = expected.iter().fold(0f32, |most, logit| most.max(logit.abs()));
        let apart = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart <= 1e-4 * largest, "{config:?}: {expected:?} {found:?}");
    }
}

/// Names and shapes as the state dictionaries of torchvision and timm list them.
#[test]
fn files_have_the_published_layout() {
    let large = |kind, classes| ModelConfig::new(kind, None, Geometry::new(224, 224, 3).unwrap(), classes, None);
    for (kind, count, tensors) in [
        (
            ModelKind::ResNet50,
            267,
            &[
                ("conv1.weight", &[64, 3, 7, 7][..]),
                ("layer1.0.downsample.0.weight", &[256, 64, 1, 1]),
                ("layer4.2.conv3.weight", &[2048, 512, 1, 1]),
                ("layer4.2.bn3.running_var", &[2048]),
                ("fc.weight", &[1000, 2048]),
            ][..],
        ),
        (
            ModelKind::ResNet18,
            102,
            &[("layer2.0.downsample.1.running_mean", &[128][..]), ("layer4.1.conv2.weight", &[512, 512, 3, 3])],
        ),
        (
            ModelKind::DenseNet121,
            606,
            &[
                ("features.conv0.weight", &[64, 3, 7, 7][..]),
                ("features.denseblock4.denselayer16.conv2.weight", &[32, 128, 3, 3]),
                ("features.transition3.conv.weight", &[512, 1024, 1, 1]),
                ("classifier.weight", &[1000, 1024]),
            ],
        ),
        (
            ModelKind::Xception,
            236,
            &[
                ("block12.rep.4.conv1.weight", &[728, 1, 3, 3][..]),
                ("block12.rep.4.pointwise.weight", &[1024, 728, 1, 1]),
                ("conv4.pointwise.weight", &[2048, 1536, 1, 1]),
            ],
        ),
        (
            ModelKind::VitSmall,
            152,
            &[
                ("cls_token", &[1, 1, 384][..]),
                ("pos_embed", &[1, 197, 384]),
                ("patch_embed.proj.weight", &[384, 3, 16, 16]),
                ("blocks.11.attn.qkv.weight", &[1152, 384]),
                ("blocks.0.mlp.fc1.weight", &[1536, 384]),
                ("head.bias", &[1000]),
            ],
        ),
        (
            ModelKind::ConvMixer,
            // Stem, 32 blocks of two convolutions and two batch norms, head.
            2 + 4 + 32 * (2 + 4 + 2 + 4) + 2,
            &[("stem.0.weight", &[768, 3, 7, 7][..]), ("blocks.31.0.fn.0.weight", &[768, 1, 7, 7])],
        ),
    ] {
        let config = large(kind, 1000);
        let found: BTreeMap<String, Vec<usize>> =
            shapes(&config).into_iter().map(|(name, _, shape)| (name, shape)).collect();
        assert_eq!(found.len(), count, "{}", kind.name());
        for (name, shape) in tensors {
            assert_eq!(found.get(*name).map(Vec::as_slice), Some(*shape), "{name}");
        }
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::flex();
    let full = config(ModelKind::ResNet18, 3, 10);
    let network = full.init(1, &device);
    let path = file(folder.path(), &export_weights(&full, &network).unwrap());
    let weights = Weights::open(&path).unwrap();

    // Grey images and two classes: the stem is summed, the head drawn.
    let grey = config(ModelKind::ResNet18, 1, 2);
    let notes = weights.check(&grey).unwrap();
    assert_eq!(
        notes,
        [
            "note: `conv1.weight` sees 3 channels: on grey images it sees their sum",
            "note: `fc.weight` is [10, 512] in the file and [2, 512] here, and begins freshly drawn",
            "note: `fc.bias` is [10] in the file and [2] here, and begins freshly drawn",
        ]
    );
    let mut loaded = Weights::open(&file(
        folder.path(),
        &export_weights(&grey, &weights.load(&grey, grey.init(7, &device)).unwrap()).unwrap(),
    ))
    .unwrap();
    let (rgb, sum) = (&weights.tensors["conv1.weight"].values, &loaded.tensors["conv1.weight"].values);
    assert_eq!(sum[9 * 5 + 4], rgb[27 * 5 + 4] + rgb[27 * 5 + 9 + 4] + rgb[27 * 5 + 18 + 4]);
    let drawn = export_weights(&grey, &grey.init(7, &device)).unwrap();
    let drawn = Weights::open(&file(folder.path(), &drawn)).unwrap();
    assert_eq!(drawn.tensors["fc.weight"], loaded.tensors["fc.weight"]);
    assert_eq!(weights.tensors["layer3.0.conv1.weight"], loaded.tensors["layer3.0.conv1.weight"]);

    // Another network's weights, tensors of another shape, tensors too many.
    let words = |weights: &Weights, kind| weights.check(&config(kind, 3, 10)).unwrap_err().to_string();
    let other = words(&weights, ModelKind::VitTiny);
    assert!(other.contains("`patch_embed.proj.bias`") && other.contains("148 of 152"), "{other}");
    loaded.tensors.insert("extra.weight".into(), HostTensor { shape: vec![1], values: vec![0.0] });
    assert!(loaded.check(&grey).unwrap()[0].contains("1 tensors of the file are not used, such as `extra.weight`"));
    loaded.tensors.get_mut("layer1.0.conv1.weight").unwrap().shape = vec![64, 64, 9, 1];
    let shape = words(&loaded, ModelKind::ResNet18);
    assert!(shape.contains("`layer1.0.conv1.weight`") && shape.contains("[64, 64, 9, 1]"), "{shape}");
}

#[test]
fn other_floats_are_read_and_damaged_files_refused() {
    let folder = tempfile::tempdir().unwrap();
    // 1.5 and -2 as F16, BF16 and F64.
    let halves = [0x3e00u16, 0xc000].map(u16::to_le_bytes).concat();
    let brains = [0x3fc0u16, 0xc000].map(u16::to_le_bytes).concat();
    let doubles = [1.5f64, -2.0].map(f64::to_le_bytes).concat();
    let view = |dtype, bytes| TensorView::new(dtype, vec![2], bytes).unwrap();
    let file_of =
        |views: Vec<(&str, TensorView<'_>)>| file(folder.path(), &safetensors::serialize(views, None).unwrap());
    let path = file_of(vec![
        ("f16", view(Dtype::F16, &halves)),
        ("bf16", view(Dtype::BF16, &brains)),
        ("f64", view(Dtype::F64, &doubles)),
    ]);
    let weights = Weights::open(&path).unwrap();
    assert_eq!(weights.tensors.len(), 3);
    assert!(weights.tensors.values().all(|tensor| tensor.values == [1.5, -2.0]));

    let counter = [0u8; 8];
    let scalar = TensorView::new(Dtype::I64, vec![], &counter).unwrap();
    assert!(Weights::open(&file_of(vec![("bn1.num_batches_tracked", scalar.clone())])).unwrap().tensors.is_empty());
    let error = Weights::open(&file_of(vec![("bn1.weight", scalar)])).err().unwrap().to_string();
    assert!(error.contains("`bn1.weight`") && error.contains("I64"), "{error}");

    let whole = std::fs::read(file_of(vec![("f16", view(Dtype::F16, &halves))])).unwrap();
    for length in [0, 7, 20, whole.len() - 1] {
        let path = file(folder.path(), &whole[..length]);
        assert!(matches!(Weights::read(&path), Err(WeightsError::Format { .. })), "{length} bytes");
    }
    let missing = Weights::read(&folder.path().join("nothing.safetensors"));
    assert!(matches!(missing, Err(WeightsError::Read { .. })));
}
