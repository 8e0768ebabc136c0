//! Volumes made here, compared with pixels computed by very simple code.

use super::*;
use crate::format::window::linear;
use crate::format::{Axis, Window};
use flate2::write::GzEncoder;
use imgveil::internal::image::{Geometry, Image};
use proptest::prelude::*;
use std::io::Write;

/// What a test file is made of.
#[derive(Clone, Debug)]
struct Made {
    second: bool,
    big_endian: bool,
    dim: [i64; 8],
    kind: (i64, i64),
    scale: (f64, f64),
    shown: (f64, f64),
}

impl Made {
    fn new(dim: [i64; 8], kind: (i64, i64)) -> Self {
        Self { second: false, big_endian: false, dim, kind, scale: (0.0, 0.0), shown: (0.0, 0.0) }
    }

    fn file(&self, voxels: &[u8]) -> Vec<u8> {
        let length = if self.second { 540 } else { 348 };
        let mut file = vec![0; length + 4];
        let mut put = |at: usize, digits: &[u8]| {
            let place = &mut file[at..at + digits.len()];
            place.copy_from_slice(digits);
            if self.big_endian {
                place.reverse();
            }
        };
        put(0, &(length as u32).to_le_bytes());
        let (kind, bits) = (self.kind.0 as u16, self.kind.1 as u16);
        if self.second {
            put(12, &kind.to_le_bytes());
            put(14, &bits.to_le_bytes());
            (0..8).for_each(|i| put(16 + 8 * i, &self.dim[i].to_le_bytes()));
            put(168, &(length as u64 + 4).to_le_bytes());
            let doubles = [self.scale.0, self.scale.1, self.shown.1, self.shown.0];
            (0..4).for_each(|i| put(176 + 8 * i, &doubles[i].to_le_bytes()));
            file[4..12].copy_from_slice(b"n+2\0\r\n\x1a\n");
        } else {
            (0..8).for_each(|i| put(40 + 2 * i, &(self.dim[i] as i16).to_le_bytes()));
            put(70, &kind.to_le_bytes());
            put(72, &bits.to_le_bytes());
            let floats =
                [(108, 352.0), (112, self.scale.0), (116, self.scale.1), (124, self.shown.1), (128, self.shown.0)];
            floats.iter().for_each(|&(at, value)| put(at, &(value as f32).to_le_bytes()));
            file[344..348].copy_from_slice(b"n+1\0");
        }
        file.extend_from_slice(voxels);
        file
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn along(axis: Axis) -> ReadOptions {
    ReadOptions { axis, ..ReadOptions::default() }
}

fn windowed(window: Window) -> ReadOptions {
    ReadOptions { window: Some(window), ..ReadOptions::default() }
}

fn slices(file: &[u8], reading: &ReadOptions) -> Vec<Image> {
    let stack = open(file.to_vec(), reading).unwrap();
    assert_eq!(&header(Cursor::new(file), reading).unwrap(), stack.header());
    (0..stack.header().count).map(|i| stack.image(i).unwrap()).collect()
}

fn refused(file: &[u8]) -> String {
    let error = open(file.to_vec(), &ReadOptions::default()).map(|_| ()).unwrap_err().to_string();
    let again = header(Cursor::new(file), &ReadOptions::default()).map_or_else(|e| e.to_string(), |_| error.clone());
    assert_eq!(again, error);
    error
}

proptest! {
    /// Compares with the definition: voxel (x, y, z) of volume t is number ((t * nz + z) * ny + y) * nx + x.
    #[test]
    fn every_axis_finds_every_voxel(
        (nx, ny, nz, nt) in (1i64..5, 1i64..5, 1i64..5, 1i64..4),
        (second, big_endian, packed) in any::<(bool, bool, bool)>(),
    ) {
        let made = Made { second, big_endian, ..Made::new([4, nx, ny, nz, nt, 1, 1, 1], (512, 16)) };
        let voxels: Vec<u16> = (0..(nx * ny * nz * nt) as u16).map(|i| i * 331).collect();
        let order = |v: &u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let mut file = made.file(&voxels.iter().flat_map(order).collect::<Vec<u8>>());
        if packed {
            file = gzip(&file);
        }
        for axis in [Axis::X, Axis::Y, Axis::Z] {
            let images = slices(&file, &along(axis));
            let (count, rows, columns) = match axis {
                Axis::X => (nx, nz, ny),
                Axis::Y => (ny, nz, nx),
                Axis::Z => (nz, ny, nx),
            };
            prop_assert_eq!(images.len() as i64, count * nt);
            for (number, image) in images.iter().enumerate() {
                let (t, slice) = (number as i64 / count, number as i64 % count);
                let mut plain = Vec::new();
                for row in 0..rows {
                    for column in 0..columns {
                        let (x, y, z) = match axis {
                            Axis::X => (slice, column, row),
                            Axis::Y => (column, slice, row),
                            Axis::Z => (column, row, slice),
                        };
                        plain.extend(voxels[(((t * nz + z) * ny + y) * nx + x) as usize].to_le_bytes());
                    }
                }
                prop_assert_eq!(image.samples(), plain);
            }
        }
    }
}

#[test]
fn integers_are_shifted_and_wider_values_are_spread() {
    let image = |kind: (i64, i64), voxels: &[u8]| {
        let count = 8 * voxels.len() as i64 / kind.1;
        slices(&Made::new([2, count, 1, 0, 0, 0, 0, 0], kind).file(voxels), &ReadOptions::default()).remove(0)
    };
    let (int8, int16, int32, float32, float64) = ((256, 8), (4, 16), (8, 32), (16, 32), (64, 64));
    assert_eq!(image(int8, &[0x80, 0xff, 0, 0x7f]).samples(), [0, 127, 128, 255]);
    let shorts: Vec<u8> = [i16::MIN, -1, 0, i16::MAX].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(image(int16, &shorts).samples(), [0, 0, 0xff, 0x7f, 0, 0x80, 0xff, 0xff]);
    let grey = |image: Image| -> Vec<u16> {
        image.samples().chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
    };
    let floats = [-1.0f32, 0.0, 1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let bytes: Vec<u8> = floats.iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(grey(image(float32, &bytes)), [0, 32_768, 65_535, 0, 65_535, 0]);
    let doubles: Vec<u8> = [f64::MIN, f64::MAX].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(grey(image(float64, &doubles)), [0, 65_535]);
    let longs: Vec<u8> = [-70_000i32, 0, 70_000].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(grey(image(int32, &longs)), [0, 32_768, 65_535]);
    assert_eq!(grey(image(float32, &5f32.to_le_bytes())), [0]);
}

#[test]
fn windows_take_the_units_of_the_header() {
    let mut made = Made::new([3, 4, 1, 1, 0, 0, 0, 0], (512, 16));
    made.scale = (2.0, -1024.0);
    let voxels: Vec<u8> = [0u16, 492, 532, 5000].iter().flat_map(|v| v.to_le_bytes()).collect();
    let samples = |made: &Made, window| slices(&made.file(&voxels), &windowed(window)).remove(0).into_samples();
    // -1024, -40, 40 and 8976 in Hounsfield units.
    let expected: Vec<u8> = [-1024.0, -40.0, 40.0, 8976.0].map(|v| linear(40.0, 400.0, v)).to_vec();
    assert_eq!(samples(&made, Window::Linear { centre: 40.0, width: 400.0 }), expected);
    assert_eq!(samples(&made, Window::Auto), [0, 25, 27, 255]);
    made.shown = (-40.0, 40.0);
    assert_eq!(samples(&made, Window::Auto), [0, 0, 255, 255]);
    let colour = Made::new([3, 2, 1, 1, 0, 0, 0, 0], (128, 24)).file(&[1, 2, 3, 4, 5, 6]);
    let image = slices(&colour, &windowed(Window::Auto)).remove(0);
    assert_eq!((image.geometry(), image.samples()), (Geometry::new(1, 2, 3).unwrap(), &[1, 2, 3, 4, 5, 6][..]));
}

#[test]
fn every_truncation_is_an_error() {
    let made = Made::new([3, 7, 5, 3, 0, 0, 0, 0], (4, 16));
    let file = made.file(&(0..210).map(|i| (i * 37) as u8).collect::<Vec<u8>>());
    for whole in [gzip(&file), file] {
        let reading = ReadOptions::default();
        assert_eq!(slices(&whole, &reading).len(), 3);
        for length in 0..whole.len() {
            assert!(open(whole[..length].to_vec(), &reading).is_err(), "cut to {length} of {}", whole.len());
        }
    }
}

#[test]
fn headers_that_lie_or_are_not_supported_are_refused() {
    let made = |dim, kind| Made::new(dim, kind).file(&[0; 16]);
    let lie = made([3, 30_000, 30_000, 30_000, 0, 0, 0, 0], (16, 32));
    assert!(refused(&lie).contains("promises 108000000000352 bytes, and the file has only 368"));
    assert!(refused(&gzip(&lie)).contains("compressed"));
    let mut huge = Made::new([7, i64::MAX, i64::MAX, i64::MAX, i64::MAX, 2, 2, 2], (64, 64));
    huge.second = true;
    assert!(refused(&huge.file(&[])).contains("promises"));
    assert!(refused(&made([0, 1, 1, 1, 1, 1, 1, 1], (2, 8))).contains("0 axes"));
    assert!(refused(&made([3, 1, -1, 1, 0, 0, 0, 0], (2, 8))).contains("-1 voxels"));
    assert!(refused(&made([3, 1, 1, 1, 0, 0, 0, 0], (2, 16))).contains("8 bits a voxel"));
    assert!(refused(&made([3, 1, 1, 1, 0, 0, 0, 0], (32, 64))).contains("complex"));
    assert!(refused(&made([3, 1, 1, 1, 0, 0, 0, 0], (3, 8))).contains("no NIfTI data type"));
    let mut pair = made([3, 1, 1, 1, 0, 0, 0, 0], (2, 8));
    pair[344..348].copy_from_slice(b"ni1\0");
    assert!(refused(&pair).contains(".img"));
    pair[344..348].fill(0);
    assert!(refused(&pair).contains("no image"));
    assert!(refused(b"PNG").contains("no image"));
    assert!(refused(&gzip(b"something else")).contains("no image"));
    let mut inside = made([3, 1, 1, 1, 0, 0, 0, 0], (2, 8));
    inside[108..112].copy_from_slice(&100f32.to_le_bytes());
    assert!(refused(&inside).contains("inside of its header"));
    inside[108..112].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(refused(&inside).contains("NaN"));
}

#[test]
fn names_are_known_in_any_case() {
    for name in ["a.nii", "b/A.NII.GZ"] {
        assert!(is_nifti_name(Path::new(name)));
    }
    assert!(!is_nifti_name(Path::new("a.nii.lut")) && !is_nifti_name(Path::new("a.gz")));
}

#[test]
fn what_other_readers_overlook_is_overlooked() {
    let voxels: Vec<u8> = (0..12).collect();
    let made = |bits| Made::new([3, 3, 2, 1, 1, 1, 1, 1], (4, bits)).file(&voxels);
    let expected = slices(&made(16), &ReadOptions::default());
    // No bits of a voxel, and no place of the first one.
    assert_eq!(slices(&made(0), &ReadOptions::default()), expected);
    let mut nowhere = made(16);
    nowhere[108..112].fill(0);
    assert_eq!(slices(&nowhere, &ReadOptions::default()), expected);
    assert!(refused(&made(8)).contains("its header says 8"));
    // Zeros behind a member, and between two.
    let packed = gzip(&made(16));
    let zeros = [0; 9000];
    assert_eq!(slices(&[packed.as_slice(), &zeros].concat(), &ReadOptions::default()), expected);
    let (first, second) = (gzip(&made(16)[..355]), gzip(&made(16)[355..]));
    assert_eq!(slices(&[&first[..], &zeros, &second, &zeros].concat(), &ReadOptions::default()), expected);
    let garbage = open([packed.as_slice(), b"garbage"].concat(), &ReadOptions::default()).map(|_| ());
    assert!(matches!(garbage, Err(ReadErrorKind::Damaged(_))));
}

#[test]
fn a_range_of_values_is_the_same_in_every_file() {
    let reading = ReadOptions { range: Some((-10.0, 90.0)), ..ReadOptions::default() };
    let words = |file: &[u8]| -> Vec<u16> {
        let image = slices(file, &reading).remove(0);
        image.samples().as_chunks().0.iter().map(|word| u16::from_le_bytes(*word)).collect()
    };
    let floats: Vec<u8> = [40.0f32, -10.0, f32::NAN, 500.0].iter().flat_map(|f| f.to_le_bytes()).collect();
    let floats = Made::new([2, 2, 2, 1, 1, 1, 1, 1], (16, 32)).file(&floats);
    assert_eq!(words(&floats), [32_768, 0, 0, 65_535]);
    // 8 bits with a slope of 2 and an intercept of -10.
    let bytes = Made { scale: (2.0, -10.0), ..Made::new([2, 2, 2, 1, 1, 1, 1, 1], (2, 8)) }.file(&[25, 0, 50, 255]);
    assert_eq!(words(&bytes), [32_768, 0, 65_535, 65_535]);
    assert_eq!(extremes(bytes, Memory::default()).unwrap(), Some((-10.0, 500.0)));
    assert_eq!(extremes(floats.clone(), Memory::default()).unwrap(), Some((-10.0, 500.0)));
    assert!(is_wide(Cursor::new(floats)).unwrap());
}

proptest! {
    #[test]
    fn copies_of_volumes_are_their_originals(
        kind in prop::sample::select(vec![(2i64, 8i64), (256, 8), (4, 16), (512, 16), (128, 24)]),
        (x, y, z, more) in (1i64..6, 1i64..6, 1i64..6, 1i64..3),
        axis in prop::sample::select(vec![Axis::X, Axis::Y, Axis::Z]),
        (second, big_endian, packed) in any::<(bool, bool, bool)>(),
        noise in prop::collection::vec(any::<u8>(), 64),
    ) {
        use crate::format::write_back::{CopyOptions, NotWrittenBack};
        let made = Made { second, big_endian, scale: (2.0, -5.0), ..Made::new([4, x, y, z, more, 1, 1, 1], kind) };
        let length = (x * y * z * more * kind.1 / 8) as usize;
        let voxels: Vec<u8> = noise.into_iter().cycle().take(length).collect();
        let whole = made.file(&voxels);
        let pack = |bytes: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let file = if packed { pack(&whole) } else { whole };
        let opened = open(file.clone(), &ReadOptions { axis, ..ReadOptions::default() }).unwrap();
        let mut images: Vec<Image> = (0..opened.header().count).map(|i| opened.image(i).unwrap()).collect();
        let options = CopyOptions { new_uid: None, axis, rescales: &[], range: None, memory: Memory::default() };
        prop_assert!(written_back(file.clone(), &images, &options).unwrap() == file);
        let last = images.pop().unwrap();
        let other: Vec<u8> = last.samples().iter().map(|sample| sample ^ 1).collect();
        images.push(Image::new(last.geometry(), other).unwrap());
        let refused = written_back(file, &images, &options).unwrap_err();
        let is_last = matches!(refused, NotWrittenBack::OtherPixels(number) if number + 1 == images.len());
        prop_assert!(is_last, "{}", refused);
    }
}

#[test]
fn values_follow_from_samples() {
    let stated = |kind: (i64, i64), voxels: &[u8], range: Option<(f64, f64)>| {
        let file = Made { scale: (0.25, -5.0), ..Made::new([3, 2, 1, 1, 1, 1, 1, 1], kind) }.file(voxels);
        let opened = open(file, &ReadOptions { range, ..ReadOptions::default() }).unwrap();
        let image = opened.image(0).unwrap();
        let samples: Vec<f64> = match image.geometry().depth().bytes() {
            1 => image.samples().iter().map(|&sample| sample.into()).collect(),
            _ => image.samples().as_chunks().0.iter().map(|word| u16::from_le_bytes(*word).into()).collect(),
        };
        let rescale = opened.header().rescales.of(0)?;
        Some(samples.iter().map(|sample| rescale.slope * sample + rescale.offset).collect::<Vec<f64>>())
    };
    assert_eq!(stated((2, 8), &[0, 255], None).unwrap(), [-5.0, 58.75]);
    assert_eq!(stated((256, 8), &[0x80, 0x7f], None).unwrap(), [-37.0, 26.75]);
    assert_eq!(stated((512, 16), &[0, 0, 0xff, 0xff], None).unwrap(), [-5.0, 16378.75]);
    assert_eq!(stated((4, 16), &[0, 0x80, 0xff, 0x7f], None).unwrap(), [-8197.0, 8186.75]);
    let floats: Vec<u8> = [400f32, 2000.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(stated((16, 32), &floats, None), None);
    // 95 and 495 in steps of 1 / 65.535.
    let near = stated((16, 32), &floats, Some((0.0, 1000.0))).unwrap();
    assert!((near[0] - 95.0).abs() < 0.01 && (near[1] - 495.0).abs() < 0.01, "{near:?}");
    assert_eq!(stated((128, 24), &[1, 2, 3, 4, 5, 6], None), None);
}

#[test]
fn a_volume_comes_back_by_the_scale_that_the_set_states() {
    use crate::format::write_back::{CopyOptions, NotWrittenBack};
    let file = Made::new([3, 1, 2, 1, 1, 1, 1, 1], (4, 16)).file(&[0x18, 0xfc, 0x28, 0x23]);
    let back = |read: Option<(f64, f64)>, of_originals: Option<(f64, f64)>| {
        let read = ReadOptions { range: read, ..ReadOptions::default() };
        let opened = open(file.clone(), &read).unwrap();
        let images = [opened.image(0).unwrap()];
        let rescales = [opened.header().rescales.of(0)];
        let memory = Memory::default();
        let options = CopyOptions { new_uid: None, axis: Axis::Z, rescales: &rescales, range: of_originals, memory };
        written_back(file.clone(), &images, &options)
    };
    // Read as it is stored, or in a range, whatever the volumes beside it are now.
    for read in [None, Some((-1000.0, 9000.0)), Some((-1000.3, 9000.7))] {
        for of_originals in [None, Some((-1000.0, 9000.0)), Some((-5000.0, 9000.0))] {
            assert_eq!(back(read, of_originals).unwrap(), file, "{read:?} {of_originals:?}");
        }
    }
    assert!(matches!(back(Some((-1000.0, 1e6)), None), Err(NotWrittenBack::Rounded)));
    // The same voxels under another slope are another file.
    let other = Made { scale: (2.0, 0.0), ..Made::new([3, 1, 2, 1, 1, 1, 1, 1], (4, 16)) };
    let opened = open(file.clone(), &ReadOptions::default()).unwrap();
    let (images, rescales) = ([opened.image(0).unwrap()], [opened.header().rescales.of(0)]);
    let options =
        CopyOptions { new_uid: None, axis: Axis::Z, rescales: &rescales, range: None, memory: Memory::default() };
    let refused = written_back(other.file(&[0x18, 0xfc, 0x28, 0x23]), &images, &options);
    assert!(matches!(refused, Err(NotWrittenBack::OtherPixels(0))), "{refused:?}");
}

#[test]
fn floats_are_not_written_back() {
    use crate::format::write_back::CopyOptions;
    let file = Made::new([3, 1, 2, 1, 1, 1, 1, 1], (16, 32)).file(&[0; 8]);
    let options = CopyOptions { new_uid: None, axis: Axis::Z, rescales: &[], range: None, memory: Memory::default() };
    let refused = written_back(file, &[], &options).unwrap_err().to_string();
    assert_eq!(refused, "holds values that were rounded to samples of 16 bits when they were encrypted");
}

#[test]
fn values_in_a_range_are_written_back_if_samples_tell_them() {
    use crate::format::write_back::{CopyOptions, NotWrittenBack};
    let floats = |values: [f32; 2]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let back = |kind: (i64, i64), voxels: &[u8], range: (f64, f64), other: Option<(f64, f64)>| {
        let file = Made { scale: (2.0, -5.0), ..Made::new([3, 1, 2, 1, 1, 1, 1, 1], kind) }.file(voxels);
        let read = ReadOptions { range: Some(range), ..ReadOptions::default() };
        let images = [open(file.clone(), &read).unwrap().image(0).unwrap()];
        let range = Some(other.unwrap_or(range));
        let options = CopyOptions { new_uid: None, axis: Axis::Z, rescales: &[], range, memory: Memory::default() };
        written_back(file.clone(), &images, &options).map(|copy| assert!(copy == file))
    };
    let words = |values: [i16; 2]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    // Voxels go in steps of 2 units, and there are 65,535 steps between samples.
    back((2, 8), &[0, 255], (-3000.0, 128_000.0), None).unwrap();
    back((4, 16), &words([-1000, 30_000]), (-3000.0, 128_000.0), None).unwrap();
    back((16, 32), &floats([-1000.0, 30_000.0]), (-3000.0, 128_000.0), None).unwrap();
    for (kind, voxels, range) in [
        ((4, 16), words([1, 2]), (0.0, 1e6)),
        ((16, 32), floats([0.5, 2.0]), (-5.0, 100.0)),
        ((16, 32), floats([f32::NAN, 2.0]), (-5.0, 100.0)),
    ] {
        assert!(matches!(back(kind, &voxels, range, None), Err(NotWrittenBack::Rounded)));
    }
    let refused = back((2, 8), &[7, 255], (-5.0, 505.0), Some((-5.0, 600.0)));
    assert!(matches!(refused, Err(NotWrittenBack::OtherRange(0))), "{refused:?}");
}
