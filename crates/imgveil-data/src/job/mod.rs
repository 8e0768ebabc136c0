//! Jobs on whole sets: encrypt, update, rekey, decrypt, verify, inspect and merge.
//!
//! A request ([`EncryptRequest`], [`DecryptRequest`], [`VerifyRequest`]) is plain data. A run ([`EncryptRun`],
//! [`DecryptRun`], [`VerifyRun`]) owns a request, a device and a [`Progress`], and does the work. [`preflight()`] reads
//! headers only and says what an encryption would do.
//!
//! Files are decoded and encoded on all cores while one device works. Memory use does not grow with the set. A file
//! that cannot be read is set aside with the reason, and the rest is done. A job never overwrites anything and never
//! leaves half a file. A run that was interrupted continues when it is started again.

mod batch;
mod census;
mod changes;
mod check;
mod cost;
#[cfg(not(target_family = "wasm"))]
mod decrypt;
#[cfg(not(target_family = "wasm"))]
mod decrypt_stages;
mod decrypt_steps;
#[cfg(not(target_family = "wasm"))]
mod decrypted;
mod depth;
mod describe;
mod earlier;
#[cfg(not(target_family = "wasm"))]
mod encrypt;
mod encrypt_steps;
mod encrypted_set;
mod error;
#[doc(hidden)]
pub mod failed_list;
#[cfg(not(target_family = "wasm"))]
mod find_text;
mod identity;
mod image_at;
mod inspect;
#[doc(hidden)]
pub mod journal;
mod meanings;
mod merge;
#[cfg(not(target_family = "wasm"))]
mod mix;
mod names_file;
mod options;
mod output;
mod partition;
#[cfg(not(target_family = "wasm"))]
mod pipeline;
mod plain_names;
mod preflight;
mod progress;
#[cfg(not(target_family = "wasm"))]
mod rekey;
mod request;
mod salt;
mod steps;
mod summary;
mod telling;
#[cfg(not(target_family = "wasm"))]
mod there;
#[cfg(not(target_family = "wasm"))]
mod update;
#[cfg(not(target_family = "wasm"))]
mod verify;
#[cfg(not(target_family = "wasm"))]
mod write_back;

pub use census::{Contents, Size, Values};
pub use changes::Changes;
#[cfg(not(target_family = "wasm"))]
pub use decrypt::DecryptRun;
pub use decrypt_steps::{DecryptStep, DecryptSteps};
#[cfg(not(target_family = "wasm"))]
pub use encrypt::EncryptRun;
pub use encrypt_steps::{EncryptStep, EncryptSteps, SetTexts, Shown};
pub use error::JobError;
#[cfg(not(target_family = "wasm"))]
pub use find_text::{FoundText, SeenText, find_text};
pub use inspect::{EncryptedWith, Inspection, inspect};
#[doc(hidden)]
pub use merge::partition_of;
pub use merge::{Merged, merge};
pub use options::Difference;
pub use partition::Partition;
pub use preflight::{Preflight, preflight, preflight_with_progress};
pub use progress::{Busy, NoProgress, Note, Progress};
#[cfg(not(target_family = "wasm"))]
pub use rekey::{RekeyRequest, RekeyRun};
pub use request::{DecryptOptions, DecryptRequest, EncryptOptions, EncryptRequest, SpotCheck, VerifyRequest};
pub use steps::{StepFile, StepSize};
pub use summary::{Failure, Summary};
#[cfg(not(target_family = "wasm"))]
pub use update::{Update, UpdateRequest, UpdateRun};
#[cfg(not(target_family = "wasm"))]
pub use verify::{Unchecked, Verification, VerifyRun};
#[cfg(not(target_family = "wasm"))]
pub use write_back::{WriteBackRequest, WriteBackRun};
