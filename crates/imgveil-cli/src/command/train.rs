//! `imgveil train`.

use crate::args::{DepthArgs, DeviceArgs, ReadArgs, ResizeArgs, SchemeArgs};
use crate::command::exit::{DONE, FAILED, Failure, Outcome};
use crate::command::fitting_batch::or_advice;
use crate::command::memory_check;
use crate::command::output::{Output, TimedLines, counted, division, plain};
use crate::command::training_args::TrainingArgs;
use crate::secret::SecretArgs;
use crate::watched::watched;
use imgveil::internal::scheme::Block;
use imgveil_data::format::ReadOptions;
use imgveil_train::model::{AdaptationKind, ModelKind};
use imgveil_train::study::{not_negative, positive};
use imgveil_train::{Augment, Config, Epoch, Evaluation, ImageCounts, Message, OptimiserKind, PreparedRun, Progress};
use imgveil_train::{RunSpec, RunSummary, SUMMARY, TrainingSet};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const AFTER_HELP: &str = "\
Examples:
  imgveil train --data images -k hospital.key -s shuffle-flip --block 4 --epochs 5 -o runs/a
  imgveil train --data encrypted --model resnet18 --epochs 5 -o runs/b   # the cloud: no key
  imgveil train --data images -k hospital.key -s ele --model resnet18 --adapt ele -o runs/c
  imgveil train --data images -o runs/plain                              # not encrypted
  imgveil train --data images -o runs/plain --resume                     # goes on after a cut

The run's folder gets metrics.csv and curves.svg (after every epoch), best.bpk and last.bpk with model.json, and \
summary.json. A run that was cut (power, time limit, kill) goes on after its last whole epoch with the same command \
and --resume; on the CPU it comes to the same figures as a run that was not cut.";

/// Train a network on plain or encrypted images.
///
/// Takes a plain set, optionally with a key and a scheme (each batch is then encrypted on the device, after
/// augmentation), or a set that is encrypted already. Such a set needs no key; with it, nothing of a changed
/// imgveil.json is used. On a GPU the images stay on the device; without one, training runs on the CPU. The best epoch
/// by validation AUC is kept and scored on the test images.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder or .npz file, plain or encrypted
    #[arg(long, value_name = "IN")]
    data: PathBuf,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    scheme: SchemeArgs,
    #[command(flatten)]
    fit: ResizeArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    depth: DepthArgs,
    /// Network: cnn (three convolutions), resnet18, resnet50, densenet121, xception, vit-tiny, vit-small, convmixer, or
    /// bag (a bag of blocks, for schemes with keys per image) [default: bag for such a scheme, else cnn]
    #[arg(long)]
    model: Option<ModelKind>,
    /// Adaptation network in front of it: le (one sub-network for all blocks) or ele (one for each block, and a
    /// learnable permutation of the blocks)
    #[arg(long, value_name = "NAME")]
    adapt: Option<AdaptationKind>,
    /// Initial weights: a .safetensors file with the names of torchvision (resnet18, resnet50, densenet121) or
    /// timm (xception, vit-tiny, vit-small, convmixer), or from `imgveil export`
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Kernel and stride of the first convolution: 4, or HEIGHTxWIDTH [default: the scheme's block; with --adapt the
    /// one of the network's paper]
    #[arg(long, value_name = "SIZE")]
    patch: Option<Block>,
    /// Passes over the training images
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// Images per batch
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..))]
    batch: u32,
    /// Optimiser: adamw or sgd (momentum 0.9); the learning rate rises (--warmup), then falls along a cosine
    #[arg(long, default_value = "adamw", value_name = "NAME")]
    optimiser: OptimiserKind,
    /// Highest learning rate [default: 0.001 for adamw, 0.05 for sgd]
    #[arg(long, value_parser = positive)]
    lr: Option<f64>,
    /// Weight decay [default: 0.01 for adamw, 0.0005 for sgd]
    #[arg(long, value_parser = not_negative)]
    weight_decay: Option<f64>,
    /// Seed of the random numbers for initial weights, order of the images and augmentation
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Random views of the plain images: none, or a list of crop, flip, rotate and brightness, such as
    /// crop=4,flip,rotate=10
    #[arg(long, default_value = "none", value_name = "LIST")]
    augment: Augment,
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// GPU memory for images, in MiB; a set that does not fit is sent to the GPU batch by batch
    #[arg(long, default_value_t = 4096, value_name = "MIB")]
    device_memory: u32,
    /// New folder for the run [default: runs/MODEL-SCHEME-SEED, with --adapt runs/ADAPT-MODEL-SCHEME-SEED]
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Continue an interrupted run in the folder after its last complete epoch. Starts a new run if there is none; does
    /// nothing if the run is complete
    #[arg(long)]
    resume: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    perform(args.spec()?, args.json, out)
}

impl Args {
    /// The requested run.
    fn spec(&self) -> Result<RunSpec, Failure> {
        let config = Config {
            adapt: self.adapt,
            weights: self.weights.clone(),
            patch: self.patch.map(|block| [block.height as usize, block.width as usize]),
            epochs: self.epochs as usize,
            batch: self.batch as usize,
            optimiser: self.optimiser,
            learning_rate: self.lr.unwrap_or(self.optimiser.default_learning_rate()),
            weight_decay: self.weight_decay.unwrap_or(self.optimiser.default_weight_decay()),
            seed: self.seed,
            augment: self.augment,
            ..Config::new(self.model.unwrap_or(ModelKind::Cnn))
        };
        let secret = self.secret.source()?;
        // With a key, the default scheme of a plain set is the default of `encrypt`. Without a key, images are used as
        // they are.
        let scheme = self.scheme.scheme()?;
        let (scheme, default_scheme) =
            if self.scheme.is_given() { (Some(scheme), None) } else { (None, secret.is_some().then_some(scheme)) };
        Ok(RunSpec {
            scheme,
            default_scheme,
            usual_model: self.model.is_none(),
            secret,
            resize: self.fit.fit(),
            reading: ReadOptions { depth: self.depth.depth, ..self.read.reading() },
            device: self.device.device.clone(),
            device_memory: u64::from(self.device_memory) << 20,
            folder: self.output.clone(),
            resume: self.resume,
            ..RunSpec::new(self.data.clone(), self.training.of(config))
        })
    }
}

/// Performs a run and reports its progress.
pub fn perform(spec: RunSpec, json: bool, out: &Output) -> Outcome {
    let prepared = spec.prepare(&mut |message| match message {
        Message::Warning(words) => out.warn(&words),
        Message::Detail(words) => out.detail(&words),
        _ => {}
    })?;
    // Before a folder is made. A run that goes on may be complete already, and has its folder.
    let resume = prepared.spec().resume;
    if !resume {
        memory_check::of_training(&prepared, out)?;
    }
    let folder = prepared.folder()?;
    if let Some(summary) = folder.finished()? {
        if json {
            out.json(&summary_json(&summary)?)?;
        } else {
            let (path, file) = (prepared.path(), folder.path().join(SUMMARY));
            out.say(&format!("the run in {} is complete already: {}", path.display(), file.display()));
        }
        return Ok(DONE);
    }
    if resume {
        memory_check::of_training(&prepared, out)?;
    }
    tell(&prepared, out);
    crate::guard::tell_when_interrupted("interrupted: the same command with --resume goes on after the last epoch");
    let config = &prepared.spec().config;
    let mut progress = Bars::new(config.epochs, out);
    let _watched = watched(prepared.backend());
    let trained = {
        let mut train = || prepared.train(&folder, &mut progress);
        if prepared.backend().gpu().is_some() {
            or_advice(&prepared, out, train)
        } else {
            train().map_err(Failure::from)
        }
    };
    progress.bar.finish_and_clear();
    let summary = trained?;
    if json {
        out.json(&summary_json(&summary)?)?;
        return Ok(DONE);
    }
    conclude(&summary, out);
    out.say(&format!("written to {}", folder.path().display()));
    Ok(DONE)
}

fn summary_json(summary: &RunSummary) -> Result<serde_json::Value, Failure> {
    summary.to_json().map_err(|words| Failure { words, code: FAILED })
}

/// Prints what will be trained, and on which device.
fn tell(prepared: &PreparedRun, out: &Output) {
    let set = prepared.set();
    out.note(&format!("training on {}", prepared.backend().name()));
    prepared.notes().iter().for_each(|note| out.note(note));
    if let Some(note) = &set.note {
        out.note(note);
    }
    if !set.encrypted {
        for (stage, why) in set.scheme.idle(set.train.geometry) {
            out.note(&format!("note: {stage} does nothing here: {why}"));
        }
    }
    table(set).iter().for_each(|line| out.note(line));
    let ImageCounts { train, val, test } = prepared.images();
    let state = if set.encrypted { "encrypted before" } else { "scheme" };
    out.note(&format!(
        "{train} training, {val} validation and {test} test images of {}, {} classes; {state}: {}",
        set.train.geometry,
        set.classes.len(),
        set.scheme
    ));
}

/// The lines about splits and classes.
fn table(set: &TrainingSet) -> Vec<String> {
    let parts = [("train", Some(&set.train)), ("val", set.val.as_ref()), ("test", set.test.as_ref())];
    let (mut splits, mut classes) = (BTreeMap::new(), BTreeMap::new());
    for (name, part) in parts {
        let Some(part) = part else { continue };
        splits.insert(name.to_owned(), part.labels.len());
        for &label in &part.labels {
            let class = set.classes.get(label as usize).cloned().unwrap_or_default();
            *classes.entry(class).or_default() += 1;
        }
    }
    division(&splits, &classes, &BTreeMap::new())
}

/// Prints the result of a run.
fn conclude(summary: &RunSummary, out: &Output) {
    if summary.resumed > 0 {
        out.note(&format!("{} of them in an earlier process", counted(summary.resumed, "epoch")));
    }
    out.say(&format!(
        "trained {} ({} parameters) for {}{} in {:.1} s, {:.0} images/s; best epoch {}",
        summary.config.model.name(),
        summary.parameters,
        counted(summary.epochs, "epoch"),
        if summary.stopped_early { " (stopped early)" } else { "" },
        summary.seconds,
        summary.images_per_second,
        summary.best_epoch
    ));
    if let Some(val) = &summary.val {
        out.say(&scores("validation", val));
        if let Some(words) = absent("note: the validation images", &summary.classes, val) {
            out.say(&words);
        }
    }
    if let Some(test) = &summary.test {
        out.say(&scores("test", test));
        if let Some(words) = absent("note: the test images", &summary.classes, test) {
            out.say(&words);
        }
        out.say_lines(&confusion(&summary.classes, &test.confusion));
    }
    if let Some(traffic) = &summary.traffic {
        out.say(&format!(
            "per training step: {:.1} bytes an image host to device, {:.2} imgveil dispatches; device to host in {} \
             steps: {} bytes (the losses shown)",
            traffic.host_to_device_per_image, traffic.dispatches_per_step, traffic.steps, traffic.device_to_host
        ));
    }
}

/// The figures of an evaluation on one line.
pub fn scores(name: &str, evaluation: &Evaluation) -> String {
    let auc = evaluation.auc.map_or("not defined".into(), |auc| format!("{auc:.3}"));
    format!(
        "{name}: AUC {auc}, accuracy {:.3}, balanced accuracy {:.3}, loss {:.3} ({} images)",
        evaluation.accuracy, evaluation.balanced_accuracy, evaluation.loss, evaluation.images
    )
}

/// Names the classes without an image, if there are any.
pub fn absent(name: &str, classes: &[String], evaluation: &Evaluation) -> Option<String> {
    let names: Vec<String> = evaluation.absent.iter().filter_map(|&class| classes.get(class)).cloned().collect();
    let words = format!("{name} have no image of {}: the scores leave these classes out", names.join(", "));
    (!names.is_empty()).then_some(words)
}

/// The confusion matrix as a table.
pub fn confusion(classes: &[String], matrix: &[Vec<u64>]) -> String {
    let classes: Vec<String> = classes.iter().map(|class| plain(class)).collect();
    let widest = classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).max(6);
    let mut lines = vec![format!("  {:>widest$}   predicted", "true")];
    let header: Vec<String> = classes.iter().map(|class| format!("{class:>widest$}")).collect();
    lines.push(format!("  {:>widest$}   {}", "", header.join(" ")));
    for (class, row) in classes.iter().zip(matrix) {
        let row: Vec<String> = row.iter().map(|count| format!("{count:>widest$}")).collect();
        lines.push(format!("  {class:>widest$}   {}", row.join(" ")));
    }
    lines.join("\n")
}

/// A bar for the run, and a line for every epoch.
struct Bars<'a> {
    bar: ProgressBar,
    epochs: usize,
    out: &'a Output,
    shown: Option<Instant>,
    lines: TimedLines,
    at: EpochSoFar,
}

impl<'a> Bars<'a> {
    fn new(epochs: usize, out: &'a Output) -> Self {
        let bar = if out.is_quiet() { ProgressBar::hidden() } else { ProgressBar::new(0) };
        // The template is constant and well formed. If it ever is not, the default style remains.
        let template = "{prefix} {bar:28} {pos}/{len} steps, {msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, epochs, out, shown: None, lines: TimedLines::new(), at: EpochSoFar::new(0, 0) }
    }
}

impl Progress for Bars<'_> {
    fn epoch_begins(&mut self, epoch: usize, steps: usize) {
        // One bar for the whole run: the time left is for the run, not for the epoch.
        self.bar.set_length((steps * self.epochs) as u64);
        self.bar.set_prefix(format!("epoch {epoch}/{}", self.epochs));
        self.at = EpochSoFar::new(epoch, steps);
    }

    fn wants_loss(&mut self) -> bool {
        // Fetching a loss waits for the device. Twice a second is enough for a reader, and it is not done without a
        // terminal.
        let due = self.shown.is_none_or(|shown| shown.elapsed() > Duration::from_millis(500));
        let wanted = due && std::io::stderr().is_terminal();
        if wanted {
            self.shown = Some(Instant::now());
        }
        wanted
    }

    fn step(&mut self, images: usize, loss: Option<f32>) {
        self.bar.inc(1);
        if let Some(loss) = loss {
            let rate = self.bar.per_sec() * images as f64;
            self.bar.set_message(format!("loss {loss:.4}, {rate:.0} images/s"));
        }
        self.at.add(images);
        if self.lines.due() {
            self.out.note(&format!("epoch {}/{}: {}", self.at.epoch, self.epochs, self.at));
        }
    }

    fn epoch_ends(&mut self, epoch: &Epoch) {
        let val = epoch.val.as_ref().map_or(String::new(), |val| {
            let auc = val.auc.map_or(String::new(), |auc| format!(", AUC {auc:.3}"));
            format!("; validation loss {:.4}{auc}, balanced accuracy {:.3}", val.loss, val.balanced_accuracy)
        });
        let line = format!(
            "epoch {}/{}: loss {:.4}, {:.0} images/s{val}",
            epoch.epoch, self.epochs, epoch.train_loss, epoch.images_per_second
        );
        self.bar.suspend(|| self.out.note(&line));
        self.lines = TimedLines::new();
    }
}

/// How far an epoch is.
struct EpochSoFar {
    epoch: usize,
    steps: usize,
    begun: Instant,
    done: usize,
    images: usize,
}

impl EpochSoFar {
    fn new(epoch: usize, steps: usize) -> Self {
        Self { epoch, steps, begun: Instant::now(), done: 0, images: 0 }
    }

    /// Counts a step with this number of images.
    fn add(&mut self, images: usize) {
        self.done += 1;
        self.images += images;
    }
}

impl fmt::Display for EpochSoFar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.images as f64 / self.begun.elapsed().as_secs_f64().max(1e-3);
        write!(f, "{} of {} steps, {rate:.0} images/s", self.done, self.steps)
    }
}
