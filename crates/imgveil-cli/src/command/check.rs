//! `imgveil check`.

use crate::args::{DeviceTimeout, each_device};
use crate::exit::{DONE, FAILED, Failure, Outcome};
use crate::output::Output;
use imgveil::internal::self_test::{CHECKS, Extent};
use imgveil::{Device, DeviceChoice};
#[cfg(feature = "train")]
use imgveil_train::{Backend, self_test::TRAINING_CHECKS};
use serde_json::{Value, json};
use std::time::Instant;

const AFTER_HELP: &str = "\
Examples:
  imgveil check                      # the device that encrypt and train would take
  imgveil check --device all         # every adapter
  imgveil check --device 0 --json > check.json

Every check compares the device with known answers of an independent program, or with the CPU. Encryption must be \
equal to the bit. Trained weights must be within 5 % of the way that the CPU's weights went, because devices round \
sums differently. The exit code is 1 if a check fails.

If a check fails, please report it with the output of `imgveil check --device N --json` and `imgveil devices --json`, \
the operating system, and the graphics driver's version.";

/// Check that a device and its driver compute the right bits.
///
/// Runs encryption and, unless --no-training is given, short training runs on the device. Nothing is read from disk or
/// written to it.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// auto (a hardware GPU, else the CPU), cpu, gpu (software adapters too), an adapter's number or name, or all for
    /// every adapter; may be given several times [default: auto]
    #[arg(long, value_name = "DEVICE")]
    device: Vec<DeviceChoice>,
    #[command(flatten)]
    timeout: DeviceTimeout,
    /// Run fewer random programs and fewer steps of training
    #[arg(long)]
    short: bool,
    /// Do not check training
    #[cfg(feature = "train")]
    #[arg(long)]
    no_training: bool,
    /// Do not leave out what takes minutes: a software adapter compiles the kernels of ResNet-18 for that long
    #[cfg(feature = "train")]
    #[arg(long)]
    everything: bool,
    /// Seed of the random programs; other seeds draw other programs
    #[arg(long, default_value_t = Extent::FULL.seed, value_name = "N")]
    seed: u64,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let mut reports = Vec::new();
    for choice in each_device(&args.device, &[])? {
        let device = args.timeout.open(&choice)?;
        reports.push(Report::new(args, device, out)?);
    }
    let passed = reports.iter().all(Report::passed);
    if args.json {
        let devices: Vec<Value> = reports.iter().map(Report::json).collect();
        out.json(&json!({
            "version": env!("CARGO_PKG_VERSION"), "commit": option_env!("IMGVEIL_COMMIT"),
            "os": std::env::consts::OS, "architecture": std::env::consts::ARCH,
            "short": args.short, "seed": args.seed, "passed": passed, "devices": devices,
        }))?;
    }
    Ok(if passed { DONE } else { FAILED })
}

impl Args {
    fn extent(&self) -> Extent {
        let extent = if self.short { Extent::SHORT } else { Extent::FULL };
        Extent { seed: self.seed, ..extent }
    }
}

/// The checks of one device.
struct Report {
    device: String,
    /// The adapter and its driver, for the report.
    adapter: Option<Value>,
    checks: Vec<Checked>,
    /// Checks that were not run.
    left_out: Vec<&'static str>,
}

/// One check.
struct Checked {
    name: &'static str,
    /// What was compared, or what is wrong.
    result: Result<String, String>,
    seconds: f64,
}

impl Report {
    /// Runs all checks of a device and prints a line for each.
    fn new(args: &Args, device: Device, out: &Output) -> Result<Self, Failure> {
        let mut report =
            Self { device: device.to_string(), adapter: adapter(&device), checks: Vec::new(), left_out: Vec::new() };
        if !args.json {
            out.say(&format!("checking {}", report.device));
        }
        let say = |checked: &Checked| {
            if !args.json {
                out.say(&checked.line());
            }
        };
        let extent = args.extent();
        for check in CHECKS {
            let checked = Checked::of(check.name, || check.run(&device, extent).map_err(|fault| fault.to_string()));
            say(&checked);
            report.checks.push(checked);
        }
        #[cfg(feature = "train")]
        if !args.no_training {
            let backend = Backend::open(device)?;
            let _watched = crate::watched::watched(&backend);
            for check in TRAINING_CHECKS {
                if check.is_slow(&backend) && !args.everything {
                    report.leave_out(check.name, args, out);
                    continue;
                }
                let checked =
                    Checked::of(check.name, || check.run(&backend, args.short).map_err(|fault| fault.to_string()));
                say(&checked);
                report.checks.push(checked);
            }
        }
        if !args.json {
            out.say(&report.verdict());
        }
        Ok(report)
    }

    #[cfg(feature = "train")]
    fn leave_out(&mut self, name: &'static str, args: &Args, out: &Output) {
        if !args.json {
            out.say(&format!("  -       {name:<34}           left out: it takes minutes in software (--everything)"));
        }
        self.left_out.push(name);
    }

    fn failed(&self) -> usize {
        self.checks.iter().filter(|check| check.result.is_err()).count()
    }

    fn passed(&self) -> bool {
        self.failed() == 0
    }

    fn verdict(&self) -> String {
        let seconds: f64 = self.checks.iter().map(|check| check.seconds).sum();
        match self.failed() {
            0 if self.left_out.is_empty() => {
                format!("{}: all {} checks passed in {seconds:.1} s", self.device, self.checks.len())
            }
            0 => format!(
                "{}: {} checks passed in {seconds:.1} s, {} left out",
                self.device,
                self.checks.len(),
                self.left_out.len()
            ),
            failed => format!(
                "{}: {failed} of {} checks FAILED; do not use it for imgveil; `imgveil check --help` says what to \
                 report",
                self.device,
                self.checks.len()
            ),
        }
    }

    fn json(&self) -> Value {
        let check = |check: &Checked| {
            let (passed, words) = match &check.result {
                Ok(words) => (true, words),
                Err(words) => (false, words),
            };
            json!({ "name": check.name, "passed": passed, "words": words, "seconds": check.seconds })
        };
        json!({
            "device": self.device, "adapter": self.adapter, "passed": self.passed(),
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(), "left_out": self.left_out,
        })
    }
}

/// The adapter and its driver.
fn adapter(device: &Device) -> Option<Value> {
    let info = device.gpu()?.adapter().get_info();
    Some(json!({
        "name": info.name, "vendor": info.vendor, "device": info.device, "backend": info.backend.to_str(),
        "driver": info.driver, "driver_info": info.driver_info,
    }))
}

impl Checked {
    /// Runs a check and takes its time. A panic of burn or of a driver's layer is a failed check.
    fn of(name: &'static str, check: impl FnOnce() -> Result<String, String>) -> Self {
        let started = Instant::now();
        let result = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)) {
            Ok(result) => result,
            Err(panic) => Err(format!("panicked: {}", panic_words(&*panic))),
        };
        Self { name, result, seconds: started.elapsed().as_secs_f64() }
    }

    fn line(&self) -> String {
        let Self { name, result, seconds } = self;
        match result {
            Ok(words) => format!("  ok      {name:<34} {seconds:>6.1} s  {words}"),
            Err(words) => format!("  FAILED  {name:<34} {seconds:>6.1} s  {words}"),
        }
    }
}

fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a reason".to_owned())
}
