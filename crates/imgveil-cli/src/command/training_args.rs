//! Flags of `imgveil train` that say how the network learns, beyond optimiser and epochs.

use imgveil_train::study::{not_negative, share};
use imgveil_train::{Balance, Config, Normalise, Precision};

/// How the network learns.
#[derive(clap::Args)]
pub struct TrainingArgs {
    /// Batches of a step: their gradients are added up as if they were one batch, for the memory of one
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    accumulate: u32,
    /// How much of each label is spread over all classes, 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = share)]
    label_smoothing: f64,
    /// Epochs in which the learning rate rises in equal steps [default: a tenth of the run]
    #[arg(long, value_name = "EPOCHS")]
    warmup: Option<u32>,
    /// Largest norm of the gradients of a step: larger ones are scaled down to it; 0 sets no limit
    #[arg(long, default_value_t = 1.0, value_name = "NORM", value_parser = not_negative)]
    clip: f64,
    /// Stop after so many epochs without a better validation score [default: never]
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..))]
    patience: Option<u32>,
    /// Classes of very different sizes: none, weights (rare classes count more in the loss) or sampler (every class
    /// is shown equally often)
    #[arg(long, default_value = "none", value_name = "HOW")]
    balance: Balance,
    /// What the network does with its input first: none (pixels from -1 to 1) or imagenet (what weights of torchvision
    /// and timm expect)
    #[arg(long, default_value = "none", value_name = "NAME")]
    normalise: Normalise,
    /// What the network computes in while it learns: f32, or mixed (16-bit floats where the device has them; weights
    /// stay 32 bits wide)
    #[arg(long, default_value = "f32", value_name = "NAME")]
    precision: Precision,
}

impl TrainingArgs {
    /// A configuration with the values of these flags.
    pub fn of(&self, config: Config) -> Config {
        Config {
            accumulate: self.accumulate as usize,
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
