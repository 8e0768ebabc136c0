//! The threads on which the CPU engine works.
//!
//! A process that is forked has the memory of its parent and none of its threads, so work that is handed to the
//! parent's threads would never end. Every process of a line of forks therefore has a pool of its own: its generation
//! counts the forks that led to it, and a pool of an older generation is never touched.

use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

static GENERATION: AtomicUsize = AtomicUsize::new(0);
static POOLS: [OnceLock<Option<ThreadPool>>; 16] = [const { OnceLock::new() }; 16];

/// How many forks led to this process.
pub fn generation() -> usize {
    GENERATION.load(Ordering::Relaxed)
}

/// Runs `work` without the interpreter's lock, on this process's threads.
pub fn run<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    py.detach(|| {
        // The system may refuse threads, and forks may go deeper than anybody's: then a pool for this call alone.
        let pool = POOLS.get(generation()).map(|pool| pool.get_or_init(|| ThreadPoolBuilder::new().build().ok()));
        match (pool, ThreadPoolBuilder::new()) {
            (Some(Some(pool)), _) => pool.install(work),
            (_, builder) => match builder.num_threads(1).use_current_thread().build() {
                Ok(pool) => pool.install(work),
                Err(_) => work(),
            },
        }
    })
}

/// Has the interpreter count forks.
///
/// # Errors
/// When the interpreter fails.
pub fn after_forks(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let os = module.py().import("os")?;
    // Windows has no forks.
    if let Some(register) = os.getattr_opt("register_at_fork")? {
        let arguments = pyo3::types::PyDict::new(module.py());
        arguments.set_item("after_in_child", wrap_pyfunction!(forked, module)?)?;
        register.call((), Some(&arguments))?;
    }
    Ok(())
}

/// Called by the interpreter in a process that was just forked.
#[pyfunction]
fn forked() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
