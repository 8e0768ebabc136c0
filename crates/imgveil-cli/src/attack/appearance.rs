//! What encrypted images look like, by the metrics that papers on image encryption report. Nothing is attacked.

use super::black_box::BlackBox;
use super::ciphertext::{ENOUGH, SOME};
use super::finding::{Finding, Grade, Pictures};
use super::target::Target;
use imgveil_attack::metric::{self, mean};
use imgveil_attack::{Batch, Error};
use serde::{Deserialize, Serialize};

/// The mean of `metric::outlines` from which outlines count as shown. Under a cipher it is 0.3 or less.
pub const OUTLINES: f64 = 0.5;
/// Images that are measured, at most.
const MEASURED: usize = 64;

/// The means over the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Appearance {
    /// How many images were measured.
    pub measured: usize,
    /// Of encrypted images to plain ones.
    pub ssim: f64,
    /// In dB; `None` where images are equal.
    pub psnr: Option<f64>,
    /// `None` for images with a side below 176.
    pub ms_ssim: Option<f64>,
    /// How far outlines show, from 0 to 1. `None` for images with a side below 32.
    pub outlines: Option<f64>,
    /// The share of edges in the same places.
    pub edge_overlap: f64,
    /// In bits.
    pub mutual_information: f64,
    pub plain: Of,
    pub encrypted: Of,
    /// How much of an encrypted image changes with one bit of the key. `None` without a black box.
    pub key_bit: Option<Change>,
    /// How much of it changes with one step of one plain sample. `None` without a black box.
    pub plain_sample: Option<Change>,
}

/// Metrics of images by themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Of {
    /// The correlation of horizontal, vertical and diagonal neighbours; `None` where all pixels are equal.
    pub adjacent: [Option<f64>; 3],
    /// In bits.
    pub entropy: f64,
    pub chi_square: f64,
}

/// How much of an image changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The share of samples that change.
    pub npcr: f64,
    /// By how much they do, as a share of the range.
    pub uaci: f64,
}

/// Measures encrypted images. `neighbour` encrypts under the key with one bit changed.
pub fn appearance(target: &Target, plain: &Batch, neighbour: Option<&BlackBox>) -> Result<Finding<Appearance>, Error> {
    let count = plain.len().min(MEASURED);
    let taken: Vec<usize> = (0..count).map(|number| number * plain.len() / count).collect();
    let (shown, hidden) = (plain.select(&taken), target.encrypted.select(&taken));
    let names: Vec<String> = taken.iter().map(|&number| target.names[number].clone()).collect();
    let changed = |other: Batch| -> Result<Change, Error> {
        Ok(Change { npcr: mean(&metric::npcr(&hidden, &other)?), uaci: mean(&metric::uaci(&hidden, &other)?) })
    };
    let key_bit = neighbour.map(|other| changed(other.encrypt_named(&shown, &names)?)).transpose()?;
    let plain_sample = target.black_box.as_ref();
    let plain_sample =
        plain_sample.map(|black_box| changed(black_box.encrypt_named(&stepped(&shown)?, &names)?)).transpose()?;
    let ssim = mean(&metric::ssim(&shown, &hidden)?);
    let figures = Appearance {
        measured: count,
        ssim,
        psnr: Some(mean(&metric::psnr(&shown, &hidden)?)).filter(|psnr| psnr.is_finite()),
        ms_ssim: metric::ms_ssim(&shown, &hidden).ok().map(|all| mean(&all)),
        outlines: metric::outlines(&shown, &hidden).ok().map(|all| mean(&all)),
        edge_overlap: mean(&metric::edge_overlap(&shown, &hidden)?),
        mutual_information: mean(&metric::mutual_information(&shown, &hidden)?),
        plain: of(&shown)?,
        encrypted: of(&hidden)?,
        key_bit,
        plain_sample,
    };
    let (grade, begin) = match ssim {
        ENOUGH.. => (Grade::Open, "PLAIN TO SEE"),
        SOME.. => (Grade::InPart, "SHAPES SHOW"),
        _ if figures.outlines.is_some_and(|shown| shown >= OUTLINES) => (Grade::InPart, "OUTLINES SHOW"),
        _ => (Grade::Resists, "HIDDEN from the eye"),
    };
    let verdict = format!(
        "{begin}. Encrypted images as they are have a mean SSIM of {ssim:.3}, {:.0} % of their edges are in the places \
         of the plain ones{}",
        100.0 * figures.edge_overlap,
        figures.outlines.map_or(String::new(), |shown| format!(", and outlines show by {shown:.2}"))
    );
    let (mut pictures, numbers) = Pictures::of(&taken, &target.names);
    pictures.column("plain", plain, &numbers);
    pictures.column("encrypted", &target.encrypted, &numbers);
    Ok(Finding { figures, grade, verdict, pictures })
}

fn of(images: &Batch) -> Result<Of, Error> {
    let adjacent = metric::adjacent_correlation(images)?;
    // Images of one value have no correlation, and do not count.
    let direction = |of: fn(&metric::Adjacent) -> f64| {
        let told: Vec<f64> = adjacent.iter().map(of).filter(|value| value.is_finite()).collect();
        (!told.is_empty()).then(|| mean(&told))
    };
    Ok(Of {
        adjacent: [direction(|all| all.horizontal), direction(|all| all.vertical), direction(|all| all.diagonal)],
        entropy: mean(&metric::entropy(images)),
        chi_square: mean(&metric::chi_square(images)),
    })
}

/// The images with the sample in the middle of each changed by one.
fn stepped(images: &Batch) -> Result<Batch, Error> {
    let (shape, max) = (images.shape(), images.max());
    let middle = (shape.height / 2 * shape.width + shape.width / 2) * shape.channels;
    let mut samples = images.samples().to_vec();
    for image in samples.chunks_exact_mut(shape.samples()) {
        image[middle] = if image[middle] < max { image[middle] + 1 } else { max - 1 };
    }
    Batch::new(shape, max, samples)
}
