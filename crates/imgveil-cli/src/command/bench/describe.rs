//! What a bench measures, and how long it takes.

use imgveil::Device;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::Scheme;

/// Limits of a device: three copies, two transfers and a dispatch of a GPU, and two copies of the host.
const LIMITS: (usize, usize) = (2, 8);
/// What a figure takes beyond its own time: making images, comparing them with the CPU engine, warming up.
const OVERHEAD: f64 = 2.0;

/// Says it in lines.
pub fn describe(
    devices: &[Device],
    schemes: &[(String, Scheme)],
    sizes: &[Geometry],
    seconds: f64,
    disk: bool,
) -> String {
    let names: Vec<&str> = schemes.iter().map(|(name, _)| name.as_str()).collect();
    let sizes_text: Vec<String> = sizes.iter().map(Geometry::to_string).collect();
    let mut lines = vec![format!("schemes: {}", names.join(", ")), format!("images:  {}", sizes_text.join(", "))];
    let mut total = 0.0;
    for device in devices {
        let is_gpu = device.gpu().is_some();
        let mut ways = vec!["bytes to bytes", "bytes to floats"];
        if is_gpu {
            ways.insert(1, "from memory to memory");
        }
        if disk {
            ways.push("from disk to disk");
        }
        let limits = if is_gpu { LIMITS.1 } else { LIMITS.0 };
        let figures = schemes.len() * sizes.len() * ways.len();
        lines.push(format!(
            "{device}: {limits} limits of the device, then {figures} figures: each scheme and size {}",
            ways.join(", ")
        ));
        total += limits as f64 * seconds + figures as f64 * seconds * OVERHEAD;
    }
    lines.push(format!(
        "each figure takes about {seconds} s and is the median of five samples or more; in all about {} min, longer on \
         a slow device",
        (total / 60.0).ceil()
    ));
    lines.join("\n")
}
