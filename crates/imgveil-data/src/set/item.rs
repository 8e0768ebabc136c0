//! One image of a set, as sources list it and sinks expect it.

use super::split::Split;
use imgveil::internal::image::Geometry;

/// One image of a set, before it is decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The path within the set, without extension and with `/` between its parts. Unique in the set.
    pub name: String,
    /// The split that the image belongs to.
    pub split: Split,
    /// The class as an index into [`Source::classes`](super::Source::classes), if the set has classes.
    pub label: Option<u32>,
}

/// An image that a sink expects. Its *slot* is its number among all images of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Name, split and class in the output.
    pub item: Item,
    /// The geometry that the image will have. `None` if it is known that the image will not arrive: its header cannot
    /// be read, or another process writes it.
    pub geometry: Option<Geometry>,
}

/// BLAKE3 of the members that were carried over with an image, while they are added in the order of their kinds. The
/// length of every part comes before it, so that no two lists of members have one text.
#[derive(Default)]
pub(crate) struct MembersHash(Option<blake3::Hasher>);

impl MembersHash {
    /// Begins a member of this kind that has so many bytes.
    pub(crate) fn begin(&mut self, kind: &str, length: u64) {
        let hasher = self.0.get_or_insert_default();
        hasher.update(&(kind.len() as u64).to_le_bytes()).update(kind.as_bytes()).update(&length.to_le_bytes());
    }

    /// Adds bytes of the member.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.get_or_insert_default().update(bytes);
    }

    /// The hash as hex digits. `None` if there was no member.
    pub(crate) fn finish(self) -> Option<String> {
        self.0.map(|hasher| hasher.finalize().to_hex().to_string())
    }

    /// The hash of members in any order.
    pub(crate) fn of(members: &[Member]) -> Option<String> {
        let mut members: Vec<&Member> = members.iter().collect();
        members.sort_by(|one, other| one.kind.cmp(&other.kind));
        let mut hash = Self::default();
        for member in members {
            hash.begin(&member.kind, member.bytes.len() as u64);
            hash.bytes(&member.bytes);
        }
        hash.finish()
    }
}

/// A file that belongs to an image but is not an image, carried over unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The file's extension, such as `json`.
    pub kind: String,
    /// The file's contents.
    pub bytes: Vec<u8>,
}
