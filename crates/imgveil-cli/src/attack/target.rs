//! What is attacked: images that are encrypted here as a black box, or a set that was encrypted elsewhere.

use super::black_box::BlackBox;
use super::pairing::{self, Pairing};
use super::reading::Read;
use super::structure;
use crate::exit::{FAILED, Failure, USAGE};
use crate::output::{Output, counted};
use imgveil::Cipher;
use imgveil::internal::engine::Device;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::{Scheme, Secret};
use imgveil_attack::{Batch, Layout, Statistics};
use serde_json::{Value, json};
use std::path::Path;

/// What is attacked, with what the attacker may know and what the result is measured by.
pub struct Target {
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
    /// The black box, if the images were encrypted here.
    pub black_box: Option<BlackBox>,
    geometry: Geometry,
    /// Whether the images were encrypted before they were read.
    elsewhere: bool,
    /// How the images of a set that was encrypted elsewhere were paired.
    pairing: Option<Pairing>,
    /// Images that could not be read, with the reasons.
    failed: Vec<(String, String)>,
    key: String,
}

/// What there is to say of a scheme that mixes images.
pub fn mixtures(scheme: &Scheme) -> String {
    format!(
        "scheme `{}` mixes images into floats, and this attack is on images. `imgveil attack learned` trains a network \
         against it, and `imgveil attack key-space` counts its keys. What is known to break it: absolute values undo \
         its sign flips, and from many mixtures of the same images these come back (Carlini et al., \"Is private \
         learning possible with instance encoding?\", IEEE S&P 2021). Chosen and known images say nothing, because \
         every mixture is drawn anew",
        scheme.name
    )
}

/// What there is to say where plain images are needed.
pub fn no_plain() -> Failure {
    let words = "this attack is measured with the plain images too: give them with --plain IN";
    Failure { words: words.to_owned(), code: USAGE }
}

/// The black box of a scheme.
pub fn black_box(scheme: &Scheme, secret: Secret, geometry: Geometry, device: &Device) -> Result<BlackBox, Failure> {
    secret.check(scheme, geometry)?;
    let cipher = Cipher::new(scheme, secret, geometry, device);
    Ok(BlackBox::new(cipher.map_err(|error| Failure { words: error.to_string(), code: FAILED })?))
}

impl Target {
    /// Encrypts images as a black box. `key` says in words which key that is.
    pub fn encrypted_here(
        scheme: &Scheme,
        secret: Secret,
        key: String,
        read: Read,
        device: &Device,
    ) -> Result<Self, Failure> {
        let Read { images, geometry, names, labels, classes, failed, .. } = read;
        let black_box = black_box(scheme, secret, geometry, device)?;
        let encrypted = black_box.encrypt_named(&images, &names)?;
        Ok(Self {
            layout: structure::layout(scheme),
            statistics: structure::statistics(Some(scheme), images.shape()),
            plain: Some(images),
            encrypted,
            names,
            labels,
            classes,
            scheme: Some(scheme.clone()),
            geometry,
            black_box: Some(black_box),
            elsewhere: false,
            pairing: None,
            failed,
            key,
        })
    }

    /// Takes images that were mixed with each other here. `plain` is what each is compared with, and `mixed` are the
    /// mixtures as pictures.
    #[cfg(feature = "train")]
    pub fn mixed_here(scheme: &Scheme, key: String, read: Read, plain: Batch, mixed: Batch) -> Self {
        let hidden = Read { images: mixed, ..read };
        let target = Self::encrypted_elsewhere(Some(scheme.clone()), hidden);
        Self { plain: Some(plain), elsewhere: false, key, ..target }
    }

    /// Takes images that are encrypted. `scheme` is what is known of them.
    pub fn encrypted_elsewhere(scheme: Option<Scheme>, hidden: Read) -> Self {
        Self {
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
            elsewhere: true,
            pairing: None,
            failed: hidden.failed,
            key: "the key of the set".to_owned(),
        }
    }

    /// Adds the plain images, and keeps those that are in both sets, `limit` at most. `ours` says that imgveil
    /// encrypted the set `set`, and `file` which images are which.
    pub fn pair(
        &mut self,
        set: &Path,
        shown: Read,
        ours: bool,
        file: Option<&Path>,
        limit: Option<usize>,
    ) -> Result<(), Failure> {
        let (pairs, pairing) = pairing::pairs(set, &self.names, &shown.names, ours, file)?;
        let taken = limit.unwrap_or(pairs.len()).min(pairs.len());
        let (left, right): (Vec<usize>, Vec<usize>) =
            (0..taken).map(|number| pairs[number * pairs.len() / taken]).unzip();
        let plain = shown.images.select(&right);
        self.encrypted = self.encrypted.select(&left);
        plain.must_match(&self.encrypted)?;
        self.names = right.iter().map(|&index| shown.names[index].clone()).collect();
        self.labels = right.iter().map(|&index| shown.labels[index]).collect();
        self.classes = shown.classes;
        self.failed.extend(shown.failed);
        self.plain = Some(plain);
        self.pairing = Some(pairing);
        Ok(())
    }

    /// The geometry of the images.
    #[cfg(feature = "train")]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The plain images.
    pub fn plain(&self) -> Result<&Batch, Failure> {
        self.plain.as_ref().ok_or_else(no_plain)
    }

    /// The structure of the scheme; where nothing is known, that anything may go anywhere.
    pub fn layout_or_unknown(&self) -> Layout {
        self.layout.unwrap_or_else(|| Layout::unknown(self.encrypted.shape(), self.encrypted.max()))
    }

    /// The name of a class.
    pub fn class(&self, class: u32) -> String {
        self.classes.get(class as usize).cloned().unwrap_or_else(|| class.to_string())
    }

    /// In words: the scheme and the images.
    pub fn what(&self) -> String {
        let scheme = self.scheme.as_ref().map_or("a scheme of which nothing is known".to_owned(), Scheme::describe);
        let elsewhere = if self.elsewhere { ", encrypted elsewhere" } else { "" };
        format!("{scheme}, {} of {}{elsewhere}", counted(self.encrypted.len(), "image"), self.geometry)
    }

    /// Tells how images were paired, and what was set aside.
    pub fn tell(&self, out: &Output) {
        if let Some(pairing) = self.pairing {
            out.note(&format!("note: plain and encrypted images are {}", pairing.words()));
        }
        for (name, reason) in self.failed.iter().take(20) {
            out.warn(&format!("{name} was set aside: {reason}"));
        }
        if self.failed.len() > 20 {
            out.warn(&format!("{} more were set aside", self.failed.len() - 20));
        }
    }

    /// The first lines of what is printed.
    pub fn head(&self, attacker: &str, out: &Output) {
        out.say(&format!("attacked: {}, under {}", self.what(), self.key));
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
