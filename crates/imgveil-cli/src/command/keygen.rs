//! `imgveil keygen`.

use crate::exit::{DONE, Outcome};
use crate::output::Output;
use imgveil::internal::key::Key;
use imgveil_data::key_file;
use std::path::PathBuf;

/// Make a new secret key.
///
/// The key is 32 bytes from the operating system, written as text with mode 0600. Whoever holds it can decrypt; without
/// it nobody can, so keep a backup. An existing file is never overwritten.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  imgveil keygen -o hospital.key")]
pub struct Args {
    /// File to write the key to
    #[arg(short, long, default_value = "imgveil.key", value_name = "FILE")]
    output: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let key = Key::generate()?;
    key_file::save(&key, &args.output)?;
    let fingerprint = key.fingerprint().to_string();
    if args.json {
        out.json(&serde_json::json!({ "file": args.output, "fingerprint": fingerprint }))?;
    } else {
        out.say(&format!("wrote {}, fingerprint {fingerprint}", args.output.display()));
        out.note("Keep a backup in a safe place: without the key nothing can be decrypted, and with it everything.");
    }
    Ok(DONE)
}
