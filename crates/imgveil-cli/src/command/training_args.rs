//! Flags of `imgveil train` that say how the network learns, beyond optimiser and epochs.

use imgveil_train::study::{not_negative, share};
use imgveil_train::{Balance, Config, Normalise, Precision};

/// How the network learns.
#[derive(clap::Args)]
pub struct TrainingArgs {
    /// Number of batches per step. Their gradients are added, as for one batch of N times the size, in the memory of
    /// a single batch
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    accumulate: u32,
    /// Encrypt every image under another key in every epoch: for schemes with a key per image, such as etc-image
    #[arg(long)]
    fresh_keys: bool,
    /// Share of each label's weight that is spread evenly over all classes, 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = share)]
    label_smoothing: f64,
    /// Epochs in which the learning rate rises in equal steps [default: a tenth of the run]
    #[arg(long, value_name = "EPOCHS")]
    warmup: Option<u32>,
    /// Largest norm of the gradients of a step: larger ones are scaled down to it; 0 sets no limit
    #[arg(long, default_value_t = 1.0, value_name = "NORM", value_parser = not_negative)]
    clip: f64,
    /// Stop after this many epochs without a better validation score [default: never]
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..))]
    patience: Option<u32>,
    /// How classes of different sizes are balanced: none, weights (rare classes count more in the loss) or sampler
    /// (every class is drawn equally often)
    #[arg(long, default_value = "none", value_name = "HOW")]
    balance: Balance,
    /// Scale of the network's input: none (pixels from -1 to 1) or imagenet (the mean and deviation that weights of
    /// torchvision and timm expect)
    #[arg(long, default_value = "none", value_name = "NAME")]
    normalise: Normalise,
    /// Number format of training: f32, or mixed (16-bit floats where the device supports them; weights stay f32)
    #[arg(long, default_value = "f32", value_name = "NAME")]
    precision: Precision,
}

impl TrainingArgs {
    /// A configuration with the values of these flags.
    pub fn of(&self, config: Config) -> Config {
        Config {
            accumulate: self.accumulate as usize,
            fresh_keys: self.fresh_keys,
            label_smoothing: self.label_smoothing,
            warmup: self.warmup.map(|epochs| epochs as usize),
            clip: Some(self.clip).filter(|&limit| limit > 0.0),
            patience: self.patience.map(|epochs| epochs as usize),
            balance: self.balance,
            normalise: self.normalise,
            precision: self.precision,
            ..config
        }
    }
}
