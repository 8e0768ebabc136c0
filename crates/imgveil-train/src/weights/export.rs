//! Writing weights as a safetensors file.

use super::layout::{HostTensor, described, is_linear, transposed};
use crate::checkpoint::{ModelInfo, read_checkpoint};
use crate::error::{Error, WeightsError};
use crate::model::{ModelConfig, Network};
use crate::parameters::{self, ParameterVisitor};
use burn::module::Param;
use burn::tensor::{Device, Tensor};
use imgveil_data::set::write_atomically;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes a checkpoint (`best.bpk` or `last.bpk`) of a run's folder as a new safetensors file.
///
/// # Errors
/// When the checkpoint cannot be read, the output exists or cannot be written.
pub fn export_checkpoint(folder: &Path, file: &str, output: &Path) -> Result<ModelInfo, Error> {
    Ok(exported(folder, file, output)?)
}

fn exported(folder: &Path, file: &str, output: &Path) -> Result<ModelInfo, WeightsError> {
    if output.exists() {
        return Err(WeightsError::Exists(output.to_owned()));
    }
    let (info, network) = read_checkpoint(folder, file, &Device::flex())?;
    write_atomically(output, &bytes(&info.model, &network, Some(described_by(&info)))?)?;
    Ok(info)
}

/// The weights of a network as the bytes of a safetensors file.
///
/// # Errors
/// When a tensor cannot be fetched from the device.
pub fn export_weights(config: &ModelConfig, network: &Network) -> Result<Vec<u8>, Error> {
    Ok(bytes(config, network, None)?)
}

/// What a reader of the file must know: the network, its classes, and the scale of its input.
fn described_by(info: &ModelInfo) -> BTreeMap<String, String> {
    let (model, scheme) = (&info.model, info.scheme.to_string());
    let input = "x = (2 p - max) / max, p from 0 to max (255, or the largest of the images' depth), channels first";
    let mut metadata: BTreeMap<String, String> = [
        // PyTorch's own readers ask for it.
        ("format", "pt".to_owned()),
        ("tool", imgveil_data::set::manifest::TOOL.to_owned()),
        ("model", model.kind.name().to_owned()),
        ("size", format!("{}x{}x{}", model.size[0], model.size[1], model.channels)),
        ("classes", serde_json::json!(info.classes).to_string()),
        ("scheme", scheme),
        ("input", input.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some([height, width]) = model.patch {
        metadata.insert("patch".into(), format!("{height}x{width}"));
    }
    if !model.normalise.is_none() {
        let (factors, summands) = model.normalise.scale(model.channels);
        let words = serde_json::json!({ "factor": factors, "summand": summands }).to_string();
        metadata.insert("normalise".into(), words);
    }
    metadata
}

fn bytes(
    config: &ModelConfig,
    network: &Network,
    metadata: Option<BTreeMap<String, String>>,
) -> Result<Vec<u8>, WeightsError> {
    let mut collect = Collect { config, tensors: BTreeMap::new(), error: None };
    parameters::visit(network, &mut collect);
    match collect.error {
        Some(error) => Err(WeightsError::Encode(error)),
        None => encode(&collect.tensors, metadata),
    }
}

/// Tensors as the bytes of a safetensors file.
pub(crate) fn encode(
    tensors: &BTreeMap<String, HostTensor>,
    metadata: Option<BTreeMap<String, String>>,
) -> Result<Vec<u8>, WeightsError> {
    let wrong = |e: SafeTensorError| WeightsError::Encode(e.to_string());
    // The format is little-endian.
    let bytes: BTreeMap<&String, Vec<u8>> = tensors
        .iter()
        .map(|(name, tensor)| (name, tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        .collect();
    let views = tensors.iter().map(|(name, tensor)| {
        TensorView::new(Dtype::F32, tensor.shape.clone(), &bytes[name]).map(|view| (name, view)).map_err(wrong)
    });
    let views = views.collect::<Result<Vec<_>, _>>()?;
    let bytes = safetensors::serialize(views, None).map_err(wrong)?;
    match metadata {
        Some(metadata) => with_metadata(&bytes, &metadata).ok_or_else(|| WeightsError::Encode("no header".into())),
        None => Ok(bytes),
    }
}

/// Puts metadata into the header of a safetensors file: its length in 8 bytes, and a JSON object. The crate takes a map
/// without an order, and the same weights would not give the same bytes.
fn with_metadata(bytes: &[u8], metadata: &BTreeMap<String, String>) -> Option<Vec<u8>> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (header, tensors) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let entries = std::str::from_utf8(header).ok()?.trim_end().strip_prefix('{')?;
    let comma = if entries == "}" { "" } else { "," };
    let mut header = format!("{{\"__metadata__\":{}{comma}{entries}", serde_json::json!(metadata));
    // Tensors begin at a multiple of 8 bytes.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    Some([&(header.len() as u64).to_le_bytes(), header.as_bytes(), tensors].concat())
}

/// Fetches a network's tensors.
struct Collect<'a> {
    config: &'a ModelConfig,
    tensors: BTreeMap<String, HostTensor>,
    error: Option<String>,
}

impl ParameterVisitor for Collect<'_> {
    fn visit<const D: usize>(&mut self, path: &[String], param: &Param<Tensor<D>>) {
        let (name, _, shape) = described(self.config, path, &param.lazy_shape());
        let fetched = param.val().try_into_data().map_err(|e| e.to_string());
        match fetched.and_then(|data| data.try_to_vec::<f32>().map_err(|e| format!("{e:?}"))) {
            Ok(values) => {
                let values = if is_linear(&name, D) { transposed(&values, shape[1]) } else { values };
                self.tensors.insert(name, HostTensor { shape, values });
            }
            Err(error) => self.error = self.error.take().or(Some(format!("`{name}`: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    #[test]
    fn metadata_is_read_back_beside_the_tensors() {
        let tensors = |names: &[&str]| -> BTreeMap<String, HostTensor> {
            let tensor = |value: f32| HostTensor { shape: vec![3], values: vec![value, 2.0, -1.5] };
            names.iter().zip(1u8..).map(|(name, value)| ((*name).to_owned(), tensor(value.into()))).collect()
        };
        let metadata: BTreeMap<String, String> =
            [("format", "pt"), ("classes", "[\"a\",\"b\"]")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        for names in [&["one.weight", "two"][..], &[]] {
            let bytes = encode(&tensors(names), Some(metadata.clone())).unwrap();
            let (_, read) = SafeTensors::read_metadata(&bytes).unwrap();
            let found = read.metadata().clone().unwrap();
            assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), metadata);
            let (with, without) = (bytes, encode(&tensors(names), None).unwrap());
            let (with, without) =
                (SafeTensors::deserialize(&with).unwrap(), SafeTensors::deserialize(&without).unwrap());
            assert_eq!(with.len(), names.len());
            for name in names {
                assert_eq!(with.tensor(name).unwrap().data(), without.tensor(name).unwrap().data());
            }
        }
    }
}
