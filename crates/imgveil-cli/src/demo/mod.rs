//! Everything once, on drawn images: draw a set, make a key, encrypt and decrypt it under several schemes, train on each
//! encrypted set, compare, and show. What `imgveil demo` runs; needs nothing but a folder to write to.

pub mod phantom;

use crate::demo::phantom::{PhantomClass, phantom};
use crate::preview::{Exhibit, PreviewError, PreviewRequest, preview};
use crate::sheet::{Cell, Row, SheetError, contact_sheet};
use imgveil::internal::engine::{Engine, EngineError, ImageRef};
use imgveil::internal::image::{Geometry, GeometryError, Image};
use imgveil::internal::key::Key;
use imgveil::internal::plan::Lossy;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::{CompileError, KeyScope, Options, Preset, PresetError, Scheme, Secret, compile};
use imgveil_data::dataset::names::Naming;
use imgveil_data::dataset::{self, DatasetError, Item, Resize, Split, write_atomically};
use imgveil_data::job::{
    DecryptOptions, DecryptRequest, EncryptOptions, EncryptRequest, JobError, NoProgress, Summary, decrypt, encrypt,
};
use imgveil_data::key_file::KeyFileError;
use imgveil_train::model::ModelKind;
use imgveil_train::{Backend, Config, OptimiserKind, train, training_set};
use std::path::{Path, PathBuf};

/// Side of the images that are encrypted and learned from.
const SIZE: usize = 32;
/// Side of the phantom that is shown under every scheme.
const REAL: usize = 224;
/// Side of the images that the contact sheet shows beside them: a scheme hides less of a larger image.
const LARGE: usize = 128;
/// Images of each class in each split.
const COUNTS: [(Split, u64); 3] = [(Split::Train, 500), (Split::Val, 100), (Split::Test, 200)];
/// Passes over the training images.
const EPOCHS: usize = 8;

/// One line of the demo's table.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Line {
    /// The scheme's name.
    pub scheme: String,
    /// Its options, in words.
    pub options: &'static str,
    /// Images encrypted in a second, from file to file.
    pub encrypted_per_second: f64,
    /// Images trained on in a second.
    pub trained_per_second: f64,
    /// On the test images, by the best epoch.
    pub accuracy: f64,
    /// Likewise; 0.5 is chance.
    pub auc: Option<f64>,
}

/// What the demo did.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Demo {
    /// A line for each scheme.
    pub lines: Vec<Line>,
    /// The contact sheet.
    pub sheet: PathBuf,
    /// One phantom under every scheme.
    pub schemes: PathBuf,
    /// What encrypted and trained.
    pub device: String,
}

/// Why the demo stopped.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // each says itself
pub enum DemoError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// No random bytes for a key.
    #[error(transparent)]
    Generate(#[from] imgveil::internal::key::KeyError),
    #[error(transparent)]
    Scheme(#[from] PresetError),
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error(transparent)]
    Lossy(#[from] Lossy),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Train(#[from] imgveil_train::Error),
    #[error(transparent)]
    Preview(#[from] PreviewError),
    #[error(transparent)]
    Sheet(#[from] SheetError),
    /// An image did not come back as it went in.
    #[error("{0} was not decrypted exactly; please report this")]
    NotExact(String),
}

/// The schemes that the demo shows, with their options in words.
fn schemes() -> Result<Vec<(Scheme, &'static str)>, PresetError> {
    let block = "4".parse().ok();
    let shuffle_flip = |options: Options| Preset::ShuffleFlip.scheme(Options { block, ..options });
    Ok(vec![
        (Preset::None.scheme(Options::default())?, "not encrypted: the control"),
        (shuffle_flip(Options::default())?, "blocks of 4, one key for all blocks"),
        (
            shuffle_flip(Options { key_scope: Some(KeyScope::Block), scramble: true, ..Options::default() })?,
            "blocks of 4, a key per block, blocks scrambled",
        ),
        (Preset::Keystream.scheme(Options::default())?, "real encryption: the other control"),
    ])
}

/// Runs the demo in `folder`, which must be empty or not there. `say` hears what is being done.
///
/// # Errors
/// When the folder cannot be written, or a step fails.
pub fn demo(folder: &Path, backend: &Backend, engine: &dyn Engine, say: &dyn Fn(&str)) -> Result<Demo, DemoError> {
    let plain = folder.join("phantoms");
    say(&format!("drawing phantom X-rays ({SIZE}x{SIZE}, two classes: clear, opacity)"));
    draw(&plain)?;
    let key = Key::generate()?;
    let key_file = folder.join("demo.key");
    imgveil_data::key_file::save(&key, &key_file)?;
    let mut lines = Vec::new();
    let schemes = schemes()?;
    for (number, (scheme, options)) in schemes.iter().enumerate() {
        let name = format!("{}-{}", number, scheme.name);
        say(&format!("{} ({options}): encrypting, decrypting, training {EPOCHS} epochs", scheme.name));
        let encrypted = folder.join(format!("encrypted-{name}"));
        let summary =
            there_and_back(&plain, &encrypted, &folder.join(format!("decrypted-{name}")), &key, scheme, engine)?;
        // The cloud's side: the encrypted set and no key.
        let set = training_set(&encrypted, None, None, Resize::default())?;
        let optimiser = OptimiserKind::AdamW;
        let config = Config {
            epochs: EPOCHS,
            batch: 32,
            optimiser,
            learning_rate: optimiser.default_learning_rate(),
            weight_decay: optimiser.default_weight_decay(),
            seed: 1,
            ..Config::new(ModelKind::Cnn)
        };
        let outcome = train(backend, &set, &config, None, &mut ())?;
        let test = outcome.test.as_ref();
        lines.push(Line {
            scheme: scheme.name.clone(),
            options,
            encrypted_per_second: summary.images as f64 / summary.seconds.max(1e-9),
            trained_per_second: outcome.images_per_second,
            accuracy: test.map_or(f64::NAN, |test| test.accuracy),
            auc: test.and_then(|test| test.auc),
        });
    }
    let sheet = folder.join("contact-sheet.png");
    write_atomically(&sheet, &draw_sheet(&schemes, &key, engine, &sheet)?)?;
    say("drawing a larger phantom under every scheme");
    let schemes = draw_schemes(folder, &key, engine)?;
    Ok(Demo { lines, sheet, schemes, device: backend.name() })
}

/// A phantom as large as real images are, and what every scheme makes of it.
fn draw_schemes(folder: &Path, key: &Key, engine: &dyn Engine) -> Result<PathBuf, DemoError> {
    let geometry = Geometry::new(REAL as u32, REAL as u32, 1)?;
    let (image, output) = (folder.join("phantom.png"), folder.join("schemes.png"));
    let samples = phantom(1, PhantomClass::Opacity, REAL);
    let encode = |reason: String| DatasetError::Encode { path: image.clone(), reason };
    let png = match Image::new(geometry, samples) {
        Some(phantom) => dataset::picture::encode_png(&phantom).map_err(encode)?,
        None => return Err(encode("a phantom is not of its size".into()).into()),
    };
    write_atomically(&image, &png)?;
    let exhibits = Exhibit::all();
    let request = PreviewRequest { image: &image, output: &output, key, throwaway: false, exhibits: &exhibits, engine };
    preview(&request, &NoProgress)?;
    Ok(output)
}

/// Writes the phantom set as a folder of class folders.
fn draw(folder: &Path) -> Result<(), DemoError> {
    let geometry = Geometry::new(SIZE as u32, SIZE as u32, 1)?;
    let mut items = Vec::new();
    let mut images = Vec::new();
    // Splits never share an image: numbers go on from one to the next.
    let mut first = 0;
    for (split, count) in COUNTS {
        for class in PhantomClass::ALL {
            for index in first..first + count {
                let name = format!("{}/{}/{index:04}", split.name().unwrap_or_default(), class.name());
                items.push(Item { name, split, label: Some(class.label()) });
                images.push((index, class));
            }
        }
        first += count;
    }
    std::fs::create_dir_all(folder).map_err(|source| DatasetError::Write { path: folder.to_owned(), source })?;
    for (item, (index, class)) in items.iter().zip(images) {
        if let Some(image) = Image::new(geometry, phantom(index, class, SIZE)) {
            let path = folder.join(format!("{}.png", item.name));
            let png = dataset::picture::encode_png(&image);
            let png = png.map_err(|reason| DatasetError::Encode { path: path.clone(), reason })?;
            write_atomically(&path, &png)?;
        }
    }
    Ok(())
}

/// Encrypts the set, decrypts it again, and compares every image with the plain one.
fn there_and_back(
    plain: &Path,
    encrypted: &Path,
    decrypted: &Path,
    key: &Key,
    scheme: &Scheme,
    engine: &dyn Engine,
) -> Result<Summary, DemoError> {
    let secret = &Secret::from(key.clone());
    // Images are found again by their names.
    let options = EncryptOptions { naming: Naming::Kept, ..EncryptOptions::default() };
    let request = EncryptRequest { input: plain, output: encrypted, secret, scheme, engine, options };
    let summary = encrypt(&request, &NoProgress)?;
    decrypt(
        &DecryptRequest { input: encrypted, output: decrypted, secret, engine, options: DecryptOptions::default() },
        &NoProgress,
    )?;
    let (before, after) = (dataset::open(plain)?.source, dataset::open(decrypted)?.source);
    for (index, item) in before.items().iter().enumerate() {
        let same = after.items().get(index) == Some(item)
            && matches!((before.read(index), after.read(index)), (Ok(a), Ok(b)) if a == b);
        if !same {
            return Err(DemoError::NotExact(item.name.clone()));
        }
    }
    Ok(summary)
}

/// The contact sheet as PNG: for every scheme a small and a large phantom, plain, encrypted and decrypted.
fn draw_sheet(
    schemes: &[(Scheme, &'static str)],
    key: &Key,
    engine: &dyn Engine,
    path: &Path,
) -> Result<Vec<u8>, DemoError> {
    let mut shown = Vec::new();
    for (scheme, options) in schemes {
        let mut images = Vec::new();
        for size in [SIZE, LARGE] {
            let geometry = Geometry::new(size as u32, size as u32, 1)?;
            let plain = phantom(1, PhantomClass::Opacity, size);
            let program = compile(scheme, key, geometry)?;
            let inverse = program.inverse()?;
            let image_ref =
                ImageRef { id: ImageId::new(key, "contact sheet", geometry, &plain), ..ImageRef::default() };
            let (mut encrypted, mut decrypted) = (vec![0; plain.len()], vec![0; plain.len()]);
            engine.bytes(&program, &plain, &[image_ref], &mut encrypted)?;
            engine.bytes(&inverse, &encrypted, &[image_ref], &mut decrypted)?;
            images.extend([(size, plain), (size, encrypted), (size, decrypted)]);
        }
        shown.push((scheme.name.clone(), *options, images));
    }
    let rows: Vec<Row<'_>> = shown
        .iter()
        .map(|(name, options, images)| Row {
            label: name.clone(),
            note: (*options).to_owned(),
            cells: images
                .iter()
                .map(|(size, pixels)| Cell { pixels, height: *size, width: *size, channels: 1 })
                .collect(),
        })
        .collect();
    let columns = ["32: plain", "encrypted", "decrypted", "128: plain", "encrypted", "decrypted"];
    let sheet = contact_sheet("imgveil: phantom X-rays", &columns, &rows)?;
    let mut png = std::io::Cursor::new(Vec::new());
    sheet
        .write_to(&mut png, image::ImageFormat::Png)
        .map_err(|e| DatasetError::Encode { path: path.to_owned(), reason: e.to_string() })?;
    Ok(png.into_inner())
}
