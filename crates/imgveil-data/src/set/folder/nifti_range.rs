//! One range of values for all volumes of a folder. A volume whose values do not fit in 16 bits is scaled; scaled by
//! its own smallest and largest value, the same tissue would be another sample in every file.

use super::contents::Contents;
use crate::format::{Format, ReadOptions, nifti};
use crate::regular_file::Retrying;
use rayon::prelude::*;
use std::io::BufReader;
use std::path::Path;

/// The smallest and the largest value of all volumes, if the values of one of them are scaled and the caller names
/// neither a window nor a range. Reads every volume. Volumes that cannot be read are left out; reading them gives the
/// reason.
pub(super) fn common_range(
    contents: &dyn Contents,
    files: &[(&Path, Format)],
    options: &ReadOptions,
) -> Option<(f64, f64)> {
    if options.window.is_some() || options.range.is_some() {
        return options.range;
    }
    let volumes: Vec<&Path> =
        files.iter().filter(|(_, format)| *format == Format::Nifti).map(|(path, _)| *path).collect();
    let is_wide = |path: &&&Path| {
        let file = contents.open(path).ok();
        file.and_then(|file| nifti::is_wide(BufReader::new(Retrying(file.reader))).ok()).unwrap_or(false)
    };
    volumes.par_iter().find_any(is_wide)?;
    let extremes = |path: &&Path| {
        let file = contents.open(path).ok()?;
        options.memory.check(file.length.saturating_mul(2)).ok()?;
        nifti::extremes(file.read_all().ok()?, options.memory).ok().flatten()
    };
    let wider = |(low, high): (f64, f64), (least, most): (f64, f64)| (low.min(least), high.max(most));
    // Two files are in memory at a time, as later when their slices are read.
    let of_pair = |pair: &[&Path]| pair.par_iter().filter_map(extremes).reduce_with(wider);
    volumes.chunks(2).filter_map(of_pair).reduce(wider)
}

/// What the user should know about a range.
pub(super) fn note((low, high): (f64, f64)) -> String {
    format!("values of NIfTI volumes from {low} to {high} became samples from 0 to 65535, in all files alike")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Window;
    use crate::set::open_set;

    /// A volume of two voxels.
    fn volume(kind: u16, voxels: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 352];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &348u32.to_le_bytes());
        for (axis, length) in [3u16, 2, 1, 1].into_iter().enumerate() {
            put(40 + 2 * axis, &length.to_le_bytes());
        }
        put(70, &kind.to_le_bytes());
        put(108, &352f32.to_le_bytes());
        put(344, b"n+1\0");
        [file.as_slice(), voxels].concat()
    }

    #[test]
    fn one_value_is_one_sample_in_all_files() {
        let folder = tempfile::tempdir().unwrap();
        let floats = |a: f32, b: f32| volume(16, &[a.to_le_bytes(), b.to_le_bytes()].concat());
        let integers = volume(4, &[40i16.to_le_bytes(), (-1000i16).to_le_bytes()].concat());
        for (name, file) in [("a", floats(40.0, 9000.0)), ("b", integers), ("c", floats(40.0, 41.0))] {
            std::fs::write(folder.path().join(name).with_extension("nii"), file).unwrap();
        }
        std::fs::write(folder.path().join("d.nii"), b"no volume").unwrap();
        let opened = open_set(folder.path(), &ReadOptions::default(), None).unwrap();
        let first = |index: usize| opened.source.read(index).unwrap().samples()[..2].to_vec();
        let sample = (1040.0 / 10_000.0 * 65_535.0f64).round() as u16;
        assert_eq!([first(0), first(1), first(2)], [sample.to_le_bytes(); 3]);
        assert!(opened.remarks.iter().any(|remark| remark.to_string().contains("from -1000 to 9000")));
        let scales: Vec<_> = (0..3).map(|index| opened.source.described(index).unwrap().scale).collect();
        assert!(scales[0] != crate::format::Scale::Unknown && scales.iter().all(|scale| *scale == scales[0]));
        // What was written with another range is not continued.
        let before = opened.source.stamp(1);
        std::fs::write(folder.path().join("c.nii"), floats(40.0, 9001.0)).unwrap();
        assert_ne!(open_set(folder.path(), &ReadOptions::default(), None).unwrap().source.stamp(1), before);
        // With a window, values need no range.
        let windowed = ReadOptions { window: Some(Window::Auto), ..ReadOptions::default() };
        assert!(open_set(folder.path(), &windowed, None).unwrap().remarks.is_empty());
    }
}
