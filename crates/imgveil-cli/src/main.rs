//! The command `imgveil`.

fn main() -> std::process::ExitCode {
    imgveil_cli::main()
}
