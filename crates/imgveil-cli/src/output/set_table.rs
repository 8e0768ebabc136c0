//! Splits, classes and sizes of a set.

use super::Output;
use imgveil_data::job::{Contents, Size, Values};
use std::collections::BTreeMap;

/// Numbers of images by the names of splits or classes.
type Counts = BTreeMap<String, usize>;

/// Prints one line each for splits, classes and sizes. Classes that get other names in the output are shown with both.
pub fn set_table(splits: &Counts, classes: &Counts, plain: &BTreeMap<String, String>, sizes: &[Size], out: &Output) {
    division(splits, classes, plain).iter().for_each(|line| out.say(line));
    out.say(&line("sizes", sizes.iter().map(|size| (size.geometry.clone(), size.images)).collect()));
}

/// Prints a line for how values follow from samples, if files say so.
pub fn values_line(values: &[Values], out: &Output) {
    if !values.is_empty() {
        let one = |values: &Values| (format!("a value is {}", values.rescale), values.images);
        out.say(&line("values", values.iter().map(one).collect()));
    }
}

/// The lines about splits and classes.
pub fn contents_lines(contents: &Contents) -> Vec<String> {
    division(&contents.splits, &contents.classes, &contents.plain_classes)
}

/// The lines about splits and classes, from counts.
pub fn division(splits: &Counts, classes: &Counts, plain: &BTreeMap<String, String>) -> Vec<String> {
    let both = |name: &str| match plain.get(name) {
        // `00` is the class `0`.
        Some(plain) if plain != name && plain.parse::<u32>().ok() != name.parse().ok() => {
            format!("{name} = {plain}")
        }
        _ => name.to_owned(),
    };
    let named = |counts: &Counts, none: &str, name: &dyn Fn(&str) -> String| {
        let one = |(key, &count): (&String, &usize)| (if key.is_empty() { none.to_owned() } else { name(key) }, count);
        counts.iter().map(one).collect::<Vec<_>>()
    };
    let splits = named(splits, "all", &|name| name.to_owned());
    vec![line("splits", splits), line("classes", named(classes, "none", &both))]
}

fn line(what: &str, all: Vec<(String, usize)>) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = all.iter().take(SHOWN).map(|(name, count)| format!("{name} ({count})")).collect();
    let more = match all.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("  {what:<8} {}{more}", shown.join(", "))
}
