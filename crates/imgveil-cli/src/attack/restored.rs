//! The figures of a learned inverse.

use serde::{Deserialize, Serialize};

/// The median SSIM above that of the mean image from which something counts as restored.
pub const SOME: f64 = 0.05;
/// The median SSIM from which images count as restored.
pub const ENOUGH: f64 = 0.5;

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
    /// The loss of the generator in the last epoch. `None` where it is no number: the training failed.
    pub loss: Option<f32>,
    pub ssim: Spread,
    /// In dB, 100 at most: equal images have no finite one.
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
