//! The grid of a study: a TOML file that lists the schemes, networks and seeds to train.
//!
//! ```toml
//! data = "images"                # a plain set; paths are relative to this file
//! key = "hospital.key"
//! seeds = [1, 2, 3]
//! schemes = ["none", "le", { scheme = "etc", block = 8 }]
//! models = ["cnn", { model = "resnet18", adapt = "le" }]
//!
//! [train]                        # settings of all runs
//! epochs = 10
//!
//! [[also]]                       # further schemes x models, with settings of their own
//! schemes = ["none", "vit"]
//! models = ["vit-tiny"]
//! lr = 0.001
//! ```

use super::settings::{Setting, spec};
use crate::error::{Error, GridError, RowError};
use crate::run::{RunSpec, SecretSource};
use imgveil_data::regular_file;
use serde::Deserialize;
use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// A study: rows of a table, each trained once for every seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// The plain set.
    pub data: PathBuf,
    /// The key file of all schemes but `none`.
    pub key: Option<PathBuf>,
    /// The file of the key's passphrase, where the key file is sealed. The text of a grid does not name it.
    pub passphrase: Option<PathBuf>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The rows, in the order of the file.
    pub rows: Vec<Row>,
    /// The file.
    path: PathBuf,
}

/// A scheme with a network: a row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The scheme with its own flags, for the user: `etc block 8`.
    pub scheme: String,
    /// The network with its own flags, for the user: `resnet18 adapt le`.
    pub model: String,
    /// The network's bare name.
    pub network: String,
    /// Other flags that this row does not share with the grid, for the user.
    pub flags: String,
    /// Whether the images stay as they are.
    pub plain: bool,
    /// The scheme: the name of a built-in one, or the path of a file.
    pub scheme_name: String,
    /// The network as the file names it.
    pub model_name: String,
    /// The settings of the training run, apart from data, key, scheme, model, seed and folder.
    pub settings: Vec<Setting>,
}

/// One training run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// The index of its row.
    pub row: usize,
    /// Its seed.
    pub seed: u64,
    /// The name of its folder.
    pub name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    data: Option<PathBuf>,
    key: Option<PathBuf>,
    seeds: Vec<u64>,
    #[serde(default)]
    schemes: Vec<Entry>,
    #[serde(default)]
    models: Vec<Entry>,
    #[serde(default)]
    train: Table,
    #[serde(default)]
    also: Vec<Also>,
}

#[derive(Deserialize)]
struct Also {
    schemes: Vec<Entry>,
    models: Vec<Entry>,
    #[serde(flatten)]
    flags: Table,
}

/// A scheme or a model: its name, or a table with its name and flags.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Name(String),
    Flags(Table),
}

/// Settings that the grid makes itself.
const TAKEN: [&str; 12] = [
    "data",
    "key",
    "passphrase-file",
    "tables",
    "seed",
    "seeds",
    "output",
    "resume",
    "json",
    "verbose",
    "scheme",
    "model",
];

/// Settings whose values are paths.
const PATHS: [&str; 1] = ["weights"];

/// The most bytes of a grid. Published studies take two thousand.
pub const LONGEST_GRID: usize = 1 << 16;

/// The most rows of a grid: schemes x models. Every row is at least one training run.
pub const MOST_ROWS: usize = 1000;

/// The most seeds of a grid.
pub const MOST_SEEDS: usize = 1000;

impl Grid {
    /// Parses the text of a grid that was read from `path`.
    ///
    /// # Errors
    /// As [`Grid::read`], but for reading.
    #[doc(hidden)]
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        Ok(Self::from_toml(text, path, None, None)?)
    }

    /// Reads a grid. Paths in it are relative to its folder. `data` and `key` replace the values in the file.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, has fields that a grid does not have, names a row twice, or names
    /// no data, or no key where one is needed.
    pub fn read(path: &Path, data: Option<&Path>, key: Option<&Path>) -> Result<Self, Error> {
        let mut text = String::new();
        // One byte more than a grid may have, so that a larger file is refused without being read whole.
        let limit = LONGEST_GRID as u64 + 1;
        let read = regular_file::open_named(path).and_then(|file| file.take(limit).read_to_string(&mut text));
        read.map_err(|source| GridError::Read { path: path.to_owned(), source })?;
        Ok(Self::from_toml(&text, path, data, key)?)
    }

    fn from_toml(text: &str, path: &Path, data: Option<&Path>, key: Option<&Path>) -> Result<Self, GridError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        if text.len() > LONGEST_GRID {
            let reason = format!("it has more than {LONGEST_GRID} bytes");
            return Err(GridError::Syntax { path: path.to_owned(), reason });
        }
        let file: Contents = toml::from_str(text).map_err(|e| {
            // The messages of toml end with a line break.
            GridError::Syntax { path: path.to_owned(), reason: e.to_string().trim_end().to_owned() }
        })?;
        let invalid = |reason: String| GridError::Invalid { path: path.to_owned(), reason };
        let parts = std::iter::once((&file.schemes, &file.models, Table::new()))
            .filter(|(schemes, models, _)| !(schemes.is_empty() && models.is_empty()))
            .chain(file.also.iter().map(|also| (&also.schemes, &also.models, also.flags.clone())));
        let counts = parts.clone().map(|(schemes, models, _)| schemes.len().saturating_mul(models.len()));
        if counts.fold(0, usize::saturating_add) > MOST_ROWS || file.seeds.len() > MOST_SEEDS {
            let words = format!("it has more than {MOST_ROWS} schemes x models, or more than {MOST_SEEDS} seeds");
            return Err(invalid(words));
        }
        let mut rows: Vec<Row> = Vec::new();
        let mut folders = HashSet::new();
        for (schemes, models, flags) in parts {
            if schemes.is_empty() || models.is_empty() {
                return Err(invalid("schemes and models come together: name at least one of each".into()));
            }
            for (scheme, model) in schemes.iter().flat_map(|scheme| models.iter().map(move |model| (scheme, model))) {
                let row = row(scheme, model, &file.train, &flags, folder).map_err(invalid)?;
                if !folders.insert(row.folder()) {
                    return Err(invalid(format!("`{}` is there twice", row.label())));
                }
                rows.push(row);
            }
        }
        let mut seeds = file.seeds.clone();
        seeds.sort_unstable();
        seeds.dedup();
        if seeds.len() != file.seeds.len() {
            return Err(invalid("a seed is there twice".into()));
        }
        if rows.is_empty() || seeds.is_empty() {
            return Err(invalid("there is nothing to train: name schemes, models and seeds".into()));
        }
        let seen_from = |path: &PathBuf| folder.join(path);
        let key = key.map(Path::to_owned).or_else(|| file.key.as_ref().map(seen_from));
        let Some(data) = data.map(Path::to_owned).or_else(|| file.data.as_ref().map(seen_from)) else {
            return Err(GridError::NoData { path: path.to_owned() });
        };
        if key.is_none()
            && let Some(row) = rows.iter().find(|row| !row.plain)
        {
            return Err(GridError::NoKey { path: path.to_owned(), scheme: row.scheme.clone() });
        }
        Ok(Self { data, key, passphrase: None, seeds: file.seeds, rows, path: path.to_owned() })
    }

    /// All runs: every seed of a row before the next row.
    pub fn runs(&self) -> Vec<Run> {
        let of_row = |row: usize| {
            let name = self.rows[row].folder();
            self.seeds.iter().map(move |&seed| Run { row, seed, name: format!("{name}-{seed}") })
        };
        (0..self.rows.len()).flat_map(of_row).collect()
    }

    /// The description of a run, with its folder in `folder`. An interrupted run is continued.
    ///
    /// # Errors
    /// When a setting of its row is unknown or has a value that it cannot have, or the scheme cannot be read.
    pub fn spec(&self, run: &Run, folder: &Path) -> Result<RunSpec, Error> {
        let row = &self.rows[run.row];
        let wrong = |source: RowError| GridError::Row { path: self.path.clone(), row: row.label(), source };
        let mut spec = spec(&self.data, &row.scheme_name, &row.model_name, &row.settings).map_err(wrong)?;
        spec.secret = self.key.clone().filter(|_| !row.plain).map(|key| match self.passphrase.clone() {
            Some(passphrase) => SecretSource::SealedKey { key, passphrase },
            None => SecretSource::Key(key),
        });
        spec.config.seed = run.seed;
        spec.folder = Some(folder.join(&run.name));
        spec.resume = true;
        Ok(spec)
    }
}

impl Row {
    /// The whole row, for the user.
    pub fn label(&self) -> String {
        [&self.scheme, &self.model, &self.flags].map(String::as_str).join(" | ").trim_end_matches([' ', '|']).to_owned()
    }

    /// A name for folders, such as `etc-block-8-cnn`.
    fn folder(&self) -> String {
        let words = format!("{} {} {}", self.scheme, self.model, self.flags);
        let parts = words.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'));
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    }
}

fn row(scheme: &Entry, model: &Entry, train: &Table, also: &Table, folder: &Path) -> Result<Row, String> {
    let (scheme, of_scheme) = named(scheme, "scheme")?;
    let (model, of_model) = named(model, "model")?;
    let plain = scheme == "none";
    let mut flags = train.clone();
    for more in [also, &of_scheme, &of_model] {
        flags.extend(more.clone());
    }
    if let Some(name) = flags.keys().find(|name| TAKEN.contains(&name.as_str())) {
        return Err(format!("`{name}` is no flag for rows of a grid: the grid gives it itself"));
    }
    let file = scheme.ends_with(".toml");
    let scheme_name = if file { folder.join(&scheme).to_string_lossy().into_owned() } else { scheme.clone() };
    let mut settings: Vec<Setting> = Vec::new();
    for (name, value) in &flags {
        let setting = name.replace('_', "-");
        match value {
            Value::Boolean(true) => settings.push((setting, None)),
            Value::Boolean(false) => {}
            Value::String(path) if PATHS.contains(&name.as_str()) => {
                settings.push((setting, Some(folder.join(path).to_string_lossy().into_owned())));
            }
            value => {
                let text = spelled(value)
                    .ok_or_else(|| format!("`{name}` has a value that is no text, number or yes or no"))?;
                settings.push((setting, Some(text)));
            }
        }
    }
    let mut network = model.clone();
    network.truncate(64);
    Ok(Row {
        scheme: described(&scheme, &of_scheme),
        model: described(&model, &of_model),
        network,
        flags: described("", also),
        plain,
        scheme_name,
        model_name: model,
        settings,
    })
}

/// The name in an entry, and its flags.
fn named(entry: &Entry, what: &str) -> Result<(String, Table), String> {
    match entry {
        Entry::Name(name) => Ok((name.clone(), Table::new())),
        Entry::Flags(table) => {
            let mut flags = table.clone();
            match flags.remove(what) {
                Some(Value::String(name)) => Ok((name, flags)),
                _ => Err(format!("an entry of {what}s has no name: write {{ {what} = \"NAME\", ... }}")),
            }
        }
    }
}

fn described(name: &str, flags: &Table) -> String {
    let mut words = vec![name.to_owned()];
    for (flag, value) in flags {
        match value {
            Value::Boolean(true) => words.push(flag.clone()),
            value => words.extend([flag.clone(), spelled(value).unwrap_or_default()]),
        }
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

fn spelled(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(is) => Some(is.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::model::{AdaptationKind, ModelKind};
    use imgveil::internal::engine::DeviceChoice;
    use imgveil::internal::scheme::{Block, Options, Preset};
    use imgveil_data::set::Resize;

    fn grid(text: &str) -> Result<Grid, String> {
        Grid::from_toml(text, Path::new("here/grid.toml"), None, None).map_err(|e| e.to_string())
    }

    const WHOLE: &str = r#"
        data = "images"
        key = "/keys/hospital.key"
        seeds = [3, 1]
        schemes = ["none", { scheme = "etc", block = 8 }, "mine.toml"]
        models = ["cnn", { model = "resnet18", adapt = "le", weights = "a.safetensors" }]
        [train]
        epochs = 4
        resize = "64x64"
        pad = true
        crop = false
        [[also]]
        schemes = [{ scheme = "vit", sign-flip = true }]
        models = ["vit-tiny"]
        lr = 0.001
        epochs = 2
    "#;

    #[test]
    fn rows_are_schemes_times_models_with_flags_from_all_over() {
        let grid = grid(WHOLE).unwrap();
        let labels: Vec<String> = grid.rows.iter().map(Row::label).collect();
        let resnet = "resnet18 adapt le weights a.safetensors";
        assert_eq!(
            labels,
            [
                "none | cnn".to_owned(),
                format!("none | {resnet}"),
                "etc block 8 | cnn".to_owned(),
                format!("etc block 8 | {resnet}"),
                "mine.toml | cnn".to_owned(),
                format!("mine.toml | {resnet}"),
                "vit sign-flip | vit-tiny | epochs 2 lr 0.001".to_owned(),
            ]
        );
        let runs = grid.runs();
        assert_eq!(runs.len(), 14);
        assert_eq!((runs[0].name.as_str(), runs[1].name.as_str()), ("none-cnn-3", "none-cnn-1"));
        assert_eq!(runs[13].name, "vit-sign-flip-vit-tiny-epochs-2-lr-0.001-1");
        let spec = |run: usize| grid.spec(&runs[run], Path::new("runs"));
        let key = SecretSource::Key("/keys/hospital.key".into());
        let resize = Resize { size: Some("64x64".parse().unwrap()), pad: true, crop: false };
        let mut config = Config { epochs: 4, seed: 3, ..Config::new(ModelKind::Cnn) };
        let begin = |config: &Config, name: &str| RunSpec {
            resize,
            folder: Some(Path::new("runs").join(name)),
            resume: true,
            ..RunSpec::new("here/images".into(), config.clone())
        };
        assert_eq!(spec(0).unwrap(), begin(&config, "none-cnn-3"));
        let etc = Options { block: Some(Block::square(8)), ..Options::default() };
        let etc = Some(Preset::Etc.scheme(etc).unwrap());
        let expected = RunSpec { scheme: etc, secret: Some(key.clone()), ..begin(&config, "etc-block-8-cnn-3") };
        assert_eq!(spec(4).unwrap(), expected);
        // A scheme file that is not there.
        let row = &grid.rows[5];
        assert_eq!((row.scheme_name.as_str(), row.model_name.as_str()), ("here/mine.toml", "resnet18"));
        let error = spec(11).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::NotFound);
        assert!(error.to_string().contains("cannot read the scheme file here/mine.toml: "), "{error}");
        let weights = Some("here/a.safetensors".into());
        let adapted = Config { adapt: Some(AdaptationKind::Le), weights, seed: 1, ..Config::new(ModelKind::ResNet18) };
        let adapted = Config { epochs: 4, ..adapted };
        let expected = begin(&adapted, "none-resnet18-adapt-le-weights-a.safetensors-1");
        assert_eq!(spec(3).unwrap(), expected);
        config = Config { epochs: 2, learning_rate: 0.001, seed: 3, ..Config::new(ModelKind::VitTiny) };
        let vit = Options { sign_flip: true, ..Options::default() };
        let vit = Some(Preset::Vit.scheme(vit).unwrap());
        let expected = begin(&config, "vit-sign-flip-vit-tiny-epochs-2-lr-0.001-3");
        assert_eq!(spec(12).unwrap(), RunSpec { scheme: vit, secret: Some(key), ..expected });
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let begin = "data = \"a\"\nkey = \"k\"\nseeds = [1]\n";
        let both = "schemes = [\"le\"]\nmodels = [\"cnn\"]\n";
        for (text, words) in [
            (
                format!("{begin}{both}[train]\nseed = 3"),
                "here/grid.toml: `seed` is no flag for rows of a grid: the grid gives it itself",
            ),
            (
                format!("{begin}schemes = [\"le\"]"),
                "here/grid.toml: schemes and models come together: name at least one of each",
            ),
            (begin.to_owned(), "here/grid.toml: there is nothing to train: name schemes, models and seeds"),
            (format!("{begin}{both}[[also]]\n{both}"), "here/grid.toml: `le | cnn` is there twice"),
            (format!("data = \"a\"\nkey = \"k\"\nseeds = [1, 1]\n{both}"), "here/grid.toml: a seed is there twice"),
            (
                format!("data = \"a\"\nseeds = [1]\n{both}"),
                "here/grid.toml: scheme le needs a key: add `key = \"FILE\"`",
            ),
            (
                format!("{begin}schemes = [{{ block = 4 }}]\nmodels = [\"cnn\"]"),
                "here/grid.toml: an entry of schemes has no name: write { scheme = \"NAME\", ... }",
            ),
            (
                format!("{begin}{both}[train]\nresize = [3, 4]"),
                "here/grid.toml: `resize` has a value that is no text, number or yes or no",
            ),
        ] {
            assert_eq!(grid(&text), Err(words.to_owned()), "{text}");
        }
        for (text, words) in [
            ("data = ", "line 1"),
            ("data = \"a\"\nseeds = [1]\nwhat = 1", "unknown field `what`"),
            ("seeds = [-1]", ""),
        ] {
            let error = grid(text).unwrap_err();
            assert!(error.starts_with("here/grid.toml is no grid of a study: ") && error.contains(words), "{error}");
        }
    }

    #[test]
    fn settings_that_make_no_run_are_refused() {
        let words = |settings: &str| {
            let text = format!(
                "data = \"a\"\nkey = \"k\"\nseeds = [1]\nschemes = [\"le\"]\nmodels = [\"cnn\"]\n[train]\n{settings}"
            );
            let grid = grid(&text).unwrap();
            grid.spec(&grid.runs()[0], Path::new("runs")).map_err(|error| error.to_string())
        };
        for (settings, reason) in [
            ("epoch = 3", "there is no setting `epoch`"),
            ("spin = true", "there is no setting `spin`"),
            ("epochs = 0", "`epochs` cannot be `0`: 0 is not in 1..=4294967295"),
            ("epochs = \"many\"", "`epochs` cannot be `many`: invalid digit found in string"),
            ("batch = 1", "`batch` cannot be `1`: 1 is not in 2..=4294967295"),
            ("lr = -1", "`lr` cannot be `-1`: `-1` is no positive number"),
            ("lr = true", "`lr` needs a value"),
            ("pad = 3", "`pad` is on or off, not `3`"),
            ("pad = true\ncrop = true", "`pad` and `crop` exclude each other"),
            ("optimiser = \"adam\"", "`optimiser` cannot be `adam`: `adam` is no optimiser: adamw, sgd"),
        ] {
            assert_eq!(words(settings), Err(format!("here/grid.toml: le | cnn: {reason}")), "{settings}");
        }
        // Underscores stand for dashes, as numbers for texts.
        let spec = words("device_memory = 2\nlabel_smoothing = \"0.5\"\npatch = 4\ndevice = \"cpu\"").unwrap();
        assert_eq!((spec.device_memory, spec.config.label_smoothing), (2 << 20, 0.5));
        assert_eq!((spec.config.patch, spec.device), (Some([4, 4]), DeviceChoice::Cpu));
    }

    #[test]
    fn data_and_key_can_be_given_beside_a_grid() {
        let text = "seeds = [1]\nschemes = [\"le\"]\nmodels = [\"cnn\"]";
        let read = |data, key| Grid::from_toml(text, Path::new("here/grid.toml"), data, key).map_err(|e| e.to_string());
        let (data, key) = (Path::new("there"), Path::new("k"));
        let grid = read(Some(data), Some(key)).unwrap();
        assert_eq!((grid.data.as_path(), grid.key.as_deref()), (data, Some(key)));
        let words = "here/grid.toml: there are no images: add `data = \"IN\"`";
        assert_eq!(read(None, Some(key)), Err(words.to_owned()));
        assert!(read(Some(data), None).unwrap_err().contains("needs a key"));
    }

    #[test]
    fn a_grid_is_no_larger_than_a_study() {
        let names =
            |name: &str, count: usize| (0..count).map(|i| format!("\"{name}{i}\"")).collect::<Vec<_>>().join(",");
        let text = |schemes: usize, models: usize, seeds: usize| {
            let seeds = (0..seeds).map(|seed| seed.to_string()).collect::<Vec<_>>().join(",");
            let (schemes, models) = (names("s", schemes), names("m", models));
            format!("data = \"a\"\nkey = \"k\"\nseeds = [{seeds}]\nschemes = [{schemes}]\nmodels = [{models}]")
        };
        assert_eq!(grid(&text(40, 25, 1000)).unwrap().rows.len(), MOST_ROWS);
        let many = "here/grid.toml: it has more than 1000 schemes x models, or more than 1000 seeds";
        assert_eq!(grid(&text(41, 25, 1)), Err(many.to_owned()));
        assert_eq!(grid(&text(1, 1, 1001)), Err(many.to_owned()));
        let long = format!("{}#{}", text(1, 1, 1), "-".repeat(LONGEST_GRID));
        assert_eq!(grid(&long), Err("here/grid.toml is no grid of a study: it has more than 65536 bytes".to_owned()));
    }

    #[test]
    fn plain_alone_needs_no_key() {
        let grid = grid("data = \"a\"\nseeds = [1]\nschemes = [\"none\"]\nmodels = [\"cnn\"]").unwrap();
        assert_eq!((grid.key, grid.rows[0].plain), (None, true));
    }
}
