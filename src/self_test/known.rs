//! Compares a device with the known answers.

use super::compare::{Extent, equal};
use super::{Fault, answers};
use crate::engine::{Device, ImageRef, Loaded};
use crate::hex;
use crate::key::Key;
use crate::scheme::compile;

/// Encrypts the image of each answer, and decrypts it again where the scheme can.
pub fn check(device: &Device, _: Extent) -> Result<String, Fault> {
    let mut count = 0;
    for answer in answers() {
        let (geometry, scheme) = (answer.geometry, &answer.scheme);
        let what = |doing: &str| format!("{doing} {geometry} with {}", scheme.describe());
        let program = compile(scheme, &Key::from_bytes(answer.secret), geometry)?;
        let image_ref = ImageRef::new(0).with_id(answer.id);
        let plain = answer.image();
        let mut encrypted = vec![0; plain.len()];
        Loaded::new(device, program.clone())?.bytes(&plain, &[image_ref], &mut encrypted)?;
        if *blake3::hash(&encrypted).as_bytes() != answer.hash {
            let what = what("encrypting");
            return Err(Fault::Other {
                what,
                found: format!("BLAKE3 {}", blake3::hash(&encrypted).to_hex()),
                expected: hex::encode(&answer.hash),
            });
        }
        if let Ok(inverse) = program.inverse() {
            let mut back = vec![0; plain.len()];
            Loaded::new(device, inverse)?.bytes(&encrypted, &[image_ref], &mut back)?;
            equal(&back, &plain, || what("decrypting"))?;
        }
        count += 1;
    }
    Ok(format!("{count} images of all schemes, 8 to 16 bits, grey and RGB"))
}
