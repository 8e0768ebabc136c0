//! The paths that the project's pages name exist.

use std::path::{Path, PathBuf};

const PAGES: [&str; 5] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "fuzz/README.md"];

/// A word in backticks that begins with one of these is a path of the repository.
const FOLDERS: [&str; 10] =
    ["src/", "shaders/", "tests/", "benches/", "assets/", "crates/", "docs/", "fuzz/", ".ci/", ".github/"];

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
