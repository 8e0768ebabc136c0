//! Splits, classes and sizes of a set.

use super::Output;
use imgveil_data::job::Size;
use std::collections::BTreeMap;

/// Prints one line each for splits, classes and sizes.
pub fn set_table(splits: &BTreeMap<String, usize>, classes: &BTreeMap<String, usize>, sizes: &[Size], out: &Output) {
    const SHOWN: usize = 8;
    let line = |what: &str, all: Vec<(&str, usize)>| {
        let shown: Vec<String> = all.iter().take(SHOWN).map(|(name, count)| format!("{name} ({count})")).collect();
        let more = match all.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        out.say(&format!("  {what:<8} {}{more}", shown.join(", ")));
    };
    fn named<'a>(map: &'a BTreeMap<String, usize>, none: &'a str) -> Vec<(&'a str, usize)> {
        map.iter().map(|(name, &count)| (if name.is_empty() { none } else { name.as_str() }, count)).collect()
    }
    line("splits", named(splits, "all"));
    line("classes", named(classes, "none"));
    line("sizes", sizes.iter().map(|size| (size.geometry.as_str(), size.images)).collect());
}
