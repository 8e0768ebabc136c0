//! The folder that an attack writes: a contact sheet, and its figures.

use super::target::Target;
use crate::error::Error;
use crate::exit::{FAILED, Failure};
use crate::output::Output;
use crate::sheet::{Row, contact_sheet, png};
use image::{Rgb, RgbImage};
use imgveil_attack::Batch;
use imgveil_data::set::write_atomically;
use serde_json::Value;
use std::path::Path;

/// The rows of a sheet.
const ROWS: usize = 6;

/// A column of a sheet: its heading, and one image for each row.
pub struct Column<'a> {
    pub heading: &'a str,
    pub images: &'a Batch,
    /// The image of each row.
    pub numbers: &'a [usize],
}

/// Writes `sheet.png` and `report.json` into the new folder that was asked for, if one was.
pub fn write_report(
    folder: Option<&Path>,
    target: &Target,
    columns: &[Column<'_>],
    notes: &[String],
    report: &Value,
    out: &Output,
) -> Result<(), Failure> {
    let Some(folder) = folder else { return Ok(()) };
    let failed =
        |error: std::io::Error| Failure { words: format!("cannot write {}: {error}", folder.display()), code: FAILED };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let count = columns.iter().map(|column| column.numbers.len()).min().unwrap_or(0).min(ROWS);
    let row = |row: usize| Row {
        label: target.names.get(columns[0].numbers[row]).cloned().unwrap_or_default(),
        note: notes.get(row).cloned().unwrap_or_default(),
        pictures: columns.iter().map(|column| picture(column.images, column.numbers[row])).collect(),
    };
    if count > 0 {
        let rows: Vec<Row> = (0..count).map(row).collect();
        let headings: Vec<&str> = columns.iter().map(|column| column.heading).collect();
        let title = format!("imgveil attack: {}", target.what);
        let sheet = folder.join("sheet.png");
        let drawn = contact_sheet(&title, &headings, &rows)?;
        let bytes = png(&drawn).map_err(|reason| Error::cannot_encode(&sheet, &reason))?;
        write_atomically(&sheet, &bytes)?;
    }
    let text = serde_json::to_string_pretty(report)
        .map_err(|error| Failure { words: format!("cannot write JSON: {error}"), code: FAILED })?;
    write_atomically(&folder.join("report.json"), format!("{text}\n").as_bytes())?;
    out.note(&format!("wrote {}", folder.display()));
    Ok(())
}

/// An image as a screen shows it: 8 bits, grey as RGB.
fn picture(images: &Batch, number: usize) -> RgbImage {
    let (shape, max) = (images.shape(), u32::from(images.max()));
    let image = images.image(number);
    RgbImage::from_fn(shape.width as u32, shape.height as u32, |x, y| {
        let pixel = (y as usize * shape.width + x as usize) * shape.channels;
        Rgb([0, 1, 2]
            .map(|channel: usize| (u32::from(image[pixel + channel.min(shape.channels - 1)]) * 255 / max) as u8))
    })
}
