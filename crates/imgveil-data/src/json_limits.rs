//! Limits of JSON that comes from outside, checked before it is parsed into values. A list of short elements takes many
//! times as much memory as its text, so its length is counted first. Nothing is kept while counting.

use crate::limits::LONGEST_TEXT;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The most elements of a list, and the most fields of an object, that have no limit of their own.
const MOST: usize = 65_536;

/// The limits of a kind of file. Texts have at most [`LONGEST_TEXT`] bytes.
pub struct JsonLimits {
    /// The most elements of a list, by the name of the field that holds it.
    pub lists: &'static [(&'static str, usize)],
}

impl JsonLimits {
    /// Checks a text.
    ///
    /// # Errors
    /// If it is no JSON or beyond the limits.
    pub fn check(&self, text: &[u8]) -> Result<(), serde_json::Error> {
        let mut json = serde_json::Deserializer::from_slice(text);
        Value { limits: self, field: "" }.deserialize(&mut json)?;
        json.end()
    }

    fn of_list(&self, field: &str) -> usize {
        self.lists.iter().find(|(name, _)| *name == field).map_or(MOST, |(_, most)| *most)
    }
}

/// A value that is looked at and not kept, and the name of the field that holds it.
#[derive(Clone, Copy)]
struct Value<'a> {
    limits: &'a JsonLimits,
    field: &'a str,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        short(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let most = self.limits.of_list(self.field);
        let mut count = 0;
        // The elements of a list within a list have no name.
        while list.next_element_seed(Value { field: "", ..self })?.is_some() {
            count += 1;
            if count > most {
                return Err(A::Error::custom(format_args!("a list of more than {most} elements")));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut count = 0;
        while let Some(name) = object.next_key::<std::borrow::Cow<'_, str>>()? {
            short(&name)?;
            count += 1;
            if count > MOST {
                return Err(A::Error::custom(format_args!("an object of more than {MOST} fields")));
            }
            object.next_value_seed(Value { field: &name, ..self })?;
        }
        Ok(())
    }
}

fn short<E: Error>(text: &str) -> Result<(), E> {
    if text.len() <= LONGEST_TEXT {
        return Ok(());
    }
    Err(E::custom(format_args!("a text of {} bytes, and {LONGEST_TEXT} are the most", text.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_texts_and_depth_are_bounded() {
        let limits = JsonLimits { lists: &[("few", 2)] };
        let check = |text: &str| limits.check(text.as_bytes()).map_err(|e| e.to_string());
        assert_eq!(check(r#"{"few": [1, -2.5], "a": [null, true, {"few": ["x"]}], "b": [[1, 2, 3]]}"#), Ok(()));
        assert!(check(r#"{"few": [1, 2, 3]}"#).unwrap_err().starts_with("a list of more than 2 elements"));
        assert!(check(r#"{"a": {"few": [[], [], []]}}"#).is_err());
        assert!(check(r#"{"few": [[1, 2, 3], []]}"#).is_ok());
        let list = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert!(check(&list(MOST)).is_ok() && check(&list(MOST + 1)).is_err());
        let text = |length: usize| format!("[\"{}\"]", "a".repeat(length));
        assert!(check(&text(LONGEST_TEXT)).is_ok());
        assert!(check(&text(LONGEST_TEXT + 1)).unwrap_err().starts_with("a text of 4097 bytes, and 4096 are the most"));
        assert!(check(&format!("{{\"{}\": 0}}", "a".repeat(LONGEST_TEXT + 1))).is_err());
        assert!(check(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))).unwrap_err().contains("recursion"));
        assert!(check("[1] 2").is_err() && check("[1").is_err() && check("").is_err());
    }
}
