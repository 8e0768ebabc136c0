//! `imgveil decrypt`.

use crate::cli::args::{DeviceArgs, SecretArgs};
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
#[command(
    after_help = "Example:\n  imgveil decrypt -k hospital.key encrypted back",
    mut_group("secret", |group| group.required(true))
)]
pub struct Args {
    #[command(flatten)]
    secret: SecretArgs,
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
    let secret = args.secret.require(out)?;
    let device = args.device.open(out)?;
    let bar = ImageBar::new("decrypting");
    let request = DecryptRequest { input: &args.input, output: &args.output, secret: &secret, engine: device.engine() };
    let result = decrypt(&request, &bar);
    bar.finish();
    report("decrypted", &args.output, &result?, args.json, out)
}
