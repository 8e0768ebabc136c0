//! One range of values for all volumes of a folder. A volume whose values do not fit in 16 bits is scaled; scaled by its
//! own smallest and largest value, the same tissue would be another sample in every file.

use crate::format::{Format, ReadOptions, nifti};
use rayon::prelude::*;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// The smallest and the largest value of all volumes, if the values of one of them are scaled and the caller names
/// neither a window nor a range. Reads every volume. Volumes that cannot be read are left out; reading them gives the
/// reason.
pub(super) fn common_range(files: &[(&Path, Format)], options: &ReadOptions) -> Option<(f64, f64)> {
    if options.window.is_some() || options.range.is_some() {
        return options.range;
    }
    let volumes: Vec<&Path> =
        files.iter().filter(|(_, format)| *format == Format::Nifti).map(|(path, _)| *path).collect();
    let is_wide = |path: &&&Path| {
        let file = File::open(path).ok();
        file.and_then(|file| nifti::is_wide(BufReader::new(file)).ok()).unwrap_or(false)
    };
    volumes.par_iter().find_any(is_wide)?;
    let extremes = |path: &&Path| std::fs::read(path).ok().and_then(|bytes| nifti::extremes(bytes).ok().flatten());
    let wider = |(low, high): (f64, f64), (least, most): (f64, f64)| (low.min(least), high.max(most));
    volumes.par_iter().filter_map(extremes).reduce_with(wider)
}

/// What the user should know about a range.
pub(super) fn note((low, high): (f64, f64)) -> String {
    format!("values of NIfTI volumes from {low} to {high} became samples from 0 to 65535, in all files alike")
}
