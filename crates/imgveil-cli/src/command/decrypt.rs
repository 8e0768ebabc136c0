//! `imgveil decrypt`.

use crate::args::{DeviceArgs, Format, FormatArgs, MemoryArgs};
use crate::audit::{Audit, LogArgs, audited};
use crate::exit::{Failure, Outcome, USAGE};
use crate::guard;
use crate::output::{ImageBar, Output, continued, report};
use crate::secret::{self, SecretArgs};
use imgveil_data::job::{DecryptOptions, DecryptRequest, DecryptRun, WriteBackRequest, WriteBackRun};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const AFTER_HELP: &str = "\
Examples:
  imgveil decrypt -k hospital.key encrypted back
  imgveil decrypt -k hospital.key --names encrypted.names.csv encrypted back
  imgveil decrypt -k hospital.key --private encrypted back
  imgveil decrypt -k hospital.key --into scans encrypted back    # DICOM and NIfTI files again

With --into, every DICOM object and NIfTI volume of ORIGINALS whose images are in the set is copied to OUT under its \
own path, and gets the decrypted pixels: values, signs and bits as they were stored, uncompressed. All else of the \
file is copied as it is. A file whose pixels are not those that were encrypted is set aside.";

/// Decrypt a data set that was encrypted.
///
/// Every image comes back exactly as the pixels that were decoded before encryption, and this is checked. Padding is
/// cut off; cropping and resizing are not undone. A wrong key is refused by its fingerprint before anything is
/// written.
#[derive(clap::Args)]
#[command(
    after_help = AFTER_HELP,
    mut_group("secret", |group| group.required(secret::is_required()))
)]
pub struct Args {
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    format: FormatArgs,
    /// The file of names that was written with the set: images get back the names that they had
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Write the pixels back into copies of the DICOM objects and NIfTI volumes in this folder, from which the set was
    /// encrypted
    #[arg(long, value_name = "ORIGINALS")]
    into: Option<PathBuf>,
    /// With --into: keep the SOP Instance UIDs of DICOM objects; otherwise every copy gets one of its own, always the
    /// same under the same key
    #[arg(long, requires = "into")]
    keep_uids: bool,
    /// Write files that only you may read (mode 0600); otherwise your umask decides
    #[arg(long)]
    private: bool,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    log: LogArgs,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// What `imgveil encrypt` wrote
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// New folder or .npz file
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    audited("decrypt", &args.log, &args.output, out, |audit| decrypt(args, audit, out))
}

fn decrypt(args: &Args, audit: &Audit, out: &Output) -> Outcome {
    if let Some(originals) = &args.into {
        return write_back(args, originals, audit, out);
    }
    let options = DecryptOptions {
        encoding: Some(args.format.encoding(&args.output)?),
        names: args.names.clone(),
        private: args.private,
        memory: args.memory.bound(),
    };
    let secret = args.secret.require(out)?;
    let device = args.device.open(out)?;
    guard::tell_when_interrupted(guard::GOES_ON);
    let bar = Arc::new(ImageBar::new("decrypting"));
    let request = DecryptRequest { input: args.input.clone(), output: args.output.clone(), secret, options };
    let result = DecryptRun::new(request, device).with_progress(bar.clone()).run();
    bar.finish();
    let summary = continued(result, &args.output, out)?;
    audit.did(&summary);
    report("decrypted", &args.output, "failed.csv", &summary, args.json, out)
}

/// Writes decrypted pixels back into copies of their originals.
fn write_back(args: &Args, originals: &Path, audit: &Audit, out: &Output) -> Outcome {
    if !matches!(args.format.format, None | Some(Format::Dicom)) {
        let words = "with --into, files have the format of their originals: leave --format out".to_owned();
        return Err(Failure { words, code: USAGE });
    }
    let secret = args.secret.require(out)?;
    guard::tell_when_interrupted(guard::GOES_ON);
    let bar = Arc::new(ImageBar::new("writing back"));
    let request = WriteBackRequest {
        input: args.input.clone(),
        originals: originals.to_owned(),
        output: args.output.clone(),
        secret,
        names: args.names.clone(),
        keep_uids: args.keep_uids,
        private: args.private,
        memory: args.memory.bound(),
    };
    let result = WriteBackRun::new(request).with_progress(bar.clone()).run();
    bar.finish();
    let summary = continued(result, &args.output, out)?;
    audit.did(&summary);
    report("wrote back", &args.output, "failed.csv", &summary, args.json, out)
}
