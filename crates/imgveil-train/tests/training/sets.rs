//! Sets that were encrypted or mixed beforehand are trained on like plain sets with the key.

use crate::common::phantom::PhantomClass;
use crate::common::write_tree;
use crate::{Losses, SIZE, config, cpu, flex, gpu, key, phantoms};
use imgveil::internal::engine::Device;
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::scheme::{KeyScope, Options, Preset, export};
use imgveil::internal::sealed::Salt;
use imgveil_data::job::{DecryptOptions, DecryptRequest, DecryptRun, EncryptOptions, EncryptRequest, EncryptRun};
use imgveil_data::set::Resize;
use imgveil_data::set::names::Naming;
use imgveil_data::{ErrorKind as SetErrorKind, set};
use imgveil_train::{TrainingSet, train, training_set};
use std::path::Path;

fn write_phantoms(folder: &Path) {
    let split = phantoms(0, 60);
    let image = |i: usize| {
        let samples = split.samples[i * SIZE * SIZE..][..SIZE * SIZE].to_vec();
        let name = format!("{}/{i:02}", PhantomClass::ALL[i % 2].name());
        (name, Image::new(split.geometry, samples).unwrap())
    };
    write_tree(folder, (0..60).map(image));
}

/// The hospital's side and the cloud's side see the same images, so they learn the same.
#[test]
fn an_encrypted_set_without_the_key_trains_as_the_plain_set_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, encrypted) = (folder.path().join("plain"), folder.path().join("encrypted"));
    write_phantoms(&plain);
    for scheme in [
        Preset::ShuffleFlip
            .scheme(Options { key_scope: Some(KeyScope::Block), scramble: true, ..Options::default() })
            .unwrap(),
        // Keys per image come from ids, which depend on the salt of a set: with them, the plain set gives other images.
        Preset::Le.scheme(Options::default()).unwrap(),
    ] {
        let output = encrypted.with_extension(&scheme.name);
        // Neutral names would put the images into another order, and training shows them in other batches.
        let options = EncryptOptions { naming: Naming::Kept, ..EncryptOptions::default() };
        let resize = Resize::default();
        let (secret, used) = (key().into(), scheme.clone());
        let request = EncryptRequest { input: plain.clone(), output: output.clone(), secret, scheme: used, options };
        EncryptRun::new(request, cpu()).run().unwrap();
        let losses = |set: TrainingSet| {
            assert!(set.note.as_ref().unwrap().contains("12 of 60"));
            let mut losses = Losses::default();
            train(&flex(), &set, &config(1), None, &mut losses).unwrap();
            losses.0
        };
        let with_key = losses(training_set(&plain, Some(scheme.clone()), Some(key().into()), resize).unwrap());
        let without = losses(training_set(&output, None, None, resize).unwrap());
        assert_eq!(with_key, without, "{scheme}");
        let geometry = Geometry::new(SIZE as u32, SIZE as u32, 1).unwrap();
        let tables = export(&scheme, &key(), geometry).unwrap();
        let with_tables = losses(training_set(&plain, Some(scheme.clone()), Some(tables.into()), resize).unwrap());
        assert_eq!(with_key, with_tables, "{scheme}");
    }
}

/// Mixtures made beforehand: the same floats and labels on both engines, nothing to undo, and something to learn from.
#[test]
fn a_set_of_mixtures_is_written_read_and_learned_from() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    write_phantoms(&plain);
    let scheme = Preset::InstaHide.scheme(Options::default()).unwrap();
    let resize = Resize::default();
    let mix = |name: &str, device: Device| {
        let output = folder.path().join(name);
        // Both have one salt, so that they are the same images.
        let options = EncryptOptions { salt: Some(Salt([7; 16])), ..EncryptOptions::default() };
        let (secret, scheme) = (key().into(), scheme.clone());
        let request = EncryptRequest { input: plain.clone(), output: output.clone(), secret, scheme, options };
        EncryptRun::new(request, device).run().map(|_| output)
    };
    let output = mix("mixed.npz", cpu()).unwrap();
    if let Some((backend, _turn)) = gpu("mixtures on the GPU") {
        let device = backend.gpu_device().unwrap();
        let other = mix("gpu.npz", device).unwrap();
        assert!(std::fs::read(&output).unwrap() == std::fs::read(other).unwrap());
    }
    let kind = |name| mix(name, cpu()).unwrap_err().kind();
    assert_eq!(kind("folder"), SetErrorKind::InvalidRequest);
    assert_eq!(kind("mixed.npz"), SetErrorKind::AlreadyExists);

    let mixed = set::mixtures::open(&output).unwrap();
    let part = &mixed.splits[&set::Split::All];
    assert_eq!((part.images.len(), part.labels.len()), (60 * SIZE * SIZE, 60 * 2));
    assert!(part.images.iter().all(|value| value.abs() <= 1.0));
    assert!(part.labels.chunks(2).all(|pair| pair[0] + pair[1] == 1.0));
    // Half of the 15,360 signs are flipped, with a standard deviation of 0.004.
    let negative = part.images.iter().filter(|value| value.is_sign_negative()).count() as f64;
    assert!((negative / part.images.len() as f64 - 0.5).abs() < 0.03);

    let back = folder.path().join("back");
    let options = DecryptOptions::default();
    let request = DecryptRequest { input: output.clone(), output: back.clone(), secret: key().into(), options };
    let error = DecryptRun::new(request, cpu()).run().unwrap_err();
    assert_eq!(error.kind(), SetErrorKind::Mixtures, "{error}");
    assert!(!back.exists());

    let trained = training_set(&output, None, None, resize).unwrap();
    assert_eq!((trained.train.len(), trained.encrypted), (60, true));
    assert!(training_set(&output, Some(scheme.clone()), Some(key().into()), resize).is_err());
    let mut losses = Losses::default();
    train(&flex(), &trained, &config(12), None, &mut losses).unwrap();
    // The losses of the first and the last two epochs. Without learning they would be nearly the same.
    let (begin, end) = (&losses.0[..8], &losses.0[losses.0.len() - 8..]);
    assert!(end.iter().sum::<f32>() < 0.95 * begin.iter().sum::<f32>(), "{:?}", losses.0);

    // A changed value is found out.
    let mut bytes = std::fs::read(&output).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&output, bytes).unwrap();
    assert!(set::mixtures::open(&output).is_err());
}
