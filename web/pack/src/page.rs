//! The page as one file.

use crate::bindings::Bound;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;

/// The parts of the script, in the order in which they run.
const SCRIPTS: [&str; 10] = ["dom", "engine", "state", "device", "choose", "key", "scheme", "preview", "job", "panel"];

/// The part that starts the page.
const START: &str = "start";

const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Cpath \
                    fill='%230b57a4' d='M0 0h4v4H0zM4 4h4v4H4zM6 0h2v2H6zM0 6h2v2H0z'/%3E%3C/svg%3E";

/// A packed page.
pub struct Packed {
    /// Its text.
    pub html: String,
    /// The length of the module in it, compressed.
    pub zipped: usize,
}

/// Packs the page of a folder.
pub fn pack(bound: &Bound, folder: &Path) -> Result<Packed, String> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let zipped = gzip(&bound.module).map_err(|error| error.to_string())?;
    let worker = element(&format!("{}\n{}", bound.script, read("worker.js")?), "the worker")?;
    let mut parts = vec!["\"use strict\";".to_owned()];
    for name in SCRIPTS.into_iter().chain([START]) {
        parts.push(read(&format!("script/{name}.js"))?);
    }
    let script = format!("{{\n{}}}\n", parts.join("\n"))
        .replace("{{module-hash}}", &hex(&bound.module))
        .replace("{{worker-hash}}", &hex(worker.as_bytes()));
    let (script, style) = (element(&script, "the script")?, element(&read("style.css")?, "the style")?);
    let policy = policy(&script, &style);
    let mut html = read("index.html")?;
    let module = STANDARD.encode(&zipped);
    for (place, text) in [
        ("policy", policy.as_str()),
        ("icon", ICON),
        ("style", &style),
        ("module", &module),
        ("worker", &worker),
        ("script", &script),
    ] {
        let place = format!("{{{{{place}}}}}");
        if html.matches(&place).count() != 1 {
            return Err(format!("index.html has no place, or several, for {place}"));
        }
        html = html.replacen(&place, text, 1);
    }
    Ok(Packed { html, zipped: zipped.len() })
}

/// What the page may do: run its one script and its one style, and start a worker from what it holds. It may not
/// connect to anything.
fn policy(script: &str, style: &str) -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{}' 'wasm-unsafe-eval'; style-src 'sha256-{}'; \
         worker-src blob: 'self'; img-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'",
        hash(script),
        hash(style)
    )
}

/// The content of an element, which must not end it. A browser hashes it with line feeds alone.
fn element(text: &str, what: &str) -> Result<String, String> {
    let text = text.replace("\r\n", "\n");
    let lower = text.to_ascii_lowercase();
    match ["</script", "</style", "<!--"].iter().find(|end| lower.contains(**end)) {
        Some(end) => Err(format!("{what} contains {end}")),
        None => Ok(text),
    }
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The SHA-256 of bytes as hex digits.
pub fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
