//! Sets of DICOM objects and volumes: encrypted, and written back into copies of their files.

use imgveil::internal::engine::Device;
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Options, Preset};
use imgveil_data::format::{Axis, Channels, ReadOptions};
use imgveil_data::job::{EncryptOptions, EncryptRequest, EncryptRun, Summary, WriteBackRequest, WriteBackRun};
use imgveil_data::set::Resize;
use imgveil_data::{Encoding, Manifest, Memory};
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

fn key() -> Key {
    Key::from_bytes([42; 32])
}

/// A grey DICOM object of 12 bits in words of 16, signed, with these words.
fn object(uid: &str, frames: usize, words: &[u16]) -> Vec<u8> {
    let element = |group: u16, number: u16, kind: &[u8; 2], value: &[u8]| {
        let head = [group.to_le_bytes(), number.to_le_bytes()].concat();
        let length = (value.len() as u16).to_le_bytes();
        [head.as_slice(), kind, &length, value].concat()
    };
    let number = |place: u16, value: u16| element(0x28, place, b"US", &value.to_le_bytes());
    let padded = |text: &str, with: char| if text.len() % 2 == 1 { format!("{text}{with}") } else { text.to_owned() };
    let pixels: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    [
        vec![0; 128],
        b"DICM".to_vec(),
        element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1\0"),
        element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
        element(8, 0x18, b"UI", padded(uid, '\0').as_bytes()),
        element(0x10, 0x10, b"PN", b"Doe^Jane"),
        number(2, 1),
        element(0x28, 4, b"CS", b"MONOCHROME2 "),
        element(0x28, 8, b"IS", padded(&frames.to_string(), ' ').as_bytes()),
        number(0x10, 2),
        number(0x11, (words.len() / frames / 2) as u16),
        number(0x100, 16),
        number(0x101, 12),
        number(0x102, 11),
        number(0x103, 1),
        [&[0xe0, 0x7f, 0x10, 0, b'O', b'W', 0, 0][..], &(pixels.len() as u32).to_le_bytes(), &pixels].concat(),
    ]
    .concat()
}

/// A volume of 2x2x2 voxels of 16 bits, signed.
fn volume() -> Vec<u8> {
    let mut file = vec![0; 352];
    let mut put = |at: usize, value: u16| file[at..at + 2].copy_from_slice(&value.to_le_bytes());
    put(0, 348);
    (0..4).for_each(|axis| put(40 + 2 * axis, [3, 2, 2, 2][axis]));
    put(70, 4);
    put(72, 16);
    file[108..112].copy_from_slice(&352f32.to_le_bytes());
    file[344..348].copy_from_slice(b"n+1\0");
    (0..8i16).for_each(|value| file.extend((value * 1000 - 4000).to_le_bytes()));
    file
}

/// A set of two objects, one of two frames, a volume and a picture.
struct Scans {
    folder: tempfile::TempDir,
}

impl Scans {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scans = Self { folder };
        fs::create_dir_all(scans.path("in/ct")).unwrap();
        fs::write(scans.path("in/ct/one.dcm"), object("1.2.77.1", 1, &[0, 0xfff, 0x800, 0x7ff])).unwrap();
        fs::write(scans.path("in/ct/two.dcm"), object("1.2.2", 2, &[1, 2, 3, 4, 0xff5, 6, 7, 8])).unwrap();
        fs::write(scans.path("in/ct/brain.nii"), volume()).unwrap();
        scans
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn encrypt(&self, read: ReadOptions) {
        self.encrypt_with(Preset::Keystream, EncryptOptions { read, ..EncryptOptions::default() });
    }

    fn encrypt_with(&self, preset: Preset, options: EncryptOptions) {
        let request = EncryptRequest {
            input: self.path("in"),
            output: self.path("set"),
            secret: key().into(),
            scheme: preset.scheme(Options::default()).unwrap(),
            options,
        };
        EncryptRun::new(request, Device::cpu()).run().unwrap();
    }

    fn request(&self, originals: &str, output: &str) -> WriteBackRequest {
        WriteBackRequest {
            input: self.path("set"),
            originals: self.path(originals),
            output: self.path(output),
            secret: key().into(),
            names: None,
            keep_uids: false,
            private: false,
            memory: Memory::default(),
        }
    }

    fn write_back(&self, output: &str) -> Result<Summary, imgveil_data::Error> {
        WriteBackRun::new(self.request("in", output)).run()
    }
}

/// The words behind the header of the pixels.
fn words(path: &Path) -> Vec<u16> {
    let file = fs::read(path).unwrap();
    let head = [0xe0, 0x7f, 0x10, 0, b'O', b'W', 0, 0];
    let at = file.windows(8).position(|window| window == head).unwrap() + 12;
    file[at..].as_chunks().0.iter().map(|word| u16::from_le_bytes(*word)).collect()
}

fn reasons(summary: &Summary) -> Vec<String> {
    summary.failed.iter().map(|failure| format!("{} {}", failure.path, failure.reason)).collect()
}

#[test]
fn files_come_back_with_their_words() {
    let scans = Scans::new();
    scans.encrypt(ReadOptions::default());
    let summary = scans.write_back("back").unwrap();
    assert_eq!((summary.images, reasons(&summary)), (5, vec![]));
    assert_eq!(words(&scans.path("back/ct/one.dcm")), [0, 0xfff, 0x800, 0x7ff]);
    assert_eq!(words(&scans.path("back/ct/two.dcm")), [1, 2, 3, 4, 0xff5, 6, 7, 8]);
    assert_eq!(fs::read(scans.path("back/ct/brain.nii")).unwrap(), volume());
    let copy = fs::read(scans.path("back/ct/one.dcm")).unwrap();
    let has = |text: &str| copy.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("Doe^Jane") && has("2.25.") && !has("1.2.77.1"));
    // The same run writes the same bytes, and finds them.
    scans.write_back("back").unwrap();
    assert_eq!(fs::read(scans.path("back/ct/one.dcm")).unwrap(), copy);
    let kept = WriteBackRequest { keep_uids: true, ..scans.request("in", "kept") };
    WriteBackRun::new(kept).run().unwrap();
    let copy = fs::read(scans.path("kept/ct/one.dcm")).unwrap();
    assert!(copy.windows(8).any(|window| window == b"1.2.77.1"));
}

#[test]
fn files_that_are_not_those_of_the_set_are_set_aside() {
    let scans = Scans::new();
    scans.encrypt(ReadOptions::default());
    // Another patient's pixels, a frame more, and a volume that is gone.
    fs::write(scans.path("in/ct/one.dcm"), object("1.2.77.1", 1, &[0, 0xfff, 0x800, 0x7fe])).unwrap();
    fs::write(scans.path("in/ct/two.dcm"), object("1.2.2", 3, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])).unwrap();
    let summary = scans.write_back("back").unwrap();
    assert_eq!(summary.images, 2);
    let expected = [
        "ct/one.dcm is not the file that was encrypted: image 0 of it has other pixels",
        "ct/two.dcm only 2 of its 3 images are in the set",
    ];
    assert_eq!(reasons(&summary), expected);
    assert!(!scans.path("back/ct/one.dcm").exists() && !scans.path("back/ct/two.dcm").exists());
    fs::remove_file(scans.path("in/ct/brain.nii")).unwrap();
    let nothing = scans.write_back("none").unwrap_err().to_string();
    assert!(nothing.contains("none of the"), "{nothing}");
}

/// A volume of 2x2x2 floats.
fn floats(values: [f32; 8]) -> Vec<u8> {
    let mut file = volume();
    file.truncate(352);
    file[70..74].copy_from_slice(&[16, 0, 32, 0]);
    values.iter().for_each(|value| file.extend(value.to_le_bytes()));
    file
}

#[test]
fn volumes_come_back_when_others_beside_them_have_changed() {
    let scans = Scans::new();
    let whole = floats([-1000.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9000.0]);
    fs::write(scans.path("in/ct/floats.nii"), &whole).unwrap();
    fs::write(scans.path("in/ct/wider.nii"), floats([-5000.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 20_000.0])).unwrap();
    scans.encrypt(ReadOptions::default());
    fs::remove_file(scans.path("in/ct/wider.nii")).unwrap();
    let summary = scans.write_back("back").unwrap();
    // The image of the volume that is gone has no original.
    let expected = "has no original: there is no DICOM object or NIfTI volume of this name";
    assert_eq!(reasons(&summary).len(), 2);
    assert!(reasons(&summary).iter().all(|reason| reason.contains(expected)), "{:?}", reasons(&summary));
    assert_eq!(fs::read(scans.path("back/ct/floats.nii")).unwrap(), whole);
    assert_eq!(fs::read(scans.path("back/ct/brain.nii")).unwrap(), volume());
}

#[test]
fn another_scale_of_values_is_another_file() {
    let scans = Scans::new();
    scans.encrypt(ReadOptions::default());
    let path = scans.path("in/ct/one.dcm");
    // The same words with a slope of 2 behind the last element before the pixels.
    let mut file = fs::read(&path).unwrap();
    let at = file.len() - 8 - 12;
    file.splice(at..at, *b"\x28\x00\x53\x10DS\x02\x002 ");
    fs::write(&path, file).unwrap();
    let summary = scans.write_back("back").unwrap();
    let expected = "ct/one.dcm is not the file that was encrypted: in image 0 a value is 2 x sample - 4096, and it was \
                    1 x sample - 2048";
    assert_eq!(reasons(&summary), [expected]);
}

#[test]
fn nothing_of_others_is_replaced() {
    let scans = Scans::new();
    scans.encrypt(ReadOptions::default());
    fs::create_dir_all(scans.path("back/ct")).unwrap();
    fs::write(scans.path("back/ct/one.dcm"), "a file of somebody else").unwrap();
    let refused = scans.write_back("back").unwrap_err().to_string();
    assert!(refused.contains("one.dcm"), "{refused}");
    assert_eq!(fs::read(scans.path("back/ct/one.dcm")).unwrap(), b"a file of somebody else");
    let staged = |path: &Path| path.read_dir().unwrap().flatten().any(|e| e.file_name() != "ct");
    assert!(!staged(&scans.path("back")));
}

#[test]
fn what_was_not_encrypted_as_it_is_stored_is_refused() {
    let with = |read: ReadOptions| EncryptOptions { read, ..EncryptOptions::default() };
    let resized = |resize: Resize| EncryptOptions { resize, ..EncryptOptions::default() };
    let cases = [
        ("a window", with(ReadOptions { window: Some("0,4000".parse().unwrap()), ..ReadOptions::default() })),
        ("another size", resized(Resize { size: Some("4x4".parse().unwrap()), ..Resize::default() })),
        ("cropping", resized(Resize { crop: true, ..Resize::default() })),
        ("other channels", with(ReadOptions { channels: Some(Channels::Rgb), ..ReadOptions::default() })),
        ("copies", with(ReadOptions { copies: NonZeroU32::new(2), ..ReadOptions::default() })),
        ("black regions", with(ReadOptions { masks: vec!["0,0,1,1".parse().unwrap()], ..ReadOptions::default() })),
    ];
    let refused = |words: &str, scans: &Scans| {
        let refused = scans.write_back("back").unwrap_err();
        assert_eq!(refused.kind(), imgveil_data::ErrorKind::InvalidRequest, "{words}");
        assert!(refused.to_string().contains(words), "{refused}");
        assert!(!scans.path("back").exists(), "{words}");
    };
    for (words, options) in cases {
        let scans = Scans::new();
        scans.encrypt_with(Preset::Keystream, options);
        refused(words, &scans);
    }
    let scans = Scans::new();
    let file = scans.path("masks.csv");
    fs::write(&file, "name,x,y,width,height\nct/one,0,0,1,1\n").unwrap();
    scans.encrypt_with(Preset::Keystream, with(ReadOptions { mask_file: Some(file), ..ReadOptions::default() }));
    refused("black regions", &scans);

    let scans = Scans::new();
    fs::remove_dir_all(scans.path("in")).unwrap();
    fs::create_dir(scans.path("in")).unwrap();
    let mut bytes = volume()[..352].to_vec();
    bytes[70..74].copy_from_slice(&[2, 0, 8, 0]);
    fs::write(scans.path("in/bytes.nii"), [bytes.as_slice(), &[7; 8]].concat()).unwrap();
    let encoding = Some(Encoding::Jpeg { quality: 90 });
    scans.encrypt_with(Preset::None, EncryptOptions { encoding, ..EncryptOptions::default() });
    refused("JPEG", &scans);
}

/// Every axis, of images that are padded in the set.
#[test]
fn padding_and_the_axis_of_slices_are_undone() {
    for axis in [Axis::X, Axis::Y, Axis::Z] {
        let scans = Scans::new();
        let mut file = volume()[..352].to_vec();
        (1..4).for_each(|side| file[40 + 2 * side] = side as u8 + 1);
        (0..24i16).for_each(|value| file.extend((value * 100 - 900).to_le_bytes()));
        fs::write(scans.path("in/ct/brain.nii"), &file).unwrap();
        let resize = Resize { pad: true, ..Resize::default() };
        let read = ReadOptions { axis, ..ReadOptions::default() };
        scans.encrypt_with(Preset::ShuffleFlip, EncryptOptions { resize, read, ..EncryptOptions::default() });
        let summary = scans.write_back("back").unwrap();
        assert_eq!(reasons(&summary), [""; 0], "{axis}");
        assert_eq!(fs::read(scans.path("back/ct/brain.nii")).unwrap(), file, "{axis}");
        assert_eq!(words(&scans.path("back/ct/two.dcm")), [1, 2, 3, 4, 0xff5, 6, 7, 8]);
    }
}

#[test]
fn originals_are_not_written_over() {
    let scans = Scans::new();
    scans.encrypt(ReadOptions::default());
    for output in ["in", "in/ct/back"] {
        let refused = scans.write_back(output).unwrap_err();
        assert_eq!(refused.kind(), imgveil_data::ErrorKind::InvalidRequest, "{refused}");
    }
    assert_eq!(fs::read_dir(scans.path("in/ct")).unwrap().count(), 3);
}

#[cfg(unix)]
#[test]
fn copies_are_private_if_asked() {
    use std::os::unix::fs::PermissionsExt;
    let scans = Scans::new();
    scans.encrypt(ReadOptions::default());
    WriteBackRun::new(WriteBackRequest { private: true, ..scans.request("in", "back") }).run().unwrap();
    for name in ["one.dcm", "two.dcm", "brain.nii"] {
        let mode = fs::metadata(scans.path(&format!("back/ct/{name}"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A holder of the key changed what the manifest says of an image, and sealed it again.
#[test]
fn an_image_that_fails_its_check_is_set_aside_though_its_pixels_are_those_of_the_original() {
    let scans = Scans::new();
    scans.encrypt(ReadOptions::default());
    let path = scans.path("set/imgveil.json");
    let mut manifest = Manifest::parse(&fs::read(&path).unwrap()).unwrap();
    manifest.images.iter_mut().for_each(|entry| entry.plain = "0".repeat(32));
    manifest.seal_with(&key());
    fs::write(&path, manifest.to_text().unwrap()).unwrap();
    let refused = scans.write_back("back").unwrap_err().to_string();
    assert!(refused.contains("does not decrypt to the image that was encrypted"), "{refused}");
}
