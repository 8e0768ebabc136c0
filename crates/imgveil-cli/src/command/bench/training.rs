//! The speed of training steps, scheme beside scheme.

use super::report::OfDevice;
use crate::exit::Failure;
use crate::output::Output;
use imgveil::Device;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::Scheme;
use imgveil_train::model::ModelKind;
use imgveil_train::{Backend, StepBench, StepFigures, step_bench};
use serde::{Deserialize, Serialize};

/// The figures of a network on images of one size.
#[derive(Serialize, Deserialize)]
pub struct OfTraining {
    /// The network.
    pub model: String,
    /// The images.
    pub geometry: String,
    /// Images per batch.
    pub batch: usize,
    /// The figures of each scheme, `none` first.
    pub schemes: Vec<StepFigures>,
}

/// Measures a network on each size, and prints the figures of a size when they are known.
pub fn training(
    device: &Device,
    model: ModelKind,
    (sizes, schemes): (&[Geometry], &[(String, Scheme)]),
    (batch, seconds): (usize, f64),
    timeout: impl Fn(&Backend) -> Option<imgveil_train::Watchdog>,
    say: Option<&Output>,
) -> Result<OfDevice, Failure> {
    let backend = Backend::open(device.clone())?;
    let _watched = timeout(&backend);
    if let Some(out) = say {
        out.say("");
        out.say(&format!("training on {}", backend.name()));
    }
    let mut all = Vec::new();
    for &geometry in sizes {
        let bench = StepBench { model, geometry, batch, seconds };
        // A size that a scheme's blocks do not tile is an error of the command line, as for `train`.
        let schemes = step_bench(&backend, &bench, schemes)?;
        let of = OfTraining { model: model.name().to_owned(), geometry: geometry.to_string(), batch, schemes };
        if let Some(out) = say {
            lines(&of).iter().for_each(|line| out.say(line));
        }
        all.push(of);
    }
    let driver = device.gpu().map(|gpu| gpu.adapter().get_info().driver_info);
    let (ceilings, rows, left_out) = (Vec::new(), Vec::new(), Vec::new());
    Ok(OfDevice { device: device.to_string(), driver, batch_mib: 0, ceilings, rows, left_out, training: all })
}

fn lines(of: &OfTraining) -> Vec<String> {
    let head = format!("{} on {}, batches of {}", of.model, of.geometry, of.batch);
    let mut lines = vec![
        String::new(),
        format!("  {head:40} {:>10} {:>9} {:>13} {:>15}", "images/s", "of none", "first step", "bytes up/image"),
    ];
    let plain = of.schemes.first().map(|figures| figures.images_per_second);
    for figures in &of.schemes {
        let rate = figures.images_per_second;
        let share = plain.map_or(String::new(), |plain| format!("{:.1} %", 100.0 * rate / plain));
        let spread = 50.0 * (figures.range[1] - figures.range[0]) / rate;
        lines.push(format!(
            "  {:40} {rate:>10.1} {share:>9} {:>11.2} s {:>15.1}  (+-{spread:.1} %); {:.1} dispatches a step, {} bytes \
             read back",
            figures.scheme,
            figures.first_step_seconds,
            figures.traffic.host_to_device_per_image,
            figures.traffic.dispatches_per_step,
            figures.traffic.device_to_host
        ));
    }
    lines
}
