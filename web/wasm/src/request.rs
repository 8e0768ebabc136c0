//! What the page asks for, as JSON.

use imgveil::internal::image::Depth;
use imgveil::internal::key::Key;
use imgveil_data::Memory;
use imgveil_data::format::{ExifOrientation, ReadOptions};
use imgveil_data::job::{EncryptOptions, EncryptRequest};
use imgveil_data::set::names::Naming;
use imgveil_data::set::{Encoding, Resize};
use serde::Deserialize;
use std::path::PathBuf;

/// How much memory a job may take. A tab has 4 GiB of addresses, and browsers give less.
const MEMORY: u64 = 3 << 29;

/// The memory that a job may take in a browser.
pub fn memory() -> Memory {
    Memory::new(MEMORY).unwrap_or_default()
}

/// The options of an encryption. Every field may be left out; the defaults are those of the command `imgveil encrypt`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Asked {
    /// The scheme, such as `shuffle-flip block=4`.
    pub scheme: String,
    /// `none`, `pad` or `crop`.
    pub fit: String,
    /// The size that images are resized to, such as `224x224`. Empty keeps it.
    pub size: String,
    /// `auto`, `CENTRE,WIDTH`, or empty for the full range.
    pub window: String,
    /// `x`, `y` or `z`.
    pub axis: String,
    /// The bits that samples use. Empty means as found.
    pub depth: String,
    /// `1`, `3`, or empty.
    pub channels: String,
    /// `keep` or `apply`.
    pub orientation: String,
    /// `neutral`, `classes` or `kept`.
    pub names: String,
    /// The salt of an earlier set, to write its bytes again. Empty draws a new one.
    pub salt: String,
    /// The path of the input that the record of the run is made of. It enters a keyed hash alone.
    pub input: String,
}

impl Asked {
    /// The request.
    ///
    /// # Errors
    /// The first value that means nothing, in words.
    pub fn request(&self, key: Key) -> Result<EncryptRequest, String> {
        let read = ReadOptions {
            window: optional(&self.window)?,
            axis: optional(&self.axis)?.unwrap_or_default(),
            depth: depth(&self.depth)?,
            channels: optional(&self.channels)?,
            exif_orientation: optional::<ExifOrientation>(&self.orientation)?.unwrap_or_default(),
            memory: memory(),
            ..ReadOptions::default()
        };
        let (pad, crop) = match self.fit.as_str() {
            "" | "none" => (false, false),
            "pad" => (true, false),
            "crop" => (false, true),
            other => return Err(format!("`{other}` is no way to fit images to blocks: none, pad or crop")),
        };
        let naming = match self.names.as_str() {
            "" | "neutral" => Naming::Neutral,
            "classes" => Naming::Classes,
            "kept" => Naming::Kept,
            other => return Err(format!("`{other}` says nothing about names: neutral, classes or kept")),
        };
        let options = EncryptOptions {
            resize: Resize { size: optional(&self.size)?, pad, crop },
            read,
            naming,
            encoding: Some(Encoding::Png),
            salt: optional(&self.salt)?,
            ..EncryptOptions::default()
        };
        let scheme = self.scheme.trim().parse().map_err(|error| format!("{error}"))?;
        let input = if self.input.is_empty() { PathBuf::from("browser") } else { PathBuf::from(&self.input) };
        Ok(EncryptRequest { input, output: "encrypted".into(), secret: key.into(), scheme, options })
    }
}

/// A value that may be left out.
fn optional<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<Option<T>, String> {
    match text.trim() {
        "" => Ok(None),
        "full" => Ok(None),
        text => text.parse().map(Some).map_err(|error: T::Err| error.to_string()),
    }
}

fn depth(text: &str) -> Result<Option<Depth>, String> {
    match optional::<u32>(text)? {
        None => Ok(None),
        Some(bits) => match Depth::new(bits).filter(|_| bits > 8) {
            Some(depth) => Ok(Some(depth)),
            None => Err(format!("samples use 9 to 16 bits, not {bits}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: &str) -> Result<EncryptRequest, String> {
        let asked: Asked = serde_json::from_str(json).map_err(|error| error.to_string())?;
        asked.request(Key::from_bytes([1; 32]))
    }

    #[test]
    fn what_is_left_out_is_as_the_command_has_it() {
        let EncryptRequest { scheme, options, .. } = request(r#"{"scheme": "shuffle-flip"}"#).unwrap();
        let usual = EncryptOptions::default();
        assert_eq!(scheme.to_string(), "shuffle-flip");
        assert_eq!((options.resize, options.naming, options.salt), (usual.resize, usual.naming, usual.salt));
        assert_eq!(ReadOptions { memory: Memory::default(), ..options.read }, usual.read);
        assert_eq!(options.encoding, Some(Encoding::Png));
    }

    #[test]
    fn values_are_read_and_nonsense_is_named() {
        let read = request(
            r#"{"scheme": "le block=8", "fit": "pad", "size": "64x32", "window": "40,400", "axis": "x", "depth": "12",
                "channels": "1", "orientation": "apply", "names": "kept", "salt": "000102030405060708090a0b0c0d0e0f"}"#,
        );
        let options = read.unwrap().options;
        assert!(options.resize.pad && options.resize.size.is_some() && options.salt.is_some());
        assert_eq!((options.read.depth, options.naming), (Depth::new(12), Naming::Kept));
        for (json, words) in [
            (r#"{"scheme": "rot13"}"#, "rot13"),
            (r#"{"scheme": "le", "fit": "stretch"}"#, "stretch"),
            (r#"{"scheme": "le", "depth": "40"}"#, "40"),
            (r#"{"scheme": "le", "salt": "xyz"}"#, "xyz"),
            (r#"{"scheme": "le", "window": "wide"}"#, "wide"),
            (r#"{"scheme": "le", "colour": "1"}"#, "colour"),
        ] {
            let error = request(json).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
