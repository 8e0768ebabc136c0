//! `imgveil attack labels`.

use crate::attack::{Attacked, DataArgs, ElsewhereArgs, KeyArgs, write_report};
use crate::exit::{Failure, Outcome, USAGE};
use crate::output::{Output, wrapped};
use imgveil_attack::labels::{OfClass, labels};
use serde_json::{Value, json};
use std::path::PathBuf;

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
    let attacked = Attacked {
        data: &args.data,
        key: &args.key,
        elsewhere: Some(&args.elsewhere),
        input: args.input.as_deref(),
        needs_plain: false,
    };
    let target = attacked.open(out)?;
    let told: Option<Vec<u32>> = target.labels.iter().copied().collect();
    let Some(told) = told else {
        let bare = target.names.iter().zip(&target.labels).find(|(_, label)| label.is_none());
        let name = bare.map_or("", |(name, _)| name);
        let words = format!("image `{name}` has no label: give class folders, or --labels FILE");
        return Err(Failure { words, code: USAGE });
    };
    let found = labels(&target.encrypted, target.plain.as_ref(), &told, target.statistics.level)?;
    let best = found.iter().map(|class| class.encrypted).fold(0.5, f64::max);
    // A standard error of the area for labels that nothing tells (Hanley & McNeil 1982).
    let noise = found.iter().map(|class| chance(class.images, told.len() - class.images)).fold(0.0, f64::max);
    let verdict = if best >= 0.5 + 0.1f64.max(3.0 * noise) {
        format!("OPEN. One number of an encrypted image tells a label with an AUC of {best:.3}; 0.5 is guessing")
    } else {
        format!("RESISTS this attack. One number tells no label: the best AUC is {best:.3}, and 0.5 is guessing")
    };
    let name = |class: u32| {
        let named = target.classes.get(class as usize);
        named.cloned().unwrap_or_else(|| class.to_string())
    };
    let class_json = |class: &OfClass| {
        json!({
            "class": name(class.class), "images": class.images, "auc_encrypted": class.encrypted,
            "auc_plain": class.plain,
        })
    };
    let mut report = target.report("labels", args.data.seed);
    report["classes"] = found.iter().map(class_json).collect::<Vec<Value>>().into();
    report["resists"] = json!(verdict.starts_with("RESISTS"));
    report["verdict"] = json!(verdict);
    if args.data.json {
        out.json(&report)?;
    } else {
        target.head(ATTACKER, out);
        for class in &found {
            let plain = class.plain.map_or(String::new(), |area| format!(", of the plain ones {area:.3}"));
            out.say(&format!(
                "  {} against the rest ({} of {} images): AUC {:.3}{plain}",
                name(class.class),
                class.images,
                told.len(),
                class.encrypted
            ));
        }
        out.say_lines(&wrapped("verdict:  ", &verdict));
    }
    write_report(args.data.output.as_deref(), &target, &[], &[], &report, out)?;
    Ok(target.code())
}

/// The standard deviation of the area under the curve if scores say nothing.
fn chance(positives: usize, negatives: usize) -> f64 {
    let (p, n) = (positives as f64, negatives as f64);
    ((p + n + 1.0) / (12.0 * p * n)).sqrt()
}
