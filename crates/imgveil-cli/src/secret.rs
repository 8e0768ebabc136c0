//! Flags of keys and tables, and how their files are opened: from a path, standard input or the environment, and with a
//! passphrase where a key file is sealed.

use crate::exit::{Failure, USAGE};
use crate::output::Output;
use crate::passphrase::{self, PassphraseArgs, STDIN};
use imgveil::internal::key::Key;
use imgveil::internal::scheme::Secret;
use imgveil::internal::tables::Tables;
use imgveil_data::key_file::KeyFile;
use imgveil_data::{Error, tables_file};
use std::path::{Path, PathBuf};

/// The environment variable that names a key file, or holds the text of one.
const VARIABLE: &str = "IMGVEIL_KEY";

/// How the text of a key begins, in lower case.
const KEY_TEXT: &str = "imgveil-secret-key-1";

/// A key or tables. A command that needs one makes the group `secret` required, if [`is_required`] says so.
#[derive(clap::Args)]
pub struct SecretArgs {
    #[command(flatten)]
    file: SecretFile,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// The file of a key or of tables.
#[derive(clap::Args)]
#[group(id = "secret", multiple = false)]
struct SecretFile {
    /// Key file (see `imgveil keygen`); - is standard input [default for commands that need a key: the file that
    /// IMGVEIL_KEY names]
    #[arg(short, long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Written-out tables instead of a key: .npz or .json, as `imgveil key export-tables` and published experiments
    /// have them
    #[arg(long, value_name = "FILE")]
    tables: Option<PathBuf>,
}

/// A key, for commands that take no tables.
#[derive(clap::Args)]
pub struct KeyArgs {
    /// Key file (see `imgveil keygen`); - is standard input [default: the file that IMGVEIL_KEY names]
    #[arg(short, long, value_name = "FILE", required = is_required())]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Whether a command that needs a key must be given one: the environment may name it.
pub fn is_required() -> bool {
    of_environment().is_none()
}

impl SecretArgs {
    /// Reads the given file and prints its warnings.
    pub fn load(&self, out: &Output) -> Result<Option<Secret>, Failure> {
        Ok(match (&self.file.key, &self.file.tables) {
            (Some(path), _) => Some(load_key(path, &self.passphrase, out)?.into()),
            (None, Some(path)) => Some(load_tables(path, out)?.into()),
            (None, None) => None,
        })
    }

    /// As [`load`](Self::load); where nothing is given, the key of the environment.
    pub fn load_or_of_environment(&self, out: &Output) -> Result<Option<Secret>, Failure> {
        match self.load(out)? {
            Some(secret) => Ok(Some(secret)),
            None => Ok(load_of_environment(&self.passphrase, out)?.map(Secret::from)),
        }
    }

    /// The given file, for a training run.
    ///
    /// # Errors
    /// If a run cannot read it by itself.
    #[cfg(feature = "train")]
    pub fn source(&self) -> Result<Option<imgveil_train::SecretSource>, Failure> {
        use imgveil_train::SecretSource::{Key, SealedKey, Tables};
        let passphrase = self.passphrase.file();
        if [self.file.key.as_deref(), passphrase.as_deref()].contains(&Some(Path::new(STDIN))) {
            let words = "a run reads its key when it goes on too: give files, and not standard input".to_owned();
            return Err(Failure { words, code: USAGE });
        }
        Ok(match (self.file.key.clone(), self.file.tables.clone(), passphrase) {
            (Some(key), _, Some(passphrase)) => Some(SealedKey { key, passphrase }),
            (Some(key), _, None) => Some(Key(key)),
            (None, tables, _) => tables.map(Tables),
        })
    }

    /// As [`require`](Self::require), for commands that encrypt a set: tables without a salt get one.
    pub fn require_to_encrypt(&self, out: &Output) -> Result<Secret, Failure> {
        match &self.file.tables {
            Some(path) => Ok(load_tables_to_encrypt(path, out)?.into()),
            None => self.require(out),
        }
    }

    /// As [`load_or_of_environment`](Self::load_or_of_environment), for commands that need a secret.
    pub fn require(&self, out: &Output) -> Result<Secret, Failure> {
        let missing =
            || Failure { words: "give the key with -k FILE, or tables with --tables FILE".into(), code: USAGE };
        self.load_or_of_environment(out)?.ok_or_else(missing)
    }
}

impl KeyArgs {
    /// Reads the key and prints its warnings.
    pub fn require(&self, out: &Output) -> Result<Key, Failure> {
        let key = match &self.key {
            Some(path) => Some(load_key(path, &self.passphrase, out)?),
            None => load_of_environment(&self.passphrase, out)?,
        };
        key.ok_or_else(|| Failure { words: "give the key with -k FILE".into(), code: USAGE })
    }
}

/// Reads a key file and prints its warning.
pub fn load_key(path: &Path, passphrase: &PassphraseArgs, out: &Output) -> Result<Key, Failure> {
    open(&read_key_file(path)?, passphrase, out)
}

/// Reads a key file, or standard input.
pub fn read_key_file(path: &Path) -> Result<KeyFile, Failure> {
    check_is_path(path)?;
    Ok(match path == Path::new(STDIN) {
        true => KeyFile::read_from(std::io::stdin(), Path::new("standard input"))?,
        false => KeyFile::read(path)?,
    })
}

/// Opens a key file and prints its warning.
fn open(file: &KeyFile, passphrase: &PassphraseArgs, out: &Output) -> Result<Key, Failure> {
    let key = file.open(passphrase::of(file, passphrase, out)?.as_ref())?;
    if let Some(warning) = file.warning() {
        out.warn(warning);
    }
    Ok(key)
}

/// What the environment variable holds, if anything.
fn of_environment() -> Option<std::ffi::OsString> {
    std::env::var_os(VARIABLE).filter(|held| !held.to_string_lossy().trim().is_empty())
}

/// The key that the environment names, or whose text it holds.
fn load_of_environment(passphrase: &PassphraseArgs, out: &Output) -> Result<Option<Key>, Failure> {
    let Some(held) = of_environment() else { return Ok(None) };
    let text = held.to_string_lossy();
    if text.to_ascii_lowercase().contains(KEY_TEXT) || text.contains("BEGIN AGE ENCRYPTED FILE") {
        let file = KeyFile::read_from(text.as_bytes(), Path::new(VARIABLE))?;
        return open(&file, passphrase, out).map(Some);
    }
    out.detail(&format!("key: {text}, which {VARIABLE} names"));
    let named = |error: Error| {
        let Failure { words, code } = error.into();
        Failure { words: format!("{words} ({VARIABLE} names this file)"), code }
    };
    let file = KeyFile::read(Path::new(&held)).map_err(named)?;
    open(&file, passphrase, out).map(Some)
}

/// Refuses a key's own text where the path of its file is wanted.
pub fn check_is_path(path: &Path) -> Result<(), Failure> {
    if path.to_string_lossy().trim_start().to_ascii_lowercase().starts_with(KEY_TEXT) && !path.exists() {
        let words = "this is the text of a key and not the path of a key file: it was not used. It may be in your \
                     shell's history now, and others on this machine could see it: make a new key with `imgveil \
                     keygen -o FILE`, and give -k FILE";
        return Err(Failure { words: words.to_owned(), code: USAGE });
    }
    Ok(())
}

/// Reads a file of tables and prints its warning.
pub fn load_tables(path: &Path, out: &Output) -> Result<Tables, Failure> {
    check_is_path(path)?;
    let loaded = tables_file::load(path)?;
    if let Some(warning) = loaded.warning {
        out.warn(&warning);
    }
    Ok(loaded.tables)
}

/// As [`load_tables`], to encrypt a set: tables without a salt get one.
pub fn load_tables_to_encrypt(path: &Path, out: &Output) -> Result<Tables, Failure> {
    let loaded = tables_file::load_to_encrypt(path)?;
    if let Some(warning) = loaded.warning {
        out.warn(&warning);
    }
    if let Some(salt) = loaded.salt_file {
        out.note(&format!(
            "the salt of these tables: {} (keep it with them; both are needed to decrypt)",
            salt.display()
        ));
    }
    Ok(loaded.tables)
}
