//! `imgveil merge`.

use crate::exit::{DONE, Outcome};
use crate::output::{Output, counted};
use imgveil_data::job::merge;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Example: four processes, here or on four machines that share a disk, then one set
  for i in 1 2 3 4; do imgveil encrypt -k hospital.key --partition $i/4 images encrypted & done; wait
  imgveil merge encrypted";

/// Join the partitions that `imgveil encrypt --partition I/N` wrote into one set.
///
/// Only manifests and the lists beside the set are read and written; images are in their places already. The set is
/// equal, to the byte, to one that a single process writes.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// The folder that the partitions were written to
    #[arg(value_name = "SET")]
    set: PathBuf,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let merged = merge(&args.set)?;
    if args.json {
        out.json(&merged)?;
    } else {
        let images = counted(merged.images, "image");
        out.say(&format!(
            "joined {} of {}: {images}",
            counted(merged.partitions as usize, "partition"),
            args.set.display()
        ));
        if let Some(names) = &merged.names {
            out.note(&format!("which image is which: {} (keep it with the key)", names.display()));
        }
        if let Some(failed) = &merged.failed {
            out.note(&format!("what was set aside: {}", failed.display()));
        }
    }
    Ok(DONE)
}
