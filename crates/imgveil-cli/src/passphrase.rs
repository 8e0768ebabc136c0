//! Passphrases of key files: from a file, standard input or the environment, or asked for on the terminal, which does
//! not show them.

use crate::exit::{Failure, USAGE};
use crate::output::{Output, plain};
use imgveil_data::Error;
use imgveil_data::key_file::{KeyFile, KeyFileError, LoadedPassphrase, Passphrase, PassphraseError};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The environment variable that names a file of a passphrase.
const VARIABLE: &str = "IMGVEIL_PASSPHRASE_FILE";

/// A path that means standard input.
pub const STDIN: &str = "-";

/// What to do where nobody can be asked.
pub const GIVE_FILE: &str = "give --passphrase-file FILE, or let IMGVEIL_PASSPHRASE_FILE name the file";

/// With fewer characters, people choose what programs guess.
const SHORT: usize = 12;

/// Where the passphrase of a sealed key file is.
#[derive(clap::Args, Clone, Default)]
pub struct PassphraseArgs {
    /// File whose one line is the passphrase of a sealed key file; - is standard input [default: the file that
    /// IMGVEIL_PASSPHRASE_FILE names, else the terminal is asked]
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// The file that is named, by the flag or the environment.
    pub fn file(&self) -> Option<PathBuf> {
        self.passphrase_file.clone().or_else(of_environment)
    }
}

/// The file that the environment names.
fn of_environment() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).filter(|held| !held.is_empty()).map(PathBuf::from)
}

/// The passphrase of a key file that is sealed; `None` for one that is not.
pub fn of(file: &KeyFile, args: &PassphraseArgs, out: &Output) -> Result<Option<Passphrase>, Failure> {
    let name = file.path().display();
    if !file.is_sealed() {
        if args.passphrase_file.is_some() {
            out.note(&format!("note: {name} is not sealed, and the passphrase is not used"));
        }
        return Ok(None);
    }
    match args.file() {
        Some(path) => load(&path, out).map(Some),
        None => {
            let why = format!("{name} is sealed with a passphrase");
            ask(&format!("Passphrase of {name}: "), &why, GIVE_FILE).map(Some)
        }
    }
}

/// Whether somebody can be asked.
pub fn can_ask() -> bool {
    std::io::stderr().is_terminal()
}

/// A passphrase to seal a key with: from a file, or asked for twice. `advice` is for where nobody can be asked.
pub fn new(file: Option<PathBuf>, of: &str, advice: &str, out: &Output) -> Result<Passphrase, Failure> {
    let passphrase = match file {
        Some(path) => load(&path, out)?,
        None => {
            let why = "the key is to be sealed with a new passphrase";
            let first = ask(&format!("New passphrase of {of}: "), why, advice)?;
            if ask("The same again: ", why, advice)? != first {
                let words = "the two passphrases differ: nothing was written".to_owned();
                return Err(Failure { words, code: USAGE });
            }
            first
        }
    };
    if passphrase.length() < SHORT {
        out.warn(&format!(
            "programs guess passphrases of less than {SHORT} characters: several words that have nothing to do with \
             each other are better"
        ));
    }
    Ok(passphrase)
}

fn load(path: &Path, out: &Output) -> Result<Passphrase, Failure> {
    if path == Path::new(STDIN) {
        return Passphrase::read(std::io::stdin()).map_err(|source| unusable(Path::new("standard input"), source));
    }
    let LoadedPassphrase { passphrase, warning } = Passphrase::load(path).map_err(|source| unusable(path, source))?;
    if let Some(warning) = warning {
        out.warn(&warning);
    }
    Ok(passphrase)
}

fn unusable(path: &Path, source: PassphraseError) -> Failure {
    Error::from(KeyFileError::Passphrase { path: path.to_owned(), source }).into()
}

fn ask(prompt: &str, why: &str, advice: &str) -> Result<Passphrase, Failure> {
    if !can_ask() {
        return Err(Failure { words: format!("{why}, and there is no terminal to ask for it: {advice}"), code: USAGE });
    }
    let refused = |words: String| Failure { words, code: USAGE };
    let typed = rpassword::prompt_password(plain(prompt)).map(Zeroizing::new);
    let typed = typed.map_err(|error| refused(format!("no passphrase was typed: {error}")))?;
    Passphrase::new(&typed).map_err(|error| refused(error.to_string()))
}
