//! `imgveil attack known`.

use crate::attack::{Attacked, Column, DataArgs, ElsewhereArgs, KeyArgs, write_report};
use crate::exit::Outcome;
use crate::output::{ImageBar, Output, counted, wrapped};
use imgveil_attack::known::{Step, measure};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

const AFTER_HELP: &str = "\
Examples:
  imgveil attack known -s shuffle-flip --key-scope block --resize 224 images
  imgveil attack known -s ele --resize 224 --pairs 4 -o report images
  imgveil attack known --encrypted theirs.npz --plain ours.npz -s le
  imgveil attack known -s keystream images                    # the control: it resists";

const ATTACKER: &str = "holds some plain images with their encryptions, which he did not choose, and knows the \
                        scheme's name and blocks";

/// Match the values of a few known images with their encryptions, and decrypt other images with what they tell.
///
/// Draws pairs and 20 other images from the set. For 1, 2, 4, ... pairs it prints the share of positions that the pairs
/// determine, and how well the others are decrypted with it. Positions that several others fit are guessed.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The most pairs that the attacker has
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pairs: u32,
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
        needs_plain: true,
    };
    let target = attacked.open(out)?;
    let plain = target.plain()?;
    // At least one image is kept back; a small set has fewer pairs than were asked for.
    let pairs = (args.pairs as usize).min(plain.len().saturating_sub(1)).max(1);
    let started = Instant::now();
    let bar = ImageBar::new("matching pairs");
    let layout = target.layout_or_unknown();
    let found = measure(plain, &target.encrypted, layout, pairs, args.data.seed, &bar);
    bar.finish();
    let found = found?;
    let seconds = started.elapsed().as_secs_f64();
    let last = &found.steps[found.steps.len() - 1];
    let enough = found.steps.iter().find(|step| step.ssim >= 0.95);
    let verdict = match enough {
        Some(step) => format!(
            "OPEN. With {}, the others are decrypted to a mean SSIM of {:.3}; {:.1} % of the positions are determined",
            counted(step.pairs, "known pair"),
            step.ssim,
            100.0 * step.determined
        ),
        None if last.determined >= 0.01 || last.ssim > found.encrypted.max(0.0) + 0.1 => format!(
            "OPENS WITH MORE PAIRS. With {}, {:.1} % of the positions are determined, and the others are decrypted to \
             a mean SSIM of {:.3}",
            counted(last.pairs, "known pair"),
            100.0 * last.determined,
            last.ssim
        ),
        None => format!(
            "RESISTS this attack. Nothing that decrypts other images is determined by {}",
            counted(last.pairs, "known pair")
        ),
    };
    let mut report = target.report("known", args.data.seed);
    report["steps"] = found.steps.iter().map(step_json).collect::<Vec<Value>>().into();
    report["encrypted_ssim"] = json!(found.encrypted);
    report["others"] = json!(found.others.len());
    report["seconds"] = json!(seconds);
    report["resists"] = json!(verdict.starts_with("RESISTS"));
    report["verdict"] = json!(verdict);
    if args.data.json {
        out.json(&report)?;
    } else {
        target.head(ATTACKER, out);
        out.say(&format!(
            "  {} held back, encrypted: SSIM {:.3}",
            counted(found.others.len(), "image"),
            found.encrypted
        ));
        for step in &found.steps {
            out.say(&format!(
                "  {:<9} {:>5.1} % of positions determined   {:>5.1} % of samples right   SSIM {:.3}",
                counted(step.pairs, "pair"),
                100.0 * step.determined,
                100.0 * step.right,
                step.ssim
            ));
        }
        out.say_lines(&wrapped("verdict:  ", &verdict));
    }
    let rows: Vec<usize> = (0..found.others.len()).collect();
    let columns = [
        Column { heading: "plain", images: plain, numbers: &found.others },
        Column { heading: "encrypted", images: &target.encrypted, numbers: &found.others },
        Column { heading: "recovered", images: &found.decrypted, numbers: &rows },
    ];
    write_report(args.data.output.as_deref(), &target, &columns, &[], &report, out)?;
    Ok(target.code())
}

fn step_json(Step { pairs, determined, ssim, right }: &Step) -> Value {
    json!({ "pairs": pairs, "determined": determined, "ssim": ssim, "right": right })
}
