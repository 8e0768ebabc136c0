//! What a dry run prints.

use crate::exit::{DONE, Outcome, PARTLY, advice};
use crate::output::{Output, WOULD, counted, links_out, list, passed_over, set_table};
use imgveil_data::job::Preflight;
use imgveil_data::set::Encoding;
use std::path::Path;

/// Which run it would be.
pub struct DryRun<'a> {
    /// `encrypt` or `rekey`.
    pub verb: &'a str,
    pub input: &'a Path,
    pub output: &'a Path,
    pub json: bool,
}

/// Prints what a run would do.
pub fn dry_run(preflight: &Preflight, run: &DryRun<'_>, out: &Output) -> Outcome {
    if run.json {
        out.json(preflight)?;
    } else {
        let Preflight { images, bytes, encoding, splits, classes, plain_classes, sizes, .. } = preflight;
        let mb = *bytes as f64 / 1e6;
        let (verb, output) = (run.verb, run.output.display());
        out.say(&format!(
            "would {verb} {} ({mb:.1} MB of pixels) to {output} as {encoding}",
            counted(*images, "image")
        ));
        set_table(splits, classes, plain_classes, sizes, out);
        if let Some(words) = on_disk(preflight, run.input) {
            out.say(&words);
        }
        preflight.notes.iter().for_each(|note| out.note(&format!("note: {note}{}", advice(note))));
        links_out(&preflight.links_out, out);
        passed_over(WOULD, &preflight.passed_over, out);
    }
    if preflight.failed.is_empty() {
        return Ok(DONE);
    }
    out.warn(&format!("{} would be set aside:", counted(preflight.failed.len(), "image")));
    list(&preflight.failed, preflight.failed.len(), out);
    Ok(PARTLY)
}

/// The size that the output will have on the disk, about, and how many times that of the input it is.
fn on_disk(preflight: &Preflight, input: &Path) -> Option<String> {
    // Encrypted pixels hardly compress: a PNG file takes a little more than they.
    let bytes = match preflight.encoding {
        Encoding::Jpeg { .. } => return None,
        Encoding::Npz | Encoding::Npy => preflight.bytes,
        _ => preflight.bytes + preflight.bytes / 100 + 100 * preflight.images as u64,
    };
    let files = walkdir::WalkDir::new(input).follow_links(true).into_iter().flatten();
    let lengths = files.filter_map(|file| file.metadata().ok().filter(std::fs::Metadata::is_file));
    let before: u64 = lengths.map(|metadata| metadata.len()).sum();
    let times = bytes as f64 / before.max(1) as f64;
    let grows = match times {
        2.0.. => format!(", {times:.0} times the input: encrypted pixels hardly compress"),
        _ => String::new(),
    };
    Some(format!("  on disk  at most about {:.1} MB{grows}", bytes as f64 / 1e6))
}
