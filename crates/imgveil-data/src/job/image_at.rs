//! One image of an encryption: read as it is encrypted, and what the manifest says of it.

use super::preflight::Preflighted;
use super::request::EncryptRequest;
use crate::format::ReadError;
use crate::set::{Entry, read_resized};
use imgveil::internal::hex;
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::schedule::ImageId;

/// An image's id, and the hash of its plain pixels.
#[derive(Clone, Copy)]
pub(super) struct Plain {
    pub id: ImageId,
    pub hash: [u8; 16],
}

/// Reads an image at the size in which it is encrypted.
pub(super) fn decode(request: &EncryptRequest, set: &Preflighted, index: usize) -> Result<(Image, Plain), ReadError> {
    let image = read_resized(set.source.as_ref(), index, request.options.resize, request.scheme.tile())?;
    let (id, hash) = set.hashes(request, index, &image);
    Ok((image, Plain { id, hash }))
}

/// What the manifest says of an encrypted image, without the hash of its file, which is known when it is whole.
pub(super) fn entry(set: &Preflighted, index: usize, path: String, geometry: Geometry, plain: &Plain) -> Entry {
    let item = &set.slots[index].item;
    Entry {
        name: item.name.clone(),
        path,
        split: item.split,
        label: item.label,
        geometry,
        original: set.originals[index].filter(|&original| original != geometry),
        rescale: set.meanings.rescale(index),
        id: plain.id,
        plain: hex::encode(&plain.hash),
        blake3: String::new(),
        members: None,
    }
}
