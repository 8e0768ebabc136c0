//! Keys and schemes.

use crate::browser::thrown::{json, refused, thrown};
use crate::schemes;
use crate::words::Told;
use imgveil::internal::key::Key;
use imgveil_data::set::manifest::TOOL;
use wasm_bindgen::prelude::*;

/// What is called when the module is loaded.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|info| web_sys::console::error_1(&info.to_string().into())));
}

/// The name and version of the program.
#[wasm_bindgen]
pub fn tool() -> String {
    TOOL.to_owned()
}

/// The schemes, as JSON.
#[wasm_bindgen]
pub fn presets() -> Result<String, JsValue> {
    json(&schemes::list())
}

/// What there is to say of a scheme, as JSON.
#[wasm_bindgen]
pub fn scheme(text: &str) -> Result<String, JsValue> {
    json(&schemes::tell(text).map_err(refused("scheme"))?)
}

/// The text of the file of a new key.
#[wasm_bindgen]
pub fn make_key(created: &str) -> Result<String, JsValue> {
    let key = Key::generate().map_err(|error| thrown(Told::new("key", error.to_string())))?;
    Ok((*key.to_text(created)).clone())
}

/// The fingerprint of the key in a file.
#[wasm_bindgen]
pub fn fingerprint(text: &[u8]) -> Result<String, JsValue> {
    Ok(key(text)?.fingerprint().to_string())
}

/// The key in a file.
pub fn key(text: &[u8]) -> Result<Key, JsValue> {
    Key::parse(text).map_err(|error| thrown(Told::new("key", format!("this is no usable key file: {error}"))))
}
