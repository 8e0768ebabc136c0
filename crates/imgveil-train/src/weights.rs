//! Weights in the safetensors format, under the names and in the layout that PyTorch's model collections have (`model/names`): read
//! to begin training with, and written from a checkpoint.
//!
//! What does not depend on the images must fit to the last tensor. What does (the first layer, position embeddings) or on the
//! classes (the last layer) is left as it was drawn where it does not fit, and said in a note.

use super::checkpoint::{CheckpointError, ModelInfo, load_checkpoint};
use super::model::{ModelConfig, Network, Role, published};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Bytes, DType, Device, Shape, Tensor, TensorData};
use imgveil_data::set::write_atomically;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Why weights cannot be read or do not fit.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The operating system refused.
    #[error("cannot read the weights {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Its words.
        source: std::io::Error,
    },
    /// Not a safetensors file.
    #[error("{path} is no file of weights in the safetensors format, or it is damaged: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A tensor of the network that is not in the file.
    #[error(
        "{path} has no tensor `{name}`, which a {model} has ({missing} of {all} are missing): weights of another network?"
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The first one.
        name: String,
        /// The network.
        model: &'static str,
        /// How many are missing.
        missing: usize,
        /// How many the network has.
        all: usize,
    },
    /// A tensor of another shape.
    #[error(
        "tensor `{name}` in {path} is {found:?}, and a {model} has {expected:?} there: weights of another network?"
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The network.
        model: &'static str,
        /// The shape that it needs.
        expected: Vec<usize>,
    },
    /// Numbers that are no floats.
    #[error("tensor `{name}` in {path} holds {kind}: only floats (F64, F32, F16, BF16) can be weights")]
    Kind {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        kind: String,
    },
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// There is something where the output would be.
    #[error("{0} exists: choose another name with -o, or remove it first")]
    Exists(PathBuf),
    /// The output cannot be written.
    #[error(transparent)]
    Write(#[from] imgveil_data::Error),
    /// A file cannot be made.
    #[error("the weights cannot be written as safetensors: {0}")]
    Encode(String),
}

/// A tensor on the host, in PyTorch's layout.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HostTensor {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// The tensors of a file.
pub struct Weights {
    path: PathBuf,
    pub(super) tensors: BTreeMap<String, HostTensor>,
}

/// What becomes of one of the network's tensors.
enum Resize {
    /// The file's is taken.
    Equal,
    /// The file's first layer sees several channels and the images have one: it sees their sum.
    Summed,
    /// It stays as it was drawn.
    Drawn,
    /// The file does not have it, and cannot do without.
    Missing,
    /// The file's has another shape, and cannot have.
    Shape,
}

impl Weights {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or holds something else than floats (counters that PyTorch keeps beside batch norms are
    /// left out).
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let bytes = std::fs::read(path).map_err(|source| WeightsError::Read { path: path.to_owned(), source })?;
        let format = |e: SafeTensorError| WeightsError::Format { path: path.to_owned(), reason: e.to_string() };
        let file = SafeTensors::deserialize(&bytes).map_err(format)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter().filter(|(name, _)| !name.ends_with("num_batches_tracked")) {
            let kind = || WeightsError::Kind {
                path: path.to_owned(),
                name: name.to_owned(),
                kind: format!("{:?}", view.dtype()),
            };
            let values = floats(&view).ok_or_else(kind)?;
            tensors.insert(name.to_owned(), HostTensor { shape: view.shape().to_vec(), values });
        }
        Ok(Self { path: path.to_owned(), tensors })
    }

    /// Holds the file against the network of `config`. Returns notes: what is left as it was drawn, what is summed, what the file has
    /// that the network has not.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn check(&self, config: &ModelConfig) -> Result<Vec<String>, WeightsError> {
        let mut shapes = Shapes { config, path: Vec::new(), found: Vec::new() };
        config.outline().visit(&mut shapes);
        let model = config.kind.name();
        let (mut notes, mut used, mut missing) = (Vec::new(), BTreeSet::new(), Vec::new());
        let all = shapes.found.len();
        for (name, role, expected) in shapes.found {
            let tensor = self.tensors.get(&name);
            let found = || tensor.map_or(String::new(), |tensor| format!(" is {:?} in the file", tensor.shape));
            match self.fit(&name, role, &expected) {
                Resize::Equal => {}
                Resize::Summed => {
                    let channels = tensor.map_or(0, |tensor| tensor.shape[1]);
                    notes.push(format!("note: `{name}` sees {channels} channels: on grey images it sees their sum"));
                }
                Resize::Drawn => notes.push(match found() {
                    found if found.is_empty() => format!("note: `{name}` is not in the file and begins freshly drawn"),
                    found => format!("note: `{name}`{found} and {expected:?} here, and begins freshly drawn"),
                }),
                Resize::Missing => missing.push(name.clone()),
                Resize::Shape => {
                    let (path, found) = (self.path.clone(), tensor.map_or(vec![], |tensor| tensor.shape.clone()));
                    return Err(WeightsError::Shape { path, name, found, model, expected });
                }
            }
            used.insert(name);
        }
        if let Some(name) = missing.first() {
            let (path, name, missing) = (self.path.clone(), name.clone(), missing.len());
            return Err(WeightsError::Missing { path, name, model, missing, all });
        }
        let unused: Vec<&String> = self.tensors.keys().filter(|name| !used.contains(*name)).collect();
        if let Some(first) = unused.first() {
            notes.push(format!("note: {} tensors of the file are not used, such as `{first}`", unused.len()));
        }
        Ok(notes)
    }

    /// The network of `config` with these weights; what does not fit keeps what it has. See [`Weights::check`] for what may not fit.
    ///
    /// # Errors
    /// As [`Weights::check`].
    pub fn load(&self, config: &ModelConfig, network: Network) -> Result<Network, WeightsError> {
        self.check(config)?;
        Ok(network.map(&mut Load { weights: self, config, path: Vec::new() }))
    }

    fn fit(&self, name: &str, role: Role, expected: &[usize]) -> Resize {
        let depends = matches!(role, Role::First | Role::Head | Role::Position) || name.starts_with("adaptation.");
        match self.tensors.get(name).map(|tensor| tensor.shape.as_slice()) {
            Some(found) if found == expected => Resize::Equal,
            Some(&[outputs, channels, height, width])
                if role == Role::First && channels > 1 && [outputs, 1, height, width] == expected =>
            {
                Resize::Summed
            }
            _ if depends => Resize::Drawn,
            Some(_) => Resize::Shape,
            None => Resize::Missing,
        }
    }

    /// A tensor as the network wants it, in PyTorch's layout; `None` where it stays as it was drawn.
    fn fitted(&self, name: &str, role: Role, expected: &[usize]) -> Option<Vec<f32>> {
        let tensor = self.tensors.get(name)?;
        match self.fit(name, role, expected) {
            Resize::Equal => Some(tensor.values.clone()),
            Resize::Summed => {
                let (channels, pixels) = (tensor.shape[1], tensor.shape[2] * tensor.shape[3]);
                let sum = |filter: &[f32], pixel: usize| (0..channels).map(|c| filter[c * pixels + pixel]).sum();
                let filters = tensor.values.chunks(channels * pixels);
                Some(filters.flat_map(|filter| (0..pixels).map(move |pixel| sum(filter, pixel))).collect())
            }
            Resize::Drawn | Resize::Missing | Resize::Shape => None,
        }
    }
}

/// Writes a checkpoint (`best.bpk` or `last.bpk`) of a run's folder as a new safetensors file.
///
/// # Errors
/// When the checkpoint cannot be read, the output exists or cannot be written.
pub fn export_checkpoint(folder: &Path, file: &str, output: &Path) -> Result<ModelInfo, WeightsError> {
    if output.exists() {
        return Err(WeightsError::Exists(output.to_owned()));
    }
    let (info, network) = load_checkpoint(folder, file, &Device::flex())?;
    write_atomically(output, &export_weights(&info.model, &network)?)?;
    Ok(info)
}

/// The weights of a network as the bytes of a safetensors file.
///
/// # Errors
/// When a tensor cannot be fetched from the device.
pub fn export_weights(config: &ModelConfig, network: &Network) -> Result<Vec<u8>, WeightsError> {
    let mut collect = Collect { config, path: Vec::new(), tensors: BTreeMap::new(), error: None };
    network.visit(&mut collect);
    match collect.error {
        Some(error) => Err(WeightsError::Encode(error)),
        None => encode(&collect.tensors),
    }
}

/// Tensors as the bytes of a safetensors file.
pub(super) fn encode(tensors: &BTreeMap<String, HostTensor>) -> Result<Vec<u8>, WeightsError> {
    let wrong = |e: SafeTensorError| WeightsError::Encode(e.to_string());
    // Little-endian, as the format wants it.
    let bytes: BTreeMap<&String, Vec<u8>> = tensors
        .iter()
        .map(|(name, tensor)| (name, tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        .collect();
    let views = tensors.iter().map(|(name, tensor)| {
        TensorView::new(Dtype::F32, tensor.shape.clone(), &bytes[name]).map(|view| (name, view)).map_err(wrong)
    });
    let views = views.collect::<Result<Vec<_>, _>>()?;
    safetensors::serialize(views, None).map_err(wrong)
}

/// A tensor's values; `None` if they are no floats.
fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let dtype = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        _ => return None,
    };
    let bytes = Bytes::from_bytes_vec(view.data().to_vec());
    let data = TensorData::try_from_bytes(bytes, Shape::from(view.shape().to_vec()), dtype).ok()?;
    data.convert::<f32>().try_to_vec().ok()
}

/// The transpose of a matrix of so many rows.
fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows.max(1);
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

/// Name, role and shape in PyTorch's layout of the tensor at `path`.
fn described(config: &ModelConfig, path: &[String], shape: &[usize]) -> (String, Role, Vec<usize>) {
    let (name, role) = published(config.kind, &path.join("."));
    let mut shape = shape.to_vec();
    if is_linear(role, shape.len()) {
        shape.reverse();
    }
    (name, role, shape)
}

/// Whether a tensor is the weight of a linear layer.
fn is_linear(role: Role, rank: usize) -> bool {
    rank == 2 && matches!(role, Role::Linear | Role::Head)
}

/// What a network's tensors must look like.
struct Shapes<'a> {
    config: &'a ModelConfig,
    path: Vec<String>,
    found: Vec<(String, Role, Vec<usize>)>,
}

impl ModuleVisitor for Shapes<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push(described(self.config, &self.path, &param.lazy_shape()));
    }
}

/// Puts a file's tensors into a network.
struct Load<'a> {
    weights: &'a Weights,
    config: &'a ModelConfig,
    path: Vec<String>,
}

impl ModuleMapper for Load<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (shape, device, id) = (param.lazy_shape(), param.lazy_device(), param.id);
        let (name, role, expected) = described(self.config, &self.path, &shape);
        let Some(mut values) = self.weights.fitted(&name, role, &expected) else { return param };
        if is_linear(role, D) {
            values = transposed(&values, expected[0]);
        }
        param.transform_for_load(Tensor::from_data(TensorData::new(values, shape), &device), id)
    }
}

/// Fetches a network's tensors.
struct Collect<'a> {
    config: &'a ModelConfig,
    path: Vec<String>,
    tensors: BTreeMap<String, HostTensor>,
    error: Option<String>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, role, shape) = described(self.config, &self.path, &param.lazy_shape());
        let fetched = param.val().try_into_data().map_err(|e| e.to_string());
        match fetched.and_then(|data| data.try_to_vec::<f32>().map_err(|e| format!("{e:?}"))) {
            Ok(values) => {
                let values = if is_linear(role, D) { transposed(&values, shape[1]) } else { values };
                self.tensors.insert(name, HostTensor { shape, values });
            }
            Err(error) => self.error = self.error.take().or(Some(format!("`{name}`: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AdaptationKind, MODELS, ModelKind};
    use imgveil::internal::image::Geometry;

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
            assert_eq!(logits(&loaded, &config), logits(&network, &config), "{config:?}");
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
            let mut shapes = Shapes { config: &config, path: Vec::new(), found: Vec::new() };
            config.outline().visit(&mut shapes);
            let found: BTreeMap<String, Vec<usize>> =
                shapes.found.into_iter().map(|(name, _, shape)| (name, shape)).collect();
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
            assert!(matches!(Weights::open(&path), Err(WeightsError::Format { .. })), "{length} bytes");
        }
        let missing = Weights::open(&folder.path().join("nothing.safetensors"));
        assert!(matches!(missing, Err(WeightsError::Read { .. })));
    }
}
