//! A temporary folder to run the command in, with a key and pictures.

use image::{DynamicImage, ExtendedColorType, GrayImage, ImageFormat, RgbImage};
use imgveil::internal::key::Key;
use imgveil_data::set::Manifest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const FINGERPRINT: &str = "324ea5f0f753f05b";
/// The salt of the sets of most tests.
pub const SALT: &str = "000102030405060708090a0b0c0d0e0f";
pub const USAGE: i32 = 2;
pub const PARTLY: i32 = 3;
pub const KEY: i32 = 4;
pub const DATASET: i32 = 5;
pub const DEVICE: i32 = 6;

/// A key file: the key of the known-answer vectors for `first` = 0, else another one.
pub fn key(first: u8) -> String {
    let key = Key::from_bytes(std::array::from_fn(|i| i as u8 + first));
    key.to_text("2026-01-01T00:00:00Z").to_string()
}

/// A temporary folder with the key `k.key`.
pub struct Sandbox(pub tempfile::TempDir);

/// The exit code and the output of a command.
#[derive(Debug, PartialEq)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
    /// The lines about splits and classes on standard error, which `err` does not have.
    pub set: String,
}

impl Done {
    /// What a command printed and ended with.
    pub fn of(code: i32, out: String, err: &str) -> Self {
        let (set, err): (Vec<&str>, Vec<&str>) = err
            .split_inclusive('\n')
            .partition(|line| line.starts_with("  splits   ") || line.starts_with("  classes  "));
        Self { code, out, err: err.concat(), set: set.concat() }
    }

    #[track_caller]
    pub fn is(self, code: i32, out: &str, err: &str) {
        assert_eq!((self.code, self.out.as_str(), self.err.as_str()), (code, out, err));
        // Splits and classes are told with every encryption.
        assert!(!out.starts_with("encrypted") || self.set.lines().count() == 2, "{}", self.set);
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let sandbox = Self(tempfile::tempdir().unwrap());
        sandbox.key("k.key", &key(0), 0o600);
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn key(&self, name: &str, text: &str, mode: u32) {
        self.write(name, text.as_bytes());
        #[cfg(unix)]
        std::fs::set_permissions(self.path(name), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let _ = mode;
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Writes a picture in the format that its name says.
    pub fn picture(&self, name: &str, picture: impl Into<DynamicImage>) {
        let format = ImageFormat::from_path(name).unwrap();
        let mut bytes = Cursor::new(Vec::new());
        picture.into().write_to(&mut bytes, format).unwrap();
        self.write(name, bytes.get_ref());
    }

    /// Grey pictures of 8x8 pixels, no two alike.
    pub fn greys(&self, names: &[&str]) {
        names.iter().zip(0..).for_each(|(name, seed)| self.picture(name, grey(8, 8, seed)));
    }

    pub fn command(&self, folder: &str, line: &str) -> Command {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if ["encrypt", "update", "decrypt", "rekey", "train", "predict", "preview"].contains(&words[0])
            && !words.contains(&"--device")
        {
            words.extend(["--device", "cpu"]);
        }
        // Most tests find images by their names. A line with the word `neutral` runs without the flag.
        if words[0] == "encrypt" && !words.iter().any(|word| word.starts_with("--keep-")) {
            match words.iter().position(|word| *word == "neutral") {
                Some(at) => drop(words.remove(at)),
                None => words.push("--keep-names"),
            }
        }
        // Most tests are of a scheme with one key for all images. A line with the word `default-scheme` names none.
        let named = words[0] == "encrypt" || words[..words.len().min(2)] == ["key", "export-tables"];
        if named && !words.iter().any(|word| *word == "-s" || word.starts_with("--scheme")) {
            match words.iter().position(|word| *word == "default-scheme") {
                Some(at) => drop(words.remove(at)),
                None => words.extend(["-s", "shuffle-flip"]),
            }
        }
        // Most tests compare runs byte by byte, so that sets get one salt. A line with the word `random-salt` runs
        // without.
        if words[0] == "encrypt" && !words.contains(&"--salt") {
            match words.iter().position(|word| *word == "random-salt") {
                Some(at) => drop(words.remove(at)),
                None => words.extend(["--salt", SALT]),
            }
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_imgveil"));
        command.args(words).current_dir(self.path(folder)).stdin(Stdio::null());
        for name in ["COLUMNS", "CLICOLOR_FORCE", "RUST_BACKTRACE", "IMGVEIL_KEY", "IMGVEIL_PASSPHRASE_FILE"] {
            command.env_remove(name);
        }
        command
    }

    pub fn run_in(&self, folder: &str, line: &str) -> Done {
        let output = self.command(folder, line).output().unwrap();
        let text = |bytes: Vec<u8>| stable(&String::from_utf8(bytes).unwrap(), self.0.path());
        let code = output.status.code().expect("ended by a signal");
        Done::of(code, text(output.stdout), &text(output.stderr))
    }

    pub fn run(&self, line: &str) -> Done {
        self.run_in("", line)
    }

    /// Runs a command that must succeed and print nothing but its result, and perhaps remarks on the layout of the
    /// set, which `divisions` tests.
    #[track_caller]
    pub fn does(&self, line: &str, images: usize, megabytes: &str, scheme: &str) {
        let verb = line.split_whitespace().next().unwrap();
        let mut done = self.run(line);
        let about_layout =
            |line: &&str| line.ends_with("; --labels FILE says otherwise (columns name, label, split)\n");
        done.err = done.err.split_inclusive('\n').filter(|line| !about_layout(line)).collect();
        done.is(0, &did(verb, images, megabytes, scheme), "");
    }

    /// Runs a command that must fail with this message and leave the disk unchanged.
    #[track_caller]
    pub fn refuses(&self, line: &str, code: i32, words: &str) {
        let before = self.tree("");
        self.run(line).is(code, "", &format!("error: {words}\n"));
        assert_same(&before, &self.tree(""));
    }

    /// As `refuses`, for messages that differ between machines.
    #[track_caller]
    pub fn refuses_like(&self, line: &str, code: i32, right: impl Fn(&str) -> bool) {
        let before = self.tree("");
        let done = self.run(line);
        assert_eq!((done.code, done.out.as_str()), (code, ""), "{}", done.err);
        assert!(done.err.starts_with("error: ") && right(&done.err), "{}", done.err);
        assert_same(&before, &self.tree(""));
    }

    /// Runs a command that must write `images` images and set these aside: in its message and in the list beside the
    /// output, but not in the output.
    #[track_caller]
    pub fn sets_aside(&self, line: &str, images: usize, failed: &[(&str, &str)]) {
        let (verb, out) = (line.split_whitespace().next().unwrap(), line.split_whitespace().last().unwrap());
        let mut words = match failed.len() {
            1 => "warning: 1 image was set aside:\n".to_owned(),
            count => format!("warning: {count} images were set aside:\n"),
        };
        failed.iter().take(10).for_each(|(path, reason)| words += &format!("  {path}: {reason}\n"));
        if failed.len() > 10 {
            words += &format!("  and {} more\n", failed.len() - 10);
        }
        words += &format!("the whole list is in {out}.failed.csv\n");
        // Images of an encrypted set that are set aside were changed.
        let code = if verb == "decrypt" { DATASET } else { PARTLY };
        self.run(line).is(code, &did(verb, images, "0.0", "shuffle-flip"), &words);
        let quoted = |text: &str| text.replace('"', "\"\"");
        let csv = failed.iter().map(|(path, reason)| format!("\"{}\",\"{}\"\n", quoted(path), quoted(reason)));
        let csv = format!("path,reason\n{}", csv.collect::<String>());
        assert_eq!(String::from_utf8(self.read(&format!("{out}.failed.csv"))).unwrap(), csv);
        let pngs = self.files(out).into_iter().filter(|name| name != "imgveil.json");
        let pngs: Vec<String> = pngs.inspect(|name| assert!(name.ends_with(".png"), "{name} is in {out}")).collect();
        assert_eq!(pngs.len(), images, "{pngs:?}");
    }

    /// Everything below a folder: files with their contents, folders with a slash.
    pub fn tree(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(name);
        let entries = walkdir::WalkDir::new(&root).min_depth(1).into_iter().map(Result::unwrap);
        let entry = |entry: walkdir::DirEntry| {
            let name = entry.path().strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            if entry.file_type().is_dir() {
                (name + "/", Vec::new())
            } else {
                // A dangling link counts as empty.
                (name, std::fs::read(entry.path()).unwrap_or_default())
            }
        };
        entries.map(entry).collect()
    }

    pub fn files(&self, name: &str) -> Vec<String> {
        self.tree(name).into_keys().filter(|name| !name.ends_with('/')).collect()
    }

    pub fn manifest(&self, set: &str) -> Value {
        serde_json::from_slice(&self.read(&format!("{set}/imgveil.json"))).unwrap()
    }

    /// Replaces a text in a set's manifest and seals it again.
    #[track_caller]
    pub fn reseal(&self, set: &str, from: &str, to: &str) {
        let name = format!("{set}/imgveil.json");
        let text = String::from_utf8(self.read(&name)).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        self.write(&name, text.replace(from, to).as_bytes());
        self.seal(set);
    }

    /// Seals a set's manifest, as only a holder of the key can. A text that is no manifest is left as it is.
    pub fn seal(&self, set: &str) {
        let name = format!("{set}/imgveil.json");
        if let Ok(mut manifest) = Manifest::parse(&self.read(&name)) {
            manifest.seal_with(&Key::parse(key(0).as_bytes()).unwrap());
            self.write(&name, &manifest.to_text().unwrap());
        }
    }

    /// The decoded picture: height, width and interleaved samples. A JPEG by imgveil's own decoder, as others differ by
    /// a few values.
    pub fn pixels(&self, name: &str) -> (u32, u32, Vec<u8>) {
        let bytes = self.read(name);
        if bytes.starts_with(&[0xff, 0xd8]) {
            let image = imgveil_data::format::picture::open(bytes).and_then(|file| file.image(0)).unwrap();
            let (height, width) = (image.geometry().height(), image.geometry().width());
            return (height as u32, width as u32, image.samples().to_vec());
        }
        let picture = image::load_from_memory(&self.read(name)).unwrap();
        (picture.height(), picture.width(), picture.into_bytes())
    }
}

/// The text without what differs between runs and machines.
pub fn stable(text: &str, folder: &Path) -> String {
    let mut text = text.to_owned();
    for folder in [folder.canonicalize().unwrap(), folder.to_owned()] {
        text = text.replace(folder.to_str().unwrap(), "DIR");
    }
    let line = |line: &str| {
        // How many a cut run had written depends on when it was cut.
        let earlier = line.split_once(" of them in an earlier run").and_then(|(before, rest)| {
            let (before, count) = before.rsplit_once(", ")?;
            count.parse::<usize>().ok().map(|_| format!("{before}{rest}"))
        });
        let line = earlier.as_deref().unwrap_or(line);
        let words: Vec<&str> = line.split(' ').collect();
        let word = |(i, word): (usize, &&str)| match (words.get(i + 1), word.trim_start_matches("thread")) {
            (Some(&("s," | "images/s," | "thread" | "threads")), _) if word.parse::<f64>().is_ok() => "N".to_owned(),
            (_, rest) if rest.len() < word.len() => format!("threads{}", rest.trim_start_matches('s')),
            _ => word.to_string(),
        };
        words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// What `encrypt` and `decrypt` print when they are done.
pub fn did(verb: &str, images: usize, megabytes: &str, scheme: &str) -> String {
    let images = if images == 1 { "1 image".to_owned() } else { format!("{images} images") };
    format!(
        "{verb}ed {images} ({megabytes} MB of pixels) in N s, N images/s, with {scheme} and key {FINGERPRINT} on \
         CPU, N threads\n"
    )
}

pub fn samples(count: u32, seed: u32) -> Vec<u8> {
    (0..count).map(|i| ((i + 1).wrapping_mul(2_654_435_761).wrapping_add(seed * 40_503_001) >> 24) as u8).collect()
}

pub fn grey(height: u32, width: u32, seed: u32) -> GrayImage {
    GrayImage::from_raw(width, height, samples(height * width, seed)).unwrap()
}

pub fn rgb(height: u32, width: u32, seed: u32) -> RgbImage {
    RgbImage::from_raw(width, height, samples(height * width * 3, seed)).unwrap()
}

pub fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = grey(height.into(), width.into(), 5);
    image::codecs::jpeg::JpegEncoder::new(&mut bytes)
        .encode(&picture, width.into(), height.into(), ExtendedColorType::L8)
        .unwrap();
    bytes
}

/// A JPEG cut in the middle of its scan.
pub fn in_scan(whole: &[u8]) -> &[u8] {
    let scan = whole.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    &whole[..(scan + whole.len()) / 2]
}

/// Compares trees and prints the differences only.
#[track_caller]
pub fn assert_same(expected: &BTreeMap<String, Vec<u8>>, found: &BTreeMap<String, Vec<u8>>) {
    let missing: Vec<&String> = expected.keys().filter(|&name| !found.contains_key(name)).collect();
    let extra: Vec<&String> = found.keys().filter(|&name| !expected.contains_key(name)).collect();
    let changed: Vec<&String> =
        expected.iter().filter(|&(name, bytes)| found.get(name).is_some_and(|b| b != bytes)).map(|(n, _)| n).collect();
    assert!(
        missing.is_empty() && extra.is_empty() && changed.is_empty(),
        "missing {missing:?}, not to be there {extra:?}, changed {changed:?}"
    );
}

pub const FOREIGN: &str = "is no image of a supported format, whatever its name says";
pub const CUT: &str = "is damaged: the file ends before the image does (truncated JPEG)";

/// The operating system's message: no such file.
pub fn unreadable() -> String {
    format!("cannot be read: {}", std::io::Error::from_raw_os_error(2))
}
