//! The project's pages name paths that exist, and a stage is named in few source files.

use std::path::{Path, PathBuf};

const PAGES: [&str; 5] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "fuzz/README.md"];

/// A word in backticks that begins with one of these is a path of the repository.
const FOLDERS: [&str; 11] =
    ["src/", "shaders/", "tests/", "benches/", "assets/", "crates/", "docs/", "fuzz/", "python/", ".ci/", ".github/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages at the top and the guides.
fn pages() -> Vec<PathBuf> {
    let guides = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let guides = guides.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    PAGES.iter().map(|page| root().join(page)).chain(guides).collect()
}

/// The text between backticks outside of code blocks.
fn quoted(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

/// Where the links of a page lead, without the places inside of pages.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.map(|target| target.split('#').next().unwrap());
    targets.filter(|target| !target.is_empty() && !target.contains("://")).collect()
}

#[test]
fn paths_that_the_pages_name_exist() {
    let mut missing = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for path in quoted(&text) {
            // `tests/run ARGUMENT` names tests/run.
            let path = path.split_whitespace().next().unwrap_or_default();
            if FOLDERS.iter().any(|folder| path.starts_with(folder)) && !root().join(path).exists() {
                missing.push(format!("{}: {path}", page.display()));
            }
        }
        for link in links(&text) {
            if !page.parent().unwrap().join(link).exists() {
                missing.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

/// rustfmt wraps neither comments nor strings.
#[test]
fn no_line_is_longer_than_120_columns() {
    let mut long = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["src", "shaders", "tests", "benches", "crates", "python"].iter().map(|name| root().join(name)).collect();
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_source = path.extension().is_some_and(|extension| extension == "rs" || extension == "wgsl");
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if is_source {
                files += 1;
                let text = std::fs::read_to_string(&path).unwrap();
                let lines = text.lines().zip(1..).filter(|(line, _)| line.chars().count() > 120);
                long.extend(lines.map(|(_, number)| format!("{}:{number}", path.display())));
            }
        }
    }
    assert!(files > 200, "{files} files");
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

/// Stages of moves and flips: their types, modules and canonical names. `sign-flip` is an option of presets too, so
/// that only the type stands for the stage.
const STAGES: [&[&str]; 8] = [
    &["PixelShuffling", "pixel_shuffling", "pixel-shuffling"],
    &["SignFlip"],
    &["NibbleShuffling", "nibble_shuffling", "nibble-shuffling"],
    &["RotationInversion", "rotation_inversion", "rotation-inversion"],
    &["NegativePositive", "negative_positive", "negative-positive"],
    &["PixelNegativePositive", "pixel_negative_positive", "pixel-negative-positive"],
    &["ColourShuffling", "colour_shuffling", "colour-shuffling"],
    &["BlockScrambling", "block_scrambling", "block-scrambling"],
];

/// The Rust files below a folder.
fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a source file names one of the words outside of comments and tests.
fn names(path: &Path, words: &[&str]) -> bool {
    if path.ends_with("tests.rs") {
        return false;
    }
    let text = std::fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut names = lines.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && !"_-".contains(c)));
    names.any(|name| words.contains(&name))
}

/// A shader names the file of its twin.
#[test]
fn sources_that_shaders_name_exist() {
    let mut named = 0;
    for folder in ["shaders", "shaders/shared"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let words = text.split(|c: char| c.is_whitespace() || ",;".contains(c));
            let named_here = words.map(|word| word.trim_end_matches('.')).filter(|word| word.starts_with("src/"));
            for source in named_here {
                assert!(root().join(source).is_file(), "{} names {source}", path.display());
                named += 1;
            }
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn a_stage_touches_four_source_files() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    for words in STAGES {
        let naming: Vec<_> = files.iter().filter(|path| names(path, words)).collect();
        // Its own file and the list, at least: otherwise this test looks for nothing.
        assert!((2..=4).contains(&naming.len()), "{} is named in {naming:#?}", words[0]);
    }
}
