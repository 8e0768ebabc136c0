//! The options of an encryption as texts `name=value`: those that a manifest records, so that an update can repeat
//! them, and those that a journal records, so that a run which differs can be told what differs. No text holds a path.

use super::identity::keyed;
use super::request::{EncryptOptions, EncryptRequest};
use crate::format::{ExifOrientation, ReadOptions};
use crate::set::names::Naming;
use crate::set::{Encoding, Resize};
use imgveil::internal::image::Depth;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The names of all options in the order in which they are told, what each is called, and its default.
const NAMES: [(&str, &str, &str); 19] = [
    ("scheme", "scheme", ""),
    ("encoding", "form of the output", ""),
    ("keys", "keys", "kept"),
    ("size", "size", "kept"),
    ("fit", "fit to the blocks", "none"),
    ("window", "window", "full"),
    ("axis", "axis", "z"),
    ("depth", "depth", "as found"),
    ("labels", "source of labels", "folders or arrays"),
    ("split", "splits", "as stated"),
    ("copies", "copies of training images", "1"),
    ("channels", "channels", "kept"),
    ("orientation", "EXIF orientation", "keep"),
    ("mask", "black regions", "none"),
    ("masks", "black regions of single images", "none"),
    ("masked", "black regions of single images", "none"),
    ("members", "members carried over", "none"),
    ("names", "names", "neutral"),
    ("input", "input", ""),
];

/// An option whose value is another one than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What the option is called.
    pub option: String,
    /// Its value before. Empty for a path, which is not recorded.
    pub was: String,
    /// Its value now. Empty for a path.
    pub is: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, was, is } = self;
        match was.is_empty() && is.is_empty() {
            true => write!(f, "{option} was another one"),
            false => write!(f, "{option} was `{was}` and is `{is}` now"),
        }
    }
}

/// Differences as one text.
pub(super) fn listed(differences: &[Difference]) -> String {
    differences.iter().map(Difference::to_string).collect::<Vec<_>>().join("; ")
}

/// The options that are not the defaults, as a manifest records them.
pub(super) fn recorded(options: &EncryptOptions) -> Vec<String> {
    let EncryptOptions { resize, read, naming, forgets_key, .. } = options;
    let mut texts = Vec::new();
    let mut add = |name: &str, value: Option<String>| texts.extend(value.map(|value| format!("{name}={value}")));
    add("keys", forgets_key.then(|| "random".to_owned()));
    add("size", resize.size.map(|size| size.to_string()));
    add("fit", (resize.pad || resize.crop).then(|| if resize.pad { "pad" } else { "crop" }.to_owned()));
    add("window", read.window.map(|window| window.to_string()));
    add("axis", (read.axis != ReadOptions::default().axis).then(|| read.axis.to_string()));
    add("depth", read.depth.map(|depth| depth.bits().to_string()));
    let labels = read.labels.as_ref().map(|_| "file").or(read.no_labels.then_some("none"));
    add("labels", labels.map(str::to_owned));
    add("split", read.by_patient.map(|_| "patient".to_owned()));
    add("copies", read.copies.map(|copies| copies.to_string()));
    add("channels", read.channels.map(|channels| channels.to_string()));
    add("orientation", (read.exif_orientation == ExifOrientation::Apply).then(|| "apply".to_owned()));
    let masks: Vec<String> = read.masks.iter().map(ToString::to_string).collect();
    add("mask", (!masks.is_empty()).then(|| masks.join(";")));
    add("masks", read.mask_file.as_ref().map(|_| "file".to_owned()));
    add("members", (!read.members.is_empty()).then(|| read.members.join(",")));
    let names = match naming {
        Naming::Neutral => None,
        Naming::Classes => Some("classes"),
        Naming::Kept => Some("kept"),
    };
    add("names", names.map(str::to_owned));
    texts
}

/// Everything about a run that decides its output, as a journal records it.
pub(super) fn described(request: &EncryptRequest, encoding: Encoding) -> Vec<String> {
    let mut texts = vec![format!("scheme={}", request.scheme), format!("encoding={encoding}")];
    texts.extend(recorded(&request.options));
    if let Some(path) = &request.options.read.mask_file {
        // What cannot be read is refused when the set is opened.
        let bytes = crate::regular_file::open_named(path).and_then(crate::regular_file::read_all).unwrap_or_default();
        let text = format!("masks={}", blake3::hash(&bytes).to_hex());
        texts.push(format!("masked={}", &keyed(&request.secret, "imgveil v1 run identity", &text)[..16]));
    }
    // Outputs are handed out: a keyed hash says only whether the path is the same.
    let input = request.input.canonicalize().unwrap_or_else(|_| request.input.clone());
    let hash = keyed(&request.secret, "imgveil v1 run identity", &format!("input={}", input.to_string_lossy()));
    texts.push(format!("input={}", &hash[..16]));
    texts
}

/// Takes the recorded options of a set. Paths stay as they are.
///
/// # Errors
/// If a text is no option that this version knows.
pub(super) fn adopt(recorded: &[String], options: &mut EncryptOptions) -> Result<(), String> {
    for text in recorded {
        let (name, value) = text.split_once('=').ok_or_else(|| text.clone())?;
        let unknown = || text.clone();
        let read = &mut options.read;
        match (name, value) {
            ("keys", "random") => options.forgets_key = true,
            ("size", _) => options.resize.size = Some(value.parse().map_err(|_| unknown())?),
            ("fit", "pad") => options.resize = Resize { pad: true, ..options.resize },
            ("fit", "crop") => options.resize = Resize { crop: true, ..options.resize },
            ("window", _) => read.window = Some(value.parse().map_err(|_| unknown())?),
            ("axis", _) => read.axis = value.parse().map_err(|_| unknown())?,
            ("depth", _) => read.depth = Some(value.parse().ok().and_then(Depth::new).ok_or_else(unknown)?),
            ("labels", "file") => {}
            ("labels", "none") => read.no_labels = true,
            ("split", "patient") => read.by_patient = Some([0; 32]),
            ("copies", _) => read.copies = Some(value.parse().map_err(|_| unknown())?),
            ("channels", _) => read.channels = Some(value.parse().map_err(|_| unknown())?),
            ("orientation", "apply") => read.exif_orientation = ExifOrientation::Apply,
            ("mask", _) => {
                let regions: Result<Vec<_>, _> = value.split(';').map(str::parse).collect();
                read.masks = regions.map_err(|_| unknown())?;
            }
            ("masks", "file") => {}
            ("members", _) => read.members = value.split(',').map(str::to_owned).collect(),
            ("names", "classes") => options.naming = Naming::Classes,
            ("names", "kept") => options.naming = Naming::Kept,
            _ => return Err(unknown()),
        }
    }
    Ok(())
}

/// The options of `is` that differ from those of `was`. With `only_stated`, an option that `is` leaves out counts as
/// the same.
pub(super) fn differences(was: &[String], is: &[String], only_stated: bool) -> Vec<Difference> {
    let table = |texts: &[String]| -> BTreeMap<String, String> {
        texts.iter().filter_map(|text| text.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    };
    let (was, is) = (table(was), table(is));
    let mut found = Vec::new();
    for (name, option, default) in NAMES {
        let (before, now) = (was.get(name), is.get(name));
        if before == now || (only_stated && now.is_none()) {
            continue;
        }
        let path = name == "input";
        let value = |value: Option<&String>| match path {
            true => String::new(),
            false => value.map_or(default, String::as_str).to_owned(),
        };
        found.push(Difference { option: option.to_owned(), was: value(before), is: value(now) });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Axis, Channels};
    use std::num::NonZeroU32;

    #[test]
    fn recorded_options_are_taken_again() {
        let options = EncryptOptions {
            resize: Resize { size: Some("8x16".parse().unwrap()), pad: true, crop: false },
            read: ReadOptions {
                window: Some("40,400".parse().unwrap()),
                axis: Axis::X,
                depth: Depth::new(12),
                channels: Some(Channels::Rgb),
                no_labels: true,
                by_patient: Some([0; 32]),
                copies: NonZeroU32::new(3),
                exif_orientation: ExifOrientation::Apply,
                members: vec!["json".into(), "txt".into()],
                masks: vec!["0,0,8,2".parse().unwrap(), "1,2,3,4".parse().unwrap()],
                ..ReadOptions::default()
            },
            naming: Naming::Classes,
            forgets_key: true,
            ..EncryptOptions::default()
        };
        let texts = recorded(&options);
        let mut again = EncryptOptions::default();
        adopt(&texts, &mut again).unwrap();
        assert_eq!(recorded(&again), texts);
        assert_eq!(texts.len(), 14);
        assert_eq!((again.resize, again.naming), (options.resize, options.naming));
        assert_eq!(again.read, options.read);
        assert_eq!(recorded(&EncryptOptions::default()), [""; 0]);
        assert_eq!(adopt(&["fit=stretch".into()], &mut again).unwrap_err(), "fit=stretch");
    }

    #[test]
    fn differences_are_told_one_by_one() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let was = texts(&["scheme=ele", "fit=pad", "input=1"]);
        let all = differences(&was, &texts(&["scheme=shuffle-flip", "input=2"]), false);
        assert_eq!(
            listed(&all),
            "scheme was `ele` and is `shuffle-flip` now; fit to the blocks was `pad` and is `none` now; input was \
             another one"
        );
        assert_eq!(differences(&was, &texts(&["scheme=ele"]), true), []);
    }
}
