//! The splits of a set, and the one rule for which names mean a split. Folders, shards, arrays and files of labels use
//! it.

/// The split that an image belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The set is not divided into splits.
    All,
    /// Training images.
    Train,
    /// Validation images.
    Val,
    /// Test images.
    Test,
}

/// What a name says about splits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SplitName {
    /// Nothing.
    None,
    /// The name is a word for this split, with at most numbers and words such as `images` or `set` around it.
    Certain(Split),
    /// One of the words of the name is a word for this split, and others may mean anything: `seg_train`.
    Possible(Split),
    /// Words for several splits.
    Several,
}

/// Words that data sets use for their training images, in lower case.
const TRAIN: [&str; 7] = ["train", "training", "trn", "trainset", "traindata", "trainingset", "trainval"];
/// Words for validation images.
const VAL: [&str; 10] =
    ["val", "valid", "validation", "validate", "validating", "dev", "devel", "development", "eval", "evaluation"];
/// Words for test images.
const TEST: [&str; 6] = ["test", "testing", "tst", "testset", "testdata", "holdout"];
/// Words that say nothing where they stand beside a word for a split.
const NEUTRAL: [&str; 14] = [
    "set", "data", "dataset", "split", "image", "images", "img", "imgs", "picture", "pictures", "photo", "photos",
    "folder", "dir",
];

impl Split {
    /// The name in folders and arrays. `None` for a set that is not divided.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Split::All => None,
            Split::Train => Some("train"),
            Split::Val => Some("val"),
            Split::Test => Some("test"),
        }
    }

    /// The number that the key schedule uses when images of a split are mixed (`docs/SCHEDULE.md`, "Mixing").
    pub fn number(self) -> u64 {
        match self {
            Split::All => 0,
            Split::Train => 1,
            Split::Val => 2,
            Split::Test => 3,
        }
    }

    /// The split that a name means, if it means nothing else.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match Self::of_name(name) {
            SplitName::Certain(split) => Some(split),
            _ => None,
        }
    }

    /// What a name says about splits, whatever its case.
    pub(crate) fn of_name(name: &str) -> SplitName {
        let mut found: Vec<Split> = words(name).iter().filter_map(|word| word_for(word)).collect();
        found.dedup();
        match found[..] {
            [] => SplitName::None,
            [split] => {
                if Self::other_words(name).is_empty() {
                    SplitName::Certain(split)
                } else {
                    SplitName::Possible(split)
                }
            }
            _ => SplitName::Several,
        }
    }

    /// The other words of a name: folders such as `seg_train` and `seg_test` have the same.
    pub(crate) fn other_words(name: &str) -> Vec<String> {
        let mut words = words(name);
        words.retain(|word| word_for(word).is_none() && !NEUTRAL.contains(&word.as_str()));
        words
    }
}

/// The split that a word in lower case means.
fn word_for(word: &str) -> Option<Split> {
    let lists = [(&TRAIN[..], Split::Train), (&VAL, Split::Val), (&TEST, Split::Test)];
    lists.into_iter().find(|(words, _)| words.contains(&word)).map(|(_, split)| split)
}

/// The words of a name, in lower case: runs of letters, divided where a capital follows a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// All splits, in the order in which sets are written.
pub(crate) const SPLITS: [Split; 4] = [Split::Train, Split::Val, Split::Test, Split::All];

#[cfg(test)]
mod tests {
    use super::*;
    use SplitName::{Certain, Possible, Several};

    #[test]
    fn the_words_of_data_sets_are_known_in_any_case() {
        for (name, means) in [
            ("train", Certain(Split::Train)),
            ("Training", Certain(Split::Train)),
            ("TRAIN", Certain(Split::Train)),
            ("training_set", Certain(Split::Train)),
            ("train2017", Certain(Split::Train)),
            ("TrainImages", Certain(Split::Train)),
            ("01-train", Certain(Split::Train)),
            ("trainval", Certain(Split::Train)),
            ("val", Certain(Split::Val)),
            ("Valid", Certain(Split::Val)),
            ("VALIDATION", Certain(Split::Val)),
            ("dev", Certain(Split::Val)),
            ("Eval", Certain(Split::Val)),
            ("test", Certain(Split::Test)),
            ("Testing", Certain(Split::Test)),
            ("test_images", Certain(Split::Test)),
            ("seg_train", Possible(Split::Train)),
            ("imagenet1k-train-0000", Possible(Split::Train)),
            ("imagenet1k-validation-00", Possible(Split::Val)),
            ("stage_1_test_images", Possible(Split::Test)),
            ("train-val-0001", Several),
            ("all", SplitName::None),
            ("", SplitName::None),
            ("trainer", SplitName::None),
            ("contest", SplitName::None),
            ("devices", SplitName::None),
            ("unlabeled", SplitName::None),
            ("00000", SplitName::None),
        ] {
            assert_eq!(Split::of_name(name), means, "{name}");
        }
        assert_eq!((Split::named(" Train "), Split::named("seg_train")), (Some(Split::Train), None));
    }
}
