//! Which tar files a path means: one file, a folder of them, or a pattern.

use crate::format::picture;
use crate::set::paths::leads_out;
use std::cell::RefCell;
use std::collections::HashSet;
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

/// How deep below a folder shards are looked for.
const DEEPEST: usize = 4;

/// The files of a folder of shards, relative to it.
#[derive(Default)]
pub(super) struct Found {
    pub(super) shards: Vec<PathBuf>,
    pub(super) others: Vec<PathBuf>,
    /// Dangling links, and folders that may not be read.
    pub(super) unreadable: Vec<PathBuf>,
    /// Links that lead out of the folder and were not followed.
    pub(super) links_out: Vec<PathBuf>,
}

/// Whether a folder holds shards, itself or in its folders, and no pictures. Links to shards count, also those that are
/// not followed.
pub(in crate::set) fn is_folder_of_shards(path: &Path, follow_links: bool) -> bool {
    let is_link_out = |found: &Found| found.links_out.iter().any(|link| is_shard(link));
    find(path, follow_links).is_some_and(|found| !found.shards.is_empty() || is_link_out(&found))
}

/// The shards of a folder and of its folders, and all other files. `None` if one of them is a picture, or the folder
/// cannot be read.
pub(super) fn find(root: &Path, follow_links: bool) -> Option<Found> {
    let visible =
        |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
    let walk = walkdir::WalkDir::new(root).follow_links(true).max_depth(DEEPEST).sort_by_file_name();
    let links_out = RefCell::new(Vec::new());
    let wanted = |entry: &walkdir::DirEntry| {
        let followed = follow_links || entry.depth() == 0 || !entry.path_is_symlink();
        let wanted = followed || !leads_out(root, entry.path());
        if !wanted {
            links_out.borrow_mut().push(entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned());
        }
        wanted
    };
    let mut found = Found::default();
    for entry in walk.into_iter().filter_entry(|entry| visible(entry) && wanted(entry)) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.depth() == 0 => return None,
            Err(error) => {
                let path = error.path().and_then(|path| path.strip_prefix(root).ok());
                found.unreadable.extend(path.map(Path::to_owned));
                continue;
            }
        };
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned();
        if entry.file_type().is_dir() {
            continue;
        }
        if picture::is_picture_name(&path) {
            return None;
        }
        if is_shard(&path) { found.shards.push(path) } else { found.others.push(path) }
    }
    found.links_out = links_out.take();
    Some(found)
}

/// The names of shards relative to the folder that holds them all, with `/` between the parts. File names alone, if no
/// two are alike.
pub(super) fn names(shards: &[PathBuf]) -> Vec<String> {
    let file = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files: Vec<String> = shards.iter().map(file).collect();
    if files.iter().collect::<HashSet<_>>().len() == files.len() {
        return files;
    }
    let parts = |path: &PathBuf| path.iter().map(|part| part.to_string_lossy().into_owned()).collect::<Vec<_>>();
    let all: Vec<Vec<String>> = shards.iter().map(parts).collect();
    let shared = |place: &usize| all.iter().all(|path| path.len() > place + 1 && path[*place] == all[0][*place]);
    let common = (0..).take_while(shared).count();
    all.iter().map(|path| path[common..].join("/")).collect()
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
