//! `imgveil inspect`.

use crate::command::args::ReadArgs;
use crate::command::exit::{DONE, Outcome};
use crate::command::output::{Output, counted};
use imgveil_data::job::{Size, inspect};
use std::collections::BTreeMap;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  imgveil inspect encrypted
  imgveil inspect --json images
  imgveil inspect scan.nii.gz";

/// Say what a set is: encrypted or plain, how, how many images, which classes and sizes.
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
            out.say(&format!("  key      {}", encrypted.key));
            out.say(&format!("  made by  {}", encrypted.tool));
        }
        None => out.say(&format!("{set}: not encrypted, {images} ({mb:.1} MB of pixels)")),
    }
    table(&found.splits, &found.classes, &found.sizes, out);
    if found.unreadable > 0 {
        out.note(&format!("{} cannot be read", counted(found.unreadable, "image")));
    }
    if found.ignored > 0 {
        out.note(&format!("{} no image", counted(found.ignored, "file")));
    }
    Ok(DONE)
}

/// Lines of splits, classes and sizes.
pub fn table(splits: &BTreeMap<String, usize>, classes: &BTreeMap<String, usize>, sizes: &[Size], out: &Output) {
    const SHOWN: usize = 8;
    let line = |what: &str, all: Vec<(&str, usize)>| {
        let shown: Vec<String> = all.iter().take(SHOWN).map(|(name, count)| format!("{name} ({count})")).collect();
        let more = match all.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        out.say(&format!("  {what:<8} {}{more}", shown.join(", ")));
    };
    fn named<'a>(map: &'a BTreeMap<String, usize>, none: &'a str) -> Vec<(&'a str, usize)> {
        map.iter().map(|(name, &count)| (if name.is_empty() { none } else { name.as_str() }, count)).collect()
    }
    line("splits", named(splits, "all"));
    line("classes", named(classes, "none"));
    line("sizes", sizes.iter().map(|size| (size.geometry.as_str(), size.images)).collect());
}
