//! Loading of a data set for training: splits in memory, classes, and the program that encrypts them, if any.

use crate::error::{DataError, Error};
use crate::feed::Split;
use imgveil::internal::engine::Program;
use imgveil::internal::key::{Fingerprint, Key};
use imgveil::internal::scheme::{Scheme, Secret};
use imgveil_data::ErrorKind;
use imgveil_data::format::ReadOptions;
use imgveil_data::set::mixtures::MixtureSet;
use imgveil_data::set::{self, LoadError, Resize, Source, Trust};
use std::path::Path;
use std::sync::Arc;

/// A data set for training: its splits in memory, its classes and the program that encrypts it.
pub struct TrainingSet {
    /// The training images.
    pub train: Arc<Split>,
    /// The validation images, by which the best epoch is chosen.
    pub val: Option<Arc<Split>>,
    /// The test images.
    pub test: Option<Arc<Split>>,
    /// The names of the classes, in the order of the labels.
    pub classes: Vec<String>,
    /// The program that encrypts a batch. The identity for plain training and for a set that is encrypted already.
    pub program: Arc<Program>,
    /// The program for validation and test images: the same without mixing.
    pub evaluation: Arc<Program>,
    /// The key, for the ids of augmented images.
    pub key: Option<Key>,
    /// The fingerprint of the key with which the images are or were encrypted.
    pub fingerprint: Option<Fingerprint>,
    /// The scheme of the images that the network sees: the scheme of the program, or of the encrypted set.
    pub scheme: Scheme,
    /// Whether the set was encrypted before training.
    pub encrypted: bool,
    /// A note for the user on how the set was divided.
    pub note: Option<String>,
}

impl TrainingSet {
    /// The first `images` training images, without validation and test images.
    pub fn first(mut self, images: usize) -> Self {
        Arc::make_mut(&mut self.train).truncate(images);
        Self { val: None, test: None, ..self }
    }
}

/// What a set for training is opened with.
#[derive(Clone, Debug)]
pub struct TrainingSetRequest<'a> {
    /// The set, plain or encrypted.
    pub path: &'a Path,
    /// The scheme that encrypts a plain set. A set that is encrypted already takes none.
    pub scheme: Option<Scheme>,
    /// The scheme for a plain set that comes with a key or tables and without [`scheme`](Self::scheme). `None`: its
    /// images are taken as they are.
    pub default_scheme: Option<Scheme>,
    /// What encrypts a plain set. With an encrypted set it must be the key of the set, or its tables: the manifest is
    /// authenticated before anything else of it is used.
    pub secret: Option<Secret>,
    /// How plain images are brought to size. A set that is encrypted already takes no resizing.
    pub resize: Resize,
    /// How plain images are read. A set that is encrypted already takes no choice.
    pub reading: ReadOptions,
}

impl<'a> TrainingSetRequest<'a> {
    /// The set as it is: without a scheme, a key or resizing.
    pub fn new(path: &'a Path) -> Self {
        let (resize, reading) = (Resize::default(), ReadOptions::default());
        Self { path, scheme: None, default_scheme: None, secret: None, resize, reading }
    }
}

/// Opens a set for training. `scheme` and `secret` encrypt a plain set. A set that is encrypted already takes no
/// scheme; with a secret, its manifest is authenticated.
///
/// Where there are no validation images, every fifth training image of each class is held out for them.
///
/// # Errors
/// When the set cannot be read, has fewer than two classes, or does not go with the scheme and secret.
pub fn training_set(
    path: &Path,
    scheme: Option<Scheme>,
    secret: Option<Secret>,
    resize: Resize,
) -> Result<TrainingSet, Error> {
    training_set_with(TrainingSetRequest { scheme, secret, resize, ..TrainingSetRequest::new(path) })
}

/// As [`training_set`], with everything that can be chosen.
///
/// # Errors
/// As [`training_set`]. Also if an encrypted set comes with the key of another set, or its manifest was changed.
pub fn training_set_with(request: TrainingSetRequest<'_>) -> Result<TrainingSet, Error> {
    Ok(open(request)?)
}

fn open(request: TrainingSetRequest<'_>) -> Result<TrainingSet, DataError> {
    let TrainingSetRequest { path, scheme, default_scheme, secret, resize, reading } = request;
    // How much memory may be used is no choice of what is read.
    let usual = ReadOptions { memory: reading.memory, ..ReadOptions::default() };
    let is_for_plain = scheme.is_some() || resize != Resize::default() || reading != usual;
    let key = secret.as_ref().map(Secret::key);
    let opened = match key {
        Some(key) => set::open_sealed(path, &reading, key),
        None => set::open_with(path, &reading),
    };
    let opened = match opened {
        Err(error) if error.kind() == ErrorKind::Mixtures => {
            if is_for_plain {
                return Err(DataError::AlreadyEncrypted(path.to_owned()));
            }
            return mixtures(path, key);
        }
        opened => opened?,
    };
    let encrypted = opened.manifest.is_some();
    let mut notes: Vec<String> = opened.remarks.iter().map(ToString::to_string).collect();
    let plain_scheme = || Scheme { name: "none".into(), stages: Vec::new() };
    let (seen, applied, fingerprint) = match opened.manifest {
        Some(manifest) => {
            if is_for_plain {
                return Err(DataError::AlreadyEncrypted(path.to_owned()));
            }
            notes.extend(key.map(|_| Trust::of(&manifest, true).to_string()));
            (manifest.scheme, plain_scheme(), Some(manifest.key))
        }
        None => {
            let scheme = scheme.or(default_scheme.filter(|_| secret.is_some())).unwrap_or_else(plain_scheme);
            (scheme.clone(), scheme, secret.as_ref().map(|secret| secret.key().fingerprint()))
        }
    };
    // An encrypted set is used as one that came without its key.
    let key = key.filter(|_| !encrypted);
    // One depth for all splits: the network sees samples scaled by it.
    let source = match encrypted {
        true => opened.source,
        false => set::at_used_depth(opened.source, reading.depth, &applied, reading.memory),
    };
    let source = source.as_ref();
    let classes = source.classes().to_vec();
    if classes.len() < 2 {
        return Err(DataError::Classes { path: path.to_owned(), classes: classes.len() });
    }
    let division = divide(source);
    let tile = applied.tile();
    let load = |indices: &[usize]| {
        let loaded = set::load_within(source, indices, resize, tile, reading.memory)?;
        Ok::<_, imgveil_data::Error>(loaded.map(|loaded| Arc::new(Split::new(loaded, classes.len(), key))))
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
        Some(secret) if !encrypted => secret.compile(&applied, train.geometry)?,
        _ if applied.stages.is_empty() => Program::identity(train.geometry),
        _ => return Err(DataError::NoKey(applied.name)),
    };
    let evaluation = Arc::new(program.without_mixing());
    notes.extend(division.notes);
    if program.mixing().is_some() {
        notes
            .push("training images are mixed anew in every epoch; validation and test images are shown unmixed".into());
    }
    if let links @ 1.. = source.links_out().len() {
        notes.push(format!("{links} links lead out of {} and were not followed", path.display()));
    }
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    let (program, key) = (Arc::new(program), key.cloned());
    Ok(TrainingSet { train, val, test, classes, program, evaluation, key, fingerprint, scheme: seen, encrypted, note })
}

/// A set whose images were mixed before training. All its parts are mixtures.
fn mixtures(path: &Path, key: Option<&Key>) -> Result<TrainingSet, DataError> {
    let set = match key {
        Some(key) => set::mixtures::open_sealed(path, key)?,
        None => set::mixtures::open(path)?,
    };
    let trust = key.map(|_| Trust::of(&set.manifest, true).to_string());
    let MixtureSet { geometry, manifest, splits: mut parts } = set;
    let classes = manifest.classes;
    if classes.len() < 2 {
        return Err(DataError::Classes { path: path.to_owned(), classes: classes.len() });
    }
    if let Some(entry) =
        manifest.images.iter().find(|entry| parts.get(&entry.split).is_none_or(|p| p.labels.is_empty()))
    {
        return Err(LoadError::Unlabelled(entry.name.clone()).into());
    }
    let mut take =
        |split| parts.remove(&split).map(|part| Arc::new(Split::of_mixtures(geometry, &part, classes.len())));
    let (train, val) = (take(set::Split::Train), take(set::Split::Val));
    let (test, all) = (take(set::Split::Test), take(set::Split::All));
    let mut notes = vec!["all images are mixtures; their label is the class with the largest share".to_owned()];
    notes.extend(trust);
    if val.is_none() {
        notes.push("no validation images: the last epoch counts as the best".to_owned());
    }
    let note = Some(notes.join("; "));
    let train = train.or(all).ok_or_else(|| DataError::NoTraining(path.to_owned()))?;
    let program = Arc::new(Program::identity(geometry));
    let evaluation = program.clone();
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
    notes: Vec<String>,
}

/// Assigns the images to the splits.
fn divide(source: &dyn Source) -> Division {
    let of = |split: set::Split| -> Vec<usize> {
        let items = source.items().iter().enumerate();
        items.filter(|(_, item)| item.split == split).map(|(index, _)| index).collect()
    };
    let mut train = of(set::Split::Train);
    let mut outside = of(set::Split::All);
    let mut notes = Vec::new();
    if !train.is_empty() {
        // Images beside the splits that have no class: a stray picture, or a folder without labels.
        let before = outside.len();
        outside.retain(|&index| source.items()[index].label.is_some());
        if outside.len() < before {
            notes.push(format!(
                "{} images are in no split and have no class: they are left out",
                before - outside.len()
            ));
        }
    }
    train.extend(outside);
    let (mut val, test) = (of(set::Split::Val), of(set::Split::Test));
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
        notes.push(format!(
            "no validation images: every fifth image of each class is held out for validation ({} of {})",
            val.len(),
            val.len() + train.len()
        ));
    }
    Division { train, val, test, notes }
}
