//! The work of `imgveil preview`: encrypts one image under many schemes and draws the results on one sheet. Every image
//! that can be decrypted is decrypted and compared.

mod exhibit;
mod mixture;

pub use exhibit::Exhibit;

use self::mixture::mixture;
use crate::error::Error;
use crate::exit::Failure;
use crate::sheet::{Captioned, STRETCHED, gallery, is_stretched, picture, png};
use imgveil::internal::engine::{Device, ImageRef, Loaded};
use imgveil::internal::image::{Depth, Geometry, Image};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::{Scheme, compile};
use imgveil::internal::sealed::{Salt, image_id, neutral_name};
use imgveil_data::format::{ReadError, ReadErrorKind, ReadOptions, one_image};
use imgveil_data::job::Progress;
use imgveil_data::set::{Resize, check_new, write_atomically};
use std::path::{Path, PathBuf};

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
    /// A picture, a DICOM object or a NIfTI volume, of which the middle image is shown.
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
    let image = one_image(request.image, request.reading, factor).map_err(Error::unreadable)?;
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
    let mut notes = vec![
        key,
        "What the eye does not see may be broken all the same: `imgveil schemes NAME` tells by what.".to_owned(),
    ];
    notes.extend(shown.iter().any(|(_, shown)| is_stretched(shown)).then(|| STRETCHED.to_owned()));
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
            (mixture(&program, mixing, &plain, id, request.key, request.device)?, program.inverse().err())
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
    // What its weakest attacker gets, where that was measured.
    notes.extend(scheme.risks().first().map(ToString::to_string));
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
    let encrypted = Image::new(geometry, encrypted).unwrap_or(plain);
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Quiet;

    impl Progress for Quiet {
        fn start(&self, _: usize) {}
        fn advance(&self, _: usize, _: u64) {}
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
    fn deep_images_are_mixed_by_their_upper_bits() {
        let geometry = Geometry::new(1, 2, 1).unwrap();
        let deep = Image::new(geometry.with_depth(Depth::U16), vec![1, 2, 3, 255]).unwrap();
        assert_eq!(eight_bits(deep), Image::new(geometry, vec![2, 255]).unwrap());
        let twelve = Image::new(geometry.with_depth(Depth::new(12).unwrap()), vec![0xf1, 2, 0xff, 15]).unwrap();
        assert_eq!(eight_bits(twelve), Image::new(geometry, vec![47, 255]).unwrap());
    }
}
