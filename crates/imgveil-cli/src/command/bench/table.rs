//! What a bench prints, row by row, while it measures.

use super::bounds::bound;
use super::report::{OfDevice, Report};
use crate::measure::{Ceiling, Row, WIDE_SPREAD, Way};
use crate::output::Output;
use imgveil::internal::engine::Device;

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Tables for people.
    Text,
    /// One line a row.
    Csv,
    /// One document at the end.
    Json,
}

/// Prints what comes before all devices.
pub fn head(form: Form, report: &Report, out: &Output) {
    match form {
        Form::Text => {
            let commit = report.commit.as_ref().map_or(String::new(), |commit| format!(" ({commit})"));
            out.say(&format!("{}{commit}; {}", report.tool, report.system));
        }
        Form::Csv => out.say(
            "device,scheme,geometry,way,images,images_per_second,gib_per_second,percent,spread_percent,by_device,bound",
        ),
        Form::Json => {}
    }
}

/// Prints the figures of a device.
pub struct Table<'a> {
    out: &'a Output,
    form: Form,
    device: &'a Device,
    /// The earlier figures of the device.
    before: Option<&'a OfDevice>,
    /// Why rows are not compared although there are earlier figures.
    incomparable: bool,
    limits: Vec<Ceiling>,
    /// The images of the last row.
    geometry: String,
    /// Rows and how many times as fast they are as before.
    compared: Vec<(String, f64)>,
}

impl<'a> Table<'a> {
    pub fn new(out: &'a Output, form: Form, device: &'a Device, before: Option<&'a OfDevice>) -> Self {
        let (limits, geometry, compared) = (Vec::new(), String::new(), Vec::new());
        Self { out, form, device, before, incomparable: false, limits, geometry, compared }
    }

    fn say(&self, words: &str) {
        if self.form == Form::Text {
            self.out.say(words);
        }
    }

    /// Prints the device and its limits.
    pub fn begin(&mut self, batch_mib: u32, limits: &[Ceiling]) {
        self.limits = limits.to_vec();
        self.say("");
        self.say(&format!("{}; batches of {batch_mib} MiB", self.device));
        for limit in limits {
            let rate = limit.gib_per_second.map(|rate| format!("{rate:9.2} GiB/s"));
            let time = limit.microseconds.map(|time| format!("{time:9.2} us"));
            self.say(&format!("  {:36} {}{}", limit.name, rate.or(time).unwrap_or_default(), wide(limit.spread)));
        }
        if let Some(before) = self.before.filter(|before| before.batch_mib != batch_mib) {
            self.incomparable = true;
            self.out.warn(&format!(
                "not compared: the earlier figures of {} are of batches of {} MiB; use --batch {}",
                self.device, before.batch_mib, before.batch_mib
            ));
        }
    }

    /// Prints a row.
    pub fn row(&mut self, row: &Row) {
        let old = self.before.filter(|_| !self.incomparable).and_then(|before| before.same(row));
        // Figures of other batches are those of another amount of work.
        let old = old.filter(|old| old.images == row.images);
        let times = old.map(|old| row.images_per_second / old.images_per_second);
        if let Some(times) = times {
            self.compared.push((format!("{} on {}, {}", row.scheme, row.geometry, row.way.words()), times));
        }
        match self.form {
            Form::Text => self.text(row, times),
            Form::Csv => self.csv(row),
            Form::Json => {}
        }
    }

    fn text(&mut self, row: &Row, times: Option<f64>) {
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
        let compared = match (times, self.before) {
            (Some(times), _) => format!("  {times:5.2} times as before"),
            (None, Some(_)) if !self.incomparable => "  (nothing to compare with)".to_owned(),
            _ => String::new(),
        };
        self.say(&format!(
            "  {:34} {:18} {:>11.0} {:>11.2}{percent}{compared}{}",
            row.scheme,
            row.way.words(),
            row.images_per_second,
            row.gib_per_second,
            wide(row.spread)
        ));
    }

    fn csv(&self, row: &Row) {
        let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.3}"));
        // Names of adapters have commas.
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        self.out.say(&format!(
            "{},{},{},{},{},{:.3},{:.6},{},{},{},{}",
            quoted(&self.device.to_string()),
            quoted(&row.scheme),
            row.geometry,
            row.way.words(),
            row.images,
            row.images_per_second,
            row.gib_per_second,
            number(row.percent),
            number(row.spread),
            row.by_device,
            quoted(bound(self.device, row, &self.limits).by)
        ));
    }

    /// Prints what bounds the rows, and what was left out.
    pub fn end(&self, rows: &[Row], limits: &[Ceiling], left_out: &[String]) {
        if rows.iter().any(|row| row.by_device) {
            self.say("  (bytes to bytes and bytes to floats by the device's own clock)");
        }
        if !rows.is_empty() {
            self.say("");
            self.say(&format!("  {:34} {:18} {:>11} {:>11}  bound by", "bounds", "", "bytes/image", "of peak"));
        }
        for row in rows {
            let bound = bound(self.device, row, limits);
            let peak = bound.percent_of_peak.map_or(String::new(), |percent| format!("{percent:.0} %"));
            let what = format!("{} {}", row.scheme, row.geometry);
            self.say(&format!(
                "  {what:34} {:18} {:>11.0} {peak:>11}  {}",
                row.way.words(),
                bound.bytes_per_image,
                bound.by
            ));
        }
        for words in left_out {
            self.say(&format!("  left out: {words}"));
        }
    }

    /// A line for each figure that is less than `share` of the earlier one.
    pub fn slower(&self, share: Option<f64>) -> Vec<String> {
        let Some(share) = share else { return Vec::new() };
        let mut lines: Vec<String> = self
            .compared
            .iter()
            .filter(|(_, times)| *times < share)
            .map(|(what, times)| format!("slower: {what} is {times:.2} times as before, and {share} was asked for"))
            .collect();
        if self.before.is_some() && self.compared.is_empty() {
            lines.push(format!("nothing of {} could be compared", self.device));
        }
        lines
    }
}

/// A warning if the samples have a large spread.
fn wide(spread: Option<f64>) -> String {
    match spread {
        Some(spread) if spread > WIDE_SPREAD => format!("  (+-{:.0} %)", spread / 2.0),
        _ => String::new(),
    }
}
