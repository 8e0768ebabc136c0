//! The lines of the file of names of an updated set.

use crate::job::earlier::Earlier;
use crate::job::preflight::Preflighted;
use crate::set::names::Name;
use std::collections::HashSet;

/// The lines about images of the set, each by its name in the set and its number in the input if it is there: those of
/// the input in its order, then the others, which the old file of names knows, then one for every class without an
/// image. Also returns of how many images nothing is known.
pub(super) fn lines<'a>(
    set: &Preflighted,
    earlier: &Earlier,
    images: impl Iterator<Item = (&'a str, Option<usize>)>,
) -> (Vec<Name>, usize) {
    let mut unknown = 0;
    let mut lines: Vec<(usize, Name)> = images
        .filter_map(|(id, index)| {
            let line = match index {
                Some(index) => {
                    let plain = &set.source.items()[index];
                    let class = plain.label.and_then(|label| set.source.classes().get(label as usize));
                    let class = class.cloned().unwrap_or_default();
                    Some((set.listed[index], Name { id: id.to_owned(), name: plain.name.clone(), class }))
                }
                None => earlier.names.get(id).map(|line| (usize::MAX, line.clone())),
            };
            unknown += usize::from(line.is_none());
            line
        })
        .collect();
    lines.sort_by(|(one, line), (other, other_line)| one.cmp(other).then_with(|| line.name.cmp(&other_line.name)));
    let mut lines: Vec<Name> = lines.into_iter().map(|(_, line)| line).collect();
    let there: HashSet<String> = lines.iter().map(|line| line.class.clone()).collect();
    for (shown, plain) in set.classes.iter().zip(set.source.classes()) {
        if shown != plain && !there.contains(plain) {
            lines.push(Name::of_class(shown, plain));
        }
    }
    (lines, unknown)
}
