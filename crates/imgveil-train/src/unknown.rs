//! The error of a name that an enumeration does not have.

use strum::VariantNames;

/// Says that `text` is no `what`, and lists the names of `E`.
pub(crate) fn unknown<E: VariantNames>(text: &str, what: &str) -> String {
    format!("`{text}` is no {what}: {}", E::VARIANTS.join(", "))
}
