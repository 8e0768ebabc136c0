//! The house rules that a compiler does not check: arrows point down only, and the core rooms use nothing that a browser
//! lacks.

use std::path::{Path, PathBuf};

/// The rooms of the library from the ground up; a room uses only those before it. The command line is a crate above.
const ROOMS: [&str; 17] = [
    "hex", "npy", "image", "key", "schedule", "plan", "tables", "scheme", "engine", "dataset", "job", "measure",
    "report", "preview", "train", "study", "demo",
];

/// The rooms that must run in a browser.
const CORE: usize = 9;

/// Files of core rooms that are left out of a browser's build, whole.
const NATIVE_ONLY: [&str; 4] = ["npy.rs", "key/file.rs", "tables/file.rs", "engine/gpu/timing.rs"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// Every file of the library with its room and its lines, comments left out.
fn library() -> Vec<(String, String, Vec<String>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for path in sources(&root) {
        let name: Vec<String> =
            path.strip_prefix(&root).unwrap().iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        let room = name[0].trim_end_matches(".rs").to_owned();
        if ["main", "lib", "cli"].contains(&room.as_str()) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| line.split("//").next().unwrap().to_owned()).collect();
        files.push((name.join("/"), room, lines));
    }
    assert!(files.len() > 30);
    files
}

fn place(room: &str) -> usize {
    ROOMS.iter().position(|&r| r == room).unwrap_or_else(|| panic!("{room} is a new room: give it its place in ROOMS"))
}

#[test]
fn arrows_point_down_only() {
    for (file, room, lines) in library() {
        for (number, line) in lines.iter().enumerate() {
            for used in line.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                assert!(!used.is_empty(), "{file}:{}: name the room in each `use crate::...`", number + 1);
                assert!(place(&used) <= place(&room), "{file}:{}: {room} must not use {used}", number + 1);
            }
        }
    }
}

#[test]
fn core_rooms_use_nothing_that_a_browser_lacks() {
    let lacking =
        ["std::fs", "std::thread", "std::time", "std::net", "std::process", "std::env", "getrandom", "tempfile"];
    for (file, room, lines) in library() {
        if place(&room) >= CORE || NATIVE_ONLY.contains(&file.as_str()) {
            continue;
        }
        for (number, line) in lines.iter().enumerate() {
            let used = lacking.iter().find(|word| line.contains(**word));
            assert_eq!(used, None, "{file}:{}", number + 1);
        }
        // Threads only where a twin without them stands in for a browser.
        if lines.iter().any(|line| line.contains("rayon")) {
            assert!(lines.iter().any(|line| line.contains("#[cfg(target_family = \"wasm\")]")), "{file}");
        }
    }
}

#[test]
fn the_library_prints_nothing_and_exits_never() {
    for (file, _, lines) in library() {
        for (number, line) in lines.iter().enumerate() {
            for word in ["println!", "eprintln!", "print!", "dbg!", "process::exit", "todo!", "unimplemented!"] {
                assert!(!line.contains(word), "{file}:{}: {word}", number + 1);
            }
        }
    }
}
