//! Writes slices back into a copy of the volume that they were read from. Header and extensions stay what they are.

use super::slices::{Greys, Nifti};
use super::volume::{Kind, Volume, truncated};
use super::{is_gzip, unpack};
use crate::format::write_back::{CopyOptions, NotWrittenBack, check_shape};
use crate::format::{ImageFile, ReadErrorKind, ReadOptions};
use flate2::Compression;
use flate2::write::GzEncoder;
use imgveil::internal::image::Image;
use std::io::Write;

/// The bytes of a volume with the slices `images` in place of its own, compressed if it was. With a range of values,
/// slices tell the voxels only where the range has a sample of its own for every whole number.
///
/// # Errors
/// If the volume cannot be read, its voxels do not fit into samples, or its slices are not `images`.
pub fn written_back(original: Vec<u8>, images: &[Image], options: &CopyOptions<'_>) -> Result<Vec<u8>, NotWrittenBack> {
    let CopyOptions { axis, memory, .. } = *options;
    let compressed = is_gzip(&original);
    let (volume, bytes) =
        if compressed { unpack(&original, options.memory)? } else { (Volume::parse(&original)?, original) };
    let is_stated = options.rescales.iter().any(Option::is_some);
    let range = range(&volume, options);
    let reading = ReadOptions { axis, range, memory, ..ReadOptions::default() };
    if volume.is_wide() && range.is_none() {
        return Err(NotWrittenBack::Rounded);
    }
    volume.check_length(bytes.len() as u64, false)?;
    let header = volume.header(&reading)?;
    check_shape(header.count, header.geometry, images)?;
    let mut opened = Nifti { bytes, header, volume, axis, greys: Greys::Stored };
    opened.greys = opened.greys(&reading)?;
    for (index, image) in images.iter().enumerate() {
        if opened.image(index)?.samples() != image.samples() {
            return Err(match opened.greys {
                Greys::Range(..) if !is_stated => NotWrittenBack::OtherRange(index),
                _ => NotWrittenBack::OtherPixels(index),
            });
        }
        if let Greys::Range(low, high) = opened.greys {
            if !opened.tells_voxels(index, image, low, high) {
                return Err(NotWrittenBack::Rounded);
            }
            // The voxels that the image tells are those in the file.
            continue;
        }
        let voxels = volume.voxels(image.samples());
        let places = opened.places(index).ok_or_else(truncated)?;
        for (place, voxel) in places.zip(voxels.chunks_exact(volume.kind.bytes())) {
            opened.bytes.get_mut(place..place + voxel.len()).ok_or_else(truncated)?.copy_from_slice(voxel);
        }
    }
    if !compressed {
        return Ok(opened.bytes);
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&opened.bytes).and_then(|()| packed.finish()).map_err(|error| ReadErrorKind::Io(error).into())
}

/// The range of values that the volume was read with. The set states it by its scale, in a number that may be rounded
/// in its last digit; the range of the originals is the same one, unless volumes beside this one have changed.
fn range(volume: &Volume, options: &CopyOptions<'_>) -> Option<(f64, f64)> {
    let of = |range| volume.rescale_of_samples(&ReadOptions { range, ..ReadOptions::default() });
    let Some(stated) = options.rescales.first().copied().flatten() else { return options.range };
    match [None, options.range].into_iter().find(|&range| of(range) == Some(stated)) {
        Some(range) => range,
        None => Some(stated.range()),
    }
}

impl Nifti {
    /// Whether the nearest whole number to the value of every sample of slice `index` is the voxel.
    fn tells_voxels(&self, index: usize, image: &Image, low: f64, high: f64) -> bool {
        let Some(voxels) = self.slice(index) else { return false };
        let samples = image.samples().as_chunks().0.iter().map(|word| f64::from(u16::from_le_bytes(*word)));
        let step = (high - low) / f64::from(u16::MAX);
        voxels.zip(samples).all(|(voxel, sample)| self.volume.stored(low + sample * step).round() == self.value(voxel))
    }
}

impl Volume {
    /// The voxels of samples: the reverse of reading.
    fn voxels(&self, samples: &[u8]) -> Vec<u8> {
        let word = |sample: &[u8; 2]| {
            let word = u16::from_le_bytes(*sample) ^ if self.kind == Kind::I16 { 1 << 15 } else { 0 };
            if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() }
        };
        match self.kind {
            Kind::I8 => samples.iter().map(|sample| sample ^ 1 << 7).collect(),
            Kind::U16 | Kind::I16 => samples.as_chunks().0.iter().flat_map(word).collect(),
            _ => samples.to_vec(),
        }
    }
}
