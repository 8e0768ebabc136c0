//! TIFF files made here, some of them byte by byte.

use super::*;
use imgveil::internal::image::Depth;
use tiff::encoder::{Compression, TiffEncoder, colortype};

fn samples(count: usize) -> Vec<u16> {
    (0..count).map(|i| (i * 2611) as u16).collect()
}

fn written(pages: &[(u32, u32)], compression: Compression) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap().with_compression(compression);
    for (number, &(width, height)) in pages.iter().enumerate() {
        let page: Vec<u16> = samples((3 * width * height) as usize).iter().map(|s| s ^ number as u16).collect();
        encoder.write_image::<colortype::RGB16>(width, height, &page).unwrap();
    }
    bytes.into_inner()
}

#[test]
fn every_page_is_an_image() {
    let file = written(&[(5, 4), (5, 4), (5, 4)], Compression::Lzw);
    let stack = open(file.clone()).unwrap();
    let geometry = Geometry::new(4, 5, 3).unwrap().with_depth(Depth::U16);
    assert_eq!(stack.header(), &Header::new(3, geometry));
    assert_eq!(&header(Cursor::new(&file), file.len() as u64).unwrap(), stack.header());
    for number in 0..3 {
        let page: Vec<u8> = samples(60).iter().flat_map(|s| (s ^ number).to_le_bytes()).collect();
        assert_eq!(stack.image(number.into()).unwrap().samples(), page);
    }
    assert!(stack.image(3).is_err());
    let mixed = open(written(&[(5, 4), (4, 5)], Compression::Uncompressed)).map(|_| ()).unwrap_err();
    assert!(mixed.to_string().contains("page 1 is 4x5x3x16, page 2 is 5x4x3x16"), "{mixed}");
}

/// A file of one page by hand: entries of (tag, type 3 or 4, values), pixels behind them.
fn by_hand(big: bool, entries: &[(u16, Vec<u16>)], pixels: &[u8]) -> Vec<u8> {
    let mut entries = entries.to_vec();
    entries.extend([(273, vec![0]), (279, vec![pixels.len() as u16])]);
    entries.sort_by_key(|entry| entry.0);
    let number = |n: u64, bytes: usize| n.to_be_bytes()[8 - bytes..].to_vec();
    let (word, count) = if big { (8, 8) } else { (4, 2) };
    let mut file = b"MM\0".to_vec();
    file.extend(if big { vec![43, 0, 8, 0, 0] } else { vec![42] });
    let start = file.len() + word;
    file.extend(number(start as u64, word));
    let mut after = start + count + entries.len() * (4 + 2 * word) + word;
    let mut tail = Vec::new();
    file.extend(number(entries.len() as u64, count));
    for (tag, values) in &entries {
        file.extend([number(u64::from(*tag), 2), number(3, 2), number(values.len() as u64, word)].concat());
        let mut value: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
        if *tag == 273 {
            let long = entries.iter().filter(|(_, v)| 2 * v.len() > word).map(|(_, v)| 2 * v.len()).sum::<usize>();
            let base = start + count + entries.len() * (4 + 2 * word) + word;
            value = ((base + long) as u16).to_be_bytes().to_vec();
        }
        if value.len() <= word {
            value.resize(word, 0);
            file.extend(value);
        } else {
            file.extend(number(after as u64, word));
            after += value.len();
            tail.extend(value);
        }
    }
    file.extend(number(0, word));
    file.extend(tail);
    file.extend(pixels);
    file
}

fn grey(bits: u16, interpretation: u16) -> Vec<(u16, Vec<u16>)> {
    vec![(256, vec![3]), (257, vec![2]), (258, vec![bits]), (262, vec![interpretation]), (277, vec![1])]
}

#[test]
fn few_bits_are_spread_and_palettes_become_colours() {
    for big in [false, true] {
        let decoded = |entries: &[_], pixels: &[u8]| open(by_hand(big, entries, pixels)).unwrap().image(0).unwrap();
        assert_eq!(decoded(&grey(1, 1), &[0b1010_0000, 0b0110_0000]).samples(), [255, 0, 255, 0, 255, 255]);
        assert_eq!(decoded(&grey(1, 0), &[0b1010_0000, 0b0110_0000]).samples(), [0, 255, 0, 255, 0, 0]);
        assert_eq!(decoded(&grey(4, 1), &[0x0f, 0x10, 0x23, 0x40]).samples(), [0, 255, 17, 34, 51, 68]);
        assert_eq!(decoded(&grey(8, 0), &[0, 1, 2, 3, 4, 255]).samples(), [255, 254, 253, 252, 251, 0]);
        let mut palette = grey(2, 3);
        palette.push((320, [1u16, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map(|c| c << 8 | c).to_vec()));
        let image = decoded(&palette, &[0b0001_1000, 0b1100_0100]);
        assert_eq!(image.samples(), [1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12, 1, 5, 9, 2, 6, 10]);
    }
}

#[test]
fn planes_are_interleaved_and_alpha_is_dropped_where_it_says_nothing() {
    let colour = |samples: u16, more: &[(u16, Vec<u16>)]| {
        let mut entries = vec![(256, vec![2]), (257, vec![1]), (258, vec![8; samples.into()]), (262, vec![2])];
        entries.push((277, vec![samples]));
        entries.extend_from_slice(more);
        entries
    };
    let image = |entries: &[_], pixels: &[u8]| open(by_hand(false, entries, pixels)).and_then(|s| s.image(0));
    assert_eq!(image(&colour(3, &[]), &[1, 2, 3, 4, 5, 6]).unwrap().samples(), [1, 2, 3, 4, 5, 6]);
    let alpha = colour(4, &[(338, vec![2])]);
    assert_eq!(image(&alpha, &[1, 2, 3, 255, 4, 5, 6, 255]).unwrap().samples(), [1, 2, 3, 4, 5, 6]);
    let translucent = image(&alpha, &[1, 2, 3, 255, 4, 5, 6, 254]).unwrap_err();
    assert!(translucent.to_string().contains("translucent"), "{translucent}");
    // A fourth sample of unknown meaning is not dropped silently.
    assert!(matches!(image(&colour(4, &[(338, vec![0])]), &[0; 8]), Err(ReadErrorKind::Samples(_))));
    assert_eq!(interleave(vec![1, 2, 3, 4, 5, 6], 3), [1, 3, 5, 2, 4, 6]);
}

#[test]
fn what_the_file_cannot_hold_is_refused_before_memory_is_taken() {
    let mut entries = grey(16, 1);
    entries[0].1 = vec![30_000];
    entries[1].1 = vec![30_000];
    let error = open(by_hand(false, &entries, &[0; 12])).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("promises 1800000000 bytes"), "{error}");
}

#[test]
fn what_the_decoder_would_misread_is_refused() {
    let refused = |more: (u16, Vec<u16>)| {
        let mut entries = grey(8, 1);
        entries.push(more);
        open(by_hand(false, &entries, &[0; 6])).map(|_| ()).unwrap_err().to_string()
    };
    assert!(refused((266, vec![2])).contains("fill order 2"));
    assert!(refused((339, vec![3])).contains("floating-point"));
    assert!(refused((339, vec![2])).contains("signed"));
    assert!(refused((259, vec![7])).contains("compressed by ModernJPEG"));
}

#[test]
fn imagej_stacks_that_list_one_image_are_refused() {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    let mut page = encoder.new_image::<colortype::Gray8>(2, 1).unwrap();
    page.encoder().write_tag(Tag::ImageDescription, "ImageJ=1.53\nimages=70\nslices=70\n").unwrap();
    page.write_data(&[1, 2]).unwrap();
    let error = open(bytes.into_inner()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("lists 1 of its 70 images"), "{error}");
}

#[test]
fn palettes_of_8_bits_in_16_are_what_they_say() {
    let mut palette = grey(2, 3);
    palette.push((320, vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]));
    let image = open(by_hand(false, &palette, &[0b0001_1000, 0b1100_0100])).unwrap().image(0).unwrap();
    assert_eq!(image.samples(), [1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 255, 1, 5, 9, 2, 6, 10]);
}

/// A file whose pages have these sizes and tags beside.
fn with_tags(pages: &[(u32, Tag, u32)]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    for &(side, tag, value) in pages {
        let mut page = encoder.new_image::<colortype::Gray8>(side, side).unwrap();
        page.encoder().write_tag(tag, value).unwrap();
        page.write_data(&vec![side as u8; (side * side) as usize]).unwrap();
    }
    bytes.into_inner()
}

#[test]
fn a_copy_in_a_lower_resolution_is_no_page_wherever_it_stands() {
    let sides = |file: Vec<u8>| {
        let stack = open(file.clone()).unwrap();
        assert_eq!(&header(Cursor::new(&file), file.len() as u64).unwrap(), stack.header());
        let sides = (0..stack.header().count).map(|page| stack.image(page).unwrap().samples()[0]);
        (sides.collect::<Vec<u8>>(), stack.header().left_out)
    };
    let (new, old) = (Tag::NewSubfileType, Tag::SubfileType);
    assert_eq!(sides(with_tags(&[(2, new, 1), (9, new, 0)])), (vec![9], 1));
    assert_eq!(sides(with_tags(&[(9, new, 0), (2, new, 1), (9, new, 2)])), (vec![9, 9], 1));
    assert_eq!(sides(with_tags(&[(2, old, 2), (9, old, 1)])), (vec![9], 1));
    // A mask, and a file that holds nothing but a copy.
    assert_eq!(sides(with_tags(&[(2, new, 4), (9, new, 0)])), (vec![9], 1));
    assert_eq!(sides(with_tags(&[(2, new, 1)])), (vec![2], 0));
    assert_eq!(sides(with_tags(&[(2, new, 1), (3, new, 4)])), (vec![2], 1));
}

#[test]
fn strips_and_tiles_are_found_under_the_tags_of_the_other() {
    for big in [false, true] {
        let file = by_hand(big, &grey(8, 1), &[1, 2, 3, 4, 5, 6]);
        let pixels = |file: Vec<u8>| open(file).unwrap().image(0).unwrap().samples().to_vec();
        let renamed = |file: &[u8], from: u16, to: u16| {
            let mut file = file.to_vec();
            let start = [from.to_be_bytes(), [0, 3]].concat();
            let at = file.windows(4).position(|four| four == start).unwrap();
            file[at..at + 2].copy_from_slice(&to.to_be_bytes());
            file
        };
        let strips = renamed(&renamed(&file, 273, 324), 279, 325);
        assert_eq!(pixels(strips), [1, 2, 3, 4, 5, 6]);
        let mut tiled = grey(8, 1);
        tiled.extend([(322, vec![16]), (323, vec![16])]);
        let tile: Vec<u8> = (0..=255).collect();
        assert_eq!(pixels(by_hand(big, &tiled, &tile)), [0, 1, 2, 16, 17, 18]);
    }
}
