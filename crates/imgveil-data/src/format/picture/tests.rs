//! Pictures of every format, made here.

use super::decode::every_third;
use super::*;
use ::tiff::encoder::colortype::{Gray8, RGB8};
use ::tiff::encoder::{Compression, TiffEncoder};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use imgveil::internal::image::{Depth, Geometry, Image};

fn image(height: u32, width: u32, channels: u32) -> Image {
    let geometry = Geometry::new(height, width, channels).unwrap();
    Image::new(geometry, (0..geometry.samples()).map(|i| (i * 7) as u8).collect()).unwrap()
}

fn decode(bytes: &[u8]) -> Result<Image, ReadErrorKind> {
    open(bytes.to_vec())?.image(0)
}

#[test]
fn pngs_of_16_bits_round_trip() {
    for geometry in [Geometry::new(5, 7, 1).unwrap(), Geometry::new(5, 7, 3).unwrap()] {
        let deep = geometry.with_depth(Depth::U16);
        let image = Image::new(deep, (0..deep.bytes()).map(|i| (i * 7) as u8).collect()).unwrap();
        assert_eq!(decode(&encode_png(&image).unwrap()).unwrap(), image);
    }
}

#[test]
fn pngs_say_how_many_bits_are_used() {
    for (channels, bits) in [(1, 12), (3, 9)] {
        let geometry = Geometry::new(5, 7, channels).unwrap().with_depth(Depth::new(bits).unwrap());
        let image = Image::new(geometry, [7u8, 1].repeat(geometry.samples())).unwrap();
        let png = encode_png(&image).unwrap();
        let said = [&b"sBIT"[..], &vec![bits as u8; channels as usize]].concat();
        assert_eq!(png[8 + 25..][..4], channels.to_be_bytes());
        assert_eq!(png[8 + 25 + 4..][..said.len()], said);
        // Its checksum is right, and what lies behind it is read. Others scale samples up to 16 bits, so that the
        // samples alone say how many bits they use.
        assert_eq!(decode(&png).unwrap().at_depth(geometry.depth()).unwrap(), image);
    }
}

#[test]
fn deep_pnm_samples_are_read_as_they_are_stored() {
    // Scaled to 16 bits in single precision and back, 21,882 of 65,402 would be another sample.
    for (max, bits) in [(256u32, 9), (1000, 10), (4095, 12), (40_000, 16), (65_402, 16), (65_534, 16), (65_535, 16)] {
        let height = max / 256 + 1;
        let values: Vec<u16> = (0..256 * height).map(|value| value.min(max) as u16).collect();
        let stored: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
        let pgm = [format!("P5 256 {height} {max}\n").as_bytes(), &stored].concat();
        let geometry = header(Cursor::new(&pgm)).unwrap().geometry;
        assert_eq!(geometry.depth().bits(), bits);
        let samples: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let image = Image::new(geometry, samples).unwrap();
        assert!(decode(&pgm).unwrap() == image, "{max}");
        let words: Vec<String> = values.iter().map(u16::to_string).collect();
        let plain = format!("P2\n# a comment\n256 {height}\n{max}\n{}\n", words.join("\n"));
        assert!(decode(plain.as_bytes()).unwrap() == image, "{max}");
        let opaque: Vec<u8> = values.iter().flat_map(|value| [*value, max as u16]).flat_map(u16::to_be_bytes).collect();
        let pam = |alpha: &[u8]| {
            let head =
                format!("P7\nWIDTH 256\nHEIGHT {height}\nDEPTH 2\nMAXVAL {max}\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n");
            [head.as_bytes(), alpha].concat()
        };
        assert!(decode(&pam(&opaque)).unwrap() == image, "{max}");
        let translucent = [&opaque[..2], &[0, 1], &opaque[4..]].concat();
        assert!(decode(&pam(&translucent)).unwrap_err().to_string().contains("translucent"));
    }
    let large = decode(b"P6 1 1 1000\n\x00\x01\x03\xe9\x00\x02").unwrap_err().to_string();
    assert!(large.contains("a sample is 1001, and its header says that 1000 is the largest"), "{large}");
}

/// The image in every format that some program writes, with the name of the format.
fn in_every_format(image: &Image) -> Vec<(&'static str, Vec<u8>)> {
    let geometry = image.geometry();
    let colour = if geometry.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let (width, height) = (geometry.width() as u32, geometry.height() as u32);
    let mut formats = vec![("png", encode_png(image).unwrap()), ("jpeg", encode_jpeg(image, 75).unwrap())];
    for (name, format) in [("bmp", ImageFormat::Bmp), ("webp", ImageFormat::WebP), ("pnm", ImageFormat::Pnm)] {
        let mut bytes = Cursor::new(Vec::new());
        image::write_buffer_with_format(&mut bytes, image.samples(), width, height, colour, format).unwrap();
        formats.push((name, bytes.into_inner()));
    }
    for compression in
        [Compression::Uncompressed, Compression::Lzw, Compression::Packbits, Compression::Deflate(Default::default())]
    {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut bytes).unwrap().with_compression(compression);
        match geometry.channels() {
            1 => encoder.write_image::<Gray8>(width, height, image.samples()).unwrap(),
            _ => encoder.write_image::<RGB8>(width, height, image.samples()).unwrap(),
        }
        formats.push(("tiff", bytes.into_inner()));
    }
    formats
}

#[test]
fn every_format_decodes_to_what_was_written_and_its_header_says_so() {
    for plain in [image(9, 13, 3), image(9, 13, 1)] {
        for (name, bytes) in in_every_format(&plain) {
            let decoded = decode(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(&header(Cursor::new(&bytes)).unwrap(), open(bytes).unwrap().header(), "{name}");
            match name {
                "jpeg" => assert_eq!(decoded.geometry(), plain.geometry()),
                // WebP has no grey.
                "webp" if plain.geometry().channels() == 1 => {
                    assert_eq!(every_third(decoded.samples()), plain.samples())
                }
                _ => assert_eq!(decoded, plain, "{name}"),
            }
        }
    }
}

#[test]
fn every_truncation_is_an_error_or_exact() {
    let plain = image(24, 24, 3);
    for (name, whole) in in_every_format(&plain) {
        let exact = decode(&whole).unwrap();
        for length in 0..whole.len() {
            if let Ok(image) = decode(&whole[..length]) {
                assert_eq!(image, exact, "{name}: cut to {length} of {}", whole.len());
            }
        }
    }
}

#[test]
fn what_does_not_compress_is_stored_and_the_rest_is_not() {
    for size in [8u32, 100] {
        let geometry = Geometry::new(size, size, 3).unwrap();
        let noise = |i: usize| ((i as u32 + 1).wrapping_mul(2_654_435_761) >> 24) as u8;
        let of =
            |sample: &dyn Fn(usize) -> u8| Image::new(geometry, (0..geometry.bytes()).map(sample).collect()).unwrap();
        let (noise, smooth) = (of(&noise), of(&|i| (i / 300) as u8));
        let sizes = [&noise, &smooth].map(|image| {
            let png = encode_png(image).unwrap();
            assert_eq!(&decode(&png).unwrap(), image);
            png.len()
        });
        // Not compressed: one filter byte per row, plus the file's headers.
        assert!((geometry.bytes()..geometry.bytes() + 200 + size as usize).contains(&sizes[0]), "{sizes:?}");
        assert!(size < 100 || sizes[1] < geometry.bytes() / 2, "{sizes:?}");
    }
}

#[test]
fn alpha_is_dropped_where_it_says_nothing() {
    let encoded = |alpha: u8| {
        let mut png = Vec::new();
        let samples = [1, 2, 3, 255, 4, 5, 6, alpha];
        PngEncoder::new(&mut png).write_image(&samples, 2, 1, ExtendedColorType::Rgba8).unwrap();
        png
    };
    assert_eq!(decode(&encoded(255)).unwrap().samples(), [1, 2, 3, 4, 5, 6]);
    let translucent = encoded(254);
    assert_eq!(header(Cursor::new(&translucent)).unwrap().geometry, Geometry::new(1, 2, 3).unwrap());
    assert!(decode(&translucent).unwrap_err().to_string().contains("translucent"));
}

#[test]
fn headers_that_lie_take_no_memory() {
    let pnm = |text: &str| decode(text.as_bytes()).unwrap_err().to_string();
    assert!(pnm("P5 30000 30000 255 ").contains("promises 900000000 bytes"));
    assert!(pnm("P2 40000 40000 255 1 2 3").contains("promises 3199999999 bytes"));
    assert!(pnm("P6 70000 70000 255 ").contains("2^31"));
    let mut png = encode_png(&image(5, 7, 3)).unwrap();
    png[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    // The header chunk's checksum.
    let checksum = crc(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    let lie = decode(&png).unwrap_err().to_string();
    assert!(lie.contains("promises"), "{lie}");
    let mut jpeg = encode_jpeg(&image(16, 16, 1), 75).unwrap();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x80, 0, 0x80, 0]);
    assert!(decode(&jpeg).unwrap_err().to_string().contains("promises"));
}

#[test]
fn a_bmp_whose_pixels_begin_in_its_palette_is_refused() {
    let mut bmp = Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut bmp, &[1, 2], 2, 1, ExtendedColorType::L8, ImageFormat::Bmp).unwrap();
    let mut bmp = bmp.into_inner();
    assert_eq!(decode(&bmp).unwrap().samples(), [1, 2]);
    bmp[10..14].copy_from_slice(&54u32.to_le_bytes());
    assert!(decode(&bmp).unwrap_err().to_string().contains("inside of its header or palette"));
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

#[test]
fn the_pnm_family_is_read_as_others_read_it() {
    let read = |bytes: &[u8]| decode(bytes).map(Image::into_samples);
    assert_eq!(read(b"P1 3 2 101 010").unwrap(), [0, 255, 0, 255, 0, 255]);
    assert_eq!(read(b"P4 3 2 \xa0\x40").unwrap(), [0, 255, 0, 255, 0, 255]);
    assert_eq!(read(b"P2 2 1 15 0 15").unwrap(), [0, 255]);
    // 12 bits are not stretched over 16.
    assert_eq!(read(b"P5 2 1 4095 \x0f\xff\x00\x00").unwrap(), [255, 15, 0, 0]);
    let pam = |tuple: &str| format!("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 65535\n{tuple}ENDHDR\n\x01\x02");
    assert_eq!(read(pam("TUPLTYPE GRAYSCALE\n").as_bytes()).unwrap(), [2, 1]);
    assert!(read(pam("").as_bytes()).unwrap_err().to_string().contains("TUPLTYPE"));
    assert!(read(b"P5 1 1 255 aP5 1 1 255 b").unwrap_err().to_string().contains("several"));
}

#[test]
fn jpegs_of_other_kinds_are_named() {
    let whole = encode_jpeg(&image(16, 16, 3), 75).unwrap();
    let frame = whole.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    // Colour at full resolution: every component is sampled 1x1.
    assert_eq!([whole[frame + 11], whole[frame + 14], whole[frame + 17]], [0x11; 3]);
    for (at, byte, words) in [(1, 0xc3, "lossless"), (1, 0xc5, "hierarchical"), (4, 12, "12-bit"), (9, 4, "CMYK")] {
        let mut other = whole.clone();
        other[frame + at] = byte;
        let error = open(other).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("not supported") && error.contains(words), "{error}");
    }
}

#[test]
fn jpegs_hold_8_bits_at_a_quality_that_there_is() {
    let grey = image(16, 16, 1);
    assert_eq!(decode(&encode_jpeg(&grey, 90).unwrap()).unwrap().geometry(), grey.geometry());
    assert!(encode_jpeg(&grey, 0).unwrap_err().contains("1 to 100"));
    let deep = grey.geometry().with_depth(Depth::U16);
    let deep = Image::new(deep, vec![1; deep.bytes()]).unwrap();
    assert!(encode_jpeg(&deep, 90).unwrap_err().contains("16"));
}

#[test]
fn what_a_damaged_jpeg_lacks_is_not_made_up() {
    let whole = encode_jpeg(&image(64, 64, 1), 75).unwrap();
    // A marker in the middle of the scan that does not belong there: the rest would be grey.
    let scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    let (before, after) = whole.split_at((scan + whole.len()) / 2);
    let damaged = [before, &[0xff, 0xd8], after].concat();
    assert!(matches!(decode(&damaged), Err(ReadErrorKind::Damaged(_))));
}

#[test]
fn a_thumbnail_does_not_hide_a_truncated_jpeg() {
    let jpeg = encode_jpeg(&image(16, 16, 1), 75).unwrap();
    // An application segment whose payload is a whole JPEG.
    let mut with_thumbnail = jpeg[..2].to_vec();
    with_thumbnail.extend([0xff, 0xe1]);
    with_thumbnail.extend(((jpeg.len() + 2) as u16).to_be_bytes());
    with_thumbnail.extend(&jpeg);
    with_thumbnail.extend(&jpeg[2..]);
    assert!(decode(&with_thumbnail).is_ok());
    assert!(matches!(decode(&with_thumbnail[..with_thumbnail.len() - 2]), Err(ReadErrorKind::Damaged(_))));
}
