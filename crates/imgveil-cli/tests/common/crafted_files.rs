//! Files that are made byte by byte, with words in every place that their formats have for them. All samples are grey,
//! 8 bits.

use std::io::{Cursor, Write};

/// A PNG with further chunks behind its first one.
pub fn png(whole: &[u8], chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    // The signature, and IHDR.
    let (start, rest) = whole.split_at(8 + 25);
    let mut png = start.to_vec();
    for (kind, data) in chunks {
        png.extend((data.len() as u32).to_be_bytes());
        let named = [kind.as_slice(), data].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&named);
        png.extend(named);
        png.extend(crc.sum().to_be_bytes());
    }
    png.extend(rest);
    png
}

/// The kinds of a PNG's chunks, and nothing behind the last one.
pub fn png_chunks(png: &[u8]) -> Vec<String> {
    let (mut kinds, mut at) = (Vec::new(), 8);
    while at < png.len() {
        let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
        kinds.push(String::from_utf8(png[at + 4..at + 8].to_vec()).unwrap());
        at += 12 + length;
    }
    assert_eq!(at, png.len());
    kinds
}

pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// EXIF that holds an image description.
pub fn exif(words: &str) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0".to_vec();
    // ImageDescription, ASCII, behind the directory.
    exif.extend([0x0e, 0x01, 2, 0]);
    exif.extend((words.len() as u32 + 1).to_le_bytes());
    exif.extend(26u32.to_le_bytes());
    exif.extend([0; 4]);
    exif.extend(words.as_bytes());
    exif.push(0);
    exif
}

/// A JPEG with a comment and EXIF behind its first marker.
pub fn jpeg(whole: &[u8], words: &str) -> Vec<u8> {
    let segment = |marker: u8, data: &[u8]| {
        let length = (data.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker], length.as_slice(), data].concat()
    };
    let app1 = segment(0xe1, &[b"Exif\0\0", exif(words).as_slice()].concat());
    [&whole[..2], &segment(0xfe, words.as_bytes()), &app1, &whole[2..]].concat()
}

/// A TIFF, a page for each of `pages`; every one tells these words twice.
pub fn tiff(width: u32, height: u32, pages: &[Vec<u8>], words: &str) -> Vec<u8> {
    use tiff::encoder::{TiffEncoder, colortype::Gray8};
    use tiff::tags::Tag;
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    for page in pages {
        let mut image = encoder.new_image::<Gray8>(width, height).unwrap();
        image.encoder().write_tag(Tag::ImageDescription, words).unwrap();
        image.encoder().write_tag(Tag::Artist, words).unwrap();
        image.write_data(page).unwrap();
    }
    file.into_inner()
}

/// A DICOM object (explicit, little endian) of so many frames of 8 bits, with these texts beside what an image needs.
pub fn dicom(columns: u16, rows: u16, frames: &[Vec<u8>], texts: &[(u32, &[u8; 2], &str)]) -> Vec<u8> {
    type Element = (u32, [u8; 2], Vec<u8>);
    let padded = |text: &str| [text.as_bytes(), &b" "[..text.len() % 2]].concat();
    let text = |&(tag, kind, text): &(u32, &[u8; 2], &str)| (tag, *kind, padded(text));
    let number = |(tag, value): (u32, u16)| (tag, *b"US", value.to_le_bytes().to_vec());
    let numbers = [
        (0x0028_0002, 1),
        (0x0028_0010, rows),
        (0x0028_0011, columns),
        (0x0028_0100, 8),
        (0x0028_0101, 8),
        (0x0028_0102, 7),
        (0x0028_0103, 0),
    ];
    let mut elements: Vec<Element> = texts.iter().map(text).chain(numbers.map(number)).collect();
    elements.push((0x0028_0004, *b"CS", padded("MONOCHROME2")));
    elements.push((0x0028_0008, *b"IS", padded(&frames.len().to_string())));
    elements.push((0x7fe0_0010, *b"OB", frames.concat()));
    elements.sort();
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    let syntax = b"1.2.840.10008.1.2.1\0";
    file.extend([2, 0, 0x10, 0, b'U', b'I', syntax.len() as u8, 0]);
    file.extend(syntax);
    for (tag, kind, value) in elements {
        file.extend(((tag >> 16) as u16).to_le_bytes());
        file.extend((tag as u16).to_le_bytes());
        file.extend(kind);
        if [*b"OB", *b"UN", *b"UT"].contains(&kind) {
            file.extend([[0; 2].as_slice(), &(value.len() as u32).to_le_bytes()].concat());
        } else {
            file.extend((value.len() as u16).to_le_bytes());
        }
        file.extend(value);
    }
    file
}

/// A NIfTI-1 volume of 8 bits: x runs fastest. The words stand in the header's texts and in an extension.
pub fn nifti([x, y, z]: [u16; 3], voxels: &[u8], words: &str) -> Vec<u8> {
    let mut file = vec![0; 352];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &348u32.to_le_bytes());
    for (i, side) in [3, x, y, z, 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * i, &side.to_le_bytes());
    }
    put(70, &2u16.to_le_bytes());
    put(72, &8u16.to_le_bytes());
    // db_name, descrip, aux_file, intent_name: as much as there is room for.
    for (at, room) in [(14, 18), (148, 80), (228, 24), (328, 16)] {
        put(at, &words.as_bytes()[..words.len().min(room)]);
    }
    put(344, b"n+1\0");
    put(348, &[1, 0, 0, 0]);
    let mut extension = vec![0; 8 + words.len().next_multiple_of(16) + 8];
    let size = extension.len() as u32;
    extension[..4].copy_from_slice(&size.to_le_bytes());
    extension[4..8].copy_from_slice(&6u32.to_le_bytes());
    extension[8..8 + words.len()].copy_from_slice(words.as_bytes());
    file[108..112].copy_from_slice(&(352.0 + size as f32).to_le_bytes());
    [file.as_slice(), &extension, voxels].concat()
}

/// Compressed, with a file name and a comment in the gzip header.
pub fn gzip(bytes: &[u8], words: &str) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new().filename(words).comment(words).write(Vec::new(), Default::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A WebP with EXIF and XMP around the pixels of a simple one.
pub fn webp(whole: &[u8], width: u32, height: u32, words: &str) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        [kind.as_slice(), &(data.len() as u32).to_le_bytes(), data, &[0][..data.len() % 2]].concat()
    };
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    // EXIF and XMP are there.
    let extended = [vec![0x0c, 0, 0, 0], side(width), side(height)].concat();
    let body = [
        b"WEBP".as_slice(),
        &chunk(b"VP8X", &extended),
        // What the simple form holds: one chunk of pixels.
        &whole[12..],
        &chunk(b"EXIF", &exif(words)),
        &chunk(b"XMP ", words.as_bytes()),
    ]
    .concat();
    [b"RIFF".as_slice(), &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// One member of a tar file, with an owner.
pub fn member(tar: &mut tar::Builder<Vec<u8>>, name: &str, owner: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o600);
    header.set_mtime(1_700_000_000);
    header.set_username(owner).unwrap();
    header.set_groupname(owner).unwrap();
    header.set_size(bytes.len() as u64);
    tar.append_pax_extensions([("comment", owner.as_bytes())]).unwrap();
    tar.append_data(&mut header, name, bytes).unwrap();
}
