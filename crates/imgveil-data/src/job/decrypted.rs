//! An encrypted set as a source of its plain images, which are decrypted in memory when they are read.

use super::encrypted_set::EncryptedSet;
use super::plain_names::{PlainNames, slots};
use crate::format::{ReadError, ReadErrorKind, Rescale};
use crate::set::{Described, Item, Member, Source};
use imgveil::internal::engine::{Device, ImageRef, Loaded};
use imgveil::internal::image::{Geometry, Image};
use std::sync::{Mutex, PoisonError};

/// How many programs are kept, each for one geometry. Neighbouring batches have few geometries.
const PROGRAMS: usize = 4;

/// The plain images of an encrypted set.
pub(super) struct Decrypted {
    encrypted: EncryptedSet,
    device: Device,
    items: Vec<Item>,
    classes: Vec<String>,
    programs: Mutex<Vec<(Geometry, Loaded)>>,
}

impl Decrypted {
    /// The images of a set under the names of `names`, or those in the set. Images are decrypted on `device`.
    pub fn new(encrypted: EncryptedSet, names: Option<&PlainNames>, device: Device) -> Self {
        let manifest = &encrypted.manifest;
        let items = slots(manifest, names).into_iter().map(|slot| slot.item).collect();
        let classes = names.map_or(manifest.classes.as_slice(), PlainNames::classes).to_vec();
        Self { items, classes, encrypted, device, programs: Mutex::default() }
    }

    /// How the values of an image follow from its samples, as the manifest states it.
    pub fn rescale(&self, index: usize) -> Option<Rescale> {
        self.encrypted.manifest.images.get(index)?.rescale
    }

    /// The program that decrypts images of a geometry.
    fn program(&self, geometry: Geometry) -> Result<Loaded, String> {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, loaded)) = programs.iter().find(|(of, _)| *of == geometry) {
            return Ok(loaded.clone());
        }
        let program = self.encrypted.inverse(geometry).map_err(|error| error.to_string())?;
        let loaded = Loaded::new(&self.device, program).map_err(|error| error.to_string())?;
        programs.truncate(PROGRAMS - 1);
        programs.insert(0, (geometry, loaded.clone()));
        Ok(loaded)
    }

    fn decrypted(&self, index: usize, image: Image) -> Result<Option<Image>, String> {
        let geometry = image.geometry();
        let id = self.encrypted.manifest.images[index].id;
        let begun = self.program(geometry)?.begin(image.into_samples(), &[ImageRef::new(0).with_id(id)]);
        let samples = begun.and_then(|pending| pending.wait()).map_err(|error| error.to_string())?;
        Ok(Image::new(geometry, samples))
    }
}

impl Source for Decrypted {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        let entry = &self.encrypted.manifest.images[index];
        // It refuses a size that the manifest does not state.
        self.encrypted.source.geometry(index)?;
        Ok(entry.original.unwrap_or(entry.geometry))
    }

    fn described(&self, index: usize) -> Result<Described, ReadError> {
        Ok(Described { rescale: self.rescale(index), ..Described::plain(self.geometry(index)?) })
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        let image = self.encrypted.read(index)?;
        let failed = |reason| {
            let path = &self.encrypted.manifest.images[index].path;
            ReadError::new(path, ReadErrorKind::Io(std::io::Error::other(reason)))
        };
        match self.decrypted(index, image).map_err(failed)? {
            Some(image) => {
                let image = self.encrypted.checked(index, image)?;
                Ok(self.encrypted.unpadded(index, image))
            }
            None => Err(failed("it was not decrypted whole".to_owned())),
        }
    }

    fn members(&self, index: usize, kinds: &[String]) -> Result<Vec<Member>, ReadError> {
        self.encrypted.source.members(index, kinds)
    }

    fn length(&self, index: usize) -> u64 {
        // Its encrypted samples are in memory too.
        let samples = self.encrypted.manifest.images[index].geometry.bytes() as u64;
        self.encrypted.source.length(index).saturating_add(2 * samples)
    }

    fn stamp(&self, index: usize) -> String {
        self.encrypted.source.stamp(index)
    }
}
