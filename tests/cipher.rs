//! The public face: what a program outside of the project can do, on both engines.

mod common;

use common::{engines, geometry, gpu, ramp};
use imgveil::internal::scheme::PRESETS;
use imgveil::{Cipher, Device, ErrorKind, Images, Key, Preset, Scheme};
use std::future::IntoFuture;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

fn key() -> Key {
    Key::from_bytes([9; 32])
}

fn images(side: u32) -> Images {
    let geometry = geometry(side, side, 3);
    Images::new(geometry, ["a", "b", "c"], ramp(3 * geometry.bytes())).unwrap()
}

#[test]
fn handles_can_be_held_and_sent() {
    fn held<T: Clone + Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    held::<Cipher>();
    held::<Device>();
    sent::<imgveil::Job>();
    sent::<<imgveil::Job as IntoFuture>::IntoFuture>();
}

#[test]
fn every_scheme_is_undone_or_says_why_not() {
    let images = images(32);
    for device in engines("every_scheme_is_undone_or_says_why_not") {
        for preset in PRESETS {
            let scheme = preset.scheme(Default::default()).unwrap();
            let cipher = Cipher::new(&scheme, key(), images.geometry(), &device).unwrap();
            let encrypted = match cipher.encrypt(&images) {
                Ok(encrypted) => encrypted,
                Err(error) => {
                    assert!(scheme.mixes(), "{preset:?}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Incompatible);
                    continue;
                }
            };
            match cipher.decrypt(&encrypted) {
                Ok(plain) => assert_eq!(plain, images, "{preset:?}"),
                Err(error) => {
                    assert!(!scheme.has_inverse(), "{preset:?}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Lossy);
                }
            }
        }
    }
}

/// No two images share a keystream, whatever the caller does. The same image under the same name has the same keystream
/// again.
#[test]
fn ids_come_from_names_and_pixels() {
    let geometry = geometry(8, 8, 1);
    let scheme: Scheme = "keystream".parse().unwrap();
    let cipher = Cipher::new(&scheme, key(), geometry, &Device::cpu()).unwrap();
    let streams = |names: [&str; 2], samples: Vec<u8>| {
        let images = Images::new(geometry, names, samples.clone()).unwrap();
        let encrypted = cipher.encrypt(&images).unwrap();
        let stream: Vec<u8> = encrypted.samples().iter().zip(&samples).map(|(a, b)| a ^ b).collect();
        (stream[..64].to_vec(), stream[64..].to_vec())
    };
    let (first, second) = streams(["a", "b"], vec![0; 128]);
    assert_ne!(first, second);
    assert_ne!(first, streams(["a", "b"], [vec![1; 64], vec![0; 64]].concat()).0);
    assert_eq!(first, streams(["a", "c"], vec![0; 128]).0);
}

/// Wakes nobody; counts that it was asked to.
struct Count(std::sync::atomic::AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Runs a future to its end. It is not polled again before it asks for that.
fn awaited<T>(future: impl Future<Output = T>) -> T {
    let count = Arc::new(Count(0.into()));
    let waker = Waker::from(count.clone());
    let mut future = pin!(future);
    let begun = std::time::Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while count.0.swap(0, std::sync::atomic::Ordering::Relaxed) == 0 {
            assert!(begun.elapsed().as_secs() < 60, "nobody was woken");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

#[test]
fn jobs_are_waited_for_and_awaited() {
    let images = images(64);
    let scheme = Preset::Ele.scheme(Default::default()).unwrap();
    for device in engines("jobs_are_waited_for_and_awaited") {
        let cipher = Cipher::new(&scheme, key(), images.geometry(), &device).unwrap();
        let expected = cipher.encrypt(&images).unwrap();
        assert_eq!(cipher.submit(images.clone()).unwrap().wait().unwrap(), expected);
        assert_eq!(awaited(cipher.submit(images.clone()).unwrap().into_future()).unwrap(), expected);
        assert_eq!(awaited(cipher.decrypt_later(&expected)).unwrap(), images);
        assert_eq!(awaited(cipher.floats_later(&images)).unwrap(), cipher.floats(&images).unwrap());
    }
}

#[test]
fn a_callers_own_wgpu_device_is_adopted() {
    let Some(device) = gpu("a_callers_own_wgpu_device_is_adopted") else { return };
    let own = device.gpu().unwrap();
    let adopted = Device::from_wgpu(own.adapter().clone(), own.device().clone(), own.queue().clone());
    let (images, scheme) = (images(32), "le".parse().unwrap());
    let of = |device: &Device| {
        let cipher = Cipher::new(&scheme, key(), images.geometry(), device).unwrap();
        (cipher.encrypt(&images).unwrap(), cipher.floats(&images).unwrap())
    };
    assert_eq!(of(&adopted), of(&Device::cpu()));
}

/// The callers' own memory gets what `encrypt`, `floats` and `decrypt` return.
#[test]
fn batches_go_from_memory_to_memory() {
    let images = images(32);
    let count = images.samples().len();
    for device in engines("batches_go_from_memory_to_memory") {
        for preset in PRESETS {
            let scheme = preset.scheme(Default::default()).unwrap();
            if scheme.mixes() {
                continue;
            }
            let cipher = Cipher::new(&scheme, key(), images.geometry(), &device).unwrap();
            let expected = cipher.encrypt(&images).unwrap();
            let (mut bytes, mut floats) = (vec![0; count], vec![0.0; count]);
            let ids = cipher.encrypt_into(images.samples(), images.names(), &mut bytes).unwrap();
            assert!(bytes == expected.samples(), "{preset:?}");
            assert_eq!(ids, if cipher.keyed_per_image() { expected.ids() } else { &[] }, "{preset:?}");
            assert_eq!(cipher.floats_into(images.samples(), images.names(), &mut floats).unwrap(), ids);
            assert!(floats == cipher.floats(&images).unwrap(), "{preset:?}");
            match cipher.decrypt_into(expected.samples(), &ids, &mut bytes) {
                Ok(()) => assert!(bytes == images.samples(), "{preset:?}"),
                Err(error) => assert!(error.kind() == ErrorKind::Lossy && !scheme.has_inverse(), "{preset:?}: {error}"),
            }
        }
    }
}

#[test]
fn memory_of_another_size_is_refused() {
    let images = images(8);
    let count = images.samples().len();
    let none: [&str; 0] = [];
    for (scheme, keyed) in [("le", false), ("keystream", true)] {
        let cipher = Cipher::new(&scheme.parse().unwrap(), key(), images.geometry(), &Device::cpu()).unwrap();
        let encrypt = |samples: &[u8], names: &[&str], output: usize| {
            let result = cipher.encrypt_into(samples, names, &mut vec![0; output]);
            result.map_err(|error| assert_eq!(error.kind(), ErrorKind::Batch, "{error}"))
        };
        let names = ["a", "b", "c"];
        assert_eq!(encrypt(images.samples(), &names, count).map(|ids| ids.len()), Ok(if keyed { 3 } else { 0 }));
        assert_eq!(encrypt(images.samples(), &none, count).is_err(), keyed);
        assert_eq!(encrypt(images.samples(), &["a"], count).is_err(), keyed);
        assert!(encrypt(&images.samples()[1..], &names, count - 1).is_err());
        assert!(encrypt(images.samples(), &names, count - 1).is_err());
        assert_eq!(encrypt(&[], &none, 0), Ok(Vec::new()));
        let decrypted = cipher.decrypt_into(images.samples(), &[], &mut vec![0; count]);
        assert_eq!(decrypted.is_err(), keyed);
    }
    let deep = images.geometry().with_depth(imgveil::Depth::new(12).unwrap());
    let cipher = Cipher::new(&"le".parse().unwrap(), key(), deep, &Device::cpu()).unwrap();
    let error = cipher.encrypt_into(&vec![255; deep.bytes()], &none, &mut vec![0; deep.bytes()]).unwrap_err();
    assert!(error.to_string().contains("up to 4095"), "{error}");
}

#[test]
fn errors_have_kinds_and_nothing_prints_a_secret() {
    let images = images(30);
    let cipher = |scheme: &str| Cipher::new(&scheme.parse().unwrap(), key(), images.geometry(), &Device::cpu());
    assert_eq!(cipher("le block=4").unwrap_err().kind(), ErrorKind::Incompatible);
    let cipher = cipher("le block=5").unwrap();
    let other = Images::new(geometry(8, 8, 1), ["a"], vec![0; 64]).unwrap();
    assert_eq!(cipher.encrypt(&other).unwrap_err().kind(), ErrorKind::Batch);
    let printed = format!("{cipher:?} {:?} {images:?}", cipher.encrypt(&images).unwrap());
    assert!(printed.contains(&key().fingerprint().to_string()) && printed.len() < 400, "{printed}");
}
