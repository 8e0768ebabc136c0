//! `imgveil update`.

use crate::args::{DeviceArgs, SetArgs};
use crate::audit::{Audit, LogArgs, audited};
use crate::exit::{DONE, Failure, Outcome, PARTLY};
use crate::guard;
use crate::output::{ImageBar, Output, continued, counted, report, report_set_aside, set_aside};
use crate::secret::{self, SecretArgs};
use imgveil_data::job::{Update, UpdateRequest, UpdateRun};
use std::path::PathBuf;
use std::sync::Arc;

const AFTER_HELP: &str = "\
Examples:
  imgveil update -k hospital.key images encrypted
  imgveil update -k hospital.key --dry-run images encrypted
  imgveil update -k hospital.key --prune images encrypted
  imgveil update -k hospital.key --labels labels.csv set.npz encrypted.npz

What was sent stays as it was: neutral names, numbers of classes (a new class gets the next number), and the files of \
unchanged images. An image with other pixels gets another stream of keys.";

/// Bring an encrypted set up to date with its input.
///
/// Compares IN with OUT by the pixels, splits and classes of the images, says what is new, changed, gone and unchanged,
/// and encrypts what is new or changed. Images that are gone stay in the set unless --prune is given. Scheme and
/// options are those of the set; options that contradict them are refused. OUT stays as it was until the new files are
/// whole: a run that was interrupted continues when it is started again.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP, mut_group("secret", |group| group.required(secret::is_required())))]
pub struct Args {
    #[command(flatten)]
    secret: SecretArgs,
    /// Remove images that are no longer in IN
    #[arg(long)]
    prune: bool,
    /// Only compare, and say what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten, next_help_heading = "Options of the set, which need not be repeated")]
    set: SetArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    log: LogArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// What was encrypted, as it is now
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// What `imgveil encrypt` wrote
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

impl Args {
    fn request(&self, out: &Output) -> Result<UpdateRequest, Failure> {
        let SetArgs { scheme, format, .. } = &self.set;
        let encoding = format.encoding(&self.output)?;
        Ok(UpdateRequest {
            input: self.input.clone(),
            output: self.output.clone(),
            secret: self.secret.require(out)?,
            scheme: if scheme.is_given() { Some(scheme.scheme()?) } else { None },
            encoding: format.format.map(|_| encoding),
            options: self.set.options(),
            prune: self.prune,
        })
    }
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    audited("update", &args.log, &args.output, out, |audit| update(args, audit, out))
}

fn update(args: &Args, audit: &Audit, out: &Output) -> Outcome {
    let request = args.request(out)?;
    let device = args.device.open(out)?;
    guard::tell_when_interrupted(guard::GOES_ON);
    let bar = Arc::new(ImageBar::new("updating"));
    let run = UpdateRun::new(request, device).with_progress(bar.clone());
    let result = if args.dry_run { run.changes() } else { run.run() };
    bar.finish();
    let update = continued(result, &args.output, out)?;
    audit.changed(&update);
    if let Some(summary) = update.summary.as_ref().filter(|_| !args.json) {
        kept(&update, args, out);
        return report("updated", &args.output, "failed.csv", summary, false, out);
    }
    if args.json {
        out.json(&update)?;
    } else if update.summary.is_none() {
        let Update { changes, .. } = &update;
        let encrypted = changes.new + changes.changed + changes.damaged;
        match (encrypted, changes.gone) {
            (0, gone) if gone == 0 || !args.prune => {
                out.say(&format!("{} is up to date: nothing to do", args.output.display()));
            }
            (encrypted, gone) => {
                let removed = if args.prune { format!(", and remove {gone}") } else { String::new() };
                out.say(&format!("would encrypt {}{removed}", counted(encrypted, "image")));
            }
        }
        kept(&update, args, out);
    }
    if !args.dry_run {
        return report_set_aside(&args.output, "failed.csv", &update.failed, out);
    }
    if update.failed.is_empty() {
        return Ok(DONE);
    }
    set_aside(&update.failed, "would be", out);
    Ok(PARTLY)
}

/// Says that images stay that are gone.
fn kept(update: &Update, args: &Args, out: &Output) {
    let gone = update.changes.gone;
    if gone > 0 && !args.prune {
        let (images, are, stay, them) =
            if gone == 1 { ("image", "is", "stays", "it") } else { ("images", "are", "stay", "them") };
        out.note(&format!(
            "note: {gone} {images} that {are} no longer in the input {stay} in the set; --prune removes {them}"
        ));
    }
}
