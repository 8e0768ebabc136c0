//! `imgveil verify`.

use crate::args::{DeviceArgs, MemoryArgs};
use crate::audit::{Audit, LogArgs, audited};
use crate::exit::{DATASET, DONE, Failure, Outcome, USAGE};
use crate::output::{ImageBar, Output, counted, list};
use crate::secret::SecretArgs;
use imgveil_data::job::{SpotCheck, Unchecked, VerifyRequest, VerifyRun};
use imgveil_data::set::Trust;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

const AFTER_HELP: &str = "\
Examples:
  imgveil verify encrypted
  imgveil verify -k hospital.key encrypted
  imgveil verify -k hospital.key --sample 1/20 encrypted

Exit code 0: everything is as it was written. 5: something is not; standard error says what. A set of an earlier \
version (format 1) has no seal: its manifest cannot be checked, and with --strict this counts as an error.";

/// Check that an encrypted set is whole and unchanged.
///
/// Without a key every file is compared with the hash in imgveil.json and decoded; nothing vouches for imgveil.json
/// itself. With the key the seal of imgveil.json is checked first, and every image is also decrypted in memory and
/// compared with its keyed check. Neither can be forged without the key. Of a scheme that cannot be undone (skk-filter,
/// instahide), images are compared with the hashes in imgveil.json instead, for which the seal vouches.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    secret: SecretArgs,
    /// Check one image of N only, at random
    #[arg(long, value_name = "1/N")]
    sample: Option<OneOf>,
    /// Fail on a set of an earlier version (format 1), whose imgveil.json has no seal that could be checked
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    log: LogArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// What `imgveil encrypt` wrote
    #[arg(value_name = "SET")]
    set: PathBuf,
}

/// What a verification without the key does not say.
const NOT_VOUCHED: &str = "Without the key this vouches for the files, and not for imgveil.json: its names, labels, \
                           splits and options may have been changed.";

/// One image out of this many: `1/20`.
#[derive(Clone, Copy)]
struct OneOf(usize);

impl FromStr for OneOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let of = text.strip_prefix("1/").and_then(|of| of.parse().ok()).filter(|&of| of > 0);
        of.map(Self).ok_or_else(|| format!("`{text}` is no sample: write 1/N, such as 1/20"))
    }
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    audited("verify", &args.log, &args.set, out, |audit| verify(args, audit, out))
}

fn verify(args: &Args, audit: &Audit, out: &Output) -> Outcome {
    let secret = args.secret.load_or_of_environment(out)?;
    let device = args.device.open(out)?;
    let spot_check = match args.sample {
        Some(OneOf(of)) => {
            let mut random = [0; 8];
            getrandom::fill(&mut random).map_err(|e| Failure {
                words: format!("the operating system gives no random numbers for --sample: {e}"),
                code: USAGE,
            })?;
            Some(SpotCheck { of, first: (u64::from_le_bytes(random) % of as u64) as usize })
        }
        None => None,
    };
    let bar = Arc::new(ImageBar::new("verifying"));
    let request = VerifyRequest { input: args.set.clone(), secret, spot_check, memory: args.memory.bound() };
    let result = VerifyRun::new(request, device).with_progress(bar.clone()).run();
    bar.finish();
    let found = result?;
    audit.found(&found);
    let bad = found.failed.len() + found.labels.len() + found.members.len() + found.strangers.len();
    if args.json {
        out.json(&found)?;
    } else {
        let how = match found.unchecked.contains(&Unchecked::Jpeg) {
            false if found.decrypted => "decrypted to what was encrypted",
            _ => "as they were written",
        };
        let good = found.checked - found.failed.len();
        let of = format!("{good} of {}", counted(found.checked, "image"));
        let rest = match found.images - found.checked {
            0 => String::new(),
            rest => format!(" ({rest} others not looked at)"),
        };
        out.say(&format!("{of} {how}{rest}, in {:.2} s", found.seconds));
    }
    if !found.failed.is_empty() {
        out.warn(&format!("{} not as it should be:", counted(found.failed.len(), "image")));
        list(&found.failed, 20, out);
    }
    if !found.labels.is_empty() {
        out.warn(&format!("{} whose labels are not those in imgveil.json:", counted(found.labels.len(), "place")));
        found.labels.iter().take(20).for_each(|path| out.note(&format!("  {path}")));
    }
    if !found.members.is_empty() {
        let samples = counted(found.members.len(), "sample");
        out.warn(&format!("{samples} whose members beside the image are not those that were carried over:"));
        found.members.iter().take(20).for_each(|path| out.note(&format!("  {path}")));
    }
    if !found.strangers.is_empty() {
        out.warn(&format!("{} that imgveil.json does not name:", counted(found.strangers.len(), "file")));
        found.strangers.iter().take(20).for_each(|path| out.note(&format!("  {path}")));
    }
    found.unchecked.iter().for_each(|unchecked| out.note(&format!("not checked: {unchecked}")));
    if found.manifest == Trust::NoKey {
        out.note(NOT_VOUCHED);
    }
    let refused = args.strict && found.manifest == Trust::Format1;
    if refused {
        out.warn("nothing vouches for imgveil.json (--strict): encrypt the set again with this version");
    }
    Ok(if bad == 0 && !refused { DONE } else { DATASET })
}
