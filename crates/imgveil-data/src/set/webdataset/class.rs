//! The class that a WebDataset sample states in its `.cls` or `.json` member.

use crate::offset_io;
use crate::set::classes::{is_missing, whole_number};
use imgveil::internal::plain::Plain;
use serde_json::Value;
use std::fs::File;
use std::ops::Range;

/// The size limit of a `.cls` or `.json` that a class is read from, and of a member that is carried over.
pub(super) const LONGEST_TEXT: u64 = 16 << 20;

/// The longest text of a class number in a member that is not read.
const LONGEST_NUMBER: u64 = 16;

/// Fields of a `.json` that state the class, the first that exists.
const FIELDS: [&str; 3] = ["label", "class", "cls"];

/// Fields of a `.json` that may state a class, and are not read.
const PERHAPS: [&str; 13] = [
    "target",
    "targets",
    "labels",
    "classes",
    "category",
    "category_id",
    "class_id",
    "class_idx",
    "class_index",
    "class_name",
    "label_id",
    "label_name",
    "y",
];

/// A class as a WebDataset sample states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Number(i64),
    Name(String),
}

/// What a sample says about its class.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) class: Option<Class>,
    /// Where something that may be a class lies, if no class was found.
    pub(super) unread: Option<String>,
}

/// The class in a member of a kind that holds one, or else in `.json`.
pub(super) fn class(
    file: &File,
    class: Option<(&str, Range<u64>)>,
    json: Option<Range<u64>>,
) -> Result<Stated, String> {
    let Some((kind, range)) = class.clone().or_else(|| json.map(|range| ("json", range))) else {
        return Ok(Stated::default());
    };
    if range.end - range.start > LONGEST_TEXT {
        return Err(format!("its .{kind} is larger than 16 MiB"));
    }
    let mut bytes = vec![0; (range.end - range.start) as usize];
    offset_io::read(file, &mut bytes, range.start).map_err(|e| format!("its .{kind} cannot be read: {e}"))?;
    if class.is_none() {
        return json_class(&bytes);
    }
    let text = std::str::from_utf8(&bytes).ok().map(str::trim);
    match text.filter(|text| is_class_name(text)) {
        Some(text) => Ok(Stated { class: named(text), unread: None }),
        None => Err(format!("its .{kind} holds neither a class number nor the name of a class")),
    }
}

/// Whether a member that is not read holds a class number.
pub(super) fn is_number(file: &File, range: &Range<u64>) -> bool {
    if range.end - range.start > LONGEST_NUMBER {
        return false;
    }
    let mut bytes = vec![0; (range.end - range.start) as usize];
    let read = offset_io::read(file, &mut bytes, range.start).is_ok();
    read && std::str::from_utf8(&bytes).is_ok_and(|text| whole_number(text.trim()).is_some_and(|number| number >= 0))
}

/// Whether a text may be the name of a class: one short line.
fn is_class_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && !text.chars().any(char::is_control)
}

/// The class that a text names. `None` if it stands for a missing label.
fn named(text: &str) -> Option<Class> {
    if is_missing(text) {
        return None;
    }
    Some(whole_number(text).map_or_else(|| Class::Name(text.to_owned()), Class::Number))
}

fn json_class(bytes: &[u8]) -> Result<Stated, String> {
    let value: Value = serde_json::from_slice(bytes)
        .or_else(|_| serde_json::from_slice(&without_nan(bytes)))
        .map_err(|_| "its .json is damaged".to_owned())?;
    let field = |names: &[&'static str]| match &value {
        Value::Object(fields) => {
            names.iter().find_map(|name| fields.get(*name).filter(|v| !v.is_null()).map(|value| (*name, value)))
        }
        _ => None,
    };
    let stated = match &value {
        Value::Number(_) => Some(&value),
        _ => field(&FIELDS).map(|(_, value)| value),
    };
    let found = |class| Ok(Stated { class, unread: None });
    match stated {
        None => {
            let unread = field(&PERHAPS).map(|(name, _)| name.to_owned()).or_else(|| inner_field(&value));
            Ok(Stated { class: None, unread: unread.map(|name| format!("the field `{name}` of .json")) })
        }
        Some(Value::Number(number)) => match whole_number(&number.to_string()) {
            Some(number) => found(Some(Class::Number(number))),
            None => Err("its .json has a label that is neither a class number nor the name of a class".into()),
        },
        Some(Value::String(name)) if name.trim().is_empty() => found(None),
        Some(Value::String(name)) if is_class_name(name) => found(named(name)),
        Some(_) => Err("its .json has a label that is neither a class number nor the name of a class".into()),
    }
}

/// A field that may state the class, in an object that is a field itself: `annotation.label`.
fn inner_field(value: &Value) -> Option<String> {
    let fields = value.as_object()?.iter();
    fields.filter_map(|(outer, value)| Some((outer, value.as_object()?))).find_map(|(outer, inner)| {
        let name =
            FIELDS.iter().chain(&PERHAPS).find(|name| inner.get(**name).is_some_and(|value| !value.is_null()))?;
        Some(format!("{}.{name}", outer.plain()))
    })
}

/// A JSON text with `null` in place of `NaN`, `Infinity` and `-Infinity`, which Python writes and JSON does not have.
fn without_nan(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let (mut rest, mut in_string) = (bytes, false);
    while let Some((&byte, behind)) = rest.split_first() {
        if !in_string && let Some(word) = [&b"NaN"[..], b"-Infinity", b"Infinity"].iter().find(|w| rest.starts_with(w))
        {
            text.extend(b"null");
            rest = &rest[word.len()..];
            continue;
        }
        text.push(byte);
        rest = behind;
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                text.extend(rest.first());
                rest = rest.get(1..).unwrap_or_default();
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_python_is_read() {
        let class = |text: &str| json_class(text.as_bytes()).map(|stated| stated.class);
        assert_eq!(class(r#"{"a": NaN, "label": 3}"#), Ok(Some(Class::Number(3))));
        assert_eq!(
            class(r#"{"a": [-Infinity, Infinity], "cls": "NaN \" NaN"}"#),
            Ok(Some(Class::Name("NaN \" NaN".into())))
        );
        assert_eq!(class(r#"{"label": NaN}"#), Ok(None));
        assert_eq!(class(r#"{"label": NaN, "class": 1}"#), Ok(Some(Class::Number(1))));
        assert_eq!(class(r#"{"label": 2.0}"#), Ok(Some(Class::Number(2))));
        assert_eq!(class(r#"{"label": "2"}"#), Ok(Some(Class::Number(2))));
        assert!(class(r#"{"label": 2.5}"#).is_err() && class("{NaN}").is_err() && class("{\"a\": Na}").is_err());
        let unread = |text: &str| json_class(text.as_bytes()).unwrap().unread;
        assert_eq!(unread(r#"{"target": 1}"#).unwrap(), "the field `target` of .json");
        assert_eq!(unread(r#"{"meta": {"x": 1, "label": 1}}"#).unwrap(), "the field `meta.label` of .json");
        assert_eq!(unread(r#"{"caption": "x", "width": 16, "size": {"height": 2}}"#), None);
    }
}
