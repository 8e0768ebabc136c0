//! The JavaScript that goes with the module. It is a script and no module, because a page that is opened as a file
//! cannot load modules, and it loads nothing by itself: the worker gives it the bytes.

use std::path::Path;

/// The module as it is shipped, and its script.
pub struct Bound {
    /// The bytes of the module.
    pub module: Vec<u8>,
    /// The script.
    pub script: String,
}

/// Makes both. `scratch` is a folder for the files in between, which are removed again.
pub fn generate(module: &Path, scratch: &Path) -> Result<Bound, String> {
    let folder = scratch.join(".bindings");
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(module).typescript(false).omit_default_module_path(true);
    bindgen.remove_producers_section(true).remove_name_section(true);
    let generated = bindgen.no_modules(true).and_then(|bindgen| bindgen.generate(&folder));
    generated.map_err(|error| format!("the bindings: {error:#}"))?;
    let name = module.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let read = |file: String| {
        let path = folder.join(file);
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let module = read(format!("{name}_bg.wasm"))?;
    let script = String::from_utf8(read(format!("{name}.js"))?).map_err(|error| error.to_string())?;
    std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(Bound { module, script })
}
