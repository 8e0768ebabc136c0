//! Images cut into blocks, in the order in which attacks read them.

use crate::{Batch, Error, Shape};
use rayon::prelude::*;

/// How images are cut into square blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Height and width of a block.
    pub(crate) block: usize,
    /// Rows of blocks.
    pub(crate) rows: usize,
    /// Columns of blocks.
    pub(crate) columns: usize,
    /// Samples of a pixel.
    pub(crate) channels: usize,
}

impl Grid {
    pub(crate) fn new(shape: Shape, block: usize) -> Result<Self, Error> {
        if block == 0 || !shape.height.is_multiple_of(block) || !shape.width.is_multiple_of(block) {
            return Err(Error::BlockDoesNotTile { block, shape });
        }
        let (rows, columns) = (shape.height / block, shape.width / block);
        Ok(Self { block, rows, columns, channels: shape.channels })
    }

    /// The number of blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.rows * self.columns
    }

    /// The number of samples of a block. Place `(y * block + x) * channels + c` is row y, column x, channel c.
    pub(crate) fn places(&self) -> usize {
        self.block * self.block * self.channels
    }

    /// Row, column and channel of a place.
    pub(crate) fn coordinates(&self, place: usize) -> (usize, usize, usize) {
        let pixel = place / self.channels;
        (pixel / self.block, pixel % self.block, place % self.channels)
    }

    /// The sample of an image at a place of a block.
    pub(crate) fn sample(&self, block: usize, place: usize) -> usize {
        let (y, x, c) = self.coordinates(place);
        let (row, column) = (block / self.columns, block % self.columns);
        ((row * self.block + y) * self.columns * self.block + column * self.block + x) * self.channels + c
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape { height: self.rows * self.block, width: self.columns * self.block, channels: self.channels }
    }
}

/// The samples of images by place, block and image: value `(place * blocks + block) * images + image`.
///
/// A row of values of one place is contiguous, and so are the values of one place of one block over all images. Values
/// are centred: half the largest sample is subtracted, so that a sign flip is a change of sign.
#[derive(Clone)]
pub(crate) struct Elements {
    pub(crate) grid: Grid,
    pub(crate) images: usize,
    /// The largest sample.
    pub(crate) max: u16,
    /// Values of a block: [`Grid::places`], or more where samples are cut into nibbles.
    pub(crate) places: usize,
    pub(crate) values: Vec<f32>,
}

impl Elements {
    pub(crate) fn new(batch: &Batch, block: usize) -> Result<Self, Error> {
        let grid = Grid::new(batch.shape(), block)?;
        Ok(Self::read(batch, grid, grid.places(), batch.max(), |_, sample| sample))
    }

    /// Cuts samples into nibbles, the lowest of all samples first.
    pub(crate) fn nibbles(batch: &Batch, block: usize) -> Result<Self, Error> {
        let grid = Grid::new(batch.shape(), block)?;
        let depth = 16 - batch.max().leading_zeros() as usize;
        if !depth.is_multiple_of(4) {
            return Err(Error::NotApplicable(format!("samples of {depth} bits have no whole number of nibbles")));
        }
        let of_block = grid.places();
        Ok(Self::read(batch, grid, of_block * depth / 4, 15, |place, sample| (sample >> (4 * (place / of_block))) & 15))
    }

    /// `take` picks the value of a place from its sample.
    fn read(batch: &Batch, grid: Grid, places: usize, max: u16, take: impl Fn(usize, u16) -> u16 + Sync) -> Self {
        let (images, blocks, of_block) = (batch.len(), grid.blocks(), grid.places());
        let mut values = vec![0.0; places * blocks * images];
        let half = f32::from(max) / 2.0;
        values.par_chunks_mut((blocks * images).max(1)).enumerate().for_each(|(place, out)| {
            for block in 0..blocks {
                let sample = grid.sample(block, place % of_block);
                for (image, value) in out[block * images..(block + 1) * images].iter_mut().enumerate() {
                    *value = f32::from(take(place, batch.image(image)[sample])) - half;
                }
            }
        });
        Self { grid, images, max, places, values }
    }

    /// The number of values of one place.
    pub(crate) fn row_length(&self) -> usize {
        self.grid.blocks() * self.images
    }

    /// All values of a place.
    pub(crate) fn row(&self, place: usize) -> &[f32] {
        &self.values[place * self.row_length()..(place + 1) * self.row_length()]
    }

    /// The values of a place of a block, one for every image.
    pub(crate) fn of(&self, place: usize, block: usize) -> &[f32] {
        &self.row(place)[block * self.images..(block + 1) * self.images]
    }

    /// With place i from place `sources[i].0`, negated where `sources[i].1`.
    pub(crate) fn rearranged(&self, sources: &[(usize, bool)]) -> Self {
        let mut values = Vec::with_capacity(sources.len() * self.row_length());
        for &(place, negative) in sources {
            let sign = if negative { -1.0 } else { 1.0 };
            values.extend(self.row(place).iter().map(|value| sign * value));
        }
        Self { places: sources.len(), values, ..*self }
    }

    /// The images, if the values have one place for every sample.
    pub(crate) fn to_images(&self) -> Batch {
        let max = f32::from(self.max);
        let sample = |value: f32| (value + max / 2.0).round().clamp(0.0, max) as u16;
        let samples = self.to_planes().into_par_iter().map(sample).collect();
        Batch::new(self.grid.shape(), self.max, samples).expect("as many samples as before, none above the largest")
    }

    /// The values as images, one after the other, samples in their usual order.
    pub(crate) fn to_planes(&self) -> Vec<f32> {
        let size = self.grid.shape().samples();
        let mut planes = vec![0.0; size * self.images];
        planes.par_chunks_mut(size).enumerate().for_each(|(image, out)| {
            for block in 0..self.grid.blocks() {
                (0..self.places).for_each(|place| out[self.grid.sample(block, place)] = self.of(place, block)[image]);
            }
        });
        planes
    }

    /// With values from images as [`Elements::to_planes`] gives them.
    pub(crate) fn with_planes(&self, planes: &[f32]) -> Self {
        let size = self.grid.shape().samples();
        let mut values = vec![0.0; self.values.len()];
        values.par_chunks_mut(self.row_length().max(1)).enumerate().for_each(|(place, out)| {
            for (block, out) in out.chunks_exact_mut(self.images).enumerate() {
                let sample = self.grid.sample(block, place);
                out.iter_mut().enumerate().for_each(|(image, value)| *value = planes[image * size + sample]);
            }
        });
        Self { values, ..self.clone() }
    }
}
