//! Sets of images of several sizes and depths, and files of several images.

use crate::common;
use crate::common::crafted_files;
use crate::common::sandbox::*;
use crate::runs::{done, remove};

#[test]
fn images_of_every_size_and_depth_lie_in_one_folder_and_come_back_on_every_engine() {
    use imgveil::internal::engine::{Device, DeviceChoice};
    use imgveil::internal::image::{Geometry, Image};
    use imgveil::internal::key::Key;
    use imgveil::internal::scheme::{KeyScope, Options, Preset};
    use imgveil_data::job::{DecryptRequest, DecryptRun, EncryptRequest, EncryptRun, VerifyRequest, VerifyRun};
    use imgveil_data::set;
    let mut devices = vec![Device::open(&DeviceChoice::Cpu).unwrap()];
    let test = "images_of_every_size_and_depth_lie_in_one_folder_and_come_back_on_every_engine";
    match common::open_gpu() {
        Some(gpu) => devices.push(gpu),
        None => common::say_skipped(&format!("{test}: IMGVEIL_SKIP_GPU=1")),
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let sizes = ["8x8x1", "12x20x3", "16x8x1x16", "8x8x3x16", "64x40x1", "7x9x1", "1x1x3"];
    let image = |i: usize| {
        let geometry: Geometry = sizes[i * 5 % sizes.len()].parse().unwrap();
        let samples = (0..geometry.bytes()).map(|j| (j * 37 + i * 11 + ((j * j) >> 3)) as u8).collect();
        (format!("{}/{i:02}", i % 2), Image::new(geometry, samples).unwrap())
    };
    common::write_tree(&at("in"), (0..50).map(image));
    let block = Options { key_scope: Some(KeyScope::Block), scramble: true, ..Options::default() };
    let schemes = [
        Preset::None.scheme(Options::default()),
        Preset::ShuffleFlip.scheme(Options::default()),
        Preset::ShuffleFlip.scheme(block),
        Preset::Keystream.scheme(Options::default()),
    ];
    let secret: imgveil::internal::scheme::Secret = Key::from_bytes([3; 32]).into();
    for (number, scheme) in schemes.into_iter().enumerate() {
        let scheme = scheme.unwrap();
        let (encrypted, back) = (at(&format!("{number}-0")), at(&format!("{number}-back")));
        for (i, device) in devices.iter().enumerate() {
            let (input, output) = (at("in"), at(&format!("{number}-{i}")));
            let mut options = imgveil_data::job::EncryptOptions::default();
            options.resize.pad = true;
            options.salt = Some(imgveil::internal::sealed::Salt([7; 16]));
            let (secret, used) = (secret.clone(), scheme.clone());
            let request =
                EncryptRequest { input, output: output.clone(), secret: secret.clone(), scheme: used, options };
            assert_eq!(EncryptRun::new(request, device.clone()).run().unwrap().images, 50);
            assert!(common::tree(&output) == common::tree(&encrypted), "{scheme} on {}", device.name());
            let request =
                VerifyRequest { input: output, secret: Some(secret), spot_check: None, memory: Default::default() };
            let found = VerifyRun::new(request, device.clone()).run().unwrap();
            assert_eq!((found.checked, found.failed.len(), found.strangers.len()), (50, 0, 0));
        }
        for (i, device) in devices.iter().enumerate() {
            let names = Some(at(&format!("{number}-0.names.csv")));
            let options = imgveil_data::job::DecryptOptions { names, ..Default::default() };
            let output = back.with_extension(i.to_string());
            let (input, secret) = (encrypted.clone(), secret.clone());
            let request = DecryptRequest { input, output: output.clone(), secret, options };
            assert_eq!(DecryptRun::new(request, device.clone()).run().unwrap().images, 50);
            let (plain, back) = (set::open(&at("in")).unwrap().source, set::open(&output).unwrap().source);
            assert_eq!(plain.items(), back.items());
            for index in 0..50 {
                let name = &plain.items()[index].name;
                assert!(
                    plain.read(index).unwrap() == back.read(index).unwrap(),
                    "{scheme}: {name} on {}",
                    device.name()
                );
            }
        }
    }
}

#[test]
fn an_array_holds_images_of_one_size_and_says_so() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/train/a.png", "in/train/b.png"]);
    sandbox.picture("in/test/c.png", rgb(16, 8, 1));
    // Another split may have another size.
    done(&sandbox, "encrypt neutral -k k.key in good.npz");
    done(&sandbox, "encrypt neutral -k k.key --format npy in good");
    done(&sandbox, "decrypt -k k.key --names good.names.csv good back");
    assert_eq!(sandbox.pixels("back/test/c.png"), sandbox.pixels("in/test/c.png"));
    sandbox.picture("in/train/c.png", grey(8, 16, 1));
    for line in ["encrypt neutral -k k.key in out.npz", "encrypt neutral -k k.key --format npy in out"] {
        let words = "images differ: train/a is 8x8x1 (height x width x channels), train/c is 8x16x1; bring them to \
        one size with --resize HEIGHTxWIDTH, to one number of channels with --channels, and to one depth beforehand, \
        or write a folder of files";
        sandbox.refuses(line, USAGE, words);
    }
    done(&sandbox, "encrypt neutral -k k.key in tree");
    done(&sandbox, "encrypt neutral -k k.key --format webdataset in shards");
    done(&sandbox, "verify -k k.key shards");
}

#[test]
fn a_file_of_several_images_becomes_as_many_and_they_come_back() {
    let sandbox = Sandbox::new();
    let frame = |seed: u32| common::sandbox::samples(48, seed);
    let frames: Vec<Vec<u8>> = (0..3).map(frame).collect();
    sandbox.write("in/film.dcm", &crafted_files::dicom(8, 6, &frames, &[(0x0010_0010, b"PN", "Nobody")]));
    sandbox.write("in/pages.tif", &crafted_files::tiff(8, 6, &frames, "three pages"));
    let (x, y, z) = (8, 4, 12);
    let voxels = common::sandbox::samples(x * y * z, 9);
    let volume = crafted_files::nifti([x as u16, y as u16, z as u16], &voxels, "a volume");
    sandbox.write("in/volume.nii.gz", &crafted_files::gzip(&volume, "volume"));
    let at = |x_: u32, y_: u32, z_: u32| voxels[(x_ + x * (y_ + y * z_)) as usize];
    for (axis, count, height, width) in [("x", x, z, y), ("y", y, z, x), ("z", z, y, x)] {
        for (format, out) in [("", "out"), ("--format webdataset --per-shard 4", "out")] {
            done(&sandbox, &format!("encrypt neutral -k k.key --pad --axis {axis} {format} in {out}"));
            assert_eq!(sandbox.manifest("out")["images"].as_array().unwrap().len(), 6 + count as usize);
            done(&sandbox, "decrypt -k k.key --names out.names.csv out back");
            for (i, frame) in frames.iter().enumerate() {
                for name in ["film", "pages"] {
                    assert_eq!(sandbox.pixels(&format!("back/{name}/{i:05}.png")), (6, 8, frame.clone()), "{name} {i}");
                }
            }
            for i in 0..count {
                let pixels = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
                let pixel = |(row, column)| match axis {
                    "x" => at(i, column, row),
                    "y" => at(column, i, row),
                    _ => at(column, row, i),
                };
                let slice: Vec<u8> = pixels.map(pixel).collect();
                assert_eq!(sandbox.pixels(&format!("back/volume/{i:05}.png")), (height, width, slice), "{axis} {i}");
            }
            assert_eq!(sandbox.files("back").len(), 6 + count as usize);
            std::fs::remove_dir_all(sandbox.path("back")).unwrap();
            remove(&sandbox, "encrypt out");
        }
    }
    // A window changes the pixels of DICOM and NIfTI, and no others.
    done(&sandbox, "encrypt neutral -k k.key --pad --window 100,60 in out");
    done(&sandbox, "decrypt -k k.key --names out.names.csv out back");
    let windowed: Vec<u8> = frames[1].iter().map(|&v| imgveil_data::format::linear(100.0, 60.0, v.into())).collect();
    assert_eq!(sandbox.pixels("back/film/00001.png"), (6, 8, windowed));
    assert_eq!(sandbox.pixels("back/pages/00001.png"), (6, 8, frames[1].clone()));
    let slice: Vec<u8> = voxels[(x * y) as usize..][..(x * y) as usize].to_vec();
    let slice: Vec<u8> = slice.iter().map(|&v| imgveil_data::format::linear(100.0, 60.0, v.into())).collect();
    assert_eq!(sandbox.pixels("back/volume/00001.png"), (y, x, slice));
    assert_eq!(sandbox.run("encrypt neutral -k k.key --window 100,0 in no").code, USAGE);
    assert_eq!(sandbox.run("encrypt neutral -k k.key --axis w in no").code, USAGE);
    // A single file is a set.
    done(&sandbox, "encrypt neutral -k k.key --pad in/film.dcm film");
    assert_eq!(sandbox.manifest("film")["images"].as_array().unwrap().len(), 3);
}
