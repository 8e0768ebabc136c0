//! Vision transformers that give the same outputs for encrypted images as the plain model gives for plain images: Kiya,
//! Iijima, Maungmaung, Kinoshita, "Image and model transformation with secret key for vision transformer", IEICE Trans.
//! Inf. & Syst. E106-D(1), 2023, section on model encryption. Nothing is trained.
//!
//! The samples of a patch reach the network only through the patch embedding. Its inputs are permuted and flipped like
//! the samples of the encrypted patches. For scrambled patches, the position embeddings are moved in the same way; the
//! other layers do not depend on the order of the patches. The permutations are read from the compiled plan that
//! encrypts the images.

use crate::error::{Error, KeyMatchedError};
use crate::weights::{HostTensor, Weights, encode};
use imgveil::internal::engine::{Program, Step};
use imgveil::internal::image::Geometry;
use imgveil::internal::plan::{FLIP, Plan, Unit};
use imgveil::internal::scheme::{Scheme, Secret};
use imgveil_data::set::write_atomically;
use std::path::Path;

/// timm's name for the weight of the patch embedding, (width, channel, row, column).
const EMBEDDING: &str = "patch_embed.proj.weight";
/// timm's name for the position embeddings, (1, class token and patches, width).
const POSITION: &str = "pos_embed";

/// The direction of the transformation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// From the plain model to the model for encrypted images.
    Encrypt,
    /// From the model for encrypted images to the plain model.
    Decrypt,
}

/// A request to match a model with a secret.
#[derive(Clone, Copy, Debug)]
pub struct KeyMatchedRequest<'a> {
    /// The weights, in the safetensors format under timm's names.
    pub input: &'a Path,
    /// The file to write. It must not exist.
    pub output: &'a Path,
    /// The scheme of the images.
    pub scheme: &'a Scheme,
    /// The key or tables that encrypt the images.
    pub secret: &'a Secret,
    /// The geometry of the images. `None`: a square of the model's patches with 8 bits per sample.
    pub geometry: Option<Geometry>,
    /// The direction of the transformation.
    pub direction: Direction,
}

/// Writes a model that gives the same outputs for images under the scheme and secret as the input model gives for plain
/// images. Returns the geometry of the images.
///
/// # Errors
/// When the input is no vision transformer, the scheme does not treat all its patches alike, or a file cannot be read
/// or written.
pub fn key_matched(request: &KeyMatchedRequest<'_>) -> Result<Geometry, Error> {
    Ok(matched(request)?)
}

fn matched(request: &KeyMatchedRequest<'_>) -> Result<Geometry, KeyMatchedError> {
    if request.output.exists() {
        return Err(KeyMatchedError::Exists(request.output.to_owned()));
    }
    let mut weights = Weights::read(request.input)?;
    let model = |reason: &str| KeyMatchedError::Model { path: request.input.to_owned(), reason: reason.to_owned() };
    let (embedding, position) = match (weights.tensors.get(EMBEDDING), weights.tensors.get(POSITION)) {
        (Some(embedding), Some(position)) => (embedding, position),
        _ => return Err(model("it has no patch_embed.proj.weight and pos_embed")),
    };
    let ([_, channels, height, width], [1, tokens, _]) = (embedding.shape.as_slice(), position.shape.as_slice()) else {
        return Err(model("the shapes of its patch_embed.proj.weight and pos_embed are others"));
    };
    let (channels, patch, patches) = (*channels, [*height, *width], tokens.saturating_sub(1));
    let geometry = match request.geometry {
        Some(geometry) => geometry,
        None => square(patches, patch, channels).ok_or(KeyMatchedError::Size(patches))?,
    };
    let (rows, columns) = (geometry.height() / patch[0].max(1), geometry.width() / patch[1].max(1));
    let tiled = [rows * patch[0], columns * patch[1]] == [geometry.height(), geometry.width()];
    if !tiled || rows * columns != patches || geometry.channels() != channels {
        return Err(KeyMatchedError::Geometry { geometry, patches, patch, channels });
    }
    let program = request.secret.compile(request.scheme, geometry)?;
    let moves = PatchMoves::of(&program, patch).map_err(|reason| KeyMatchedError::Scheme {
        scheme: request.scheme.name.clone(),
        patch,
        reason,
    })?;
    if let Some(embedding) = weights.tensors.get_mut(EMBEDDING) {
        moves.embedding(embedding, request.direction);
    }
    if let Some(position) = weights.tensors.get_mut(POSITION) {
        moves.position(position, request.direction);
    }
    write_atomically(request.output, &encode(&weights.tensors, weights.metadata)?)?;
    Ok(geometry)
}

/// The geometry of images that are a square of `patches` patches.
fn square(patches: usize, patch: [usize; 2], channels: usize) -> Option<Geometry> {
    let side = patches.isqrt();
    let pixels = |axis: usize| u32::try_from(side.checked_mul(patch[axis])?).ok();
    (side * side == patches).then_some(())?;
    Geometry::new(pixels(0)?, pixels(1)?, u32::try_from(channels).ok()?).ok()
}

/// The effect of a plan on patches: the samples of all patches are moved and flipped alike, then the patches are moved.
struct PatchMoves {
    /// For each sample of an encrypted patch, its sample in the plain patch. Samples are counted (channel, row,
    /// column).
    samples: Vec<usize>,
    /// For each sample of an encrypted patch, whether it is flipped.
    flips: Vec<bool>,
    /// For each patch of the encrypted image, its patch in the plain image.
    patches: Vec<usize>,
}

impl PatchMoves {
    /// Reads them from the plan of a program. The error says why the plan does not treat all patches alike.
    fn of(program: &Program, patch: [usize; 2]) -> Result<Self, &'static str> {
        let plan = match program.steps() {
            [] => &Plan::identity(program.geometry()),
            [Step::Permute(plan)] if plan.unit() == Unit::Sample => plan,
            [Step::Permute(_)] => return Err("it moves halves of samples"),
            _ => return Err("it does more than move and flip samples"),
        };
        let geometry = plan.geometry();
        let (channels, width) = (geometry.channels(), geometry.width());
        let columns = width / patch[1];
        let (patches, samples) = (geometry.height() / patch[0] * columns, patch[0] * patch[1] * channels);
        // The patch and the sample of an element in stored order.
        let place = |element: usize| {
            let (channel, pixel) = (element % channels, element / channels);
            let (y, x) = (pixel / width, pixel % width);
            let sample = (channel * patch[0] + y % patch[0]) * patch[1] + x % patch[1];
            (y / patch[0] * columns + x / patch[1], sample)
        };
        let mut found: Vec<Option<(usize, bool)>> = vec![None; samples];
        let mut sources: Vec<Option<usize>> = vec![None; patches];
        for (element, &entry) in plan.table().iter().enumerate() {
            let (to_patch, to_sample) = place(element);
            let (from_patch, from_sample) = place((entry & !FLIP) as usize);
            if *sources[to_patch].get_or_insert(from_patch) != from_patch {
                return Err("samples move from one patch to another");
            }
            let source = (from_sample, entry & FLIP != 0);
            if *found[to_sample].get_or_insert(source) != source {
                return Err("its patches have different keys");
            }
        }
        // The table has all elements, so that every sample and every patch was found.
        let (samples, flips): (Vec<usize>, Vec<bool>) = found.into_iter().flatten().unzip();
        let moves = Self { samples, flips, patches: sources.into_iter().flatten().collect() };
        let is_permutation = |table: &[usize]| {
            let mut seen = vec![false; table.len()];
            table.iter().all(|&source| seen.get_mut(source).is_some_and(|seen| !std::mem::replace(seen, true)))
        };
        if is_permutation(&moves.samples) && is_permutation(&moves.patches) {
            Ok(moves)
        } else {
            Err("it loses samples")
        }
    }

    /// Moves and flips the inputs of every filter like the samples.
    fn embedding(&self, tensor: &mut HostTensor, direction: Direction) {
        for filter in tensor.values.chunks_mut(self.samples.len()) {
            let plain = filter.to_vec();
            for (to, (&from, &flipped)) in self.samples.iter().zip(&self.flips).enumerate() {
                let (to, from) = if direction == Direction::Encrypt { (to, from) } else { (from, to) };
                filter[to] = if flipped { -plain[from] } else { plain[from] };
            }
        }
    }

    /// Moves the position embeddings like the patches. The first one belongs to the class token.
    fn position(&self, tensor: &mut HostTensor, direction: Direction) {
        let width = tensor.values.len() / (1 + self.patches.len());
        let plain = tensor.values.clone();
        for (to, &from) in self.patches.iter().enumerate() {
            let (to, from) = if direction == Direction::Encrypt { (to, from) } else { (from, to) };
            let row = |patch: usize| (1 + patch) * width..(2 + patch) * width;
            tensor.values[row(to)].copy_from_slice(&plain[row(from)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ModelConfig, ModelKind};
    use crate::weights::export_weights;
    use burn::tensor::{Device, Tensor, TensorData};
    use imgveil::internal::engine::{ImageRef, Loaded};
    use imgveil::internal::key::Key;
    use imgveil::internal::schedule::ImageId;
    use imgveil::internal::scheme::{Block, KeyScope, Options, Preset};

    fn secret(byte: u8) -> Secret {
        Key::from_bytes([byte; 32]).into()
    }

    fn scheme(preset: Preset, options: Options) -> Scheme {
        preset.scheme(Options { block: Some(Block::square(4)), ..options }).unwrap()
    }

    /// The logits of the model in a file for one image under a program.
    fn logits(file: &Path, config: &ModelConfig, program: &Program) -> Vec<f32> {
        let geometry = program.geometry();
        let samples: Vec<u8> =
            (0..geometry.samples() as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut floats = vec![0.0; geometry.samples()];
        let image_ref = ImageRef::new(0).with_id(ImageId([0; 8]));
        let cpu = imgveil::Device::cpu();
        Loaded::new(&cpu, program.clone()).unwrap().floats(&samples, &[image_ref], &mut floats).unwrap();
        let shape = [1, config.channels, config.size[0], config.size[1]];
        let images = Tensor::from_data(TensorData::new(floats, shape), &Device::flex());
        let network = Weights::open(file).unwrap().load(config, config.outline()).unwrap();
        network.forward(images).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn a_matched_model_sees_encrypted_images_as_the_plain_one_sees_plain_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let geometry = Geometry::new(12, 16, 3).unwrap();
        let config = ModelConfig::new(ModelKind::VitTiny, None, geometry, 5, None);
        let network = config.init(3, &Device::flex());
        let plain = path("plain.safetensors");
        std::fs::write(&plain, export_weights(&config, &network).unwrap()).unwrap();
        let expected = logits(&plain, &config, &Program::identity(geometry));
        let differ = |found: &[f32]| found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        let flips = Options { sign_flip: true, ..Options::default() };
        let scrambled = Options { scramble: true, ..Options::default() };
        for (number, scheme) in [
            scheme(Preset::Vit, Options::default()),
            scheme(Preset::Vit, flips),
            scheme(Preset::ShuffleFlip, scrambled),
            scheme(Preset::Np, Options::default()),
        ]
        .iter()
        .enumerate()
        {
            let (encrypted, back) =
                (path(&format!("{number}.safetensors")), path(&format!("{number}-back.safetensors")));
            let run = |input: &Path, output: &Path, direction| {
                let (secret, geometry) = (&secret(1), Some(geometry));
                matched(&KeyMatchedRequest { input, output, scheme, secret, geometry, direction })
            };
            run(&plain, &encrypted, Direction::Encrypt).unwrap();
            let under = |byte| secret(byte).compile(scheme, geometry).unwrap();
            let matched = differ(&logits(&encrypted, &config, &under(1)));
            // The same products are added in another order, so that only the rounding differs.
            assert!(matched < 1e-4, "{scheme}: {matched}");
            // The plain model fails on encrypted images, and the matched one under another key. Their logits differ by
            // more than ten times the rounding.
            assert!(differ(&logits(&plain, &config, &under(1))) > 1e-3, "{scheme}");
            assert!(differ(&logits(&encrypted, &config, &under(2))) > 1e-3, "{scheme}");
            run(&encrypted, &back, Direction::Decrypt).unwrap();
            assert!(std::fs::read(&back).unwrap() == std::fs::read(&plain).unwrap(), "{scheme}");
            assert!(matches!(run(&plain, &back, Direction::Encrypt), Err(KeyMatchedError::Exists(_))));
        }
    }

    #[test]
    fn what_cannot_be_matched_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let input = &folder.path().join("plain.safetensors");
        let output = &folder.path().join("out.safetensors");
        let tensor = |shape: &[usize]| HostTensor { shape: shape.to_vec(), values: vec![0.5; shape.iter().product()] };
        let write = |patches: usize| {
            let tensors = [(EMBEDDING, tensor(&[2, 3, 4, 4])), (POSITION, tensor(&[1, 1 + patches, 2]))];
            let tensors = tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect();
            std::fs::write(input, encode(&tensors, None).unwrap()).unwrap();
        };
        let words = |scheme: &Scheme, geometry: Option<Geometry>| {
            let (secret, direction) = (&secret(1), Direction::Encrypt);
            let request = KeyMatchedRequest { input, output, scheme, secret, geometry, direction };
            key_matched(&request).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let none = Options::default();
        let vit = &scheme(Preset::Vit, none);
        write(6);
        assert!(words(vit, None).contains("cannot be told from 6 patches"));
        write(9);
        assert!(words(vit, Geometry::new(12, 16, 3).ok()).contains("9 patches of 4x4"));
        assert!(words(vit, Geometry::new(12, 12, 1).ok()).contains("3 channels"));
        for (scheme, reason) in [
            (scheme(Preset::ShuffleFlip, Options { key_scope: Some(KeyScope::Block), ..none }), "different keys"),
            (Preset::Vit.scheme(Options { block: Some(Block::square(2)), ..none }).unwrap(), "one patch to another"),
            (scheme(Preset::Le, none), "halves"),
            (Preset::Keystream.scheme(none).unwrap(), "more than move"),
        ] {
            assert!(words(&scheme, None).contains(reason), "{scheme}: {}", words(&scheme, None));
        }
        assert!(!output.exists());
        assert_eq!(words(vit, None), "");
        assert!(output.exists());
        std::fs::remove_file(output).unwrap();
        std::fs::write(
            input,
            encode(&[("conv1.weight".to_owned(), tensor(&[1])); 1].into_iter().collect(), None).unwrap(),
        )
        .unwrap();
        assert!(words(vit, None).contains("no vision transformer"));
    }
}
