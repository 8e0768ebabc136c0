//! What is told of an attack: lines or JSON, and a folder with a contact sheet and the figures.

use super::args::AttackArgs;
use super::finding::{Finding, Grade, Pictures};
use super::target::Target;
use crate::error::Error;
use crate::exit::{FAILED, Failure, Outcome};
use crate::output::{Output, wrapped};
use crate::sheet::{Row, contact_sheet, png};
use image::{Rgb, RgbImage};
use imgveil_attack::Batch;
use imgveil_data::set::write_atomically;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

/// How an attack is told.
pub struct Shown<'a> {
    /// Its name on the command line.
    pub attack: &'a str,
    /// What the attacker has, in words.
    pub attacker: &'a str,
    /// The figures in words, a line each.
    pub lines: Vec<String>,
}

/// Prints what an attack found, and writes the folder that was asked for.
pub fn show<F: Serialize>(
    shown: &Shown<'_>,
    args: &AttackArgs,
    target: &Target,
    finding: &Finding<F>,
    out: &Output,
) -> Outcome {
    let mut report = target.report(shown.attack, args.seed);
    let figures = serde_json::to_value(&finding.figures).map_err(no_json)?;
    if let (Value::Object(report), Value::Object(figures)) = (&mut report, figures) {
        report.extend(figures);
    }
    report["resists"] = json!(finding.grade == Grade::Resists);
    report["verdict"] = json!(finding.verdict);
    if args.json {
        out.json(&report)?;
    } else {
        target.head(shown.attacker, out);
        shown.lines.iter().for_each(|line| out.say(line));
        out.say_lines(&wrapped("verdict:  ", &finding.verdict));
    }
    if let Some(folder) = &args.output {
        write(folder, &target.what(), &finding.pictures, &report)?;
        out.note(&format!("wrote {}", folder.display()));
    }
    Ok(target.code())
}

fn no_json(error: serde_json::Error) -> Failure {
    Failure { words: format!("cannot write JSON: {error}"), code: FAILED }
}

/// Writes `sheet.png` and `report.json` into a new folder.
fn write(folder: &Path, what: &str, pictures: &Pictures, report: &Value) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure { words: format!("cannot write {}: {error}", folder.display()), code: FAILED };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let row = |row: usize| Row {
        label: pictures.names[row].clone(),
        note: pictures.notes.get(row).cloned().unwrap_or_default(),
        pictures: pictures.columns.iter().map(|column| picture(&column.images, row)).collect(),
    };
    if !pictures.columns.is_empty() && !pictures.names.is_empty() {
        let rows: Vec<Row> = (0..pictures.names.len()).map(row).collect();
        let headings: Vec<&str> = pictures.columns.iter().map(|column| column.heading.as_str()).collect();
        let sheet = folder.join("sheet.png");
        let drawn = contact_sheet(&format!("imgveil attack: {what}"), &headings, &rows)?;
        let bytes = png(&drawn).map_err(|reason| Error::cannot_encode(&sheet, &reason))?;
        write_atomically(&sheet, &bytes)?;
    }
    let text = serde_json::to_string_pretty(report).map_err(no_json)?;
    Ok(write_atomically(&folder.join("report.json"), format!("{text}\n").as_bytes())?)
}

/// An image as a screen shows it: 8 bits, grey as RGB.
pub fn picture(images: &Batch, number: usize) -> RgbImage {
    let (shape, max) = (images.shape(), u32::from(images.max()));
    let image = images.image(number);
    RgbImage::from_fn(shape.width as u32, shape.height as u32, |x, y| {
        let pixel = (y as usize * shape.width + x as usize) * shape.channels;
        Rgb([0, 1, 2]
            .map(|channel: usize| (u32::from(image[pixel + channel.min(shape.channels - 1)]) * 255 / max) as u8))
    })
}
