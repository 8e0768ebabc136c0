//! `imgveil encrypt`.

use crate::cli::args::{DeviceArgs, FitArgs, SchemeArgs, SecretArgs};
use crate::cli::exit::Outcome;
use crate::cli::job_report::report;
use crate::cli::output::{ImageBar, Output};
use imgveil::job::{EncryptRequest, encrypt};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  imgveil encrypt -k hospital.key images encrypted
  imgveil encrypt -k hospital.key --block 8 --key-scope block --scramble images encrypted
  imgveil encrypt -k hospital.key set.npz encrypted.npz

What it does not protect: file and class names and labels are kept; whoever holds one plain image with its encryption \
can read the key of shuffle-flip off it; the histogram of a block stays, up to negation. See the README.";

/// Encrypt a data set.
///
/// IN is a folder of images, of class folders, or of train/ val/ test/ folders of them (PNG, JPEG; grey or RGB of 8 or 16 bits), or a
/// MedMNIST .npz file. OUT becomes the same tree as PNG files with imgveil.json, or an .npz if its name ends so. Files
/// that cannot be read are set aside with their reasons, and the rest is done. A run that was cut goes on when it is
/// started again.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP, mut_group("secret", |group| group.required(true)))]
pub struct Args {
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    scheme: SchemeArgs,
    #[command(flatten)]
    fit: FitArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Folder of images or .npz file
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// New folder or .npz file
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let scheme = args.scheme.scheme()?;
    let secret = args.secret.require(out)?;
    let device = args.device.open(out)?;
    out.detail(&format!("scheme: {scheme}"));
    let bar = ImageBar::new("encrypting");
    let request = EncryptRequest {
        input: &args.input,
        output: &args.output,
        secret: &secret,
        scheme: &scheme,
        fit: args.fit.fit(),
        engine: device.engine(),
    };
    let result = encrypt(&request, &bar);
    bar.finish();
    report("encrypted", &args.output, &result?, args.json, out)
}
