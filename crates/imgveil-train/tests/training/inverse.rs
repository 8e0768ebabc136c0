//! Learned inverses: what they restore where a network can learn it, and that a real cipher leaves them nothing.

use crate::{SIZE, flex, key, phantoms, shuffle_flip};
use imgveil::internal::image::Augmentation;
use imgveil::internal::key::Key;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::{KeyScope, Options, Preset, Scheme, compile};
use imgveil_train::inverse::{Encrypted, Inverse, InverseConfig, from_pairs, from_public};
use imgveil_train::{Feed, Split};
use std::sync::Arc;

/// The images as samples under a scheme and a key.
fn encrypted(plain: &Arc<Split>, scheme: &Scheme, key: &Key) -> Arc<Split> {
    let program = compile(scheme, key, plain.geometry).unwrap();
    let names = (0..plain.len()).zip(plain.samples.chunks_exact(plain.geometry.bytes()));
    let mut split = Split::clone(plain);
    split.ids = names.map(|(i, image)| ImageId::new(key, &i.to_string(), plain.geometry, image)).collect();
    let mut feed = Feed::new(&flex(), program, Some(key), split.clone()).unwrap();
    let all: Vec<(usize, Augmentation)> = (0..plain.len()).map(|i| (i, Augmentation::IDENTITY)).collect();
    let floats = feed.batch(&all).unwrap().images.into_data().try_to_vec::<f32>().unwrap();
    split.samples = floats.iter().map(|value| ((value + 1.0) * 127.5).round() as u8).collect();
    Arc::new(split)
}

fn config(epochs: usize) -> InverseConfig {
    InverseConfig { epochs, batch: 16, width: 16, discriminator: 64, seed: 3, ..InverseConfig::default() }
}

/// The mean squared distance of restored images from the plain ones, as a share of the distance of the mean image.
fn left(inverse: &Inverse, public: &Arc<Split>, scheme: &Scheme, key: &Key) -> f64 {
    let victims = phantoms(40_000, 40);
    let restored = inverse.restore(&encrypted(&victims, scheme, key)).unwrap();
    let pixels = SIZE * SIZE;
    let mean = |i: usize| {
        let of = public.samples.iter().skip(i % pixels).step_by(pixels).map(|&p| f64::from(p));
        of.sum::<f64>() / public.len() as f64
    };
    let distance = |of: &dyn Fn(usize) -> f64| -> f64 {
        victims.samples.iter().enumerate().map(|(i, &p)| (of(i) - f64::from(p)).powi(2)).sum()
    };
    assert_eq!(restored.len(), victims.samples.len());
    distance(&|i| f64::from(restored[i])) / distance(&mean)
}

/// Leaked pairs under one key: a sub-network for each block undoes it. Under a keystream, the mean image is the best.
#[test]
fn pairs_teach_a_shared_key_and_no_keystream() {
    let public = phantoms(0, 160);
    let config = InverseConfig { block: Some("4".parse().unwrap()), ..config(30) };
    let learn = |scheme: &Scheme| {
        let pairs = Encrypted::Leaked(encrypted(&public, scheme, &key()));
        let mut losses = Vec::new();
        let inverse = from_pairs(&flex(), &public, &pairs, &config, &mut |told| {
            losses.push(told.loss);
            true
        });
        assert_eq!(losses.len(), 30);
        left(&inverse.unwrap(), &public, scheme, &key())
    };
    let blocks = Options { key_scope: Some(KeyScope::Block), ..Options::default() };
    let opened = learn(&Preset::ShuffleFlip.scheme(blocks).unwrap());
    let closed = learn(&Preset::Keystream.scheme(Options::default()).unwrap());
    assert!(opened < 0.5, "{opened} of the distance of the mean image is left");
    assert!(closed > 0.9, "{closed}");
}

/// A key for every image: the attacker's own keys are as good as any, and the network learns what no key changes.
#[test]
fn own_keys_teach_what_a_key_for_every_image_leaves() {
    let public = phantoms(0, 160);
    let learn = |preset: Preset, epochs: usize| {
        let options = match preset {
            Preset::Skk => Options { key_scope: Some(KeyScope::Image), ..Options::default() },
            _ => Options::default(),
        };
        let scheme = preset.scheme(options).unwrap();
        let pairs = Encrypted::OwnKeys(scheme.clone());
        let inverse = from_pairs(&flex(), &public, &pairs, &config(epochs), &mut |_| true).unwrap();
        left(&inverse, &public, &scheme, &Key::from_bytes([77; 32]))
    };
    let (opened, closed) = (learn(Preset::Skk, 60), learn(Preset::Keystream, 15));
    assert!(opened < 0.7 && closed > 0.9, "{opened} and {closed} of the distance of the mean image are left");
}

/// The discriminator learns to tell the two apart, and the seed decides what comes of it.
#[test]
fn an_adversary_is_trained_by_its_seed_and_can_be_stopped() {
    let (public, victims) = (phantoms(0, 64), phantoms(50_000, 64));
    let target = encrypted(&victims, &shuffle_flip(), &key());
    let learn = |seed| {
        let config = InverseConfig { block: Some("4".parse().unwrap()), seed, ..config(9) };
        let mut told = Vec::new();
        let inverse = from_public(&flex(), &target, &public, &config, &mut |epoch| {
            told.push(epoch);
            told.len() < 4
        });
        (inverse.unwrap().restore(&target).unwrap(), told)
    };
    let (restored, told) = learn(1);
    assert_eq!((restored.len(), told.len()), (victims.samples.len(), 4));
    // A discriminator that knows nothing has a loss of 2.
    let hinges: Vec<f32> = told.iter().map(|epoch| epoch.discriminator.unwrap()).collect();
    assert!(hinges[3] < 1.98 && hinges.is_sorted_by(|a, b| a > b), "{told:?}");
    assert!(learn(1).0 == restored && learn(2).0 != restored);
}
