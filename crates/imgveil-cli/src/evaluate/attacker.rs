//! Who attacks, as docs/SECURITY.md has it.

use super::tried::Tried;
use serde::Serialize;

/// Somebody who attacks.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Attacker {
    /// A name for files.
    pub id: &'static str,
    /// Who he is.
    pub title: &'static str,
    /// What he has.
    pub has: &'static str,
    /// What he tries. Nothing if he needs no attack.
    pub tries: &'static [Tried],
    /// Whether he has pairs of plain and encrypted images. Without, what an attack does with pairs is not his.
    #[serde(skip)]
    pub has_pairs: bool,
}

/// All of them.
pub const ATTACKERS: [Attacker; 5] = [
    Attacker {
        id: "cloud",
        title: "A cloud that only trains",
        has: "encrypted images of one key and size, and the name of the scheme",
        tries: &[Tried::Ciphertext, Tried::Appearance, Tried::Labels, Tried::Learned, Tried::KeySpace],
        has_pairs: false,
    },
    Attacker {
        id: "pairs",
        title: "A cloud with leaked pairs",
        has: "the same, and a few plain images with their encryptions",
        tries: &[Tried::Known, Tried::Ciphertext, Tried::Appearance, Tried::Labels, Tried::Learned, Tried::KeySpace],
        has_pairs: true,
    },
    Attacker {
        id: "chosen",
        title: "A cloud that can have an image encrypted",
        has: "the same, and encryptions of images of its choice",
        tries: &[
            Tried::Chosen,
            Tried::Known,
            Tried::Ciphertext,
            Tried::Appearance,
            Tried::Labels,
            Tried::Learned,
            Tried::KeySpace,
        ],
        has_pairs: true,
    },
    Attacker {
        id: "plain-image",
        title: "Whoever has a plain image",
        has: "encrypted images, and a plain image or another export of it",
        tries: &[Tried::Reidentify],
        has_pairs: false,
    },
    Attacker { id: "key", title: "A colleague with the key", has: "the key", tries: &[], has_pairs: true },
];
