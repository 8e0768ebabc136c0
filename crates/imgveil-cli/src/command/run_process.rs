//! Training runs in processes of their own, which the hidden command `imgveil train-run` performs.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The words that start this command, where the path of this process's program does not.
static RESTART: OnceLock<Vec<OsString>> = OnceLock::new();

/// Says how this command is started again in place of the program that runs now. The first call counts.
pub fn restart_by(words: Vec<OsString>) {
    let _ = RESTART.set(words);
}

/// The command that performs a run in a process of its own. Standard output is discarded.
///
/// # Errors
/// When the path of this program is not known.
pub fn command() -> std::io::Result<Command> {
    let mut command = match RESTART.get().and_then(|words| words.split_first()) {
        Some((program, words)) => {
            let mut command = Command::new(program);
            command.args(words);
            command
        }
        None => Command::new(std::env::current_exe()?),
    };
    command.arg("train-run").stdin(Stdio::piped()).stdout(Stdio::null());
    Ok(command)
}

/// Starts a process of [`command`] and passes the run, or what else it is to do, to it.
///
/// # Errors
/// When the process cannot be started, or the run has a path that is not valid UTF-8.
pub fn start(command: &mut Command, spec: &impl serde::Serialize) -> std::io::Result<Child> {
    let text = serde_json::to_vec(spec)?;
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A process that ends before it has read everything reports the reason itself.
        let _ = stdin.write_all(&text);
    }
    Ok(child)
}
