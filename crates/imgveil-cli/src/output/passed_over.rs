//! Files that were passed over, counted by reason.

use super::{Output, counted};
use imgveil_data::format::PassedOverReason;
use imgveil_data::set::PassedOver;
use std::collections::BTreeMap;

/// How the lines of a dry run begin.
pub const WOULD: &str = "would pass over";

/// Prints how many files were passed over, a line for each reason, and which ones if the user asked for details.
/// `begin` is `passed over` or [`WOULD`].
pub fn passed_over(begin: &str, files: &[PassedOver], out: &Output) {
    let mut reasons: BTreeMap<PassedOverReason, Vec<&PassedOver>> = BTreeMap::new();
    for file in files {
        reasons.entry(file.reason).or_default().push(file);
    }
    for (reason, files) in reasons {
        let words = match reason {
            PassedOverReason::NoImage if begin == WOULD => counted(files.len(), "other file"),
            _ => format!("{} {}", counted(files.len(), "file"), reason.describe(files.len() == 1)),
        };
        out.note(&format!("{begin} {words}"));
        for file in files {
            out.detail(&format!("  {}", file.path.display()));
        }
    }
}
