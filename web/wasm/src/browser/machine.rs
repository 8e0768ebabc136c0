//! The device, its checks and its speed.

use crate::browser::thrown::{object, refused, thrown};
use crate::checks::{Speed, check, known};
use crate::words::Told;
use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil::internal::hex;
use wasm_bindgen::prelude::*;

/// A device that encrypts.
#[wasm_bindgen]
pub struct Machine(pub(super) Device);

#[wasm_bindgen]
impl Machine {
    /// Opens `gpu` or `cpu`.
    pub async fn open(choice: String) -> Result<Machine, JsValue> {
        let choice: DeviceChoice = match choice.as_str() {
            "gpu" => DeviceChoice::Gpu,
            _ => DeviceChoice::Cpu,
        };
        let opened = Device::open_later(&choice).await;
        Ok(Self(opened.map_err(|error| thrown(Told::new("device", error.to_string())))?))
    }

    /// Whether it is a GPU.
    #[wasm_bindgen(getter)]
    pub fn gpu(&self) -> bool {
        self.0.why_cpu().is_none()
    }

    /// The number of known answers.
    pub fn known() -> usize {
        known()
    }

    /// Compares the device with a known answer. Returns the hash of what it made.
    pub async fn check(&self, number: usize) -> Result<String, JsValue> {
        let device = self.0.clone();
        check(&device, number).await.map(|hash| hex::encode(&hash)).map_err(refused("device"))
    }

    /// Prepares a scheme, to measure its speed.
    pub fn speed(&self, scheme: &str) -> Result<Pace, JsValue> {
        Speed::new(&self.0, scheme).map(Pace).map_err(refused("device"))
    }
}

/// A batch whose encryption is measured.
#[wasm_bindgen]
pub struct Pace(Speed);

#[wasm_bindgen]
impl Pace {
    /// Encrypts it once.
    pub async fn run(&mut self) -> Result<(), JsValue> {
        self.0.run().await.map_err(refused("device"))
    }

    /// How many images and bytes one run encrypts.
    pub fn size() -> Result<JsValue, JsValue> {
        let geometry = Speed::geometry().map_err(refused("bug"))?;
        let bytes = (geometry.bytes() * Speed::IMAGES) as f64;
        object([("images", (Speed::IMAGES as f64).into()), ("bytes", bytes.into())])
    }
}
