//! Flags that several subcommands share.

use crate::cli::exit::{Failure, USAGE};
use crate::cli::output::Output;
use crate::cli::scheme_file::{is_scheme_file, read_scheme};
use imgveil::dataset::{Fit, Side};
use imgveil::engine::{Device, DeviceChoice};
use imgveil::key::Key;
use imgveil::scheme::{Block, KeyScope, Options, Orders, Preset, Scheme, Secret, Statistic};
use imgveil::tables::Tables;
use std::path::{Path, PathBuf};

/// Which scheme.
#[derive(clap::Args)]
pub struct SchemeArgs {
    /// Scheme: none, shuffle-flip, le, ele, etc, skk, skk-filter, shf, np, vit, instahide, keystream, or a FILE.toml of your own;
    /// `imgveil schemes` explains them [default: shuffle-flip]
    #[arg(short, long, value_name = "NAME")]
    pub scheme: Option<String>,
    #[command(flatten)]
    pub options: SchemeOptions,
}

/// What the user may choose of a preset.
#[derive(clap::Args)]
pub struct SchemeOptions {
    /// Block of the scheme in pixels: 4, or HEIGHTxWIDTH such as 4x8 [default: 4; etc and vit: 16]
    #[arg(long, value_name = "SIZE")]
    pub block: Option<Block>,
    /// One key for all blocks (shared) or one for each (block): shuffle-flip. One for all images (shared) or one for each (image):
    /// skk, skk-filter [default: shared]
    #[arg(long, value_name = "SCOPE")]
    pub key_scope: Option<KeyScope>,
    /// Scramble the blocks too: shuffle-flip
    #[arg(long)]
    pub scramble: bool,
    /// Flip signs too: vit
    #[arg(long)]
    pub sign_flip: bool,
    /// What fills a block of skk-filter: median, mean, max or min [default: median]
    #[arg(long, value_name = "NAME")]
    pub statistic: Option<Statistic>,
    /// Orders of the channels of etc: permutations, or as-published (loses channels, as the published code does) [default:
    /// permutations]
    #[arg(long, value_name = "NAME")]
    pub channel_table: Option<Orders>,
}

impl SchemeArgs {
    /// The scheme asked for, or the house scheme.
    pub fn scheme(&self) -> Result<Scheme, Failure> {
        self.options.of(self.scheme.as_deref().unwrap_or(Preset::ShuffleFlip.name()))
    }

    /// Whether any of its flags is on the command line.
    #[cfg(feature = "train")]
    pub fn is_given(&self) -> bool {
        self.scheme.is_some() || self.options.first_given().is_some()
    }
}

impl SchemeOptions {
    /// The scheme of this name or file with these options.
    pub fn of(&self, scheme: &str) -> Result<Scheme, Failure> {
        if is_scheme_file(scheme) {
            return match self.first_given() {
                None => read_scheme(scheme),
                Some(option) => Err(Failure {
                    words: format!(
                        "{option} is for the built-in schemes; {scheme} says by itself what its stages do: change it there, and \
                         leave {option} out"
                    ),
                    code: USAGE,
                }),
            };
        }
        let options = Options {
            block: self.block,
            key_scope: self.key_scope,
            scramble: self.scramble,
            sign_flip: self.sign_flip,
            statistic: self.statistic,
            orders: self.channel_table,
        };
        Ok(Preset::named(scheme)?.scheme(options)?)
    }

    /// The first of these flags that is on the command line.
    pub fn first_given(&self) -> Option<&'static str> {
        let given = [
            (self.block.is_some(), "--block"),
            (self.key_scope.is_some(), "--key-scope"),
            (self.scramble, "--scramble"),
            (self.sign_flip, "--sign-flip"),
            (self.statistic.is_some(), "--statistic"),
            (self.channel_table.is_some(), "--channel-table"),
        ];
        given.into_iter().find(|(is, _)| *is).map(|(_, option)| option)
    }
}

/// What encrypts or decrypts: one of the two. A command that cannot do without makes the group required.
#[derive(clap::Args)]
#[group(id = "secret", multiple = false)]
pub struct SecretArgs {
    /// Key file (see `imgveil keygen`)
    #[arg(short, long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Written-out tables instead of a key: .npz or .json, as `imgveil key export-tables` and published experiments have them
    #[arg(long, value_name = "FILE")]
    tables: Option<PathBuf>,
}

impl SecretArgs {
    /// Reads what is given, and passes warnings on.
    pub fn load(&self, out: &Output) -> Result<Option<Secret>, Failure> {
        Ok(match (&self.key, &self.tables) {
            (Some(path), _) => Some(load_key(path, out)?.into()),
            (None, Some(path)) => Some(load_tables(path, out)?.into()),
            (None, None) => None,
        })
    }

    /// As `load`, for commands that cannot do without.
    pub fn require(&self, out: &Output) -> Result<Secret, Failure> {
        let missing =
            || Failure { words: "give the key with -k FILE, or tables with --tables FILE".into(), code: USAGE };
        self.load(out)?.ok_or_else(missing)
    }
}

/// How images are brought to size.
#[derive(clap::Args)]
pub struct FitArgs {
    /// Resize every image: 224, or HEIGHTxWIDTH such as 192x256
    #[arg(long, value_name = "SIZE")]
    pub resize: Option<Side>,
    /// Grow images to the next multiple of the block; decryption cuts them back
    #[arg(long, conflicts_with = "crop")]
    pub pad: bool,
    /// Cut images to a multiple of the block; what is cut off is gone
    #[arg(long)]
    pub crop: bool,
}

impl FitArgs {
    /// As the library wants it.
    pub fn fit(&self) -> Fit {
        Fit { resize: self.resize, pad: self.pad, crop: self.crop }
    }
}

/// Which device.
#[derive(clap::Args)]
pub struct DeviceArgs {
    /// auto (a hardware GPU, else the CPU), cpu, gpu (software adapters too), or an adapter's number or name
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: DeviceChoice,
}

impl DeviceArgs {
    /// Opens it.
    pub fn open(&self, out: &Output) -> Result<Device, Failure> {
        let device = Device::open(&self.device)?;
        out.detail(&format!("device: {device}"));
        Ok(device)
    }
}

/// Reads a key file and passes its warning on.
pub fn load_key(path: &Path, out: &Output) -> Result<Key, Failure> {
    let loaded = Key::load(path)?;
    if let Some(warning) = loaded.warning {
        out.warn(&warning);
    }
    Ok(loaded.key)
}

/// Reads a file of tables and passes its warning on.
fn load_tables(path: &Path, out: &Output) -> Result<Tables, Failure> {
    let loaded = Tables::load(path)?;
    if let Some(warning) = loaded.warning {
        out.warn(&warning);
    }
    Ok(loaded.tables)
}
