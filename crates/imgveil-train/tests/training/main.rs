//! The feed, the trainer and its checkpoints: on burn's CPU backend, and on the GPU that imgveil's kernels share with
//! burn.

#[path = "../common/mod.rs"]
mod common;
mod feed;
mod inverse;
mod learning;
mod runs;
mod sets;

use common::phantom::{PhantomClass, phantom};
use common::{open_gpu, say_skipped};
use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil::internal::image::{Augmentation, Geometry};
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Options, Preset, Scheme, compile};
use imgveil_data::set::Loaded;
use imgveil_train::metrics::{Scores, softmax_rows};
use imgveil_train::model::ModelKind;
use imgveil_train::{Backend, Config, Feed, OptimiserKind, Progress, Split, TrainingSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The GPU of this process as burn's backend, one test at a time: burn keeps a stream for each thread, and the
/// counters are one.
fn gpu(test: &str) -> Option<(&'static Backend, MutexGuard<'static, ()>)> {
    static BACKEND: OnceLock<Option<Backend>> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let backend = BACKEND.get_or_init(|| open_gpu().map(|device| Backend::open(device).unwrap()));
    if backend.is_none() {
        say_skipped(&format!("{test}: IMGVEIL_SKIP_GPU=1"));
    }
    Some((backend.as_ref()?, TURN.lock().unwrap_or_else(PoisonError::into_inner)))
}

fn flex() -> Backend {
    Backend::open(Device::open(&DeviceChoice::Cpu).unwrap()).unwrap()
}

fn key() -> Key {
    Key::from_bytes([42; 32])
}

fn shuffle_flip() -> Scheme {
    Preset::ShuffleFlip.scheme(Options::default()).unwrap()
}

const SIZE: usize = 16;

/// Phantoms of both classes in turn, beginning with number `first`.
fn phantoms(first: u64, count: usize) -> Arc<Split> {
    let geometry = Geometry::new(SIZE as u32, SIZE as u32, 1).unwrap();
    let mut loaded = Loaded { geometry, samples: vec![], labels: vec![], names: vec![] };
    for i in 0..count {
        let class = PhantomClass::ALL[i % 2];
        loaded.samples.extend(phantom(first + i as u64 / 2, class, SIZE));
        loaded.labels.push(class.label());
        loaded.names.push(format!("{i}"));
    }
    Arc::new(Split::new(loaded, 2, Some(&key())))
}

fn set(scheme: Scheme, train_images: usize) -> TrainingSet {
    let train = phantoms(0, train_images);
    let program = compile(&scheme, &key(), train.geometry).unwrap();
    TrainingSet {
        train,
        val: Some(phantoms(10_000, 40)),
        test: Some(phantoms(20_000, 60)),
        classes: vec!["clear".into(), "opacity".into()],
        evaluation: Arc::new(program.without_mixing()),
        program: Arc::new(program),
        key: Some(key()),
        fingerprint: Some(key().fingerprint()),
        scheme,
        encrypted: false,
        note: None,
    }
}

fn config(epochs: usize) -> Config {
    Config {
        epochs,
        batch: 16,
        optimiser: OptimiserKind::AdamW,
        learning_rate: 1e-3,
        weight_decay: 1e-2,
        seed: 7,
        ..Config::new(ModelKind::Cnn)
    }
}

/// Fetches every loss.
#[derive(Default)]
struct Losses(Vec<f32>);

impl Progress for Losses {
    fn wants_loss(&mut self) -> bool {
        true
    }
    fn step(&mut self, _: usize, loss: Option<f32>) {
        self.0.extend(loss);
    }
}

fn cpu() -> Device {
    Device::open(&DeviceChoice::Cpu).unwrap()
}

/// A network's scores on a feed, in batches as training evaluates: in other batches, the last bits may be others.
fn scores(network: &imgveil_train::model::Network, feed: &mut Feed, batch: usize) -> Scores {
    let all: Vec<(usize, Augmentation)> = (0..feed.len()).map(|i| (i, Augmentation::IDENTITY)).collect();
    let logits = all
        .chunks(batch)
        .flat_map(|picks| network.forward(feed.batch(picks).unwrap().images).into_data().try_to_vec::<f32>().unwrap());
    let probabilities = softmax_rows(&logits.collect::<Vec<f32>>(), 2);
    Scores::new(2, probabilities, feed.labels().to_vec()).unwrap()
}
