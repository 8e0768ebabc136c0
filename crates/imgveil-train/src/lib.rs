//! Training on encrypted images: plain images and a key (encrypted on the device, after augmentation, each step), or images
//! that are encrypted already and no key.
//!
//! On a GPU the images stay on the device as packed bytes; a step sends 32 bytes an image up (which image, which view, which
//! label) and one dispatch writes the network's input into burn's own memory. Nothing comes back but the loss, when it is shown.
//! A set for which the device has no room streams: the packed bytes of a batch's images go up with it.
//! Without a GPU, burn's flex backend trains on what the CPU engine encrypts, to the same bits.

mod augment;
mod backend;
mod batches;
pub mod chart;
mod checkpoint;
mod data;
mod evaluate;
mod feed;
mod key_matched;
mod loss;
pub mod metrics;
pub mod model;
mod optimiser;
mod precision;
mod predict;
mod run_folder;
mod state;
pub mod study;
mod trainer;
mod weights;

pub use augment::Augment;
pub use backend::Backend;
pub use checkpoint::{CheckpointError, ModelInfo, load_checkpoint};
pub use data::{DataError, TrainingSet, training_set};
pub use evaluate::Evaluation;
pub use feed::{Batch, Batches, Feed, FeedError, Labels, Split};
pub use key_matched::{Direction, KeyMatchedError, KeyMatchedRequest, key_matched};
pub use loss::{Balance, class_weights};
pub use optimiser::OptimiserKind;
pub use precision::Precision;
pub use predict::{PredictError, PredictRequest, Prediction, Predictions, predict};
pub use run_folder::{RunFolder, RunFolderError, SUMMARY};
pub use trainer::{Config, Epoch, Outcome, Progress, StepTraffic, TrainError, check, train};
pub use weights::{Weights, WeightsError, export_checkpoint, export_weights};
