//! The slices of a volume as images.

use super::volume::{Kind, Volume, bits, truncated};
use crate::format::window::{linear, spread};
use crate::format::{Axis, Header, ImageFile, ReadErrorKind, ReadOptions, Window};
use imgveil::internal::image::Image;

/// How values become samples.
#[derive(Clone, Copy, Debug)]
pub(super) enum Greys {
    /// Values are kept.
    Stored,
    /// The range from the smallest to the largest value is scaled to 16 bits.
    Spread(f64, f64),
    /// A range in the modality's units is scaled to 16 bits.
    Range(f64, f64),
    /// The values for black and white in the modality's units.
    Shown(f64, f64),
    /// Centre and width in the modality's units.
    Window(f64, f64),
}

/// An opened file, unpacked.
pub(super) struct Nifti {
    pub(super) bytes: Vec<u8>,
    pub(super) header: Header,
    pub(super) volume: Volume,
    pub(super) axis: Axis,
    pub(super) greys: Greys,
}

impl Nifti {
    pub(super) fn greys(&self, reading: &ReadOptions) -> Result<Greys, ReadErrorKind> {
        Ok(match (self.volume.kind, reading.window, reading.range) {
            (Kind::Rgb, _, _) => Greys::Stored,
            (_, None, Some((low, high))) => Greys::Range(low, high),
            (Kind::U8 | Kind::I8 | Kind::U16 | Kind::I16, None, None) => Greys::Stored,
            (_, None, None) => {
                let (low, high) = self.extremes(|value| value)?;
                Greys::Spread(low, high)
            }
            (_, Some(Window::Linear { centre, width }), _) => Greys::Window(centre, width),
            (_, Some(Window::Auto), _) => match self.volume.shown {
                (low, high) if low.is_finite() && high.is_finite() && low < high => Greys::Shown(low, high),
                _ => {
                    let (low, high) = self.extremes(|value| self.volume.scaled(value))?;
                    Greys::Shown(low, high)
                }
            },
        })
    }

    /// The smallest and the largest finite value.
    pub(super) fn extremes(&self, of: impl Fn(f64) -> f64) -> Result<(f64, f64), ReadErrorKind> {
        let voxels =
            usize::try_from(self.volume.offset).ok().and_then(|at| self.bytes.get(at..)).ok_or_else(truncated)?;
        let size = self.volume.kind.bytes();
        let all = self.header.geometry.pixels().saturating_mul(self.header.count);
        let values = voxels.chunks_exact(size).take(all).map(|voxel| of(self.value(voxel)));
        let extremes = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        Ok(if extremes.0 <= extremes.1 { extremes } else { (0.0, 0.0) })
    }

    fn bits(&self, voxel: &[u8]) -> u64 {
        bits(voxel, self.volume.big_endian)
    }

    pub(super) fn value(&self, voxel: &[u8]) -> f64 {
        self.volume.kind.value(self.bits(voxel))
    }

    /// Where the voxels of a slice begin in the file, row by row.
    pub(super) fn places(&self, index: usize) -> Option<impl Iterator<Item = usize> + use<>> {
        let cut = self.volume.cut(self.axis);
        let (index, size) = (index as u64, self.volume.kind.bytes());
        let (volume, slice) = (index / cut.slices.count, index % cut.slices.count);
        let voxels: u64 = self.volume.sides.iter().product();
        let first = self.volume.offset + (volume * voxels + slice * cut.slices.stride) * size as u64;
        let first = usize::try_from(first).ok().filter(|&first| first <= self.bytes.len())?;
        let (rows, columns) = (cut.rows, cut.columns);
        Some((0..rows.count).flat_map(move |y| {
            (0..columns.count).map(move |x| first + (y * rows.stride + x * columns.stride) as usize * size)
        }))
    }

    /// The voxels of a slice, row by row.
    pub(super) fn slice(&self, index: usize) -> Option<impl Iterator<Item = &[u8]>> {
        let size = self.volume.kind.bytes();
        Some(self.places(index)?.filter_map(move |at| self.bytes.get(at..at + size)))
    }
}

impl ImageFile for Nifti {
    fn header(&self) -> &Header {
        &self.header
    }

    fn image(&self, index: usize) -> Result<Image, ReadErrorKind> {
        if index >= self.header.count {
            return Err(truncated());
        }
        let geometry = self.header.geometry;
        let voxels = self.slice(index).ok_or_else(truncated)?;
        let mut samples = Vec::with_capacity(geometry.bytes());
        let mut byte = |value: u8| samples.push(value);
        match (self.greys, self.volume.kind) {
            (Greys::Stored, Kind::Rgb | Kind::U8) => voxels.for_each(|voxel| voxel.iter().copied().for_each(&mut byte)),
            // Adding half of the range inverts the highest bit.
            (Greys::Stored, Kind::I8) => voxels.for_each(|voxel| byte(self.bits(voxel) as u8 ^ 1 << 7)),
            (Greys::Stored, kind) => {
                let flip = if kind == Kind::I16 { 1 << 15 } else { 0 };
                voxels.for_each(|voxel| (self.bits(voxel) as u16 ^ flip).to_le_bytes().into_iter().for_each(&mut byte));
            }
            (Greys::Spread(low, high), _) => voxels.for_each(|voxel| {
                let grey = spread(low, high, u16::MAX.into(), self.value(voxel)) as u16;
                grey.to_le_bytes().into_iter().for_each(&mut byte);
            }),
            (Greys::Range(low, high), _) => voxels.for_each(|voxel| {
                let grey = spread(low, high, u16::MAX.into(), self.volume.scaled(self.value(voxel))) as u16;
                grey.to_le_bytes().into_iter().for_each(&mut byte);
            }),
            (Greys::Shown(low, high), _) => voxels.for_each(|voxel| {
                byte(spread(low, high, u8::MAX.into(), self.volume.scaled(self.value(voxel))) as u8);
            }),
            (Greys::Window(centre, width), _) => {
                voxels.for_each(|voxel| byte(linear(centre, width, self.volume.scaled(self.value(voxel)))));
            }
        }
        Image::new(geometry, samples).ok_or_else(truncated)
    }
}
