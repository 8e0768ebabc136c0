//! Encryptions and decryptions, step by step. The page stops a job by not asking for its next step.

use crate::archive::ZipOut;
use crate::browser::files::Files;
use crate::browser::machine::Machine;
use crate::browser::thrown::{json, object, refused, thrown};
use crate::browser::tools::key;
use crate::request::{Asked, memory};
use crate::words::Told;
use imgveil::Image;
use imgveil_data::job::{DecryptSteps, EncryptSteps, Failure, Shown, StepFile, StepSize};
use imgveil_data::set::{Given, open_given};
use js_sys::Uint8Array;
use std::path::Path;
use wasm_bindgen::prelude::*;

/// How much one step does: so little that progress is seen and a job ends soon after it is stopped.
const STEP: StepSize = StepSize { images: 16, bytes: 8 << 20 };

fn writing(error: std::io::Error) -> JsValue {
    thrown(Told::new("bug", format!("the zip file cannot be written: {error}")))
}

/// The images of the input, opened for encryption.
fn opened(machine: &Machine, secret: &[u8], asked: &str, given: Given) -> Result<EncryptSteps, JsValue> {
    let asked: Asked = serde_json::from_str(asked).map_err(|error| refused("bug")(error.to_string()))?;
    let request = asked.request(key(secret)?).map_err(refused("scheme"))?;
    let opened = open_given(given, &request.options.read, None).map_err(thrown)?;
    EncryptSteps::new(request, opened, &machine.0, STEP).map_err(thrown)
}

/// An encryption to a zip file.
#[wasm_bindgen]
pub struct Encryption {
    steps: EncryptSteps,
    zip: ZipOut,
    folder: String,
}

#[wasm_bindgen]
impl Encryption {
    /// Looks at the images. `name` is what messages call the input, `folder` the folder in the zip.
    #[wasm_bindgen(constructor)]
    pub fn new(
        machine: &Machine,
        secret: &[u8],
        asked: &str,
        files: &Files,
        name: &str,
        folder: &str,
    ) -> Result<Self, JsValue> {
        let steps = opened(machine, secret, asked, files.0.given(Path::new(name)))?;
        Ok(Self { steps, zip: ZipOut::default(), folder: folder.to_owned() })
    }

    /// How many images there are to encrypt.
    #[wasm_bindgen(getter)]
    pub fn images(&self) -> usize {
        self.steps.images()
    }

    /// What was set aside so far, what was passed over, and what the user should know, as JSON.
    pub fn look(&self) -> Result<String, JsValue> {
        let notes: Vec<String> = self.steps.notes().iter().map(ToString::to_string).collect();
        let over: Vec<String> = self.steps.passed_over().iter().map(|over| over.path.display().to_string()).collect();
        json(&serde_json::json!({ "failed": self.steps.failed(), "notes": notes, "passedOver": over }))
    }

    /// Encrypts the next images. `undefined` once all are done.
    pub async fn step(&mut self) -> Result<JsValue, JsValue> {
        let Some(step) = self.steps.step().await.map_err(thrown)? else { return Ok(JsValue::UNDEFINED) };
        done(&mut self.zip, &self.folder, step.files, &step.failed)
    }

    /// Completes the set. Returns the rest of the zip, the file of names, and what was set aside.
    pub fn finish(self, with_names: bool) -> Result<JsValue, JsValue> {
        let Self { steps, mut zip, folder } = self;
        let texts = steps.finish().map_err(thrown)?;
        zip.add(&format!("{folder}/imgveil.json"), &texts.manifest).map_err(writing)?;
        if let (true, Some(names)) = (with_names, &texts.names) {
            zip.add(&format!("{folder}.names.csv"), names).map_err(writing)?;
        }
        let names = texts.names.as_deref().map_or(JsValue::NULL, |names| Uint8Array::from(names).into());
        let rest = zip.finish().map_err(writing)?;
        object([
            ("zip", Uint8Array::from(rest.as_slice()).into()),
            ("names", names),
            ("images", (texts.images as f64).into()),
            ("failed", json(&texts.failed)?.into()),
        ])
    }
}

/// Packs the files of a step.
fn done(zip: &mut ZipOut, folder: &str, files: Vec<StepFile>, failed: &[Failure]) -> Result<JsValue, JsValue> {
    let (mut bytes, images) = (0, files.len());
    for file in files {
        let path = if folder.is_empty() { file.path } else { format!("{folder}/{}", file.path) };
        zip.add(&path, &file.bytes).map_err(writing)?;
        bytes += file.samples;
    }
    object([
        ("zip", Uint8Array::from(zip.take().as_slice()).into()),
        ("images", (images as f64).into()),
        ("bytes", (bytes as f64).into()),
        ("failed", json(&failed)?.into()),
    ])
}

/// One image of the input, plain, encrypted and decrypted, as pixels for a canvas.
#[wasm_bindgen]
pub async fn preview(
    machine: &Machine,
    secret: Vec<u8>,
    asked: String,
    files: &Files,
    path: String,
) -> Result<JsValue, JsValue> {
    let given = files.0.only(Path::new(""), Path::new(&path));
    let mut steps = opened(machine, &secret, &asked, given)?;
    let listed = steps.listed();
    let Some(&(index, ..)) = listed.first() else { return Ok(JsValue::UNDEFINED) };
    let images = listed.len();
    let Shown { plain, encrypted, decrypted } = steps.show(index).await.map_err(thrown)?;
    let back = decrypted.as_ref().map_or(Ok(JsValue::NULL), |back| pixels(back, shown_range(&plain)));
    object([
        ("size", plain.geometry().to_string().into()),
        ("images", (images as f64).into()),
        ("stretched", (shown_range(&plain) != all_of(&plain)).into()),
        ("plain", pixels(&plain, shown_range(&plain))?),
        ("encrypted", pixels(&encrypted, shown_range(&encrypted))?),
        ("same", decrypted.as_ref().is_some_and(|back| back.samples() == plain.samples()).into()),
        ("decrypted", back?),
    ])
}

/// All values that samples of this depth can have.
fn all_of(image: &Image) -> (u32, u32) {
    (0, image.geometry().depth().max())
}

/// The values that are shown from black to white. Scans use a small part of 16 bits: shown as they are, they would be
/// even grey.
fn shown_range(image: &Image) -> (u32, u32) {
    let (geometry, samples) = (image.geometry(), image.samples());
    let depth = geometry.depth();
    if depth.bytes() == 1 {
        return all_of(image);
    }
    let values = (0..geometry.samples()).map(|index| u32::from(depth.sample(samples, index)));
    values.fold((u32::MAX, 0), |(low, high), value| (low.min(value), high.max(value)))
}

/// The pixels of an image as RGBA of 8 bits, with its width and height. The values of `range` go from black to white.
fn pixels(image: &Image, (low, high): (u32, u32)) -> Result<JsValue, JsValue> {
    let (geometry, samples) = (image.geometry(), image.samples());
    let depth = geometry.depth();
    let count = geometry.samples();
    let shown = |index: usize| match depth.bytes() {
        1 => samples[index],
        _ => {
            let value = u32::from(depth.sample(samples, index)).clamp(low, high);
            ((value - low) * 255 / (high - low).max(1)) as u8
        }
    };
    let mut rgba = Vec::with_capacity(count / geometry.channels() * 4);
    for pixel in (0..count).step_by(geometry.channels()) {
        match geometry.channels() {
            1 => rgba.extend([shown(pixel); 3]),
            _ => rgba.extend([shown(pixel), shown(pixel + 1), shown(pixel + 2)]),
        }
        rgba.push(255);
    }
    object([
        ("width", (geometry.width() as f64).into()),
        ("height", (geometry.height() as f64).into()),
        ("rgba", Uint8Array::from(rgba.as_slice()).into()),
    ])
}

/// A decryption to a zip file.
#[wasm_bindgen]
pub struct Decryption {
    steps: DecryptSteps,
    zip: ZipOut,
}

#[wasm_bindgen]
impl Decryption {
    /// Opens a set with its key. `names` is the text of its file of names, if it is not among the files.
    #[wasm_bindgen(constructor)]
    pub fn new(
        machine: &Machine,
        secret: &[u8],
        files: &Files,
        name: &str,
        names: Option<Vec<u8>>,
    ) -> Result<Self, JsValue> {
        let among =
            files.0.names().map_err(|error| thrown(Told::new("files", format!("the file of names: {error}"))))?;
        let names = names.map(|text| ("names.csv".into(), text)).or(among);
        let names = names.as_ref().map(|(path, text)| (path.as_path(), text.as_slice()));
        let (given, secret) = (files.0.given(Path::new(name)), key(secret)?.into());
        let steps = DecryptSteps::new(given, names, secret, &machine.0, memory(), STEP).map_err(thrown)?;
        Ok(Self { steps, zip: ZipOut::default() })
    }

    /// How many images there are to decrypt.
    #[wasm_bindgen(getter)]
    pub fn images(&self) -> usize {
        self.steps.images()
    }

    /// The scheme of the set, and what vouches for its manifest.
    pub fn look(&self) -> Result<String, JsValue> {
        let (scheme, trust) = (&self.steps.manifest().scheme, self.steps.trust().to_string());
        json(&serde_json::json!({ "scheme": scheme.to_string(), "trust": trust }))
    }

    /// Decrypts the next images. `undefined` once all are done.
    pub async fn step(&mut self) -> Result<JsValue, JsValue> {
        let Some(step) = self.steps.step().await.map_err(thrown)? else { return Ok(JsValue::UNDEFINED) };
        let first = step.files.first().map_or(JsValue::NULL, |file| Uint8Array::from(file.bytes.as_slice()).into());
        let done = done(&mut self.zip, "", step.files, &step.failed)?;
        js_sys::Reflect::set(&done, &"first".into(), &first)?;
        Ok(done)
    }

    /// Returns the rest of the zip, and what was set aside.
    pub fn finish(self) -> Result<JsValue, JsValue> {
        let Self { steps, zip } = self;
        let failed = steps.finish().map_err(thrown)?;
        let rest = zip.finish().map_err(writing)?;
        object([("zip", Uint8Array::from(rest.as_slice()).into()), ("failed", json(&failed)?.into())])
    }
}
