//! The grid of a study: a TOML file that says which schemes and networks are trained with which seeds.
//!
//! ```toml
//! data = "images"                # a plain set; paths are seen from this file
//! key = "hospital.key"
//! seeds = [1, 2, 3]
//! schemes = ["none", "le", { scheme = "etc", block = 8 }]
//! models = ["cnn", { model = "resnet18", adapt = "le" }]
//!
//! [train]                        # flags of `imgveil train` for all runs
//! epochs = 10
//!
//! [[also]]                       # further schemes x models, with flags of their own
//! schemes = ["none", "vit"]
//! models = ["vit-tiny"]
//! lr = 0.001
//! ```

use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// A study: rows of a table, each trained once for every seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// The plain set.
    pub data: PathBuf,
    /// The key of all schemes but `none`.
    pub key: Option<PathBuf>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The rows, in the order of the file.
    pub rows: Vec<Row>,
}

/// A scheme with a network: a row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The scheme with its own flags, for people: `etc block 8`.
    pub scheme: String,
    /// The network with its own flags, for people: `resnet18 adapt le`.
    pub model: String,
    /// The network's bare name.
    pub network: String,
    /// Other flags that this row does not share with the grid, for people.
    pub flags: String,
    /// Whether the images stay as they are.
    pub plain: bool,
    /// Arguments of `imgveil train`, but for data, key, seed and folder.
    arguments: Vec<String>,
}

/// One training run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which row it belongs to.
    pub row: usize,
    /// Its seed.
    pub seed: u64,
    /// The name of its folder.
    pub name: String,
}

/// Why a file is no grid.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// The operating system refused.
    #[error("cannot read the grid {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Its words.
        source: std::io::Error,
    },
    /// No TOML, or a field that a grid does not have.
    #[error("{path} is no grid of a study: {reason}\n`imgveil study --help` has an example")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The place and what is wrong there.
        reason: String,
    },
    /// TOML that makes no sense as a grid.
    #[error("{path}: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
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

/// What the grid decides itself.
const TAKEN: [&str; 11] =
    ["data", "key", "tables", "seed", "seeds", "output", "resume", "json", "verbose", "scheme", "model"];

/// Flags whose values are paths.
const PATHS: [&str; 1] = ["weights"];

impl Grid {
    /// Reads a grid. Paths in it are seen from the folder that it lies in. `data` and `key` take the place of what it says.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, has fields that a grid does not have, names a row twice, or names no data or no
    /// key where one is needed.
    pub fn read(path: &Path, data: Option<&Path>, key: Option<&Path>) -> Result<Self, GridError> {
        let text = std::fs::read_to_string(path).map_err(|source| GridError::Read { path: path.to_owned(), source })?;
        Self::from_toml(&text, path, data, key)
    }

    fn from_toml(text: &str, path: &Path, data: Option<&Path>, key: Option<&Path>) -> Result<Self, GridError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let file: File = toml::from_str(text).map_err(|e| {
            // toml's words end with a line break.
            GridError::Syntax { path: path.to_owned(), reason: e.to_string().trim_end().to_owned() }
        })?;
        let invalid = |reason: String| GridError::Invalid { path: path.to_owned(), reason };
        let parts = std::iter::once((&file.schemes, &file.models, Table::new()))
            .filter(|(schemes, models, _)| !(schemes.is_empty() && models.is_empty()))
            .chain(file.also.iter().map(|also| (&also.schemes, &also.models, also.flags.clone())));
        let mut rows: Vec<Row> = Vec::new();
        for (schemes, models, flags) in parts {
            if schemes.is_empty() || models.is_empty() {
                return Err(invalid("schemes and models come together: name at least one of each".into()));
            }
            for (scheme, model) in schemes.iter().flat_map(|scheme| models.iter().map(move |model| (scheme, model))) {
                let row = row(scheme, model, &file.train, &flags, folder).map_err(invalid)?;
                if rows.iter().any(|other| other.folder() == row.folder()) {
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
            return Err(invalid("there are no images: add `data = \"IN\"`, or give --data IN".into()));
        };
        if key.is_none()
            && let Some(row) = rows.iter().find(|row| !row.plain)
        {
            return Err(invalid(format!("scheme {} needs a key: add `key = \"FILE\"`, or give -k FILE", row.scheme)));
        }
        Ok(Self { data, key, seeds: file.seeds, rows })
    }

    /// All runs: every seed of a row before the next row.
    pub fn runs(&self) -> Vec<Run> {
        let of_row = |row: usize| {
            let name = self.rows[row].folder();
            self.seeds.iter().map(move |&seed| Run { row, seed, name: format!("{name}-{seed}") })
        };
        (0..self.rows.len()).flat_map(of_row).collect()
    }

    /// The arguments of `imgveil train` for a run, but for its folder.
    pub fn arguments(&self, run: &Run) -> Vec<OsString> {
        let row = &self.rows[run.row];
        let mut arguments: Vec<OsString> = vec!["--data".into(), self.data.clone().into()];
        if let (false, Some(key)) = (row.plain, &self.key) {
            arguments.extend(["--key".into(), key.clone().into()]);
        }
        arguments.extend(row.arguments.iter().map(OsString::from));
        arguments.extend(["--seed".into(), run.seed.to_string().into()]);
        arguments
    }
}

impl Row {
    /// The whole row, for people.
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
    let mut arguments = vec!["--model".to_owned(), model.clone()];
    if !plain {
        let file = scheme.ends_with(".toml");
        let scheme = if file { folder.join(&scheme).to_string_lossy().into_owned() } else { scheme.clone() };
        arguments.extend(["--scheme".to_owned(), scheme]);
    }
    for (name, value) in &flags {
        let flag = format!("--{}", name.replace('_', "-"));
        match value {
            Value::Boolean(true) => arguments.push(flag),
            Value::Boolean(false) => {}
            Value::String(path) if PATHS.contains(&name.as_str()) => {
                arguments.extend([flag, folder.join(path).to_string_lossy().into_owned()]);
            }
            value => {
                let text = spelled(value)
                    .ok_or_else(|| format!("`{name}` has a value that is no text, number or yes or no"))?;
                // In one argument, so that a value which begins with a dash is no flag.
                arguments.push(format!("{flag}={text}"));
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
        arguments,
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
        let words = |run: usize| {
            let arguments = grid.arguments(&runs[run]);
            arguments.iter().map(|a| a.to_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(0), "--data here/images --model cnn --epochs=4 --pad --resize=64x64 --seed 3");
        assert_eq!(
            words(11),
            "--data here/images --key /keys/hospital.key --model resnet18 --scheme here/mine.toml --adapt=le --epochs=4 --pad \
             --resize=64x64 --weights here/a.safetensors --seed 1"
        );
        assert_eq!(
            words(12),
            "--data here/images --key /keys/hospital.key --model vit-tiny --scheme vit --epochs=2 --lr=0.001 --pad --resize=64x64 \
             --sign-flip --seed 3"
        );
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
                "here/grid.toml: scheme le needs a key: add `key = \"FILE\"`, or give -k FILE",
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
    fn data_and_key_can_be_given_beside_a_grid() {
        let text = "seeds = [1]\nschemes = [\"le\"]\nmodels = [\"cnn\"]";
        let read = |data, key| Grid::from_toml(text, Path::new("here/grid.toml"), data, key).map_err(|e| e.to_string());
        let (data, key) = (Path::new("there"), Path::new("k"));
        let grid = read(Some(data), Some(key)).unwrap();
        assert_eq!((grid.data.as_path(), grid.key.as_deref()), (data, Some(key)));
        let words = "here/grid.toml: there are no images: add `data = \"IN\"`, or give --data IN";
        assert_eq!(read(None, Some(key)), Err(words.to_owned()));
        assert!(read(Some(data), None).unwrap_err().contains("needs a key"));
    }

    #[test]
    fn plain_alone_needs_no_key() {
        let grid = grid("data = \"a\"\nseeds = [1]\nschemes = [\"none\"]\nmodels = [\"cnn\"]").unwrap();
        assert_eq!((grid.key, grid.rows[0].plain), (None, true));
    }
}
