//! Errors and values on their way to JavaScript.

use crate::words::Told;
use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;

/// An error as the page takes it: an `Error` whose name is the kind.
pub fn thrown(error: impl Into<Told>) -> JsValue {
    let Told { kind, words } = error.into();
    let error = js_sys::Error::new(&words);
    error.set_name(kind);
    error.into()
}

/// An error in words.
pub fn refused(kind: &'static str) -> impl Fn(String) -> JsValue {
    move |words| thrown(Told::new(kind, words))
}

/// A value as JSON.
pub fn json(value: &impl serde::Serialize) -> Result<String, JsValue> {
    serde_json::to_string(value).map_err(|error| thrown(Told::new("bug", error.to_string())))
}

/// An object of JavaScript with these fields.
pub fn object(fields: impl IntoIterator<Item = (&'static str, JsValue)>) -> Result<JsValue, JsValue> {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &JsValue::from_str(name), &value)?;
    }
    Ok(object.into())
}
