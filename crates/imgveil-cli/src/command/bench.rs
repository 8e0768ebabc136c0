//! `imgveil bench`.

use crate::args::{DeviceTimeout, SchemeOptions};
use crate::exit::{DATASET, DONE, Failure, Outcome, USAGE};
use crate::measure::{Ceiling, Extent, Measured, Row, WIDE_SPREAD, Way, ceilings, measure, work_folder};
use crate::output::Output;
use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::{Scheme, representative};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  imgveil bench                                              # the device that encrypt would take
  imgveil bench --device 0 --device cpu --json > today.json
  imgveil bench --device 0 --scheme ele --size 224x224x3 --seconds 2
  imgveil bench --device 0 --compare today.json

For each device, first its limits (copies, transfers to it and back, a dispatch), then every scheme. \
Rates count the bytes of samples that are read and of output that is written. From memory to memory counts the way to \
the device and back, from disk to disk the whole job over arrays. `of copy` is against the fastest \
copy on the device, `of none` against the same conversion to floats without a scheme. Everything is compared with the \
CPU engine before it is timed. A figure is the median of five samples or more, taken when the device is warm; (+-8 \
%) behind it says that half of the samples lie that far apart, where that is more than 2.5 %.";

/// The longest time for a figure, in seconds.
const LONGEST: f64 = 3600.0;

/// Measure how fast schemes run here, beside the device's limits.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// auto, cpu, gpu, or an adapter's number or name; may be given several times [default: auto]
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
    /// Where to measure from disk to disk; what is written there is removed [default: the system's folder for such
    /// files]
    #[arg(long, value_name = "FOLDER")]
    disk: Option<PathBuf>,
    /// Leave the disk out
    #[arg(long, conflicts_with = "disk")]
    no_disk: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Compare with figures that `--json` printed before
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

/// The JSON that `--json` prints and `--compare` reads.
#[derive(Serialize, Deserialize)]
struct Report {
    tool: String,
    commit: Option<String>,
    system: String,
    devices: Vec<OfDevice>,
}

/// The figures of one device.
#[derive(Serialize, Deserialize)]
struct OfDevice {
    device: String,
    batch_mib: u32,
    ceilings: Vec<Ceiling>,
    rows: Vec<Row>,
    /// What was not measured, and why.
    left_out: Vec<String>,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    if !(0.0..=LONGEST).contains(&args.seconds) {
        return Err(Failure {
            words: format!("--seconds {} is no time from 0 to {LONGEST}", args.seconds),
            code: USAGE,
        });
    }
    let before = args.compare.as_ref().map(|path| read(path)).transpose()?;
    let folder = (!args.no_disk).then(|| args.disk.clone().unwrap_or_else(std::env::temp_dir));
    if let Some(folder) = &folder {
        // Better now than after minutes.
        drop(work_folder(folder)?);
    }
    let all = chosen(args)?;
    let sizes = if args.size.is_empty() {
        ["28x28x1", "32x32x3", "224x224x3", "512x512x1x16"].iter().filter_map(|text| text.parse().ok()).collect()
    } else {
        args.size.clone()
    };
    let choices = if args.device.is_empty() { vec![DeviceChoice::Auto] } else { args.device.clone() };
    let mut report = Report {
        tool: imgveil_data::set::manifest::TOOL.to_owned(),
        commit: option_env!("IMGVEIL_COMMIT").map(str::to_owned),
        system: format!(
            "{} {}, {} threads",
            std::env::consts::OS,
            std::env::consts::ARCH,
            std::thread::available_parallelism().map_or(1, |threads| threads.get())
        ),
        devices: Vec::new(),
    };
    if !args.json {
        let commit = report.commit.as_ref().map_or(String::new(), |commit| format!(" ({commit})"));
        out.say(&format!("{}{commit}; {}", report.tool, report.system));
    }
    for choice in &choices {
        let device = args.timeout.open(choice)?;
        let mut table = Table {
            out: (!args.json).then_some(out),
            before: before.as_ref(),
            device: device.to_string(),
            geometry: String::new(),
        };
        report.devices.push(one(args, &device, &all, &sizes, folder.clone(), &mut table)?);
    }
    if args.json {
        out.json(&report)?;
    }
    Ok(DONE)
}

fn read(path: &Path) -> Result<Report, Failure> {
    let text = imgveil_data::regular_file::read(path)
        .map_err(|e| Failure { words: format!("cannot read {}: {e}", path.display()), code: USAGE })?;
    serde_json::from_slice(&text).map_err(|e| Failure {
        words: format!("{} holds no figures that `imgveil bench --json` printed: {e}", path.display()),
        code: DATASET,
    })
}

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
    bar.suspend(|| table.limits(batch_mib, &limits));
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
    table.end(&rows, &left_out);
    Ok(OfDevice { device: device.to_string(), batch_mib, ceilings: limits, rows, left_out })
}

/// Prints the figures of a device, row by row.
struct Table<'a> {
    /// `None` if the figures go into JSON; nothing is printed then.
    out: Option<&'a Output>,
    /// The earlier report to compare the figures with.
    before: Option<&'a Report>,
    device: String,
    /// The images of the last row.
    geometry: String,
}

impl Table<'_> {
    fn say(&self, words: &str) {
        if let Some(out) = self.out {
            out.say(words);
        }
    }

    fn limits(&self, batch_mib: u32, limits: &[Ceiling]) {
        self.say("");
        self.say(&format!("{}; batches of {batch_mib} MiB", self.device));
        for limit in limits {
            let rate = limit.gib_per_second.map(|rate| format!("{rate:9.2} GiB/s"));
            let time = limit.microseconds.map(|time| format!("{time:9.2} us"));
            self.say(&format!("  {:36} {}{}", limit.name, rate.or(time).unwrap_or_default(), wide(limit.spread)));
        }
    }

    fn row(&mut self, row: &Row) {
        if row.geometry != self.geometry {
            self.geometry.clone_from(&row.geometry);
            let head = format!("images of {}", row.geometry);
            self.say("");
            self.say(&format!("  {head:34} {:18} {:>11} {:>11}", "", "images/s", "GiB/s"));
        }
        let percent = row.percent.map_or(String::new(), |percent| {
            let of = if row.way == Way::Floats { "none" } else { "copy" };
            format!("  {percent:4.0} % of {of}")
        });
        let old = self.before.and_then(|report| earlier(report, &self.device, row));
        let compared = old.map_or(String::new(), |old| {
            format!("  {:5.2} times as before", row.images_per_second / old.images_per_second)
        });
        self.say(&format!(
            "  {:34} {:18} {:>11.0} {:>11.2}{percent}{compared}{}",
            row.scheme,
            row.way.words(),
            row.images_per_second,
            row.gib_per_second,
            wide(row.spread)
        ));
    }

    fn end(&self, rows: &[Row], left_out: &[String]) {
        if rows.iter().any(|row| row.by_device) {
            self.say("  (bytes to bytes and bytes to floats by the device's own clock)");
        }
        for words in left_out {
            self.say(&format!("  left out: {words}"));
        }
    }
}

/// A warning if the samples have a large spread.
fn wide(spread: Option<f64>) -> String {
    match spread {
        Some(spread) if spread > WIDE_SPREAD => format!("  (+-{:.0} %)", spread / 2.0),
        _ => String::new(),
    }
}

/// The same row of an earlier report.
fn earlier<'a>(report: &'a Report, device: &str, row: &Row) -> Option<&'a Row> {
    let rows = report.devices.iter().filter(|other| other.device == device).flat_map(|other| &other.rows);
    rows.into_iter().find(|other| other.scheme == row.scheme && other.geometry == row.geometry && other.way == row.way)
}
