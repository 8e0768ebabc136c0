//! Optimisers and the learning rate over a run.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamWConfig, ModuleOptimizer, SgdConfig};
use std::str::FromStr;

/// Which optimiser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimiserKind {
    /// Adam with decoupled weight decay (Loshchilov & Hutter, ICLR 2019).
    AdamW,
    /// Stochastic gradient descent with momentum 0.9. The default: on our medical images it generalised better than AdamW
    /// (README, "What encryption costs").
    #[default]
    Sgd,
}

impl FromStr for OptimiserKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "adamw" => Ok(Self::AdamW),
            "sgd" => Ok(Self::Sgd),
            _ => Err(format!("`{text}` is no optimiser: adamw or sgd")),
        }
    }
}

impl OptimiserKind {
    /// The learning rate where the user gives none.
    pub fn default_learning_rate(self) -> f64 {
        match self {
            Self::AdamW => 1e-3,
            Self::Sgd => 5e-2,
        }
    }

    /// The weight decay where the user gives none.
    pub fn default_weight_decay(self) -> f64 {
        match self {
            Self::AdamW => 1e-2,
            Self::Sgd => 5e-4,
        }
    }

    pub(super) fn build(self, weight_decay: f64) -> ModuleOptimizer {
        match self {
            Self::AdamW => AdamWConfig::new().with_weight_decay(weight_decay as f32).with_epsilon(1e-8).init(),
            Self::Sgd => SgdConfig::new()
                .with_momentum(Some(MomentumConfig::new().with_momentum(0.9)))
                .with_weight_decay(Some(WeightDecayConfig::new(weight_decay as f32)))
                .init(),
        }
    }
}

/// The cosine schedule: from `base` at step 0 towards 0 at step `steps` (Loshchilov & Hutter, "SGDR", ICLR 2017, without
/// restarts).
pub(super) fn cosine(base: f64, step: usize, steps: usize) -> f64 {
    let progress = step as f64 / steps.max(1) as f64;
    base * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cosine_begins_at_the_base_and_ends_near_zero() {
        assert_eq!(cosine(0.1, 0, 100), 0.1);
        assert!((cosine(0.1, 50, 100) - 0.05).abs() < 1e-12);
        assert!(cosine(0.1, 99, 100) < 1e-4);
        assert!((1..100).all(|step| cosine(1.0, step, 100) < cosine(1.0, step - 1, 100)));
    }
}
