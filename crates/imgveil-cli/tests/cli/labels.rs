//! `--labels`.

use crate::common::crafted_files;
use crate::common::sandbox::*;
use crate::runs::{cut, done, left, many, summary};
use serde_json::Value;

/// The splits and classes that `inspect` counts with these labels.
fn counted(sandbox: &Sandbox, csv: &str) -> (Value, Value) {
    sandbox.write("labels.csv", csv.as_bytes());
    let found = summary(sandbox, "inspect --json --labels labels.csv in");
    (found["splits"].clone(), found["classes"].clone())
}

#[test]
fn labels_come_from_a_file() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png", "in/sub/c.png"]);
    sandbox.write("in/scan.tif", &crafted_files::tiff(8, 8, &[vec![1; 64], vec![2; 64]], "two pages"));
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    // Labels that are numbers are kept; the pages of a file share its row; extensions and spaces do not matter.
    let numbers = "name,label\na.png,0\nb , 3\nsub/c.png,0\nscan.tif,3\n";
    assert_eq!(counted(&sandbox, numbers), (json(r#"{"all": 5}"#), json(r#"{"0": 2, "3": 3}"#)));
    let named = "\u{feff}File,CLASS,Split\na,cyst,train\nb,polyp,validation\nsub/c,cyst,test\nscan,,train\n";
    let splits = json(r#"{"train": 3, "val": 1, "test": 1}"#);
    assert_eq!(counted(&sandbox, named), (splits.clone(), json(r#"{"": 2, "cyst": 2, "polyp": 1}"#)));
    let line = "encrypt -k k.key --labels labels.csv in out";
    done(&sandbox, line);
    let manifest = sandbox.manifest("out");
    assert_eq!(manifest["classes"], json(r#"["cyst", "polyp"]"#));
    let b = manifest["images"].as_array().unwrap().iter().find(|image| image["name"] == "b").unwrap();
    assert_eq!((&b["label"], &b["split"]), (&json("1"), &json("\"val\"")));
    done(&sandbox, "encrypt neutral -k k.key --labels labels.csv in neutral.npz");
    assert_eq!(summary(&sandbox, "inspect --json neutral.npz")["splits"], splits);
    // Images without a row are reported.
    sandbox.write("labels.csv", b"name,label\na,0\n");
    let told = done(&sandbox, "encrypt -k k.key --labels labels.csv in some");
    let words = "note: labels.csv has no line for 4 of 5 images: they have no label\n";
    assert!(told.err.starts_with(words), "{}", told.err);
    for (csv, words) in [
        ("name,label\na,0\nb,1\na.png,0\n", "line 4 names `a.png` a second time"),
        ("name,label,split\na,0,fold\n", "line 2: `fold` is no split: write train, val or test"),
        ("name,label\nx,0\n", "it names none of the images; they are called as this one is: a"),
        ("name,label\n,0\n", "line 2 names no image"),
        ("label,split\n0,train\n", "its first line has no column `name`"),
        ("name,split\na,train\n", "its first line has no column `label`"),
        ("name,label\na,\n", "it gives no image a label"),
        ("name,label\na,65536\n", "label 65536 is no class number (0 to 65535)"),
        ("", "its first line has no column `name`"),
    ] {
        sandbox.write("labels.csv", csv.as_bytes());
        let words = format!("labels.csv is not usable as labels: {words}");
        sandbox.refuses("encrypt neutral -k k.key --labels labels.csv in refused", USAGE, &words);
    }
    sandbox.write("labels.csv", b"name,label\n\xff,0\n");
    sandbox.refuses_like("encrypt neutral -k k.key --labels labels.csv in refused", USAGE, |words| {
        words.starts_with("error: labels.csv is not usable as labels: ") && words.lines().count() == 1
    });
    sandbox.refuses("encrypt neutral -k k.key --labels no.csv in refused", USAGE, "there is no no.csv: check the path");
}

/// Labels decide where images are written, so a run with other labels does not continue an interrupted one.
#[test]
fn a_run_does_not_go_on_with_other_labels_where_one_was_cut() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    let label = |flipped: usize| {
        let line = |name: String| format!("{},{}\n", name, usize::from(name.ends_with("1.png")) ^ flipped);
        let lines: String = sandbox.files("in").into_iter().map(line).collect();
        sandbox.write("labels.csv", format!("name,label\n{lines}").as_bytes());
    };
    label(0);
    let line = "encrypt --keep-names -k k.key --labels labels.csv in out";
    cut(&sandbox, line);
    label(1);
    done(&sandbox, line);
    let fresh = "encrypt --keep-names -k k.key --labels labels.csv in fresh";
    done(&sandbox, fresh);
    assert_same(&left(&sandbox, fresh), &left(&sandbox, line));
    // A set that was completed with these labels differs from one with others.
    label(0);
    sandbox.refuses_like(line, USAGE, |words| words.contains("out is a finished set: nothing was written"));
    let retried = summary(&sandbox, &line.replacen(' ', " --json --retry-failed ", 1));
    assert_eq!(retried["resumed"], 0);
    done(&sandbox, "encrypt --keep-names -k k.key --labels labels.csv in others");
    let (others, out) = (sandbox.manifest("others"), sandbox.manifest("out"));
    assert_eq!(others["images"], out["images"]);
}

#[test]
fn labels_are_read_as_spreadsheets_and_tables_have_them() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/p/1.png", "in/p/2.png", "in/p/3.png"]);
    let classes = |csv: &str| counted(&sandbox, csv).1.to_string();
    let named = r#"{"a":2,"b":1}"#;
    for csv in [
        "file_name,label\np/1.png,a\np/2.png,b\np/3.png,a\n",
        "Image Index;Class\r\np/1.png;a\r\np/2.png;b\r\np/3.png;a\r\n",
        "image_id\tdiagnosis\np/1\ta\np/2\tb\np/3\ta\n",
        "\u{feff}\"name\";\"label\"\n\"./p/1.png\";\"a\"\n\"././p/2\";\"b\"\n\"p\\3.png\";\"a\"\n",
    ] {
        assert_eq!(classes(csv), named, "{csv}");
    }
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain("name\tlabel\np/1\ta\np/2\tb\np/3\ta\n".encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    sandbox.write("labels.csv", &utf16);
    assert_eq!(summary(&sandbox, "inspect --json --labels labels.csv in")["classes"].to_string(), named);
    assert_eq!(classes("name,label\np/1,0.0\np/2,10.0\np/3,2\n"), r#"{"0":1,"10":1,"2":1}"#);
    let (splits, _) = counted(&sandbox, "name,label,Subset\np/1,a,TRAIN\np/2,b,dev\np/3,a,Testing\n");
    assert_eq!(splits.to_string(), r#"{"test":1,"train":1,"val":1}"#);
    // What is lost or changed is told.
    let told = |csv: &str| {
        sandbox.write("labels.csv", csv.as_bytes());
        done(&sandbox, "encrypt -k k.key --dry-run --labels labels.csv in out").err
    };
    assert_eq!(
        told("name,label\np/1,a\np/2,\np/3,NaN\np/4,b\n"),
        "note: 1 line of labels.csv names no image of the set: `p/4`\nnote: 2 images have an empty label in \
        labels.csv, \
         or one that stands for none (NaN, NA, null): no class\nnote: class `b` has no image\n\
         note: all labelled images are of one class, `a`\n"
    );
    assert_eq!(
        told("name,label\np/1,-1\np/2,0\np/3,1\n"),
        "note: classes are numbered anew, from 0 on: -1 becomes 0, 0 becomes 1, 1 becomes 2\n"
    );
    assert_eq!(told("name,label\np/1,b\np/2,a\np/3,a\n"), "");
    // Numbers sort as numbers among names too.
    sandbox.write("labels.csv", b"name,label\np/1,10.5\np/2,2.5\np/3,x\n");
    done(&sandbox, "encrypt -k k.key --labels labels.csv in out");
    assert_eq!(sandbox.manifest("out")["classes"].to_string(), r#"["2.5","10.5","x"]"#);
}
