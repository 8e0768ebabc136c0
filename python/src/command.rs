//! The command `imgveil` inside of Python.

use pyo3::prelude::*;
use std::ffi::OsString;

/// Runs a command line, whose first word is the program's name, and returns the exit code. `restart` are the words that
/// start the same command again, for runs in processes of their own. The process belongs to the command from then on:
/// its memory can no longer be dumped or read by others.
#[pyfunction]
#[pyo3(name = "_run_command")]
pub fn run_command(py: Python<'_>, words: Vec<OsString>, restart: Vec<OsString>) -> u8 {
    py.detach(|| imgveil_cli::main_of(words, restart))
}
