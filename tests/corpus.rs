//! Files that others made, good and damaged, through every reader: nothing panics, hangs or takes memory beyond measure, a
//! header says what the pixels then are, and the same picture in two forms gives the same pixels. A corpus is a folder that an
//! environment variable names; without it the test says so and does nothing.

use imgveil::dataset::reading::{Reading, Window};
use imgveil::dataset::stack::{Header, Stack};
use imgveil::dataset::{ReadErrorKind, dicom};
use imgveil::image::Image;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// What a reader gives: the header by itself, and the opened file.
type Opener = fn(&[u8]) -> (Result<Header, ReadErrorKind>, Result<Box<dyn Stack>, ReadErrorKind>);

/// Longer than any file needs, also without optimisation.
const PATIENCE: Duration = Duration::from_secs(60);
/// Images of a file that are decoded.
const ENOUGH: usize = 50;
/// Of the whole run, in kB; the largest files of the corpora have some 10 MB.
const MEMORY: u64 = 1_000_000;

/// All files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The images of a file, or why there are none.
fn images(bytes: &[u8], opener: Opener) -> Result<Vec<Image>, String> {
    let (header, stack) = opener(bytes);
    let stack = stack.map_err(|e| e.to_string())?;
    assert_eq!(header.expect("what can be opened has a header"), stack.header());
    let count = stack.header().count;
    let images = (0..count.min(ENOUGH)).map(|i| stack.image(i)).collect::<Result<Vec<_>, _>>();
    let images = images.map_err(|e| e.to_string())?;
    assert!(images.iter().all(|image| image.geometry() == stack.header().geometry));
    Ok(images)
}

/// The same in a thread of its own: panics and hangs fail the test with the file's name.
fn watched(path: &Path, opener: Opener) -> Result<Vec<Image>, String> {
    let bytes = std::fs::read(path).unwrap();
    let (send, receive) = channel();
    std::thread::spawn(move || send.send(images(&bytes, opener)));
    match receive.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("{} hangs", path.display()),
        Err(RecvTimeoutError::Disconnected) => panic!("{} panics", path.display()),
    }
}

/// The most memory that this process ever had, in kB, where the system says it.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

/// Digits are of one file; the reason is what is left.
fn reason(words: &str) -> String {
    let mut reason = String::new();
    for c in words.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if c != '#' || !reason.ends_with('#') {
            reason.push(c);
        }
    }
    reason
}

/// Tries every file of a folder and prints a table: tried, decoded, refused by reason.
fn survey(folder: &Path, name: &str, opener: Opener) {
    let mut refused: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let (mut decoded, mut frames) = (0, 0);
    let all = files(folder);
    for path in &all {
        match watched(path, opener) {
            Ok(images) => (decoded, frames) = (decoded + 1, frames + images.len()),
            Err(words) => {
                assert!(!words.contains('\n') && words.len() < 300, "{}: {words}", path.display());
                let example = path.file_name().unwrap().to_string_lossy().into_owned();
                refused.entry(reason(&words)).or_insert((0, example)).0 += 1;
            }
        }
    }
    println!("\n| {name} | files | example |\n|---|---|---|");
    println!("| tried | {} | |\n| decoded ({frames} images) | {decoded} | |", all.len());
    for (reason, (count, example)) in refused {
        println!("| {reason} | {count} | {example} |");
    }
    assert!(decoded > 0, "{} holds nothing that can be read", folder.display());
    if let Some(most) = memory() {
        println!("| most memory, kB | {most} | |");
        assert!(most < MEMORY, "{most} kB");
    }
}

/// Every group is one picture in several forms; a form that is not in the corpus is passed over. Returns how many were held
/// against their group's first.
fn compare(folder: &Path, groups: &[&[&str]], opener: Opener) -> usize {
    let all = files(folder);
    let find = |name: &&str| all.iter().find(|path| path.file_name().is_some_and(|file| file.to_str() == Some(name)));
    let mut compared = 0;
    for group in groups {
        let mut there = group.iter().filter_map(find);
        let Some(first) = there.next() else { continue };
        let expected = watched(first, opener).unwrap();
        for other in there {
            let found = watched(other, opener).unwrap_or_else(|words| panic!("{}: {words}", other.display()));
            assert!(found == expected, "{} is not {}", other.display(), first.display());
            compared += 1;
        }
    }
    compared
}

/// The folder that a variable names; without one the test is not run, and says so.
fn corpus(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        println!("SKIPPED: {variable} names no folder of files to try");
    }
    folder
}

fn full_depth(bytes: &[u8]) -> (Result<Header, ReadErrorKind>, Result<Box<dyn Stack>, ReadErrorKind>) {
    let reading = Reading::default();
    (dicom::header(bytes, &reading), dicom::open(bytes.to_vec(), &reading))
}

fn windowed(bytes: &[u8]) -> (Result<Header, ReadErrorKind>, Result<Box<dyn Stack>, ReadErrorKind>) {
    let reading = Reading { window: Some(Window::Auto), ..Reading::default() };
    (dicom::header(bytes, &reading), dicom::open(bytes.to_vec(), &reading))
}

/// pydicom's test files (the wheels pydicom and pydicom-data hold them): one picture, losslessly in several syntaxes.
const DICOM_TWINS: &[&[&str]] = &[
    &[
        "MR_small.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_expb.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_padded.dcm",
    ],
    &[
        "emri_small.dcm",
        "emri_small_RLE.dcm",
        "emri_small_big_endian.dcm",
        "emri_small_jpeg_2k_lossless.dcm",
        "emri_small_jpeg_2k_lossless_too_short.dcm",
        "emri_small_jpeg_ls_lossless.dcm",
    ],
    &[
        "SC_rgb.dcm",
        "SC_rgb_expb.dcm",
        "SC_rgb_rle.dcm",
        "SC_rgb_gdcm_KY.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "SC_rgb_gdcm2k_uncompressed.dcm",
    ],
    &["SC_rgb_2frame.dcm", "SC_rgb_expb_2frame.dcm", "SC_rgb_rle_2frame.dcm"],
    &["SC_rgb_16bit.dcm", "SC_rgb_expb_16bit.dcm", "SC_rgb_rle_16bit.dcm"],
    &["SC_rgb_16bit_2frame.dcm", "SC_rgb_expb_16bit_2frame.dcm", "SC_rgb_rle_16bit_2frame.dcm"],
    &["SC_rgb_small_odd.dcm", "SC_rgb_small_odd_big_endian.dcm"],
    &["SC_ybr_full_uncompressed.dcm", "SC_ybr_full_422_uncompressed.dcm"],
    &["SC_rgb_dcmtk_ebcr_dcmd.dcm", "SC_rgb_dcmtk_+eb+cr.dcm"],
    &["OBXXXX1A.dcm", "OBXXXX1A_expb.dcm", "OBXXXX1A_rle.dcm"],
    &["OBXXXX1A_2frame.dcm", "OBXXXX1A_expb_2frame.dcm", "OBXXXX1A_rle_2frame.dcm"],
    &["US1_UNCR.dcm", "US1_J2KR.dcm", "examples_jpeg2k.dcm"],
    &["MR2_UNCR.dcm", "MR2_J2KR.dcm"],
    &["RG1_UNCR.dcm", "RG1_J2KR.dcm"],
    &["RG3_UNCR.dcm", "RG3_J2KR.dcm"],
    &["color-pl.dcm", "color-px.dcm"],
    &["liver.dcm", "liver_expb.dcm"],
    &["liver_1frame.dcm", "liver_expb_1frame.dcm"],
];

#[test]
fn dicom() {
    let Some(folder) = corpus("IMGVEIL_CORPUS_DICOM") else { return };
    survey(&folder, "DICOM, full depth", full_depth);
    survey(&folder, "DICOM, window auto", windowed);
    println!("{} files have the pixels of their twins", compare(&folder, DICOM_TWINS, full_depth));
}
