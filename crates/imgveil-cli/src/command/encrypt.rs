//! `imgveil encrypt`.

use crate::args::{DeviceArgs, SetArgs};
use crate::audit::{Audit, LogArgs, audited};
use crate::command::dry_run::{DryRun, dry_run};
use crate::command::schemes::risk_words;
use crate::exit::{Failure, Outcome};
use crate::guard;
use crate::output::{ImageBar, Output, continued, report};
use crate::secret::{self, SecretArgs};
use imgveil::internal::engine::Device;
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Options, Preset};
use imgveil::internal::sealed::Salt;
use imgveil_data::job::{
    Changes, EncryptOptions, EncryptRequest, EncryptRun, JobError, Partition, Summary, Update, UpdateRequest,
    UpdateRun, preflight_with_progress,
};
use imgveil_data::{Detail, Error};
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  imgveil encrypt -k hospital.key images encrypted
  imgveil encrypt -k hospital.key --dry-run images encrypted
  imgveil encrypt -k hospital.key --block 8 --pad images encrypted
  imgveil encrypt -k hospital.key -s shuffle-flip --key-scope block --scramble images encrypted
  imgveil encrypt -k hospital.key set.npz encrypted.npz
  imgveil encrypt -k hospital.key --window 40,400 --pad ct-scans encrypted
  imgveil encrypt -k hospital.key --depth 12 mri-scans encrypted
  imgveil encrypt --keys random --copies 4 images encrypted
  imgveil encrypt -k hospital.key --labels labels.csv --split-by patient images encrypted
  imgveil encrypt -k hospital.key --format webdataset 'train-{000000..000099}.tar' encrypted
  imgveil encrypt -k hospital.key --partition 2/16 images encrypted";

/// The examples, and what the default scheme does not protect against.
fn after_help() -> String {
    let scheme = Preset::DEFAULT.scheme(Options::default());
    let risks = scheme.map_or(String::new(), |scheme| risk_words(&scheme.risks()));
    format!(
        "{EXAMPLES}\n\nWhat it does not protect: labels, splits and sizes are kept; the histogram of a block stays, up \
         to negation. {}, as measured: {risks}. `imgveil schemes NAME` tells of others, `imgveil attack` \
         measures on your images.",
        Preset::DEFAULT.name()
    )
}

/// Encrypt a data set.
///
/// IN is a folder of images (PNG, JPEG, TIFF, BMP, WebP, PNM, DICOM, NIfTI), of class folders, or of train/ val/ test/
/// folders of them; a MedMNIST .npz file; .npy arrays; WebDataset shards; or a single file of images. Sizes may differ.
/// OUT gets the encrypted images under neutral names, and imgveil.json; which name is whose goes to OUT.names.csv,
/// which stays with you. Nothing of a file but its pixels, its label and its split reaches OUT.
///
/// Files that cannot be read are set aside with their reasons, and the rest is done. A run that was interrupted
/// continues when it is started again.
#[derive(clap::Args)]
#[command(after_help = after_help(), mut_group("secret", |group| group.required(secret::is_required())))]
pub struct Args {
    #[command(flatten)]
    secret: SecretArgs,
    /// `random` draws the keys for this run and keeps them nowhere: nobody can decrypt the set, you neither. For
    /// schemes in which every image has a key of its own
    #[arg(long, value_name = "random", group = "secret", conflicts_with_all = ["partition", "salt", "retry_failed"])]
    keys: Option<Keys>,
    #[command(flatten)]
    set: SetArgs,
    /// Encrypt partition I of N only, as one of N processes; `imgveil merge` joins them
    #[arg(long, alias = "shard", value_name = "I/N")]
    partition: Option<Partition>,
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
    /// Reopen a finished output for the images that were set aside, or that were added since
    #[arg(long)]
    retry_failed: bool,
    /// The salt of an earlier set, from its imgveil.json, to write its bytes again; two sets of one salt and key can be
    /// linked [default: random, for partitions from the key and the list of images]
    #[arg(long, value_name = "HEX")]
    salt: Option<Salt>,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    log: LogArgs,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Folder, .npz, .npy, .tar, or a file of images
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// New folder or .npz file
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

/// Where keys come from if no file has one.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Keys {
    Random,
}

impl Args {
    fn options(&self) -> Result<EncryptOptions, Failure> {
        Ok(EncryptOptions {
            encoding: Some(self.set.format.encoding(&self.output)?),
            partition: self.partition,
            retry_failed: self.retry_failed,
            forgets_key: self.keys.is_some(),
            salt: self.salt,
            ..self.set.options()
        })
    }
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    audited("encrypt", &args.log, &args.output, out, |audit| encrypt(args, audit, out))
}

fn encrypt(args: &Args, audit: &Audit, out: &Output) -> Outcome {
    let scheme = args.set.scheme.scheme()?;
    let options = args.options()?;
    // A dry run writes nothing, not even the salt of tables: any will do.
    let secret = match (args.keys, args.dry_run) {
        (Some(Keys::Random), _) => Key::generate()?.into(),
        (None, true) => args.secret.require(out)?.salted_for_a_dry_run(),
        (None, false) => args.secret.require_to_encrypt(out)?,
    };
    let device = args.device.open(out)?;
    out.detail(&format!("scheme: {}", scheme.describe()));
    let risks = scheme.risks();
    if !risks.is_empty() {
        out.detail(&format!("risk: {}", risk_words(&risks)));
    }
    let request = EncryptRequest { input: args.input.clone(), output: args.output.clone(), secret, scheme, options };
    let request_again = request.clone();
    let device_again = device.clone();
    guard::tell_when_interrupted(if args.keys.is_some() { guard::KEYS_ARE_GONE } else { guard::GOES_ON });
    let bar = Arc::new(ImageBar::new("encrypting"));
    if args.dry_run {
        let result = preflight_with_progress(&request, bar.as_ref());
        bar.finish();
        let (input, output, json) = (&args.input, &args.output, args.json);
        return dry_run(&result?, &DryRun { verb: "encrypt", input, output, json }, out);
    }
    let result = EncryptRun::new(request, device).with_progress(bar.clone()).run();
    bar.finish();
    let changes = since_then(request_again, device_again, &result);
    let summary = match (continued(result, &args.output, out), changes) {
        (Err(Failure { words, code }), Some(changes)) => {
            return Err(Failure { words: format!("{words} ({changes})"), code });
        }
        (result, _) => result?,
    };
    audit.did(&summary);
    if let Some(changes) = changes {
        out.note(&format!("note: since then: {changes}; `imgveil update` brings the output up to date"));
    }
    let beside = args.partition.map_or("failed.csv".to_owned(), |partition| format!("failed-{}.csv", partition.slug()));
    report("encrypted", &args.output, &beside, &summary, args.json, out)
}

/// What an update would do, where the output is a finished set and differs from the input.
fn since_then(request: EncryptRequest, device: Device, result: &Result<Summary, Error>) -> Option<Changes> {
    let there = match result {
        Ok(summary) => summary.was_complete,
        Err(error) => matches!(
            error.detail(),
            Detail::Job(JobError::SetThere { differences, .. }) if differences.is_empty()
        ),
    };
    if !there || request.options.partition.is_some() {
        return None;
    }
    let EncryptRequest { input, output, secret, options, .. } = request;
    let update = UpdateRequest { input, output, secret, scheme: None, encoding: None, options, prune: false };
    // What cannot be compared was reported already.
    let Update { changes, .. } = UpdateRun::new(update, device).changes().ok()?;
    (!changes.is_none(true)).then_some(changes)
}
