//! The work of `imgveil demo`: draws a set of images, encrypts and decrypts it under several schemes, trains on each
//! encrypted set, and draws sheets. It only needs a folder to write to.

use crate::error::Error;
use crate::exit::Failure;
use crate::phantom::{PhantomClass, phantom};
use crate::preview::{Exhibit, PreviewRequest, preview};
use crate::sheet::{Row, contact_sheet, picture, png};
use imgveil::internal::engine::{Device, ImageRef, Loaded};
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::{KeyScope, Options, Preset, Scheme, Secret, compile};
use imgveil_data::format::ReadOptions;
use imgveil_data::format::picture::encode_png;
use imgveil_data::job::{
    DecryptOptions, DecryptRequest, DecryptRun, EncryptOptions, EncryptRequest, EncryptRun, NoProgress, Summary,
};
use imgveil_data::set::names::Naming;
use imgveil_data::set::{self, Resize, Split, write_atomically};
use imgveil_train::model::ModelKind;
use imgveil_train::{Backend, Config, OptimiserKind, train, training_set};
use std::path::{Path, PathBuf};

/// Side of the images for encryption and training.
const SIZE: usize = 32;
/// Side of the phantom that is shown under every scheme.
const REAL: usize = 224;
/// Side of the larger images on the contact sheet. A scheme hides less of a larger image.
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
    /// Images encrypted per second, from file to file.
    pub encrypted_per_second: f64,
    /// Images trained on per second.
    pub trained_per_second: f64,
    /// Accuracy on the test images after the best epoch.
    pub accuracy: f64,
    /// Area under the ROC curve on the same images; 0.5 is chance.
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
    /// The device that encrypted and trained.
    pub device: String,
}

/// The schemes that the demo shows, with their options in words.
fn schemes() -> Result<Vec<(Scheme, &'static str)>, Failure> {
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

/// Runs the demo in `folder`, which must be empty or not exist. `say` is called with each step.
///
/// # Errors
/// When the folder cannot be written, or a step fails.
pub fn demo(folder: &Path, backend: &Backend, device: &Device, say: &dyn Fn(&str)) -> Result<Demo, Failure> {
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
            there_and_back(&plain, &encrypted, &folder.join(format!("decrypted-{name}")), &key, scheme, device)?;
        // Trains as another party would: with the encrypted set and without the key.
        let training = training_set(&encrypted, None, None, Resize::default())?;
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
        let outcome = train(backend, &training, &config, None, &mut ())?;
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
    write_atomically(&sheet, &draw_sheet(&schemes, &key, device, &sheet)?)?;
    say("drawing a larger phantom under every scheme");
    let schemes = draw_schemes(folder, &key, device)?;
    Ok(Demo { lines, sheet, schemes, device: backend.name() })
}

/// A phantom of this size as an image.
fn drawn(index: u64, class: PhantomClass, size: usize) -> Result<Image, Error> {
    let geometry = Geometry::new(size as u32, size as u32, 1)?;
    Image::new(geometry, phantom(index, class, size)).ok_or_else(|| Error::not_exact("a phantom"))
}

/// Writes an image as PNG.
fn write_png(path: &Path, image: &Image) -> Result<(), Failure> {
    let png = encode_png(image).map_err(|reason| Error::cannot_encode(path, &reason))?;
    Ok(write_atomically(path, &png)?)
}

/// Draws a phantom of the size of real images, and the result of every scheme for it.
fn draw_schemes(folder: &Path, key: &Key, device: &Device) -> Result<PathBuf, Failure> {
    let (image, output) = (folder.join("phantom.png"), folder.join("schemes.png"));
    write_png(&image, &drawn(1, PhantomClass::Opacity, REAL)?)?;
    let exhibits = Exhibit::all();
    let request = PreviewRequest {
        image: &image,
        output: &output,
        key,
        throwaway: false,
        exhibits: &exhibits,
        reading: &ReadOptions::default(),
        place: None,
        device,
    };
    preview(&request, &NoProgress)?;
    Ok(output)
}

/// Writes the phantom set as a folder of class folders.
fn draw(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Error::cannot_write(folder, error))?;
    // Splits never share an image: numbers continue from one split to the next.
    let mut first = 0;
    for (split, count) in COUNTS {
        for class in PhantomClass::ALL {
            for index in first..first + count {
                let name = format!("{}/{}/{index:04}.png", split.name().unwrap_or_default(), class.name());
                write_png(&folder.join(name), &drawn(index, class, SIZE)?)?;
            }
        }
        first += count;
    }
    Ok(())
}

/// Encrypts and decrypts the set, and compares every image with the plain one.
fn there_and_back(
    plain: &Path,
    encrypted: &Path,
    decrypted: &Path,
    key: &Key,
    scheme: &Scheme,
    device: &Device,
) -> Result<Summary, Failure> {
    let secret = Secret::from(key.clone());
    // The images are compared by their names.
    let options = EncryptOptions { naming: Naming::Kept, ..EncryptOptions::default() };
    let request = EncryptRequest {
        input: plain.to_owned(),
        output: encrypted.to_owned(),
        secret: secret.clone(),
        scheme: scheme.clone(),
        options,
    };
    let summary = EncryptRun::new(request, device.clone()).run()?;
    let (input, output, options) = (encrypted.to_owned(), decrypted.to_owned(), DecryptOptions::default());
    DecryptRun::new(DecryptRequest { input, output, secret, options }, device.clone()).run()?;
    let (before, after) = (set::open(plain)?.source, set::open(decrypted)?.source);
    for (index, item) in before.items().iter().enumerate() {
        let same = after.items().get(index) == Some(item)
            && matches!((before.read(index), after.read(index)), (Ok(a), Ok(b)) if a == b);
        if !same {
            return Err(Error::not_exact(&item.name).into());
        }
    }
    Ok(summary)
}

/// The contact sheet as PNG: for every scheme a small and a large phantom, plain, encrypted and decrypted.
fn draw_sheet(schemes: &[(Scheme, &'static str)], key: &Key, device: &Device, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut rows = Vec::new();
    for (scheme, options) in schemes {
        let mut pictures = Vec::new();
        for size in [SIZE, LARGE] {
            let plain = drawn(1, PhantomClass::Opacity, size)?;
            let geometry = plain.geometry();
            let program = compile(scheme, key, geometry)?;
            let inverse = program.inverse().map_err(Error::from)?;
            let id = ImageId::new(key, "contact sheet", geometry, plain.samples());
            let image_ref = ImageRef::new(0).with_id(id);
            let mut encrypted = vec![0; plain.samples().len()];
            let mut decrypted = encrypted.clone();
            Loaded::new(device, program)?.bytes(plain.samples(), &[image_ref], &mut encrypted)?;
            Loaded::new(device, inverse)?.bytes(&encrypted, &[image_ref], &mut decrypted)?;
            let results = [encrypted, decrypted].map(|samples| Image::new(geometry, samples));
            pictures.extend([Some(plain)].iter().chain(&results).flatten().map(picture));
        }
        rows.push(Row { label: scheme.name.clone(), note: (*options).to_owned(), pictures });
    }
    let columns = ["32x32: plain", "encrypted", "decrypted", "128x128: plain", "encrypted", "decrypted"];
    let sheet = contact_sheet("Phantom X-rays, encrypted and decrypted by imgveil", &columns, &rows)?;
    Ok(png(&sheet).map_err(|reason| Error::cannot_encode(path, &reason))?)
}
