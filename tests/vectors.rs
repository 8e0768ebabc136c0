//! Known answers: the schedule and the schemes against `assets/vectors/`, which `tests/reference/` (Python, written
//! from docs/SCHEDULE.md alone) produces. And the pins: a changed bit in any vector, key file or shader fails here.

mod common;

use common::{RunOnce, geometry, gpu, ramp, root};
use imgveil::Device;
use imgveil::internal::engine::{ImageRef, Program, soft_label};
use imgveil::internal::hex;
use imgveil::internal::image::{Augmentation, Depth, Geometry};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::{ImageId, Piece, Stream, plain_hash, subkey};
use imgveil::internal::scheme::{Options, Preset, Scheme, Secret, compile, export};
use imgveil::internal::tables::{Array, PLAN, PLAN_BITS, Tables};
use serde_json::Value;
use std::path::{Path, PathBuf};

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

fn numbers(value: &Value, field: &str) -> Vec<u32> {
    list(value, field).iter().map(|v| v.as_u64().unwrap() as u32).collect()
}

/// The geometry that a case states.
fn stated_geometry(case: &Value) -> Geometry {
    let depth = Depth::new(number(case, "depth")).unwrap();
    geometry(number(case, "height"), number(case, "width"), number(case, "channels")).with_depth(depth)
}

/// The input of every case: samples are as many of the ramp's top bits as they have.
fn input(geometry: Geometry) -> Vec<u8> {
    match geometry.depth() {
        Depth::U8 => ramp(geometry.samples()),
        depth => (0..geometry.samples() as u32)
            .flat_map(|j| ((j.wrapping_mul(2_654_435_761) >> (32 - depth.bits())) as u16).to_le_bytes())
            .collect(),
    }
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
        assert_eq!(stream(case).permutation(number(case, "n")), numbers(case, "values"));
    }
    for case in list(&file, "digits") {
        let (n, count) = (number(case, "n"), number(case, "count") as usize);
        let stream: u64 = text(case, "stream").parse().unwrap();
        assert_eq!(Stream::digits(&bytes32(case, "key"), stream, n, count), numbers(case, "values"));
    }
    for case in list(&file, "rankings") {
        let (n, count) = (number(case, "n") as usize, number(case, "count") as usize);
        let piece = if number(case, "bits") == 16 { Piece::Half } else { Piece::Word };
        let (stream, skipped) = (text(case, "stream").parse().unwrap(), number(case, "skipped").into());
        let found = Stream::rankings(&bytes32(case, "key"), stream, skipped, piece, n, count);
        assert_eq!(found, numbers(case, "values"));
    }
    for case in list(&file, "half_normals") {
        let mut stream = stream(case);
        for value in list(case, "values") {
            assert_eq!(stream.half_normal().to_string(), value.as_str().unwrap());
        }
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
        let geometry = stated_geometry(case);
        let pixels = any_bytes(text(case, "pixels"));
        let id = ImageId::new(&key, text(case, "name"), geometry, &pixels);
        assert_eq!(hex::encode(&id.0), text(case, "id"));
        assert_eq!(hex::encode(&plain_hash(&key, geometry, &pixels)), text(case, "plain_hash"));
        for view in list(case, "views") {
            let shift = |field: &str| i16::try_from(view[field].as_i64().unwrap()).unwrap();
            let mirrored = view["mirrored"].as_bool().unwrap();
            let (angle, brightness) = (shift("angle"), shift("brightness"));
            let seen = Augmentation { dy: shift("dy"), dx: shift("dx"), mirrored, angle, brightness };
            assert_eq!(hex::encode(&id.of_augmentation(&key, seen).0), text(view, "id"), "{view}");
            let mut copy = vec![0; pixels.len()];
            seen.copy(geometry, &pixels, &mut copy);
            assert_eq!(hex::encode(&copy), text(view, "pixels"), "{view}");
        }
    }
}

/// The scheme that a case states: a preset with options, whose stages must be the stated ones, or a list of stages.
fn stated_scheme(case: &Value) -> Scheme {
    let stated: Vec<&str> = case["stages"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    let Some(preset) = case["preset"].as_str() else {
        let stages = stated.iter().map(|stage| stage.parse().unwrap()).collect();
        return Scheme { name: "custom".into(), stages };
    };
    let side = |i: usize| case["block"][i].as_u64().unwrap();
    let options = Options {
        block: case["block"].is_array().then(|| format!("{}x{}", side(0), side(1)).parse().unwrap()),
        key_scope: case["key"].as_str().map(|scope| scope.parse().unwrap()),
        scramble: case["scramble"].as_bool().unwrap(),
        sign_flip: case["flip"].as_bool().unwrap(),
        statistic: case["statistic"].as_str().map(|name| name.parse().unwrap()),
        orders: case["orders"].as_str().map(|name| name.parse().unwrap()),
        ..Options::default()
    };
    let scheme = Preset::named(preset).unwrap().scheme(options).unwrap();
    assert_eq!(scheme.stages.iter().map(|stage| stage.to_string()).collect::<Vec<_>>(), stated);
    scheme
}

/// Encrypts a case's input, compares, and decrypts.
fn check_case(engine: &Device, case: &Value, scheme: &Scheme, program: &Program) {
    let geometry = program.geometry();
    let plain = input(geometry);
    let image_ref = ImageRef::new(0).with_id(ImageId(hex::decode(text(case, "id")).unwrap()));
    let mut encrypted = vec![0; plain.len()];
    engine.bytes(program, &plain, &[image_ref], &mut encrypted).unwrap();
    if let Some(expected) = case["output"].as_str() {
        assert_eq!(encrypted, any_bytes(expected), "{scheme} {geometry}");
    }
    assert_eq!(blake3::hash(&encrypted).to_hex().as_str(), text(case, "output_blake3"), "{scheme} {geometry}");
    match program.inverse() {
        Ok(inverse) => {
            assert!(!case["lossy"].as_bool().unwrap(), "{scheme} {geometry}");
            let mut back = vec![0; plain.len()];
            engine.bytes(&inverse, &encrypted, &[image_ref], &mut back).unwrap();
            assert_eq!(back, plain, "{scheme} {geometry}");
        }
        Err(_) => assert!(case["lossy"].as_bool().unwrap(), "{scheme} {geometry}"),
    }
}

fn check_schemes(engine: &Device) {
    for case in list(&vectors("schemes.json"), "cases") {
        let (scheme, geometry) = (stated_scheme(case), stated_geometry(case));
        let key = Key::from_bytes(bytes32(case, "secret"));
        check_case(engine, case, &scheme, &compile(&scheme, &key, geometry).unwrap());
    }
}

/// The tables that a case states.
fn stated_tables(case: &Value) -> Tables {
    serde_json::from_value(case["tables"].clone()).unwrap()
}

fn check_tables(engine: &Device) {
    let file = vectors("tables.json");
    for case in list(&file, "cases") {
        let (scheme, geometry, tables) = (stated_scheme(case), stated_geometry(case), stated_tables(case));
        let key = Key::from_bytes(bytes32(case, "secret"));
        assert_eq!(tables.key().fingerprint(), key.fingerprint(), "{scheme} {geometry}");
        let id = ImageId::new(tables.key(), text(case, "name"), geometry, &input(geometry));
        assert_eq!(hex::encode(&id.0), text(case, "id"));
        check_case(engine, case, &scheme, &Secret::Tables(tables).compile(&scheme, geometry).unwrap());
    }
    for case in list(&file, "export") {
        let (scheme, geometry) = (stated_scheme(case), stated_geometry(case));
        let exported = export(&scheme, &Key::from_bytes(bytes32(case, "secret")), geometry).unwrap();
        let derived = Key::from_bytes(bytes32(case, "tables_secret")).fingerprint();
        assert_eq!(exported.key().fingerprint(), derived, "{scheme} {geometry}");
        let said = |tables: &Tables| -> Vec<(String, Array)> {
            tables.said().map(|(name, array)| (name.to_owned(), array.clone())).collect()
        };
        assert_eq!(said(&exported), said(&stated_tables(case)), "{scheme} {geometry}");
        let plan = |name: &str| exported.arrays().get(name).map(Array::values);
        if case["plan"].is_null() {
            assert_eq!((plan(PLAN), plan(PLAN_BITS)), (None, None));
        } else {
            assert_eq!(plan(PLAN), Some(&numbers(case, "plan")[..]), "{scheme} {geometry}");
            assert_eq!(plan(PLAN_BITS), Some(&[number(case, "plan_bits")][..]));
        }
        // No stage is keyed per image, so any id will do.
        let mut case = case.clone();
        case["id"] = "0000000000000000".into();
        check_case(engine, &case, &scheme, &Secret::Tables(exported).compile(&scheme, geometry).unwrap());
    }
}

#[test]
fn tables_on_the_cpu() {
    check_tables(&Device::cpu());
}

#[test]
fn tables_on_the_gpu() {
    if let Some(gpu) = gpu("tables_on_the_gpu") {
        check_tables(gpu);
    }
}

fn check_mixtures(engine: &Device) {
    for case in list(&vectors("mixing.json"), "cases") {
        let (geometry, count, images) = (stated_geometry(case), number(case, "count"), number(case, "images"));
        let key = Key::from_bytes(bytes32(case, "secret"));
        let stages = list(case, "stages").iter().map(|stage| stage.as_str().unwrap().parse().unwrap()).collect();
        let program = compile(&Scheme { name: "custom".into(), stages }, &key, geometry).unwrap();
        let mixing = program.mixing().unwrap();
        let size = geometry.samples();
        let plain = ramp(size * count as usize);
        let mut ids: Vec<ImageId> = (0..)
            .zip(list(case, "names"))
            .map(|(i, name): (usize, _)| {
                ImageId::new(&key, name.as_str().unwrap(), geometry, &plain[i * size..][..size])
            })
            .collect();
        let stated: Vec<&str> = list(case, "ids").iter().map(|id| id.as_str().unwrap()).collect();
        assert_eq!(ids.iter().map(|id| hex::encode(&id.0)).collect::<Vec<_>>(), stated);
        let mut part = ImageId(case["split"].as_u64().unwrap().to_le_bytes());
        let epoch = number(case, "epoch");
        if epoch > 0 {
            part = part.of_epoch(&key, epoch);
            ids.iter_mut().for_each(|id| *id = id.of_epoch(&key, epoch));
        }
        let partners = mixing.partners(part.stream(), count);
        let mut refs = Vec::new();
        for (i, &id) in ids.iter().enumerate() {
            let mixed: Vec<u32> = partners.iter().map(|list| list[i]).collect();
            let weights = mixing.weights(id, size);
            let stated = |field: &str| -> Vec<u32> {
                case[field][i].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u32).collect()
            };
            assert_eq!((mixed.len(), &mixed), (images as usize - 1, &stated("partners")));
            assert_eq!(weights, stated("weights"));
            let labels = numbers(case, "labels");
            let classes = std::iter::once(i as u32).chain(mixed.iter().copied()).map(|image| labels[image as usize]);
            let told: Vec<(u32, u32)> = classes.zip(weights.iter().copied()).collect();
            let soft = soft_label(&told, number(case, "classes") as usize);
            // A share is a multiple of 2^-16, and the JSON reader is off by a bit of 2^-53 at times.
            let expected: Vec<f32> =
                case["soft_labels"][i].as_array().unwrap().iter().map(|share| share.as_f64().unwrap() as f32).collect();
            assert_eq!(soft, expected);
            let indices = std::iter::once(i as u32).chain(mixed);
            refs.extend(indices.zip(weights).map(|(index, weight)| ImageRef::new(index).with_id(id).weighted(weight)));
        }
        let mut floats = vec![0.0f32; plain.len()];
        engine.floats(&program, &plain, &refs, &mut floats).unwrap();
        // Engines write (N, C, H, W); the vectors have the stored order.
        let (pixels, channels) = (geometry.pixels(), geometry.channels());
        let stored: Vec<u8> = (0..plain.len())
            .flat_map(|j| {
                let (image, sample) = (j / size, j % size);
                floats[image * size + sample % channels * pixels + sample / channels].to_le_bytes()
            })
            .collect();
        if let Some(expected) = case["output"].as_str() {
            assert_eq!(stored, any_bytes(expected), "{case}");
        }
        assert_eq!(blake3::hash(&stored).to_hex().as_str(), text(case, "output_blake3"));
    }
}

#[test]
fn mixtures_on_the_cpu() {
    check_mixtures(&Device::cpu());
}

#[test]
fn mixtures_on_the_gpu() {
    if let Some(gpu) = gpu("mixtures_on_the_gpu") {
        check_mixtures(gpu);
    }
}

#[test]
fn ids_of_epochs() {
    for case in list(&vectors("schedule.json"), "epochs") {
        let key = Key::from_bytes(bytes32(case, "secret"));
        let id = ImageId(hex::decode(text(case, "id")).unwrap());
        assert_eq!(hex::encode(&id.of_epoch(&key, number(case, "epoch")).0), text(case, "result"));
    }
}

#[test]
fn schemes_on_the_cpu() {
    check_schemes(&Device::cpu());
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
