//! Predictions of a trained network: the probability of each class for each image.

use crate::backend::Backend;
use crate::checkpoint::{ModelInfo, read_checkpoint};
use crate::error::{Error, PredictError};
use crate::evaluate::{Evaluation, probabilities};
use crate::feed::{Feed, Split};
use crate::metrics::{Scores, predicted};
use crate::weights::Weights;
use imgveil::internal::engine::Program;
use imgveil::internal::image::{Depth, Geometry, GeometryError};
use imgveil::internal::scheme::Secret;
use imgveil_data::format::{ReadError, ReadOptions};
use imgveil_data::job::Progress;
use imgveil_data::set::{self, LoadError, Loaded, Resize, Trust};
use std::path::Path;
use std::sync::Arc;

/// A request for predictions.
pub struct PredictRequest<'a> {
    /// The folder of a training run.
    pub run: &'a Path,
    /// The checkpoint in it: `best.bpk` or `last.bpk`.
    pub checkpoint: &'a str,
    /// Weights of the same network to take instead, such as weights that were matched with a key. Key and scheme are
    /// then not compared with those of the run.
    pub weights: Option<&'a Path>,
    /// The images: an encrypted set, or a plain one.
    pub data: &'a Path,
    /// How the images are read.
    pub reading: &'a ReadOptions,
    /// The key or tables that encrypt plain images under the run's scheme. With an encrypted set they must be those of
    /// the set: its manifest is authenticated before anything else of it is used.
    pub secret: Option<Secret>,
    /// How plain images are brought to size.
    pub resize: Resize,
    /// The split to predict; `None` for all images.
    pub split: Option<set::Split>,
    /// The number of images in a batch.
    pub batch: usize,
    /// Whether to predict even if the key or the scheme differs from training.
    pub anyway: bool,
}

/// The predictions of a network for a set.
#[non_exhaustive]
pub struct Predictions {
    /// The network.
    pub info: ModelInfo,
    /// One prediction for each image, in the set's order.
    pub rows: Vec<Prediction>,
    /// The scores, where every image has a class that the network knows.
    pub evaluation: Option<Evaluation>,
    /// Notes for the user.
    pub notes: Vec<String>,
}

/// The prediction of a network for an image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Prediction {
    /// The image's name in its set.
    pub name: String,
    /// Its split.
    pub split: set::Split,
    /// Its class according to the set.
    pub label: Option<String>,
    /// The most probable class, an index into the network's classes.
    pub predicted: usize,
    /// The probability of each class. They add up to 1.
    pub probabilities: Vec<f32>,
}

/// The most bytes of samples in memory at a time.
const ROOM: usize = 256 << 20;

/// Predicts the classes of a set's images. Plain images are encrypted under the scheme of the run. Only a part of the
/// set is in memory at a time.
///
/// # Errors
/// When the run or the set cannot be read, the device fails, sizes differ, or key or scheme differ from training.
pub fn predict(backend: &Backend, request: PredictRequest<'_>, progress: &dyn Progress) -> Result<Predictions, Error> {
    Ok(predict_classes(backend, request, progress)?)
}

fn predict_classes(
    backend: &Backend,
    request: PredictRequest<'_>,
    progress: &dyn Progress,
) -> Result<Predictions, PredictError> {
    let (info, mut network) = read_checkpoint(request.run, request.checkpoint, &backend.device())?;
    if let Some(path) = request.weights {
        let weights = Weights::read(path)?;
        if let Some(note) = weights.compare(&info.model)?.into_iter().next() {
            return Err(PredictError::NotWhole { path: path.to_owned(), note });
        }
        network = weights.put(&info.model, network)?;
    }
    let opened = match request.secret.as_ref().map(Secret::key) {
        Some(key) => set::open_sealed(request.data, request.reading, key)?,
        None => set::open_with(request.data, request.reading)?,
    };
    let path = || request.data.to_owned();
    let mut notes: Vec<String> = opened.remarks.iter().map(ToString::to_string).collect();
    if let (Some(manifest), true) = (&opened.manifest, request.secret.is_some()) {
        notes.push(Trust::of(manifest, true).to_string());
    }
    // Encrypted images are not encrypted again.
    let secret = request.secret.as_ref().filter(|_| opened.manifest.is_none());
    let plain_network = info.scheme.stages.is_empty();
    let compared = request.weights.is_none();
    let (fingerprint, scheme) = match &opened.manifest {
        Some(_) if request.resize != Resize::default() => return Err(PredictError::AlreadyEncrypted(path())),
        Some(manifest) => (Some(manifest.key.to_string()), &manifest.scheme),
        None if secret.is_none() && !plain_network => {
            return Err(PredictError::NoKey { path: path(), scheme: info.scheme.describe() });
        }
        None => (secret.map(|secret| secret.key().fingerprint().to_string()), &info.scheme),
    };
    if compared && scheme.stages != info.scheme.stages {
        let (expected, found) = (info.scheme.describe(), scheme.describe());
        let error = PredictError::OtherScheme { path: path(), expected, found };
        note_or(error, request.anyway, &mut notes)?;
    }
    // Where every image has a key of its own, another secret makes no difference.
    let one_key = compared && info.scheme.shares_key();
    if let (Some(expected), Some(found), true) = (&info.key, &fingerprint, one_key)
        && expected != found
    {
        let error = PredictError::OtherKey { expected: expected.clone(), found: found.clone() };
        note_or(error, request.anyway, &mut notes)?;
    }
    // Samples are scaled as in training, whatever these images use. Runs that do not tell their depth used all 16 bits.
    let trained = info.depth.and_then(Depth::new).unwrap_or(Depth::U16);
    let source = match opened.manifest {
        Some(_) => opened.source,
        None => {
            let depth = request.reading.depth.unwrap_or(trained);
            set::at_used_depth(opened.source, Some(depth), &info.scheme, request.reading.memory)
        }
    };
    let source = source.as_ref();
    let requested: Vec<usize> = (0..source.items().len())
        .filter(|&index| request.split.is_none_or(|split| source.items()[index].split == split))
        .collect();
    if requested.is_empty() {
        return Err(PredictError::Empty { path: path(), split: request.split.and_then(set::Split::name) });
    }
    progress.start(requested.len());
    let key = secret.map(Secret::key);
    let tile = match opened.manifest {
        Some(_) => imgveil::internal::scheme::Block::square(1),
        None => info.scheme.tile(),
    };
    let classes = info.classes.len();
    let [height, width] = info.model.size;
    let mut program: Option<(Geometry, Arc<Program>)> = None;
    let mut rows = Vec::with_capacity(requested.len());
    let mut same_depth = true;
    // Samples are counted with 16 bits, the largest depth.
    let at_once = (ROOM / (2 * height * width * info.model.channels).max(1)).clamp(1, 8192);
    for part in requested.chunks(at_once) {
        // By the headers, before an image is decoded.
        for &index in part {
            let name = &source.items()[index].name;
            let unfit = |e: GeometryError| LoadError::Read(ReadError::new(name, e.into()));
            let found = source.geometry(index).map_err(LoadError::Read)?;
            let found = request.resize.geometry(found, tile).map_err(unfit)?;
            if same_depth && found.depth() != Depth::U8 && found.depth() != trained {
                let (name, expected, found) = (name.clone(), trained.bits(), found.depth().bits());
                note_or(PredictError::OtherDepth { name, expected, found }, request.anyway, &mut notes)?;
                same_depth = false;
            }
            if [found.height(), found.width(), found.channels()] != [height, width, info.model.channels] {
                let (size, channels, name) = (info.model.size, info.model.channels, name.clone());
                return Err(PredictError::Size { size, channels, name, found });
            }
        }
        let memory = request.reading.memory;
        let loaded = set::load_unlabelled_within(source, part, request.resize, tile, memory)?;
        let Some(loaded) = loaded else { continue };
        let geometry = loaded.geometry;
        if program.as_ref().is_none_or(|(of, _)| *of != geometry) {
            let compiled = match secret {
                Some(secret) if !plain_network => secret.compile(&info.scheme, geometry)?.without_mixing(),
                _ => Program::identity(geometry),
            };
            program = Some((geometry, Arc::new(compiled)));
        }
        let Some((_, program)) = &program else { continue };
        // The labels are not used.
        let labels = vec![0; part.len()];
        let bytes = loaded.samples.len();
        let split = Split::new(Loaded { labels, ..loaded }, classes, key);
        let mut feed = Feed::new(backend, program.clone(), key, split)?;
        let probabilities = probabilities(backend, &network, &mut feed, request.batch, classes)?;
        for (&index, row) in part.iter().zip(probabilities.chunks_exact(classes.max(1))) {
            let item = &source.items()[index];
            let label = item.label.and_then(|label| source.classes().get(label as usize)).cloned();
            let (name, split, probabilities) = (item.name.clone(), item.split, row.to_vec());
            rows.push(Prediction { name, split, label, predicted: predicted(row), probabilities });
        }
        progress.advance(part.len(), bytes as u64);
    }
    let evaluation = evaluation(&info, &rows, &mut notes)?;
    Ok(Predictions { info, rows, evaluation, notes })
}

/// Returns the error, or turns it into a note if `anyway` is set.
fn note_or(error: PredictError, anyway: bool, notes: &mut Vec<String>) -> Result<(), PredictError> {
    if !anyway {
        return Err(error);
    }
    notes.push(match error {
        PredictError::OtherKey { expected, found } => {
            format!("the key is {found} and not {expected}, that of training: its answers mean little")
        }
        PredictError::OtherScheme { expected, found, .. } => {
            format!("the images are under {found} and the network learned from {expected}")
        }
        error => error.to_string(),
    });
    Ok(())
}

/// The scores, if every image has a class that the network knows.
fn evaluation(
    info: &ModelInfo,
    rows: &[Prediction],
    notes: &mut Vec<String>,
) -> Result<Option<Evaluation>, PredictError> {
    let place = |row: &Prediction| {
        let label = row.label.as_ref()?;
        info.classes.iter().position(|class| class == label).map(|place| place as u32)
    };
    let labels: Vec<u32> = rows.iter().filter_map(place).collect();
    if labels.len() < rows.len() {
        if rows.iter().any(|row| row.label.is_some()) {
            let known = info.classes.join(", ");
            notes.push(format!(
                "{} of {} images have a class that the network knows ({known}); no scores",
                labels.len(),
                rows.len()
            ));
        }
        return Ok(None);
    }
    let probabilities = rows.iter().flat_map(|row| row.probabilities.iter().copied()).collect();
    Ok(Some(Evaluation::of(&Scores::new(info.classes.len(), probabilities, labels)?)))
}
