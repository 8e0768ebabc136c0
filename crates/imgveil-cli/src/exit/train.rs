//! Errors of training: exit codes, and advice that names flags.

use super::{DATASET, DEVICE, FAILED, Failure, KEY, USAGE, failure};
use crate::command::train;
use clap::Args;
use imgveil_train::error::{
    CheckpointError, DataError, FolderError, GridError, KeyMatchedError, PredictError, ResultsError, RowError,
    StudyError, TrainError, WeightsError,
};
use imgveil_train::{Error, ErrorDetail, FeedError};
use std::io::ErrorKind::NotFound;

/// The message of an error followed by advice.
fn advised(error: &dyn std::error::Error, advice: &str, code: u8) -> Failure {
    Failure { words: format!("{error}{advice}"), code }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.into_detail() {
            ErrorDetail::Data(error) => data(error),
            ErrorDetail::Folder(error) => folder(error),
            ErrorDetail::Train(error) => training(error),
            ErrorDetail::Checkpoint(error) => checkpoint(&error),
            ErrorDetail::Weights(error) => weights(error),
            ErrorDetail::KeyMatched(error) => key_matched(error),
            ErrorDetail::Predict(error) => predict(error),
            ErrorDetail::Grid(error) => grid(error),
            ErrorDetail::Results(error) => match error {
                ResultsError::Damaged { .. } => {
                    advised(&error, "; remove the run's folder and start the study again", FAILED)
                }
                _ => failure(&error, FAILED),
            },
            ErrorDetail::Study(StudyError::Write(error)) => error.into(),
            ErrorDetail::Feed(FeedError::Engine(error)) | ErrorDetail::Engine(error) => error.into(),
            ErrorDetail::Set(error) => error.into(),
            ErrorDetail::Preset(error) => error.into(),
            ErrorDetail::Custom(error) => error.into(),
            ErrorDetail::SchemeFile { path, source } if source.kind() == NotFound => {
                Failure { words: format!("there is no scheme file {}: check the path", path.display()), code: USAGE }
            }
            error => failure(&error, FAILED),
        }
    }
}

fn data(error: DataError) -> Failure {
    match error {
        DataError::Dataset(error) => error.into(),
        DataError::Load(error) => error.into(),
        DataError::Compile(error) => error.into(),
        DataError::NoKey(_) => advised(
            &error,
            ": give -k KEY or --tables FILE, or leave the scheme out to train on the images as they are",
            USAGE,
        ),
        DataError::Mixed { .. } => advised(
            &error,
            "; bring them to one size with --resize HEIGHTxWIDTH, and to one number of channels and one depth \
                beforehand",
            USAGE,
        ),
        DataError::AlreadyEncrypted(_) => failure(&error, USAGE),
        _ => failure(&error, DATASET),
    }
}

/// The file that makes a folder that of a run.
const RUN: &str = "run.json";

fn folder(error: FolderError) -> Failure {
    let (advice, code) = match &error {
        FolderError::Exists(path) if path.join(RUN).exists() => {
            (": it holds a run; --resume goes on with it if it was cut, or choose another folder with -o", USAGE)
        }
        FolderError::Exists(_) => (": choose another folder for this run with -o, or remove it first", USAGE),
        FolderError::NoRun(_) => (": choose another folder for this run with -o", USAGE),
        FolderError::Other { .. } => {
            ("; go on with the options and data that it began with, or choose another folder with -o", USAGE)
        }
        FolderError::Busy(_) => (": wait for it, or choose another folder with -o", USAGE),
        FolderError::Damaged { .. } => ("; remove the run's folder and train anew", FAILED),
        _ => ("", FAILED),
    };
    advised(&error, advice, code)
}

fn training(error: TrainError) -> Failure {
    let usage = |words: String| Failure { words, code: USAGE };
    match error {
        TrainError::Compile(error) => error.into(),
        TrainError::Folder(error) => folder(error),
        TrainError::Weights(error) => weights(error),
        TrainError::Diverged { loss, epoch, guessing, learning_rate } => Failure {
            words: format!(
                "the loss became {loss} in epoch {epoch} (guessing costs {guessing:.3}): training diverged; try --lr \
                 {} (it was {learning_rate}), a longer --warmup, or --clip 1",
                learning_rate / 10.0
            ),
            code: FAILED,
        },
        TrainError::Scores(_) => advised(&error, ", try a smaller --lr", FAILED),
        TrainError::AugmentEncrypted | TrainError::FreshKeys => failure(&error, USAGE),
        TrainError::Patch { patch, geometry } => {
            usage(format!("a first convolution of {patch:?} (--patch) is larger than the images, {geometry}"))
        }
        TrainError::Adaptation { block, geometry } => usage(format!(
            "the adaptation network (--adapt) needs blocks that tile the images, and blocks of {}x{} do not tile \
             {geometry}: use --pad, --crop or --resize, or another --block",
            block[0], block[1]
        )),
        TrainError::Warmup { warmup, epochs } => {
            usage(format!("a warm-up of {warmup} epochs (--warmup) leaves nothing of {epochs} (--epochs)"))
        }
        TrainError::Patience => {
            usage("early stopping (--patience) needs validation images, and this set has none".into())
        }
        TrainError::Precision => Failure {
            words: "this device has no 16-bit floats (--precision mixed): leave --precision out".into(),
            code: DEVICE,
        },
        TrainError::Disjoint(_) => advised(
            &error,
            "; call the folders of a class alike in all splits, or encrypt the set with --labels FILE",
            DATASET,
        ),
        TrainError::TooFew(_) => failure(&error, DATASET),
        _ => failure(&error, FAILED),
    }
}

fn checkpoint(error: &CheckpointError) -> Failure {
    let code = match error {
        CheckpointError::Read { source, .. } if source.kind() == NotFound => USAGE,
        CheckpointError::Damaged { .. } => DATASET,
        _ => FAILED,
    };
    failure(error, code)
}

fn weights(error: WeightsError) -> Failure {
    let code = match &error {
        WeightsError::Checkpoint(error) => return checkpoint(error),
        WeightsError::Write(_) => {
            let WeightsError::Write(error) = error else { return failure(&error, FAILED) };
            return error.into();
        }
        WeightsError::Exists(_) => return advised(&error, EXISTS, USAGE),
        WeightsError::Read { source, .. } if source.kind() == NotFound => USAGE,
        WeightsError::Missing { .. } | WeightsError::Shape { .. } => USAGE,
        WeightsError::Format { .. } | WeightsError::Kind { .. } => DATASET,
        _ => FAILED,
    };
    failure(&error, code)
}

const EXISTS: &str = ": choose another name with -o, or remove it first";

fn key_matched(error: KeyMatchedError) -> Failure {
    let advice = match error {
        KeyMatchedError::Weights(error) => return weights(error),
        KeyMatchedError::Write(error) => return error.into(),
        KeyMatchedError::Compile(error) => return error.into(),
        KeyMatchedError::Exists(_) => EXISTS,
        KeyMatchedError::Model { .. } => {
            "; write one with `imgveil export` from a run with --model vit-tiny or vit-small"
        }
        KeyMatchedError::Size(_) => ": give it with --size HEIGHTxWIDTHxCHANNELS",
        KeyMatchedError::Scheme { .. } => "; `vit` with that --block can",
        _ => "",
    };
    advised(&error, advice, USAGE)
}

fn predict(error: PredictError) -> Failure {
    match error {
        PredictError::Checkpoint(error) => checkpoint(&error),
        PredictError::Weights(error) => weights(error),
        PredictError::Dataset(error) => error.into(),
        PredictError::Load(error) => error.into(),
        PredictError::Compile(error) => error.into(),
        PredictError::Train(error) => training(error),
        PredictError::AlreadyEncrypted(path) => {
            Failure { words: format!("{} is encrypted already: leave resizing out", path.display()), code: USAGE }
        }
        PredictError::NoKey { .. } => {
            advised(&error, ": give the key that they were encrypted with (-k KEY), or the encrypted set", USAGE)
        }
        PredictError::OtherKey { .. } => {
            advised(&error, ": its answers would mean little; give the right key, or --anyway to see them", KEY)
        }
        PredictError::OtherScheme { .. } => {
            advised(&error, ": encrypt it in the same way, or give --anyway to see what comes of it", USAGE)
        }
        PredictError::OtherDepth { expected, .. } => advised(
            &error,
            &format!(": encrypt or read them with --depth {expected}, or give --anyway to see what comes of it"),
            USAGE,
        ),
        PredictError::Size { size: [height, width], .. } => advised(
            &error,
            &format!("; bring plain images to size with --resize {height}x{width} (or --pad, --crop) as in training"),
            USAGE,
        ),
        PredictError::Empty { .. } => failure(&error, DATASET),
        _ => failure(&error, USAGE),
    }
}

fn grid(error: GridError) -> Failure {
    match error {
        GridError::Read { ref source, .. } if source.kind() != NotFound => failure(&error, FAILED),
        GridError::Syntax { .. } => {
            Failure::of_lines(&format!("{error}\n`imgveil study --help` has an example"), USAGE)
        }
        GridError::NoData { .. } => advised(&error, ", or give --data IN", USAGE),
        GridError::NoKey { .. } => advised(&error, ", or give -k FILE", USAGE),
        GridError::Row { path, row: label, source } => {
            let Failure { words, code } = row(source);
            Failure { words: format!("{}: {label}: {words}", path.display()), code }
        }
        _ => failure(&error, USAGE),
    }
}

/// The error for a wrong setting of a grid, in the words with which `imgveil train` refuses the flag of that name.
fn row(error: RowError) -> Failure {
    let words = match error {
        RowError::Unknown(name) => format!("unexpected argument '--{name}' found"),
        RowError::Value { name, value, reason } => format!("invalid value '{value}' for '{}': {reason}", flag(&name)),
        RowError::Switch { name, value } => {
            format!("unexpected value '{value}' for '--{name}' found; no more were expected")
        }
        RowError::NoValue(name) => format!("a value is required for '{}' but none was supplied", flag(&name)),
        RowError::Both(one, other) => format!("the argument '--{one}' cannot be used with '--{other}'"),
        RowError::BuiltIn { option, scheme } => format!(
            "--{option} is for the built-in schemes; {scheme} says by itself what its stages do: change it there, \
             and leave --{option} out"
        ),
        RowError::Scheme(error) => return (*error).into(),
        error => error.to_string(),
    };
    Failure { words, code: USAGE }
}

/// A flag of `imgveil train` with the name of its value, as its help shows it.
fn flag(name: &str) -> String {
    let train = train::Args::augment_args(clap::Command::new("train"));
    let found = train.get_arguments().find(|argument| argument.get_long() == Some(name));
    let value = found.and_then(|argument| argument.get_value_names()?.first().map(ToString::to_string));
    value.map_or(format!("--{name}"), |value| format!("--{name} <{value}>"))
}
