//! `imgveil attack reidentify`.

use crate::attack::{Found, PatientArgs, Shown, TargetArgs, reidentify, show};
use crate::exit::Outcome;
use crate::output::{ImageBar, Output, counted};

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
    #[command(flatten)]
    patients: PatientArgs,
    #[command(flatten)]
    target: TargetArgs,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let patients = args.patients.read()?;
    let target = args.target.open(true, out)?;
    let patients = patients.of(&target.names)?;
    let bar = ImageBar::new("comparing");
    let finding = reidentify(&target, target.plain()?, patients.as_deref(), &bar);
    bar.finish();
    let finding = finding?;
    let figures = &finding.figures;
    let mut lines = vec![
        line("the image itself", &figures.same_pixels),
        line("another export of it", &figures.another_export),
        format!("  by guessing: rank 1 {:.1} %", 100.0 * figures.chance),
    ];
    lines.extend(figures.same_patient.as_ref().map(|found| {
        format!(
            "  are two encrypted images of one patient: AUC {:.3}{} ({} of one, {} of two; 0.5 is guessing)",
            found.auc,
            found.auc_within_label.map_or(String::new(), |area| format!(", within one label {area:.3}")),
            counted(found.pairs_of_one_patient, "pair"),
            found.pairs_of_two
        )
    }));
    show(&Shown { attack: "reidentify", attacker: ATTACKER, lines }, &args.target.attack, &target, &finding, out)
}

fn line(with: &str, found: &Found) -> String {
    format!(
        "  found with {with:<21} rank 1 {:>5.1} %   rank 5 {:>5.1} %   mean rank {:.1}",
        100.0 * found.rank_1,
        100.0 * found.rank_5,
        found.mean_rank
    )
}
