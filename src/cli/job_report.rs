//! What `encrypt` and `decrypt` say at the end: the result, and the images that were set aside.

use crate::cli::exit::{DONE, FAILED, Failure as Fail, Outcome, PARTLY};
use crate::cli::output::{Output, counted};
use imgveil::job::{Failure, Summary};
use std::io::Write;
use std::path::{Component, Path, PathBuf};

/// Prints what a job did; files set aside are listed, and written to `OUT.failed.csv`: beside the output, which may be
/// handed out, because the list names the plain files.
pub fn report(verb: &str, output: &Path, summary: &Summary, json: bool, out: &Output) -> Outcome {
    if json {
        out.json(summary)?;
    } else {
        let Summary { images, bytes, seconds, device, key, scheme, ignored, .. } = summary;
        let (rate, mb) = (*images as f64 / seconds.max(1e-9), *bytes as f64 / 1e6);
        out.say(&format!(
            "{verb} {} ({mb:.1} MB of pixels) in {seconds:.2} s, {rate:.0} images/s, with {} and key {key} on {device}",
            counted(*images, "image"),
            scheme.name
        ));
        if *ignored > 0 {
            let is = if *ignored == 1 { "is" } else { "are" };
            out.note(&format!("passed over {} that {is} no PNG or JPEG", counted(*ignored, "file")));
        }
    }
    if summary.failed.is_empty() {
        return Ok(DONE);
    }
    const SHOWN: usize = 10;
    let failed = &summary.failed;
    let were = if failed.len() == 1 { "was" } else { "were" };
    out.warn(&format!("{} {were} set aside:", counted(failed.len(), "image")));
    for failure in failed.iter().take(SHOWN) {
        out.note(&format!("  {}: {}", failure.path, failure.reason));
    }
    if failed.len() > SHOWN {
        out.note(&format!("  and {} more", failed.len() - SHOWN));
    }
    let list = failed_list(output);
    write(&list, &csv(failed))
        .map_err(|e| Fail { words: format!("cannot write {}: {e}", list.display()), code: FAILED })?;
    out.note(&format!("the whole list is in {}", list.display()));
    Ok(PARTLY)
}

fn failed_list(output: &Path) -> PathBuf {
    // `.` and `..` have names too; the output is there by now.
    let named = matches!(output.components().next_back(), Some(Component::Normal(_)));
    let resolved = output.canonicalize().unwrap_or_else(|_| output.to_owned());
    let output = if named { output } else { &resolved };
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(".failed.csv");
    output.with_file_name(name)
}

/// Writes the list beside its place and renames it. Readable by its owner alone: it names plain files.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

fn csv(failed: &[Failure]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    failed.iter().fold("path,reason\n".to_owned(), |mut text, failure| {
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(
            &mut text,
            format_args!("{},{}\n", quoted(&failure.path), quoted(&failure.reason)),
        );
        text
    })
}
