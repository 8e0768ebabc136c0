//! Settings of the process that protect its secrets and its files.
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

/// Protects this process. There is nothing to set on this system.
#[cfg(not(unix))]
pub fn process() {}
