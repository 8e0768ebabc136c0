//! `imgveil key check`.

use crate::exit::{DONE, Failure, Outcome};
use crate::output::Output;
use crate::passphrase::{self, PassphraseArgs, STDIN};
use crate::secret::read_key_file;
use imgveil_data::key_file::KeyFile;
use imgveil_data::tables_file;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  imgveil key check hospital.key
  imgveil key check --passphrase-file passphrase.txt hospital.key

Exit code 4: it is no key file, it is damaged (standard error says what is), or the passphrase is wrong.";

/// Say what a key file is without showing the key.
///
/// Tells its kind, whether it is sealed with a passphrase, the fingerprint of its key, and who may read it. Without its
/// passphrase, and with no terminal to ask for it, a sealed file keeps its fingerprint to itself.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Key file or tables; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What a file is.
struct Found {
    kind: &'static str,
    sealed: bool,
    fingerprint: Option<String>,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let found = look_at(args, out)?;
    let mode = mode(&args.file);
    let private = mode.map(|mode| mode & 0o077 == 0);
    if args.json {
        out.json(&serde_json::json!({
            "file": args.file, "kind": found.kind, "sealed": found.sealed, "fingerprint": found.fingerprint,
            "mode": mode.map(|mode| format!("{mode:04o}")), "private": private,
        }))?;
        return Ok(DONE);
    }
    let sealed = if found.sealed { ", sealed with a passphrase" } else { "" };
    out.say(&format!("{}: {}{sealed}", args.file.display(), found.kind));
    let unknown = "not known without the passphrase".to_owned();
    out.say(&format!("  fingerprint  {}", found.fingerprint.unwrap_or(unknown)));
    if let (Some(mode), Some(private)) = (mode, private) {
        let who = if private { "only its owner can read it" } else { "others can read it; `chmod 600` changes that" };
        out.say(&format!("  mode         {mode:04o}: {who}"));
    }
    Ok(DONE)
}

fn look_at(args: &Args, out: &Output) -> Result<Found, Failure> {
    let file = read_key_file(&args.file)?;
    let sealed = file.is_sealed();
    if sealed && args.passphrase.file().is_none() && !passphrase::can_ask() {
        return Ok(Found { kind: KEY_FILE, sealed, fingerprint: None });
    }
    match file.open(passphrase::of(&file, &args.passphrase, out)?.as_ref()) {
        Ok(key) => Ok(Found { kind: KEY_FILE, sealed, fingerprint: Some(key.fingerprint().to_string()) }),
        Err(error) => match as_tables(&file, &args.file) {
            Some(fingerprint) => Ok(Found { kind: "written-out tables", sealed, fingerprint: Some(fingerprint) }),
            None => Err(error.into()),
        },
    }
}

const KEY_FILE: &str = "key file";

/// The fingerprint of the tables that a file holds.
fn as_tables(file: &KeyFile, path: &Path) -> Option<String> {
    if file.is_sealed() || path == Path::new(STDIN) {
        return None;
    }
    Some(tables_file::load(path).ok()?.tables.key().fingerprint().to_string())
}

/// The permissions of a file.
#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    if path == Path::new(STDIN) {
        return None;
    }
    Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}
