//! The cost of encryption inside the feed for a training step: ResNet-18 on batches of 32 images of 32x32x3, every
//! scheme against the same feed with scheme none. The schemes are interleaved: in every round each scheme takes a step,
//! in a rotating order, so that other work on the machine affects all of them.
//!
//!     cargo bench --bench feed                  # a hardware GPU if there is one, else the CPU; 5 rounds
//!     cargo bench --bench feed -- 100 gpu       # rounds, and a device as `--device` takes it
//!
//! Two figures are given for each scheme, in percent of the median step with scheme none: the extra time of a batch,
//! timed alone until the device is done, and the extra time of a whole step (median). On a busy machine the second is
//! mostly noise.

use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{GradientsParams, SgdConfig};
use imgveil::internal::engine::Program;
use imgveil::internal::engine::gpu::Counts;
use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil::internal::image::{Augmentation, Geometry};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::Stream;
use imgveil::internal::scheme::{KeyScope, Options, Preset, compile};
use imgveil_data::set::Loaded;
use imgveil_train::model::{ModelConfig, ModelKind};
use imgveil_train::{Augment, Backend, Feed, Labels, Split};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

const BATCH: usize = 32;
const IMAGES: usize = 1024;
const CLASSES: usize = 10;
/// The number of batches that are timed together, as a single one is too short.
const TIMES: usize = 10;

/// A scheme's name and its program.
type Row = (&'static str, Arc<Program>);

/// The programs that are compared. The first row is the reference.
fn programs(key: &Key, geometry: Geometry) -> Result<Vec<Row>, Box<dyn Error>> {
    let plain = Options::default();
    let per_block = Options { key_scope: Some(KeyScope::Block), scramble: true, ..plain };
    let per_image = Options { key_scope: Some(KeyScope::Image), ..plain };
    let rows = [
        ("none", Preset::None, plain),
        // The same once more shows how far two equal rows are apart.
        ("none again", Preset::None, plain),
        ("shuffle-flip", Preset::ShuffleFlip, plain),
        ("shuffle-flip per block, scrambled", Preset::ShuffleFlip, per_block),
        ("le", Preset::Le, plain),
        ("ele", Preset::Ele, plain),
        ("etc", Preset::Etc, plain),
        ("skk", Preset::Skk, plain),
        ("skk per image", Preset::Skk, per_image),
        ("keystream", Preset::Keystream, plain),
    ];
    rows.into_iter()
        .map(|(name, preset, options)| Ok((name, Arc::new(compile(&preset.scheme(options)?, key, geometry)?))))
        .collect()
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn counts(backend: &Backend) -> Counts {
    backend.gpu().map_or_else(Counts::default, |gpu| gpu.traffic().counts())
}

fn wait(backend: &Backend) -> Result<(), Box<dyn Error>> {
    Ok(backend.gpu().map_or(Ok(()), |gpu| gpu.wait())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let rounds: usize = words.first().map_or(Ok(5), |word| word.parse())?;
    let choice: DeviceChoice = words.get(1).map_or("auto", String::as_str).parse()?;
    let backend = Backend::open(Device::open(&choice)?)?;
    let geometry = Geometry::new(32, 32, 3)?;
    let key = Key::from_bytes([7; 32]);
    let loaded = Loaded {
        geometry,
        samples: (0..IMAGES * geometry.bytes()).map(|i| ((i * 2_654_435_761) >> 24) as u8).collect(),
        labels: (0..IMAGES).map(|i| (i % CLASSES) as u32).collect(),
        names: (0..IMAGES).map(|i| i.to_string()).collect(),
    };
    let split = Arc::new(Split::new(loaded, CLASSES, Some(&key)));
    let programs = programs(&key, geometry)?;
    println!("ResNet-18, {BATCH} x {geometry}, {rounds} rounds on {}", backend.name());

    let device = backend.device().autodiff();
    let mut network = ModelConfig::new(ModelKind::ResNet18, None, geometry, CLASSES, None).init(1, &device);
    let mut optimiser = SgdConfig::new().init();
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    let mut step = |feed: &mut Feed, picks: &[(usize, Augmentation)]| -> Result<(), Box<dyn Error>> {
        let batch = feed.batch(picks)?;
        let Labels::Hard(labels) = batch.labels else { return Err("no scheme here mixes".into()) };
        let loss = cross_entropy.forward(network.forward(batch.images), labels);
        let fetched = loss.clone().inner();
        network = optimiser.step(1e-3, network.clone(), GradientsParams::from_grads(loss.backward(), &network));
        // Waits for the device.
        fetched.try_into_scalar::<f32>()?;
        wait(&backend)
    };
    let mut step_of_none = f64::NAN;
    for text in ["none", "crop,flip,rotate,brightness"] {
        let augment: Augment = text.parse()?;
        // Augmentation does not change the network. Whole steps are timed only without it.
        let steps_too = augment.is_none();
        let mut feeds = programs
            .iter()
            .map(|(_, program)| Feed::new(&backend, program.clone(), Some(&key), split.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let (mut steps, mut batches) = (vec![Vec::new(); feeds.len()], vec![Vec::new(); feeds.len()]);
        let mut traffic = vec![Counts::default(); feeds.len()];
        // Round 0 compiles kernels and uploads tables.
        for round in 0..=rounds {
            let mut draws = Stream::new(&[1; 32], round as u64);
            let picks: Vec<(usize, Augmentation)> =
                (0..BATCH).map(|_| (draws.below(IMAGES as u32) as usize, augment.draw(&mut draws))).collect();
            for turn in 0..feeds.len() {
                let row = (turn + round) % feeds.len();
                let feed = &mut feeds[row];
                // The tables of the program that ran last are on the device; those of this one are sent here, untimed.
                feed.batch(&picks)?;
                wait(&backend)?;
                if steps_too {
                    let begun = Instant::now();
                    step(feed, &picks)?;
                    if round > 0 {
                        steps[row].push(begun.elapsed().as_secs_f64());
                    }
                }
                let (before, begun) = (counts(&backend), Instant::now());
                for _ in 0..TIMES {
                    feed.batch(&picks)?;
                    wait(&backend)?;
                }
                if round > 0 {
                    batches[row].push(begun.elapsed().as_secs_f64() / TIMES as f64);
                    traffic[row] = counts(&backend) - before;
                }
            }
        }
        if steps_too {
            step_of_none = median(&steps[0]);
        }
        let percent = |more: f64| 100.0 * more / step_of_none;
        let names = ["batch ms", "of a step", "step ms"].map(|name| format!("{name:>11}")).concat();
        println!("\naugmentation: {text}\n{:34} {names}   of a step", "");
        for (row, (name, _)) in programs.iter().enumerate() {
            let batch = median(&batches[row]);
            let cost = percent(batch - median(&batches[0]));
            let mut line = format!("{name:34} {:11.3} {cost:+8.3} %", 1e3 * batch);
            if steps_too {
                let step = median(&steps[row]);
                line.push_str(&format!(" {:10.1} {:+9.2} %", 1e3 * step, percent(step - step_of_none)));
            }
            println!("{line}");
        }
        if backend.gpu().is_some() {
            let down: u64 = traffic.iter().map(|counts| counts.device_to_host).sum();
            let up = traffic.iter().map(|counts| counts.host_to_device).max().unwrap_or_default();
            println!("read back while batches were made: {down} bytes; sent for {TIMES} batches: at most {up} bytes");
        }
    }
    Ok(())
}
