//! What an attack on a scheme with shared keys recovers: where every element goes, and whether it is negated.

use crate::layout::Level;
use crate::{Batch, Error, Shape};
use rayon::prelude::*;

/// A recovered table.
///
/// Element `i` of an encrypted image is element `source[i]` of the plain image, negated if `flip[i]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub(crate) shape: Shape,
    pub(crate) max: u16,
    pub(crate) level: Level,
    pub(crate) source: Vec<u32>,
    pub(crate) flip: Vec<bool>,
    /// Whether the attack has determined the entry. Others are guesses.
    pub(crate) sure: Vec<bool>,
}

impl Table {
    /// The table that changes nothing, of which nothing is sure.
    pub(crate) fn guess(shape: Shape, max: u16, level: Level) -> Self {
        let elements = shape.samples() * level.parts(max);
        Self {
            shape,
            max,
            level,
            source: (0..elements as u32).collect(),
            flip: vec![false; elements],
            sure: vec![false; elements],
        }
    }

    /// The share of entries that are determined, 0 to 1.
    #[must_use]
    pub fn determined(&self) -> f64 {
        self.sure.iter().filter(|&&sure| sure).count() as f64 / self.sure.len().max(1) as f64
    }

    /// Encrypts as the table says.
    ///
    /// # Errors
    ///
    /// If the images have another shape or depth than those of the attack.
    pub fn encrypt(&self, plain: &Batch) -> Result<Batch, Error> {
        self.through(plain, |elements, out| {
            for ((out, &source), &flip) in out.iter_mut().zip(&self.source).zip(&self.flip) {
                *out = self.flipped(elements[source as usize], flip);
            }
        })
    }

    /// Decrypts as the table says. Plain elements that no entry names stay 0.
    ///
    /// # Errors
    ///
    /// If the images have another shape or depth than those of the attack.
    pub fn decrypt(&self, encrypted: &Batch) -> Result<Batch, Error> {
        self.through(encrypted, |elements, out| {
            for ((&element, &source), &flip) in elements.iter().zip(&self.source).zip(&self.flip) {
                out[source as usize] = self.flipped(element, flip);
            }
        })
    }

    fn flipped(&self, element: u16, flip: bool) -> u16 {
        if flip { self.level.largest(self.max) - element } else { element }
    }

    fn through(&self, batch: &Batch, change: impl Fn(&[u16], &mut [u16]) + Sync) -> Result<Batch, Error> {
        if batch.shape() != self.shape || batch.max() != self.max {
            let of = |shape: Shape, max: u16| format!("images of {shape} up to {max}");
            return Err(Error::Mismatch(of(self.shape, self.max), of(batch.shape(), batch.max())));
        }
        let size = self.shape.samples();
        let mut samples = vec![0; batch.samples().len()];
        samples.par_chunks_exact_mut(size).zip(batch.samples().par_chunks_exact(size)).for_each(|(to, image)| {
            let mut out = vec![0; self.source.len()];
            change(&self.level.cut(image, self.max), &mut out);
            to.copy_from_slice(&self.level.join(&out, self.max));
        });
        Batch::new(self.shape, self.max, samples)
    }
}
