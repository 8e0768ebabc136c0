//! The `imgveil` command: parse, call the library, exit code.

#[cfg(not(target_family = "wasm"))]
mod cli;

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    cli::main()
}

// In a browser the library is used without the command.
#[cfg(target_family = "wasm")]
fn main() {}
