//! Shards made here, read as a set.

use super::*;
use crate::format::ReadOptions;
use crate::set::{Split, open_set};

/// As `set::open`, with the error of sets.
fn open_at(path: &Path) -> Result<Opened, SetError> {
    open_set(path, &ReadOptions::default(), None)
}

fn png(value: u8) -> Vec<u8> {
    picture::encode_png(&Image::new("1x2x1".parse().unwrap(), vec![value; 2]).unwrap()).unwrap()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, data) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        // Names as they are given, even if they lead out of the shard.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, *data).unwrap();
    }
    tar.into_inner().unwrap()
}

/// The source of a shard x.tar, whose file no longer exists.
fn opened(files: &[(&str, &[u8])]) -> Result<Box<dyn Source>, SetError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.tar"), tar(files)).unwrap();
    open_at(&folder.path().join("x.tar")).map(|opened| opened.source)
}

fn found(source: &dyn Source) -> Vec<(&str, Option<u32>)> {
    source.items().iter().map(|item| (item.name.as_str(), item.label)).collect()
}

#[test]
fn patterns_count_and_list() {
    let expanded = |pattern: &str| {
        expand(pattern).map(|paths| paths.into_iter().map(|p| p.to_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(expanded("a-{008..011}.tar").unwrap(), ["a-008.tar", "a-009.tar", "a-010.tar", "a-011.tar"]);
    assert_eq!(expanded("{9..10}.tar").unwrap(), ["9.tar", "10.tar"]);
    assert_eq!(expanded("{b,a}/{0..1}.tar").unwrap(), ["b/0.tar", "b/1.tar", "a/0.tar", "a/1.tar"]);
    assert!(expanded("{0..9.tar").unwrap_err().contains("no `}`"));
    let most = ["{0..99999999}", "{0..999}{0..999}{0..9}", "{0..18446744073709551615}"];
    for wrong in ["{}", "{a}", "{5..4}", "{a..b}"].into_iter().chain(most) {
        assert!(expanded(&format!("{wrong}.tar")).is_err(), "{wrong}");
    }
}

#[test]
fn samples_of_a_pattern_of_shards_are_found_with_their_classes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, files: &[(&str, &[u8])]| std::fs::write(folder.path().join(name), tar(files)).unwrap();
    let (one, two) = (png(1), png(2));
    let json = &b"{\"label\": 0}"[..];
    write("train-00.tar", &[("./a.cls", b"1\n"), ("./a.png", &one), ("b/c.PNG", &two), ("b/c.json", json)]);
    let others: [(&str, &[u8]); 3] = [("a.txt", b"words"), ("readme", b""), ("d.json", b"3")];
    write("train-01.tar", &[&[("a.png", two.as_slice()), ("a.seg.png", &one)][..], &others].concat());
    let path = folder.path().join("train-{00..01}.tar");
    let source = open_at(&path).unwrap().source;
    assert_eq!(found(&*source), [("train-00/a", Some(1)), ("train-00/b/c", Some(0)), ("train-01/a", None)]);
    assert!(source.items().iter().all(|item| item.split == Split::Train));
    assert_eq!(source.classes(), ["0", "1"]);
    let passed_over = [
        PassedOver::new("train-01.tar/readme", PassedOverReason::NoImage),
        PassedOver::new("train-01.tar/d", PassedOverReason::NoSample),
    ];
    assert_eq!(source.ignored(), passed_over);
    assert_eq!((source.read(0).unwrap().samples(), source.read(2).unwrap().samples()), (&[1; 2][..], &[2; 2][..]));
    assert_eq!(source.geometry(1).unwrap(), "1x2x1".parse().unwrap());
    let kinds = ["seg.png".to_owned(), "txt".to_owned(), "png".to_owned()];
    let kept = source.members(2, &kinds).unwrap();
    assert_eq!(kept.iter().map(|member| member.kind.as_str()).collect::<Vec<_>>(), ["seg.png", "txt"]);
    assert_eq!((&kept[0].bytes, kept[1].bytes.as_slice()), (&one, &b"words"[..]));
    let (first, second) = (source.stamp(0), source.stamp(1));
    assert!(first != second && first.rsplit_once(' ').unwrap().0 == second.rsplit_once(' ').unwrap().0);
    let missing = folder.path().join("train-{00..02}.tar");
    assert!(matches!(open_at(&missing), Err(SetError::Missing(path)) if path.ends_with("train-02.tar")));
    // As a folder that also holds another file. Images beside the shards take precedence.
    std::fs::write(folder.path().join("notes.txt"), b"").unwrap();
    let source = open_at(folder.path()).unwrap().source;
    assert_eq!((source.items().len(), &source.ignored()[0].path), (3, &PathBuf::from("notes.txt")));
    std::fs::write(folder.path().join("x.png"), &one).unwrap();
    assert_eq!(open_at(folder.path()).unwrap().source.items().len(), 1);
}

#[test]
fn classes_are_numbers_or_names_and_nothing_else() {
    let image = png(1);
    let one = |kind: &str, text: &[u8]| {
        let kind = format!("a.{kind}");
        let source = opened(&[("a.png", &image), (&kind, text), ("b.png", &image), ("b.cls", b"2")]).unwrap();
        let error = match source.read(0).unwrap_err().kind {
            ReadErrorKind::Damaged(reason) => reason,
            _ => String::new(),
        };
        (source.items()[0].label, source.classes().join(" "), error)
    };
    let labelled = |label, classes: &str| (label, classes.to_owned(), String::new());
    assert_eq!(one("cls", b"0"), labelled(Some(0), "0 1 2"));
    assert_eq!(one("cls", "mélanome\n".as_bytes()), labelled(Some(1), "2 mélanome"));
    assert_eq!(one("json", b"1"), labelled(Some(1), "0 1 2"));
    assert_eq!(one("json", b"{\"class\": \"b\", \"cls\": 7}"), labelled(Some(1), "2 b"));
    assert_eq!(one("json", b"{\"age\": 7}"), labelled(None, "0 1 2"));
    assert_eq!(one("json", b"{\"label\": null}"), labelled(None, "0 1 2"));
    for (kind, text, words) in [
        ("cls", &b""[..], "neither a class number"),
        ("cls", b"\xff", "neither a class number"),
        ("cls", b"a\nb", "neither a class number"),
        ("cls", b"-1", "label -1 is not a class number (0 to 65535)"),
        ("cls", b"65536", "label 65536 is not"),
        ("json", b"{", "damaged"),
        ("json", b"{\"label\": [0, 1]}", "neither a class number"),
        ("json", b"{\"label\": 0.5}", "neither a class number"),
    ] {
        let (label, _, error) = one(kind, text);
        assert!(label.is_none() && error.contains(words), "{kind} {text:?}: {error}");
    }
}

#[test]
fn samples_that_cannot_be_told_are_not_guessed() {
    let image = png(1);
    let reason = |files: &[(&str, &[u8])]| opened(files).unwrap().read(0).unwrap_err().to_string();
    assert_eq!(
        reason(&[("a.png", &image), ("a.jpg", &image)]),
        "x.tar/a: is damaged: its sample has a second member .jpg, or a second image: keep one"
    );
    assert!(reason(&[("../a.png", &image)]).contains("leads out of the shard"));
    assert!(reason(&[("/a.png", &image)]).contains("leads out of the shard"));
    let source = opened(&[("a/../../b\n.png", &image)]).unwrap();
    assert_eq!(source.items()[0].name, "x/a_______b?");
    let twice = opened(&[("a.png", &image), ("b.png", &image), ("a.png", &image)]).map(|_| ()).unwrap_err();
    assert!(twice.to_string().ends_with("two samples are called x/a: rename one of them"), "{twice}");
    let none = opened(&[("a.txt", b""), ("b.seg.png", &image)]).map(|_| ()).unwrap_err().to_string();
    assert!(none.contains("no sample in it has an image"), "{none}");
}

#[test]
fn a_truncation_is_told_and_what_lies_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test-0.tar");
    let image = png(5);
    let whole = tar(&[("a.png", &image), ("a.cls", b"0"), ("b.png", &image), ("b.cls", b"1")]);
    for length in (0..whole.len() - 512).step_by(7) {
        std::fs::write(&path, &whole[..length]).unwrap();
        match open_at(&path) {
            Ok(opened) => {
                // The sample at the cut may lack its class, so it is not among the samples that are read.
                let source = opened.source;
                assert_eq!(found(&*source), [("test-0/a", Some(0)), ("test-0/damaged", None)], "{length}");
                assert!(source.read(0).is_ok());
                let error = source.read(1).unwrap_err().to_string();
                assert!(error.contains("test-0.tar/damaged: is damaged: what follows in its shard is lost"), "{error}");
            }
            Err(error) => assert!(matches!(error, SetError::Shards { .. }), "{length}: {error}"),
        }
    }
    std::fs::write(&path, [7; 2_000]).unwrap();
    let error = open_at(&path).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("test-0.tar is not a usable set of WebDataset shards: it holds something else"), "{error}");
}

#[test]
fn an_encrypted_folder_is_read_by_its_manifest() {
    use crate::set::manifest::FORMAT;
    use imgveil::internal::schedule::ImageId;
    use imgveil::internal::scheme::{Options, Preset};
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (png(1), png(2));
    let shard = folder.path().join("train-000000.tar");
    std::fs::write(&shard, tar(&[("a.png", &one), ("a.cls", b"0"), ("b.png", &two)])).unwrap();
    let entry = |path: &str, bytes: &[u8]| Entry {
        name: format!("plain/{path}"),
        path: path.into(),
        split: Split::Train,
        label: Some(0),
        geometry: "1x2x1".parse().unwrap(),
        original: None,
        id: ImageId([0; 8]),
        plain: String::new(),
        blake3: blake3::hash(bytes).to_hex().to_string(),
        rescale: None,
        members: None,
    };
    let manifest = Manifest {
        format: FORMAT,
        tool: "imgveil test".into(),
        scheme: Preset::ShuffleFlip.scheme(Options::default()).unwrap(),
        key: "0123456789abcdef".parse().unwrap(),
        salt: Some(imgveil::internal::sealed::Salt([1; 16])),
        encoding: crate::set::Encoding::WebDataset { per_shard: 2 },
        run: String::new(),
        options: Vec::new(),
        partition: None,
        parts: Vec::new(),
        classes: vec!["ill".into()],
        images: vec![
            entry("train-000000.tar/b.png", &two),
            entry("train-000000.tar/a.png", &two),
            entry("train-000000.tar/c.png", &one),
            entry("train-000001.tar/d.png", &one),
        ],
        seal: "0".repeat(64),
    };
    std::fs::write(folder.path().join(MANIFEST), manifest.to_text().unwrap()).unwrap();
    let opened = open_at(folder.path()).unwrap();
    assert_eq!(opened.manifest.as_ref(), Some(&manifest));
    let source = opened.source;
    assert_eq!(source.items()[0].name, "plain/train-000000.tar/b.png");
    assert_eq!((source.classes(), source.items()[0].label), (&["ill".to_owned()][..], Some(0)));
    assert_eq!(source.read(0).unwrap().samples(), [2, 2]);
    assert!(matches!(source.read(1).unwrap_err().kind, ReadErrorKind::Changed));
    assert!(matches!(source.read(2).unwrap_err().kind, ReadErrorKind::Io(_)));
    assert!(source.read(3).unwrap_err().to_string().contains("it is lost: it cannot be read"));
    let alone = |path: &Path| open_at(path).map(|_| ()).unwrap_err();
    let error = alone(&shard).to_string();
    assert!(error.contains("it belongs to an encrypted set: give its folder"), "{error}");
    // A set that is still being written is not yet a set, neither as a folder nor as one of its shards.
    std::fs::write(folder.path().join(".imgveil-partial"), b"").unwrap();
    assert!(matches!(alone(&shard), SetError::Unfinished(_)));
    assert!(matches!(alone(folder.path()), SetError::Unfinished(_)));
}

/// The items of a shard with their labels, and the remarks.
fn told(name: &str, files: &[(&str, &[u8])]) -> (Vec<(String, Option<u32>)>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), tar(files)).unwrap();
    let opened = open_at(&folder.path().join(name)).unwrap();
    let items = opened.source.items().iter().map(|item| (item.name.clone(), item.label)).collect();
    (items, opened.remarks.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

#[test]
fn members_of_a_sample_may_lie_anywhere() {
    let image = png(1);
    let expected = [("x/a".to_owned(), Some(0)), ("x/b".to_owned(), Some(1))];
    let (a, b) = (("a.png", image.as_slice()), ("b.png", image.as_slice()));
    let (a_cls, b_cls) = (("a.cls", &b"0"[..]), ("b.cls", &b"1"[..]));
    for files in [[a, b, a_cls, b_cls], [a_cls, b_cls, a, b], [a, b, b_cls, a_cls]] {
        let (items, remarks) = told("x.tar", &files);
        assert_eq!(items, expected);
        assert!(remarks.contains("members that are not next to each other"), "{remarks}");
    }
    assert_eq!(told("x.tar", &[a, a_cls, b, b_cls]), (expected.to_vec(), String::new()));
    // Members that are hidden or have no key lie between those of a sample.
    let files = [("._a.png", &b"mac"[..]), a, ("._a.cls", b"mac"), ("notes", b""), (".x", b""), a_cls, b, b_cls];
    assert_eq!(told("x.tar", &files), (expected.to_vec(), String::new()));
    // And are not mixed up when they are carried over.
    let source = opened(&[a, b, ("b.txt", b"of b"), ("a.txt", b"of a"), a_cls, b_cls]).unwrap();
    assert_eq!(source.items().len(), 2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tar");
    std::fs::write(&path, tar(&[a, b, ("b.txt", b"of b"), ("a.txt", b"of a")])).unwrap();
    let source = open_at(&path).unwrap().source;
    assert_eq!(source.members(0, &["txt".to_owned()]).unwrap()[0].bytes, b"of a");
    assert_eq!(source.members(1, &["txt".to_owned()]).unwrap()[0].bytes, b"of b");
}

#[test]
fn a_class_is_read_from_members_that_hold_one_or_is_told() {
    let image = png(1);
    let one = |kind: &str, text: &[u8]| {
        let (a, b) = (format!("a.{kind}"), format!("b.{kind}"));
        let (items, remarks) = told("x.tar", &[("a.png", image.as_slice()), (&a, text), ("b.png", &image), (&b, b"1")]);
        (items[0].1, remarks)
    };
    for kind in ["cls", "class", "label", "target", "target.cls", "output.cls", "CLS"] {
        assert_eq!(one(kind, b"0"), (Some(0), String::new()), "{kind}");
    }
    assert_eq!(one("cls", b"1.0"), (Some(1), String::new()));
    let (label, remarks) = one("cls", b"nan");
    assert_eq!((label, remarks.as_str()), (None, "1 of 2 samples has no class"));
    for kind in ["txt", "index", "y"] {
        let (label, remarks) = one(kind, b"0");
        assert!(
            label.is_none() && remarks.starts_with(&format!("2 samples have no class, and .{kind} may")),
            "{remarks}"
        );
    }
    assert_eq!(one("txt", b"a caption").0, None);
    let json = |text: &str| told("x.tar", &[("a.png", image.as_slice()), ("a.json", text.as_bytes())]).1;
    assert!(json("{\"target\": 3}").contains("the field `target` of .json may hold one"));
    assert_eq!(json("{\"similarity\": NaN, \"caption\": \"x\"}"), "");
    // Names that are numbers sort by their value, and new numbers are told.
    let (items, remarks) = told("x.tar", &[("a.png", &image), ("a.cls", b"10"), ("b.png", &image), ("b.cls", b"c")]);
    assert_eq!((items[0].1, remarks.as_str()), (Some(0), "classes are numbered anew, from 0 on: 10 becomes 0"));
}

/// Folders inside a shard are parts of keys. That they are neither classes nor splits is told.
#[test]
fn folders_inside_a_shard_are_told() {
    let image = png(1);
    let (_, remarks) = told("train-0.tar", &[("a/0.png", &image), ("b/0.png", &image)]);
    let words = "no sample has a class, and the folders inside the shards (`a`, `b`) are not read as classes";
    assert_eq!(remarks, words);
    // One folder around everything says nothing, and neither do folders beside classes.
    assert_eq!(told("x.tar", &[("./a/0.png", &image), ("./a/1.png", &image)]).1, "");
    let files: [(&str, &[u8]); 4] = [("a/0.png", &image), ("a/0.cls", b"0"), ("b/0.png", &image), ("b/0.cls", b"1")];
    assert_eq!(told("x.tar", &files).1, "");
    let files: [(&str, &[u8]); 4] =
        [("train/0.png", &image), ("train/0.cls", b"0"), ("test/0.png", &image), ("test/0.cls", b"1")];
    assert_eq!(told("train-0.tar", &files).1, "the folders `test` inside the shards are not read as splits");
}

#[test]
fn the_image_of_a_sample_may_have_a_word_in_its_name() {
    let image = png(1);
    let found =
        told("x.tar", &[("a.input.png", &image), ("a.output.cls", b"0"), ("b.png", &image), ("b.img.png", &image)]);
    assert_eq!(found.0, [("x/a".to_owned(), Some(0)), ("x/b".to_owned(), None)]);
    let error = opened(&[("a.left.png", &image), ("a.cls", b"0")]).map(|_| ()).unwrap_err().to_string();
    assert!(
        error.ends_with("a member KEY.png, KEY.jpg or KEY.input.jpg; its members are called KEY.cls, KEY.left.png"),
        "{error}"
    );
}

#[test]
fn splits_of_shards_are_words_of_their_names_or_folders() {
    let image = png(1);
    for (name, split) in [
        ("imagenet1k-train-0000", Split::Train),
        ("imagenet1k-validation-00", Split::Val),
        ("TEST_01", Split::Test),
        ("train000", Split::Train),
        ("part-0", Split::All),
        ("trainer-0", Split::All),
        ("train-test-0", Split::All),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("{name}.tar"));
        std::fs::write(&path, tar(&[("a.png", &image)])).unwrap();
        assert_eq!(open_at(&path).unwrap().source.items()[0].split, split, "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    for shard in ["Train/00000.tar", "val/00000.tar", "val/00001.tar", "00000.tar"] {
        let path = folder.path().join(shard);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, tar(&[("a.png", &image)])).unwrap();
    }
    let opened = open_at(folder.path()).unwrap();
    let items: Vec<(&str, Split)> = opened.source.items().iter().map(|i| (i.name.as_str(), i.split)).collect();
    assert_eq!(
        items,
        [
            ("00000/a", Split::All),
            ("Train/00000/a", Split::Train),
            ("val/00000/a", Split::Val),
            ("val/00001/a", Split::Val)
        ]
    );
    assert!(opened.remarks[0].to_string().starts_with("the names of `00000.tar` mean no split"));
    let items = open_at(&folder.path().join("{Train,val}/00000.tar")).unwrap().source.items().to_vec();
    assert_eq!((items[0].name.as_str(), items[0].split), ("Train/00000/a", Split::Train));
    // A folder that the user named is not a split.
    let items = open_at(&folder.path().join("val/00001.tar")).unwrap().source.items().to_vec();
    assert_eq!((items[0].name.as_str(), items[0].split), ("00001/a", Split::All));
}

#[test]
fn links_and_concatenated_shards_cost_no_image_in_silence() {
    let image = png(1);
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind) in [("a.png", tar::EntryType::Regular), ("b.png", tar::EntryType::Link)] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        let data = if kind == tar::EntryType::Link { &[][..] } else { &image };
        header.set_size(data.len() as u64);
        header.set_path(path).unwrap();
        header.set_cksum();
        builder.append(&header, data).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tar");
    std::fs::write(&path, builder.into_inner().unwrap()).unwrap();
    let source = open_at(&path).unwrap().source;
    assert!(source.read(0).is_ok());
    assert!(source.read(1).unwrap_err().to_string().contains("its member .png is a link"));
    let both = [tar(&[("a.png", &image), ("a.cls", b"0")]), tar(&[("b.png", &image), ("b.cls", b"1")])].concat();
    std::fs::write(&path, both).unwrap();
    assert_eq!(found(&*open_at(&path).unwrap().source), [("x/a", Some(0)), ("x/b", Some(1))]);
}
