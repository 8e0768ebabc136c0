//! Whole sets through the library, on both engines: equal trees, exact pixels back. On the real X-rays where they are.

mod common;

use common::phantom::{PhantomClass, phantom};
use common::{gpu, shared_data, tree, write_tree};
use imgveil::internal::engine::{CpuEngine, Engine};
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{KeyScope, Options, Preset, Scheme};
use imgveil_data::dataset::names::Naming;
use imgveil_data::dataset::{self, Resize};
use imgveil_data::job::{DecryptOptions, DecryptRequest, EncryptOptions, EncryptRequest, Progress, decrypt, encrypt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what a job says of its progress.
#[derive(Default)]
struct Count {
    announced: AtomicUsize,
    done: AtomicUsize,
}

impl Progress for Count {
    fn start(&self, images: usize) {
        self.announced.store(images, Ordering::Relaxed);
    }
    fn advance(&self, images: usize, _: u64) {
        self.done.fetch_add(images, Ordering::Relaxed);
    }
}

fn key() -> Key {
    Key::from_bytes([3; 32])
}

fn schemes() -> Vec<Scheme> {
    let block = Some("8x4".parse().unwrap());
    let per_block = Options { block, key_scope: Some(KeyScope::Block), scramble: true, ..Options::default() };
    vec![
        Preset::None.scheme(Options::default()).unwrap(),
        Preset::ShuffleFlip.scheme(Options::default()).unwrap(),
        Preset::ShuffleFlip.scheme(per_block).unwrap(),
        Preset::Keystream.scheme(Options::default()).unwrap(),
    ]
}

/// Encrypts `input` on every engine, compares the trees, decrypts on every engine, compares with what `input` decodes to.
fn there_and_back(input: &Path, scheme: &Scheme, fit: Resize, engines: &[&dyn Engine]) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, i: usize| folder.path().join(format!("{name}{i}"));
    for (i, engine) in engines.iter().enumerate() {
        let output = at("encrypted", i);
        let count = Count::default();
        let options = EncryptOptions { fit, naming: Naming::Kept, ..EncryptOptions::default() };
        let secret = &key().into();
        let request = EncryptRequest { input, output: &output, secret, scheme, engine: *engine, options };
        let summary = encrypt(&request, &count).unwrap();
        assert_eq!((summary.failed.len(), summary.scheme), (0, scheme.clone()));
        assert_eq!(count.announced.into_inner(), summary.images);
        assert_eq!(count.done.into_inner(), summary.images);
        assert!(tree(&output) == tree(&at("encrypted", 0)), "{scheme}: {} differs", engine.name());
    }
    let plain = dataset::open(input).unwrap().source;
    for (i, engine) in engines.iter().enumerate() {
        let back = at("back", i);
        let encrypted = at("encrypted", 0);
        let (secret, options) = (&key().into(), DecryptOptions::default());
        let request = DecryptRequest { input: &encrypted, output: &back, secret, engine: *engine, options };
        decrypt(&request, &Count::default()).unwrap();
        let back = dataset::open(&back).unwrap().source;
        assert_eq!(back.items(), plain.items());
        for index in 0..plain.items().len() {
            assert!(back.read(index).unwrap() == plain.read(index).unwrap(), "{scheme}: {}", plain.items()[index].name);
        }
    }
}

fn engines(test: &str) -> Vec<&'static dyn Engine> {
    let mut engines: Vec<&dyn Engine> = vec![&CpuEngine];
    engines.extend(gpu(test).map(|gpu| gpu as &dyn Engine));
    engines
}

#[test]
fn sets_are_equal_on_both_engines_and_come_back_exactly() {
    let engines = engines("sets_are_equal_on_both_engines_and_come_back_exactly");
    // 30 x 30: only padding makes blocks of 4 tile it.
    for (channels, size) in [(1u32, 32usize), (3, 32), (3, 30)] {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("input");
        let geometry = Geometry::new(size as u32, size as u32, channels).unwrap();
        let image = |i: usize| {
            let grey = phantom(i as u64, PhantomClass::ALL[i % 2], size);
            let samples = grey.iter().flat_map(|&p| (0..channels as u8).map(move |c| p.wrapping_add(c * 9))).collect();
            let name = format!("{}/{}/{i:02}", if i < 30 { "train" } else { "test" }, PhantomClass::ALL[i % 2].name());
            (name, Image::new(geometry, samples).unwrap())
        };
        write_tree(&input, (0..40).map(image));
        for scheme in schemes() {
            there_and_back(&input, &scheme, Resize { pad: true, ..Resize::default() }, &engines);
        }
    }
}

#[test]
fn real_chest_x_rays_are_equal_on_both_engines_and_come_back_exactly() {
    let Some(input) = shared_data("chest-xray/val") else { return };
    let engines = engines("real_chest_x_rays_are_equal_on_both_engines_and_come_back_exactly");
    for scheme in schemes() {
        there_and_back(&input, &scheme, Resize::default(), &engines);
    }
    assert_eq!(dataset::open(&input).unwrap().source.items().len(), 280);
}
