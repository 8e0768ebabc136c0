//! `imgveil key`: uses of a key other than encryption.

mod check;
mod export_tables;
mod passphrase;

use crate::exit::Outcome;
use crate::output::Output;
use clap::Subcommand;
pub use passphrase::LOST;

const AFTER_HELP: &str = "\
Examples:
  imgveil key check hospital.key
  imgveil key passphrase hospital.key
  imgveil key export-tables -k hospital.key -s le --size 32x32x3 -o tables.npz";

/// Look at a key file, seal it, or write out what it holds.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    // The comments on each command's `Args` are its help.
    Check(check::Args),
    Passphrase(passphrase::Args),
    ExportTables(export_tables::Args),
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    match &args.command {
        Command::Check(args) => check::run(args, out),
        Command::Passphrase(args) => passphrase::run(args, out),
        Command::ExportTables(args) => export_tables::run(args, out),
    }
}
