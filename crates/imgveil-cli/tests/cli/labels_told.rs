//! Labels that tell too much, and splits by patient.

use crate::common::sandbox::*;
use crate::runs::done;
use std::collections::BTreeMap;

#[test]
fn labels_are_left_out() {
    for (form, out) in [("", "out"), ("--format npy", "out"), ("--format webdataset", "out"), ("", "out.npz")] {
        let sandbox = Sandbox::new();
        sandbox.greys(&["in/train/PATIENT01/1.png", "in/train/PATIENT02/2.png", "in/test/PATIENT02/3.png"]);
        let told = sandbox.run(&format!("encrypt neutral -k k.key {form} in {out}"));
        let words = "note: 2 of 2 classes are called like patients or studies, such as `PATIENT01`: labels are not \
                     encrypted and say which images belong together; --no-labels leaves them out\n";
        assert!(told.err.contains(words), "{}", told.err);
        let told = done(&sandbox, &format!("encrypt neutral --no-labels -k k.key {form} in no-{out}"));
        assert!(!told.err.contains("patients"), "{}", told.err);
        assert_eq!(told.set, "  splits   test (1), train (2)\n  classes  none (3)\n");
        if form.is_empty() && out == "out" {
            let manifest = sandbox.manifest("no-out");
            assert_eq!(manifest["classes"], serde_json::json!([]));
            let images = manifest["images"].as_array().unwrap();
            let bare = |image: &serde_json::Value| {
                image.get("label").is_none() && image["name"].as_str().unwrap().matches('/').count() == 1
            };
            assert!(images.iter().all(bare), "{manifest}");
        }
        sandbox.picture("in/test/PATIENT03/4.png", grey(8, 8, 9));
        let told = done(&sandbox, &format!("update -k k.key in no-{out}"));
        assert!(told.err.contains("1 new, 0 changed, 0 gone, 3 unchanged\n"), "{}", told.err);
        done(&sandbox, &format!("verify --device cpu -k k.key no-{out}"));
    }
    let told = Sandbox::new().run("encrypt --no-labels --keep-names -k k.key in out");
    assert!(told.err.contains("cannot be used with"), "{}", told.err);
}

/// The splits of patients by their names: the names of files begin with them.
fn splits(sandbox: &Sandbox) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for image in sandbox.manifest("out")["images"].as_array().unwrap() {
        let (name, split) = (image["name"].as_str().unwrap(), image["split"].as_str().unwrap());
        found.entry(name[..3].to_owned()).or_default().push(split.to_owned());
    }
    found
}

#[test]
fn no_patient_is_in_two_splits_whoever_comes_later() {
    let sandbox = Sandbox::new();
    let write = |patients: u32| {
        let mut list = "name,label,Patient ID\n".to_owned();
        for i in 0..patients * 2 {
            let (patient, label) = (i / 2, ["well", "ill"][i as usize % 2]);
            sandbox.picture(&format!("in/{patient:03}-{i}.png"), grey(8, 8, i));
            list += &format!("{patient:03}-{i},{label},P{patient:03}\n");
        }
        sandbox.write("labels.csv", list.as_bytes());
    };
    write(60);
    done(&sandbox, "encrypt -k k.key --labels labels.csv --split-by patient in out");
    let before = splits(&sandbox);
    assert!(before.values().all(|splits| splits.len() == 2 && splits[0] == splits[1]), "{before:?}");
    let count = |split: &str| before.values().filter(|splits| splits[0] == split).count();
    assert!(count("train") > 36 && count("val") > 0 && count("test") > 0, "{before:?}");
    write(70);
    done(&sandbox, "update -k k.key --labels labels.csv in out");
    let after = splits(&sandbox);
    assert_eq!(after.len(), 70);
    assert!(before.iter().all(|(patient, split)| after[patient] == *split));
    sandbox.write("labels.csv", b"name,label\n000-0,well\n");
    let words = "labels.csv is not usable as labels: its first line has no column `patient`, or the column is empty";
    sandbox.refuses("encrypt -k k.key --labels labels.csv --split-by patient in other", USAGE, words);
}
