//! The stages that decrypt a set.

use super::encrypted_set::EncryptedSet;
use super::error::JobError;
use super::pipeline::Stages;
use crate::format::ReadError;
use crate::set::SetError;
use crate::set::sink::{Sink, Stored};
use imgveil::internal::engine::{Device, Loaded};
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::schedule::ImageId;
use std::path::PathBuf;

/// Decrypts images and checks them. Writes them if there is a sink.
pub(super) struct Decryption<'a> {
    pub encrypted: &'a EncryptedSet,
    pub device: &'a Device,
    pub sink: Option<&'a dyn Sink>,
}

impl Stages for Decryption<'_> {
    type Carried = ();
    type Written = Vec<Stored>;

    fn decode(&self, slot: usize) -> Result<(Image, ()), ReadError> {
        Ok((self.encrypted.read(slot)?, ()))
    }

    fn program(&self, geometry: Geometry) -> Result<Loaded, JobError> {
        Ok(Loaded::new(self.device, self.encrypted.inverse(geometry)?)?)
    }

    fn id(&self, slot: usize, (): &()) -> ImageId {
        self.encrypted.manifest.images[slot].id
    }

    fn write(&self, slot: usize, image: Image, (): ()) -> Result<Result<Vec<Stored>, ReadError>, JobError> {
        let image = match self.encrypted.checked(slot, image) {
            Ok(image) => image,
            Err(error) => return Ok(Err(error)),
        };
        let Some(sink) = self.sink else { return Ok(Ok(Vec::new())) };
        let encoded = sink.encode(&self.encrypted.unpadded(slot, image));
        let path = || PathBuf::from(sink.path(slot));
        let bytes = encoded.map_err(|reason| SetError::Encode { path: path(), reason })?;
        Ok(Ok(sink.store(slot, bytes, Vec::new())?))
    }
}
