//! The id and the check of an image, in sets of both formats.

use crate::set::{Entry, Item};
use imgveil::internal::hex;
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::{ImageId, plain_hash};
use imgveil::internal::sealed::{Checked, Salt, image_id};

/// The id and the check of an image of format 2, or of format 1 without a salt. `original` is its geometry before
/// padding.
pub(super) fn of_image(
    key: &Key,
    salt: Option<Salt>,
    item: &Item,
    original: Geometry,
    image: &Image,
) -> (ImageId, [u8; 16]) {
    let (geometry, samples) = (image.geometry(), image.samples());
    let Some(salt) = salt else {
        return (ImageId::new(key, &item.name, geometry, samples), plain_hash(key, geometry, samples));
    };
    let (name, label) = (item.name.as_str(), item.label);
    let checked = Checked { salt, name, split: item.split.name().unwrap_or("all"), label, original };
    (image_id(key, salt, name, geometry, samples), checked.hash(key, geometry, samples))
}

/// Whether a decrypted image is the one that its entry is about.
pub(super) fn is_of_entry(key: &Key, salt: Option<Salt>, entry: &Entry, image: &Image) -> bool {
    let original = entry.original.unwrap_or(entry.geometry);
    let (_, check) = of_image(key, salt, &entry.item(), original, image);
    hex::encode(&check) == entry.plain
}
