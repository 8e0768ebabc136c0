//! `imgveil attack labels`.

use crate::attack::{OfClass, Shown, TargetArgs, labels, show};
use crate::exit::{Failure, Outcome, USAGE};
use crate::output::Output;

const AFTER_HELP: &str = "\
Examples:
  imgveil attack labels -s shuffle-flip pneumoniamnist.npz
  imgveil attack labels --encrypted theirs.npz --labels labels.csv
  imgveil attack labels -s keystream pneumoniamnist.npz       # the control: it resists";

const ATTACKER: &str = "has encrypted images, and knows from other images which labels go with smooth ones";

/// Tell labels from one number of each encrypted image: how much samples differ inside blocks of 4x4 pixels.
///
/// Permutations inside blocks and negations leave the spread of a block as it is. Where labels go with texture, such as
/// opacities of the lung, one number tells them without a network and without a key.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let target = args.target.open(false, out)?;
    let told: Option<Vec<u32>> = target.labels.iter().copied().collect();
    let Some(told) = told else {
        let bare = target.names.iter().zip(&target.labels).find(|(_, label)| label.is_none());
        let name = bare.map_or("", |(name, _)| name);
        let words = format!("image `{name}` has no label: give class folders, or --labels FILE");
        return Err(Failure { words, code: USAGE });
    };
    let finding = labels(&target, &told)?;
    let line = |class: &OfClass| {
        let plain = class.auc_plain.map_or(String::new(), |area| format!(", of the plain ones {area:.3}"));
        format!(
            "  {} against the rest ({} of {} images): AUC {:.3}{plain}",
            class.class,
            class.images,
            told.len(),
            class.auc_encrypted
        )
    };
    let lines = finding.figures.classes.iter().map(line).collect();
    show(&Shown { attack: "labels", attacker: ATTACKER, lines }, &args.target.attack, &target, &finding, out)
}
