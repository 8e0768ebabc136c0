//! What an attacker expects of plain images.

use crate::elements::{Elements, Grid};
use crate::matrix::gram;
use crate::{Batch, Error};

/// What an attacker expects of neighbouring pixels.
#[derive(Clone, Copy, Debug)]
pub enum Prior<'a> {
    /// Pixels at a distance of d pixels correlate by `exp(-d / 20)`, and channels c and e at the same place by
    /// `exp(-|c - e| / 10)`: natural images in general, nothing of the images that are attacked.
    Natural,
    /// The correlations of other plain images of the same number of channels, such as a public set of the same kind.
    Images(&'a Batch),
}

impl Prior<'_> {
    /// The expected correlations of the places of a block, by rows.
    pub(crate) fn correlations(&self, grid: Grid) -> Result<Vec<f64>, Error> {
        match self {
            Self::Natural => Ok(natural(grid)),
            Self::Images(images) if images.shape().channels != grid.channels => Err(Error::NotApplicable(format!(
                "the plain images given have {} channels, and the encrypted ones {}",
                images.shape().channels,
                grid.channels
            ))),
            Self::Images(images) => {
                let cropped = whole_blocks(images, grid.block)?;
                let elements = Elements::new(&cropped, grid.block)?;
                Ok(correlations(&elements))
            }
        }
    }
}

fn natural(grid: Grid) -> Vec<f64> {
    let places = 0..grid.places();
    let pairs = places.clone().flat_map(|a| places.clone().map(move |b| (grid.coordinates(a), grid.coordinates(b))));
    pairs
        .map(|(a, b)| {
            let distance = (a.0.abs_diff(b.0) as f64).hypot(a.1.abs_diff(b.1) as f64);
            (-distance / 20.0 - a.2.abs_diff(b.2) as f64 / 10.0).exp()
        })
        .collect()
}

/// The images without the rows and columns that fill no block.
fn whole_blocks(images: &Batch, block: usize) -> Result<Batch, Error> {
    let shape = images.shape();
    let cut = crate::Shape { height: shape.height / block * block, width: shape.width / block * block, ..shape };
    let row = cut.width * cut.channels;
    let rows = images.iter().flat_map(|image| image.chunks_exact(shape.width * shape.channels).take(cut.height));
    Batch::new(cut, images.max(), rows.flat_map(|samples| samples[..row].iter().copied()).collect())
}

/// The Pearson correlations of all pairs of places over blocks and images. A place that never changes has none.
pub(crate) fn correlations(elements: &Elements) -> Vec<f64> {
    let mut rows = elements.values.clone();
    for row in rows.chunks_exact_mut(elements.row_length().max(1)) {
        normalise(row);
    }
    let mut matrix = gram(&rows, elements.places);
    (0..elements.places).for_each(|place| matrix[place * (elements.places + 1)] = 1.0);
    matrix
}

/// Subtracts the mean and scales to a norm of 1. Values that are all equal become 0.
pub(crate) fn normalise(row: &mut [f32]) {
    let mean = row.iter().map(|&value| f64::from(value)).sum::<f64>() / row.len() as f64;
    let square = row.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>();
    let scale = if square > 1e-9 { 1.0 / square.sqrt() } else { 0.0 };
    row.iter_mut().for_each(|value| *value = ((f64::from(*value) - mean) * scale) as f32);
}
