//! `imgveil attack`: one file an attack.

mod chosen;
mod ciphertext;
mod key_space;
mod known;
mod labels;
#[cfg(feature = "train")]
mod learned;
mod reidentify;

use crate::exit::Outcome;
use crate::output::Output;
use clap::Subcommand;

const AFTER_HELP: &str = "\
Examples:
  imgveil attack chosen -s ele --resize 224 images
  imgveil attack known -s etc --resize 224 --pairs 4 -o report images
  imgveil attack ciphertext -s shuffle-flip --resize 224 images
  imgveil attack reidentify -s le --resize 224 --patient-pattern 'person([0-9]+)_' images
  imgveil attack key-space -s shuffle-flip --size 224x224x1

An attack sees plain and encrypted samples as a black box gives them, never a key or a plan. Exit code 0 says that \
it was run, whatever came of it; the last line is the verdict. That a scheme resists one attack says nothing about \
others.";

/// Attack a scheme on your own images, to see what it leaks.
///
/// Encrypts the images under a scheme as a black box (with a key made for this run, unless one is given), attacks the
/// result without the key, and measures what comes back against the plain images. Sets that were encrypted elsewhere,
/// by any program, are attacked with --encrypted.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(subcommand)]
    attack: Attack,
}

#[derive(Subcommand)]
enum Attack {
    // The comments on each attack's `Args` are its help.
    Chosen(chosen::Args),
    Known(known::Args),
    Ciphertext(ciphertext::Args),
    Reidentify(reidentify::Args),
    Labels(labels::Args),
    #[cfg(feature = "train")]
    Learned(learned::Args),
    KeySpace(key_space::Args),
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    match &args.attack {
        Attack::Chosen(args) => chosen::run(args, out),
        Attack::Known(args) => known::run(args, out),
        Attack::Ciphertext(args) => ciphertext::run(args, out),
        Attack::Reidentify(args) => reidentify::run(args, out),
        Attack::Labels(args) => labels::run(args, out),
        #[cfg(feature = "train")]
        Attack::Learned(args) => learned::run(args, out),
        Attack::KeySpace(args) => key_space::run(args, out),
    }
}
