//! `imgveil attack`: for every attack a scheme that it opens, a control that resists, and misuse.

use crate::common::sandbox::{Sandbox, USAGE, samples};
use image::GrayImage;
use imgveil_attack::chosen::generic;
use imgveil_attack::{Batch, Error, Oracle, Shape};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};

const SIDE: usize = 32;
const SHAPE: Shape = Shape { height: SIDE, width: SIDE, channels: 1 };

/// A picture of soft slopes with little noise; `rough` ones have more. Picture `seed` is of patient `seed / 2`.
fn picture(seed: u32, rough: bool) -> GrayImage {
    let noise = samples((SIDE * SIDE) as u32, seed + 1);
    let patient = seed / 2;
    let (steep, flat) = (1 + patient % 5, 1 + patient / 5 % 4);
    GrayImage::from_fn(SIDE as u32, SIDE as u32, |x, y| {
        let slope = (x * steep + y * flat + patient * 13) % 160 + 30;
        let noise = u32::from(noise[(y * SIDE as u32 + x) as usize]) % if rough { 40 } else { 3 };
        image::Luma([(slope + noise) as u8])
    })
}

/// A folder of 24 pictures: smooth and rough ones, two of each patient.
pub fn pictures(sandbox: &Sandbox) {
    for seed in 0..24 {
        let (class, rough) = if seed % 4 < 2 { ("smooth", false) } else { ("rough", true) };
        sandbox.picture(&format!("in/{class}/p{}-{seed}.png", seed / 2), picture(seed, rough));
    }
}

/// What an attack reports as JSON.
#[track_caller]
fn report(sandbox: &Sandbox, line: &str) -> Value {
    let done = sandbox.run(&format!("attack {line} --json"));
    assert_eq!(done.code, 0, "{line}: {}", done.err);
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {}", done.out))
}

/// The command as a black box: what it encrypts is written and read as files, and nothing else is used.
struct Command<'a> {
    sandbox: &'a Sandbox,
    scheme: &'a str,
    calls: AtomicUsize,
}

impl Command<'_> {
    fn encrypt_folder(&self, folder: &str, out: &str) {
        let done = self.sandbox.run(&format!("encrypt -k k.key -s {} {folder} {out}", self.scheme));
        assert_eq!(done.code, 0, "{}", done.err);
    }
}

impl Oracle for Command<'_> {
    fn encrypt(&self, plain: &Batch) -> Result<Batch, Error> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        for (number, image) in plain.iter().enumerate() {
            let bytes = image.iter().map(|&sample| sample as u8).collect();
            let picture = GrayImage::from_raw(SIDE as u32, SIDE as u32, bytes).unwrap();
            self.sandbox.picture(&format!("asked-{call}/{number}.png"), picture);
        }
        self.encrypt_folder(&format!("asked-{call}"), &format!("answer-{call}"));
        let file = |number: usize| encrypted_file(self.sandbox, &format!("answer-{call}"), &number.to_string());
        let read = |number| self.sandbox.pixels(&file(number)).2;
        let bytes: Vec<u8> = (0..plain.len()).flat_map(read).collect();
        Batch::from_bytes(plain.shape(), &bytes)
    }
}

/// Where `encrypt` puts the image of a folder without classes.
fn encrypted_file(sandbox: &Sandbox, set: &str, name: &str) -> String {
    let manifest = sandbox.manifest(set);
    let images = manifest["images"].as_array().unwrap().iter();
    let entry = images.into_iter().find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("{name}: {manifest}"));
    format!("{set}/{}", entry["path"].as_str().unwrap())
}

#[test]
fn plain_and_encrypted_files_are_enough_to_decrypt_everything_else() {
    for scheme in ["shuffle-flip --key-scope block --scramble", "ele", "etc", "skk", "own.toml"] {
        let sandbox = Sandbox::new();
        sandbox.write(
            "own.toml",
            b"name = \"own\"\n[[stage]]\nstage = \"nibble-shuffling\"\nblock = 8\nkey = \"block\"\n[[stage]]\nstage = \
              \"rotation-inversion\"\nblock = 16\n[[stage]]\nstage = \"block-scrambling\"\nblock = 4\n",
        );
        (0..3).for_each(|seed| sandbox.picture(&format!("secret/{seed}.png"), picture(seed, true)));
        let oracle = Command { sandbox: &sandbox, scheme, calls: AtomicUsize::new(0) };
        oracle.encrypt_folder("secret", "hidden");
        let found = generic(&oracle, SHAPE, 255, 1).unwrap();
        // 2,048 nibbles are numbered by a digit of 8 values and two of 16.
        assert_eq!(found.images, 3, "{scheme}");
        let table = found.table.unwrap_or_else(|| panic!("{scheme}: no table"));
        for seed in 0..3 {
            let hidden = sandbox.pixels(&encrypted_file(&sandbox, "hidden", &seed.to_string())).2;
            let plain = sandbox.pixels(&format!("secret/{seed}.png")).2;
            let back = table.decrypt(&Batch::from_bytes(SHAPE, &hidden).unwrap()).unwrap();
            assert_ne!(hidden, plain, "{scheme}");
            assert!(back.to_bytes().unwrap() == plain, "{scheme}: image {seed}");
        }
    }
}

#[test]
fn chosen_images_open_shared_keys_and_not_keys_per_image() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    for (scheme, knowing) in [("shuffle-flip", 1), ("le", 1), ("ele", 2), ("etc --block 8", 1), ("vit", 1), ("skk", 1)]
    {
        let found = report(&sandbox, &format!("chosen -s {scheme} --device cpu in"));
        assert_eq!((&found["resists"], &found["images"]), (&Value::from(false), &Value::from(24)), "{scheme}");
        let ways = found["ways"].as_array().unwrap();
        let way = |way: &Value| (way["images_chosen"].as_u64().unwrap(), way["exact"].as_u64().unwrap());
        assert_eq!(ways.iter().map(way).collect::<Vec<_>>(), [(3, 24), (knowing, 24)], "{scheme}");
    }
    for scheme in ["keystream", "skk --key-scope image", "skk-filter"] {
        let found = report(&sandbox, &format!("chosen -s {scheme} --device cpu in"));
        assert_eq!(found["resists"], true, "{scheme}");
        assert!(found["verdict"].as_str().unwrap().starts_with("RESISTS this attack."), "{found}");
        assert_eq!((found["ways"][0]["opened"].as_bool(), found["ways"][0]["exact"].as_u64()), (Some(false), Some(0)));
    }
}

#[test]
fn known_pairs_open_shared_keys_and_not_a_keystream() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let report_of = |scheme: &str| report(&sandbox, &format!("known -s {scheme} --pairs 4 --seed 3 --device cpu in"));
    for scheme in ["shuffle-flip", "shuffle-flip --key-scope block --scramble", "etc --block 8", "le"] {
        let found = report_of(scheme);
        let steps = found["steps"].as_array().unwrap();
        assert_eq!(steps.iter().map(|step| step["pairs"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 4]);
        assert!(steps[2]["ssim"].as_f64().unwrap() > 0.95, "{scheme}: {found}");
        assert_eq!((&found["resists"], &found["others"]), (&Value::from(false), &Value::from(20)), "{found}");
    }
    let control = report_of("keystream");
    assert_eq!((&control["resists"], &control["steps"][2]["determined"]), (&Value::from(true), &Value::from(0.0)));
    assert!(control["steps"][2]["ssim"].as_f64().unwrap() < 0.1, "{control}");
    // The same seed draws the same pairs.
    let again = |seed: u32| {
        let line = format!("known -k k.key -s ele --pairs 2 --seed {seed} --device cpu in");
        report(&sandbox, &line)["steps"].clone()
    };
    assert_eq!(again(5), again(5));
    assert_ne!(again(5), again(6));
}

#[test]
fn encrypted_images_alone_open_a_shared_key_and_not_a_keystream() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let report_of = |scheme: &str| report(&sandbox, &format!("ciphertext -s {scheme} --device cpu in"));
    let open = report_of("np");
    assert_eq!(open["resists"], false, "{open}");
    assert!(open["steps"][2]["ssim"].as_f64().unwrap() > 0.9, "{open}");
    let control = report_of("keystream");
    assert_eq!(control["resists"], true, "{control}");
    assert!(control["steps"][2]["ssim"].as_f64().unwrap() < 0.2, "{control}");
}

#[test]
fn images_and_patients_are_found_again_and_not_under_a_keystream() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let report_of = |scheme: &str| {
        report(&sandbox, &format!("reidentify -s {scheme} --patient-pattern p([0-9]+)- --device cpu in"))
    };
    let open = report_of("shuffle-flip");
    assert_eq!((&open["same_pixels"]["rank_1"], &open["resists"]), (&Value::from(1.0), &Value::from(false)), "{open}");
    assert_eq!(open["same_patient"]["pairs_of_one_patient"], 12);
    assert!(open["same_patient"]["auc"].as_f64().unwrap() > 0.8, "{open}");
    let control = report_of("keystream");
    assert_eq!(control["resists"], true, "{control}");
    assert!(control["same_pixels"]["rank_1"].as_f64().unwrap() < 0.3, "{control}");
    assert!((control["same_patient"]["auc"].as_f64().unwrap() - 0.5).abs() < 0.25, "{control}");
    // The same patients from a file.
    let rows = (0..24).map(|seed| format!("p{}-{seed},{}\n", seed / 2, seed / 2)).collect::<String>();
    sandbox.write("patients.csv", format!("name,patient\n{rows}").as_bytes());
    let listed = report(&sandbox, "reidentify -s shuffle-flip --patients patients.csv --device cpu in");
    assert_eq!(listed["same_patient"]["pairs_of_one_patient"], 12);
    let bare = report(&sandbox, "reidentify -s shuffle-flip --device cpu in");
    assert!(bare["same_patient"].is_null());
}

#[test]
fn labels_show_in_texture_and_not_under_a_keystream() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let report_of = |scheme: &str| report(&sandbox, &format!("labels -s {scheme} --device cpu in"));
    for scheme in ["shuffle-flip", "ele"] {
        let open = report_of(scheme);
        assert_eq!((&open["resists"], &open["classes"][0]["class"]), (&Value::from(false), &Value::from("rough")));
        assert!(open["classes"][0]["auc_encrypted"].as_f64().unwrap() > 0.9, "{open}");
    }
    let control = report_of("keystream");
    assert_eq!(control["resists"], true, "{control}");
}

#[test]
fn keys_are_counted() {
    let sandbox = Sandbox::new();
    let few = report(&sandbox, "key-space -s np --size 224x224x1");
    assert_eq!((&few["key"]["bits"], &few["resists"]), (&Value::from(16.0), &Value::from(false)));
    let many = report(&sandbox, "key-space -s keystream");
    assert_eq!((&many["key"]["bits"], &many["resists"]), (&Value::from(256.0), &Value::from(true)));
    assert!(many["key"]["log10_years"].as_f64().unwrap() > 50.0);
    assert!(sandbox.run("attack key-space -s none").out.contains("at once: there is one key"));
}

#[test]
fn sets_that_were_encrypted_elsewhere_are_attacked_too() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    // By imgveil, under neutral names: the file of names tells which is which.
    assert_eq!(sandbox.run("encrypt -k k.key -s shuffle-flip neutral in set").code, 0);
    let ours = report(&sandbox, "known --encrypted set --plain in --pairs 1");
    assert_eq!((&ours["resists"], &ours["scheme"]["name"]), (&Value::from(false), &Value::from("shuffle-flip")));
    let labels = report(&sandbox, "labels --encrypted set");
    assert_eq!((&labels["resists"], &labels["images"]), (&Value::from(false), &Value::from(24)));
    // Without it nothing is guessed.
    std::fs::rename(sandbox.path("set.names.csv"), sandbox.path("names.csv")).unwrap();
    sandbox.refuses_like("attack known --encrypted set --plain in", USAGE, |words| words.contains("--names FILE"));
    let named = report(&sandbox, "known --encrypted set --plain in --pairs 1 --names names.csv");
    assert_eq!(named["resists"], false);
    // By another program: the same names, nothing known of the scheme, every sample negated.
    for seed in 0..24 {
        let class = if seed % 4 < 2 { "smooth" } else { "rough" };
        let mut negative = picture(seed, seed % 4 >= 2);
        negative.pixels_mut().for_each(|pixel| pixel.0[0] = 255 - pixel.0[0]);
        sandbox.picture(&format!("theirs/{class}/p{}-{seed}.png", seed / 2), negative);
    }
    let theirs = report(&sandbox, "known --encrypted theirs --plain in --pairs 8 -s np");
    assert_eq!(theirs["resists"], false, "{theirs}");
    let found = report(&sandbox, "reidentify --encrypted theirs --plain in");
    assert!(found["scheme"].is_null() && found["same_pixels"]["rank_1"] == 1.0, "{found}");
}

#[test]
fn a_folder_gets_a_sheet_and_the_figures() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let done = sandbox.run("attack chosen -s le --limit 5 --device cpu -o report in");
    assert_eq!((done.code, done.err.as_str()), (0, "wrote report\n"));
    assert!(
        done.out.starts_with(
            "attacked: le [nibble-shuffling block=4x4 key=shared], 5 images of 32x32x1, under a \
                                  key made for this run\nattacker: "
        ),
        "{}",
        done.out
    );
    assert!(
        done.out.contains("\nverdict:  OPEN. 1 image of the attacker's choice decrypts every other"),
        "{}",
        done.out
    );
    let sheet = image::load_from_memory(&sandbox.read("report/sheet.png")).unwrap();
    assert!(sheet.width() > 3 * 128 && sheet.height() > 5 * 128);
    let report: Value = serde_json::from_slice(&sandbox.read("report/report.json")).unwrap();
    assert_eq!((&report["attack"], &report["images"]), (&Value::from("chosen"), &Value::from(5)));
    // What is there is not replaced.
    sandbox.refuses_like("attack chosen -s le --device cpu -o report in", USAGE, |words| words.contains("report"));
}

#[test]
fn what_cannot_be_read_is_set_aside() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    sandbox.write("in/smooth/broken.png", b"no picture");
    let done = sandbox.run("attack chosen -s shuffle-flip --device cpu in");
    assert_eq!(done.code, 3, "{}", done.err);
    assert!(done.err.starts_with("warning: smooth/broken was set aside: "), "{}", done.err);
    assert!(done.out.contains("24 of 24 images decrypted to the byte"), "{}", done.out);
}

#[test]
fn misuse_is_refused_with_what_to_do() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let refuses = |line: &str, words: &'static str| {
        sandbox.refuses_like(&format!("attack {line}"), USAGE, move |error| error.contains(words));
    };
    refuses("known -s le", "name the images to encrypt and attack");
    refuses("known --encrypted in", "give them with --plain IN");
    refuses("known in --encrypted in", "cannot be used with");
    refuses("chosen -s instahide in", "mixes images into floats");
    refuses("chosen -s rot13 in", "there is no scheme `rot13`");
    refuses("chosen -s shuffle-flip --block 5 --device cpu in", "use --pad");
    refuses("chosen -s shuffle-flip nowhere", "there is no nowhere");
    refuses("known -s le --limit 1 --device cpu in", "2 or more images are needed, and there are 1");
    refuses("reidentify -s le --patient-pattern [ in", "invalid value");
    refuses("reidentify -s le --patient-pattern x([0-9]+) --device cpu in", "no image's name tells a patient");
    refuses("reidentify -s le --patients nowhere.csv --device cpu in", "columns name and patient");
    refuses("ciphertext -s shuffle-flip --block 4x8 --device cpu in", "its blocks are no squares");
    sandbox.picture("in/smooth/other.png", image::GrayImage::new(8, 8));
    refuses("chosen -s le --device cpu in", "images differ");
    std::fs::remove_file(sandbox.path("in/smooth/other.png")).unwrap();
    std::fs::create_dir_all(sandbox.path("one")).unwrap();
    std::fs::copy(sandbox.path("in/smooth/p0-0.png"), sandbox.path("one/a.png")).unwrap();
    refuses("labels -s le --device cpu one", "has no label");
}

/// A network learns what one key does from pairs, and nothing from a keystream. Misuse is refused before it is trained.
#[cfg(feature = "train")]
#[test]
fn a_learned_inverse_opens_one_key_and_no_keystream() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let small = "--width 8 --discriminator 64 --batch 6 --device cpu";
    let learned = |scheme: &str, more: &str| report(&sandbox, &format!("learned -s {scheme} {small} {more} in"));
    let opened = learned("np", "--epochs 40 -o found");
    let restored = opened["ssim"]["median"].as_f64().unwrap();
    assert!(restored > opened["mean_image_ssim"]["median"].as_f64().unwrap() + 0.1, "{opened}");
    assert_eq!((opened["public_images"].as_u64(), opened["attacked_images"].as_u64()), (Some(12), Some(12)));
    assert_eq!((opened["own_keys"].as_bool(), opened["resists"].as_bool()), (Some(false), Some(false)));
    assert!(sandbox.path("found/sheet.png").exists());
    let closed = learned("keystream", "--epochs 10");
    assert_eq!((closed["own_keys"].as_bool(), closed["resists"].as_bool()), (Some(true), Some(true)), "{closed}");
    let adversary = learned("np", "--method sia-gan --epochs 2");
    assert_eq!(adversary["epochs"].as_u64(), Some(2), "{adversary}");
    // Mixtures need no pairs, and each is compared with the image that it is mostly made of.
    let mixed = learned("instahide", "--epochs 2");
    assert_eq!((mixed["own_keys"].as_bool(), mixed["attacked_images"].as_u64()), (Some(true), Some(12)), "{mixed}");
    // A time that is over at once still ends with whole figures.
    assert_eq!(learned("np", "--epochs 500 --budget 0s")["epochs"].as_u64(), Some(1));
    sandbox.refuses("attack learned -s np --discriminator 100 in", USAGE, "--discriminator must be a multiple of 64");
    sandbox.greys(&["other/a/1.png", "other/b/2.png"]);
    sandbox.refuses_like("attack learned -s np --public other in", USAGE, |words| {
        words.contains("the attacker's images are") && words.contains("--resize")
    });
    // Too few or too small images, and a network of terabytes.
    sandbox.greys(&["two/a/1.png", "two/b/2.png"]);
    sandbox.refuses_like("attack learned -s np --device cpu two", USAGE, |words| {
        words.contains("two images or more on both sides: 1 of the attacker's, 1 attacked")
    });
    sandbox.refuses_like("attack learned -s np --method sia-gan --resize 4 --device cpu in", USAGE, |words| {
        words.contains("sia-gan needs sides of 8 pixels or more")
    });
    sandbox.refuses_like("attack learned -s np --block 128 --resize 1024 --device cpu in", 1, |words| {
        words.contains("training takes 4") && words.contains("GiB of memory or more") && words.contains("--resize")
    });
}
