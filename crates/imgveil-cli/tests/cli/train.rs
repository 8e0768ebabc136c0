//! `imgveil train`, `export` and `model`: what is refused, and weights that are exported and used again.

use crate::common::bounded::in_memory;
use crate::common::sandbox::*;

/// Two classes of six images, plain and encrypted.
fn sets() -> Sandbox {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..12).map(|i| format!("in/{}/{i}.png", ["a", "b"][i % 2])).collect();
    sandbox.greys(&names.iter().map(String::as_str).collect::<Vec<_>>());
    sandbox.does("encrypt -k k.key in enc", 12, "0.0", "shuffle-flip");
    sandbox
}

#[test]
fn a_missing_set_is_named() {
    Sandbox::new().refuses("train --data no -o run", USAGE, "there is no no: check the path");
}

#[test]
fn a_scheme_without_a_key_is_refused() {
    let words = "scheme shuffle-flip needs a key: give -k KEY or --tables FILE, or leave the scheme out to train on \
    the images as they are";
    sets().refuses("train --data in -s shuffle-flip -o run", USAGE, words);
    sets().refuses("train --data in --block 8 -o run", USAGE, words);
}

#[test]
fn tables_are_refused_as_a_key_is() {
    let sandbox = sets();
    assert_eq!(sandbox.run("key export-tables -k k.key --size 8x8x1 -o t.npz").code, 0);
    let right = |words: &str| words.contains("`key` (stage 0, nibble-shuffling block=4x4 key=shared)");
    sandbox.refuses_like("train --data in --tables t.npz -s le -o run", KEY, right);
    sandbox
        .refuses_like("train --data in --tables t.npz -s keystream -o run", USAGE, |words| words.contains("no tables"));
    sandbox
        .refuses_like("train --data in --tables no.npz -o run", USAGE, |words| words.contains("no tables file no.npz"));
    // The tables of another set.
    sandbox.refuses_like("train --data enc --tables t.npz -o run", KEY, |words| words.contains("with key"));
}

#[test]
fn an_encrypted_set_takes_no_scheme_or_size() {
    let sandbox = sets();
    let words =
        "enc is encrypted already: train on it without a scheme or resizing (or give the plain set and the key)";
    for options in ["-s none", "-k k.key -s shuffle-flip", "--resize 8", "-k k.key --pad"] {
        sandbox.refuses(&format!("train --data enc {options} -o run"), USAGE, words);
    }
}

/// With the key, the manifest is authenticated first; what is learned is the same.
#[test]
fn the_key_of_an_encrypted_set_authenticates_its_manifest() {
    let sandbox = sets();
    let losses = |run: &str| {
        let table = String::from_utf8(sandbox.read(&format!("{run}/metrics.csv"))).unwrap();
        table.lines().map(|line| line.split(',').take(3).collect::<Vec<_>>().join(",")).collect::<Vec<_>>()
    };
    let with_key = sandbox.run("train --data enc -k k.key --batch 4 --epochs 1 --device cpu -o sealed");
    assert!(with_key.code == 0 && with_key.err.contains("the seal of imgveil.json fits the key"), "{}", with_key.err);
    assert_eq!(sandbox.run("train --data enc --batch 4 --epochs 1 --device cpu -o keyless").code, 0);
    assert_eq!(losses("sealed"), losses("keyless"));
    let predicted = sandbox.run("predict sealed --data enc -k k.key -o sealed.csv --device cpu");
    assert!(predicted.code == 0 && predicted.err.contains("the seal of imgveil.json fits"), "{}", predicted.err);
    assert_eq!(sandbox.run("predict sealed --data enc -o keyless.csv --device cpu").code, 0);
    assert_eq!(sandbox.read("sealed.csv"), sandbox.read("keyless.csv"));

    sandbox.key("other.key", &key(1), 0o600);
    let whole = sandbox.manifest("enc");
    let mut changed = whole.clone();
    let label = changed["images"][0]["label"].as_u64().unwrap();
    changed["images"][0]["label"] = (1 - label).into();
    for (line, output) in [("train --data enc -o new", "new"), ("predict sealed --data enc -o new.csv", "new.csv")] {
        sandbox.write("enc/imgveil.json", whole.to_string().as_bytes());
        sandbox.refuses_like(&format!("{line} -k other.key"), KEY, |words| words.contains("with key 324ea5f0f753f05b"));
        sandbox.write("enc/imgveil.json", changed.to_string().as_bytes());
        sandbox.refuses_like(&format!("{line} -k k.key"), DATASET, |words| words.contains("its seal does not fit"));
        assert!(!sandbox.path(output).exists());
    }
}

#[test]
fn an_encrypted_set_is_not_augmented() {
    let words = "augmentation comes before encryption, but this set is encrypted already: train on the plain set \
         with the key";
    sets().refuses("train --data enc --augment flip -o run", USAGE, words);
}

#[test]
fn one_class_or_none_is_refused() {
    let sandbox = Sandbox::new();
    let words =
        |classes: &str| format!("in has {classes}; training needs at least two: a folder for each, or a labels array");
    sandbox.greys(&["in/1.png", "in/2.png"]);
    sandbox.refuses("train --data in -o run", DATASET, &words("0 class(es)"));
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a/1.png", "in/a/2.png"]);
    sandbox.refuses("train --data in -o run", DATASET, &words("1 class(es)"));
}

#[test]
fn images_without_a_class_are_refused() {
    let sandbox = sets();
    sandbox.greys(&["in/stray.png"]);
    let words = "stray has no class; training needs a folder for each class, or a labels array";
    sandbox.refuses("train --data in -o run", DATASET, words);
}

#[test]
fn a_set_without_training_images_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/val/a/1.png", "in/test/b/2.png"]);
    let words = "in has no training images: expected a train/ folder or array, or class folders";
    sandbox.refuses("train --data in -o run", DATASET, words);
}

#[test]
fn a_damaged_image_stops_training_before_it_begins() {
    let sandbox = sets();
    sandbox.write("in/a/bad.png", b"no image");
    sandbox.refuses("train --data in -o run", DATASET, &format!("a/bad.png: {FOREIGN}; repair or remove it"));
}

#[test]
fn one_training_image_is_too_few() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/train/a/1.png", "in/val/a/2.png", "in/val/b/3.png"]);
    sandbox.refuses_like("train --data in -o run", DATASET, |words| words.contains("at least two are needed"));
}

#[test]
fn an_adaptation_networks_blocks_must_tile_the_images() {
    let sandbox = Sandbox::new();
    (0..4).for_each(|i| sandbox.picture(&format!("in/{}/{i}.png", ["a", "b"][i % 2]), grey(6, 6, i as u32)));
    let words = "the adaptation network (--adapt) needs blocks that tile the images, and blocks of 4x4 do not tile \
    6x6x1: use --pad, --crop or --resize, or another --block";
    sandbox.refuses("train --data in --adapt ele -o run", USAGE, words);
}

#[test]
fn weights_that_are_none_are_refused() {
    let sandbox = sets();
    let words = "cannot read the weights no.safetensors: No such file or directory (os error 2)";
    sandbox.refuses("train --data in --weights no.safetensors -o run", USAGE, words);
    sandbox.write("bad.safetensors", b"no weights at all");
    sandbox.refuses_like("train --data in --weights bad.safetensors -o run", DATASET, |words| {
        words.contains("bad.safetensors is no file of weights in the safetensors format, or it is damaged: ")
    });
}

/// The weights of a run are exported, begin another run, and are encrypted with a key.
#[test]
fn weights_are_exported_reused_and_matched() {
    let sandbox = sets();
    let train = "train --data in --model vit-tiny --epochs 1 --batch 4";
    assert_eq!(sandbox.run(&format!("{train} -o run")).code, 0);
    sandbox.run("export run -o m.safetensors").is(0, "wrote m.safetensors: vit-tiny, classes a, b\n", "");
    let exists = "m.safetensors exists: choose another name with -o, or remove it first";
    sandbox.refuses("export run -o m.safetensors", USAGE, exists);
    sandbox.refuses_like("export no -o n.safetensors", USAGE, |words| words.contains("cannot read no/model.json: "));
    assert_eq!(sandbox.run(&format!("{train} --weights m.safetensors -o again")).code, 0);
    sandbox.refuses_like("train --data in --model resnet18 --weights m.safetensors -o bad", USAGE, |words| {
        words.contains("m.safetensors has no tensor `bn1.weight`, which a resnet18 has")
    });

    let wrote = |file: &str, what: &str| {
        let scheme = "vit [pixel-shuffling block=4x4 key=shared order=channel-row-column; block-scrambling block=4x4]";
        format!("wrote {file}: for {what} images of 8x8x1, {scheme}\n")
    };
    let done = sandbox.run("model encrypt -k k.key --block 4 m.safetensors -o e.safetensors");
    done.is(0, &wrote("e.safetensors", "encrypted"), "");
    let done = sandbox.run("model decrypt -k k.key --block 4 e.safetensors -o p.safetensors");
    done.is(0, &wrote("p.safetensors", "plain"), "");
    assert!(sandbox.read("p.safetensors") == sandbox.read("m.safetensors"));
    assert!(sandbox.read("e.safetensors") != sandbox.read("m.safetensors"));
    sandbox.refuses_like("model encrypt -k k.key m.safetensors -o x.safetensors", USAGE, |words| {
        words.contains("blocks of 16x16 pixels are larger than an image of 8x8")
    });
    let words = "give the key with -k FILE, or tables with --tables FILE";
    sandbox.refuses("model encrypt m.safetensors -o x.safetensors", USAGE, words);
}

#[test]
fn values_that_are_none_are_refused() {
    let sandbox = Sandbox::new();
    for (option, words) in [
        (
            "--model vgg",
            "invalid value 'vgg' for '--model <MODEL>': `vgg` is no model: cnn, resnet18, resnet50, densenet121, \
            xception, vit-tiny, vit-small, convmixer, bag",
        ),
        ("--adapt etc", "invalid value 'etc' for '--adapt <NAME>': `etc` is no adaptation network: le, ele"),
        ("--epochs 0", "invalid value '0' for '--epochs <EPOCHS>': 0 is not in 1..=4294967295"),
        ("--batch 1", "invalid value '1' for '--batch <BATCH>': 1 is not in 2..=4294967295"),
        ("--lr 0", "invalid value '0' for '--lr <LR>': `0` is no positive number"),
        (
            "--augment spin",
            "invalid value 'spin' for '--augment <LIST>': `spin` is no augmentation: none, or a list of \
             crop, flip, rotate and brightness, such as crop=4,flip,rotate=10,brightness=20",
        ),
    ] {
        let words = format!("{words}\n\nFor more information, try '--help'.");
        sandbox.refuses(&format!("train --data in -o run {option}"), USAGE, &words);
    }
}

#[test]
fn a_run_folder_with_something_in_it_is_not_touched() {
    let sandbox = sets();
    sandbox.write("run/notes.txt", b"mine");
    let words = "run exists and is not empty: choose another folder for this run with -o, or remove it first";
    sandbox.refuses("train --data in -o run", USAGE, words);
    sandbox.refuses("train --data enc -o run", USAGE, words);
    // What a run that was cut leaves.
    sandbox.write("cut/run.json", b"{}");
    let words = "cut exists and is not empty: it holds a run; --resume goes on with it if it was cut, or choose \
                 another folder with -o";
    sandbox.refuses("train --data in -o cut", USAGE, words);
}

#[test]
fn sizes_that_differ_between_splits_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/train/a/1.png", "in/train/b/2.png"]);
    sandbox.picture("in/test/a/3.png", grey(8, 12, 0));
    sandbox.refuses(
        "train --data in -o run",
        USAGE,
        "the test images are 8x12x1 (height x width x channels) and the training images 8x8x1; bring them to one size \
         with --resize HEIGHTxWIDTH, and to one number of channels and one depth beforehand",
    );
    sandbox.picture("in/train/a/4.png", grey(12, 8, 0));
    sandbox.refuses(
        "train --data in -o run",
        USAGE,
        "images differ: train/a/1 is 8x8x1 (height x width x channels), train/a/4 is 12x8x1; bring them to one size \
         with --resize HEIGHTxWIDTH, and to one number of channels and one depth beforehand",
    );
}

/// --resize does not help here, so the message must name the channels.
#[test]
fn grey_and_rgb_together_are_refused_with_words_that_help() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/train/a/1.png", "in/train/b/2.png"]);
    sandbox.picture("in/val/a/3.png", rgb(8, 8, 0));
    let right = |words: &str| words.contains("8x8x1") && words.contains("8x8x3") && words.contains("channels");
    sandbox.refuses_like("train --data in -o run", USAGE, right);
    sandbox.picture("in/train/b/4.png", rgb(8, 8, 0));
    sandbox.refuses_like("train --data in -o run", USAGE, right);
}

#[test]
fn a_patch_larger_than_the_images_is_refused() {
    let right = |words: &str| words.contains("--patch") && !words.contains("stopped unexpectedly");
    sets().refuses_like("train --data in --epochs 1 --patch 64 -o run", USAGE, right);
    sets().refuses_like("train --data in --epochs 1 --patch 4x9 -o run", USAGE, right);
}

#[test]
fn a_device_that_is_not_there_leaves_no_run_folder() {
    let right = |words: &str| words.starts_with("error: there is no adapter number 99: ");
    sets().refuses_like("train --data in --device 99 -o runs/a", DEVICE, right);
}

/// A step that does not fit is refused before anything is written, and the batch that is named fits.
#[test]
fn a_batch_that_does_not_fit_into_memory_is_refused_with_one_that_does() {
    let sandbox = Sandbox::new();
    for i in 0..66 {
        let split = if i < 64 { "train" } else { "val" };
        sandbox.picture(&format!("in/{split}/{}/{i}.png", ["a", "b"][i % 2]), grey(64, 64, i as u32));
    }
    let line =
        |batch: u32, run: &str| format!("train --data in --patch 1 --epochs 1 --batch {batch} --device cpu -o {run}");
    const MEMORY: u64 = 512 << 20;
    let Some(refused) = in_memory(&sandbox, &line(64, "run"), MEMORY) else { return };
    assert_eq!(refused.code, 1, "{}", refused.err);
    let advice = refused.err.split_once("use --batch ").unwrap_or_else(|| panic!("{}", refused.err)).1;
    assert!(refused.err.starts_with("error: a step of 64 images needs about "), "{}", refused.err);
    assert!(!sandbox.path("run").exists());
    let batch: u32 = advice.split(',').next().unwrap().parse().unwrap();
    assert!(advice.contains(&format!("--accumulate {}", 64 / batch)), "{advice}");
    let trained = in_memory(&sandbox, &line(batch, "run"), MEMORY).unwrap();
    assert_eq!(trained.code, 0, "{}", trained.err);
    // Predictions take batches that fit.
    let predicted = in_memory(&sandbox, "predict run --data in --batch 64 --device cpu", MEMORY).unwrap();
    assert_eq!(predicted.code, 0, "{}", predicted.err);
}

#[test]
fn a_split_of_other_classes_than_the_training_images_is_refused() {
    let sandbox = Sandbox::new();
    let names: Vec<String> =
        (0..8).map(|i| format!("in/{}/{i}.png", ["train/a", "train/b", "test/c", "test/d"][i % 4])).collect();
    sandbox.greys(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let words = "no test image is of a class of the training images: its scores would mean nothing; call the folders \
                 of a class alike in all splits, or encrypt the set with --labels FILE";
    sandbox.refuses_like("train --data in -o run", DATASET, |found| found.contains(words));
}
