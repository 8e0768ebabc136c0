//! `imgveil keygen`.

use crate::command::key::LOST;
use crate::exit::{DONE, Outcome};
use crate::output::Output;
use crate::passphrase::{self, PassphraseArgs};
use imgveil::internal::key::Key;
use imgveil_data::Error;
use imgveil_data::key_file::{self, KeyFileError};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  imgveil keygen -o hospital.key
  imgveil keygen -o hospital.key --passphrase
  imgveil keygen -o hospital.key --passphrase-file passphrase.txt";

/// Make a new secret key.
///
/// The key is 32 bytes from the operating system, written as text with mode 0600. Whoever holds it can decrypt; without
/// it nobody can, so keep a backup. An existing file is never overwritten.
///
/// With a passphrase the file is sealed, in the format of the program age: whoever has the file needs the passphrase
/// too. Every command that takes the key asks for it. `imgveil key passphrase` changes it.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// File to write the key to
    #[arg(short, long, default_value = "imgveil.key", value_name = "FILE")]
    output: PathBuf,
    /// Seal the key with a passphrase, which the terminal is asked for twice
    #[arg(long)]
    passphrase: bool,
    /// Seal the key with the passphrase that is the one line of this file; - is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    // Before a passphrase is asked for.
    if args.output.symlink_metadata().is_ok() {
        return Err(Error::from(KeyFileError::Exists(args.output.clone())).into());
    }
    let sealed = args.passphrase || args.passphrase_file.is_some();
    let key = Key::generate()?;
    if sealed {
        let file = PassphraseArgs { passphrase_file: args.passphrase_file.clone() }.file();
        let name = args.output.display().to_string();
        let passphrase = passphrase::new(file, &name, passphrase::GIVE_FILE, out)?;
        key_file::save_sealed(&key, &args.output, &passphrase)?;
    } else {
        key_file::save(&key, &args.output)?;
    }
    let fingerprint = key.fingerprint().to_string();
    if args.json {
        let mut told = serde_json::json!({ "file": args.output, "fingerprint": fingerprint });
        if sealed {
            told["sealed"] = true.into();
        }
        out.json(&told)?;
    } else {
        let how = if sealed { ", sealed with a passphrase" } else { "" };
        out.say(&format!("wrote {}, fingerprint {fingerprint}{how}", args.output.display()));
        match sealed {
            true => out.note(LOST),
            false => out.note(
                "Keep a backup in a safe place: without the key nothing can be decrypted, and with it everything.",
            ),
        }
    }
    Ok(DONE)
}
