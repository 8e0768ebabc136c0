//! A part of a set that one of several processes works on, without a word between them.

use crate::dataset::encoding::Encoding;
use crate::dataset::{Item, Split};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// Part `index` of `of`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    index: u32,
    of: u32,
}

impl Part {
    /// Part `index` of `of`; `None` unless 1 <= index <= of.
    pub fn new(index: u32, of: u32) -> Option<Self> {
        (1..=of).contains(&index).then_some(Self { index, of })
    }

    /// Its number, from 1.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many parts there are.
    pub fn of(self) -> u32 {
        self.of
    }

    /// As it is written in file names: `2-of-4`.
    pub fn slug(self) -> String {
        format!("{}-of-{}", self.index, self.of)
    }

    /// Which items are this part's: neighbours, so that whole archives fall to one process.
    pub(super) fn of_items(self, items: &[Item], encoding: Encoding) -> Vec<bool> {
        let units = units(items, encoding);
        let count = units.iter().max().map_or(0, |last| last + 1) as u128;
        let mine =
            |&unit: &usize| (unit as u128 * u128::from(self.of)).checked_div(count) == Some((self.index - 1).into());
        units.iter().map(mine).collect()
    }
}

/// What may not be torn between processes, numbered: an image, or the archive that it goes to.
pub(super) fn units(items: &[Item], encoding: Encoding) -> Vec<usize> {
    let Encoding::WebDataset { per_shard } = encoding else { return (0..items.len()).collect() };
    let mut before: HashMap<Split, u32> = HashMap::new();
    let mut numbers = HashMap::new();
    let unit = |item: &Item| {
        let rank = before.entry(item.split).or_default();
        let shard = (item.split, *rank / per_shard.max(1));
        *rank += 1;
        let next = numbers.len();
        *numbers.entry(shard).or_insert(next)
    };
    items.iter().map(unit).collect()
}

impl FromStr for Part {
    type Err = String;

    /// `2/4`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(index, of)| Part::new(index.parse().ok()?, of.parse().ok()?));
        parts.ok_or_else(|| format!("`{text}` is no part: write I/N with I from 1 to N, such as 2/4"))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(splits: &[Split]) -> Vec<Item> {
        let item = |(i, &split): (usize, &Split)| Item { name: i.to_string(), split, label: None };
        splits.iter().enumerate().map(item).collect()
    }

    #[test]
    fn parts_share_out_every_item_once_and_tear_no_archive() {
        let splits: Vec<Split> = (0..103).map(|i| if i % 3 == 0 { Split::Train } else { Split::Test }).collect();
        let items = items(&splits);
        for encoding in [Encoding::Png, Encoding::WebDataset { per_shard: 7 }, Encoding::WebDataset { per_shard: 1000 }]
        {
            let units = units(&items, encoding);
            for of in [1, 2, 4, 200] {
                let parts: Vec<Vec<bool>> =
                    (1..=of).map(|i| Part::new(i, of).unwrap().of_items(&items, encoding)).collect();
                for (i, unit) in units.iter().enumerate() {
                    assert_eq!(parts.iter().filter(|part| part[i]).count(), 1);
                    let first = units.iter().position(|other| other == unit).unwrap();
                    assert!(parts.iter().all(|part| part[i] == part[first]));
                }
            }
        }
        assert_eq!(units(&items[..4], Encoding::WebDataset { per_shard: 1 }), [0, 1, 2, 3]);
        let sizes = |of| {
            let parts = (1..=of).map(|i| Part::new(i, of).unwrap().of_items(&items, Encoding::Png));
            parts.map(|part| part.into_iter().filter(|&mine| mine).count()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(4), [26, 26, 26, 25]);
    }

    #[test]
    fn parts_are_counted_from_one() {
        assert_eq!("2/4".parse::<Part>().unwrap().to_string(), "2/4");
        for text in ["0/4", "5/4", "1", "1/0", "a/b", "-1/2"] {
            assert!(text.parse::<Part>().is_err(), "{text}");
        }
    }
}
