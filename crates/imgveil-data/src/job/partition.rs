//! Partitions of a set, on which several processes work without talking to each other.

use crate::limits::MOST_PARTITIONS;
use crate::set::{Encoding, Item, Split};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// Partition `index` of `of`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    index: u32,
    of: u32,
}

impl Partition {
    /// Partition `index` of `of`. `None` unless `1 <= index <= of` and `of` is at most [`MOST_PARTITIONS`].
    pub fn new(index: u32, of: u32) -> Option<Self> {
        ((1..=of).contains(&index) && of <= MOST_PARTITIONS).then_some(Self { index, of })
    }

    /// The number of the partition, from 1.
    pub fn index(self) -> u32 {
        self.index
    }

    /// The number of partitions.
    pub fn of(self) -> u32 {
        self.of
    }

    /// The form in file names: `2-of-4`.
    pub fn slug(self) -> String {
        format!("{}-of-{}", self.index, self.of)
    }

    /// Which items belong to this partition. They are consecutive, so that only one process writes a shard.
    pub(super) fn of_items(self, items: &[Item], encoding: Encoding) -> Vec<bool> {
        let units = units(items, encoding);
        let count = units.iter().max().map_or(0, |last| last + 1) as u128;
        let mine =
            |&unit: &usize| (unit as u128 * u128::from(self.of)).checked_div(count) == Some((self.index - 1).into());
        units.iter().map(mine).collect()
    }
}

/// The number of the unit of each item. Each unit belongs to one process. A unit is an image, or the shard of the
/// image.
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

impl FromStr for Partition {
    type Err = String;

    /// `2/4`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        if let Some((_, of)) = parts
            && of > MOST_PARTITIONS
        {
            return Err(format!("`{text}` is one of {of} partitions, and {MOST_PARTITIONS} are the most"));
        }
        let parsed = parts.and_then(|(index, of)| Self::new(index, of));
        parsed.ok_or_else(|| format!("`{text}` is no partition: write I/N with I from 1 to N, such as 2/4"))
    }
}

impl fmt::Display for Partition {
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
    fn partitions_share_out_every_item_once_and_tear_no_shard() {
        let splits: Vec<Split> = (0..103).map(|i| if i % 3 == 0 { Split::Train } else { Split::Test }).collect();
        let items = items(&splits);
        for encoding in [Encoding::Png, Encoding::WebDataset { per_shard: 7 }, Encoding::WebDataset { per_shard: 1000 }]
        {
            let units = units(&items, encoding);
            for of in [1, 2, 4, 200] {
                let partitions: Vec<Vec<bool>> =
                    (1..=of).map(|i| Partition::new(i, of).unwrap().of_items(&items, encoding)).collect();
                for (i, unit) in units.iter().enumerate() {
                    assert_eq!(partitions.iter().filter(|mine| mine[i]).count(), 1);
                    let first = units.iter().position(|other| other == unit).unwrap();
                    assert!(partitions.iter().all(|mine| mine[i] == mine[first]));
                }
            }
        }
        assert_eq!(units(&items[..4], Encoding::WebDataset { per_shard: 1 }), [0, 1, 2, 3]);
        let sizes = |of| {
            let partitions = (1..=of).map(|i| Partition::new(i, of).unwrap().of_items(&items, Encoding::Png));
            partitions.map(|mine| mine.into_iter().filter(|&mine| mine).count()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(4), [26, 26, 26, 25]);
    }

    #[test]
    fn partitions_are_counted_from_one() {
        assert_eq!("2/4".parse::<Partition>().unwrap().to_string(), "2/4");
        for text in ["0/4", "5/4", "1", "1/0", "a/b", "-1/2"] {
            assert!(text.parse::<Partition>().is_err(), "{text}");
        }
        assert!("65536/65536".parse::<Partition>().is_ok());
        let many = "`1/4000000000` is one of 4000000000 partitions, and 65536 are the most";
        assert_eq!("1/4000000000".parse::<Partition>().unwrap_err(), many);
    }
}
