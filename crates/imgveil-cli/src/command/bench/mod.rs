//! `imgveil bench`.

mod bounds;
mod describe;
mod report;
mod table;
#[cfg(feature = "train")]
mod training;

use crate::args::{DeviceTimeout, SchemeOptions, each_device};
use crate::exit::{DONE, FAILED, Failure, Outcome, USAGE};
use crate::measure::{Extent, Measured, Row, ceilings, measure, work_folder};
use crate::output::Output;
use describe::describe;
use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::{Scheme, representative};
use indicatif::{ProgressBar, ProgressStyle};
use report::{OfDevice, Report};
use std::path::PathBuf;
use table::{Form, Table};
#[cfg(feature = "train")]
use {crate::watched::watched, imgveil_train::model::ModelKind, training::training};

const AFTER_HELP: &str = "\
Examples:
  imgveil bench                                              # the device that encrypt would take
  imgveil bench --device 0 --device cpu --json > today.json
  imgveil bench --device 0 --scheme ele --size 224x224x3 --seconds 2
  imgveil bench --device 0 --compare today.json --fail-under 0.9
  imgveil bench --device all --csv > figures.csv
  imgveil bench --device 0 --train resnet18 --size 224x224x3 --scheme ele
  imgveil bench --describe                                   # what it would measure

For each device, first its limits (copies, transfers to it and back, a dispatch), then every scheme. \
Rates count the bytes of samples that are read and of output that is written. From memory to memory counts the way to \
the device and back, from disk to disk the whole job over arrays. `of copy` is against the fastest \
copy on the device, `of none` against the same conversion to floats without a scheme. Everything is compared with the \
CPU engine before it is timed. A figure is the median of five samples or more, taken when the device is warm; (+-8 \
%) behind it says that half of the samples lie that far apart, where that is more than 2.5 %.

The table of bounds at the end says what limits each figure: memory (at least 80 % of the fastest copy), transfers (at \
least 80 % of what upload and readback allow), launch (the batch takes less than ten dispatches), or the \
kernel itself.";

/// The longest time for a figure, in seconds.
const LONGEST: f64 = 3600.0;

/// Measure the speed of every scheme beside the limits of the device.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// auto, cpu, gpu, an adapter's number or name, or all for the CPU and every adapter; may be given several times
    /// [default: auto]
    #[arg(long, value_name = "DEVICE")]
    device: Vec<DeviceChoice>,
    #[command(flatten)]
    timeout: DeviceTimeout,
    /// Only this scheme, in blocks of 4; may be given several times [default: all, and some of their options]
    #[arg(short, long, value_name = "NAME")]
    scheme: Vec<String>,
    /// Only images of this size: HEIGHTxWIDTHxCHANNELS, and x16 behind it for 16-bit samples; may be given several
    /// times [default: 28x28x1, 32x32x3, 224x224x3, 512x512x1x16]
    #[arg(long, value_name = "SIZE")]
    size: Vec<Geometry>,
    /// Samples of a batch, in MiB [default: 256 on a GPU, which outgrows its caches, and 64 elsewhere]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=1024))]
    batch: Option<u32>,
    /// Approximate time for each figure
    #[arg(long, default_value_t = 0.3, value_name = "SECONDS")]
    seconds: f64,
    /// Folder for the measurement from disk to disk; its files are removed afterwards [default: the system's
    /// temporary folder]
    #[arg(long, value_name = "FOLDER")]
    disk: Option<PathBuf>,
    /// Do not measure from disk to disk
    #[arg(long, conflicts_with = "disk")]
    no_disk: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the rows as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Measure steps of training with this network instead: each scheme beside none, in turns, in one process and with
    /// the same network
    #[cfg(feature = "train")]
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["csv", "compare", "describe", "disk"])]
    train: Option<ModelKind>,
    /// Images per batch of training
    #[cfg(feature = "train")]
    #[arg(long, default_value_t = 64, value_name = "N", requires = "train",
        value_parser = clap::value_parser!(u32).range(1..))]
    train_batch: u32,
    /// Say what would be measured and how long it takes, and measure nothing
    #[arg(long)]
    describe: bool,
    /// Compare with the figures of an earlier run, written by `--json`
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Fail if a figure is less than this share of the earlier one, such as 0.9
    #[arg(long, value_name = "SHARE", requires = "compare", value_parser = share)]
    fail_under: Option<f64>,
}

/// Parses a share of an earlier figure.
fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if share.is_finite() && share > 0.0 { Ok(share) } else { Err(format!("{text} is not above 0")) }
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    if !(0.0..=LONGEST).contains(&args.seconds) {
        return Err(Failure {
            words: format!("--seconds {} is no time from 0 to {LONGEST}", args.seconds),
            code: USAGE,
        });
    }
    let before = args.compare.as_ref().map(|path| Report::read(path)).transpose()?;
    let folder = (!args.no_disk).then(|| args.disk.clone().unwrap_or_else(std::env::temp_dir));
    if let Some(folder) = &folder {
        // Better now than after minutes.
        drop(work_folder(folder)?);
    }
    let all = chosen(args)?;
    let sizes: Vec<Geometry> = if args.size.is_empty() {
        ["28x28x1", "32x32x3", "224x224x3", "512x512x1x16"].iter().filter_map(|text| text.parse().ok()).collect()
    } else {
        args.size.clone()
    };
    let choices = each_device(&args.device, &[DeviceChoice::Cpu])?;
    let devices = choices.iter().map(|choice| args.timeout.open(choice)).collect::<Result<Vec<_>, _>>()?;
    if args.describe {
        out.say_lines(&describe(&devices, &all, &sizes, args.seconds, folder.is_some()));
        return Ok(DONE);
    }
    let mut report = Report::new();
    #[cfg(feature = "train")]
    if let Some(model) = args.train {
        return train(args, model, &devices, &all, report, out);
    }
    let form = match (args.json, args.csv) {
        (true, _) => Form::Json,
        (_, true) => Form::Csv,
        _ => Form::Text,
    };
    table::head(form, &report, out);
    let mut slower = Vec::new();
    for device in &devices {
        let before = before.as_ref().and_then(|report| report.of(&device.to_string()));
        let mut table = Table::new(out, form, device, before);
        report.devices.push(one(args, device, &all, &sizes, folder.clone(), &mut table)?);
        slower.extend(table.slower(args.fail_under));
    }
    if form == Form::Json {
        out.json(&report)?;
    }
    if let Some(before) = &before
        && !report.devices.iter().any(|device| before.of(&device.device).is_some())
    {
        out.warn("nothing was compared: the earlier figures are of other devices");
        return Ok(if args.fail_under.is_some() { FAILED } else { DONE });
    }
    if slower.is_empty() {
        return Ok(DONE);
    }
    slower.iter().for_each(|words| out.note(words));
    Ok(FAILED)
}

/// Measures steps of training on each device.
#[cfg(feature = "train")]
fn train(
    args: &Args,
    model: ModelKind,
    devices: &[Device],
    schemes: &[(String, Scheme)],
    mut report: Report,
    out: &Output,
) -> Outcome {
    let mut schemes = schemes.to_vec();
    if args.scheme.is_empty() {
        schemes.retain(|(name, _)| ["none", "shuffle-flip", "ele"].contains(&name.as_str()));
    }
    let sizes = if args.size.is_empty() { Geometry::new(224, 224, 3).into_iter().collect() } else { args.size.clone() };
    table::head(if args.json { Form::Json } else { Form::Text }, &report, out);
    for device in devices {
        let say = (!args.json).then_some(out);
        // Long enough for several steps in each round.
        let extent = (args.train_batch as usize, args.seconds.max(TRAINING_SECONDS));
        report.devices.push(training(device, model, (&sizes, &schemes), extent, watched, say)?);
    }
    if args.json {
        out.json(&report)?;
    }
    Ok(DONE)
}

/// The least time of training for each scheme.
#[cfg(feature = "train")]
const TRAINING_SECONDS: f64 = 5.0;

/// The requested schemes.
fn chosen(args: &Args) -> Result<Vec<(String, Scheme)>, Failure> {
    if args.scheme.is_empty() {
        return Ok(representative());
    }
    let all = representative();
    let named = |name: &String| match all.iter().find(|(other, _)| other == name) {
        Some(found) => Ok(found.clone()),
        None => Ok((name.clone(), SchemeOptions::default().of(name)?)),
    };
    let mut chosen: Vec<(String, Scheme)> = args.scheme.iter().map(named).collect::<Result<_, Failure>>()?;
    // The floats of the other schemes are compared with those of `none`.
    if !chosen.iter().any(|(name, _)| name == "none") {
        chosen.splice(0..0, all.into_iter().filter(|(name, _)| name == "none"));
    }
    Ok(chosen)
}

/// Measures all schemes on one device. Prints each result as soon as it is known.
fn one(
    args: &Args,
    device: &Device,
    all: &[(String, Scheme)],
    sizes: &[Geometry],
    folder: Option<PathBuf>,
    table: &mut Table<'_>,
) -> Result<OfDevice, Failure> {
    let is_hardware = device.gpu().is_some_and(|gpu| !gpu.is_software());
    let batch_mib = args.batch.unwrap_or(if is_hardware { 256 } else { 64 });
    let bytes = (batch_mib as usize) << 20;
    let extent = Extent { bytes, seconds: args.seconds, folder };
    let bar = ProgressBar::new((all.len() * sizes.len() + 1) as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:28} {pos}/{len} {msg}, {eta} left") {
        bar.set_style(style);
    }
    bar.set_message("limits");
    let limits = ceilings(device, bytes, args.seconds)?;
    bar.suspend(|| table.begin(batch_mib, &limits));
    bar.inc(1);
    let (mut rows, mut left_out) = (Vec::new(), Vec::new());
    for &geometry in sizes {
        let mut plain: Vec<Row> = Vec::new();
        for scheme in all {
            bar.set_message(format!("{} on {geometry}", scheme.0));
            match measure(device, scheme, geometry, &extent, &limits, &plain)? {
                Measured::Rows(found) => {
                    if scheme.0 == "none" {
                        plain.clone_from(&found);
                    }
                    bar.suspend(|| found.iter().for_each(|row| table.row(row)));
                    rows.extend(found);
                }
                Measured::LeftOut(why) => left_out.push(format!("{} on {geometry}: {why}", scheme.0)),
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    table.end(&rows, &limits, &left_out);
    let driver = device.gpu().map(|gpu| gpu.adapter().get_info().driver_info);
    Ok(OfDevice {
        device: device.to_string(),
        driver,
        batch_mib,
        ceilings: limits,
        rows,
        left_out,
        #[cfg(feature = "train")]
        training: Vec::new(),
    })
}
