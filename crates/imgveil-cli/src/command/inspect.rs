//! `imgveil inspect`.

use crate::args::ReadArgs;
use crate::exit::{DONE, Outcome};
use crate::output::{Output, counted, links_out, set_table, values_line};
use imgveil_data::job::inspect;
use imgveil_data::set::Trust;
use std::collections::BTreeMap;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  imgveil inspect encrypted
  imgveil inspect --json images
  imgveil inspect scan.nii.gz";

/// Tell what a set is: encrypted or plain, how, how many images, which classes and sizes.
///
/// Reads manifests and headers only; no image is decoded.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    read: ReadArgs,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    /// A set, encrypted or plain
    #[arg(value_name = "SET")]
    set: PathBuf,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let found = inspect(&args.set, &args.read.reading())?;
    if args.json {
        out.json(&found)?;
        return Ok(DONE);
    }
    let (set, images, mb) = (args.set.display(), counted(found.images, "image"), found.bytes as f64 / 1e6);
    match &found.encrypted {
        Some(encrypted) => {
            out.say(&format!("{set}: encrypted, {images} ({mb:.1} MB of pixels) as {}", encrypted.encoding));
            out.say(&format!("  scheme   {}", encrypted.scheme.name));
            encrypted.scheme.stages.iter().for_each(|stage| out.say(&format!("           {stage}")));
            let forgotten = if encrypted.key_forgotten { ", drawn for this set and kept nowhere" } else { "" };
            out.say(&format!("  key      {}{forgotten}", encrypted.key));
            out.say(&format!("  made by  {}", encrypted.tool));
            match encrypted.manifest {
                Trust::Format1 => out.note(&format!("{}.", Trust::Format1)),
                _ => out.note(
                    "This is what imgveil.json says, for which nothing vouches without the key: `imgveil \
                     verify -k KEY`.",
                ),
            }
        }
        None => out.say(&format!("{set}: not encrypted, {images} ({mb:.1} MB of pixels)")),
    }
    set_table(&found.splits, &found.classes, &BTreeMap::new(), &found.sizes, out);
    values_line(&found.values, out);
    if found.unreadable > 0 {
        out.note(&format!("{} cannot be read", counted(found.unreadable, "image")));
    }
    links_out(&found.links_out, out);
    if found.ignored > 0 {
        out.note(&format!("{} no image", counted(found.ignored, "file")));
    }
    Ok(DONE)
}
