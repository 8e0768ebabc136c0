//! `imgveil export`.

use crate::command::exit::{DONE, Outcome};
use crate::command::output::Output;
use imgveil_train::export_checkpoint;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  imgveil export runs/a -o model.safetensors
  imgveil train --data images --model resnet18 --weights model.safetensors -o runs/b

Tensors have the names and the layout of torchvision (resnet18, resnet50, densenet121) and timm (xception, vit-tiny, \
vit-small, convmixer), so that PyTorch loads them into a model of the same shape. The file's metadata names the \
network, the classes in the order of its outputs, the scheme, and the scale of its input: x = (2 p - max) / max, \
from -1 to 1, and the factors of --normalise where it was used.";

/// Write a run's weights as safetensors, for PyTorch or `imgveil train --weights`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of a training run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The weights of the last epoch instead of the best one
    #[arg(long)]
    last: bool,
    /// New file
    #[arg(short, long, default_value = "model.safetensors", value_name = "FILE")]
    output: PathBuf,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let file = if args.last { "last.bpk" } else { "best.bpk" };
    let info = export_checkpoint(&args.run, file, &args.output)?;
    let (model, classes) = (info.model.kind.name(), info.classes.join(", "));
    out.say(&format!("wrote {}: {model}, classes {classes}", args.output.display()));
    Ok(DONE)
}
