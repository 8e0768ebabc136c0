//! Training on encrypted images.
//!
//! A set is either plain and comes with a key, so that each batch is augmented and then encrypted on the device, or
//! it is encrypted already and needs no key.
//!
//! On a GPU the images stay on the device as packed bytes. A step sends 32 bytes per image (which image, which
//! augmentation, which label), and one dispatch writes the network's input into burn's own memory. Only losses that
//! are shown come back. A set for which the device has no room streams: the packed bytes of a batch's images are sent
//! with it. Without a GPU, burn's flex backend trains on the output of the CPU engine, which has the same bits.
//!
//! Where to start:
//!
//! - [`Feed`] gives encrypted batches to a burn network of your own.
//! - [`RunSpec`] describes a whole training run as plain data; [`run()`] performs it and returns a [`RunSummary`].
//! - [`train`] trains one of the networks of [`model`] on a [`TrainingSet`]; [`predict()`] applies the result.
//! - [`study`] trains a grid of schemes, networks and seeds and tabulates the scores.
//!
//! Every function fails with [`Error`], which has a [`kind`](Error::kind) and a [`detail`](Error::detail).

mod augment;
mod backend;
mod batches;
pub mod chart;
mod checkpoint;
mod config;
mod data;
pub mod error;
mod evaluate;
mod feed;
#[doc(hidden)]
pub mod inverse;
mod key_matched;
mod loss;
pub mod metrics;
pub mod model;
mod normalise;
mod optimiser;
mod outcome;
mod parameters;
mod precision;
mod predict;
mod progress;
mod run;
mod run_folder;
#[doc(hidden)]
pub mod self_test;
mod state;
mod step_bench;
pub mod study;
mod trainer;
mod unknown;
mod watchdog;
mod weights;

pub use augment::Augment;
pub use backend::Backend;
#[doc(hidden)]
pub use checkpoint::describe;
pub use checkpoint::{ModelInfo, load_checkpoint};
pub use config::Config;
pub use data::{TrainingSet, TrainingSetRequest, training_set, training_set_with};
pub use error::{Error, ErrorDetail, ErrorKind};
pub use evaluate::Evaluation;
pub use feed::{Batch, Batches, Feed, FeedError, Labels, Split};
pub use key_matched::{Direction, KeyMatchedRequest, key_matched};
pub use loss::{Balance, class_weights};
pub use normalise::Normalise;
pub use optimiser::OptimiserKind;
pub use outcome::{Epoch, Outcome, StepTraffic};
pub use precision::Precision;
pub use predict::{PredictRequest, Prediction, Predictions, predict};
pub use progress::Progress;
pub use run::{DEVICE_MEMORY, Message, PreparedRun, RunSpec, SecretSource, run};
#[doc(hidden)]
pub use run::{Room, StepMemory, StepProbe, Unfit};
#[doc(hidden)]
pub use run_folder::identity_of;
pub use run_folder::{ImageCounts, RunFolder, RunSummary, SUMMARY};
pub use step_bench::{StepBench, StepFigures, step_bench};
pub use trainer::{check, train};
pub use watchdog::Watchdog;
pub use weights::{Weights, export_checkpoint, export_weights};
