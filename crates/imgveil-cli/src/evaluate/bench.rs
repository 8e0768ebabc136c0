//! What encryption costs in time: the figures of `imgveil bench --json`.

use crate::exit::{DATASET, Failure, USAGE};
use crate::measure::{Row, Way};
use imgveil::internal::scheme::{Scheme, representative};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The figures of a bench.
pub struct Bench {
    /// Where they are from.
    pub path: PathBuf,
    file: File,
}

#[derive(Deserialize)]
struct File {
    tool: String,
    commit: Option<String>,
    date: Option<String>,
    devices: Vec<OfDevice>,
}

#[derive(Deserialize)]
struct OfDevice {
    device: String,
    rows: Vec<Row>,
}

/// How fast a scheme is on a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Speed {
    pub device: String,
    /// The scheme as the bench names it. Its block may be another one.
    pub scheme: String,
    pub geometry: String,
    /// Where images are read from and written to.
    pub way: String,
    pub images_per_second: f64,
    pub gib_per_second: f64,
}

impl Bench {
    /// Reads what `imgveil bench --json` printed.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = imgveil_data::regular_file::read(path)
            .map_err(|e| Failure { words: format!("cannot read {}: {e}", path.display()), code: USAGE })?;
        let file = serde_json::from_slice(&text).map_err(|e| Failure {
            words: format!("{} holds no figures that `imgveil bench --json` printed: {e}", path.display()),
            code: DATASET,
        })?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// The program that made it, and when.
    pub fn made_by(&self) -> String {
        let File { tool, commit, date, .. } = &self.file;
        let more = [commit.as_ref().map(|commit| format!("commit {commit}")), date.clone()];
        std::iter::once(tool.clone()).chain(more.into_iter().flatten()).collect::<Vec<_>>().join(", ")
    }

    /// The speed of a scheme for images of this geometry, or else of the largest that was measured, on each device.
    pub fn of(&self, scheme: &Scheme, geometry: &str) -> Vec<Speed> {
        let names: Vec<(String, Scheme)> = representative();
        let is = |row: &&Row| {
            let named = names.iter().find(|(name, _)| *name == row.scheme).map(|(_, scheme)| scheme.clone());
            let named = named.or_else(|| row.scheme.parse().ok());
            named.is_some_and(|named| without_block(&named) == without_block(scheme))
        };
        let of_device = |device: &OfDevice| {
            let rows: Vec<&Row> = device.rows.iter().filter(is).filter(|row| row.way != Way::Floats).collect();
            let largest = rows.iter().max_by(|a, b| bytes(a).total_cmp(&bytes(b))).map(|row| row.geometry.clone());
            let same = rows.iter().any(|row| row.geometry == geometry);
            let taken = if same { Some(geometry.to_owned()) } else { largest };
            let speed = |row: &Row| Speed {
                device: device.device.clone(),
                scheme: row.scheme.clone(),
                geometry: row.geometry.clone(),
                way: row.way.words().to_owned(),
                images_per_second: row.images_per_second,
                gib_per_second: row.gib_per_second,
            };
            rows.into_iter().filter(|row| Some(&row.geometry) == taken.as_ref()).map(speed).collect::<Vec<_>>()
        };
        self.file.devices.iter().flat_map(of_device).collect()
    }
}

/// How large an image of a row is.
fn bytes(row: &Row) -> f64 {
    row.gib_per_second / row.images_per_second
}

/// The text of a scheme without its block, on which speed hardly depends.
fn without_block(scheme: &Scheme) -> String {
    let text = scheme.to_string();
    text.split(' ').filter(|word| !word.starts_with("block=")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_found_by_the_names_of_a_bench() {
        let row = |scheme: &str, geometry: &str, way: &str, rate: f64, gib: f64| {
            serde_json::json!({
                "scheme": scheme, "geometry": geometry, "way": way, "images": 4, "images_per_second": rate,
                "gib_per_second": gib, "percent": null, "by_device": false,
            })
        };
        let rows = [
            row("etc", "32x32x3", "bytes to bytes", 1000.0, 1.0),
            row("etc", "224x224x3", "bytes to bytes", 100.0, 2.0),
            row("etc", "224x224x3", "bytes to floats", 100.0, 2.0),
            row("shuffle-flip per block, scrambled", "32x32x3", "from memory to memory", 900.0, 1.0),
        ];
        let file = serde_json::json!({ "tool": "imgveil 0", "devices": [{ "device": "CPU", "rows": rows }] });
        let bench = Bench { path: "b".into(), file: serde_json::from_value(file).unwrap() };
        let of = |text: &str, geometry: &str| {
            let found = bench.of(&text.parse().unwrap(), geometry);
            found.iter().map(|speed| (speed.geometry.clone(), speed.images_per_second)).collect::<Vec<_>>()
        };
        assert_eq!(of("etc", "32x32x3"), [("32x32x3".to_owned(), 1000.0)]);
        assert_eq!(of("etc block=8", "9x9x1"), [("224x224x3".to_owned(), 100.0)]);
        assert_eq!(of("shuffle-flip key=block scramble", "32x32x3"), [("32x32x3".to_owned(), 900.0)]);
        assert_eq!(of("shuffle-flip", "32x32x3"), []);
        assert_eq!(bench.made_by(), "imgveil 0");
    }
}
