//! `imgveil key passphrase`.

use crate::exit::{DONE, Failure, Outcome, USAGE};
use crate::output::Output;
use crate::passphrase::{self, PassphraseArgs, STDIN};
use imgveil_data::key_file::KeyFile;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  imgveil key passphrase hospital.key
  imgveil key passphrase --passphrase-file old.txt --new-passphrase-file new.txt hospital.key
  imgveil key passphrase --remove hospital.key

The key stays the same, and so does everything that it has encrypted. A copy of the file from before, such as a \
backup, still opens with the passphrase that it had, or with none.";

/// Add a passphrase to a key file, change it, or remove it.
///
/// A sealed key file is a text in the format of the program age: `age --decrypt` opens it, and a key file that `age
/// --passphrase` has sealed is opened by every command. A guess at the passphrase costs about a second and 256 MiB of
/// memory. The file is replaced in one step, after the new one was opened once.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// File whose one line is the new passphrase; - is standard input [default: the terminal is asked twice]
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// Remove the passphrase: whoever can read the file has the key
    #[arg(long, conflicts_with = "new_passphrase_file")]
    remove: bool,
    /// Key file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let name = args.file.display();
    let refused = |words: String| Err(Failure { words, code: USAGE });
    let stdin = Some(Path::new(STDIN));
    if args.passphrase.file().as_deref() == stdin && args.new_passphrase_file.as_deref() == stdin {
        return refused("standard input has one passphrase: give a file for the other".to_owned());
    }
    let file = KeyFile::read(&args.file)?;
    if args.remove && !file.is_sealed() {
        // A file that is no key has no passphrase either, and that is worth more to know.
        file.open(None)?;
        return refused(format!("{name} has no passphrase"));
    }
    let old = passphrase::of(&file, &args.passphrase, out)?;
    // A wrong passphrase is reported before a new one is asked for.
    let fingerprint = file.open(old.as_ref())?.fingerprint();
    let new = match args.remove {
        true => None,
        false => {
            let advice = "give --new-passphrase-file FILE";
            Some(passphrase::new(args.new_passphrase_file.clone(), &name.to_string(), advice, out)?)
        }
    };
    file.reseal(old.as_ref(), new.as_ref())?;
    match new {
        None => {
            out.say(&format!("{name} has no passphrase now, fingerprint {fingerprint}"));
            out.note("Whoever can read the file has the key.");
        }
        Some(_) => {
            let done = if old.is_some() { "has a new passphrase" } else { "is sealed with a passphrase now" };
            out.say(&format!("{name} {done}, fingerprint {fingerprint}"));
            out.note(LOST);
        }
    }
    Ok(DONE)
}

/// What to say when a key was sealed.
pub const LOST: &str = "Keep the passphrase apart from the file, and a backup of both: without either, nothing can be \
                        decrypted.";
