//! Files that others made, good and damaged, whole folders of them, through every reader: nothing panics, hangs or
//! takes memory beyond measure, a header says what the pixels then are, and the same picture in several forms gives the
//! same pixels. A corpus is a folder that an environment variable names; without it the test says so and does nothing.
//! `tests/corpora` fetches the corpora and runs this; docs/FORMATS.md has the tables that it prints.

mod common;

use imgveil::internal::engine::Device;
use imgveil::internal::image::Image;
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Options, Preset};
use imgveil_data::Memory;
use imgveil_data::format::{Axis, Header, ImageFile, ReadErrorKind, ReadOptions, Window, dicom, nifti, picture};
use imgveil_data::job::{EncryptOptions, EncryptRequest, EncryptRun, WriteBackRequest, WriteBackRun};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// What a reader gives: the header by itself, and the opened file.
type Opened = (Result<Header, ReadErrorKind>, Result<Box<dyn ImageFile>, ReadErrorKind>);
type Opener = fn(&[u8]) -> Opened;

/// Longer than any file needs, also without optimisation.
const PATIENCE: Duration = Duration::from_secs(60);
/// Images of a file that are decoded.
const ENOUGH: usize = 50;
/// Of the whole run, in kB; the largest files of the corpora have some 10 MB.
const MEMORY: u64 = 1_000_000;

/// All files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    walk.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// The images of a file, or why there are none.
fn images(bytes: &[u8], opener: Opener) -> Result<Vec<Image>, String> {
    let (header, file) = opener(bytes);
    let file = file.map_err(|e| e.to_string())?;
    assert_eq!(&header.expect("what can be opened has a header"), file.header());
    let count = file.header().count;
    let images = (0..count.min(ENOUGH)).map(|i| file.image(i)).collect::<Result<Vec<_>, _>>();
    let images = images.map_err(|e| e.to_string())?;
    assert!(images.iter().all(|image| image.geometry() == file.header().geometry));
    Ok(images)
}

/// The same in a thread of its own. The outer error is a finding: a panic or a hang.
fn watched(path: &Path, opener: Opener) -> Result<Result<Vec<Image>, String>, String> {
    let bytes = std::fs::read(path).unwrap();
    let (send, receive) = channel();
    std::thread::spawn(move || send.send(images(&bytes, opener)));
    receive.recv_timeout(PATIENCE).map_err(|error| match error {
        RecvTimeoutError::Timeout => format!("{} hangs", path.display()),
        // Its words are above.
        RecvTimeoutError::Disconnected => format!("{} panics", path.display()),
    })
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
fn preflight(folder: &Path, name: &str, opener: Opener) {
    let mut refused: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let (mut decoded, mut frames, mut findings) = (0, 0, Vec::new());
    let all = files(folder);
    for path in &all {
        match watched(path, opener) {
            Ok(Ok(images)) => (decoded, frames) = (decoded + 1, frames + images.len()),
            Ok(Err(words)) => {
                assert!(!words.contains('\n') && words.len() < 300, "{}: {words}", path.display());
                let example = path.file_name().unwrap().to_string_lossy().into_owned();
                refused.entry(reason(&words)).or_insert((0, example)).0 += 1;
            }
            Err(finding) => findings.push(finding),
        }
    }
    println!("\n| {name} | files | such as |\n|---|---:|---|");
    println!("| tried | {} | |\n| decoded ({frames} images) | {decoded} | |", all.len());
    for (reason, (count, example)) in refused {
        println!("| {reason} | {count} | `{example}` |");
    }
    assert!(findings.is_empty(), "{findings:#?}");
    assert!(decoded > 0, "{} holds nothing that can be read", folder.display());
    if let Some(most) = memory() {
        println!("\nMost memory of the process so far: {} MB.", most / 1000);
        assert!(most < MEMORY, "{most} kB");
    }
}

/// Every group is one picture in several forms; a form that is not in the corpus is passed over. All are held against
/// their group's first.
fn compare(folder: &Path, groups: &[&[&str]], opener: Opener) {
    let all = files(folder);
    let find = |name: &&str| all.iter().find(|path| path.file_name().is_some_and(|file| file.to_str() == Some(name)));
    let read = |path| watched(path, opener).unwrap().unwrap_or_else(|words| panic!("{}: {words}", path.display()));
    let mut compared = 0;
    for group in groups {
        let mut there = group.iter().filter_map(find);
        let Some(first) = there.next() else { continue };
        let expected = read(first);
        for other in there {
            assert!(read(other) == expected, "{} is not {}", other.display(), first.display());
            compared += 1;
        }
    }
    println!("\n{compared} files have the pixels of the same picture in another form.");
}

/// Encrypts a folder, writes the set back into copies of its files, and holds every copy against its original.
fn come_back(folder: &Path, name: &str, same: impl Fn(&Path, &Path)) {
    let out = tempfile::tempdir().unwrap();
    let (set, copies) = (out.path().join("set"), out.path().join("copies"));
    let key = || Key::from_bytes([42; 32]).into();
    let request = EncryptRequest {
        input: folder.into(),
        output: set.clone(),
        secret: key(),
        scheme: Preset::Keystream.scheme(Options::default()).unwrap(),
        options: EncryptOptions::default(),
    };
    let encrypted = EncryptRun::new(request, Device::cpu()).run().unwrap();
    let request = WriteBackRequest {
        input: set,
        originals: folder.into(),
        output: copies.clone(),
        secret: key(),
        names: None,
        keep_uids: false,
        private: false,
        memory: Memory::default(),
    };
    let back = WriteBackRun::new(request).run().unwrap();
    let written = files(&copies);
    for copy in &written {
        same(copy, &folder.join(copy.strip_prefix(&copies).unwrap()));
    }
    println!(
        "\n{name}: {} images encrypted, {} of them written back into {} files.",
        encrypted.images,
        back.images,
        written.len()
    );
    for failure in &back.failed {
        println!("- {}: {}", failure.path, failure.reason);
    }
    assert!(!written.is_empty());
    assert_eq!(encrypted.images, back.images + back.failed.len());
}

/// The folder that a variable names; without one the test is not run, and says so.
fn corpus(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        common::say_skipped(&format!("others' files: {variable} names no folder (tests/corpora fetches them)"));
    }
    folder
}

fn automatic() -> ReadOptions {
    ReadOptions { window: Some(Window::Auto), ..ReadOptions::default() }
}

fn dicom_of(bytes: &[u8], options: &ReadOptions) -> Opened {
    (dicom::header(bytes, options), dicom::open(bytes.to_vec(), options))
}

fn nifti_of(bytes: &[u8], options: &ReadOptions) -> Opened {
    (nifti::header(Cursor::new(bytes), options), nifti::open(bytes.to_vec(), options))
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

/// Pillow's test pictures (its source archive holds them), one picture without loss in several forms.
const PICTURE_TWINS: &[&[&str]] = &[
    &[
        "hopper.png",
        "hopper.bmp",
        "hopper.iccprofile.tif",
        "hopper.iccprofile_binary.tif",
        "hopper.tif",
        "hopper_8bit.ppm",
        "hopper_8bit_plain.ppm",
        "hopper_bigtiff.tif",
        "hopper_float_dpi_2.tif",
        "hopper_idat_after_image_end.png",
        "hopper_lzw.tif",
    ],
    &["hopper_8bit.pgm", "hopper_8bit_plain.pgm"],
    &["hopper_1bit.pbm", "hopper_1bit_plain.pbm"],
    &["hopper_webp_bits.ppm", "hopper.webp"],
    &["hopper_bw_500.png", "hopper_g4_500.tif"],
    &["16bit.cropped.tif", "16bit.deflate.tif"],
    &["tiff_16bit_RGB.tiff", "tiff_strip_planar_16bit_RGB.tiff"],
    &["tiff_adobe_deflate.png", "tiff_adobe_deflate.tif", "tiff_strip_raw.tif", "tiff_tiled_raw.tif"],
    &["pal1.png", "pal1.bmp"],
    &["pal4.png", "pal4.bmp"],
    &["pal8.bmp", "pal8-0.bmp", "pal8os2.bmp", "pal8rle.bmp", "pal8topdown.bmp", "pal8v4.bmp", "pal8v5.bmp"],
    &["rgb16-565.bmp", "rgb16-565pal.bmp"],
    &["rgb24.png", "rgb24.bmp", "rgb24largepal.bmp", "rgb24pal.bmp", "rgb32.bmp"],
];

#[test]
fn dicom() {
    let Some(folder) = corpus("IMGVEIL_CORPUS_DICOM") else { return };
    preflight(&folder, "DICOM, full depth", |bytes| dicom_of(bytes, &ReadOptions::default()));
    preflight(&folder, "DICOM, `--window auto`", |bytes| dicom_of(bytes, &automatic()));
    let stored: Opener = |bytes| dicom_of(bytes, &ReadOptions::default());
    compare(&folder, DICOM_TWINS, stored);
    come_back(&folder, "DICOM", |copy, original| {
        let read = |path| watched(path, stored).unwrap().unwrap_or_else(|words| panic!("{}: {words}", path.display()));
        assert!(read(copy) == read(original), "{}", original.display());
    });
}

#[test]
fn nifti() {
    let Some(folder) = corpus("IMGVEIL_CORPUS_NIFTI") else { return };
    preflight(&folder, "NIfTI, full depth", |bytes| nifti_of(bytes, &ReadOptions::default()));
    preflight(&folder, "NIfTI, `--window auto --axis x`", |bytes| {
        nifti_of(bytes, &ReadOptions { axis: Axis::X, ..automatic() })
    });
    come_back(&folder, "NIfTI", |copy, original| {
        // Another compressor may have written the original.
        let bytes = |path: &Path| {
            let packed = std::fs::read(path).unwrap();
            let mut whole = Vec::new();
            match flate2::bufread::MultiGzDecoder::new(&packed[..]).read_to_end(&mut whole) {
                Ok(_) => whole,
                Err(_) => packed,
            }
        };
        // A few DICOM objects lie among the volumes.
        let volume = nifti_of(&bytes(original), &ReadOptions::default()).0.is_ok();
        assert!(!volume || bytes(copy) == bytes(original), "{}", original.display());
    });
}

#[test]
fn pictures() {
    let Some(folder) = corpus("IMGVEIL_CORPUS_PICTURES") else { return };
    let opener: Opener = |bytes| (picture::header(Cursor::new(bytes)), picture::open(bytes.to_vec()));
    preflight(&folder, "pictures", opener);
    compare(&folder, PICTURE_TWINS, opener);
}
