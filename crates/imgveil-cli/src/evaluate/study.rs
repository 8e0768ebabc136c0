//! What encryption costs in accuracy: the table of a study, or the summary of one training run.

use crate::exit::{DATASET, Failure, USAGE};
use imgveil::internal::scheme::{Options, Preset, Scheme};
use imgveil_data::regular_file;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The figures of a study.
pub struct Study {
    /// Where they are from.
    pub path: PathBuf,
    /// The rows, with the scheme of each where its words name one.
    rows: Vec<(Option<Scheme>, Score)>,
}

/// A network on images of one scheme: means over the seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The scheme as the study names it.
    pub scheme: String,
    pub network: String,
    /// Flags of the training runs.
    pub flags: String,
    pub runs: usize,
    pub auc_mean: Option<f64>,
    pub auc_sd: Option<f64>,
    /// Compared with plain images.
    pub auc_against_plain: Option<f64>,
    pub balanced_accuracy_mean: Option<f64>,
    pub accuracy_mean: Option<f64>,
    pub images_per_second_mean: Option<f64>,
}

impl Study {
    /// Reads the folder of a study or of a run, or one of the files in it.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let [table, summary] = ["table.csv", "summary.json"].map(|name| path.join(name));
        let rows = if table.is_file() {
            of_table(&table)?
        } else if summary.is_file() {
            vec![of_run(&summary)?]
        } else if path.extension().is_some_and(|extension| extension == "csv") && path.is_file() {
            of_table(path)?
        } else if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
            vec![of_run(path)?]
        } else {
            let words = format!(
                "{} holds neither the table.csv of `imgveil study` nor the summary.json of `imgveil train`: check \
                 --study",
                path.display()
            );
            return Err(Failure { words, code: USAGE });
        };
        Ok(Self { path: path.to_owned(), rows })
    }

    /// The scores of a scheme. `text` is how it was named.
    pub fn of(&self, scheme: &Scheme, text: &str) -> Vec<Score> {
        let same = |found: &Option<Scheme>, score: &Score| found.as_ref() == Some(scheme) || score.scheme == text;
        self.rows.iter().filter(|(found, score)| same(found, score)).map(|(_, score)| score.clone()).collect()
    }

    /// The schemes of the study that are none of these.
    pub fn others(&self, schemes: &[(&Scheme, &str)]) -> Vec<String> {
        let known = |score: &Score, found: &Option<Scheme>| {
            schemes.iter().any(|(scheme, text)| found.as_ref() == Some(*scheme) || score.scheme == *text)
        };
        let mut others: Vec<String> =
            self.rows.iter().filter(|(found, score)| !known(score, found)).map(|(_, s)| s.scheme.clone()).collect();
        others.dedup();
        others
    }
}

fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> Failure {
    let words = format!("{} is no result of `imgveil study` or `imgveil train`: {reason}", path.display());
    Failure { words, code: DATASET }
}

fn of_table(path: &Path) -> Result<Vec<(Option<Scheme>, Score)>, Failure> {
    let file = regular_file::open_named(path).map_err(|error| damaged(path, &error))?;
    let mut reader = csv::Reader::from_reader(file);
    let mut rows = Vec::new();
    for score in reader.deserialize() {
        let score: Score = score.map_err(|error| damaged(path, &error))?;
        if score.runs > 0 {
            rows.push((scheme_of(&score.scheme), score));
        }
    }
    Ok(rows)
}

/// The scheme that the words of a study name: its name, and flags of `imgveil train` without dashes.
fn scheme_of(words: &str) -> Option<Scheme> {
    let mut words = words.split(' ');
    let preset = Preset::named(words.next()?).ok()?;
    let mut options = Options::default();
    while let Some(flag) = words.next() {
        match flag {
            "scramble" => options.scramble = true,
            "sign-flip" => options.sign_flip = true,
            "block" => options.block = Some(words.next()?.parse().ok()?),
            "key-scope" => options.key_scope = Some(words.next()?.parse().ok()?),
            "statistic" => options.statistic = Some(words.next()?.parse().ok()?),
            "channel-table" => options.orders = Some(words.next()?.parse().ok()?),
            _ => return None,
        }
    }
    preset.scheme(options).ok()
}

/// What there is to know of a run.
#[derive(Deserialize)]
struct Summary {
    scheme: Scheme,
    config: Config,
    test: Option<Scores>,
    val: Option<Scores>,
    images_per_second: Option<f64>,
}

#[derive(Deserialize)]
struct Config {
    model: serde_json::Value,
}

#[derive(Deserialize)]
struct Scores {
    auc: Option<f64>,
    accuracy: Option<f64>,
    balanced_accuracy: Option<f64>,
}

fn of_run(path: &Path) -> Result<(Option<Scheme>, Score), Failure> {
    let text = regular_file::read(path).map_err(|error| damaged(path, &error))?;
    let summary: Summary = serde_json::from_slice(&text).map_err(|error| damaged(path, &error))?;
    let scores = summary.test.or(summary.val).ok_or_else(|| damaged(path, &"it has no scores"))?;
    let network = match summary.config.model {
        serde_json::Value::String(name) => name,
        other => other.to_string(),
    };
    let score = Score {
        scheme: summary.scheme.to_string(),
        network,
        flags: String::new(),
        runs: 1,
        auc_mean: scores.auc,
        auc_sd: None,
        auc_against_plain: None,
        balanced_accuracy_mean: scores.balanced_accuracy,
        accuracy_mean: scores.accuracy,
        images_per_second_mean: summary.images_per_second,
    };
    Ok((Some(summary.scheme), score))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "scheme,network,flags,runs,auc_mean,auc_sd,auc_against_plain,balanced_accuracy_mean,\
                        balanced_accuracy_sd,accuracy_mean,accuracy_sd,parameters,seconds_mean,images_per_second_mean";

    #[test]
    fn rows_of_a_study_are_found_by_the_schemes_that_they_name() {
        let folder = tempfile::tempdir().unwrap();
        let rows = "none,cnn,,2,0.9,0.01,,0.8,0.02,0.85,0.01,1000,3.0,50.0\n\
                    etc block 8,cnn,,1,0.7,,-0.2,0.6,,0.65,,1000,3.0,50.0\n\
                    mine.toml,cnn,,1,0.6,,-0.3,0.5,,0.55,,1000,3.0,50.0\n\
                    le,cnn,,0,,,,,,,,,,\n";
        std::fs::write(folder.path().join("table.csv"), format!("{HEAD}\n{rows}")).unwrap();
        let study = Study::read(folder.path()).unwrap();
        let of = |text: &str| {
            let found = study.of(&text.parse().unwrap(), text);
            found.iter().map(|score| (score.auc_mean, score.auc_sd)).collect::<Vec<_>>()
        };
        assert_eq!(of("none"), [(Some(0.9), Some(0.01))]);
        assert_eq!(of("etc block=8"), [(Some(0.7), None)]);
        assert_eq!((of("etc"), of("le")), (vec![], vec![]));
        let own: Scheme = "np".parse().unwrap();
        assert_eq!(study.of(&own, "mine.toml").len(), 1);
        let none: Scheme = "none".parse().unwrap();
        assert_eq!(study.others(&[(&none, "none")]), ["etc block 8", "mine.toml"]);
    }

    #[test]
    fn what_is_no_study_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Study::read(folder.path()).err().unwrap().code, USAGE);
        std::fs::write(folder.path().join("summary.json"), "{}").unwrap();
        assert_eq!(Study::read(folder.path()).err().unwrap().code, DATASET);
        std::fs::write(folder.path().join("table.csv"), "a,b\n1,2\n").unwrap();
        assert_eq!(Study::read(folder.path()).err().unwrap().code, DATASET);
    }
}
