//! Small inputs for every fuzz target, made here: what the formats look like when nothing is wrong.

use image::{DynamicImage, ImageFormat};
use imgveil::internal::image::{Depth, Geometry, Image};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::{Options, PRESETS, Preset, Scheme, export};
use imgveil::internal::sealed::Salt;
use imgveil_data::format::npy;
use imgveil_data::format::picture::{encode_jpeg, encode_png};
use imgveil_data::job::journal::{Head, Record};
use imgveil_data::set::manifest::{FORMAT, PartitionRecord, SealedPart, TOOL, UNSEALED};
use imgveil_data::set::mixtures::{self, MixtureSplit};
use imgveil_data::set::{Encoding, Entry, Manifest, Split};
use imgveil_data::tables_file;
use std::collections::BTreeMap;
use std::io::{Cursor, Write};

/// The seeds of a target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "key_file" => vec![Key::from_bytes([7; 32]).to_text("2026-01-01T00:00:00Z").as_bytes().to_vec()],
        "manifest" => manifests().iter().map(|manifest| manifest.to_text().unwrap()).collect(),
        "journal" => vec![journal()],
        "part_name" => vec![b"imgveil.part-2-of-4.json".to_vec(), b"imgveil.part-65536-of-65536.json".to_vec()],
        "npz" => archives(),
        "npy" => arrays(),
        "tar" => shards(),
        "scheme_toml" => PRESETS.iter().filter(|preset| **preset != Preset::None).map(|p| toml(*p)).collect(),
        "tables" => tables(),
        "labels_csv" => vec![
            b"name,label\nimages/000000,0\nimages/000001,2\nimages/000002,1\n".to_vec(),
            b"path,class,split\nimages/000000.png,ill,train\n\"images/000002.png\",\"a, b\",test\n".to_vec(),
        ],
        "names_csv" => vec![b"id,name,class\n00,a/b.png,ill\n01,\"a, \"\"b\"\"\",\n".to_vec()],
        "dicom" => dicoms(),
        "nifti" => volumes(),
        "picture" => pictures(),
        _ => panic!("{target} has no seeds"),
    }
}

fn scheme(preset: Preset) -> Scheme {
    preset.scheme(Options::default()).unwrap()
}

fn samples(count: usize) -> Vec<u8> {
    (0..count as u32).map(|i| (i * 37 % 251) as u8).collect()
}

fn image(height: u32, width: u32, channels: u32, depth: Depth) -> Image {
    let geometry = Geometry::new(height, width, channels).unwrap().with_depth(depth);
    Image::new(geometry, samples(geometry.bytes())).unwrap()
}

fn manifest(scheme: Scheme, encoding: Encoding, images: Vec<Entry>) -> Manifest {
    let key = Key::from_bytes([7; 32]).fingerprint();
    let classes = vec!["healthy".into(), "ill".into()];
    Manifest {
        format: FORMAT,
        tool: TOOL.into(),
        scheme,
        key,
        salt: Some(Salt([7; 16])),
        encoding,
        run: String::new(),
        options: Vec::new(),
        partition: None,
        parts: Vec::new(),
        classes,
        images,
        seal: "5".repeat(64),
    }
}

fn entry(name: &str, path: &str, geometry: Geometry, blake3: String) -> Entry {
    Entry {
        name: name.into(),
        path: path.into(),
        split: Split::Train,
        label: Some(1),
        geometry,
        original: None,
        id: ImageId([1, 2, 3, 4, 5, 6, 7, 8]),
        plain: "00".repeat(16),
        blake3,
        rescale: None,
        members: None,
    }
}

fn manifests() -> Vec<Manifest> {
    let geometry = Geometry::new(8, 8, 3).unwrap();
    let padded =
        Entry { original: Some(Geometry::new(7, 6, 3).unwrap()), ..entry("a", "a.png", geometry, "1".repeat(64)) };
    let partition = PartitionRecord { index: 2, of: 3, slots: vec![1] };
    let shards = Encoding::WebDataset { per_shard: 10 };
    let merged = SealedPart { tool: TOOL.into(), run: "ab".into(), slots: vec![0], seal: "6".repeat(64) };
    vec![
        manifest(scheme(Preset::Ele), Encoding::Jpeg { quality: 90 }, vec![padded.clone()]),
        Manifest {
            format: UNSEALED,
            salt: None,
            seal: String::new(),
            ..manifest(scheme(Preset::Ele), Encoding::Png, vec![padded.clone()])
        },
        Manifest {
            parts: vec![merged],
            seal: String::new(),
            ..manifest(scheme(Preset::Ele), Encoding::Png, vec![padded.clone()])
        },
        Manifest {
            partition: Some(partition),
            run: "ab".into(),
            options: vec!["fit=pad".into()],
            ..manifest(scheme(Preset::Vit), shards, vec![padded])
        },
    ]
}

fn journal() -> Vec<u8> {
    let mut lines =
        serde_json::to_vec(&Head::new(&Key::from_bytes([7; 32]), "encrypt", "ab".repeat(16), Some(Salt([7; 16]))))
            .unwrap();
    for name in ["a", "b"] {
        lines.push(b'\n');
        let entry = entry(name, &format!("{name}.png"), Geometry::new(4, 4, 1).unwrap(), "2".repeat(64));
        lines.extend(serde_json::to_vec(&Record::new("cd".into(), entry)).unwrap());
    }
    lines.push(b'\n');
    lines
}

fn array<T: npy::AutoSerialize>(shape: &[u64], values: Vec<T>) -> Vec<u8> {
    let mut bytes = Vec::new();
    npy::write(&mut bytes, shape, values).unwrap();
    bytes
}

fn arrays() -> Vec<Vec<u8>> {
    let wide = array(&[1, 2, 2, 3], vec![513u16; 12]);
    let mut big = wide.clone();
    let order = big.iter().position(|&byte| byte == b'<').unwrap();
    big[order] = b'>';
    vec![array(&[3, 2, 2], samples(12)), wide, big]
}

fn zipped(members: &[(&str, Vec<u8>)], method: zip::CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, bytes) in members {
        zip.start_file(*name, options.compression_method(method).last_modified_time(zip::DateTime::default())).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn archives() -> Vec<Vec<u8>> {
    use zip::CompressionMethod::{Deflated, Stored};
    let geometry = Geometry::new(2, 2, 1).unwrap();
    let hash = blake3::hash(&samples(4)).to_hex().to_string();
    let encrypted = manifest(scheme(Preset::Np), Encoding::Npz, vec![entry("a", "train_images[0]", geometry, hash)]);
    let images = || ("train_images.npy", array(&[1, 2, 2], samples(4)));
    vec![
        zipped(&[images(), ("train_labels.npy", array(&[1, 1], vec![1i64]))], Stored),
        zipped(
            &[("images.npy", array(&[2, 2, 2, 3], vec![7u16; 24])), ("labels.npy", array(&[2], vec![1u8, 0]))],
            Deflated,
        ),
        zipped(&[images(), ("imgveil.json", encrypted.to_text().unwrap())], Deflated),
        mixtures(geometry),
    ]
}

fn mixtures(geometry: Geometry) -> Vec<u8> {
    let images = vec![0.5f32, -1.0, 0.0, 1.0];
    let mut hasher = blake3::Hasher::new();
    images.iter().for_each(|value| {
        hasher.update(&value.to_le_bytes());
    });
    let hash = hasher.finalize().to_hex().to_string();
    let manifest =
        manifest(scheme(Preset::InstaHide), Encoding::Npz, vec![entry("a", "train_images[0]", geometry, hash)]);
    let splits = BTreeMap::from([(Split::Train, MixtureSplit { images, labels: vec![0.25, 0.75] })]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    mixtures::write(&path, geometry, &splits, &manifest).unwrap();
    std::fs::read(path).unwrap()
}

fn shards() -> Vec<Vec<u8>> {
    let png = encode_png(&image(2, 3, 1, Depth::U8)).unwrap();
    let jpeg = encode_jpeg(&image(2, 3, 3, Depth::U8), 50).unwrap();
    let long = format!("{}/a.png", "long".repeat(40));
    let shard = |members: &[(&str, &[u8])]| {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, data) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            tar.append_data(&mut header, path, *data).unwrap();
        }
        tar
    };
    let mut pax = shard(&[]);
    pax.append_pax_extensions([("path", &b"b/c.png"[..])]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(png.len() as u64);
    pax.append_data(&mut header, "c.png", png.as_slice()).unwrap();
    vec![
        shard(&[("a.png", &png), ("a.cls", b"1"), ("b.jpg", &jpeg), ("b.json", b"{\"label\": 0}")])
            .into_inner()
            .unwrap(),
        shard(&[(&long, &png)]).into_inner().unwrap(),
        pax.into_inner().unwrap(),
    ]
}

fn toml(preset: Preset) -> Vec<u8> {
    let mut text = "name = \"mine\"\n".to_owned();
    for stage in scheme(preset).stages {
        let stage = stage.to_string();
        let mut words = stage.split(' ');
        text += &format!("[[stage]]\nstage = \"{}\"\n", words.next().unwrap());
        for (field, value) in words.map(|word| word.split_once('=').unwrap()) {
            text += &format!("{field} = \"{value}\"\n");
        }
    }
    text.into_bytes()
}

fn tables() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let mut seeds = Vec::new();
    for (preset, side, channels) in [(Preset::Np, 16, 1), (Preset::Le, 8, 3), (Preset::Ele, 8, 3), (Preset::Etc, 16, 1)]
    {
        let geometry = Geometry::new(side, side, channels).unwrap();
        let tables = export(&scheme(preset), &Key::from_bytes([7; 32]), geometry).unwrap();
        for form in ["json", "npz"] {
            let path = folder.path().join(format!("{}.{form}", preset.name()));
            tables_file::save(&tables, &path).unwrap();
            seeds.push(std::fs::read(path).unwrap());
        }
    }
    seeds
}

/// An explicit little-endian element.
fn element(tag: [u8; 4], kind: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut element = [tag.as_slice(), kind].concat();
    if [b"OB", b"OW", b"SQ"].contains(&kind) {
        element.extend([[0; 2].as_slice(), &(value.len() as u32).to_le_bytes()].concat());
    } else {
        element.extend((value.len() as u16).to_le_bytes());
    }
    element.extend(value);
    element
}

/// A DICOM object of so many bits a sample: `pixels` is the element that holds them.
fn dicom(
    syntax: &[u8],
    photometric: &[u8],
    (channels, bits): (u8, u8),
    (rows, columns): (u8, u8),
    pixels: &[u8],
) -> Vec<u8> {
    let short = |tag: [u8; 4], value: u8| element(tag, b"US", &[value, 0]);
    let body = [
        element([8, 0, 0x60, 0], b"CS", b"OT"),
        short([0x28, 0, 2, 0], channels),
        element([0x28, 0, 4, 0], b"CS", photometric),
        if channels == 3 { short([0x28, 0, 6, 0], 0) } else { Vec::new() },
        short([0x28, 0, 0x10, 0], rows),
        short([0x28, 0, 0x11, 0], columns),
        short([0x28, 0, 0, 1], bits.next_multiple_of(8)),
        short([0x28, 0, 1, 1], bits),
        short([0x28, 0, 2, 1], bits - 1),
        short([0x28, 0, 3, 1], 0),
        element([0x28, 0, 0x50, 0x10], b"DS", b"40"),
        element([0x28, 0, 0x51, 0x10], b"DS", b"90"),
        pixels.to_vec(),
    ]
    .concat();
    let start = [vec![0; 128], b"DICM".to_vec(), element([2, 0, 0x10, 0], b"UI", syntax)].concat();
    if syntax != DEFLATED {
        return [start, body].concat();
    }
    let mut encoder = flate2::write::DeflateEncoder::new(start, flate2::Compression::default());
    encoder.write_all(&body).unwrap();
    encoder.finish().unwrap()
}

const DEFLATED: &[u8] = b"1.2.840.10008.1.2.1.99";

/// Pixels in one fragment.
fn fragment(data: &[u8]) -> Vec<u8> {
    let item = |tag: u8, length: usize| [&[0xfe, 0xff, tag, 0xe0][..], &(length as u32).to_le_bytes()].concat();
    let padding = vec![0; data.len() % 2];
    let start = [&[0xe0, 0x7f, 0x10, 0][..], b"OB", &[0, 0], &[0xff; 4]].concat();
    [start, item(0, 0), item(0, data.len() + padding.len()), data.to_vec(), padding, item(0xdd, 0)].concat()
}

fn dicoms() -> Vec<Vec<u8>> {
    let grey = image(4, 6, 1, Depth::U8);
    let colour = image(8, 8, 3, Depth::U8);
    let native = |samples: &[u8]| element([0xe0, 0x7f, 0x10, 0], b"OW", samples);
    // One segment: a run of 24 equal samples.
    let mut packed = vec![0; 64];
    (packed[0], packed[4]) = (1, 64);
    packed.extend([0xe9, 9]);
    let mut near = Vec::new();
    jpegls::encode(&(0..24).map(|i| i * 170).collect::<Vec<u16>>(), 6, 4, &mut near).unwrap();
    let wavelets: [u8; 124] = imgveil::internal::hex::decode(JPEG_2000).unwrap();
    let deep = |syntax: &[u8], stream: &[u8]| dicom(syntax, b"MONOCHROME2 ", (1, 12), (12, 16), &fragment(stream));
    let grey_file = |syntax: &[u8], bits, pixels: &[u8]| dicom(syntax, b"MONOCHROME2 ", (1, bits), (4, 6), pixels);
    vec![
        grey_file(b"1.2.840.10008.1.2.1\0", 8, &native(grey.samples())),
        grey_file(b"1.2.840.10008.1.2.1\0", 12, &native(&samples(48))),
        dicom(b"1.2.840.10008.1.2.1\0", b"RGB ", (3, 8), (8, 8), &native(colour.samples())),
        dicom(DEFLATED, b"MONOCHROME1 ", (1, 8), (4, 6), &native(grey.samples())),
        grey_file(b"1.2.840.10008.1.2.5\0", 8, &fragment(&packed)),
        grey_file(b"1.2.840.10008.1.2.4.50", 8, &fragment(&encode_jpeg(&grey, 90).unwrap())),
        grey_file(b"1.2.840.10008.1.2.4.80", 12, &fragment(&near)),
        deep(b"1.2.840.10008.1.2.4.51", include_bytes!("../codestreams/extended-12.jpg")),
        deep(b"1.2.840.10008.1.2.4.70", include_bytes!("../codestreams/lossless-restarts.jpg")),
        grey_file(b"1.2.840.10008.1.2.4.90", 8, &fragment(&wavelets)),
    ]
}

/// A codestream of 6x4 grey samples, as OpenJPEG writes it: nothing here encodes JPEG 2000.
const JPEG_2000: &str = concat!(
    "ff4fff51002900000000000600000004000000000000000000000006000000040000000000000000",
    "0001070101ff52000c00000001000104040001ff5c00074040484850",
    "ff90000a0000000000360001ff93cfb41c09b8dc49881d2ec7da0f3f0088fc018007937da39106f20fa3c2ac4bc7e46f0731bb5e53ab",
    "ffd9"
);

fn volume(kind: u16, bits: u16, voxels: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 352];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &348u32.to_le_bytes());
    for (axis, length) in [3u16, 3, 2, 2, 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * axis, &length.to_le_bytes());
    }
    put(70, &kind.to_le_bytes());
    put(72, &bits.to_le_bytes());
    put(108, &352f32.to_le_bytes());
    put(112, &2f32.to_le_bytes());
    put(344, b"n+1\0");
    [file.as_slice(), voxels].concat()
}

fn volumes() -> Vec<Vec<u8>> {
    let float: Vec<u8> = (0..12).flat_map(|i| (i as f32 * 1.5).to_le_bytes()).collect();
    let plain = volume(4, 16, &samples(24));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&plain).unwrap();
    vec![plain, encoder.finish().unwrap(), volume(16, 32, &float), volume(128, 24, &samples(36))]
}

fn pictures() -> Vec<Vec<u8>> {
    let colour = image(3, 5, 3, Depth::U8);
    let dynamic = DynamicImage::ImageRgb8(image::RgbImage::from_raw(5, 3, colour.samples().to_vec()).unwrap());
    let encoded = |format: ImageFormat| {
        let mut bytes = Cursor::new(Vec::new());
        dynamic.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let mut pages = Cursor::new(Vec::new());
    let mut tiff = tiff::encoder::TiffEncoder::new(&mut pages).unwrap();
    for _ in 0..2 {
        tiff.write_image::<tiff::encoder::colortype::Gray16>(3, 2, &[0, 1, 2, 300, 40_000, 65_535]).unwrap();
    }
    vec![
        encode_png(&image(3, 5, 1, Depth::U16)).unwrap(),
        encode_png(&colour).unwrap(),
        encode_jpeg(&colour, 80).unwrap(),
        include_bytes!("../codestreams/420-progressive.jpg").to_vec(),
        include_bytes!("../codestreams/440-scans.jpg").to_vec(),
        include_bytes!("../codestreams/wide-chroma.jpg").to_vec(),
        encoded(ImageFormat::Bmp),
        encoded(ImageFormat::WebP),
        encoded(ImageFormat::Pnm),
        pages.into_inner(),
    ]
}
