//! Work on every image of a batch, on all cores with the feature `threads`.

use super::scratch::Scratch;
use crate::engine::image_ref::ImageRef;

/// Runs `work` on all references and their images in the output. `group` references make one image; a thread takes
/// `together` images at a time.
#[cfg(feature = "threads")]
pub fn each_image<T: Send>(
    output: &mut [T],
    size: usize,
    refs: &[ImageRef],
    group: usize,
    together: usize,
    work: impl Fn(&mut Scratch, &[ImageRef], &mut [T]) + Send + Sync,
) {
    use rayon::prelude::*;
    // A few pieces for every thread. With more pieces, scratch memory would be allocated too often.
    let pieces = refs.len().div_ceil(group * together).div_ceil(4 * threads());
    output
        .par_chunks_mut(size * together)
        .zip(refs.par_chunks(group * together))
        .with_min_len(pieces.max(1))
        .for_each_init(Scratch::default, |scratch, (images, refs)| work(scratch, refs, images));
}

#[cfg(not(feature = "threads"))]
pub fn each_image<T>(
    output: &mut [T],
    size: usize,
    refs: &[ImageRef],
    group: usize,
    together: usize,
    work: impl Fn(&mut Scratch, &[ImageRef], &mut [T]),
) {
    let mut scratch = Scratch::default();
    for (images, refs) in output.chunks_mut(size * together).zip(refs.chunks(group * together)) {
        work(&mut scratch, refs, images);
    }
}

/// The number of threads that work.
#[cfg(feature = "threads")]
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// The number of threads that work.
#[cfg(not(feature = "threads"))]
pub fn threads() -> usize {
    1
}
