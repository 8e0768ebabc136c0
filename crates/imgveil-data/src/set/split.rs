//! The splits of a set: train, val and test.

/// The split that an image belongs to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, strum::EnumString,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Split {
    /// The set is not divided into splits.
    #[strum(disabled)]
    All,
    /// Training images.
    Train,
    /// Validation images.
    #[strum(serialize = "val", serialize = "valid", serialize = "validation")]
    Val,
    /// Test images.
    Test,
}

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

    /// The split that the name of a folder or an array means.
    pub(crate) fn named(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// All splits, in the order in which sets are written.
pub(crate) const SPLITS: [Split; 4] = [Split::Train, Split::Val, Split::Test, Split::All];
