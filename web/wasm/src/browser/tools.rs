//! Keys and schemes.

use crate::browser::thrown::{json, refused, thrown};
use crate::schemes;
use crate::words::Told;
use imgveil::Preset;
use imgveil::internal::key::Key;
use imgveil_data::key_file::{self, KeyFile, Passphrase};
use imgveil_data::set::manifest::TOOL;
use std::path::Path;
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

/// The name of the scheme that is taken where nobody chooses one.
#[wasm_bindgen]
pub fn usual_scheme() -> String {
    Preset::DEFAULT.name().to_owned()
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

/// Whether a key file is sealed with a passphrase.
#[wasm_bindgen]
pub fn is_sealed(text: &[u8]) -> Result<bool, JsValue> {
    Ok(file(text)?.is_sealed())
}

/// The text of a key file that is sealed with a passphrase. It takes about a second and 256 MiB, on purpose.
#[wasm_bindgen]
pub fn unseal(text: &[u8], passphrase: &str) -> Result<String, JsValue> {
    let key = file(text)?.open(Some(&phrase(passphrase)?)).map_err(thrown)?;
    Ok((*key.to_text("from a key file with a passphrase")).clone())
}

/// A key file sealed with a passphrase.
#[wasm_bindgen]
pub fn seal(text: &[u8], passphrase: &str) -> Result<Vec<u8>, JsValue> {
    Ok((*key_file::seal(text, &phrase(passphrase)?).map_err(thrown)?).clone())
}

fn file(text: &[u8]) -> Result<KeyFile, JsValue> {
    KeyFile::read_from(text, Path::new("the key file")).map_err(thrown)
}

fn phrase(text: &str) -> Result<Passphrase, JsValue> {
    Passphrase::new(text).map_err(|error| thrown(Told::new("key", error.to_string())))
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
