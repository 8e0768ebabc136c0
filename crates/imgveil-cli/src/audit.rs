//! The audit log of `--log FILE`: a line of JSON for the start of a command, for every image that was set aside, and
//! for the end. It names plain files, so that only its owner may read it, and it lies outside of the output. Secrets
//! and pixels are never in it; a key is there as its fingerprint.

use crate::exit::{FAILED, Failure, Outcome, USAGE};
use crate::output::{Output, plain_json};
use imgveil::internal::key::Fingerprint;
use imgveil_data::job::{Failure as SetAside, Summary, Update, Verification};
use serde_json::{Map, Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Where events are logged.
#[derive(clap::Args)]
pub struct LogArgs {
    /// Append to this file a line of JSON for the start (arguments, versions), every file that is set aside, and the
    /// end (counts, fingerprint of the key, hash of imgveil.json)
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// The log of a command. Without a file it does nothing.
pub struct Audit {
    file: Option<(PathBuf, Mutex<File>)>,
    /// What the line of the end has beside the exit code.
    end: Mutex<Map<String, Value>>,
}

/// Runs a command with its log. The line of the start is written before the command does anything.
pub fn audited(
    command: &str,
    args: &LogArgs,
    output: &Path,
    out: &Output,
    work: impl FnOnce(&Audit) -> Outcome,
) -> Outcome {
    let audit = Audit::open(args, output)?;
    audit.event(
        "start",
        json!({
            "command": command,
            "tool": concat!("imgveil ", env!("CARGO_PKG_VERSION")),
            "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            "process": std::process::id(),
            "folder": std::env::current_dir().ok().map(|folder| folder.display().to_string()),
            "arguments": out.arguments(),
        }),
    )?;
    let outcome = work(&audit);
    let mut end = std::mem::take(&mut *audit.end.lock().unwrap_or_else(PoisonError::into_inner));
    end.insert("command".into(), command.into());
    match &outcome {
        Ok(code) => drop(end.insert("code".into(), (*code).into())),
        Err(Failure { words, code }) => {
            end.insert("code".into(), (*code).into());
            end.insert("error".into(), words.trim_start_matches('\0').into());
        }
    }
    audit.event("end", Value::Object(end))?;
    outcome
}

impl Audit {
    fn open(args: &LogArgs, output: &Path) -> Result<Self, Failure> {
        let Some(path) = &args.log else { return Ok(Self { file: None, end: Mutex::default() }) };
        let folder = |path: &Path| {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            parent.canonicalize()
        };
        if let (Ok(place), Ok(output)) = (folder(path), output.canonicalize())
            && place.starts_with(output)
        {
            let words = format!("the log {} would lie inside the output, which is handed out", path.display());
            return Err(Failure { words: format!("{words}; name another place with --log"), code: USAGE });
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // A named pipe would hold the command up.
        if path.exists() && !path.is_file() {
            return Err(Failure { words: format!("the log {} is no regular file", path.display()), code: USAGE });
        }
        let file = options.open(path).map_err(|error| cannot_write(path, &error))?;
        Ok(Self { file: Some((path.clone(), Mutex::new(file))), end: Mutex::default() })
    }

    /// Appends one line, in one write.
    fn event(&self, event: &str, more: Value) -> Result<(), Failure> {
        let Some((path, file)) = &self.file else { return Ok(()) };
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let mut line = json!({ "time": time, "event": event });
        if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
            line.extend(more);
        }
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // Arguments may have the text of a key, in place of the path of its file.
        file.write_all(format!("{}\n", plain_json(&line.to_string())).as_bytes())
            .map_err(|error| cannot_write(path, &error))
    }

    fn set_aside(&self, failed: &[SetAside]) {
        for SetAside { path, reason, .. } in failed {
            // The line of the end reports a disk that is full.
            let _ = self.event("set-aside", json!({ "path": path, "reason": reason }));
        }
    }

    fn ends_with(&self, more: Value) {
        if let Value::Object(more) = more {
            self.end.lock().unwrap_or_else(PoisonError::into_inner).extend(more);
        }
    }

    /// Logs what a job did.
    pub fn did(&self, summary: &Summary) {
        self.set_aside(&summary.failed);
        self.ends_with(json!({
            "images": summary.images,
            "in_an_earlier_run": summary.resumed,
            "set_aside": summary.failed.len(),
            "passed_over": summary.ignored,
            "scheme": summary.scheme.to_string(),
            "key": summary.key,
            "manifest": summary.manifest,
        }));
    }

    /// Logs what a verification found.
    pub fn found(&self, found: &Verification) {
        self.set_aside(&found.failed);
        self.ends_with(json!({
            "images": found.images,
            "checked": found.checked,
            "decrypted": found.decrypted,
            "not_as_written": found.failed.len(),
            "other_labels": found.labels,
            "other_members": found.members,
            "strangers": found.strangers,
            "key": found.key,
            "manifest": found.manifest_hash,
        }));
    }

    /// Logs which key a set had before.
    pub fn had_key(&self, fingerprint: &Fingerprint) {
        self.ends_with(json!({ "old_key": fingerprint.to_string() }));
    }

    /// Logs what an update did.
    pub fn changed(&self, update: &Update) {
        self.ends_with(json!({ "changes": update.changes }));
        match &update.summary {
            Some(summary) => self.did(summary),
            None => self.set_aside(&update.failed),
        }
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure { words: format!("cannot write the log {}: {error}", path.display()), code: FAILED }
}
