//! Whose image is whose: from names, or from a file.

use crate::exit::{Failure, USAGE};
use regex_lite::Regex;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What tells the patient of an image.
#[derive(clap::Args)]
pub struct PatientArgs {
    /// A regular expression that finds the patient in an image's name; its first group, if it has one, is the patient
    #[arg(long, value_name = "REGEX", conflicts_with = "patients")]
    pub patient_pattern: Option<Regex>,
    /// CSV file with the columns name and patient
    #[arg(long, value_name = "FILE")]
    pub patients: Option<PathBuf>,
}

/// A row of a file of patients.
#[derive(Deserialize)]
struct Patient {
    name: String,
    patient: String,
}

impl PatientArgs {
    /// Reads what there is to read.
    pub fn read(&self) -> Result<Patients<'_>, Failure> {
        Ok(Patients {
            pattern: self.patient_pattern.as_ref(),
            listed: self.patients.as_deref().map(listed).transpose()?,
        })
    }
}

/// What tells the patient of an image.
pub struct Patients<'a> {
    pattern: Option<&'a Regex>,
    listed: Option<HashMap<String, String>>,
}

impl Patients<'_> {
    /// The patient of each image; nothing if nothing tells patients.
    ///
    /// # Errors
    /// When no image's patient is told.
    pub fn of(&self, names: &[String]) -> Result<Option<Vec<Option<String>>>, Failure> {
        if self.listed.is_none() && self.pattern.is_none() {
            return Ok(None);
        }
        let patients: Vec<Option<String>> = names.iter().map(|name| self.one(name)).collect();
        if patients.iter().all(Option::is_none) {
            let first = names.first().map_or("", String::as_str);
            let words = format!("no image's name tells a patient; the first one is `{first}`");
            return Err(Failure { words, code: USAGE });
        }
        Ok(Some(patients))
    }

    fn one(&self, name: &str) -> Option<String> {
        if let Some(listed) = &self.listed {
            let file = name.rsplit('/').next().unwrap_or(name);
            return listed.get(name).or_else(|| listed.get(file)).cloned();
        }
        let found = self.pattern?.captures(name)?;
        Some(found.get(1).or_else(|| found.get(0))?.as_str().to_owned())
    }
}

/// Reads a file of patients.
fn listed(path: &Path) -> Result<HashMap<String, String>, Failure> {
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
