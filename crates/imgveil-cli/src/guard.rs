//! Settings of the process that protect its secrets and its files, and what it says when it is interrupted.
//!
//! Secrets are wiped when they are dropped, but a process has copies of what follows from them (tables, keystreams,
//! plain pixels) in many places, on the device too. So no part of its memory reaches a core dump. Single pages are not
//! locked into memory: that would promise more than it keeps. Against swap, encrypt the swap space.

/// Protects this process. Best effort: where the system refuses, the command works as it would without.
#[cfg(unix)]
pub fn process() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    // The limit does not hold for dumps that the kernel pipes to a program. This does. It also keeps other processes of
    // the same user from reading the memory.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    // A file that grows beyond the user's limit (`ulimit -f`) is an error of writing, not the end of the process.
    let flag = std::sync::Arc::default();
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, flag);
}

/// What a job says when it is interrupted (Ctrl-C).
pub const GOES_ON: &str = "interrupted: what is written is whole, and the same command goes on from there";
/// What a job says whose keys were drawn at random.
pub const KEYS_ARE_GONE: &str =
    "interrupted: the keys of this run are gone, so that it cannot go on; start it anew with another output";

/// Says in one line how to go on when the user interrupts this process, which then ends as it would without. Best
/// effort.
#[cfg(unix)]
pub fn tell_when_interrupted(words: &'static str) {
    use std::io::Write;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    if is_ignored() {
        return;
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    if signal_hook::flag::register(signal_hook::consts::SIGINT, interrupted.clone()).is_err() {
        return;
    }
    // A handler may do next to nothing, so another thread speaks.
    let watch = move || loop {
        if interrupted.load(Ordering::Relaxed) {
            let _ = writeln!(std::io::stderr(), "\n{words}");
            let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGINT);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let _ = std::thread::Builder::new().name("interrupt".into()).spawn(watch);
}

/// Whether this process was started to ignore Ctrl-C, as shells do for processes in the background. It stays so.
#[cfg(unix)]
fn is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal_hook::consts::SIGINT - 1)) != 0
}

/// Systems without signals end the process by themselves.
#[cfg(not(unix))]
pub fn tell_when_interrupted(_: &'static str) {}

/// Protects this process. There is nothing to set on this system.
#[cfg(not(unix))]
pub fn process() {}
