//! The feed: the engine's bits in burn's memory, little traffic, and no growth.

use crate::{Losses, SIZE, config, cpu, flex, gpu, key, set, shuffle_flip};
use burn::tensor::Tensor;
use imgveil::internal::engine::{ImageRef, Loaded as LoadedProgram};
use imgveil::internal::image::Augmentation;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::{Options, PRESETS, Preset};
use imgveil_train::{Backend, Config, Feed, Labels, TrainingSet, train};

fn bits(tensor: Tensor<4>) -> Vec<u32> {
    tensor.into_data().try_to_vec::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

const PICKS: [(usize, Augmentation); 5] = [
    (3, Augmentation::IDENTITY),
    (0, Augmentation { dy: 2, dx: -3, ..Augmentation::IDENTITY }),
    (7, Augmentation { mirrored: true, ..Augmentation::IDENTITY }),
    (3, Augmentation { dy: -4, dx: 1, mirrored: true, angle: -1_234, brightness: 40 }),
    (9, Augmentation { dy: 16, ..Augmentation::IDENTITY }),
];

/// The floats that the CPU engine gives for [`PICKS`] in an epoch, as bits.
fn expected(set: &TrainingSet, epoch: u32) -> Vec<u32> {
    let mut refs = Vec::new();
    for (index, view) in PICKS {
        let id = |index: usize| set.train.ids[index].of_augmentation(&key(), view);
        let Some(mixing) = set.program.mixing() else {
            refs.push(ImageRef::new(index as u32).augmented(view).with_id(id(index)));
            continue;
        };
        let part = ImageId(1u64.to_le_bytes()).of_epoch(&key(), epoch);
        let partners = mixing.partners(part.stream(), set.train.len() as u32);
        let weights = mixing.weights(id(index).of_epoch(&key(), epoch), SIZE * SIZE);
        let mixed = std::iter::once(index as u32).chain(partners.iter().map(|list| list[index]));
        refs.extend(mixed.zip(weights).map(|(index, weight)| {
            let id = id(index as usize).of_epoch(&key(), epoch);
            ImageRef::new(index).augmented(view).with_id(id).weighted(weight)
        }));
    }
    let mut floats = vec![0.0; PICKS.len() * set.train.geometry.samples()];
    let program = LoadedProgram::new(&cpu(), set.program.clone()).unwrap();
    program.floats(&set.train.samples, &refs, &mut floats).unwrap();
    floats.into_iter().map(f32::to_bits).collect()
}

#[test]
fn the_feed_gives_the_engines_bits_on_both_backends() {
    let flex = flex();
    let gpu = gpu("the feed on the GPU");
    for preset in PRESETS {
        let set = set(preset.scheme(Options::default()).unwrap(), 10);
        for backend in [Some(&flex), gpu.as_ref().map(|(backend, _)| *backend)].into_iter().flatten() {
            let mut feed = Feed::new(backend, set.program.clone(), set.key.as_ref(), set.train.clone()).unwrap();
            for epoch in [1, 2] {
                feed.begin_epoch(epoch);
                let batch = feed.batch(&PICKS).unwrap();
                assert_eq!(batch.images.dims(), [5, 1, SIZE, SIZE]);
                assert_eq!(bits(batch.images), expected(&set, epoch), "{preset:?} on {}", backend.name());
                match batch.labels {
                    Labels::Hard(labels) => {
                        let labels: Vec<i64> = labels.into_data().iter::<i64>().collect();
                        assert_eq!((preset == Preset::InstaHide, &labels[..]), (false, &[1, 0, 1, 1, 1][..]));
                    }
                    Labels::Soft(shares) => {
                        assert_eq!((preset, shares.dims()), (Preset::InstaHide, [5, 2]));
                        let shares = shares.into_data().try_to_vec::<f32>().unwrap();
                        assert!(shares.chunks(2).all(|pair| pair[0] + pair[1] == 1.0), "{shares:?}");
                        assert!(shares.iter().any(|&share| share != 0.0 && share != 1.0), "{shares:?}");
                    }
                    _ => panic!("labels of another kind"),
                }
            }
            if preset == Preset::InstaHide {
                assert_ne!(expected(&set, 1), expected(&set, 2), "every epoch mixes anew");
            }
            assert!(feed.batch(&[(10, Augmentation::IDENTITY)]).is_err());
        }
    }
}

/// Limits the images of the shared backend until it is dropped, so that other tests have the default limit.
struct Limited<'a>(&'a Backend);

impl<'a> Limited<'a> {
    fn new(backend: &'a Backend, bytes: u64) -> Self {
        backend.limit_images(bytes);
        Self(backend)
    }
}

impl Drop for Limited<'_> {
    fn drop(&mut self) {
        self.0.limit_images(4 << 30);
    }
}

/// With fresh keys an image is another one in every epoch, and the same in the same epoch; without them it stays.
#[test]
fn fresh_keys_are_other_keys_in_every_epoch() {
    let backend = flex();
    let set = set(Preset::ShuffleFlipImage.scheme(Options::default()).unwrap(), 4);
    let feed = || Feed::new(&backend, set.program.clone(), set.key.as_ref(), set.train.clone()).unwrap();
    let seen = |mut feed: Feed, epoch| {
        feed.begin_epoch(epoch);
        bits(feed.batch(&[(1, Augmentation::IDENTITY)]).unwrap().images)
    };
    assert_eq!(seen(feed(), 1), seen(feed(), 2));
    let (first, second) = (seen(feed().with_fresh_keys(), 1), seen(feed().with_fresh_keys(), 2));
    assert!(first != second && first != seen(feed(), 1));
    assert_eq!(first, seen(feed().with_fresh_keys(), 1));
}

/// A set that streams gives the bits of one that lies on the device, for mixtures too, one batch at a time or
/// prepared ahead, and what goes up are the images of a batch and a little more.
#[test]
fn a_set_that_streams_is_the_same_set() {
    let Some((backend, _turn)) = gpu("a_set_that_streams_is_the_same_set") else { return };
    let counts = || backend.gpu().unwrap().traffic().counts();
    for preset in PRESETS {
        let set = set(preset.scheme(Options::default()).unwrap(), 40);
        let feed = || Feed::new(backend, set.program.clone(), set.key.as_ref(), set.train.clone()).unwrap();
        let _limited = Limited::new(backend, 40 * 256 - 1);
        let before = counts();
        let mut streamed = feed();
        assert!(streamed.is_streamed());
        assert_eq!(counts() - before, Default::default());
        for epoch in [1, 2] {
            streamed.begin_epoch(epoch);
            // What was prepared and is not asked for does no harm.
            streamed.prepare(&[(1, Augmentation::IDENTITY)]).unwrap();
            assert_eq!(bits(streamed.batch(&PICKS).unwrap().images), expected(&set, epoch), "{preset:?}");
            assert!(
                streamed.batch(&[(40, Augmentation::IDENTITY)]).is_err()
                    && streamed.prepare(&[(40, Augmentation::IDENTITY)]).is_err()
            );
        }
        // More batches than slots in the ring, of sizes that go up and down, none read before all are made.
        backend.limit_images(40 * 256);
        let mut resident = feed();
        assert!(!resident.is_streamed());
        assert!(feed().is_streamed(), "the room is taken");
        let view =
            |i: usize| Augmentation { dx: (i % 5) as i16, angle: (i % 3) as i16 * 700, ..Augmentation::IDENTITY };
        let order: Vec<Vec<(usize, Augmentation)>> =
            (0..12).map(|i| (0..i * 7 % 10 + 1).map(|j| ((i * 11 + j * 3) % 40, view(i + j))).collect()).collect();
        for feed in [&mut streamed, &mut resident] {
            feed.begin_epoch(3);
        }
        let whole: Vec<_> = streamed.batches(&order).map(|batch| batch.unwrap().images).collect();
        for (picks, images) in order.iter().zip(whole) {
            assert!(bits(images) == bits(resident.batch(picks).unwrap().images), "{preset:?}");
        }
        drop(resident);
        assert!(!feed().is_streamed(), "the room is free again");

        // One image more than the batch before went up: its 256 bytes, its 28 of a pick, its label; never a byte down.
        let mut sent = |images: usize| {
            let picks: Vec<(usize, Augmentation)> = (0..images).map(|i| (i, Augmentation::IDENTITY)).collect();
            streamed.batch(&picks).unwrap();
            let before = counts();
            streamed.batch(&picks).unwrap();
            let sent = counts() - before;
            assert_eq!(sent.device_to_host, 0);
            sent.host_to_device
        };
        let (label, group) = if preset == Preset::InstaHide { (8, 4) } else { (4, 1) };
        let steps = match preset {
            Preset::SkkFilter | Preset::DpPix => 3,
            Preset::Pixelate | Preset::Blur | Preset::EtcImage => 2,
            Preset::ShuffleFlipImage | Preset::VitImage => 4,
            _ => 1,
        };
        assert_eq!(sent(20) - sent(19), group * (256 + steps * 28) + label, "{preset:?}");
    }
}

/// burn frees a batch's memory while operations that read it are queued but not submitted, and gives it to the next
/// batch: the next batch must not overtake them. (With the pinned versions it does not even without the flush in
/// `Bridge::tensor`; this is here for the day when burn orders its work in another way.)
#[test]
fn a_batch_does_not_overtake_queued_operations_on_the_last_one() {
    let Some((backend, _turn)) = gpu("a_batch_does_not_overtake_queued_operations_on_the_last_one") else { return };
    let set = set(shuffle_flip(), 10);
    let mut feed = Feed::new(backend, set.program.clone(), set.key.as_ref(), set.train.clone()).unwrap();
    let many = |index: usize| vec![(index, Augmentation::IDENTITY); 64];
    let (first, second) = (many(3), many(5));
    let expected = bits(feed.batch(&first).unwrap().images);
    for _ in 0..20 {
        let images = feed.batch(&first).unwrap().images;
        let queued = images.clone() * 1.0;
        drop(images);
        let next = feed.batch(&second).unwrap();
        assert_eq!(bits(queued), expected);
        drop(next);
    }
}

#[test]
fn a_training_step_sends_little_and_fetches_only_what_is_shown() {
    let Some((backend, _turn)) = gpu("a_training_step_sends_little_and_fetches_only_what_is_shown") else { return };
    for scheme in [shuffle_flip(), Preset::Keystream.scheme(Options::default()).unwrap()] {
        let set = set(scheme, 64);
        let augmented = Config { augment: "crop,flip".parse().unwrap(), ..config(2) };
        let traffic = train(backend, &set, &augmented, None, &mut ()).unwrap().traffic.unwrap();
        assert_eq!(traffic.steps, 8);
        assert!(traffic.host_to_device_per_image <= 64.0, "{traffic:?}");
        // An upload of the images themselves would be 256 bytes each, and no upload at all would be no training.
        assert!(traffic.host_to_device_per_image >= 8.0, "{traffic:?}");
        assert_eq!(traffic.dispatches_per_step, 1.0);
        // The mean loss of each epoch, four bytes.
        assert_eq!(traffic.device_to_host, 8);
        let traffic = train(backend, &set, &config(1), None, &mut Losses::default()).unwrap().traffic.unwrap();
        assert_eq!(traffic.device_to_host, 4 * (traffic.steps + 1));
    }
}

/// What burn's pools hold does not grow from epoch to epoch, whatever goes through the feed.
#[test]
fn memory_on_the_device_is_bounded_over_epochs() {
    let Some((backend, _turn)) = gpu("memory_on_the_device_is_bounded_over_epochs") else { return };
    let config = Config { augment: "crop=2,flip,rotate=10".parse().unwrap(), ..config(8) };
    let outcome = train(backend, &set(shuffle_flip(), 48), &config, None, &mut ()).unwrap();
    let held: Vec<u64> = outcome.epochs.iter().map(|epoch| epoch.device_bytes.unwrap()).collect();
    assert!(held[0] > 0);
    // The first epochs take what the optimiser and every kind of batch need; then hardly anything more. A batch that
    // is kept in every step would be 144 KiB in these three epochs.
    assert!(held[7] <= held[4] + (64 << 10) && held[7] < held[0] + held[0] / 50, "{held:?}");
}
