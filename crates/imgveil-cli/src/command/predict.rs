//! `imgveil predict`.

use crate::args::{DepthArgs, DeviceArgs, ReadArgs, ResizeArgs};
use crate::command::exit::{DONE, FAILED, Failure, Outcome, USAGE};
use crate::command::memory_check;
use crate::command::output::{ImageBar, Output, counted};
use crate::command::train::{absent, confusion, scores};
use crate::secret::SecretArgs;
use crate::watched::watched;
use imgveil_data::format::ReadOptions;
use imgveil_data::set::{Split, write_privately};
use imgveil_train::{Backend, PredictRequest, Predictions, StepProbe, predict};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  imgveil predict runs/b --data encrypted -o predictions.csv    # the cloud: no key
  imgveil predict runs/a --data new-images -k hospital.key      # plain images, encrypted on the way
  imgveil predict runs/a --data images --split test -k hospital.key --json
  imgveil predict runs/plain --weights matched.safetensors --data encrypted

The CSV file has a line for each image: name, split, label (where the set has one), predicted, and the probability \
of every class. Names are those of the set; of an encrypted set they are the neutral ones, which the key's \
owner can map back.";

/// Classify images with a trained network.
///
/// Takes the folder of a training run and a set of images. An encrypted set needs no key (with it, nothing of a changed
/// imgveil.json is used); a plain set needs the key, and is encrypted as in training. Writes the probability of each
/// class as CSV. If the set has labels, prints accuracy and AUC too.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of a training run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Folder or file of images, plain or encrypted
    #[arg(long, value_name = "IN")]
    data: PathBuf,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    fit: ResizeArgs,
    #[command(flatten)]
    reading: ReadArgs,
    #[command(flatten)]
    depth: DepthArgs,
    /// Only the images of this split: train, val or test
    #[arg(long, value_name = "NAME", value_parser = split)]
    split: Option<Split>,
    /// The weights of the last epoch instead of the best one
    #[arg(long)]
    last: bool,
    /// Weights of the same network to use instead of the run's, such as those of `imgveil model encrypt`. Key and
    /// scheme are then not compared with the run's
    #[arg(long, value_name = "FILE", conflicts_with = "last")]
    weights: Option<PathBuf>,
    /// Continue if key or scheme differ from training, to measure what a wrong key gives
    #[arg(long)]
    anyway: bool,
    /// Images per batch
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    #[command(flatten)]
    device: DeviceArgs,
    /// New file
    #[arg(short, long, default_value = "predictions.csv", value_name = "FILE")]
    output: PathBuf,
    /// Print the scores as JSON
    #[arg(long)]
    json: bool,
}

fn split(text: &str) -> Result<Split, String> {
    let parts = [Split::Train, Split::Val, Split::Test];
    parts
        .into_iter()
        .find(|part| part.name() == Some(text))
        .ok_or_else(|| format!("`{text}` is none of train, val, test"))
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    if args.output.exists() {
        let words = format!("{} exists already: choose another file with -o, or remove it", args.output.display());
        return Err(Failure { words, code: USAGE });
    }
    let secret = args.secret.load(out)?;
    let backend = Backend::open(args.device.open(out)?)?;
    let _watched = watched(&backend);
    out.detail(&format!("predicting on {}", backend.name()));
    let checkpoint = if args.last { "last.bpk" } else { "best.bpk" };
    let probe = StepProbe::of_prediction(&args.run, checkpoint, &backend, &args.device.device)?;
    let batch = memory_check::for_prediction(probe, args.batch as usize, out)?;
    let reading = ReadOptions { depth: args.depth.depth, ..args.reading.reading() };
    let bar = ImageBar::new("predicting");
    let request = PredictRequest {
        run: &args.run,
        checkpoint,
        weights: args.weights.as_deref(),
        data: &args.data,
        reading: &reading,
        secret,
        resize: args.fit.fit(),
        split: args.split,
        batch,
        anyway: args.anyway,
    };
    let predicted = predict(&backend, request, &bar);
    bar.finish();
    let predictions = predicted?;
    predictions.notes.iter().for_each(|note| out.note(&format!("note: {note}")));
    write_privately(&args.output, &table(&predictions)?)?;
    let Predictions { info, rows, evaluation, .. } = &predictions;
    if args.json {
        let summary = serde_json::json!({
            "tool": imgveil_data::set::manifest::TOOL,
            "run": args.run,
            "data": args.data,
            "device": backend.name(),
            "model": info.model.kind.name(),
            "scheme": info.scheme,
            "images": rows.len(),
            "classes": info.classes,
            "scores": evaluation,
            "output": args.output,
        });
        out.json(&summary)?;
        return Ok(DONE);
    }
    if let Some(evaluation) = evaluation {
        out.say(&scores("scores", evaluation));
        if let Some(words) = absent("note: the images", &info.classes, evaluation) {
            out.say(&words);
        }
        out.say_lines(&confusion(&info.classes, &evaluation.confusion));
    }
    out.say(&format!("wrote {}: {}", args.output.display(), counted(rows.len(), "image")));
    Ok(DONE)
}

fn table(predictions: &Predictions) -> Result<Vec<u8>, Failure> {
    let classes = &predictions.info.classes;
    let failed = |reason: String| Failure { words: format!("cannot make the CSV file: {reason}"), code: FAILED };
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut write = |record: Vec<String>| csv.write_record(record).map_err(|e| failed(e.to_string()));
    let mut header: Vec<String> = ["name", "split", "label", "predicted"].map(String::from).into();
    header.extend(classes.iter().map(|class| format!("p_{class}")));
    write(header)?;
    for row in &predictions.rows {
        let mut record = vec![
            row.name.clone(),
            row.split.name().unwrap_or_default().to_owned(),
            row.label.clone().unwrap_or_default(),
            classes.get(row.predicted).cloned().unwrap_or_default(),
        ];
        // The shortest text that gives the same number again: rounding would make ties, and change an AUC.
        record.extend(row.probabilities.iter().map(f32::to_string));
        write(record)?;
    }
    csv.into_inner().map_err(|e| failed(e.to_string()))
}
