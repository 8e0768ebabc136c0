//! Layouts of folders, and what each is read as.

use super::*;
use proptest::prelude::*;

fn folders(paths: &[&str]) -> Vec<Vec<String>> {
    paths.iter().map(|path| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()).collect()
}

/// Each folder with one image as `SPLIT:CLASS`, and the remarks.
fn read(paths: &[&str]) -> Result<(Vec<String>, String), String> {
    let folders = folders(paths);
    let all: Vec<&[String]> = folders.iter().map(Vec::as_slice).collect();
    let division = Division::of(&all)?;
    let place = |folders: &&[String]| {
        let (split, class) = division.place(folders);
        format!("{}:{}", split.name().unwrap_or(""), class.unwrap_or(""))
    };
    let remarks: Vec<String> = division.remarks.iter().map(ToString::to_string).collect();
    Ok((all.iter().map(place).collect(), remarks.join("; ")))
}

#[track_caller]
fn reads(paths: &[&str], expected: &[&str], remark: &str) {
    let (found, remarks) = read(paths).unwrap();
    assert_eq!(found, expected, "{paths:?}");
    assert!(if remark.is_empty() { remarks.is_empty() } else { remarks.contains(remark) }, "{paths:?}: {remarks}");
}

#[test]
fn splits_are_found_whatever_they_are_called() {
    for [train, val, test] in [
        ["train", "val", "test"],
        ["Train", "Val", "Test"],
        ["Training", "Validation", "Testing"],
        ["TRAIN", "DEV", "TEST"],
        ["train", "eval", "testing"],
        ["training_set", "valid", "test_set"],
        ["train2017", "val2017", "test2017"],
        ["seg_train", "seg_dev", "seg_test"],
    ] {
        let paths = [train, val, test].map(|split| [format!("{split}/a"), format!("{split}/b")]).concat();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let expected = ["train:a", "train:b", "val:a", "val:b", "test:a", "test:b"];
        reads(&paths, &expected, "");
        for wrapper in ["set", "chest/xray"] {
            let wrapped: Vec<String> = paths.iter().map(|path| format!("{wrapper}/{path}")).collect();
            reads(&wrapped.iter().map(String::as_str).collect::<Vec<_>>(), &expected, "");
        }
    }
    // Without classes, or with one split only.
    reads(&["train", "test"], &["train:", "test:"], "");
    reads(&["Train/a", "Train/b"], &["train:a", "train:b"], "");
    // A split inside of a folder with its name.
    reads(
        &["seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/seg_test/a", "seg_test/seg_test/b"],
        &["train:a", "train:b", "test:a", "test:b"],
        "",
    );
    // The class is the first folder in the split.
    reads(&["train/a/x/y", "train/b", "test/a", "test/b/z"], &["train:a", "train:b", "test:a", "test:b"], "");
    // Splits in class folders.
    reads(&["a/train", "a/test", "b/train", "b/test"], &["train:a", "test:a", "train:b", "test:b"], "");
    // Two words for one split.
    reads(
        &["train/a", "train/b", "val/a", "val/b", "dev/a", "dev/b"],
        &["train:a", "train:b", "val:a", "val:b", "val:a", "val:b"],
        "`dev`, `val` are read as one split, val",
    );
}

#[test]
fn what_lies_beside_the_splits_is_in_none_of_them() {
    let splits = ["train/a", "train/b", "test/a", "test/b"];
    let expected = ["train:a", "train:b", "test:a", "test:b"];
    for (beside, remark) in [
        ("", "1 image lies beside the splits and is in no split"),
        ("unlabeled", "1 image lies beside the splits (in `unlabeled`)"),
        ("extra/a", "in `extra`"),
        ("xray/train/a", "in `xray`"),
    ] {
        reads(&[&splits[..], &[beside]].concat(), &[&expected[..], &[":"]].concat(), remark);
        let wrapped: Vec<String> = splits.iter().map(|path| format!("set/{path}")).collect();
        let wrapped: Vec<&str> = wrapped.iter().map(String::as_str).collect();
        if !beside.contains('/') {
            reads(&[&wrapped[..], &[beside]].concat(), &[&expected[..], &[":"]].concat(), "1 image lies beside");
        }
    }
    reads(&["train/a", "train/b", "unlabelled"], &["train:a", "train:b", ":"], "beside the splits");
    reads(&["train/a", "train/b", "train"], &["train:a", "train:b", "train:"], "1 image lies in no class folder");
}

#[test]
fn classes_may_be_called_like_splits() {
    reads(
        &["train", "bus", "car"],
        &[":train", ":bus", ":car"],
        "`train` is called like a split, and is read as a class",
    );
    reads(&["test", "control"], &[":test", ":control"], "`test` is called like a split");
    reads(&["test1", "test2"], &[":test1", ":test2"], "are called like one split, and are read as classes");
    reads(&["test positive", "test negative"], &[":test positive", ":test negative"], "");
    reads(&["a", "b", ""], &[":a", ":b", ":"], "1 image lies in no class folder and has no class");
}

#[test]
fn what_a_network_cannot_learn_from_is_told() {
    reads(&["a", "a"], &[":a", ":a"], "all images are of one class, `a`");
    reads(&["train/images", "test/images"], &["train:images", "test:images"], "all images are of one class, `images`");
    reads(&["wrapper/a", "wrapper/b"], &[":wrapper", ":wrapper"], "all images are of one class, `wrapper`");
    let missing = "split test has no image of class `b`";
    reads(&["train/a", "train/b", "test/a"], &["train:a", "train:b", "test:a"], missing);
    // A test split without any class is told by its images.
    reads(&["train/a", "train/b", "test"], &["train:a", "train:b", "test:"], "1 image lies in no class folder");
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for (paths, reason) in [
        (&["train/a", "train/b", "other/a"][..], "these are neither splits nor classes"),
        (&["a/train", "a/test", "b"], "splits lie in `a`"),
        (&["a/train/x", "a/test/x", "b/train/x", "b/test/x"], "splits lie in `a`, `b`"),
        (&["train/train", "train/test"], "folders called like splits lie on two levels"),
        (&["train/Normal", "train/ill", "test/normal", "test/ill"], "differ in their case alone"),
    ] {
        let error = read(paths).unwrap_err();
        assert!(error.contains(reason), "{paths:?}: {error}");
    }
    // Letters are classes that differ in their case.
    reads(&["train/a", "train/A", "test/a", "test/A"], &["train:a", "train:A", "test:a", "test:A"], "");
}

proptest! {
    /// Whatever the folders are: no panic, and a class is always one of the image's own folders.
    #[test]
    fn a_class_is_a_folder_of_the_image(
        paths in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec!["train", "Test", "val", "a", "b", "A", "seg_train"]), 0..4),
            1..9,
        ),
    ) {
        let folders: Vec<Vec<String>> =
            paths.iter().map(|path| path.iter().map(|part| part.to_string()).collect()).collect();
        let all: Vec<&[String]> = folders.iter().map(Vec::as_slice).collect();
        if let Ok(division) = Division::of(&all) {
            for folders in &all {
                let (split, class) = division.place(folders);
                prop_assert!(class.is_none_or(|class| folders.iter().any(|folder| folder == class)));
                let named = |folder: &String| matches!(
                    Split::of_name(folder), SplitName::Certain(found) | SplitName::Possible(found) if found == split
                );
                prop_assert!(split == Split::All || folders.iter().any(named));
            }
        }
    }
}
