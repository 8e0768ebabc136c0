//! Which tar files a path means: one file, a folder of them, or a pattern.

use crate::format::picture;
use std::path::{Path, PathBuf};

/// The largest number of shards that a pattern may expand to.
const MOST_SHARDS: u64 = 1_000_000;

/// Whether a path names a tar file.
pub(super) fn is_shard(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
}

/// Whether a path is a pattern of tar files.
pub(in crate::set) fn is_pattern(path: &Path) -> bool {
    is_shard(path) && path.to_str().is_some_and(|text| text.contains('{')) && !path.exists()
}

/// Whether a folder holds shards, and neither images nor folders.
pub(in crate::set) fn is_folder_of_shards(path: &Path) -> bool {
    let Ok(entries) = path.read_dir() else { return false };
    let mut shards = false;
    for entry in entries.flatten() {
        let name = PathBuf::from(entry.file_name());
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.path().is_dir() || picture::is_picture_name(&name) {
            return false;
        }
        shards |= is_shard(&name);
    }
    shards
}

/// Expands a pattern, in order: `{000000..000099}` is a range, with leading zeros if it has some, and `{a,b}` a list.
pub(super) fn expand(pattern: &str) -> Result<Vec<PathBuf>, String> {
    let mut paths = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once('{') {
        let (body, behind) = behind.split_once('}').ok_or("it has a `{` and no `}` behind it")?;
        let words = words(body)?;
        if paths.len() as u64 * words.len() as u64 > MOST_SHARDS {
            return Err(format!("it stands for more than {MOST_SHARDS} files"));
        }
        let longer = |path: &String| words.iter().map(|word| format!("{path}{before}{word}")).collect::<Vec<_>>();
        paths = paths.iter().flat_map(longer).collect();
        rest = behind;
    }
    Ok(paths.into_iter().map(|path| PathBuf::from(path + rest)).collect())
}

/// The words that a pair of braces expands to.
fn words(body: &str) -> Result<Vec<String>, String> {
    let Some((first, last)) = body.split_once("..") else {
        if !body.contains(',') {
            return Err(format!(
                "`{{{body}}}` is neither a range such as {{000000..000099}} nor a list such as {{a,b}}"
            ));
        }
        return Ok(body.split(',').map(str::to_owned).collect());
    };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let range = number(first).zip(number(last)).filter(|(first, last)| first <= last);
    let (from, to) = range.ok_or_else(|| format!("`{{{body}}}` does not count from a number to a larger one"))?;
    if to - from >= MOST_SHARDS {
        return Err(format!("it stands for more than {MOST_SHARDS} files"));
    }
    let padded = [first, last].iter().any(|text| text.len() > 1 && text.starts_with('0'));
    let width = if padded { first.len().max(last.len()) } else { 0 };
    Ok((from..=to).map(|number| format!("{number:0width$}")).collect())
}
