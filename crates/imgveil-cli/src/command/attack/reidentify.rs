//! `imgveil attack reidentify`.

use crate::attack::{Attacked, Column, DataArgs, ElsewhereArgs, KeyArgs, Target, write_report};
use crate::exit::{Failure, Outcome, USAGE};
use crate::output::{ImageBar, Output, counted, wrapped};
use imgveil_attack::another_export;
use imgveil_attack::reidentify::{Found, SamePatient, reidentify, same_patient};
use regex_lite::Regex;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

const AFTER_HELP: &str = "\
Examples:
  imgveil attack reidentify -s le --resize 224 images
  imgveil attack reidentify -s ele --resize 224 --patient-pattern '(person[0-9]+|IM-[0-9]+)' images
  imgveil attack reidentify --encrypted theirs --plain ours --patients patients.csv
  imgveil attack reidentify -s keystream images               # the control: it resists";

const ATTACKER: &str = "has encrypted images, and a plain image or another export of it; no key, no pair";

/// Find a plain image among the encrypted ones, and tell which encrypted images are of one patient.
///
/// Compares statistics of blocks, which permutations and negations leave as they are: with the plain image itself, and
/// with another export of it (cut by 4 %, 5 % brighter, JPEG of quality 50).
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// A regular expression that finds the patient in an image's name; its first group, if it has one, is the patient
    #[arg(long, value_name = "REGEX", conflicts_with = "patients")]
    patient_pattern: Option<Regex>,
    /// CSV file with the columns name and patient
    #[arg(long, value_name = "FILE")]
    patients: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    elsewhere: ElsewhereArgs,
    /// Images to encrypt here and attack: folder, .npz, .npy, .tar, or a file of images
    #[arg(value_name = "IN")]
    input: Option<PathBuf>,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let listed = args.patients.as_deref().map(patients).transpose()?;
    let attacked = Attacked {
        data: &args.data,
        key: &args.key,
        elsewhere: Some(&args.elsewhere),
        input: args.input.as_deref(),
        needs_plain: true,
    };
    let target = attacked.open(out)?;
    let plain = target.plain()?;
    let started = Instant::now();
    let bar = ImageBar::new("comparing");
    let found = reidentify(plain, &target.encrypted, target.statistics, &bar);
    bar.finish();
    let found = found?;
    let verified = verified(args, listed.as_ref(), &target)?;
    let seconds = started.elapsed().as_secs_f64();
    let count = plain.len();
    let verdict = match (found.same_pixels.rank_1, found.another_export.rank_1) {
        (_, other) if other >= 0.5 => format!(
            "OPEN. Another export of an image finds its encryption among {count} in {:.1} % of the cases",
            100.0 * other
        ),
        (same, other) if same >= 5.0 * found.chance + 0.02 => format!(
            "OPEN to whoever has the image itself: found among {count} in {:.1} % of the cases, with another export of \
             it in {:.1} %",
            100.0 * same,
            100.0 * other
        ),
        (same, _) => format!(
            "RESISTS this attack. An image is found among {count} in {:.1} % of the cases, and by guessing in {:.1} %",
            100.0 * same,
            100.0 * found.chance
        ),
    };
    let mut report = target.report("reidentify", args.data.seed);
    report["same_pixels"] = found_json(&found.same_pixels);
    report["another_export"] = found_json(&found.another_export);
    report["chance"] = json!(found.chance);
    report["same_patient"] = verified.map_or(Value::Null, |found| {
        json!({ "pairs_of_one_patient": found.same, "pairs_of_two": found.different, "auc": found.auc,
                "auc_within_label": found.within_label })
    });
    report["seconds"] = json!(seconds);
    report["resists"] = json!(verdict.starts_with("RESISTS"));
    report["verdict"] = json!(verdict);
    if args.data.json {
        out.json(&report)?;
    } else {
        target.head(ATTACKER, out);
        say_found("the image itself", &found.same_pixels, out);
        say_found("another export of it", &found.another_export, out);
        out.say(&format!("  by guessing: rank 1 {:.1} %", 100.0 * found.chance));
        if let Some(found) = verified {
            out.say(&format!(
                "  are two encrypted images of one patient: AUC {:.3}{} ({} of one, {} of two; 0.5 is guessing)",
                found.auc,
                found.within_label.map_or(String::new(), |area| format!(", within one label {area:.3}")),
                counted(found.same, "pair"),
                found.different
            ));
        }
        out.say_lines(&wrapped("verdict:  ", &verdict));
    }
    let numbers: Vec<usize> = (0..count.min(6)).collect();
    let other = another_export(&plain.select(&numbers))?;
    let columns = [
        Column { heading: "another export", images: &other, numbers: &numbers },
        Column { heading: "its encryption", images: &target.encrypted, numbers: &numbers },
        Column { heading: "nearest encryption", images: &target.encrypted, numbers: &found.nearest[..numbers.len()] },
        Column { heading: "of this image", images: plain, numbers: &found.nearest[..numbers.len()] },
    ];
    write_report(args.data.output.as_deref(), &target, &columns, &[], &report, out)?;
    Ok(target.code())
}

fn say_found(with: &str, found: &Found, out: &Output) {
    out.say(&format!(
        "  found with {with:<21} rank 1 {:>5.1} %   rank 5 {:>5.1} %   mean rank {:.1}",
        100.0 * found.rank_1,
        100.0 * found.rank_5,
        found.mean_rank
    ));
}

fn found_json(found: &Found) -> Value {
    json!({ "rank_1": found.rank_1, "rank_5": found.rank_5, "mean_rank": found.mean_rank })
}

/// Whether two encrypted images are of one patient, if something tells whose they are.
fn verified(
    args: &Args,
    listed: Option<&HashMap<String, String>>,
    target: &Target,
) -> Result<Option<SamePatient>, Failure> {
    let of = |name: &String| -> Option<String> {
        let pattern = args.patient_pattern.as_ref();
        match (listed, pattern) {
            (Some(listed), _) => {
                let file = name.rsplit('/').next().unwrap_or(name);
                listed.get(name).or_else(|| listed.get(file)).cloned()
            }
            (None, Some(pattern)) => {
                let found = pattern.captures(name)?;
                Some(found.get(1).or_else(|| found.get(0))?.as_str().to_owned())
            }
            (None, None) => None,
        }
    };
    if listed.is_none() && args.patient_pattern.is_none() {
        return Ok(None);
    }
    let patients: Vec<Option<String>> = target.names.iter().map(of).collect();
    let patients: Vec<Option<&str>> = patients.iter().map(Option::as_deref).collect();
    if patients.iter().all(Option::is_none) {
        let words = format!("no image's name tells a patient; the first one is `{}`", target.names[0]);
        return Err(Failure { words, code: USAGE });
    }
    Ok(Some(same_patient(&target.encrypted, &patients, &target.labels, target.statistics)?))
}

/// A row of a file of patients.
#[derive(Deserialize)]
struct Patient {
    name: String,
    patient: String,
}

/// Reads a file of patients.
fn patients(path: &Path) -> Result<HashMap<String, String>, Failure> {
    let failed = |reason: String| Failure {
        words: format!("{} is no CSV file with the columns name and patient: {reason}", path.display()),
        code: USAGE,
    };
    let file = imgveil_data::regular_file::open_named(path).map_err(|error| failed(error.to_string()))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let mut patients = HashMap::new();
    for row in reader.deserialize() {
        let Patient { name, patient } = row.map_err(|error| failed(error.to_string()))?;
        patients.insert(name, patient);
    }
    Ok(patients)
}
