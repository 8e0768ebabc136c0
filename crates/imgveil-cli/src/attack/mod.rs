//! Attacks on a set of images: what is attacked, and one file an attack. An attack returns what it found and prints
//! nothing; `command::attack` runs one of them, `evaluate` runs all of them.

mod appearance;
mod args;
mod black_box;
mod chosen;
mod ciphertext;
mod finding;
mod key_space;
mod known;
mod labels;
#[cfg(feature = "train")]
pub mod learned;
mod pairing;
mod patients;
mod reading;
mod recovery;
mod reidentify;
mod report;
mod restored;
mod structure;
mod target;

pub use appearance::{Appearance, Change, OUTLINES, Of, appearance};
pub use args::{AttackArgs, ImageArgs, TargetArgs};
pub use black_box::BlackBox;
pub use chosen::{Chosen, Way, chosen};
pub use ciphertext::{Ciphertext, ENOUGH as CIPHERTEXT_ENOUGH, SOME as CIPHERTEXT_SOME, ciphertext};
pub use finding::{Column, Finding, Grade, Pictures};
pub use key_space::{KeySpace, Keys, key_space};
pub use known::{ENOUGH as KNOWN_ENOUGH, Known, SOME as KNOWN_SOME, known};
pub use labels::{ENOUGH as LABELS_ENOUGH, Labels, OfClass, SOME as LABELS_SOME, labels};
pub use patients::PatientArgs;
pub use reading::Read;
pub use reidentify::{Found, OFTEN, Reidentified, reidentify};
pub use report::{Shown, picture, show};
pub use restored::{ENOUGH as LEARNED_ENOUGH, Learned, Method, SOME as LEARNED_SOME, Spread};
pub use target::{Target, black_box, mixtures};
