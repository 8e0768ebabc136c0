//! The table and the charts of a study. The table has a row for each scheme and network, with mean and spread over the
//! seeds.

use super::grid::{Grid, Row, Run};
use super::results::{Figures, Scored};
use crate::chart::{ChartError, Panel, ScorePanel, ScoreRow, Series, curves_svg, scores_svg};
use crate::error::{Error, StudyError};
use imgveil_data::set::{manifest, write_atomically};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// A study and its results so far.
pub struct Study {
    grid: Grid,
    runs: Vec<(Run, State)>,
}

/// The state of a run.
enum State {
    Waiting,
    Done(Box<Figures>),
    /// The reason.
    Failed(String),
}

/// The mean of values and their sample standard deviation, which divides by n - 1.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    mean: f64,
    /// None for a single value.
    deviation: Option<f64>,
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        (!values.is_empty()).then_some(Self { mean, deviation })
    }

    /// `0.912 ± 0.004`.
    fn words(of: Option<Self>) -> String {
        match of {
            None => "-".into(),
            Some(Self { mean, deviation: None }) => format!("{mean:.3}"),
            Some(Self { mean, deviation: Some(deviation) }) => format!("{mean:.3} ± {deviation:.3}"),
        }
    }

    fn fields(of: Option<Self>) -> [String; 2] {
        let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.6}"));
        [number(of.map(|spread| spread.mean)), number(of.and_then(|spread| spread.deviation))]
    }
}

impl Study {
    /// A study without results.
    pub fn new(grid: Grid) -> Self {
        let runs = grid.runs().into_iter().map(|run| (run, State::Waiting)).collect();
        Self { grid, runs }
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Records the figures of a finished run.
    pub fn done(&mut self, run: &Run, figures: Figures) {
        self.set(run, State::Done(Box::new(figures)));
    }

    /// Records a failed run.
    pub fn failed(&mut self, run: &Run, why: String) {
        self.set(run, State::Failed(why));
    }

    fn set(&mut self, run: &Run, state: State) {
        if let Some(entry) = self.runs.iter_mut().find(|entry| entry.0 == *run) {
            entry.1 = state;
        }
    }

    /// The failed runs and the reasons.
    pub fn failures(&self) -> impl Iterator<Item = (String, &str)> {
        self.runs.iter().filter_map(|(run, state)| match state {
            State::Failed(why) => {
                Some((format!("{}, seed {}", self.grid.rows[run.row].label(), run.seed), why.as_str()))
            }
            _ => None,
        })
    }

    /// The figures of the finished runs of a row.
    fn figures(&self, row: usize) -> Vec<&Figures> {
        let of_row = self.runs.iter().filter(|(run, _)| run.row == row);
        of_row
            .filter_map(|(_, state)| match state {
                State::Done(figures) => Some(figures.as_ref()),
                _ => None,
            })
            .collect()
    }

    fn spread(&self, row: usize, value: impl Fn(&Figures) -> Option<f64>) -> Option<Spread> {
        let values: Vec<f64> = self.figures(row).into_iter().filter_map(value).collect();
        Spread::of(&values)
    }

    /// The row of plain images with which a row is compared: the row of the same network with the same flags, or else
    /// any row of the same network.
    fn plain(&self, row: &Row) -> Option<usize> {
        let rows = &self.grid.rows;
        let same = |other: &Row| other.plain && other.model == row.model && other.flags == row.flags;
        let alike = |other: &Row| other.plain && other.network == row.network;
        rows.iter().position(same).or_else(|| rows.iter().position(alike))
    }

    /// The difference between the mean AUC of a row and of plain images.
    fn against_plain(&self, row: usize) -> Option<f64> {
        let own = &self.grid.rows[row];
        let plain = self.plain(own).filter(|_| !own.plain)?;
        let auc = |row| self.spread(row, |figures| figures.auc).map(|spread| spread.mean);
        Some(auc(row)? - auc(plain)?)
    }

    /// The distinct values of a text over all finished runs, for the user.
    fn common(&self, of: impl Fn(&Figures) -> String) -> String {
        let all: BTreeSet<String> = (0..self.grid.rows.len()).flat_map(|row| self.figures(row)).map(of).collect();
        all.into_iter().collect::<Vec<_>>().join("; ")
    }

    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let grid = &self.grid;
        let name = grid.data.file_name().unwrap_or_default().to_string_lossy();
        let mut text = format!("# What encryption costs on {name}\n\n");
        let seeds: Vec<String> = grid.seeds.iter().map(u64::to_string).collect();
        let waiting = self.runs.iter().filter(|(_, state)| matches!(state, State::Waiting)).count();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "- images: {}", self.common(|figures| figures.set.clone()));
        let _ = writeln!(text, "- scored on: {}", self.common(|figures| figures.scored.words().to_owned()));
        let _ = writeln!(text, "- seeds: {} (mean ± standard deviation over the runs)", seeds.join(", "));
        let _ = writeln!(text, "- trained on: {}", self.common(|figures| figures.device.clone()));
        let _ = writeln!(text, "- made by: {}", manifest::TOOL);
        if waiting > 0 {
            let _ = writeln!(text, "- still to be trained: {waiting} of {} runs", self.runs.len());
        }
        text.push('\n');
        let flags = grid.rows.iter().any(|row| !row.flags.is_empty());
        let mut columns = vec!["scheme", "network"];
        columns.extend(flags.then_some("flags"));
        let words = columns.len();
        columns.extend(["AUC", "against plain", "balanced accuracy", "runs", "parameters", "seconds a run"]);
        let _ = writeln!(text, "| {} |", columns.join(" | "));
        let rules: Vec<&str> = (0..columns.len()).map(|column| if column < words { "---" } else { "---:" }).collect();
        let _ = writeln!(text, "|{}|", rules.join("|"));
        for (number, row) in grid.rows.iter().enumerate() {
            let figures = self.figures(number);
            let mut cells = vec![row.scheme.clone(), row.model.clone()];
            cells.extend(flags.then(|| row.flags.clone()));
            let runs = match figures.len() {
                all if all == grid.seeds.len() => all.to_string(),
                some => format!("{some} of {}", grid.seeds.len()),
            };
            let seconds = self.spread(number, |figures| Some(figures.seconds));
            cells.extend([
                Spread::words(self.spread(number, |figures| figures.auc)),
                self.against_plain(number).map_or("-".into(), |lost| format!("{lost:+.3}")),
                Spread::words(self.spread(number, |figures| Some(figures.balanced_accuracy))),
                runs,
                figures.first().map_or("-".into(), |figures| thousands(figures.parameters)),
                seconds.map_or("-".into(), |spread| format!("{:.0}", spread.mean)),
            ]);
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        let failures: Vec<String> =
            self.failures().map(|(run, why)| format!("- {run}: {}", why.lines().next().unwrap_or_default())).collect();
        if !failures.is_empty() {
            let _ = writeln!(text, "\nRuns that came to nothing:\n\n{}", failures.join("\n"));
        }
        text
    }

    /// The table as CSV, a line for each row.
    fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record([
            "scheme",
            "network",
            "flags",
            "runs",
            "auc_mean",
            "auc_sd",
            "auc_against_plain",
            "balanced_accuracy_mean",
            "balanced_accuracy_sd",
            "accuracy_mean",
            "accuracy_sd",
            "parameters",
            "seconds_mean",
            "images_per_second_mean",
        ])?;
        for (number, row) in self.grid.rows.iter().enumerate() {
            let figures = self.figures(number);
            let mut record = vec![row.scheme.clone(), row.model.clone(), row.flags.clone(), figures.len().to_string()];
            record.extend(Spread::fields(self.spread(number, |figures| figures.auc)));
            record.push(self.against_plain(number).map_or(String::new(), |lost| format!("{lost:.6}")));
            record.extend(Spread::fields(self.spread(number, |figures| Some(figures.balanced_accuracy))));
            record.extend(Spread::fields(self.spread(number, |figures| Some(figures.accuracy))));
            record.push(figures.first().map_or(String::new(), |figures| figures.parameters.to_string()));
            let mean = |value: fn(&Figures) -> f64| {
                let spread = self.spread(number, |figures| Some(value(figures)));
                spread.map_or(String::new(), |spread| format!("{:.1}", spread.mean))
            };
            record.extend([mean(|figures| figures.seconds), mean(|figures| figures.images_per_second)]);
            out.write_record(record)?;
        }
        out.into_inner().map_err(|e| e.into_error().into())
    }

    /// The runs as CSV, a line for each run.
    fn runs_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record([
            "folder",
            "scheme",
            "network",
            "flags",
            "seed",
            "state",
            "scored",
            "auc",
            "balanced_accuracy",
            "accuracy",
            "best_epoch",
            "epochs",
            "parameters",
            "seconds",
            "images_per_second",
            "device",
        ])?;
        for (run, state) in &self.runs {
            let row = &self.grid.rows[run.row];
            let mut record =
                vec![run.name.clone(), row.scheme.clone(), row.model.clone(), row.flags.clone(), run.seed.to_string()];
            match state {
                State::Waiting => record.push("waiting".into()),
                State::Failed(why) => record.push(format!("failed: {why}")),
                State::Done(figures) => record.extend([
                    "done".into(),
                    if figures.scored == Scored::Test { "test".into() } else { "validation".into() },
                    figures.auc.map_or(String::new(), |auc| format!("{auc:.6}")),
                    format!("{:.6}", figures.balanced_accuracy),
                    format!("{:.6}", figures.accuracy),
                    figures.best_epoch.to_string(),
                    figures.epochs.len().to_string(),
                    figures.parameters.to_string(),
                    format!("{:.1}", figures.seconds),
                    format!("{:.1}", figures.images_per_second),
                    figures.device.clone(),
                ]),
            }
            record.resize(16, String::new());
            out.write_record(record)?;
        }
        out.into_inner().map_err(|e| e.into_error().into())
    }

    fn title(&self) -> String {
        let name = self.grid.data.file_name().unwrap_or_default().to_string_lossy();
        match self.grid.seeds.len() {
            1 => format!("What encryption costs on {name} (one seed)"),
            seeds => format!("What encryption costs on {name} ({seeds} seeds)"),
        }
    }

    /// The scores of each row: a ring for each seed and a dot for the mean.
    fn accuracy_svg(&self) -> Result<String, ChartError> {
        let rows: Vec<ScoreRow> = (0..self.grid.rows.len())
            .map(|row| {
                let figures = self.figures(row);
                let auc = figures.iter().filter_map(|figures| figures.auc).collect();
                let balanced = figures.iter().map(|figures| figures.balanced_accuracy).collect();
                ScoreRow { label: self.grid.rows[row].label(), values: vec![auc, balanced] }
            })
            .collect();
        let classes = (0..rows.len()).find_map(|row| Some(self.figures(row).first()?.classes));
        let guessing = |value: f64| Some((value, "guessing".to_owned()));
        let panels = [
            ScorePanel { title: "AUC".into(), line: guessing(0.5) },
            ScorePanel {
                title: "Balanced accuracy".into(),
                line: classes.and_then(|classes| guessing(1.0 / classes as f64)),
            },
        ];
        scores_svg(&self.title(), &panels, &rows)
    }

    /// Training loss and validation score over the epochs: the mean over the runs of a row that reached the epoch.
    fn curves_svg(&self) -> Result<String, ChartError> {
        let series = |value: &dyn Fn(&super::results::EpochFigures) -> Option<f64>| -> Vec<Series> {
            let of_row = |(number, row): (usize, &Row)| {
                let figures = self.figures(number);
                let longest = figures.iter().map(|figures| figures.epochs.len()).max().unwrap_or(0);
                let at = |epoch: usize| {
                    let values: Vec<f64> =
                        figures.iter().filter_map(|figures| value(figures.epochs.get(epoch)?)).collect();
                    Some(((epoch + 1) as f64, Spread::of(&values)?.mean))
                };
                Series { name: row.label(), points: (0..longest).filter_map(at).collect() }
            };
            self.grid.rows.iter().enumerate().map(of_row).collect()
        };
        let panel = |title: &str, y_label: &str, series| Panel {
            title: title.into(),
            x_label: "epoch".into(),
            y_label: y_label.into(),
            series,
        };
        let panels = [
            panel("Training loss", "cross-entropy and penalties", series(&|epoch| Some(epoch.train_loss))),
            panel("Validation AUC", "AUC", series(&|epoch| epoch.val_auc)),
        ];
        curves_svg(&self.title(), &panels)
    }

    /// Writes `table.md`, `table.csv` (a line a row), `runs.csv` (a line a run), `accuracy.svg` and `curves.svg` into
    /// a folder.
    ///
    /// # Errors
    /// When one cannot be written or drawn.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        Ok(self.write_files(folder)?)
    }

    fn write_files(&self, folder: &Path) -> Result<(), StudyError> {
        write_atomically(&folder.join("table.md"), self.markdown().as_bytes())?;
        write_atomically(&folder.join("table.csv"), &self.csv()?)?;
        write_atomically(&folder.join("runs.csv"), &self.runs_csv()?)?;
        write_atomically(&folder.join("accuracy.svg"), self.accuracy_svg()?.as_bytes())?;
        write_atomically(&folder.join("curves.svg"), self.curves_svg()?.as_bytes())?;
        Ok(())
    }
}

/// `11,689,512`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::results::EpochFigures;

    fn figures(auc: f64, balanced_accuracy: f64) -> Figures {
        let epoch = |epoch, auc| EpochFigures {
            epoch,
            train_loss: 1.0 / epoch as f64,
            val_accuracy: Some(0.5),
            val_balanced_accuracy: Some(0.5),
            val_auc: Some(auc),
        };
        Figures {
            auc: Some(auc),
            balanced_accuracy,
            accuracy: 0.75,
            scored: Scored::Test,
            images: 10,
            classes: 2,
            best_epoch: 2,
            parameters: 1_234_567,
            seconds: 12.0,
            images_per_second: 100.0,
            device: "CPU".into(),
            set: "8x8x1 (30 to learn from, 5 to validate, 10 to test)".into(),
            epochs: vec![epoch(1, 0.5), epoch(2, auc)],
        }
    }

    /// Two rows done, one run failed, one row waiting.
    fn study() -> Study {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grid.toml");
        let text = "data = \"scans.npz\"\nkey = \"k\"\nseeds = [1, 2, 3]\nschemes = [\"none\", \"le\", \
            \"ele\"]\nmodels = [\"cnn\"]\n\
                    [[also]]\nschemes = [\"le\"]\nmodels = [{ model = \"cnn\", adapt = \"le\" }]\n";
        std::fs::write(&path, text).unwrap();
        let mut study = Study::new(Grid::read(&path, None, None).unwrap());
        let runs = study.grid().runs();
        let auc = [0.90, 0.92, 0.94, 0.80, 0.84, 0.0, 0.5, 0.5, 0.5, 0.9, 0.9, 0.9];
        for (run, auc) in runs.iter().zip(auc) {
            match (run.row, run.seed) {
                (1, 3) => study.failed(run, "the loss became NaN\nmore".into()),
                (2, _) => {}
                _ => study.done(run, figures(auc, auc - 0.1)),
            }
        }
        study
    }

    #[test]
    fn the_table_has_mean_spread_and_what_is_lost() {
        let study = study();
        let text = study.markdown();
        for line in [
            "# What encryption costs on scans.npz",
            "- seeds: 1, 2, 3 (mean ± standard deviation over the runs)",
            "- still to be trained: 3 of 12 runs",
            "| scheme | network | AUC | against plain | balanced accuracy | runs | parameters | seconds a run |",
            "|---|---|---:|---:|---:|---:|---:|---:|",
            "| none | cnn | 0.920 ± 0.020 | - | 0.820 ± 0.020 | 3 | 1,234,567 | 12 |",
            "| le | cnn | 0.820 ± 0.028 | -0.100 | 0.720 ± 0.028 | 2 of 3 | 1,234,567 | 12 |",
            "| ele | cnn | - | - | - | 0 of 3 | - | - |",
            "| le | cnn adapt le | 0.900 ± 0.000 | -0.020 | 0.800 ± 0.000 | 3 | 1,234,567 | 12 |",
            "- le | cnn, seed 3: the loss became NaN",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        let csv = String::from_utf8(study.csv().unwrap()).unwrap();
        assert_eq!(
            csv.lines().nth(2).unwrap(),
            "le,cnn,,2,0.820000,0.028284,-0.100000,0.720000,0.028284,0.750000,0.000000,1234567,12.0,100.0"
        );
        assert_eq!(csv.lines().count(), 5);
        let runs = String::from_utf8(study.runs_csv().unwrap()).unwrap();
        assert!(
            runs.contains("\nnone-cnn-1,none,cnn,,1,done,test,0.900000,0.800000,0.750000,2,2,1234567,12.0,100.0,CPU\n"),
            "{runs}"
        );
        assert!(runs.contains("\nele-cnn-2,ele,cnn,,2,waiting,,"), "{runs}");
    }

    #[test]
    fn everything_is_written_also_while_nothing_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let empty = Study::new(study().grid);
        for study in [empty, study()] {
            study.write(folder.path()).unwrap();
            let dots = std::fs::read_to_string(folder.path().join("accuracy.svg")).unwrap();
            let curves = std::fs::read_to_string(folder.path().join("curves.svg")).unwrap();
            assert!(dots.contains("le | cnn adapt le") && curves.contains("le | cnn adapt le"));
            assert!(folder.path().join("table.csv").exists() && folder.path().join("runs.csv").exists());
        }
    }

    #[test]
    fn numbers_are_told_in_thousands() {
        assert_eq!([0, 999, 1000, 11_689_512].map(thousands), ["0", "999", "1,000", "11,689,512"]);
    }

    #[test]
    fn spreads_are_those_of_samples() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[2.0]), Some(Spread { mean: 2.0, deviation: None }));
        let spread = Spread::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((spread.deviation.unwrap() - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
    }
}
