//! `imgveil find-text`.

use crate::args::ReadArgs;
use crate::error::Error;
use crate::exit::{DONE, Failure, Outcome};
use crate::output::{ImageBar, Output, counted, report_set_aside};
use crate::sheet::{Captioned, STRETCHED, gallery, is_stretched, picture, png};
use image::{Rgb, RgbImage};
use imgveil_data::burnt_in::Region;
use imgveil_data::format::{ExifOrientation, ReadOptions};
use imgveil_data::job::{FoundText, SeenText, find_text};
use imgveil_data::set::{check_new, open_with, write_atomically, write_privately};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  imgveil find-text images -o text.png --masks masks.csv     # then look at text.png, and correct masks.csv
  imgveil encrypt -k hospital.key --mask-file masks.csv images encrypted
  imgveil encrypt -k hospital.key --mask 0,0,640,48 images encrypted    # the same strip in every image

It does not find all text: docs/encrypting.md has a trial. Text in the middle of an image, handwriting and text of \
little contrast are not looked for.";

/// How many images a sheet shows.
const SHOWN: usize = 60;
/// How many names are listed.
const LISTED: usize = 10;
const FRAME: Rgb<u8> = Rgb([230, 60, 20]);

/// Look for text that is burnt into pixels, such as names on ultrasound images.
///
/// Says which images are likely to have some: by the headers of DICOM objects (BurnedInAnnotation, the kind of device,
/// secondary captures, ultrasound regions), and by marks near the border that stand in a line as letters do. Nothing is
/// read or sent. Encryption does not remove text: what can be recognised again in an image can be read.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// New PNG file for a sheet of the images found, with frames around what looks like text
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// New CSV file of the regions found, for --mask-file
    #[arg(long, value_name = "FILE")]
    masks: Option<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
    /// A plain set: a folder of images, DICOM objects or volumes, arrays or shards
    #[arg(value_name = "IN")]
    input: PathBuf,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    for file in args.output.iter().chain(&args.masks) {
        check_new(file)?;
    }
    // Regions are those of the images as they are stored.
    let exif_orientation = ExifOrientation::Keep;
    let options = ReadOptions { channels: None, exif_orientation, ..args.read.reading() };
    let bar = ImageBar::new("looking for text");
    let found = find_text(&args.input, &options, &bar);
    bar.finish();
    let found = found?;
    if let Some(path) = &args.masks {
        write_privately(path, &masks(&found).map_err(|error| Error::cannot_encode(path, &error.to_string()))?)?;
    }
    if let Some(path) = &args.output {
        sheet(args, &options, &found, path)?;
    }
    if args.json {
        out.json(&found)?;
    } else {
        say(&found, out);
        if let Some(path) = &args.masks {
            out.note(&format!("regions for --mask-file: {}; look at them before you trust them", path.display()));
        }
        if let Some(path) = args.output.as_ref().filter(|_| !found.seen.is_empty()) {
            out.note(&format!("the images found: {}", path.display()));
        }
    }
    if found.failed.is_empty() {
        return Ok(DONE);
    }
    report_set_aside(&args.input, "unread.csv", &found.failed, out)
}

fn say(found: &FoundText, out: &Output) {
    let FoundText { images, stated, likely, seen, .. } = found;
    out.say(&format!("looked at {}", counted(*images, "image")));
    let line = |count: usize, what: &str| format!("  {count:>6}  {what}");
    out.say(&line(stated.len(), "whose header says that text is burnt in"));
    out.say(&line(likely.len(), "of a kind that often has text, by their header"));
    out.say(&line(seen.len(), "with what looks like letters near the border"));
    for SeenText { name, regions, .. } in seen.iter().take(LISTED) {
        let regions: Vec<String> = regions.iter().map(Region::to_string).collect();
        out.say(&format!("          {name}: {}", regions.join(" ")));
    }
    if seen.len() > LISTED {
        out.say(&format!("          and {} more", seen.len() - LISTED));
    }
    out.note("Not all text is found: an image that is not named here may have some.");
}

/// The regions as a CSV file.
fn masks(found: &FoundText) -> Result<Vec<u8>, csv::Error> {
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record(["name", "x", "y", "width", "height"])?;
    for SeenText { name, regions, .. } in &found.seen {
        for region in regions {
            let Region { x, y, width, height } = region;
            file.write_record([
                name.as_str(),
                &x.to_string(),
                &y.to_string(),
                &width.to_string(),
                &height.to_string(),
            ])?;
        }
    }
    file.into_inner().map_err(|error| error.into_error().into())
}

/// Draws the images found, with frames around the regions.
fn sheet(args: &Args, options: &ReadOptions, found: &FoundText, path: &Path) -> Result<(), Failure> {
    if found.seen.is_empty() {
        return Ok(());
    }
    let source = open_with(&args.input, options)?.source;
    let numbers: HashMap<&str, usize> =
        source.items().iter().enumerate().map(|(number, item)| (item.name.as_str(), number)).collect();
    let (mut shown, mut stretched) = (Vec::new(), false);
    for SeenText { name, regions, .. } in found.seen.iter().take(SHOWN) {
        let Some(&number) = numbers.get(name.as_str()) else { continue };
        let image = source.read(number).map_err(Error::unreadable)?;
        stretched |= is_stretched(&image);
        let mut picture = picture(&image);
        regions.iter().for_each(|region| frame(&mut picture, *region));
        let verdict = counted(regions.len(), "region");
        shown.push(Captioned { label: name.clone(), verdict, good: false, notes: Vec::new(), picture });
    }
    let more = found.seen.len().saturating_sub(SHOWN);
    let mut notes = vec!["Marks that stand in a line as letters do. Not all text is found.".to_owned()];
    notes.extend((more > 0).then(|| format!("{more} more images are not shown.")));
    notes.extend(stretched.then(|| STRETCHED.to_owned()));
    let sheet = gallery("imgveil: what looks like text in pixels", &notes, &shown)?;
    let png = png(&sheet).map_err(|reason| Error::cannot_encode(path, &reason))?;
    Ok(write_atomically(path, &png)?)
}

/// Draws a frame around a region.
fn frame(picture: &mut RgbImage, Region { x, y, width, height }: Region) {
    let (right, bottom) = (picture.width().saturating_sub(1), picture.height().saturating_sub(1));
    let (left, top) = (x.saturating_sub(1).min(right), y.saturating_sub(1).min(bottom));
    let (right, bottom) = (x.saturating_add(width).min(right), y.saturating_add(height).min(bottom));
    for column in left..=right {
        picture.put_pixel(column, top, FRAME);
        picture.put_pixel(column, bottom, FRAME);
    }
    for row in top..=bottom {
        picture.put_pixel(left, row, FRAME);
        picture.put_pixel(right, row, FRAME);
    }
}
