//! Packs the page: `imgveil-web-pack MODULE.wasm PAGE OUT` writes `OUT/index.html`, which holds the module, the worker,
//! the script and the styles, and `OUT/sw.js`.
//!
//! The page is one file, so that it works from a disk too and has nothing to load. Its policy names the hashes of the
//! one script and the one style that may run. The script knows the hashes of the module and of the worker.

mod bindings;
mod page;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [module, page, out] = arguments.as_slice() else {
        eprintln!("usage: imgveil-web-pack MODULE.wasm PAGE OUT");
        return ExitCode::from(2);
    };
    match pack(Path::new(module), Path::new(page), Path::new(out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the page cannot be packed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn pack(module: &Path, folder: &Path, out: &Path) -> Result<(), String> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    std::fs::create_dir_all(out).map_err(failed(out))?;
    let bound = bindings::generate(module, out)?;
    let packed = page::pack(&bound, folder)?;
    let index = out.join("index.html");
    std::fs::write(&index, &packed.html).map_err(failed(&index))?;
    let worker = out.join("sw.js");
    std::fs::copy(folder.join("sw.js"), &worker).map_err(failed(&worker))?;
    println!(
        "module: {} bytes, {} bytes gzipped; page: {} bytes; SHA-256 of index.html: {}",
        bound.module.len(),
        packed.zipped,
        packed.html.len(),
        page::hex(packed.html.as_bytes())
    );
    Ok(())
}
