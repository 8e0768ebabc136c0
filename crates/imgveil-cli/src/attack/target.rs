//! What is attacked: images that are encrypted here as a black box, or a set that was encrypted elsewhere.

use super::black_box::BlackBox;
use super::pairing::{self, Pairing};
use super::reading::{self, Read, Reading};
use super::structure;
use crate::args::{DepthArgs, DeviceArgs, ReadArgs, ResizeArgs, SchemeArgs, SecretArgs};
use crate::exit::{Failure, USAGE};
use crate::output::{ImageBar, Output, counted};
use imgveil::Cipher;
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Scheme, Secret};
use imgveil_attack::{Batch, Layout, Statistics};
use imgveil_data::format::ReadOptions;
use imgveil_data::set::{Resize, check_new};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Which images, under which scheme.
#[derive(clap::Args)]
pub struct DataArgs {
    #[command(flatten)]
    pub scheme: SchemeArgs,
    #[command(flatten)]
    fit: ResizeArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    depth: DepthArgs,
    /// Use no more than N images, evenly spread over the set
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// The seed of everything random in the attack: the same seed gives the same figures
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub seed: u64,
    /// New folder for a contact sheet (plain, encrypted, recovered) and report.json
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// The key under which images are encrypted here.
#[derive(clap::Args)]
pub struct KeyArgs {
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// A set that was encrypted elsewhere.
#[derive(clap::Args)]
pub struct ElsewhereArgs {
    /// Attack this set, which is encrypted already, by imgveil or by another program; -s says what is known of its
    /// scheme [default: what its imgveil.json says, else nothing]
    #[arg(long, value_name = "SET", conflicts_with_all = ["input", "secret"])]
    encrypted: Option<PathBuf>,
    /// The plain images of --encrypted
    #[arg(long, value_name = "IN", requires = "encrypted")]
    plain: Option<PathBuf>,
    /// The file of names of --encrypted [default: SET.names.csv if it exists]
    #[arg(long, value_name = "FILE", requires = "encrypted")]
    names: Option<PathBuf>,
}

/// What an attack is given.
pub struct Attacked<'a> {
    pub data: &'a DataArgs,
    pub key: &'a KeyArgs,
    pub elsewhere: Option<&'a ElsewhereArgs>,
    /// The images that are encrypted here.
    pub input: Option<&'a Path>,
    /// Whether plain images are needed too, where the set was encrypted elsewhere.
    pub needs_plain: bool,
}

/// What is attacked, with what the attacker may know and what the result is measured by.
pub struct Target {
    /// In words: the scheme and the images.
    pub what: String,
    /// The plain images, if they are known.
    pub plain: Option<Batch>,
    pub encrypted: Batch,
    /// The names of the images: of the plain ones if they are known.
    pub names: Vec<String>,
    pub labels: Vec<Option<u32>>,
    pub classes: Vec<String>,
    pub scheme: Option<Scheme>,
    /// The public structure of the scheme, if it has one.
    pub layout: Option<Layout>,
    /// The statistics of blocks that are compared.
    pub statistics: Statistics,
    pub geometry: Geometry,
    /// The black box, if the images were encrypted here.
    pub black_box: Option<BlackBox>,
    /// How the images of a set that was encrypted elsewhere were paired.
    pub pairing: Option<Pairing>,
    /// Images that could not be read, with the reasons.
    pub failed: Vec<(String, String)>,
    key: String,
}

/// Plain images that tell an attacker how neighbours correlate. They are read as those that are attacked.
pub fn prior_images(path: &Path, data: &DataArgs) -> Result<Batch, Failure> {
    let options: ReadOptions = data.read.reading();
    let memory = options.memory;
    let reading =
        Reading { options: &options, fit: data.fit.fit(), scheme: None, depth: data.depth.depth, limit: None, memory };
    let bar = ImageBar::new("reading");
    let read = reading::images(path, &reading, &bar);
    bar.finish();
    Ok(read?.images)
}

impl Attacked<'_> {
    /// Reads the images, and encrypts them if they are not.
    pub fn open(&self, out: &Output) -> Result<Target, Failure> {
        if let Some(folder) = &self.data.output {
            check_new(folder)?;
        }
        let target = match self.elsewhere.and_then(|elsewhere| Some((elsewhere, elsewhere.encrypted.as_deref()?))) {
            Some((elsewhere, set)) => self.elsewhere(elsewhere, set)?,
            None => self.here(out)?,
        };
        if let Some(pairing) = target.pairing {
            out.note(&format!("note: plain and encrypted images are {}", pairing.words()));
        }
        for (name, reason) in target.failed.iter().take(20) {
            out.warn(&format!("{name} was set aside: {reason}"));
        }
        if target.failed.len() > 20 {
            out.warn(&format!("{} more were set aside", target.failed.len() - 20));
        }
        Ok(target)
    }

    fn read(&self, path: &Path, scheme: Option<&Scheme>, fit: Resize, limit: Option<usize>) -> Result<Read, Failure> {
        let options: ReadOptions = self.data.read.reading();
        let reading =
            Reading { options: &options, fit, scheme, depth: self.data.depth.depth, limit, memory: options.memory };
        let bar = ImageBar::new("reading");
        let read = reading::images(path, &reading, &bar);
        bar.finish();
        read
    }

    /// Encrypts images as a black box.
    fn here(&self, out: &Output) -> Result<Target, Failure> {
        let Some(input) = self.input else {
            let words = "name the images to encrypt and attack, or a set that is encrypted with --encrypted SET";
            return Err(Failure { words: words.to_owned(), code: USAGE });
        };
        let scheme = self.data.scheme.scheme()?;
        if scheme.mixes() {
            let words = format!(
                "scheme `{}` mixes images into floats, and attacks of this command are on images: `imgveil schemes {}` \
                 tells what breaks it",
                scheme.name, scheme.name
            );
            return Err(Failure { words, code: USAGE });
        }
        let given = self.key.secret.load(out)?;
        let key = given.as_ref().map_or_else(
            || "a key made for this run".to_owned(),
            |secret| format!("key {}", secret.key().fingerprint()),
        );
        let secret: Secret = match given {
            Some(secret) => secret,
            None => Key::generate()?.into(),
        };
        let device = self.key.device.open(out)?;
        let Read { images, geometry, names, labels, classes, failed, .. } =
            self.read(input, Some(&scheme), self.data.fit.fit(), self.limit())?;
        secret.check(&scheme, geometry)?;
        let black_box = BlackBox::new(
            Cipher::new(&scheme, secret, geometry, &device)
                .map_err(|error| Failure { words: error.to_string(), code: crate::exit::FAILED })?,
        );
        let encrypted = black_box.encrypt_named(&images, &names)?;
        Ok(Target {
            what: format!("{}, {} of {geometry}", scheme.describe(), counted(images.len(), "image")),
            layout: structure::layout(&scheme),
            statistics: structure::statistics(Some(&scheme), images.shape()),
            plain: Some(images),
            encrypted,
            names,
            labels,
            classes,
            scheme: Some(scheme),
            geometry,
            black_box: Some(black_box),
            pairing: None,
            failed,
            key,
        })
    }

    /// Takes a set that is encrypted.
    fn elsewhere(&self, elsewhere: &ElsewhereArgs, set: &Path) -> Result<Target, Failure> {
        let told = self.data.scheme.is_given().then(|| self.data.scheme.scheme()).transpose()?;
        if self.needs_plain && elsewhere.plain.is_none() {
            let words = "this attack is measured with the plain images too: give them with --plain IN";
            return Err(Failure { words: words.to_owned(), code: USAGE });
        }
        // A limit would take other images of the two sets.
        let limit = if elsewhere.plain.is_some() { None } else { self.limit() };
        let hidden = self.read(set, None, Resize::default(), limit)?;
        let ours = hidden.manifest.is_some();
        let scheme = told.or_else(|| hidden.manifest.as_ref().map(|manifest| manifest.scheme.clone()));
        let mut target = Target {
            what: String::new(),
            plain: None,
            layout: scheme.as_ref().and_then(structure::layout),
            statistics: structure::statistics(scheme.as_ref(), hidden.images.shape()),
            encrypted: hidden.images,
            names: hidden.names,
            labels: hidden.labels,
            classes: hidden.classes,
            scheme,
            geometry: hidden.geometry,
            black_box: None,
            pairing: None,
            failed: hidden.failed,
            key: "the key of the set".to_owned(),
        };
        if let Some(path) = &elsewhere.plain {
            let shown = self.read(path, target.scheme.as_ref(), self.data.fit.fit(), None)?;
            let (pairs, pairing) = pairing::pairs(set, &target.names, &shown.names, ours, elsewhere.names.as_deref())?;
            let taken = self.limit().unwrap_or(pairs.len()).min(pairs.len());
            let (left, right): (Vec<usize>, Vec<usize>) =
                (0..taken).map(|number| pairs[number * pairs.len() / taken]).unzip();
            let plain = shown.images.select(&right);
            target.encrypted = target.encrypted.select(&left);
            plain.must_match(&target.encrypted)?;
            target.names = right.iter().map(|&index| shown.names[index].clone()).collect();
            target.labels = right.iter().map(|&index| shown.labels[index]).collect();
            target.classes = shown.classes;
            target.failed.extend(shown.failed);
            target.plain = Some(plain);
            target.pairing = Some(pairing);
        }
        let scheme = target.scheme.as_ref().map_or("a scheme of which nothing is known".to_owned(), Scheme::describe);
        let images = counted(target.encrypted.len(), "image");
        target.what = format!("{scheme}, {images} of {}, encrypted elsewhere", target.geometry);
        Ok(target)
    }

    fn limit(&self) -> Option<usize> {
        self.data.limit.map(|limit| limit as usize)
    }
}

impl Target {
    /// The plain images.
    pub fn plain(&self) -> Result<&Batch, Failure> {
        self.plain.as_ref().ok_or_else(|| Failure {
            words: "this attack is measured with the plain images too: give them with --plain IN".to_owned(),
            code: USAGE,
        })
    }

    /// The structure of the scheme; where nothing is known, that anything may go anywhere.
    pub fn layout_or_unknown(&self) -> Layout {
        self.layout.unwrap_or_else(|| Layout::unknown(self.encrypted.shape(), self.encrypted.max()))
    }

    /// The first lines of what is printed.
    pub fn head(&self, attacker: &str, out: &Output) {
        out.say(&format!("attacked: {}, under {}", self.what, self.key));
        out.say(&format!("attacker: {attacker}"));
    }

    /// What every report has.
    pub fn report(&self, attack: &str, seed: u64) -> Value {
        json!({
            "tool": imgveil_data::set::manifest::TOOL,
            "attack": attack,
            "scheme": self.scheme.as_ref().map(|scheme| json!({ "name": scheme.name, "stages": scheme.stages })),
            "images": self.encrypted.len(),
            "geometry": self.geometry.to_string(),
            "seed": seed,
        })
    }

    /// The exit code of an attack that was run.
    pub fn code(&self) -> u8 {
        if self.failed.is_empty() { crate::exit::DONE } else { crate::exit::PARTLY }
    }
}
