//! `imgveil man`.

use crate::exit::{DONE, FAILED, Failure, Outcome};
use crate::output::Output;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  imgveil man | man -l -
  imgveil man -o ~/.local/share/man/man1";

/// Print the manual page, or write one for every command.
///
/// The pages have what `--help` has, for `man`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// A folder to write the pages of all commands to, as imgveil.1, imgveil-encrypt.1 and so on
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// Prints or writes the pages of a command.
pub fn run(args: &Args, command: clap::Command, out: &Output) -> Outcome {
    let failed = |error: std::io::Error| Failure { words: format!("cannot write the pages: {error}"), code: FAILED };
    match &args.output {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(failed)?;
            clap_mangen::generate_to(command, folder).map_err(failed)?;
            out.say(&format!("wrote the pages to {}", folder.display()));
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page).map_err(failed)?;
            // A closed pipe is ignored, as everywhere.
            let _ = std::io::Write::write_all(&mut std::io::stdout(), &page);
        }
    }
    Ok(DONE)
}
