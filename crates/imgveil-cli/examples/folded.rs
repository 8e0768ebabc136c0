//! Draws `docs/folded.png`: what one line of code makes of an image under `skk`, with a key of its own, and under
//! `skk-filter`. A flip keeps the distance of a sample from the middle of the range, so `abs(p - 127.5)` shows the
//! picture without any key. The image is a drawn phantom.
//!
//! ```text
//! cargo run --release -p imgveil-cli --example folded -- docs/folded.png
//! ```

use imgveil::{Cipher, Device, DeviceChoice, Geometry, Images, Key};
use imgveil_cli::phantom::{PhantomClass, phantom};
use imgveil_data::format::picture::encode_png;

/// Side of the phantom.
const SIDE: usize = 160;
/// Space between the panels.
const GAP: usize = 8;

/// `abs(p - 127.5)`, stretched to the whole range.
fn folded(samples: &[u8]) -> Vec<u8> {
    let distances: Vec<u8> = samples.iter().map(|&sample| (2 * i32::from(sample) - 255).unsigned_abs() as u8).collect();
    // A few samples may be far from all others.
    let mut sorted = distances.clone();
    sorted.sort_unstable();
    let most = u32::from(sorted[sorted.len() * 99 / 100].max(1));
    distances.iter().map(|&distance| (u32::from(distance) * 255 / most).min(255) as u8).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("give the file to write")?;
    let device = Device::open(&DeviceChoice::Cpu)?;
    let geometry = Geometry::new(SIDE as u32, SIDE as u32, 1)?;
    let plain = phantom(3, PhantomClass::Opacity, SIDE);
    // The same key in every run, so that the picture is the same.
    let key = Key::from_bytes([17; 32]);
    let encrypted = |scheme: &str| -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let cipher = Cipher::new(&scheme.parse()?, key.clone(), geometry, &device)?;
        let images = Images::new(geometry, ["phantom"], plain.clone())?;
        Ok(cipher.encrypt(&images)?.samples().to_vec())
    };
    let skk = encrypted("skk key=image")?;
    let filtered = encrypted("skk-filter key=image")?;
    let panels = [plain.clone(), skk.clone(), folded(&skk), filtered.clone(), folded(&filtered)];

    let width = panels.len() * (SIDE + GAP) - GAP;
    let mut sheet = vec![255; width * SIDE];
    for (i, panel) in panels.iter().enumerate() {
        for (row, samples) in panel.chunks_exact(SIDE).enumerate() {
            let begin = row * width + i * (SIDE + GAP);
            sheet[begin..begin + SIDE].copy_from_slice(samples);
        }
    }
    let geometry = Geometry::new(SIDE as u32, width as u32, 1)?;
    let image = imgveil::internal::image::Image::new(geometry, sheet).ok_or("the sheet has another size")?;
    std::fs::write(path, encode_png(&image)?)?;
    Ok(())
}
