//! Known answers: the schedule and the schemes against `assets/vectors/`, which `tests/reference/` (Python, written from
//! docs/SCHEDULE.md alone) produces. And the pins: a changed bit in any vector, key file or shader fails here.

mod common;

use common::{geometry, gpu, ramp};
use imgveil::engine::{CpuEngine, Engine, Pick};
use imgveil::image::View;
use imgveil::key::Key;
use imgveil::schedule::{ImageId, Stream, plain_hash, subkey};
use imgveil::scheme::{Options, Preset, compile};
use imgveil::{hex, plan::Program};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn vectors(name: &str) -> Value {
    let text = std::fs::read(root().join("assets/vectors").join(name)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a Vec<Value> {
    let list = value[field].as_array().unwrap();
    assert!(!list.is_empty(), "{field} is empty");
    list
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}"))
}

fn number(value: &Value, field: &str) -> u32 {
    u32::try_from(value[field].as_u64().unwrap()).unwrap()
}

fn bytes32(value: &Value, field: &str) -> [u8; 32] {
    hex::decode(text(value, field)).unwrap()
}

fn any_bytes(digits: &str) -> Vec<u8> {
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn stream(case: &Value) -> Stream {
    Stream::new(&bytes32(case, "key"), text(case, "stream").parse().unwrap())
}

#[test]
fn keys() {
    for case in list(&vectors("schedule.json"), "keys") {
        let key = Key::from_bytes(bytes32(case, "secret"));
        assert_eq!(key.fingerprint().to_string(), text(case, "fingerprint"));
        assert_eq!(*key.to_bech32(), text(case, "bech32"));
        let read = Key::parse(text(case, "bech32").as_bytes()).unwrap();
        assert_eq!(read.fingerprint(), key.fingerprint());
    }
}

#[test]
fn key_file() {
    let file = std::fs::read(root().join("assets/vectors/example.key")).unwrap();
    let key = Key::parse(&file).unwrap();
    assert_eq!(key.to_text("2026-01-01T00:00:00Z").as_bytes(), file);
    assert_eq!(key.fingerprint(), Key::from_bytes(std::array::from_fn(|i| i as u8)).fingerprint());
}

#[test]
fn subkeys() {
    for case in list(&vectors("schedule.json"), "subkeys") {
        let key = Key::from_bytes(bytes32(case, "secret"));
        assert_eq!(hex::encode(&*subkey(&key, text(case, "descriptor"))), text(case, "subkey"));
    }
}

#[test]
fn streams_and_draws() {
    let file = vectors("schedule.json");
    for case in list(&file, "streams") {
        let mut stream = stream(case);
        for word in list(case, "words") {
            assert_eq!(u64::from(stream.word()), word.as_u64().unwrap());
        }
    }
    for case in list(&file, "below") {
        let mut stream = stream(case);
        for value in list(case, "values") {
            assert_eq!(u64::from(stream.below(number(case, "n"))), value.as_u64().unwrap());
        }
    }
    for case in list(&file, "permutations") {
        let values: Vec<u32> = list(case, "values").iter().map(|v| v.as_u64().unwrap() as u32).collect();
        assert_eq!(stream(case).permutation(number(case, "n")), values);
    }
    for case in list(&file, "bits") {
        let bits = stream(case).bits(number(case, "n") as usize);
        let bits: String = bits.iter().map(|&bit| if bit { '1' } else { '0' }).collect();
        assert_eq!(bits, text(case, "values"));
    }
}

#[test]
fn ids_and_hashes_of_images() {
    for case in list(&vectors("schedule.json"), "images") {
        let key = Key::from_bytes(bytes32(case, "secret"));
        let geometry = geometry(number(case, "height"), number(case, "width"), number(case, "channels"));
        let pixels = any_bytes(text(case, "pixels"));
        let id = ImageId::new(&key, text(case, "name"), geometry, &pixels);
        assert_eq!(hex::encode(&id.0), text(case, "id"));
        assert_eq!(hex::encode(&plain_hash(&key, geometry, &pixels)), text(case, "plain_hash"));
        for view in list(case, "views") {
            let shift = |field: &str| i16::try_from(view[field].as_i64().unwrap()).unwrap();
            let mirrored = view["mirrored"].as_bool().unwrap();
            let of = id.of_view(&key, View { dy: shift("dy"), dx: shift("dx"), mirrored });
            assert_eq!(hex::encode(&of.0), text(view, "id"), "{view}");
        }
    }
}

/// A case of `schemes.json`.
struct Case {
    name: String,
    program: Program,
    plain: Vec<u8>,
    pick: Pick,
    hash: String,
    /// Small outputs in full.
    encrypted: Option<Vec<u8>>,
}

impl Case {
    fn read(case: &Value) -> Self {
        let key = Key::from_bytes(bytes32(case, "secret"));
        let geometry = geometry(number(case, "height"), number(case, "width"), number(case, "channels"));
        let side = |i: usize| case["block"][i].as_u64().unwrap();
        let options = Options {
            block: case["block"].is_array().then(|| format!("{}x{}", side(0), side(1)).parse().unwrap()),
            key_scope: case["key"].as_str().map(|scope| scope.parse().unwrap()),
            scramble: case["scramble"].as_bool().unwrap(),
        };
        let scheme = Preset::named(text(case, "preset")).unwrap().scheme(options).unwrap();
        let stages: Vec<String> = scheme.stages.iter().map(|stage| stage.to_string()).collect();
        let expected: Vec<&str> = case["stages"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
        assert_eq!(stages, expected);
        let plain = ramp(geometry.samples());
        Case {
            name: format!("{scheme} {geometry}"),
            program: compile(&scheme, &key, geometry).unwrap(),
            pick: Pick { id: ImageId::new(&key, text(case, "name"), geometry, &plain), ..Pick::default() },
            plain,
            hash: text(case, "output_blake3").to_owned(),
            encrypted: case["output"].as_str().map(any_bytes),
        }
    }
}

fn check_schemes(engine: &dyn Engine) {
    for case in list(&vectors("schemes.json"), "cases") {
        let Case { name, program, plain, pick, hash, encrypted: expected } = Case::read(case);
        let mut encrypted = vec![0; plain.len()];
        engine.bytes(&program, &plain, &[pick], &mut encrypted).unwrap();
        if let Some(expected) = expected {
            assert_eq!(encrypted, expected, "{name}");
        }
        assert_eq!(blake3::hash(&encrypted).to_hex().as_str(), hash, "{name}");
        let mut back = vec![0; plain.len()];
        engine.bytes(&program.inverse(), &encrypted, &[pick], &mut back).unwrap();
        assert_eq!(back, plain, "{name}");
    }
}

#[test]
fn schemes_on_the_cpu() {
    check_schemes(&CpuEngine);
}

#[test]
fn schemes_on_the_gpu() {
    if let Some(gpu) = gpu("schemes_on_the_gpu") {
        check_schemes(gpu);
    }
}

/// Every vector, key file and shader has a pinned hash, so that not a bit of them changes unnoticed, comments included.
/// After a change that is meant, run with `IMGVEIL_PIN=1` and commit `assets/pins.txt`.
#[test]
fn pins() {
    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, found) } else { found.push(path) }
        }
    }
    let root = root();
    let mut found = Vec::new();
    for folder in ["shaders", "assets/vectors"] {
        files(&root.join(folder), &mut found);
    }
    found.sort();
    let pins: String = found
        .iter()
        .map(|path| {
            let hash = blake3::hash(&std::fs::read(path).unwrap()).to_hex();
            let name: Vec<String> =
                path.strip_prefix(&root).unwrap().iter().map(|part| part.to_string_lossy().into_owned()).collect();
            format!("{hash}  {}\n", name.join("/"))
        })
        .collect();
    let file = root.join("assets/pins.txt");
    if std::env::var("IMGVEIL_PIN").is_ok_and(|v| v == "1") {
        std::fs::write(&file, &pins).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), pins, "see the comment on this test");
}
