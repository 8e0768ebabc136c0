//! `imgveil rekey`.

use crate::args::{DeviceArgs, MemoryArgs};
use crate::audit::{Audit, LogArgs, audited};
use crate::command::dry_run::{DryRun, dry_run};
use crate::exit::{Failure, Outcome, USAGE};
use crate::guard;
use crate::output::{ImageBar, Output, continued, report};
use crate::passphrase::{PassphraseArgs, STDIN};
use crate::secret::{load_key, load_tables, load_tables_to_encrypt};
use imgveil::internal::scheme::Secret;
use imgveil::internal::sealed::Salt;
use imgveil_data::job::{RekeyRequest, RekeyRun};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const AFTER_HELP: &str = "\
Examples:
  imgveil rekey --from old.key --to new.key encrypted rekeyed
  imgveil rekey --from old.key --to new.key --dry-run encrypted rekeyed
  imgveil rekey --from old.key --to new.key --names encrypted.names.csv encrypted rekeyed

The set with the old key stays as it is: who has that key and a copy of the set can still decrypt it. A key that \
others may have seen opens what they have of the set for ever.";

/// Bring an encrypted set from one key to another.
///
/// Images are decrypted with the old key and encrypted with the new one in memory: no plain pixel is written. Every
/// image is checked before it is encrypted again. Scheme, options, form, labels and splits stay as they are; the salt
/// is new, and with it the neutral names. Which new name is whose goes to OUT.names.csv, for which the old file of
/// names is needed. A set whose scheme cannot be undone is refused. A run that was interrupted continues when it is
/// started again.
#[derive(clap::Args)]
#[command(
    after_help = AFTER_HELP,
    group(clap::ArgGroup::new("old").required(true).args(["from", "from_tables"])),
    group(clap::ArgGroup::new("new").required(true).args(["to", "to_tables"])),
)]
pub struct Args {
    /// Key file that the set was encrypted with; - is standard input
    #[arg(long, value_name = "OLD")]
    from: Option<PathBuf>,
    /// Key file of the new set (see `imgveil keygen`); - is standard input
    #[arg(long, value_name = "NEW")]
    to: Option<PathBuf>,
    /// Tables that the set was encrypted with, instead of a key
    #[arg(long, value_name = "FILE")]
    from_tables: Option<PathBuf>,
    /// Tables of the new set, instead of a key
    #[arg(long, value_name = "FILE")]
    to_tables: Option<PathBuf>,
    /// File whose one line is the passphrase of OLD; - is standard input [default: the terminal is asked]
    #[arg(long, value_name = "FILE")]
    from_passphrase_file: Option<PathBuf>,
    /// File whose one line is the passphrase of NEW; - is standard input [default: the terminal is asked]
    #[arg(long, value_name = "FILE")]
    to_passphrase_file: Option<PathBuf>,
    /// The file of names that was written with the set [default: SET.names.csv, if it is there]
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Where to write which image of the new set is which [default: OUT.names.csv]
    #[arg(long, value_name = "FILE")]
    new_names: Option<PathBuf>,
    /// The salt of the new set, to write the bytes of an earlier run again [default: random]
    #[arg(long, value_name = "HEX")]
    salt: Option<Salt>,
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
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
    #[arg(value_name = "SET")]
    input: PathBuf,
    /// New folder, or .npz file for a set in one
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

impl Args {
    /// Both secrets, the old one first.
    fn secrets(&self, out: &Output) -> Result<(Secret, Secret), Failure> {
        let files = [&self.from, &self.to, &self.from_passphrase_file, &self.to_passphrase_file];
        if files.iter().filter(|file| file.as_deref() == Some(Path::new(STDIN))).count() > 1 {
            let words = "standard input has one key or passphrase: give files for the others".to_owned();
            return Err(Failure { words, code: USAGE });
        }
        let missing = |flag: &str| Failure { words: format!("give {flag} FILE"), code: USAGE };
        let passphrase = |file: &Option<PathBuf>| PassphraseArgs { passphrase_file: file.clone() };
        let from = match (&self.from, &self.from_tables) {
            (Some(path), _) => load_key(path, &passphrase(&self.from_passphrase_file), out)?.into(),
            (None, Some(path)) => load_tables(path, out)?.into(),
            (None, None) => return Err(missing("--from")),
        };
        let to = match (&self.to, &self.to_tables) {
            (Some(path), _) => load_key(path, &passphrase(&self.to_passphrase_file), out)?.into(),
            // A dry run writes nothing, not even the salt of tables: any will do.
            (None, Some(path)) if self.dry_run => Secret::from(load_tables(path, out)?).salted_for_a_dry_run(),
            (None, Some(path)) => load_tables_to_encrypt(path, out)?.into(),
            (None, None) => return Err(missing("--to")),
        };
        Ok((from, to))
    }
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    audited("rekey", &args.log, &args.output, out, |audit| rekey(args, audit, out))
}

fn rekey(args: &Args, audit: &Audit, out: &Output) -> Outcome {
    let (from, to) = args.secrets(out)?;
    audit.had_key(&from.key().fingerprint());
    let device = args.device.open(out)?;
    let request = RekeyRequest {
        input: args.input.clone(),
        output: args.output.clone(),
        from,
        to,
        names: args.names.clone(),
        new_names: args.new_names.clone(),
        salt: args.salt,
        memory: args.memory.bound(),
    };
    guard::tell_when_interrupted(guard::GOES_ON);
    let bar = Arc::new(ImageBar::new("rekeying"));
    let run = RekeyRun::new(request, device).with_progress(bar.clone());
    if args.dry_run {
        let result = run.preflight();
        bar.finish();
        let (input, output, json) = (&args.input, &args.output, args.json);
        return dry_run(&result?, &DryRun { verb: "rekey", input, output, json }, out);
    }
    let result = run.run();
    bar.finish();
    let summary = continued(result, &args.output, out)?;
    audit.did(&summary);
    report("rekeyed", &args.output, "failed.csv", &summary, args.json, out)
}
