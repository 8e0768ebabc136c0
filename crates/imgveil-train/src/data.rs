//! From a data set on disk to what training takes: splits in memory, classes, the program that encrypts, if any.

use super::feed::Split;
use imgveil::internal::key::{Fingerprint, Key};
use imgveil::internal::plan::Program;
use imgveil::internal::scheme::{CompileError, Scheme, Secret};
use imgveil_data::ErrorKind;
use imgveil_data::set::mixtures::MixtureSet;
use imgveil_data::set::{self, LoadError, Resize, Source};
use std::path::{Path, PathBuf};

/// Everything that training needs of a data set.
pub struct TrainingSet {
    /// To learn from.
    pub train: Split,
    /// To choose the best epoch by.
    pub val: Option<Split>,
    /// To report.
    pub test: Option<Split>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// What encrypts a batch; the identity for plain training and for a set that is encrypted already.
    pub program: Program,
    /// What validation and test images go through: the program without mixing.
    pub evaluation: Program,
    /// The key, for the ids of augmented views.
    pub key: Option<Key>,
    /// The fingerprint of the key that the images are or were encrypted with.
    pub fingerprint: Option<Fingerprint>,
    /// The scheme that the network sees: that of the program, or of the encrypted set.
    pub scheme: Scheme,
    /// Whether the set was encrypted before training.
    pub encrypted: bool,
    /// Something that the user should know about how the set was divided.
    pub note: Option<String>,
}

impl TrainingSet {
    /// Only the first so many training images, and nothing to validate or test.
    pub fn first(mut self, images: usize) -> Self {
        self.train.truncate(images);
        Self { val: None, test: None, ..self }
    }
}

/// Why a set cannot be trained on.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The set cannot be opened.
    #[error(transparent)]
    Dataset(#[from] imgveil_data::Error),
    /// Its images cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The scheme does not fit the images.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// Encrypted, and a key or scheme given.
    #[error(
        "{0} is encrypted already: train on it without a key, a scheme or resizing (or give the plain set and the key)"
    )]
    AlreadyEncrypted(PathBuf),
    /// A scheme that needs a key, and none given.
    #[error(
        "scheme {0} needs a key: give -k KEY or --tables FILE, or leave the scheme out to train on the images as they are"
    )]
    NoKey(String),
    /// One class or none.
    #[error("{path} has {classes} class(es); training needs at least two: a folder for each, or a labels array")]
    Classes {
        /// The set.
        path: PathBuf,
        /// How many it has.
        classes: usize,
    },
    /// Nothing to learn from.
    #[error("{0} has no training images: expected a train/ folder or array, or class folders")]
    NoTraining(PathBuf),
    /// Splits of different sizes.
    #[error(
        "the {split} images are {found} (height x width x channels) and the training images {expected}; bring them to one size \
         with --resize HEIGHTxWIDTH, and to one number of channels and one depth beforehand"
    )]
    Mixed {
        /// Which split.
        split: &'static str,
        /// Its geometry.
        found: imgveil::internal::image::Geometry,
        /// The training images'.
        expected: imgveil::internal::image::Geometry,
    },
}

/// Opens a set for training. `scheme` and `secret` encrypt a plain set; a set that is encrypted already takes neither.
///
/// Where there are no validation images, every fifth training image of each class is held out for them.
///
/// # Errors
/// When the set cannot be read, has fewer than two classes, or does not go with the scheme and secret.
pub fn training_set(
    path: &Path,
    scheme: Option<Scheme>,
    secret: Option<Secret>,
    fit: Resize,
) -> Result<TrainingSet, DataError> {
    let opened = match set::open(path) {
        Err(error) if error.kind() == ErrorKind::Mixtures => {
            if secret.is_some() || scheme.is_some() || fit != Resize::default() {
                return Err(DataError::AlreadyEncrypted(path.to_owned()));
            }
            return mixtures(path);
        }
        opened => opened?,
    };
    let encrypted = opened.manifest.is_some();
    let plain_scheme = || Scheme { name: "none".into(), stages: Vec::new() };
    let (seen, applied, fingerprint) = match opened.manifest {
        Some(manifest) => {
            if secret.is_some() || scheme.is_some() || fit != Resize::default() {
                return Err(DataError::AlreadyEncrypted(path.to_owned()));
            }
            (manifest.scheme, plain_scheme(), Some(manifest.key))
        }
        None => {
            let scheme = scheme.unwrap_or_else(plain_scheme);
            (scheme.clone(), scheme, secret.as_ref().map(|secret| secret.key().fingerprint()))
        }
    };
    let source = opened.source.as_ref();
    let classes = source.classes().to_vec();
    if classes.len() < 2 {
        return Err(DataError::Classes { path: path.to_owned(), classes: classes.len() });
    }
    let division = divide(source);
    let tile = applied.tile();
    let key = secret.as_ref().map(Secret::key);
    let load = |indices: &[usize]| {
        let loaded = set::load(source, indices, fit, tile)?;
        Ok::<_, imgveil_data::Error>(loaded.map(|loaded| Split::new(loaded, classes.len(), key)))
    };
    let train = load(&division.train)?.ok_or_else(|| DataError::NoTraining(path.to_owned()))?;
    let (val, test) = (load(&division.val)?, load(&division.test)?);
    let expected = train.geometry;
    for (split, part) in [("validation", &val), ("test", &test)] {
        if let Some(part) = part
            && part.geometry != expected
        {
            return Err(DataError::Mixed { split, found: part.geometry, expected });
        }
    }
    let program = match &secret {
        Some(secret) => secret.compile(&applied, train.geometry)?,
        None if applied.stages.is_empty() => Program::identity(train.geometry),
        None => return Err(DataError::NoKey(applied.name)),
    };
    let evaluation = program.without_mixing();
    let mut note = division.note;
    if program.mixing().is_some() {
        let words = "training images are mixed anew in every epoch; validation and test images are shown unmixed";
        note = Some(note.map_or(words.to_owned(), |note| format!("{note}; {words}")));
    }
    let key = key.cloned();
    Ok(TrainingSet { train, val, test, classes, program, evaluation, key, fingerprint, scheme: seen, encrypted, note })
}

/// A set whose images were mixed before. All its parts are mixtures.
fn mixtures(path: &Path) -> Result<TrainingSet, DataError> {
    let MixtureSet { geometry, manifest, mut splits } = set::mixtures::open(path)?;
    let classes = manifest.classes;
    if classes.len() < 2 {
        return Err(DataError::Classes { path: path.to_owned(), classes: classes.len() });
    }
    if let Some(entry) =
        manifest.images.iter().find(|entry| splits.get(&entry.split).is_none_or(|p| p.labels.is_empty()))
    {
        return Err(LoadError::Unlabelled(entry.name.clone()).into());
    }
    let mut take = |split| splits.remove(&split).map(|part| Split::of_mixtures(geometry, &part, classes.len()));
    let (train, val) = (take(set::Split::Train), take(set::Split::Val));
    let (test, all) = (take(set::Split::Test), take(set::Split::All));
    let mut notes = vec!["all images are mixtures; their label is the class with the largest share"];
    if val.is_none() {
        notes.push("no validation images: the last epoch counts as the best");
    }
    let note = Some(notes.join("; "));
    let train = train.or(all).ok_or_else(|| DataError::NoTraining(path.to_owned()))?;
    let program = Program::identity(geometry);
    let evaluation = Program::identity(geometry);
    let (fingerprint, scheme) = (Some(manifest.key), manifest.scheme);
    Ok(TrainingSet {
        train,
        val,
        test,
        classes,
        program,
        evaluation,
        key: None,
        fingerprint,
        scheme,
        encrypted: true,
        note,
    })
}

struct Division {
    train: Vec<usize>,
    val: Vec<usize>,
    test: Vec<usize>,
    note: Option<String>,
}

/// Which images are for what.
fn divide(source: &dyn Source) -> Division {
    let of = |split: set::Split| -> Vec<usize> {
        let items = source.items().iter().enumerate();
        items.filter(|(_, item)| item.split == split).map(|(index, _)| index).collect()
    };
    let mut train = of(set::Split::Train);
    train.extend(of(set::Split::All));
    let (mut val, test) = (of(set::Split::Val), of(set::Split::Test));
    let mut note = None;
    if val.is_empty() {
        // Every fifth of each class in the set's fixed order: the same division in every run and on every machine.
        let mut seen = vec![0usize; source.classes().len()];
        let held_out = |&index: &usize| {
            let label = source.items()[index].label.unwrap_or_default() as usize;
            seen.get_mut(label).is_some_and(|count| {
                *count += 1;
                count.is_multiple_of(5)
            })
        };
        (val, train) = train.into_iter().partition(held_out);
        note = Some(format!(
            "no validation images: every fifth image of each class is held out for validation ({} of {})",
            val.len(),
            val.len() + train.len()
        ));
    }
    Division { train, val, test, note }
}
