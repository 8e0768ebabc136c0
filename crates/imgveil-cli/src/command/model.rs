//! `imgveil model`: what a key does to a model.

use crate::args::SchemeOptions;
use crate::command::exit::{DONE, Outcome};
use crate::command::output::Output;
use crate::secret::SecretArgs;
use clap::Subcommand;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::Preset;
use imgveil_train::{Direction, KeyMatchedRequest, key_matched};
use std::path::PathBuf;

/// Match a vision transformer with a key: it then sees encrypted images.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  imgveil model encrypt -k hospital.key model.safetensors -o matched.safetensors")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the model that gives for encrypted images what this one gives for plain ones
    ///
    /// Nothing is trained: the inputs of the patch embedding are permuted (and flipped, with --sign-flip) as the
    /// samples of a patch, and the position embeddings as the patches are (Kiya et al., "Image and model
    /// transformation with secret key for vision transformer", 2023). Images must be encrypted with the same key,
    /// scheme, block and size. Who has both models has the key's permutations.
    Encrypt(Transform),
    /// Undo that
    Decrypt(Transform),
}

#[derive(clap::Args)]
struct Transform {
    #[command(flatten)]
    secret: SecretArgs,
    /// Scheme of the images; it must treat all patches alike [default: vit]
    #[arg(short, long, value_name = "NAME")]
    scheme: Option<String>,
    #[command(flatten)]
    options: SchemeOptions,
    /// Size of the images: HEIGHTxWIDTHxCHANNELS, and x16 behind it for 16-bit samples [default: a square of the
    /// model's patches, 8-bit samples]
    #[arg(long, value_name = "SIZE")]
    size: Option<Geometry>,
    /// Weights of a vision transformer in the safetensors format, under timm's names (see `imgveil export`)
    #[arg(value_name = "MODEL")]
    input: PathBuf,
    /// New file
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let (args, direction, done) = match &args.command {
        Command::Encrypt(args) => (args, Direction::Encrypt, "encrypted"),
        Command::Decrypt(args) => (args, Direction::Decrypt, "plain"),
    };
    let scheme = args.options.of(args.scheme.as_deref().unwrap_or(Preset::Vit.name()))?;
    let secret = &args.secret.require(out)?;
    let (input, output) = (&args.input, &args.output);
    let request = KeyMatchedRequest { input, output, scheme: &scheme, secret, geometry: args.size, direction };
    let geometry = key_matched(&request)?;
    let scheme = scheme.describe();
    out.say(&format!("wrote {}: for {done} images of {geometry}, {scheme}", output.display()));
    Ok(DONE)
}
