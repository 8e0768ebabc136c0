//! Learned inverse: a network that the attacker trains to undo the encryption.

use super::black_box::stored;
use super::finding::{Finding, Grade, Pictures};
use super::reading::Read;
use super::restored::{ENOUGH, Learned, Method, SOME, Spread};
use super::target::Target;
use crate::exit::{FAILED, Failure, USAGE};
use imgveil::internal::engine::Device;
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Block, Scheme, Secret, Stage};
use imgveil_attack::{Batch, Oracle, metric};
use imgveil_data::Size;
use imgveil_data::set::Loaded;
use imgveil_train::inverse::{
    self, Encrypted, Inverse, InverseConfig, InverseEpoch, from_pairs, from_public, mixtures,
};
use imgveil_train::{Backend, Room, Split};
use std::sync::Arc;
use std::time::Instant;

/// What the attacker trains with.
pub struct Training<'a> {
    pub method: Method,
    pub config: InverseConfig,
    pub backend: &'a Backend,
}

/// What is attacked, and what the attacker has.
pub struct Prepared {
    pub target: Target,
    /// What the network sees of the target.
    seen: Arc<Split>,
    public: Batch,
    pairs: Option<Batch>,
}

/// Encrypts images, or mixes them. `own` are the attacker's plain images; without them, every second image is his.
pub fn prepare(
    scheme: &Scheme,
    (secret, told): (Secret, String),
    mut read: Read,
    own: Option<Batch>,
    method: Method,
    backend: &Backend,
    device: &Device,
) -> Result<Prepared, Failure> {
    let public = own.unwrap_or_else(|| read.keep_every_second());
    check_alike(&public, &read.images)?;
    if scheme.mixes() {
        let (target, seen) = mixed(backend, scheme, (secret.key(), told), read)?;
        return Ok(Prepared { target, seen, public, pairs: None });
    }
    let target = Target::encrypted_here(scheme, secret, told, read, device)?;
    let seen = Arc::new(split(&target.encrypted, target.geometry()));
    let pairs = match (&target.black_box, method) {
        (Some(black_box), Method::Itn) if !needs_no_pairs(scheme) => Some(black_box.encrypt(&public)?),
        _ => None,
    };
    Ok(Prepared { target, seen, public, pairs })
}

/// Mixes images with each other here, under a scheme that does so. Returns them as a target and as the network sees
/// them. Each is compared with the image that has the largest weight in it.
fn mixed(
    backend: &Backend,
    scheme: &Scheme,
    (key, told): (&Key, String),
    read: Read,
) -> Result<(Target, Arc<Split>), Failure> {
    let geometry = read.geometry;
    let (mixed, strongest) = mixtures(backend, &Arc::new(split(&read.images, geometry)), scheme, key)?;
    let picture = |image: &[f32]| super::black_box::read(&inverse::stored(image, geometry), geometry);
    let samples = mixed.floats.chunks_exact(geometry.samples()).flat_map(picture).collect();
    let pictures = Batch::new(read.images.shape(), read.images.max(), samples)?;
    let plain = read.images.select(&strongest);
    Ok((Target::mixed_here(scheme, told, read, plain, pictures), Arc::new(mixed)))
}

/// Whether the attacker needs no pairs, as his own keys are as good as any: every image has a key of its own, or is
/// mixed with others as they are drawn.
pub fn needs_no_pairs(scheme: &Scheme) -> bool {
    scheme.mixes() || scheme.stages.iter().any(Stage::keyed_per_image)
}

/// The block whose places get sub-networks of their own.
pub fn block(scheme: &Scheme, geometry: Geometry) -> Option<Block> {
    let tile = scheme.tile();
    let fits =
        geometry.height().is_multiple_of(tile.height as usize) && geometry.width().is_multiple_of(tile.width as usize);
    (!needs_no_pairs(scheme) && fits).then_some(tile)
}

/// Refuses images of the attacker's that are not like those that are attacked.
fn check_alike(public: &Batch, plain: &Batch) -> Result<(), Failure> {
    if (public.shape(), public.max()) == (plain.shape(), plain.max()) {
        return Ok(());
    }
    let words = format!(
        "the attacker's images are {} of up to {}, and those that are attacked {} of up to {}: bring them to one size \
         with --resize",
        public.shape(),
        public.max(),
        plain.shape(),
        plain.max()
    );
    Err(Failure { words, code: USAGE })
}

/// Refuses what cannot be trained: too few or too small images, and networks that surely do not fit into memory, as an
/// allocation that fails ends the process.
pub fn check(prepared: &Prepared, training: &Training<'_>) -> Result<(), Failure> {
    let failure = |words: String, code: u8| Err(Failure { words, code });
    let (own, attacked) = (prepared.public.len(), prepared.target.encrypted.len());
    if own.min(attacked) < 2 {
        let words = "training needs two images or more on both sides";
        return failure(format!("{words}: {own} of the attacker's, {attacked} attacked"), USAGE);
    }
    let (shape, geometry) = (prepared.public.shape(), prepared.target.geometry());
    let judged = training.method == Method::SiaGan;
    if judged && shape.height.min(shape.width) < 8 {
        return failure(format!("sia-gan needs sides of 8 pixels or more, and the images are {shape}"), USAGE);
    }
    if !training.backend.uses_host_memory() {
        return Ok(());
    }
    let config = InverseConfig { batch: training.config.batch.min(own.max(attacked)), ..training.config };
    let needed = config.least_memory(geometry, judged);
    match Room::now().least() {
        Some(available) if needed > available => {
            let words = format!(
                "training takes {} of memory or more, and {} is available: take smaller images (--resize), a smaller \
                 block, --width or --batch",
                Size(needed),
                Size(available)
            );
            failure(words, FAILED)
        }
        _ => Ok(()),
    }
}

/// Trains, restores the attacked images and measures them. `hear` is told of every epoch and stops by `false`.
pub fn learned(
    prepared: &Prepared,
    training: &Training<'_>,
    hear: &mut dyn FnMut(InverseEpoch) -> bool,
) -> Result<Finding<Learned>, Failure> {
    check(prepared, training)?;
    let Prepared { target, seen, public: own, pairs } = prepared;
    let (geometry, plain) = (target.geometry(), target.plain()?);
    let started = Instant::now();
    let split = |images: &Batch| Arc::new(split(images, geometry));
    let public = split(own);
    let (mut epochs, mut loss) = (0, f32::NAN);
    let mut heard = |epoch: InverseEpoch| {
        (epochs, loss) = (epoch.epoch, epoch.loss);
        hear(epoch)
    };
    let (config, backend) = (&training.config, training.backend);
    let inverse: Inverse = match (training.method, pairs, &target.scheme) {
        (Method::SiaGan, ..) => from_public(backend, seen, &public, config, &mut heard)?,
        (Method::Itn, Some(pairs), _) => {
            from_pairs(backend, &public, &Encrypted::Leaked(split(pairs)), config, &mut heard)?
        }
        (Method::Itn, None, Some(scheme)) => {
            from_pairs(backend, &public, &Encrypted::OwnKeys(scheme.clone()), config, &mut heard)?
        }
        (Method::Itn, None, None) => return Err(super::target::no_plain()),
    };
    let samples = super::black_box::read(&inverse.restore(seen)?, geometry);
    let restored = Batch::new(plain.shape(), plain.max(), samples)?;
    let mean = mean_image(own, plain.len())?;
    let ssim = each(plain, &restored, metric::ssim)?;
    let order = ranked(&ssim);
    let psnr = |other: &Batch| -> Result<Spread, Failure> {
        let values = each(plain, other, metric::psnr)?;
        Ok(spread(values.into_iter().map(|value| value.min(100.0)).collect()))
    };
    let (ssim, of_mean) = (spread(ssim), each(plain, &mean, metric::ssim)?);
    let mean_image_ssim = spread(of_mean);
    let encrypted = each(plain, &target.encrypted, metric::ssim)?;
    let encrypted_ssim = encrypted.iter().sum::<f64>() / encrypted.len().max(1) as f64;
    let (grade, verdict) = verdict(ssim, mean_image_ssim);
    let (mut pictures, numbers) = Pictures::of(&order, &target.names);
    pictures.column("plain", plain, &numbers);
    pictures.column("encrypted", &target.encrypted, &numbers);
    pictures.column("restored", &restored, &numbers);
    let figures = Learned {
        method: training.method,
        own_keys: training.method == Method::Itn && pairs.is_none(),
        public_images: own.len(),
        attacked_images: plain.len(),
        epochs,
        loss: Some(loss).filter(|loss| loss.is_finite()),
        ssim,
        psnr: psnr(&restored)?,
        mean_image_ssim,
        mean_image_psnr: psnr(&mean)?,
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

/// The spread of values.
fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    Spread { worst: at(0), median: at(values.len() / 2), best: at(values.len().saturating_sub(1)) }
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
fn split(images: &Batch, geometry: Geometry) -> Split {
    let samples = stored(images.samples(), geometry);
    let names = (0..images.len()).map(|number| number.to_string()).collect();
    let loaded = Loaded { geometry, samples, labels: vec![0; images.len()], names };
    Split::new(loaded, 1, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_mean_image_shows_counts_for_nothing() {
        let of = |median: f64, mean: f64| {
            let spread = |median| Spread { worst: 0.0, median, best: 1.0 };
            verdict(spread(median), spread(mean)).0
        };
        assert_eq!(of(0.9, 0.6), Grade::Open);
        assert_eq!(of(0.45, 0.2), Grade::InPart);
        assert_eq!(of(0.62, 0.6), Grade::Resists);
        assert_eq!(of(0.4, 0.6), Grade::Resists);
    }
}
