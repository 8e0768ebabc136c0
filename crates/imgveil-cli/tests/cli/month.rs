//! Four weekly deliveries, as a hospital has them: classes are added, images are changed, renamed, moved, removed and
//! broken, runs are cut, and a receiver copies only what is new to it.

use crate::common::sandbox::*;
use crate::runs::{done, start};
use npyz::WriterBuilder;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A form of the output: flags of `encrypt`, and its name.
const FORMS: [(&str, &str); 4] =
    [("", "out"), ("--format npy", "out"), ("--format webdataset --per-shard 7", "out"), ("", "out.npz")];

/// The images that the hospital has, by their names: class, and the seed of the pixels. `None` is a broken file.
type Archive = BTreeMap<String, Option<u32>>;

/// The forms of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Input {
    Folder,
    Npz,
    Shards,
}

impl Input {
    fn path(self) -> &'static str {
        if self == Self::Npz { "in.npz" } else { "in" }
    }

    /// Writes the archive anew.
    fn write(self, sandbox: &Sandbox, archive: &Archive) {
        let _ = std::fs::remove_dir_all(sandbox.path("in"));
        match self {
            Self::Folder => archive.iter().for_each(|(name, seed)| match seed {
                Some(seed) => sandbox.picture(&format!("in/{name}.png"), grey(16, 16, *seed)),
                None => sandbox.write(&format!("in/{name}.png"), b"not a picture"),
            }),
            Self::Npz => {
                let (mut images, mut labels) = (Vec::new(), Vec::new());
                for (name, seed) in archive {
                    images.extend(samples(256, seed.unwrap_or(0)));
                    labels.push(class_number(name));
                }
                let mut zip = zip::ZipWriter::new(std::fs::File::create(sandbox.path("in.npz")).unwrap());
                let count = labels.len() as u64;
                for (member, shape, values) in
                    [("images", vec![count, 16, 16], images), ("labels", vec![count, 1], labels)]
                {
                    zip.start_file(format!("train_{member}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
                    let mut array = Vec::new();
                    let mut writer =
                        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut array).begin_nd().unwrap();
                    writer.extend(values).unwrap();
                    writer.finish().unwrap();
                    zip.write_all(&array).unwrap();
                }
                zip.finish().unwrap();
            }
            Self::Shards => {
                std::fs::create_dir_all(sandbox.path("in")).unwrap();
                let file = std::fs::File::create(sandbox.path("in/train-000.tar")).unwrap();
                let mut tar = tar::Builder::new(file);
                for (name, seed) in archive {
                    let key = name.replace('/', "_");
                    let mut png = std::io::Cursor::new(Vec::new());
                    let picture = image::DynamicImage::from(grey(16, 16, seed.unwrap_or(0)));
                    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
                    let class = class_number(name).to_string().into_bytes();
                    for (kind, bytes) in [("png", png.into_inner()), ("cls", class)] {
                        let mut header = tar::Header::new_gnu();
                        header.set_size(bytes.len() as u64);
                        header.set_mode(0o644);
                        tar.append_data(&mut header, format!("{key}.{kind}"), &bytes[..]).unwrap();
                    }
                }
                tar.finish().unwrap();
            }
        }
    }
}

/// The class of an image, for inputs whose classes are numbers.
fn class_number(name: &str) -> u8 {
    let classes = ["normal", "sick", "flu", "abscess"];
    classes.iter().position(|class| name.starts_with(class)).unwrap() as u8
}

/// What happens in a week. Arrays and shards have no broken images: they are told as a whole.
fn week(number: u32, archive: &mut Archive, input: Input) {
    let mut add = |class: &str, from: u32, count: u32| {
        for i in from..from + count {
            archive.insert(format!("{class}/{i:03}"), Some(number * 1000 + i));
        }
    };
    match number {
        1 => {
            add("normal", 0, 9);
            add("sick", 20, 8);
        }
        2 => {
            add("flu", 40, 4);
            add("normal", 9, 3);
            archive.insert("normal/003".into(), Some(2999));
            archive.insert("sick/022".into(), if input == Input::Folder { None } else { Some(2998) });
        }
        3 => {
            // A class that sorts before all others.
            add("abscess", 60, 5);
            archive.remove("sick/020");
            let moved = archive.remove("sick/021").unwrap();
            archive.insert("normal/021".into(), moved);
            let renamed = archive.remove("flu/041").unwrap();
            archive.insert("flu/141".into(), renamed);
            archive.insert("sick/022".into(), Some(3998));
        }
        _ => {
            for name in ["normal/000", "abscess/061", "flu/141"] {
                archive.insert(name.into(), Some(4000 + class_number(name) as u32));
            }
            archive.retain(|name, _| !name.starts_with("sick") || name.ends_with('5'));
            archive.insert("sick/027".into(), Some(4127));
        }
    }
}

/// Runs a command that is killed a few times before it may end.
fn cut_often(sandbox: &Sandbox, line: &str, seed: &str) {
    for cut in 0..3 {
        let hash = blake3::hash(format!("{seed} {cut}").as_bytes());
        let mut run = start(sandbox, line);
        std::thread::sleep(Duration::from_millis(u64::from(hash.as_bytes()[0]) / 2));
        run.kill().unwrap();
        run.wait().unwrap();
    }
    let last = sandbox.run(line);
    assert!([0, PARTLY].contains(&last.code), "{line} {seed}: {last:?}");
}

/// Copies to the receiver what is new or has other contents, as `rsync --checksum --delete` does.
fn hand_over(sandbox: &Sandbox, out: &str) {
    let place = |name: &str| format!("receiver/{name}");
    let ours = |name: &String| name.as_str() == out || name.starts_with(&format!("{out}/"));
    let sent: BTreeMap<String, Vec<u8>> =
        sandbox.tree("").into_iter().filter(|(name, _)| ours(name) && !name.ends_with('/')).collect();
    for (name, bytes) in &sent {
        if std::fs::read(sandbox.path(&place(name))).ok().as_ref() != Some(bytes) {
            sandbox.write(&place(name), bytes);
        }
    }
    for name in sandbox.files("receiver").iter().filter(|name| !sent.contains_key(*name)) {
        std::fs::remove_file(sandbox.path(&place(name))).unwrap();
    }
}

/// The labels of the images at the receiver by their names at the hospital.
fn labels(sandbox: &Sandbox, out: &str, names: &BTreeMap<String, (String, String)>) -> BTreeMap<String, u64> {
    let manifest: serde_json::Value = match out.ends_with(".npz") {
        true => {
            let file = std::fs::File::open(sandbox.path(&format!("receiver/{out}"))).unwrap();
            serde_json::from_reader(zip::ZipArchive::new(file).unwrap().by_name("imgveil.json").unwrap()).unwrap()
        }
        false => sandbox.manifest(&format!("receiver/{out}")),
    };
    let label = |entry: &serde_json::Value| {
        let name = &names[entry["name"].as_str().unwrap()].0;
        (name.clone(), entry["label"].as_u64().unwrap())
    };
    manifest["images"].as_array().unwrap().iter().map(label).collect()
}

/// Name and class at the hospital by the name in the set.
fn names(sandbox: &Sandbox, out: &str) -> BTreeMap<String, (String, String)> {
    let file = std::fs::File::open(sandbox.path(&format!("{out}.names.csv"))).unwrap();
    let line = |line: csv::StringRecord| (line[0].to_owned(), (line[1].to_owned(), line[2].to_owned()));
    csv::Reader::from_reader(file).records().map(|record| line(record.unwrap())).collect()
}

/// A month of one form of input and output.
fn month(input: Input, (form, out): (&str, &str), scheme: &str) {
    let sandbox = Sandbox::new();
    let mut archive = Archive::new();
    // The number of every class that was ever sent, and the label and neutral name of every image.
    let mut classes: BTreeMap<String, u64> = BTreeMap::new();
    let mut sent: BTreeMap<String, String> = BTreeMap::new();
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let mut broken: BTreeMap<String, u32> = BTreeMap::new();
    for number in 1..=4 {
        let last = archive.clone();
        week(number, &mut archive, input);
        for (name, _) in archive.iter().filter(|(_, seed)| seed.is_none()) {
            // What was sent of a file that is broken now stays.
            broken.insert(name.clone(), last[name].unwrap());
        }
        input.write(&sandbox, &archive);
        let line = match number {
            1 => format!("encrypt neutral -k k.key -s {scheme} {form} {} {out}", input.path()),
            _ => format!("update --prune -k k.key {} {out}", input.path()),
        };
        cut_often(&sandbox, &line, &format!("{seed} {number}"));
        hand_over(&sandbox, out);
        done(&sandbox, &format!("verify --strict --device cpu receiver/{out}"));
        done(&sandbox, &format!("verify --strict --device cpu -k k.key receiver/{out}"));
        let names = names(&sandbox, out);
        let labels = labels(&sandbox, out, &names);
        assert_eq!(labels.len(), archive.len(), "{input:?} {form} week {number}");
        for (id, (name, class)) in names.iter().filter(|(_, (name, _))| labels.contains_key(name)) {
            assert_eq!(*classes.entry(class.clone()).or_insert(labels[name]), labels[name], "{name}");
            assert_eq!(sent.entry(name.clone()).or_insert(id.clone()), id, "{name}");
        }
        // Two classes never have one number.
        let mut numbers: Vec<u64> = classes.values().copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), classes.len(), "{classes:?}");
        if input == Input::Folder {
            let _ = std::fs::remove_dir_all(sandbox.path("back"));
            done(&sandbox, &format!("decrypt -k k.key --names {out}.names.csv receiver/{out} back"));
            for (name, seed) in &archive {
                let seed = seed.unwrap_or_else(|| broken[name]);
                assert_eq!(sandbox.pixels(&format!("back/{name}.png")).2, samples(256, seed), "{name}");
            }
            assert_eq!(sandbox.files("back").len(), archive.len());
        }
    }
    let leftovers: Vec<String> = sandbox.tree("").into_keys().filter(|name| name.contains("imgveil-")).collect();
    assert_eq!(leftovers, [""; 0]);
}

#[test]
fn a_month_of_folders() {
    for form in FORMS {
        month(Input::Folder, form, "shuffle-flip");
    }
    month(Input::Folder, FORMS[0], "keystream");
}

#[test]
fn a_month_of_arrays_and_shards() {
    for form in FORMS {
        month(Input::Npz, form, "keystream");
        month(Input::Shards, form, "shuffle-flip");
    }
}
