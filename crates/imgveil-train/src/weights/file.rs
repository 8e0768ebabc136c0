//! Reading weights from a safetensors file, and matching them with a network.
//!
//! Tensors that do not depend on the images must fit exactly. The first layer and position embeddings (which depend
//! on the images) and the last layer (which depends on the classes) keep their drawn values if they do not fit,
//! and a note reports it.

use super::layout::{HostTensor, described, is_linear, shapes, transposed};
use crate::error::{Error, WeightsError};
use crate::model::{ModelConfig, Network, Role};
use crate::parameters::{self, ParameterMapper};
use burn::module::Param;
use burn::tensor::{Bytes, DType, Shape, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The tensors of a safetensors file.
pub struct Weights {
    path: PathBuf,
    pub(crate) tensors: BTreeMap<String, HostTensor>,
    /// What the file says about itself, if anything.
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}

/// How a tensor of the file fits one of the network.
enum Fit {
    /// The shapes are equal.
    Equal,
    /// The file's first layer has several channels and the images have one: its weights are summed over the channels.
    Summed,
    /// The tensor depends on the images or the classes and does not fit: the network keeps its drawn values.
    Drawn,
    /// The file lacks a tensor that it must have.
    Missing,
    /// The file's tensor has another shape, which it must not have.
    Shape,
}

impl Weights {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or holds something other than floats. The counters that PyTorch stores
    /// with batch norms are ignored.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self::read(path)?)
    }

    /// [`Weights::open`] with the error's detail.
    pub(crate) fn read(path: &Path) -> Result<Self, WeightsError> {
        let bytes = imgveil_data::regular_file::read(path)
            .map_err(|source| WeightsError::Read { path: path.to_owned(), source })?;
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
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(format)?;
        let metadata = header.metadata().clone().map(|entries| entries.into_iter().collect());
        Ok(Self { path: path.to_owned(), tensors, metadata })
    }

    /// Compares the file with the network of `config`. Returns notes on tensors that stay as drawn, that are summed,
    /// and that the network does not have.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn check(&self, config: &ModelConfig) -> Result<Vec<String>, Error> {
        Ok(self.compare(config)?)
    }

    /// [`Weights::check`] with the error's detail.
    pub(crate) fn compare(&self, config: &ModelConfig) -> Result<Vec<String>, WeightsError> {
        let shapes = shapes(config);
        let model = config.kind.name();
        let (mut notes, mut used, mut missing) = (Vec::new(), BTreeSet::new(), Vec::new());
        let all = shapes.len();
        for (name, role, expected) in shapes {
            let tensor = self.tensors.get(&name);
            let found = || tensor.map_or(String::new(), |tensor| format!(" is {:?} in the file", tensor.shape));
            match self.fit(&name, role, &expected) {
                Fit::Equal => {}
                Fit::Summed => {
                    let channels = tensor.map_or(0, |tensor| tensor.shape[1]);
                    notes.push(format!("note: `{name}` sees {channels} channels: on grey images it sees their sum"));
                }
                Fit::Drawn => notes.push(match found() {
                    found if found.is_empty() => format!("note: `{name}` is not in the file and begins freshly drawn"),
                    found => format!("note: `{name}`{found} and {expected:?} here, and begins freshly drawn"),
                }),
                Fit::Missing => missing.push(name.clone()),
                Fit::Shape => {
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

    /// The network of `config` with these weights. A tensor that does not fit keeps its values; [`Weights::check`]
    /// says which may differ.
    ///
    /// # Errors
    /// As [`Weights::check`].
    pub fn load(&self, config: &ModelConfig, network: Network) -> Result<Network, Error> {
        Ok(self.put(config, network)?)
    }

    /// [`Weights::load`] with the error's detail.
    pub(crate) fn put(&self, config: &ModelConfig, network: Network) -> Result<Network, WeightsError> {
        self.compare(config)?;
        Ok(parameters::map(network, &mut Load { weights: self, config }))
    }

    fn fit(&self, name: &str, role: Role, expected: &[usize]) -> Fit {
        let depends = matches!(role, Role::First | Role::Head | Role::Position) || name.starts_with("adaptation.");
        match self.tensors.get(name).map(|tensor| tensor.shape.as_slice()) {
            Some(found) if found == expected => Fit::Equal,
            Some(&[outputs, channels, height, width])
                if role == Role::First && channels > 1 && [outputs, 1, height, width] == expected =>
            {
                Fit::Summed
            }
            _ if depends => Fit::Drawn,
            Some(_) => Fit::Shape,
            None => Fit::Missing,
        }
    }

    /// The values for a tensor of the network, in PyTorch's layout. `None` if the tensor keeps its values.
    fn fitted(&self, name: &str, role: Role, expected: &[usize]) -> Option<Vec<f32>> {
        let tensor = self.tensors.get(name)?;
        match self.fit(name, role, expected) {
            Fit::Equal => Some(tensor.values.clone()),
            Fit::Summed => {
                let (channels, pixels) = (tensor.shape[1], tensor.shape[2] * tensor.shape[3]);
                let sum = |filter: &[f32], pixel: usize| (0..channels).map(|c| filter[c * pixels + pixel]).sum();
                let filters = tensor.values.chunks(channels * pixels);
                Some(filters.flat_map(|filter| (0..pixels).map(move |pixel| sum(filter, pixel))).collect())
            }
            Fit::Drawn | Fit::Missing | Fit::Shape => None,
        }
    }
}

/// The values of a tensor. `None` if they are not floats.
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

/// Puts a file's tensors into a network.
struct Load<'a> {
    weights: &'a Weights,
    config: &'a ModelConfig,
}

impl ParameterMapper for Load<'_> {
    fn map<const D: usize>(&mut self, path: &[String], param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (shape, device, id) = (param.lazy_shape(), param.lazy_device(), param.id);
        let (name, role, expected) = described(self.config, path, &shape);
        let Some(mut values) = self.weights.fitted(&name, role, &expected) else { return param };
        if is_linear(&name, D) {
            values = transposed(&values, expected[0]);
        }
        param.transform_for_load(Tensor::from_data(TensorData::new(values, shape), &device), id)
    }
}
