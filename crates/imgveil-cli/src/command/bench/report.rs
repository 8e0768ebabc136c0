//! The report of a bench: what `--json` prints and `--compare` reads.

use crate::exit::{DATASET, Failure, USAGE};
use crate::measure::{Ceiling, Row, processor};
use crate::output::counted;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::SystemTime;

/// The figures of a bench.
#[derive(Serialize, Deserialize)]
pub struct Report {
    /// The program and its version.
    pub tool: String,
    /// The commit that the program was built from.
    pub commit: Option<String>,
    /// When the bench began, in UTC.
    #[serde(default)]
    pub date: Option<String>,
    /// The operating system, the architecture and the threads.
    pub system: String,
    /// The processor.
    #[serde(default)]
    pub processor: Option<String>,
    /// The figures of each device.
    pub devices: Vec<OfDevice>,
}

/// The figures of one device.
#[derive(Serialize, Deserialize)]
pub struct OfDevice {
    /// The adapter with its backend and driver, or the CPU.
    pub device: String,
    /// The version of the driver.
    #[serde(default)]
    pub driver: Option<String>,
    /// MiB of samples in a batch.
    pub batch_mib: u32,
    /// The limits of the device.
    pub ceilings: Vec<Ceiling>,
    /// The figures of the schemes.
    pub rows: Vec<Row>,
    /// What was not measured, and why.
    pub left_out: Vec<String>,
    /// The speed of training steps.
    #[cfg(feature = "train")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub training: Vec<super::training::OfTraining>,
}

impl Report {
    /// A report of this program on this machine, without figures.
    pub fn new() -> Self {
        Self {
            tool: imgveil_data::set::manifest::TOOL.to_owned(),
            commit: option_env!("IMGVEIL_COMMIT").map(str::to_owned),
            date: Some(humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
            system: format!(
                "{} {}, {}",
                std::env::consts::OS,
                std::env::consts::ARCH,
                counted(std::thread::available_parallelism().map_or(1, |threads| threads.get()), "thread")
            ),
            processor: processor(),
            devices: Vec::new(),
        }
    }

    /// Reads an earlier report.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = imgveil_data::regular_file::read(path)
            .map_err(|e| Failure { words: format!("cannot read {}: {e}", path.display()), code: USAGE })?;
        serde_json::from_slice(&text).map_err(|e| Failure {
            words: format!("{} holds no figures that `imgveil bench --json` printed: {e}", path.display()),
            code: DATASET,
        })
    }

    /// The figures of the device with this name.
    pub fn of(&self, device: &str) -> Option<&OfDevice> {
        self.devices.iter().find(|other| other.device == device)
    }
}

impl OfDevice {
    /// The same row of this report.
    pub fn same(&self, row: &Row) -> Option<&Row> {
        let same = |other: &&Row| other.scheme == row.scheme && other.geometry == row.geometry && other.way == row.way;
        self.rows.iter().find(same)
    }
}
