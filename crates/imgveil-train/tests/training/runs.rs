//! Seeds, cuts, stops and checkpoints of runs.

use crate::{Losses, config, flex, scores, set, shuffle_flip};
use imgveil::internal::scheme::{Options, Preset};
use imgveil_train::model::ModelKind;
use imgveil_train::{Config, ErrorKind, Feed, OptimiserKind, Outcome, Progress, RunFolder, load_checkpoint, train};
use std::path::Path;

#[test]
fn the_seed_decides_a_run() {
    let set = set(shuffle_flip(), 96);
    let losses = |seed: u64, augment: &str| {
        let mut losses = Losses::default();
        let config = Config { seed, augment: augment.parse().unwrap(), ..config(2) };
        let outcome = train(&flex(), &set, &config, None, &mut losses).unwrap();
        (losses.0, outcome.test)
    };
    let first = losses(1, "crop=2,flip");
    assert_eq!(first, losses(1, "crop=2,flip"));
    assert_ne!(first.0, losses(2, "crop=2,flip").0);
    // And augmentation is not only parsed.
    let plain = losses(1, "none").0;
    assert_ne!(plain, losses(1, "crop=2").0);
    assert_ne!(plain, losses(1, "flip").0);
}

#[test]
fn checkpoints_load_to_the_same_answers_and_damaged_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(shuffle_flip(), 96);
    for (kind, patch) in [(ModelKind::Cnn, None), (ModelKind::ResNet18, Some([8, 8]))] {
        let path = folder.path().join(kind.name());
        let run = RunFolder::create(&path).unwrap();
        let epochs = if kind == ModelKind::Cnn { 3 } else { 1 };
        let config = Config { model: kind, patch, ..config(epochs) };
        let outcome = train(&flex(), &set, &config, Some(&run), &mut ()).unwrap();
        for (file, test) in [("best.bpk", &outcome.test), ("last.bpk", &outcome.test_last)] {
            let (info, network) = load_checkpoint(&path, file, &flex().device()).unwrap();
            assert_eq!(info.classes, set.classes);
            let split = set.test.as_ref().unwrap();
            let backend = flex();
            let mut feed = Feed::new(&backend, set.program.clone(), None, split.clone()).unwrap();
            let scores = scores(&network, &mut feed, config.batch);
            let test = test.as_ref().unwrap();
            assert_eq!((scores.auc(), scores.confusion()), (test.auc, test.confusion.clone()), "{file}");
        }
        // The best epoch is the one that validated best, and the learning rate fell along the cosine. At the last of
        // six steps or more, the cosine is at 0.07 of the base rate or less.
        let auc = |epoch: &imgveil_train::Epoch| epoch.val.as_ref().unwrap().auc.unwrap();
        let best = outcome.epochs.iter().map(auc).fold(0.0, f64::max);
        assert_eq!(auc(outcome.best().unwrap()), best);
        let rates: Vec<f64> = outcome.epochs.iter().map(|epoch| epoch.learning_rate).collect();
        assert!(rates.is_sorted_by(|a, b| a > b) && rates[epochs - 1] < 0.2 * config.learning_rate, "{rates:?}");
        let table = std::fs::read_to_string(path.join("metrics.csv")).unwrap();
        assert_eq!(table.lines().count(), 1 + epochs);
        assert!(std::fs::read_to_string(path.join("curves.svg")).unwrap().contains("</svg>"));

        let whole = std::fs::read(path.join("best.bpk")).unwrap();
        for length in [0, 10, whole.len() / 2, whole.len() - 1] {
            std::fs::write(path.join("best.bpk"), &whole[..length]).unwrap();
            assert!(load_checkpoint(&path, "best.bpk", &flex().device()).is_err(), "{length} bytes");
        }
        assert!(RunFolder::create(&path).is_err());
    }
}

/// Panics after this many epochs. Nothing of the run in this process is used again.
struct Cut(usize);

impl Progress for Cut {
    fn epoch_begins(&mut self, epoch: usize, _: usize) {
        assert!(epoch <= self.0, "cut");
    }
}

/// The table without its timings.
fn metrics(run: &Path) -> Vec<String> {
    let table = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
    table.lines().map(|line| line.split(',').take(7).collect::<Vec<_>>().join(",")).collect()
}

#[test]
fn a_run_that_was_cut_after_any_epoch_goes_on_to_the_same_figures() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(shuffle_flip(), 96);
    for optimiser in [OptimiserKind::AdamW, OptimiserKind::Sgd] {
        let config =
            Config { optimiser, augment: "crop=2,flip".parse().unwrap(), warmup: Some(1), accumulate: 2, ..config(4) };
        let path = |name: &str| folder.path().join(format!("{optimiser:?}-{name}"));
        let whole = RunFolder::create(&path("whole")).unwrap();
        let expected = train(&flex(), &set, &config, Some(&whole), &mut ()).unwrap();
        assert_eq!(expected.resumed, 0);
        for epochs in 0..4 {
            let path = path(&epochs.to_string());
            let cut = RunFolder::resume(&path, &set, &config).unwrap();
            let run = || train(&flex(), &set, &config, Some(&cut), &mut Cut(epochs));
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
            let again = RunFolder::resume(&path, &set, &config).unwrap();
            let outcome = train(&flex(), &set, &config, Some(&again), &mut ()).unwrap();
            assert_eq!(outcome.resumed, epochs);
            assert_eq!(metrics(&path), metrics(whole.path()));
            assert_eq!((outcome.best_epoch, &outcome.test), (expected.best_epoch, &expected.test));
            assert_eq!(outcome.test_last, expected.test_last);
            let losses = |outcome: &Outcome| outcome.epochs.iter().map(|e| e.train_loss).collect::<Vec<_>>();
            assert_eq!(losses(&outcome), losses(&expected));
            // Another configuration is another run.
            let other = Config { learning_rate: 2e-3, ..config.clone() };
            let error = RunFolder::resume(&path, &set, &other).err().unwrap().to_string();
            assert!(error.contains("learning_rate was") && error.contains("0.002"), "{error}");
        }
    }
}

#[test]
fn patience_stops_a_run_that_learns_nothing() {
    let keystream = Preset::Keystream.scheme(Options::default()).unwrap();
    let config = Config { patience: Some(1), ..config(30) };
    let outcome = train(&flex(), &set(keystream, 32), &config, None, &mut ()).unwrap();
    assert!(outcome.stopped_early && outcome.epochs.len() < 30);
    assert_eq!(outcome.epochs.len() - outcome.best_epoch, 1);
}

#[test]
fn a_run_that_diverges_says_so() {
    let config = Config { optimiser: OptimiserKind::Sgd, learning_rate: 1e30, ..config(3) };
    let error = train(&flex(), &set(shuffle_flip(), 96), &config, None, &mut ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Diverged, "{error}");
}
