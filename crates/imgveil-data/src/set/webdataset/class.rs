//! The class that a WebDataset sample states in its `.cls` or `.json` member.

use crate::offset_io;
use std::fs::File;
use std::ops::Range;

/// The size limit of a `.cls` or `.json` that a class is read from, and of a member that is carried over.
pub(super) const LONGEST_TEXT: u64 = 16 << 20;

/// A class as a WebDataset sample states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Number(i64),
    Name(String),
}

/// The class in `.cls`, or else in `.json`.
pub(super) fn class(file: &File, class: Option<Range<u64>>, json: Option<Range<u64>>) -> Result<Option<Class>, String> {
    let kind = if class.is_some() { ".cls" } else { ".json" };
    let Some(range) = class.clone().or(json) else { return Ok(None) };
    if range.end - range.start > LONGEST_TEXT {
        return Err(format!("its {kind} is larger than 16 MiB"));
    }
    let mut bytes = vec![0; (range.end - range.start) as usize];
    offset_io::read(file, &mut bytes, range.start).map_err(|e| format!("its {kind} cannot be read: {e}"))?;
    if class.is_none() {
        return json_class(&bytes);
    }
    let text = std::str::from_utf8(&bytes).ok().map(str::trim);
    match text.filter(|text| is_class_name(text)) {
        Some(text) => Ok(Some(text.parse().map_or_else(|_| Class::Name(text.to_owned()), Class::Number))),
        None => Err("its .cls holds neither a class number nor the name of a class".into()),
    }
}

/// Whether a text may be the name of a class: one short line.
fn is_class_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && !text.chars().any(char::is_control)
}

fn json_class(bytes: &[u8]) -> Result<Option<Class>, String> {
    use serde_json::Value;
    let value: Value = serde_json::from_slice(bytes).map_err(|_| "its .json is damaged".to_owned())?;
    let stated = match &value {
        Value::Object(fields) => ["label", "class", "cls"].iter().find_map(|name| fields.get(*name)),
        Value::Number(_) => Some(&value),
        _ => None,
    };
    match stated {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) if number.is_i64() => Ok(number.as_i64().map(Class::Number)),
        Some(Value::String(name)) if is_class_name(name) => Ok(Some(Class::Name(name.clone()))),
        Some(_) => Err("its .json has a label that is neither a class number nor the name of a class".into()),
    }
}
