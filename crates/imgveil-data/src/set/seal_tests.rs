use super::*;
use crate::set::Split;
use imgveil::internal::hex;
use imgveil::internal::image::{Depth, Geometry};
use imgveil::internal::sealed::{Checked, Salt, image_id, neutral_name};
use imgveil::internal::tables::{Array, Tables};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_slice(include_bytes!("../../../../assets/vectors/sets.json")).unwrap()
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

fn key(case: &Value) -> Key {
    Key::from_bytes(hex::decode(text(case, "secret")).unwrap())
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn authenticate(manifest: &Value, key: &Key) -> Result<(), SetError> {
    Manifest::parse(manifest.to_string().as_bytes()).unwrap().authenticate(key, Path::new("m"))
}

/// The vectors come from `tests/reference`, a program that was written from `docs/SCHEDULE.md` alone.
#[test]
fn names_ids_and_checks_are_those_of_the_reference() {
    let file = vectors();
    for case in file["images"].as_array().unwrap() {
        let (key, salt) = (key(case), text(case, "salt").parse::<Salt>().unwrap());
        let side = |field: &str| case[field].as_u64().unwrap() as u32;
        let geometry = Geometry::new(side("height"), side("width"), side("channels")).unwrap();
        let geometry = geometry.with_depth(Depth::new(side("depth")).unwrap());
        let (name, split) = (text(case, "name"), text(case, "split"));
        let label = case["label"].as_u64().map(|label| label as u32);
        let checked = Checked { salt, name, split, label, original: text(case, "original").parse().unwrap() };
        let pixels = bytes(text(case, "pixels"));
        assert_eq!(neutral_name(&key, salt, name), text(case, "neutral_name"));
        assert_eq!(hex::encode(&image_id(&key, salt, name, geometry, &pixels).0), text(case, "id"));
        assert_eq!(hex::encode(&checked.hash(&key, geometry, &pixels)), text(case, "check"));
    }
}

#[test]
fn secrets_of_salted_tables_are_those_of_the_reference() {
    for case in vectors()["tables"].as_array().unwrap() {
        let array =
            |(name, array): (&String, &Value)| (name.clone(), serde_json::from_value::<Array>(array.clone()).unwrap());
        let tables = Tables::new(case["arrays"].as_object().unwrap().iter().map(array).collect());
        let tables = tables.with_salt(hex::decode(text(case, "salt")).unwrap());
        assert_eq!(tables.key().fingerprint(), key(case).fingerprint());
    }
}

#[test]
fn seals_are_those_of_the_reference() {
    for case in vectors()["seals"].as_array().unwrap() {
        let (key, manifest) = (key(case), &case["manifest"]);
        authenticate(manifest, &key).unwrap();
        let other = Key::from_bytes([0xee; 32]);
        assert!(matches!(authenticate(manifest, &other), Err(SetError::WrongKey { .. })));
        let mut manifest = Manifest::parse(manifest.to_string().as_bytes()).unwrap();
        if manifest.parts.is_empty() {
            let seal = std::mem::take(&mut manifest.seal);
            manifest.seal_with(&key);
            assert_eq!(manifest.seal, seal);
        }
    }
}

/// Every value of a manifest, changed alone, breaks the seal.
#[test]
fn every_value_is_under_the_seal() {
    fn paths(value: &Value, here: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, v)| paths(v, &format!("{here}/{name}"), found)),
            Value::Array(values) => {
                values.iter().enumerate().for_each(|(i, v)| paths(v, &format!("{here}/{i}"), found));
            }
            _ => found.push(here.to_owned()),
        }
    }
    let mut changed = 0;
    for case in vectors()["seals"].as_array().unwrap() {
        let (key, whole) = (key(case), &case["manifest"]);
        let mut all = Vec::new();
        paths(whole, "", &mut all);
        for path in all {
            let mut manifest = whole.clone();
            let value = manifest.pointer_mut(&path).unwrap();
            *value = match &*value {
                Value::Number(number) if number.is_f64() => {
                    // The next number, so that every bit counts.
                    f64::from_bits(number.as_f64().unwrap().to_bits() ^ 1).into()
                }
                Value::Number(number) => (number.as_u64().unwrap() ^ 1).into(),
                Value::String(text) => {
                    let last = if text.ends_with('1') { '2' } else { '1' };
                    format!("{}{last}", &text[..text.char_indices().last().map_or(0, |(at, _)| at)]).into()
                }
                other => other.clone(),
            };
            let refused = match Manifest::parse(manifest.to_string().as_bytes()) {
                Ok(manifest) => manifest.authenticate(&key, Path::new("m")).is_err(),
                Err(_) => true,
            };
            assert!(refused, "{path}");
            changed += 1;
        }
    }
    assert!(changed > 100, "{changed}");
}

/// Also where the parser would let a value pass: every field of an entry, changed in memory.
#[test]
fn every_field_of_an_image_is_under_the_seal() {
    let edits: [fn(&mut Entry); 13] = [
        |entry| entry.name.push('x'),
        |entry| entry.path.push('x'),
        |entry| entry.split = if entry.split == Split::Val { Split::Test } else { Split::Val },
        |entry| entry.label = Some(entry.label.map_or(0, |label| label + 1)),
        |entry| entry.label = if entry.label.is_some() { None } else { Some(1) },
        |entry| entry.geometry = "3x5x1".parse().unwrap(),
        |entry| entry.original = Some("3x5x1".parse().unwrap()),
        |entry| entry.id.0[7] ^= 1,
        |entry| entry.plain.push('0'),
        |entry| entry.blake3.push('0'),
        |entry| entry.members = if entry.members.is_some() { None } else { Some("00".into()) },
        |entry| entry.rescale = if entry.rescale.is_some() { None } else { Some(Rescale { slope: 1.0, offset: 0.0 }) },
        |entry| entry.rescale = Some(Rescale { slope: 3.0, offset: entry.rescale.map_or(0.0, |of| of.offset) }),
    ];
    for case in vectors()["seals"].as_array().unwrap() {
        let mut whole = Manifest::parse(case["manifest"].to_string().as_bytes()).unwrap();
        if !whole.parts.is_empty() {
            continue;
        }
        // Sealed by this code, so that a field that it left out is noticed here too.
        whole.seal_with(&key(case));
        whole.authenticate(&key(case), Path::new("m")).unwrap();
        for (number, edit) in edits.iter().enumerate() {
            for image in 0..whole.images.len() {
                let mut changed = whole.clone();
                edit(&mut changed.images[image]);
                let found = changed.authenticate(&key(case), Path::new("m"));
                assert!(matches!(found, Err(SetError::Forged(_))), "edit {number} of image {image}");
            }
        }
    }
}
