//! `imgveil encrypt`; and what it shares with `decrypt`: the report of a job.

use crate::cli::args::{DeviceArgs, FitArgs, SchemeArgs, load_key};
use crate::cli::exit::{DONE, FAILED, Failure as Fail, Outcome, PARTLY};
use crate::cli::output::{ImageBar, Output, counted};
use imgveil::job::{EncryptRequest, Failure, Summary, encrypt};
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  imgveil encrypt -k hospital.key images encrypted
  imgveil encrypt -k hospital.key --block 8 --key-scope block --scramble images encrypted
  imgveil encrypt -k hospital.key set.npz encrypted.npz

What it does not protect: file and class names and labels are kept; whoever holds one plain image with its encryption \
can read the key of shuffle-flip off it; the histogram of a block stays, up to negation. See the README.";

/// Encrypt a data set.
///
/// IN is a folder of images, of class folders, or of train/ val/ test/ folders of them (PNG, JPEG; 8-bit grey or RGB), or a
/// MedMNIST .npz file. OUT becomes the same tree as PNG files with imgveil.json, or an .npz if its name ends so. Files
/// that cannot be read are set aside with their reasons, and the rest is done. A run that was cut goes on when it is
/// started again.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Key file (see `imgveil keygen`)
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    scheme: SchemeArgs,
    #[command(flatten)]
    fit: FitArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Folder of images or .npz file
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// New folder or .npz file
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let scheme = args.scheme.scheme()?;
    let key = load_key(&args.key, out)?;
    let device = args.device.open(out)?;
    out.detail(&format!("scheme: {scheme}"));
    let bar = ImageBar::new("encrypting");
    let request = EncryptRequest {
        input: &args.input,
        output: &args.output,
        key: &key,
        scheme: &scheme,
        fit: args.fit.fit(),
        engine: device.engine(),
    };
    let result = encrypt(&request, &bar);
    bar.finish();
    report("encrypted", &args.output, &result?, args.json, out)
}

/// Prints what a job did; files set aside are listed, and written to `OUT.failed.csv`: beside the output, which may be
/// handed out, because the list names the plain files.
pub fn report(verb: &str, output: &Path, summary: &Summary, json: bool, out: &Output) -> Outcome {
    if json {
        out.json(summary)?;
    } else {
        let Summary { images, bytes, seconds, device, key, scheme, ignored, .. } = summary;
        let (rate, mb) = (*images as f64 / seconds.max(1e-9), *bytes as f64 / 1e6);
        out.say(&format!(
            "{verb} {} ({mb:.1} MB of pixels) in {seconds:.2} s, {rate:.0} images/s, with {} and key {key} on {device}",
            counted(*images, "image"),
            scheme.name
        ));
        if *ignored > 0 {
            let is = if *ignored == 1 { "is" } else { "are" };
            out.note(&format!("passed over {} that {is} no PNG or JPEG", counted(*ignored, "file")));
        }
    }
    if summary.failed.is_empty() {
        return Ok(DONE);
    }
    const SHOWN: usize = 10;
    let failed = &summary.failed;
    let were = if failed.len() == 1 { "was" } else { "were" };
    out.warn(&format!("{} {were} set aside:", counted(failed.len(), "image")));
    for failure in failed.iter().take(SHOWN) {
        out.note(&format!("  {}: {}", failure.path, failure.reason));
    }
    if failed.len() > SHOWN {
        out.note(&format!("  and {} more", failed.len() - SHOWN));
    }
    let list = failed_list(output);
    std::fs::write(&list, csv(failed))
        .map_err(|e| Fail { words: format!("cannot write {}: {e}", list.display()), code: FAILED })?;
    out.note(&format!("the whole list is in {}", list.display()));
    Ok(PARTLY)
}

fn failed_list(output: &Path) -> PathBuf {
    // `.` and `..` have names too; the output is there by now.
    let named = matches!(output.components().next_back(), Some(Component::Normal(_)));
    let resolved = output.canonicalize().unwrap_or_else(|_| output.to_owned());
    let output = if named { output } else { &resolved };
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(".failed.csv");
    output.with_file_name(name)
}

fn csv(failed: &[Failure]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    failed.iter().fold("path,reason\n".to_owned(), |mut text, failure| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{},{}", quoted(&failure.path), quoted(&failure.reason));
        text
    })
}
