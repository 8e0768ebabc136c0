//! Learned inverse: a network that the attacker trains to undo the encryption.

use super::black_box::stored;
use super::finding::{Finding, Grade, Pictures};
use super::target::Target;
use crate::exit::Failure;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::{Block, Scheme, Stage};
use imgveil_attack::{Batch, metric};
use imgveil_data::set::Loaded;
use imgveil_train::inverse::{Encrypted, Inverse, InverseConfig, InverseEpoch, from_pairs, from_public};
use imgveil_train::{Backend, Split};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;

/// The median SSIM above that of the mean image from which something counts as restored.
const SOME: f64 = 0.05;
/// The median SSIM from which images count as restored.
const ENOUGH: f64 = 0.5;

/// How the network is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// An inverse transformation network, trained on pairs of plain and encrypted images
    Itn,
    /// Trained on encrypted images and other, plain ones, against a discriminator
    SiaGan,
}

/// The figures of the attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    pub method: Method,
    /// Whether the attacker encrypted his images with keys of his own.
    pub own_keys: bool,
    pub public_images: usize,
    pub attacked_images: usize,
    pub epochs: usize,
    /// The loss of the generator after the last epoch.
    pub loss: f32,
    pub ssim: Spread,
    pub psnr: Spread,
    /// The same of the mean of the attacker's images, which says nothing of any image.
    pub mean_image_ssim: Spread,
    pub mean_image_psnr: Spread,
    pub encrypted_ssim: f64,
    pub seconds: f64,
}

/// Of images, the worst, the median and the best.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub worst: f64,
    pub median: f64,
    pub best: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        Self { worst: at(0), median: at(values.len() / 2), best: at(values.len().saturating_sub(1)) }
    }
}

/// What the attacker trains with.
pub struct Training<'a> {
    pub method: Method,
    pub config: InverseConfig,
    pub backend: &'a Backend,
    /// His plain images. None of them is attacked.
    pub public: &'a Batch,
    /// Their encrypted forms under the key that is attacked, for [`Method::Itn`] where all images share a key.
    pub pairs: Option<&'a Batch>,
}

/// Whether every image has a key of its own, so that the attacker's own keys are as good as any.
pub fn keyed_per_image(scheme: &Scheme) -> bool {
    scheme.stages.iter().any(Stage::keyed_per_image)
}

/// The block whose places get sub-networks of their own.
pub fn block(scheme: &Scheme, geometry: Geometry) -> Option<Block> {
    let tile = scheme.tile();
    let fits =
        geometry.height().is_multiple_of(tile.height as usize) && geometry.width().is_multiple_of(tile.width as usize);
    (!keyed_per_image(scheme) && fits).then_some(tile)
}

/// Trains, restores the attacked images and measures them. `hear` is told of every epoch and stops by `false`.
pub fn learned(
    target: &Target,
    plain: &Batch,
    training: &Training<'_>,
    hear: &mut dyn FnMut(InverseEpoch) -> bool,
) -> Result<Finding<Learned>, Failure> {
    let started = Instant::now();
    let geometry = target.geometry();
    let split = |images: &Batch| split(images, geometry);
    let (public, attacked) = (split(training.public), split(&target.encrypted));
    let (mut epochs, mut loss) = (0, f32::NAN);
    let mut heard = |epoch: InverseEpoch| {
        (epochs, loss) = (epoch.epoch, epoch.loss);
        hear(epoch)
    };
    let (config, backend) = (&training.config, training.backend);
    let inverse: Inverse = match (training.method, training.pairs, &target.scheme) {
        (Method::SiaGan, ..) => from_public(backend, &attacked, &public, config, &mut heard)?,
        (Method::Itn, Some(pairs), _) => {
            from_pairs(backend, &public, &Encrypted::Leaked(split(pairs)), config, &mut heard)?
        }
        (Method::Itn, None, Some(scheme)) => {
            from_pairs(backend, &public, &Encrypted::OwnKeys(scheme.clone()), config, &mut heard)?
        }
        (Method::Itn, None, None) => return Err(super::target::no_plain()),
    };
    let samples = super::black_box::read(&inverse.restore(&attacked)?, geometry);
    let restored = Batch::new(plain.shape(), plain.max(), samples)?;
    let mean = mean_image(training.public, plain.len())?;
    let ssim = each(plain, &restored, metric::ssim)?;
    let order = ranked(&ssim);
    let (ssim, psnr) = (Spread::of(ssim), Spread::of(each(plain, &restored, metric::psnr)?));
    let mean_image_ssim = Spread::of(each(plain, &mean, metric::ssim)?);
    let mean_image_psnr = Spread::of(each(plain, &mean, metric::psnr)?);
    let encrypted = each(plain, &target.encrypted, metric::ssim)?;
    let encrypted_ssim = encrypted.iter().sum::<f64>() / encrypted.len().max(1) as f64;
    let (grade, verdict) = verdict(ssim, mean_image_ssim);
    let (mut pictures, numbers) = Pictures::of(&order, &target.names);
    pictures.column("plain", plain, &numbers);
    pictures.column("encrypted", &target.encrypted, &numbers);
    pictures.column("restored", &restored, &numbers);
    let figures = Learned {
        method: training.method,
        own_keys: training.method == Method::Itn && training.pairs.is_none(),
        public_images: training.public.len(),
        attacked_images: plain.len(),
        epochs,
        loss,
        ssim,
        psnr,
        mean_image_ssim,
        mean_image_psnr,
        encrypted_ssim,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok(Finding { figures, grade, verdict, pictures })
}

fn verdict(ssim: Spread, mean: Spread) -> (Grade, String) {
    let told =
        format!("the restored images have a median SSIM of {:.3}, and the mean image {:.3}", ssim.median, mean.median);
    if ssim.median >= ENOUGH && ssim.median > mean.median + SOME {
        (Grade::Open, format!("OPEN: {told}"))
    } else if ssim.median > mean.median + SOME {
        (Grade::InPart, format!("OPENS IN PART: {told}"))
    } else {
        (Grade::Resists, format!("RESISTS this attack with so many images and epochs: {told}"))
    }
}

/// The images from the worst to the best, evenly spread: the first, the middle ones and the last.
fn ranked(ssim: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ssim.len()).collect();
    order.sort_by(|&a, &b| ssim[b].total_cmp(&ssim[a]));
    let shown = order.len().min(6);
    (0..shown).map(|row| order[row * (order.len() - 1) / (shown - 1).max(1)]).collect()
}

/// A metric of every image.
fn each(
    plain: &Batch,
    other: &Batch,
    metric: fn(&Batch, &Batch) -> Result<Vec<f64>, imgveil_attack::Error>,
) -> Result<Vec<f64>, Failure> {
    Ok(metric(plain, other)?)
}

/// The mean of images, `count` times.
fn mean_image(images: &Batch, count: usize) -> Result<Batch, Failure> {
    let size = images.shape().samples();
    let mut sums = vec![0u64; size];
    for image in images.iter() {
        sums.iter_mut().zip(image).for_each(|(sum, &sample)| *sum += u64::from(sample));
    }
    let n = images.len().max(1) as u64;
    let mean: Vec<u16> = sums.iter().map(|sum| ((sum + n / 2) / n) as u16).collect();
    Ok(Batch::new(images.shape(), images.max(), mean.repeat(count))?)
}

/// Images as the feed takes them.
fn split(images: &Batch, geometry: Geometry) -> Arc<Split> {
    let samples = stored(images.samples(), geometry);
    let names = (0..images.len()).map(|number| number.to_string()).collect();
    let loaded = Loaded { geometry, samples, labels: vec![0; images.len()], names };
    Arc::new(Split::new(loaded, 1, None))
}
