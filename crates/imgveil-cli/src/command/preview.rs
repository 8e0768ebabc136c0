//! `imgveil preview`.

use crate::args::{DepthArgs, DeviceArgs, MemoryArgs, PixelArgs};
use crate::exit::{DONE, Failure, Outcome};
use crate::output::{ImageBar, Output, counted};
use crate::passphrase::PassphraseArgs;
use crate::preview::{Exhibit, PreviewRequest, SetPlace, preview};
use crate::scheme_file::{is_scheme_file, read_scheme};
use crate::secret::load_key;
use imgveil::internal::key::Key;
use imgveil::internal::scheme::Preset;
use imgveil::internal::sealed::Salt;
use imgveil_data::format::ReadOptions;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  imgveil preview chest.png -k hospital.key -o sheet.png
  imgveil preview chest.png -s etc -s le -o two.png
  imgveil preview chest.png -s all -s examples/scheme.toml -o sheet.png

What the eye does not see on the sheet may be broken all the same: `imgveil schemes NAME` tells by what.";

/// Show one image under every scheme, on one sheet.
///
/// Encrypts the image under every scheme, with the options that change most, and draws all of it with names and notes
/// as one PNG. Where a scheme has an inverse, the image is decrypted and compared. Blocks that do not tile the image
/// cut it, and where it is small they are made smaller; the sheet says so.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Key file; - is standard input [default: a random key that is not kept]
    #[arg(short, long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Show this scheme only: a name, or a FILE.toml of your own. May be given several times; `all` stands for all
    /// names
    #[arg(short, long = "scheme", value_name = "NAME")]
    schemes: Vec<String>,
    /// The salt of an encrypted set, from its imgveil.json: keys per image are then those of the set
    #[arg(long, value_name = "HEX", requires = "key")]
    salt: Option<Salt>,
    /// The image's name in that imgveil.json [default: the neutral name that it has outside of class folders]
    #[arg(long, value_name = "NAME", requires = "salt")]
    name: Option<String>,
    #[command(flatten)]
    depth: DepthArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// New PNG file for the sheet
    #[arg(short, long, default_value = "preview.png", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    pixels: PixelArgs,
    /// Print what is on the sheet as JSON
    #[arg(long)]
    json: bool,
    /// A picture, a DICOM object or a NIfTI volume; of several images in one, the middle one is shown
    #[arg(value_name = "IMAGE")]
    image: PathBuf,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let reading = ReadOptions { memory: args.memory.bound(), depth: args.depth.depth, ..args.pixels.reading() };
    let wanted = Wanted {
        image: &args.image,
        reading: &reading,
        output: &args.output,
        key: args.key.as_deref(),
        passphrase: &args.passphrase,
        place: args.salt.map(|salt| SetPlace { salt, name: args.name.clone() }),
        exhibits: exhibits(&args.schemes)?,
        device: &args.device,
        json: args.json,
    };
    show(wanted, out)
}

/// A sheet that is wanted.
pub struct Wanted<'a> {
    pub image: &'a Path,
    pub reading: &'a ReadOptions,
    pub output: &'a Path,
    /// The key file. Without one, a key is drawn and not kept.
    pub key: Option<&'a Path>,
    pub passphrase: &'a PassphraseArgs,
    pub place: Option<SetPlace>,
    pub exhibits: Vec<Exhibit>,
    pub device: &'a DeviceArgs,
    pub json: bool,
}

/// Draws a sheet and says what is on it.
pub fn show(wanted: Wanted<'_>, out: &Output) -> Outcome {
    let key = match wanted.key {
        Some(path) => load_key(path, wanted.passphrase, out)?,
        None => Key::generate()?,
    };
    let device = wanted.device.open(out)?;
    let bar = ImageBar::new("encrypting");
    let request = PreviewRequest {
        image: wanted.image,
        reading: wanted.reading,
        output: wanted.output,
        key: &key,
        throwaway: wanted.key.is_none(),
        place: wanted.place,
        exhibits: &wanted.exhibits,
        device: &device,
    };
    let result = preview(&request, &bar);
    bar.finish();
    let result = result?;
    if wanted.json {
        out.json(&result)?;
        return Ok(DONE);
    }
    let lossy = result.schemes.iter().filter(|shown| shown.lossy.is_some()).count();
    out.say(&format!(
        "wrote {}: {} under {}, {} decrypted exactly, {lossy} lossy, on {}",
        wanted.output.display(),
        wanted.image.display(),
        counted(result.schemes.len(), "scheme"),
        result.schemes.len() - lossy,
        result.device
    ));
    if wanted.key.is_none() {
        out.note("No key was given: the sheet shows a random one, which was not kept. -k FILE shows yours.");
    }
    Ok(DONE)
}

/// The schemes to show: all, or the plain image and the requested ones.
fn exhibits(schemes: &[String]) -> Result<Vec<Exhibit>, Failure> {
    if schemes.is_empty() {
        return Ok(Exhibit::all());
    }
    let mut asked = Vec::new();
    for scheme in schemes {
        match scheme.as_str() {
            "all" => asked.extend(Exhibit::all()),
            file if is_scheme_file(file) => asked.push(Exhibit::own(read_scheme(file)?)),
            name => asked.extend(Exhibit::of(Preset::named(name)?)),
        }
    }
    let plain = Exhibit::of(Preset::None);
    let mut exhibits = plain.clone();
    exhibits.extend(asked.into_iter().filter(|exhibit| !plain.contains(exhibit)));
    Ok(exhibits)
}
