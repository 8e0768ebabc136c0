//! Training on encrypted images.

pub mod metrics;
