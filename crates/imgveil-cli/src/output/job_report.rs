//! The end of `encrypt`, `decrypt` and `verify`: the result, and the images that were set aside.

use super::{Output, counted};
use crate::exit::{DATASET, DONE, FAILED, Failure as Fail, Outcome, PARTLY};
use imgveil_data::job::{Failure, Summary, failed_list};
use imgveil_data::set::{SetError, beside, write_privately};
use imgveil_data::{Detail, Error};
use std::path::Path;

/// Passes the result on. After an error of the disk or the device, says how to continue the run.
pub fn continued<T>(result: Result<T, Error>, output: &Path, out: &Output) -> Result<T, Fail> {
    if let Err(error) = &result
        && matches!(error.detail(), Detail::Set(SetError::Write { .. }) | Detail::Engine(_))
        && let Some(place) =
            [output.to_owned(), beside(output, "imgveil-partial")].into_iter().find(|path| path.exists())
    {
        out.note(&format!(
            "what is in {} already is whole: run the same command again to go on from there",
            place.display()
        ));
    }
    Ok(result?)
}

/// Prints what a job did. Files that were set aside are listed and written to `OUT.failed.csv` (`list` is the part
/// after `OUT.`). The list is beside the output, because it names plain files and the output may be handed out.
pub fn report(verb: &str, output: &Path, list: &str, summary: &Summary, json: bool, out: &Output) -> Outcome {
    if json {
        out.json(summary)?;
    } else {
        let Summary { images, bytes, seconds, device, key, scheme, resumed, .. } = summary;
        let (rate, mb) = ((*images - *resumed) as f64 / seconds.max(1e-9), *bytes as f64 / 1e6);
        let before = if *resumed > 0 { format!(", {resumed} of them in an earlier run") } else { String::new() };
        out.say(&format!(
            "{verb} {} ({mb:.1} MB of pixels{before}) in {seconds:.2} s, {rate:.0} images/s, with {} and key {key} on \
            {device}",
            counted(*images, "image"),
            scheme.name
        ));
        if let Some(names) = &summary.names {
            out.note(&format!("which image is which: {} (keep it with the key)", names.display()));
        }
        super::passed_over("passed over", &summary.passed_over, out);
    }
    report_set_aside(output, list, &summary.failed, out)
}

/// Lists the files that were set aside and writes them to `OUT.failed.csv`, or removes the list of an earlier run.
pub fn report_set_aside(output: &Path, list: &str, failed: &[Failure], out: &Output) -> Outcome {
    let list = beside(output, list);
    // Good images of a set that was changed are written, and the exit code says that it was changed.
    let changed = failed.iter().any(|failure| failure.unlike_manifest);
    let code = if changed { DATASET } else { PARTLY };
    if !failed_list::is_ours(&list) {
        let words = "is there already and is no list of imgveil: it was left as it is";
        if failed.is_empty() {
            return Ok(DONE);
        }
        set_aside(failed, if failed.len() == 1 { "was" } else { "were" }, out);
        out.warn(&format!("{} {words}, and the whole list was not written", list.display()));
        return Ok(code);
    }
    if failed.is_empty() {
        // This list was left by an earlier run.
        return match std::fs::remove_file(&list) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(cannot_write(&list, &e)),
            _ => Ok(DONE),
        };
    }
    set_aside(failed, if failed.len() == 1 { "was" } else { "were" }, out);
    // Only its owner may read it, because it names plain files.
    write_privately(&list, &csv(failed).map_err(|error| cannot_write(&list, &error))?)?;
    out.note(&format!("the whole list is in {}", list.display()));
    Ok(code)
}

fn cannot_write(path: &Path, error: &dyn std::fmt::Display) -> Fail {
    Fail { words: format!("cannot write {}: {error}", path.display()), code: FAILED }
}

/// Lists the first images that were set aside.
pub fn set_aside(failed: &[Failure], were: &str, out: &Output) {
    const SHOWN: usize = 10;
    out.warn(&format!("{} {were} set aside:", counted(failed.len(), "image")));
    list(failed, SHOWN, out);
}

/// Prints the first `shown` failures, one per line.
pub fn list(failed: &[Failure], shown: usize, out: &Output) {
    for failure in failed.iter().take(shown) {
        out.tell(&format!("  {}: {}", failure.path, reason(failure)));
    }
    if failed.len() > shown {
        out.tell(&format!("  and {} more", failed.len() - shown));
    }
}

/// The reason of a failure, with the flag that helps.
fn reason(failure: &Failure) -> String {
    let advice = if failure.needs_window { " (--window)" } else { "" };
    format!("{}{advice}", failure.reason)
}

/// The list as a CSV file. Every field of a row is quoted.
fn csv(failed: &[Failure]) -> Result<Vec<u8>, csv::Error> {
    let header = failed_list::HEADER.as_bytes().to_vec();
    let mut csv = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(header);
    for failure in failed {
        csv.write_record([&failure.path, &reason(failure)])?;
    }
    csv.into_inner().map_err(|error| error.into_error().into())
}
