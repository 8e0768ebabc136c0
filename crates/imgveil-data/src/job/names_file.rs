//! The file of names of an encryption: which image of the output is which image of the input.

use super::error::{JobError, resolved};
use super::preflight::Preflighted;
use super::request::EncryptRequest;
use crate::set::beside;
use crate::set::names::{self, Name, Naming};
use std::collections::HashSet;
use std::path::PathBuf;

/// The path of the file of names. `None` if names are kept.
pub(super) fn path(request: &EncryptRequest) -> Option<PathBuf> {
    let default = || match request.options.partition {
        Some(partition) => beside(&request.output, &format!("names-{}.csv", partition.slug())),
        None => names::beside(&request.output),
    };
    let wanted = request.options.naming != Naming::Kept;
    wanted.then(|| request.options.names.clone().unwrap_or_else(default))
}

/// Checks before the work begins that the file of names can be written and does not replace the file of another set. If
/// that file were lost, patients might not be found again. `earlier` are the images that earlier runs wrote.
pub(super) fn check(request: &EncryptRequest, set: &Preflighted, earlier: &HashSet<String>) -> Result<(), JobError> {
    let Some(path) = path(request) else { return Ok(()) };
    if resolved(&path).starts_with(resolved(&request.output)) {
        return Err(JobError::NamesInside { names: path, output: request.output.clone() });
    }
    if path.is_symlink() {
        return Err(JobError::OtherNames(path));
    }
    if path.exists() {
        let ids: HashSet<&str> = set.slots.iter().map(|slot| slot.item.name.as_str()).collect();
        let known = |name: &Name| name.is_of_class() || ids.contains(name.id.as_str()) || earlier.contains(&name.id);
        let ours = names::read(&path).is_ok_and(|names| names.iter().all(known));
        if !ours {
            return Err(JobError::OtherNames(path));
        }
    }
    Ok(names::check(&path, request.options.names.is_some())?)
}

/// Writes the names of the images for which `has` is true. The name of the staged file begins with `staged`.
pub(super) fn write(
    request: &EncryptRequest,
    set: &Preflighted,
    staged: &str,
    has: impl Fn(usize) -> bool,
) -> Result<(), JobError> {
    let Some(path) = path(request) else { return Ok(()) };
    Ok(names::write_staged(&path, staged, lines(set, has))?)
}

/// The lines of the images for which `has` is true, in the order of the input, for people.
pub(super) fn lines(set: &Preflighted, has: impl Fn(usize) -> bool) -> Vec<Name> {
    let mut order: Vec<usize> = (0..set.slots.len()).filter(|&index| has(index)).collect();
    order.sort_by_key(|&index| set.listed[index]);
    let class = |label: Option<u32>| label.and_then(|label| set.source.classes().get(label as usize)).cloned();
    let name = |index: usize| {
        let plain = &set.source.items()[index];
        Name {
            id: set.slots[index].item.name.clone(),
            name: plain.name.clone(),
            class: class(plain.label).unwrap_or_default(),
        }
    };
    order.into_iter().map(name).collect()
}
