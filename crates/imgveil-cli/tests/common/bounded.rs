//! Runs the command in little memory and time, as a receiver of a hostile file would want it.

use super::sandbox::{Done, Sandbox, stable};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The address space that a command gets beside its own program, in bytes. The program takes 60 to 200 MiB, by how it
/// was built.
const MEMORY: u64 = 512 << 20;

/// How long a command may take. With an emulator or on a loaded machine, `IMGVEIL_TEST_SECONDS` allows more.
fn patience() -> Duration {
    let seconds = std::env::var("IMGVEIL_TEST_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(5))
}

/// Runs a command within the limits. It must end by itself. `None` where there is no `prlimit` and
/// `IMGVEIL_SKIP_PRLIMIT` allows that.
pub fn within_limits(sandbox: &Sandbox, line: &str) -> Option<Done> {
    // A driver of a GPU takes more address space than this.
    let device = if line.starts_with("verify") { " --device cpu" } else { "" };
    let started = Instant::now();
    let done = in_memory(sandbox, &format!("{line}{device}"), MEMORY)?;
    let (took, limit) = (started.elapsed(), patience());
    assert!(took < limit, "`{line}` took {took:?}: {}", done.err);
    Some(done)
}

/// Runs a command in so many bytes of address space beside its own program. As [`within_limits`], however long it
/// takes.
pub fn in_memory(sandbox: &Sandbox, line: &str, bytes: u64) -> Option<Done> {
    let plain = sandbox.command("", line);
    let mut command = Command::new("prlimit");
    let program = std::fs::metadata(plain.get_program()).unwrap().len();
    command.arg(format!("--as={}", bytes + program)).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(sandbox.path("")).env_remove("RUST_BACKTRACE").env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = match command.output() {
        Err(_) if std::env::var_os("IMGVEIL_SKIP_PRLIMIT").is_some() => {
            println!("skipped: `{line}` in little memory, because prlimit is not here");
            return None;
        }
        output => output.expect("prlimit (util-linux) runs; IMGVEIL_SKIP_PRLIMIT=1 skips these tests"),
    };
    let text = |bytes: Vec<u8>| stable(&String::from_utf8_lossy(&bytes), sandbox.0.path());
    let (out, err) = (text(output.stdout), text(output.stderr));
    let code = output.status.code();
    let code = code.unwrap_or_else(|| panic!("`{line}` was ended by a signal: {}", err.escape_debug()));
    assert!(!err.contains("panicked"), "`{line}`: {err}");
    Some(Done::of(code, out, &err))
}

/// Runs a command that must be refused within the limits, with one of these exit codes and these words.
#[track_caller]
pub fn refused(sandbox: &Sandbox, line: &str, codes: &[i32], words: &str) {
    let Some(done) = within_limits(sandbox, line) else { return };
    assert!(codes.contains(&done.code) && done.err.contains(words), "`{line}`: {} {}", done.code, done.err);
}
