//! Keys of WebDataset samples.

use crate::set::{SetError, Slot, Split};
use std::collections::HashSet;

/// The key of every slot: the last part of its name, or the whole name if two images of its split have the same last
/// part. Dots are replaced, because a key ends at the first one.
pub(super) fn keys(slots: &[Slot]) -> Result<Vec<String>, SetError> {
    let short = |slot: &Slot| slot.item.name.rsplit('/').next().unwrap_or_default().replace('.', "_");
    let long = |slot: &Slot| slot.item.name.replace(['.', '/'], "_");
    let mut seen = HashSet::new();
    let twice: HashSet<Split> =
        slots.iter().filter(|slot| !seen.insert((slot.item.split, short(slot)))).map(|slot| slot.item.split).collect();
    let key = |slot: &Slot| if twice.contains(&slot.item.split) { long(slot) } else { short(slot) };
    let keys: Vec<String> = slots.iter().map(key).collect();
    let mut seen = HashSet::new();
    match slots.iter().zip(&keys).find(|(slot, key)| key.is_empty() || !seen.insert((slot.item.split, *key))) {
        Some((slot, _)) => Err(SetError::Collision(slot.item.name.clone())),
        None => Ok(keys),
    }
}
