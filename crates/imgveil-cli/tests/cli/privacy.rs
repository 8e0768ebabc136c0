//! Privacy: a patient's name is in every place that the formats have for text, and not a byte of it may reach an output
//! that is handed out. Files for the key holder name the patient, and only their owner may read them.

use crate::common::crafted_files;
use crate::common::sandbox::{PARTLY, Sandbox, grey, jpeg, rgb};
use image::ImageFormat;
use std::io::{Cursor, Write};

/// A name as in files and as in DICOM objects, and a folder in the path of the set.
const PATIENT: &str = "Jane_Doe";
const FORMAL: &str = "DOE^JANE";
const WARD: &str = "Ward-7-Secret";

/// Whether the bytes contain the words, in any case, with one or two bytes a letter.
fn tells(bytes: &[u8], words: &str) -> bool {
    let lower = bytes.to_ascii_lowercase();
    let words = words.to_ascii_lowercase();
    let wide = |order: fn(u16) -> [u8; 2]| words.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let forms = [words.clone().into_bytes(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)];
    forms.iter().any(|form| lower.windows(form.len()).any(|window| window == form))
}

/// Which of these words are in an output, in names or in bytes. Pictures must hold nothing but pixels.
fn told(sandbox: &Sandbox, output: &str, words: &[&str]) -> Vec<String> {
    let files = if sandbox.path(output).is_dir() {
        sandbox.tree(output)
    } else {
        [(output.to_owned(), sandbox.read(output))].into()
    };
    assert!(!files.is_empty());
    let mut told = Vec::new();
    for (name, bytes) in &files {
        let extension = name.rsplit('.').next().unwrap();
        match extension {
            "png" => assert!(only_pixels(bytes), "{name} holds {:?}", crafted_files::png_chunks(bytes)),
            "jpg" => assert!(!["Exif", "http"].iter().any(|word| tells(bytes, word)), "{name}"),
            "tar" => {
                let mut archive = tar::Archive::new(bytes.as_slice());
                for member in archive.entries().unwrap() {
                    let mut member = member.unwrap();
                    let mut content = Vec::new();
                    std::io::Read::read_to_end(&mut member, &mut content).unwrap();
                    let header = member.header();
                    assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (0, 0));
                    let path = member.path().unwrap().to_string_lossy().into_owned();
                    assert!(!path.ends_with("png") || only_pixels(&content), "{name}: {path}");
                }
            }
            "npz" => {
                let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
                assert_eq!(archive.comment(), b"");
            }
            _ => {}
        }
        for word in words {
            if tells(name.as_bytes(), word) {
                told.push(format!("{word} in the name {name}"));
            }
            if tells(bytes, word) {
                told.push(format!("{word} in {name}"));
            }
        }
    }
    told
}

fn only_pixels(png: &[u8]) -> bool {
    crafted_files::png_chunks(png).iter().all(|kind| ["IHDR", "IDAT", "IEND"].contains(&kind.as_str()))
}

#[track_caller]
fn is_private(sandbox: &Sandbox, name: &str) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert!(sandbox.path(name).is_file(), "{name}");
}

/// Pictures of every format, with the name in every place for text.
fn planted(sandbox: &Sandbox) -> String {
    let root = format!("{WARD}/{PATIENT}-scans");
    let write = |name: &str, bytes: Vec<u8>| {
        let at = sandbox.path(&format!("{root}/{name}"));
        assert!(tells(&bytes, FORMAL), "{name} has no name planted in it");
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, bytes).unwrap();
    };
    let encoded = |format: ImageFormat, picture: image::DynamicImage| {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let words = format!("Patient {FORMAL} {PATIENT}, born 1970, of {WARD}");
    let wide: Vec<u8> = FORMAL.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let international = [b"Author\0\0\0en\0\0".as_slice(), words.as_bytes()].concat();
    let squeezed = [b"XML:com.adobe.xmp\0\x01\0\0\0".as_slice(), &crafted_files::deflated(words.as_bytes())].concat();
    let chunks = [
        (b"tEXt", [b"Description\0".as_slice(), words.as_bytes()].concat()),
        (b"zTXt", [b"Comment\0\0".as_slice(), &crafted_files::deflated(words.as_bytes())].concat()),
        (b"iTXt", international),
        (b"iTXt", squeezed),
        (b"eXIf", crafted_files::exif(&words)),
        (b"iCCP", [format!("{PATIENT}\0\0").as_bytes(), &crafted_files::deflated(&wide)].concat()),
        (b"paTi", wide),
    ];
    let png = encoded(ImageFormat::Png, grey(8, 8, 1).into());
    write(&format!("train/{PATIENT}/{PATIENT}-1.png"), crafted_files::png(&png, &chunks));
    write(&format!("train/{PATIENT}/{PATIENT}-2.jpg"), crafted_files::jpeg(&jpeg(8, 8), &words));
    let page = |seed| grey(8, 8, seed).into_raw();
    write(&format!("train/other/{PATIENT}-3.tif"), crafted_files::tiff(8, 8, &[page(3), page(4)], &words));
    let texts = [
        (0x0008_1030, b"LO", words.as_str()),
        (0x0009_0010, b"LO", words.as_str()),
        (0x0009_1001, b"UN", words.as_str()),
        (0x0010_0010, b"PN", FORMAL),
        (0x0010_0020, b"LO", PATIENT),
        (0x0020_4000, b"LT", words.as_str()),
    ];
    write(&format!("train/other/{PATIENT}-4.dcm"), crafted_files::dicom(8, 8, &[page(5), page(6)], &texts));
    let volume: Vec<u8> = (7..9).flat_map(page).collect();
    write(&format!("train/other/{PATIENT}-5.nii"), crafted_files::nifti([8, 8, 2], &volume, &words));
    let zipped = crafted_files::gzip(&crafted_files::nifti([8, 8, 2], &volume, &words), &words);
    write(&format!("train/{PATIENT}/{PATIENT}-6.nii.gz"), zipped);
    let pgm = [format!("P5\n# {words}\n8 8\n255\n").as_bytes(), &page(10)].concat();
    write(&format!("train/{PATIENT}/{PATIENT}-7.pgm"), pgm);
    // Colour images have a split of their own, because an array holds images of one kind.
    let webp = encoded(ImageFormat::WebP, rgb(8, 8, 11).into());
    write(&format!("val/{PATIENT}/{PATIENT}-8.webp"), crafted_files::webp(&webp, 8, 8, &words));
    write(&format!("train/other/{PATIENT}-9.txt"), words.clone().into_bytes());
    root
}

/// The number of images of [`planted`] that can be read.
const IMAGES: usize = 12;

const FORMATS: [(&str, &str); 6] = [
    ("", "png"),
    ("--format jpeg", "jpeg"),
    ("", "set.npz"),
    ("--format npy", "npy"),
    ("--format webdataset --per-shard 3", "shards"),
    ("--format webdataset", "one-shard"),
];

#[test]
fn no_name_that_stands_anywhere_in_the_input_reaches_an_output() {
    let sandbox = Sandbox::new();
    let root = planted(&sandbox);
    sandbox.write(&format!("{root}/train/{PATIENT}/{PATIENT}-broken.png"), b"not a picture");
    for scheme in ["none", "shuffle-flip"] {
        for (format, output) in FORMATS {
            let done = sandbox.run(&format!("encrypt neutral -k k.key -s {scheme} {format} {root} {output}"));
            assert_eq!(done.code, PARTLY, "{}", done.err);
            assert!(done.out.starts_with(&format!("encrypted {IMAGES} images")), "{}", done.out);
            let told = told(&sandbox, output, &[PATIENT, FORMAL, "Jane", WARD, "scans"]);
            assert_eq!(told, [""; 0], "{scheme} {output}");
            // The files for the key holder are beside the output and name everything.
            for (beside, count) in [("names.csv", IMAGES + 1), ("failed.csv", 2)] {
                let name = format!("{output}.{beside}");
                is_private(&sandbox, &name);
                let text = String::from_utf8(sandbox.read(&name)).unwrap();
                assert_eq!((text.lines().count(), tells(text.as_bytes(), PATIENT)), (count, true), "{name}: {text}");
            }
            let back = sandbox.run(&format!("decrypt -k k.key --names {output}.names.csv {output} back"));
            assert_eq!(back.code, 0, "{}", back.err);
            assert!(sandbox.files("back").contains(&format!("train/{PATIENT}/{PATIENT}-1.png")));
            for left in ["back", output] {
                let path = sandbox.path(left);
                if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
            }
        }
    }
}

#[test]
fn names_are_kept_only_where_they_are_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/Cyst/Jane_Doe-1.png", "in/Cyst/Jane_Doe-2.png", "in/Polyp/Jane_Doe-3.png"]);
    for (format, output) in FORMATS {
        let run = |flags: &str| {
            let line = format!("encrypt {flags} -k k.key {format} in {output}");
            assert_eq!(sandbox.run(&line).code, 0, "{line}");
            let told = ["cyst", "polyp", "jane"].map(|word| !told(&sandbox, output, &[word]).is_empty());
            let path = sandbox.path(output);
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
            let names = sandbox.path(&format!("{output}.names.csv"));
            (told, std::fs::remove_file(names).is_ok())
        };
        assert_eq!(run("neutral"), ([false; 3], true), "{output}");
        assert_eq!(run("--keep-classes"), ([true, true, false], true), "{output}");
        assert_eq!(run("--keep-names"), ([true; 3], false), "{output}");
    }
}

/// Kept names do not include the path of the input.
#[test]
fn the_inputs_path_is_nobodys_business() {
    let sandbox = Sandbox::new();
    let root = format!("{WARD}/images");
    sandbox.greys(&[&format!("{root}/a/1.png"), &format!("{root}/b/2.png")]);
    sandbox.write("Jane_Doe.csv", b"name,label,split\na/1,Jane_Doe,train\nb/2,DOE^JANE,test\n");
    let here = sandbox.0.path().file_name().unwrap().to_str().unwrap().to_owned();
    for (format, output) in FORMATS {
        for (flags, words) in [
            ("--keep-names", vec![WARD, &here, "k.key"]),
            ("neutral --labels Jane_Doe.csv", vec![WARD, &here, "k.key", PATIENT, FORMAL]),
        ] {
            let done = sandbox.run(&format!("encrypt {flags} -k k.key {format} {root} {output}"));
            assert_eq!(done.code, 0, "{}", done.err);
            assert_eq!(told(&sandbox, output, &words), [""; 0]);
            let path = sandbox.path(output);
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
    }
}

/// Member names, owners, comments, texts beside the images.
#[test]
fn shards_give_away_nothing_of_the_members_that_they_were_read_from() {
    let sandbox = Sandbox::new();
    let mut tar = tar::Builder::new(Vec::new());
    let words = format!("{{\"label\": \"{PATIENT}\", \"patient\": \"{FORMAL}\"}}");
    for i in 0..4 {
        sandbox.picture("one.png", grey(8, 8, i));
        let png = crafted_files::png(&sandbox.read("one.png"), &[(b"tEXt", format!("Author\0{FORMAL}").into_bytes())]);
        let key = format!("{PATIENT}/{}/{PATIENT}-{i}", "x".repeat(120));
        for (kind, bytes) in [("png", png.as_slice()), ("json", words.as_bytes()), ("txt", FORMAL.as_bytes())] {
            crafted_files::member(&mut tar, &format!("{key}.{kind}"), PATIENT, bytes);
        }
    }
    crafted_files::member(&mut tar, &format!("{PATIENT}.notes"), PATIENT, FORMAL.as_bytes());
    sandbox.write(&format!("{PATIENT}/train-000000.tar"), &tar.into_inner().unwrap());
    for (format, output) in FORMATS {
        let done = sandbox.run(&format!("encrypt neutral -k k.key {format} {PATIENT} {output}"));
        assert_eq!(done.code, 0, "{}", done.err);
        assert_eq!(told(&sandbox, output, &[PATIENT, FORMAL, "Jane"]), [""; 0], "{output}");
        let names = String::from_utf8(sandbox.read(&format!("{output}.names.csv"))).unwrap();
        assert_eq!((names.lines().count(), names.matches(PATIENT).count() >= 8), (5, true), "{names}");
    }
    // Members are carried over where that is asked for, and only those kinds.
    let line = format!("encrypt -k k.key --keep-members json --format webdataset {PATIENT} members");
    assert_eq!(sandbox.run(&line).code, 0);
    assert!(!told(&sandbox, "members", &["patient"]).is_empty());
    let mut archive = tar::Archive::new(Cursor::new(sandbox.read("members/train-000000.tar")));
    let paths = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned());
    assert!(paths.into_iter().all(|path| !path.ends_with(".txt") && !tells(path.as_bytes(), PATIENT)));
}

/// Comments of the archive and of its members, and members that are no arrays of the set.
#[test]
fn arrays_give_away_nothing_of_the_archive_that_they_were_read_from() {
    let sandbox = Sandbox::new();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let array = |shape: &[u64], values: Vec<u8>| {
        let mut bytes = Vec::new();
        imgveil_data::format::npy::write(&mut bytes, shape, values).unwrap();
        bytes
    };
    let members = [
        ("train_images.npy".to_owned(), array(&[4, 8, 8], (0..=255).collect())),
        ("train_labels.npy".to_owned(), array(&[4, 1], vec![0, 1, 0, 1])),
        (format!("{PATIENT}.npy"), array(&[4], vec![1; 4])),
        (format!("{PATIENT}.txt"), FORMAL.as_bytes().to_vec()),
    ];
    for (name, bytes) in &members {
        let options = zip::write::FullFileOptions::default().with_file_comment(FORMAL);
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.set_comment(format!("{FORMAL} {PATIENT}")).unwrap();
    sandbox.write(&format!("{PATIENT}.npz"), zip.finish().unwrap().get_ref());
    for (format, output) in FORMATS {
        for scheme in ["shuffle-flip", "instahide"] {
            if scheme == "instahide" && !output.ends_with(".npz") {
                continue;
            }
            let done =
                sandbox.run(&format!("encrypt neutral -k k.key -s {scheme} {format} {PATIENT}.npz {scheme}-{output}"));
            assert_eq!(done.code, 0, "{}", done.err);
            assert_eq!(told(&sandbox, &format!("{scheme}-{output}"), &[PATIENT, FORMAL, "Jane"]), [""; 0], "{output}");
        }
    }
}

/// During a run, and after a merge.
#[test]
fn parts_and_what_a_killed_run_leaves_are_as_silent() {
    let sandbox = Sandbox::new();
    let root = planted(&sandbox);
    sandbox.write(&format!("{root}/train/{PATIENT}/{PATIENT}-broken.png"), b"not a picture");
    for (format, output) in [("", "png"), ("--format webdataset --per-shard 3", "shards")] {
        for part in 1..=3 {
            let done = sandbox.run(&format!("encrypt neutral -k k.key --shard {part}/3 {format} {root} {output}"));
            assert!([0, PARTLY].contains(&done.code), "{}", done.err);
            is_private(&sandbox, &format!("{output}.names-{part}-of-3.csv"));
            if done.code == PARTLY {
                is_private(&sandbox, &format!("{output}.failed-{part}-of-3.csv"));
            }
            assert_eq!(told(&sandbox, output, &[PATIENT, FORMAL, WARD]), [""; 0], "{output} {part}");
        }
        assert_eq!(sandbox.run(&format!("merge {output}")).code, 0);
        assert_eq!(told(&sandbox, output, &[PATIENT, FORMAL, WARD]), [""; 0], "{output}");
        is_private(&sandbox, &format!("{output}.names.csv"));
        is_private(&sandbox, &format!("{output}.failed.csv"));
    }
    // The journal of an interrupted run holds ids and keyed hashes only.
    let names: Vec<String> = (0..300).map(|i| format!("{WARD}/many/{PATIENT}/{PATIENT}-{i}.png")).collect();
    sandbox.greys(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let line = format!("encrypt neutral -k k.key {WARD}/many cut");
    let journal = || std::fs::read(sandbox.path("cut/.imgveil-partial")).unwrap_or_default();
    let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
    for _ in 0..50 {
        let mut run = sandbox.command("", &line).stdout(std::process::Stdio::null()).spawn().unwrap();
        while lines(&journal()) < 3 && run.try_wait().unwrap().is_none() {}
        run.kill().unwrap();
        run.wait().unwrap();
        let journal = journal();
        if lines(&journal) >= 3 {
            let told: Vec<&str> = [PATIENT, WARD, "many"].into_iter().filter(|word| tells(&journal, word)).collect();
            assert_eq!(told, [""; 0]);
            return;
        }
        std::fs::remove_dir_all(sandbox.path("cut")).unwrap();
    }
    panic!("fifty runs could not be cut");
}
