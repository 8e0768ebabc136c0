//! `imgveil decrypt`.

use crate::cli::args::{DeviceArgs, load_key};
use crate::cli::exit::Outcome;
use crate::cli::job_report::report;
use crate::cli::output::{ImageBar, Output};
use imgveil::job::{DecryptRequest, decrypt};
use std::path::PathBuf;

/// Decrypt a data set that was encrypted.
///
/// Every image comes back as the pixels that were decoded before encryption, exactly, and is checked to be so. Padding is
/// cut off; cropping and resizing are not undone. A wrong key is refused by its fingerprint before anything is written.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  imgveil decrypt -k hospital.key encrypted back")]
pub struct Args {
    /// Key file that the set was encrypted with
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Folder or .npz file that `imgveil encrypt` wrote
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// New folder or .npz file
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let key = load_key(&args.key, out)?;
    let device = args.device.open(out)?;
    let bar = ImageBar::new("decrypting");
    let request = DecryptRequest { input: &args.input, output: &args.output, key: &key, engine: device.engine() };
    let result = decrypt(&request, &bar);
    bar.finish();
    report("decrypted", &args.output, &result?, args.json, out)
}
