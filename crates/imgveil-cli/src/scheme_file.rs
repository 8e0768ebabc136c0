//! Schemes from files: `--scheme FILE.toml`.

use crate::exit::{FAILED, Failure, USAGE};
use imgveil::internal::scheme::{LONGEST_SCHEME, Scheme};
use imgveil_data::regular_file;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Whether this names a scheme file instead of a preset.
pub fn is_scheme_file(scheme: &str) -> bool {
    scheme.ends_with(".toml")
}

/// Reads a scheme file.
pub fn read_scheme(path: &str) -> Result<Scheme, Failure> {
    let mut text = Vec::new();
    // One byte more than a scheme may have, so that a larger file is refused without reading all of it.
    let limit = LONGEST_SCHEME as u64 + 1;
    regular_file::open_named(Path::new(path)).and_then(|file| file.take(limit).read_to_end(&mut text)).map_err(
        |error| match error.kind() {
            ErrorKind::NotFound => {
                Failure { words: format!("there is no scheme file {path}: check the path"), code: USAGE }
            }
            _ => Failure { words: format!("cannot read the scheme file {path}: {error}"), code: FAILED },
        },
    )?;
    Ok(Scheme::from_toml(&text, path)?)
}
