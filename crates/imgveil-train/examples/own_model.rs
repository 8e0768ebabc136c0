//! A custom network, trained with burn on images that the feed encrypts.
//!
//!     cargo run --release --example own_model
//!
//! The images are drawn, so that nothing is downloaded. It takes some seconds on a CPU.

#[path = "../../imgveil-cli/src/phantom/mod.rs"]
#[allow(dead_code)]
mod phantom;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use imgveil::internal::engine::{self, DeviceChoice};
use imgveil::internal::image::{Augmentation, Geometry};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::Stream;
use imgveil::internal::scheme::{Options, Preset, compile};
use imgveil_data::set::Loaded;
use imgveil_train::{Augment, Backend, Feed, Labels, Split};
use phantom::{PhantomClass, phantom};
use std::error::Error;

const SIDE: usize = 32;
const IMAGES: usize = 256;
const BATCH: usize = 32;
const EPOCHS: u64 = 30;

/// Any burn module can be trained. The first convolution takes whole blocks of the scheme, 4 x 4 pixels.
#[derive(Module, Debug)]
struct OwnModel {
    blocks: Conv2d,
    around: Conv2d,
    output: Linear,
}

impl OwnModel {
    fn new(device: &Device) -> Self {
        Self {
            blocks: Conv2dConfig::new([1, 32], [4, 4]).with_stride([4, 4]).init(device),
            around: Conv2dConfig::new([32, 32], [3, 3]).with_stride([2, 2]).init(device),
            output: LinearConfig::new(32 * 3 * 3, 2).init(device),
        }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.blocks.forward(images));
        let x = relu(self.around.forward(x));
        self.output.forward(x.flatten(1, 3))
    }
}

/// Drawn X-rays, alternately clear and with an opacity.
fn images(geometry: Geometry) -> Loaded {
    let class = |i: usize| PhantomClass::ALL[i % 2];
    Loaded {
        geometry,
        samples: (0..IMAGES).flat_map(|i| phantom(i as u64, class(i), SIDE)).collect(),
        labels: (0..IMAGES).map(|i| class(i).label()).collect(),
        names: (0..IMAGES).map(|i| i.to_string()).collect(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // The scheme and its key, compiled for images of this size.
    let geometry = Geometry::new(SIDE as u32, SIDE as u32, 1)?;
    let key = Key::generate()?;
    let program = compile(&Preset::ShuffleFlip.scheme(Options::default())?, &key, geometry)?;
    // Plain images in memory; a hardware GPU if there is one.
    let split = Split::new(images(geometry), 2, Some(&key));
    let backend = Backend::open(engine::Device::open(&DeviceChoice::Auto)?)?;
    let mut feed = Feed::new(&backend, program, Some(&key), split)?;
    let augment: Augment = "crop=2,flip,rotate=5,brightness=10".parse()?;
    println!("training on {}", backend.name());

    let device = backend.device().autodiff();
    let mut network = OwnModel::new(&device);
    let mut optimiser = AdamWConfig::new().init();
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    for epoch in 1..=EPOCHS {
        // Every epoch has another order and other augmentations.
        let mut draws = Stream::new(&[1; 32], epoch);
        let order = draws.permutation(IMAGES as u32);
        let order: Vec<(usize, Augmentation)> =
            order.into_iter().map(|index| (index as usize, augment.draw(&mut draws))).collect();
        let order: Vec<Vec<(usize, Augmentation)>> = order.chunks(BATCH).map(<[_]>::to_vec).collect();
        feed.begin_epoch(epoch as u32);
        let (mut sum, mut right) = (0.0, 0);
        for batch in feed.batches(&order) {
            // Images are augmented, encrypted and scaled to -1..1.
            let batch = batch?;
            let Labels::Hard(labels) = batch.labels else { return Err("only mixtures have soft labels".into()) };
            let logits = network.forward(batch.images);
            let loss = cross_entropy.forward(logits.clone(), labels.clone());
            right += logits.inner().argmax(1).flatten::<1>(0, 1).equal(labels).int().sum().into_scalar::<i32>();
            sum += loss.clone().inner().into_scalar::<f32>();
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimiser.step(3e-3, network, gradients);
        }
        let accuracy = f64::from(right) / IMAGES as f64;
        println!("epoch {epoch:2}: loss {:.3}, accuracy {accuracy:.3}", sum / order.len() as f32);
    }
    Ok(())
}
