//! `imgveil completions`.

use crate::exit::{DONE, Outcome};
use clap_complete::Shell;

const AFTER_HELP: &str = "\
Examples:
  imgveil completions bash > ~/.local/share/bash-completion/completions/imgveil
  imgveil completions zsh > ~/.zfunc/_imgveil
  imgveil completions fish > ~/.config/fish/completions/imgveil.fish";

/// Print what a shell needs to complete commands and options.
///
/// The shell reads the script where it looks for completions; the examples have the usual places.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script for a command.
pub fn run(args: &Args, mut command: clap::Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "imgveil", &mut script);
    // A closed pipe is ignored, as everywhere.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), &script);
    Ok(DONE)
}
