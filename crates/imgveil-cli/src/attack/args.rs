//! The flags that attacks share.

use super::reading::{self, Read, Reading};
use super::target::Target;
use crate::args::{DepthArgs, DeviceArgs, ReadArgs, ResizeArgs, SchemeArgs};
use crate::exit::{Failure, USAGE};
use crate::output::{ImageBar, Output};
use crate::secret::SecretArgs;
#[cfg(feature = "train")]
use imgveil::internal::engine::Device;
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Scheme, Secret};
use imgveil_attack::Batch;
use imgveil_data::set::{Resize, check_new};
use std::path::{Path, PathBuf};

/// Which images, and how they are read.
#[derive(clap::Args)]
pub struct ImageArgs {
    #[command(flatten)]
    pub fit: ResizeArgs,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub depth: DepthArgs,
}

/// What all attacks on images share.
#[derive(clap::Args)]
pub struct AttackArgs {
    #[command(flatten)]
    scheme: SchemeArgs,
    #[command(flatten)]
    images: ImageArgs,
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
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Images to encrypt here and attack: folder, .npz, .npy, .tar, or a file of images
    #[arg(value_name = "IN")]
    input: Option<PathBuf>,
}

/// What attacks share that also work on a set which was encrypted elsewhere.
#[derive(clap::Args)]
pub struct TargetArgs {
    #[command(flatten)]
    pub attack: AttackArgs,
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

impl ImageArgs {
    /// Reads images that are plain, or that a scheme is to fit.
    pub fn images(
        &self,
        path: &Path,
        scheme: Option<&Scheme>,
        fit: Resize,
        limit: Option<usize>,
    ) -> Result<Read, Failure> {
        let options = self.read.reading();
        let memory = options.memory;
        let reading = Reading { options: &options, fit, scheme, depth: self.depth.depth, limit, memory };
        let bar = ImageBar::new("reading");
        let read = reading::images(path, &reading, &bar);
        bar.finish();
        read
    }
}

impl AttackArgs {
    /// Reads the images and encrypts them.
    pub fn open(&self, out: &Output) -> Result<Target, Failure> {
        let Some(input) = &self.input else { return Err(nothing("")) };
        self.check_output()?;
        let target = self.encrypted_here(input, out)?;
        target.tell(out);
        Ok(target)
    }

    /// Opens the device that encrypts, for a network too.
    #[cfg(feature = "train")]
    pub fn open_device(&self, out: &Output) -> Result<Device, Failure> {
        self.device.open(out)
    }

    /// Plain images of the same kind, which are read as those that are attacked.
    pub fn other_images(&self, path: &Path) -> Result<Batch, Failure> {
        Ok(self.images.images(path, None, self.images.fit.fit(), None)?.images)
    }

    fn check_output(&self) -> Result<(), Failure> {
        Ok(self.output.as_deref().map_or(Ok(()), check_new)?)
    }

    fn limit(&self) -> Option<usize> {
        self.limit.map(|limit| limit as usize)
    }

    /// The scheme that is attacked.
    #[cfg(feature = "train")]
    pub fn scheme(&self) -> Result<Scheme, Failure> {
        self.scheme.scheme()
    }

    /// Reads the images, and the key with what there is to say of it, and encrypts nothing.
    #[cfg(feature = "train")]
    pub fn read(&self, scheme: &Scheme, out: &Output) -> Result<(Read, (Secret, String)), Failure> {
        let Some(input) = &self.input else { return Err(nothing("")) };
        self.check_output()?;
        let secret = self.key(out)?;
        Ok((self.images.images(input, Some(scheme), self.images.fit.fit(), self.limit())?, secret))
    }

    /// The key that was given, or one made for this run, and what there is to say of it.
    fn key(&self, out: &Output) -> Result<(Secret, String), Failure> {
        Ok(match self.secret.load(out)? {
            Some(secret) => {
                let told = format!("key {}", secret.key().fingerprint());
                (secret, told)
            }
            None => (Key::generate()?.into(), "a key made for this run".to_owned()),
        })
    }

    fn encrypted_here(&self, input: &Path, out: &Output) -> Result<Target, Failure> {
        let scheme = self.scheme.scheme()?;
        refuse_mixtures(&scheme)?;
        let (secret, key) = self.key(out)?;
        let device = self.device.open(out)?;
        let read = self.images.images(input, Some(&scheme), self.images.fit.fit(), self.limit())?;
        Target::encrypted_here(&scheme, secret, key, read, &device)
    }
}

/// What there is to say where no images are named.
fn nothing(or: &str) -> Failure {
    Failure { words: format!("name the images to encrypt and attack{or}"), code: USAGE }
}

/// Refuses schemes that make no images.
fn refuse_mixtures(scheme: &Scheme) -> Result<(), Failure> {
    match scheme.mixes() {
        true => Err(Failure { words: super::target::mixtures(scheme), code: USAGE }),
        false => Ok(()),
    }
}

impl TargetArgs {
    /// Reads the images, and encrypts them if they are not. Where a set was encrypted elsewhere, `needs_plain` says
    /// that the plain images are needed too.
    pub fn open(&self, needs_plain: bool, out: &Output) -> Result<Target, Failure> {
        self.attack.check_output()?;
        let target = match (&self.encrypted, &self.attack.input) {
            (Some(set), _) => self.encrypted_elsewhere(set, needs_plain)?,
            (None, Some(input)) => self.attack.encrypted_here(input, out)?,
            (None, None) => return Err(nothing(", or a set that is encrypted with --encrypted SET")),
        };
        target.tell(out);
        Ok(target)
    }

    /// Takes a set that is encrypted.
    fn encrypted_elsewhere(&self, set: &Path, needs_plain: bool) -> Result<Target, Failure> {
        let AttackArgs { scheme, images, .. } = &self.attack;
        let told = scheme.is_given().then(|| scheme.scheme()).transpose()?;
        if needs_plain && self.plain.is_none() {
            return Err(super::target::no_plain());
        }
        // A limit would take other images of the two sets.
        let limit = if self.plain.is_some() { None } else { self.attack.limit() };
        let hidden = images.images(set, None, Resize::default(), limit)?;
        let ours = hidden.manifest.is_some();
        let scheme = told.or_else(|| hidden.manifest.as_ref().map(|manifest| manifest.scheme.clone()));
        let mut target = Target::encrypted_elsewhere(scheme, hidden);
        if let Some(path) = &self.plain {
            let shown = images.images(path, target.scheme.as_ref(), images.fit.fit(), None)?;
            target.pair(set, shown, ours, self.names.as_deref(), self.attack.limit())?;
        }
        Ok(target)
    }
}
