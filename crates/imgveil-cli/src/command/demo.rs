//! `imgveil demo`.

use crate::args::DeviceArgs;
use crate::demo::demo;
use crate::exit::{DONE, Outcome};
use crate::output::Output;
use crate::watched::watched;
use imgveil_train::Backend;
use std::path::PathBuf;
use std::time::Instant;

/// Try everything on drawn images: encrypt, train, compare.
///
/// Draws a small set of phantom X-rays in two classes, makes a key, encrypts and decrypts the set under several
/// schemes, trains a small network on each encrypted set without the key, prints what encryption costs, and writes a
/// contact sheet. Takes under two minutes on two cores without a GPU.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  imgveil demo -o demo")]
pub struct Args {
    /// New folder for everything [default: imgveil-demo, or the next free imgveil-demo-N]
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let started = Instant::now();
    let folder = match &args.output {
        Some(folder) => folder.clone(),
        None => next_free(),
    };
    let device = args.device.open(out)?;
    let backend = Backend::open(device.clone())?;
    let _watched = watched(&backend);
    out.note(&format!("encrypting on {}; training on {}", device.name(), backend.name()));
    let result = demo(&folder, &backend, &device, &|words| out.note(&format!("  {words}")))?;
    if args.json {
        out.json(&result)?;
        return Ok(DONE);
    }
    out.say("");
    out.say(&format!("{:<13} {:<47} {:>13} {:>11} {:>9} {:>6}", "scheme", "", "encrypt", "train", "accuracy", "AUC"));
    for line in &result.lines {
        let auc = line.auc.map_or("-".into(), |auc| format!("{auc:.3}"));
        out.say(&format!(
            "{:<13} {:<47} {:>8.0} im/s {:>6.0} im/s {:>9.3} {auc:>6}",
            line.scheme, line.options, line.encrypted_per_second, line.trained_per_second, line.accuracy
        ));
    }
    out.say("");
    out.say("Accuracy and AUC on 400 test images; chance is 0.5. Every image was decrypted exactly.");
    out.say(&format!("Contact sheet: {}", result.sheet.display()));
    out.say(&format!("One phantom under every scheme: {}", result.schemes.display()));
    out.detail(&format!("took {:.1} s", started.elapsed().as_secs_f64()));
    Ok(DONE)
}

fn next_free() -> PathBuf {
    let first = PathBuf::from("imgveil-demo");
    if !first.exists() {
        return first;
    }
    (2..).map(|n| PathBuf::from(format!("imgveil-demo-{n}"))).find(|path| !path.exists()).unwrap_or(first)
}
