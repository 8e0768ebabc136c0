//! The work of `imgveil preview`: encrypts one image under many schemes and draws the results on one sheet. Every image
//! that can be decrypted is decrypted and compared.

use crate::error::Error;
use crate::exit::Failure;
use crate::sheet::{Captioned, gallery, picture, png};
use imgveil::internal::engine::{Device, ImageRef, Loaded};
use imgveil::internal::engine::{Mixing, Program};
use imgveil::internal::image::{Augmentation, Depth, Geometry, Image};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::{Block, KeyScope, Options, Orders, PRESETS, Preset, Scheme, Stage, Statistic, compile};
use imgveil::internal::sealed::{Salt, image_id, neutral_name};
use imgveil_data::format::picture::read_image_with;
use imgveil_data::format::{ReadError, ReadErrorKind, ReadOptions};
use imgveil_data::job::Progress;
use imgveil_data::set::{Resize, check_new, write_atomically};
use std::path::{Path, PathBuf};

/// A scheme to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Exhibit {
    what: What,
    /// The note on the sheet under its name.
    words: String,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    /// Gets a smaller block if the image is too small for its own block.
    Preset(Preset, Options),
    Own(Scheme),
}

impl Exhibit {
    /// All presets, with notable options.
    pub fn all() -> Vec<Self> {
        PRESETS.into_iter().flat_map(Self::of).collect()
    }

    /// A preset with its default options, and with those options that change the picture visibly.
    pub fn of(preset: Preset) -> Vec<Self> {
        let plain = Options::default();
        let statistic = |statistic, words| (Options { statistic: Some(statistic), ..plain }, words);
        let shown = match preset {
            Preset::None => vec![(plain, "the image as it is: the control")],
            Preset::ShuffleFlip => vec![
                (plain, "one key for all blocks"),
                (
                    Options { key_scope: Some(KeyScope::Block), scramble: true, ..plain },
                    "a key for every block, blocks scrambled",
                ),
            ],
            Preset::Le => vec![(plain, "nibbles shuffled, one key for all blocks")],
            Preset::Ele => vec![(plain, "nibbles shuffled, a key for every block, blocks scrambled")],
            Preset::Etc => vec![
                (plain, "blocks turned, negated, recoloured, scrambled"),
                (Options { orders: Some(Orders::AsPublished), ..plain }, "the channel table as published"),
            ],
            Preset::Skk => vec![
                (plain, "one key for all images"),
                (Options { key_scope: Some(KeyScope::Image), ..plain }, "a key for every image"),
            ],
            Preset::SkkFilter => vec![
                statistic(Statistic::Median, "skk, then every block's median"),
                statistic(Statistic::Mean, "skk, then every block's mean"),
                statistic(Statistic::Max, "skk, then every block's maximum"),
                statistic(Statistic::Min, "skk, then every block's minimum"),
            ],
            Preset::Shf => vec![(plain, "pixels shuffled, one key for all blocks")],
            Preset::Np => vec![(plain, "signs flipped, one key for all blocks")],
            Preset::Vit => vec![
                (plain, "patches shuffled inside, and scrambled"),
                (Options { sign_flip: true, ..plain }, "patches shuffled inside, and scrambled; signs flipped"),
            ],
            Preset::InstaHide => vec![(plain, "added up with others of its set, signs flipped")],
            Preset::Pixelate => vec![(plain, "every block's mean: a control")],
            Preset::Blur => vec![(plain, "a Gaussian blur of 4.5 pixels: a control")],
            Preset::DpPix => vec![(plain, "every block's mean and noise: a control")],
            Preset::Keystream => vec![(plain, "real encryption: the other control")],
        };
        let exhibit =
            |(options, words): (Options, &str)| Self { what: What::Preset(preset, options), words: words.to_owned() };
        shown.into_iter().map(exhibit).collect()
    }

    /// A scheme from a file.
    pub fn own(scheme: Scheme) -> Self {
        Self { words: format!("your own: {}", scheme.canonical()), what: What::Own(scheme) }
    }

    /// The scheme for images of `geometry`, and a note on its blocks.
    fn scheme(&self, geometry: Geometry) -> Result<(Scheme, Option<String>), Failure> {
        let (preset, options) = match &self.what {
            What::Own(scheme) => return Ok((scheme.clone(), None)),
            What::Preset(preset, options) => (*preset, *options),
        };
        let scheme = preset.scheme(options)?;
        let tile = scheme.tile();
        // The blocks of presets are squares.
        let side = block_side(tile.height, geometry.height() as u32, geometry.width() as u32);
        if side != tile.height {
            let block = Block::square(side);
            let scheme = preset.scheme(Options { block: Some(block), ..options })?;
            return Ok((scheme, Some(format!("blocks of {block}, as the image is small for {tile}"))));
        }
        let block = scheme.stages.iter().filter_map(Stage::block).find(|&block| block != Block::square(1));
        let said = block.map(|block| format!("blocks of {block}"));
        Ok((scheme, said))
    }
}

/// The side of square blocks for an image: `wanted` if two of them fit along each side. Otherwise the largest side of
/// which two fit, or one of at least half that size if it tiles the image.
fn block_side(wanted: u32, height: u32, width: u32) -> u32 {
    let shorter = height.min(width);
    if shorter / 2 >= wanted || wanted == 1 {
        return wanted;
    }
    let most = (shorter / 2).max(1);
    let tiles = |side: &u32| height.is_multiple_of(*side) && width.is_multiple_of(*side);
    (most.div_ceil(2)..=most).rev().find(tiles).unwrap_or(most)
}

/// An image's place in an encrypted set, on which its keys depend under schemes with a key for every image.
pub struct SetPlace {
    /// The salt of the set.
    pub salt: Salt,
    /// The image's name in the manifest. By default its neutral name.
    pub name: Option<String>,
}

impl SetPlace {
    fn id(&self, key: &Key, plain: &str, geometry: Geometry, samples: &[u8]) -> ImageId {
        let neutral = || neutral_name(key, self.salt, plain);
        let name = self.name.clone().unwrap_or_else(neutral);
        image_id(key, self.salt, &name, geometry, samples)
    }
}

/// What to show, and where to write it.
pub struct PreviewRequest<'a> {
    /// A PNG or JPEG file.
    pub image: &'a Path,
    /// How it is read.
    pub reading: &'a ReadOptions,
    /// The sheet to write: a new PNG file.
    pub output: &'a Path,
    /// The key.
    pub key: &'a Key,
    /// Whether the key was made for this sheet alone.
    pub throwaway: bool,
    /// The image's place in a set. Without one, keys per image are those of no set.
    pub place: Option<SetPlace>,
    /// The schemes, in order.
    pub exhibits: &'a [Exhibit],
    /// The device that runs them.
    pub device: &'a Device,
}

/// What was shown.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Preview {
    /// The sheet.
    pub sheet: PathBuf,
    /// The image's size.
    pub geometry: String,
    /// The key's fingerprint.
    pub key: String,
    /// The device that ran the schemes.
    pub device: String,
    /// The schemes, in order.
    pub schemes: Vec<Shown>,
}

/// One scheme of a sheet.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Shown {
    /// The scheme, with the block that was used.
    pub scheme: Scheme,
    /// The size to which the image was cropped for the scheme.
    pub geometry: String,
    /// Why it cannot be decrypted. `None` if it was decrypted exactly.
    pub lossy: Option<String>,
    /// Stages that do nothing to the image, with the reasons.
    pub idle: Vec<String>,
    /// The notes on the sheet.
    #[serde(skip)]
    notes: Vec<String>,
}

/// Bytes for each byte of samples: while the image is decoded, encrypted and decrypted under one scheme.
const TABLES: u64 = 32;
/// Bytes for each byte of samples that an exhibit keeps.
const KEPT: u64 = 5;

/// Encrypts an image under every scheme, decrypts it where that is possible, and draws all on one sheet.
///
/// # Errors
/// When the image cannot be read, a scheme does not fit it, or the sheet exists or cannot be written.
pub fn preview(request: &PreviewRequest<'_>, progress: &dyn Progress) -> Result<Preview, Failure> {
    check_output(request.output)?;
    if !request.image.exists() {
        return Err(Error::missing(request.image).into());
    }
    // The tables of a scheme, and what every exhibit keeps: its image, and its picture in colour.
    let factor = TABLES + KEPT * request.exhibits.len() as u64;
    let image = read_image_with(request.image, request.reading, factor).map_err(Error::unreadable)?;
    let image = at_depth(image, request)?;
    progress.start(request.exhibits.len());
    let mut shown = Vec::with_capacity(request.exhibits.len());
    for exhibit in request.exhibits {
        let (scheme, encrypted) = show(exhibit, &image, request)?;
        progress.advance(1, encrypted.samples().len() as u64);
        shown.push((scheme, encrypted));
    }
    let captioned: Vec<Captioned> = shown
        .iter()
        .map(|(shown, encrypted)| {
            let verdict = match &shown.lossy {
                None => "decrypts exactly".to_owned(),
                Some(why) => format!("lossy: {why}"),
            };
            Captioned {
                label: shown.scheme.name.clone(),
                verdict,
                good: shown.lossy.is_none(),
                notes: shown.notes.clone(),
                picture: picture(encrypted),
            }
        })
        .collect();
    let file = request.image.file_name().unwrap_or_default().to_string_lossy();
    let key = if request.throwaway {
        "With a random key that was not kept.".to_owned()
    } else {
        format!("With key {}.", request.key.fingerprint())
    };
    let notes =
        [key, "What the eye does not see may be broken all the same: `imgveil schemes NAME` tells by what.".to_owned()];
    let title = format!("imgveil: {file}, {}", image.geometry());
    let sheet = gallery(&title, &notes, &captioned)?;
    let png = png(&sheet).map_err(|reason| Error::cannot_encode(request.output, &reason))?;
    write_atomically(request.output, &png)?;
    Ok(Preview {
        sheet: request.output.to_owned(),
        geometry: image.geometry().to_string(),
        key: request.key.fingerprint().to_string(),
        device: request.device.name(),
        schemes: shown.into_iter().map(|(shown, _)| shown).collect(),
    })
}

/// Refuses an output that exists or is not a PNG file, before anything is computed.
fn check_output(output: &Path) -> Result<(), Failure> {
    if !output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        return Err(Error::not_png(output).into());
    }
    Ok(check_new(output)?)
}

/// Encrypts the image under one scheme and returns the picture to show.
fn show(exhibit: &Exhibit, image: &Image, request: &PreviewRequest<'_>) -> Result<(Shown, Image), Failure> {
    let (scheme, block) = exhibit.scheme(image.geometry())?;
    let tile = scheme.tile();
    let (height, width) = (image.geometry().height(), image.geometry().width());
    if height < tile.height as usize || width < tile.width as usize {
        return Err(Error::too_small(&scheme.name, tile, image.geometry()).into());
    }
    let mut notes = vec![exhibit.words.clone()];
    // Cropped as by `encrypt --crop`.
    let mut plain = Resize { crop: true, ..Resize::default() }.apply(image.clone(), tile).map_err(Error::from)?;
    if scheme.mixes() && plain.geometry().depth() != Depth::U8 {
        plain = eight_bits(plain);
        notes.push("of the image with 8 bits a sample".to_owned());
    }
    let geometry = plain.geometry().with_depth(scheme.depth(plain.geometry().depth()));
    let program = compile(&scheme, request.key, geometry)?;
    // Keys that all images share are those of `encrypt`. Its keys per image depend on the salt of a set.
    let name = request.image.file_stem().unwrap_or_default().to_string_lossy();
    let id = match &request.place {
        Some(place) => place.id(request.key, &name, geometry, plain.samples()),
        None => ImageId::new(request.key, &name, geometry, plain.samples()),
    };

    let (encrypted, lossy) = match program.mixing() {
        Some(mixing) => {
            notes.push(format!("here mixed with {} shifted copies of itself", mixing.images - 1));
            (mixture(&program, mixing, &plain, id, request)?, program.inverse().err())
        }
        None => {
            let image_ref = ImageRef::new(0).with_id(id);
            let mut encrypted = vec![0; plain.samples().len()];
            Loaded::new(request.device, program.clone())?.bytes(plain.samples(), &[image_ref], &mut encrypted)?;
            let lossy = match program.inverse() {
                Err(lossy) => Some(lossy),
                Ok(inverse) => {
                    let mut decrypted = vec![0; encrypted.len()];
                    Loaded::new(request.device, inverse)?.bytes(&encrypted, &[image_ref], &mut decrypted)?;
                    if decrypted != plain.samples() {
                        return Err(Error::not_exact(&format!("the image under {}", scheme.name)).into());
                    }
                    None
                }
            };
            (encrypted, lossy)
        }
    };
    notes.extend(block);
    if (geometry.height(), geometry.width()) != (height, width) {
        notes.push(format!("cut to {}x{}", geometry.height(), geometry.width()));
    }
    let idle: Vec<String> = scheme.idle(geometry).iter().map(|(stage, why)| format!("{stage}: {why}")).collect();
    for (stage, why) in scheme.idle(geometry) {
        let kind = stage.to_string();
        let kind = kind.split(' ').next().unwrap_or_default();
        notes.push(format!("{kind} does nothing here: {why}"));
    }
    let lossy = lossy.map(|lossy| lossy.to_string());
    // It has as many samples as the plain image.
    let encrypted = eight_bits(Image::new(geometry, encrypted).unwrap_or(plain));
    Ok((Shown { scheme, geometry: geometry.to_string(), lossy, idle, notes }, encrypted))
}

/// The image at the depth that `encrypt` would give it if it were alone.
fn at_depth(image: Image, request: &PreviewRequest<'_>) -> Result<Image, Failure> {
    let depth = match request.reading.depth {
        Some(depth) if image.geometry().depth() != Depth::U8 => depth,
        // Some headers state it.
        _ if image.geometry().depth() != Depth::U16 => return Ok(image),
        _ => image.used_depth(),
    };
    let path = request.image.display().to_string();
    image.at_depth(depth).map_err(|sample| {
        let kind = ReadErrorKind::TooDeep { sample, max: depth.max() as u16 };
        Error::unreadable(ReadError::new(path, kind)).into()
    })
}

/// The image with 8 bits per sample: the most significant 8.
fn eight_bits(image: Image) -> Image {
    let geometry = image.geometry().with_depth(Depth::U8);
    match image.geometry().depth() {
        Depth::U8 => image,
        depth => {
            let upper = |sample| (depth.sample(image.samples(), sample) >> (depth.bits() - 8)) as u8;
            let shown = (0..geometry.samples()).map(upper).collect();
            Image::new(geometry, shown).unwrap_or(image)
        }
    }
}

/// How far the copies are shifted, in quarters of the sides, and whether they are mirrored. There are as many as a
/// mixture may have partners, all different.
const COPIES: [(i16, i16, bool); 7] =
    [(1, 1, true), (-1, 1, false), (1, -1, false), (-1, -1, true), (0, 1, true), (1, 0, false), (-1, 0, true)];

/// The image mixed with copies of itself, as a picture: -1 is black and 1 white. In a set, the partners are other
/// images.
fn mixture(
    program: &Program,
    mixing: &Mixing,
    plain: &Image,
    id: ImageId,
    request: &PreviewRequest<'_>,
) -> Result<Vec<u8>, Failure> {
    let geometry = plain.geometry();
    let quarter = |side: usize| i16::try_from(side / 4).unwrap_or(i16::MAX).max(1);
    let shifted = |&(down, right, mirrored): &(i16, i16, bool)| Augmentation {
        dy: down * quarter(geometry.height()),
        dx: right * quarter(geometry.width()),
        mirrored,
        ..Augmentation::IDENTITY
    };
    let views = std::iter::once(Augmentation::IDENTITY).chain(COPIES.iter().map(shifted));
    let weights = mixing.weights(id, geometry.samples());
    let image_ref = |(augmentation, weight): (Augmentation, u32)| {
        let id = id.of_augmentation(request.key, augmentation);
        ImageRef::new(0).augmented(augmentation).with_id(id).weighted(weight)
    };
    let refs: Vec<ImageRef> = views.zip(weights).map(image_ref).collect();
    let mut floats = vec![0.0; geometry.samples()];
    Loaded::new(request.device, program.clone())?.floats(plain.samples(), &refs, &mut floats)?;
    let (pixels, channels) = (geometry.pixels(), geometry.channels());
    // From planes to interleaved pixels.
    let sample = |i: usize| ((floats[i % channels * pixels + i / channels] + 1.0) * 127.5).round() as u8;
    Ok((0..geometry.samples()).map(sample).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Quiet;

    impl Progress for Quiet {
        fn start(&self, _: usize) {}
        fn advance(&self, _: usize, _: u64) {}
    }

    #[test]
    fn blocks_become_smaller_where_two_do_not_fit() {
        for (wanted, height, width, side) in [
            (16, 224, 224, 16),
            (16, 32, 40, 16),
            // If two blocks do not fit along one side: the largest that tiles the image, or else the largest of which
            // two fit.
            (16, 28, 28, 14),
            (16, 40, 30, 10),
            (16, 31, 31, 15),
            (16, 8, 3000, 4),
            (4, 8, 8, 4),
            (4, 7, 7, 3),
            (4, 1, 9, 1),
            (1, 1, 1, 1),
            (1, 64, 64, 1),
        ] {
            assert_eq!(block_side(wanted, height, width), side, "{wanted} in {height}x{width}");
        }
    }

    #[test]
    fn every_preset_is_shown_and_no_two_exhibits_are_alike() {
        let all = Exhibit::all();
        let geometry = Geometry::new(224, 224, 3).unwrap();
        let schemes: Vec<Scheme> = all.iter().map(|exhibit| exhibit.scheme(geometry).unwrap().0).collect();
        for preset in PRESETS {
            assert!(schemes.contains(&preset.scheme(Options::default()).unwrap()), "{}", preset.name());
        }
        for (i, scheme) in schemes.iter().enumerate() {
            assert!(!schemes[i + 1..].contains(scheme), "{scheme}");
        }
        assert_eq!(all.len(), 22);
    }

    /// Images of any size, grey or RGB, under all schemes: nothing panics, and everything with an inverse is decrypted.
    #[test]
    fn any_image_is_shown_under_everything() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::from_bytes([5; 32]);
        let sizes =
            ["1x1x1", "1x1x3", "3x2x1", "8x8x3", "17x5x3", "28x28x1", "2x600x3", "48x33x1", "9x8x1x16", "20x34x3x16"];
        for (number, size) in sizes.into_iter().enumerate() {
            let geometry: Geometry = size.parse().unwrap();
            let samples = (0..geometry.bytes()).map(|i| (i * i * 31 + i) as u8).collect();
            let png = imgveil_data::format::picture::encode_png(&Image::new(geometry, samples).unwrap()).unwrap();
            let image = folder.path().join(format!("{number}.png"));
            std::fs::write(&image, png).unwrap();
            let output = folder.path().join(format!("sheet-{number}.png"));
            let exhibits = Exhibit::all();
            let request = PreviewRequest {
                image: &image,
                reading: &ReadOptions::default(),
                output: &output,
                key: &key,
                throwaway: true,
                place: None,
                exhibits: &exhibits,
                device: &Device::cpu(),
            };
            let shown = preview(&request, &Quiet).unwrap().schemes;
            let lossy: Vec<&str> =
                shown.iter().filter(|shown| shown.lossy.is_some()).map(|shown| shown.scheme.name.as_str()).collect();
            let filter = ["skk-filter"; 4];
            const LAST: [&str; 4] = ["instahide", "pixelate", "blur", "dp-pix"];
            match geometry.channels() {
                1 => assert_eq!(lossy, [&filter[..], &LAST].concat()),
                // The channel table loses some of the channels. The key decides which ones, and it may lose none.
                _ => assert!(lossy.ends_with(&LAST) && lossy.len() <= 9, "{lossy:?}"),
            }
            let sheet = image::open(&output).unwrap();
            assert!(sheet.width() <= 3000 && sheet.height() <= 3000);
        }
    }

    #[test]
    fn deep_images_are_shown_by_their_upper_bits() {
        let geometry = Geometry::new(1, 2, 1).unwrap();
        let deep = Image::new(geometry.with_depth(Depth::U16), vec![1, 2, 3, 255]).unwrap();
        assert_eq!(eight_bits(deep), Image::new(geometry, vec![2, 255]).unwrap());
        let twelve = Image::new(geometry.with_depth(Depth::new(12).unwrap()), vec![0xf1, 2, 0xff, 15]).unwrap();
        assert_eq!(eight_bits(twelve), Image::new(geometry, vec![47, 255]).unwrap());
    }

    /// One value of the mixture computed by hand: the weighted mean of the copies, and the sign of the stream.
    #[test]
    fn a_mixture_is_of_the_image_and_its_copies() {
        let key = Key::from_bytes([6; 32]);
        let geometry = Geometry::new(8, 12, 3).unwrap();
        let plain = Image::new(geometry, (0..geometry.samples()).map(|i| (i * 7) as u8).collect()).unwrap();
        let program = compile(&Preset::InstaHide.scheme(Options::default()).unwrap(), &key, geometry).unwrap();
        let mixing = program.mixing().unwrap();
        let id = ImageId::new(&key, "a", geometry, plain.samples());
        let (image, output) = (PathBuf::new(), PathBuf::new());
        let request = PreviewRequest {
            image: &image,
            reading: &ReadOptions::default(),
            output: &output,
            key: &key,
            throwaway: false,
            place: None,
            exhibits: &[],
            device: &Device::cpu(),
        };
        let mixed = mixture(&program, mixing, &plain, id, &request).unwrap();
        let weights = mixing.weights(id, geometry.samples());
        let views = [(0, 0, false), (2, 3, true), (-2, 3, false), (2, -3, false)];
        let mut copies = Vec::new();
        for (dy, dx, mirrored) in views {
            let mut copy = vec![0; geometry.samples()];
            Augmentation { dy, dx, mirrored, ..Augmentation::IDENTITY }.copy(geometry, plain.samples(), &mut copy);
            copies.push(copy);
        }
        for (i, &shown) in mixed.iter().enumerate() {
            let mean: f64 =
                copies.iter().zip(&weights).map(|(copy, &w)| f64::from(copy[i]) * f64::from(w)).sum::<f64>() / 65536.0;
            let near = |value: f64| (f64::from(shown) - value).abs() <= 0.5 + 1e-3;
            assert!(near(mean) || near(255.0 - mean), "sample {i} is {shown}, and the mean {mean}");
        }
    }
}
