//! `imgveil attack known`.

use crate::attack::{Shown, TargetArgs, known, show};
use crate::exit::Outcome;
use crate::output::{ImageBar, Output, counted};

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
    target: TargetArgs,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let target = args.target.open(true, out)?;
    let shared = &args.target.attack;
    let bar = ImageBar::new("matching pairs");
    let finding = known(&target, target.plain()?, args.pairs as usize, shared.seed, &bar);
    bar.finish();
    let finding = finding?;
    let figures = &finding.figures;
    let mut lines = vec![format!(
        "  {} held back, encrypted: SSIM {:.3}",
        counted(figures.others, "image"),
        figures.encrypted_ssim
    )];
    lines.extend(figures.steps.iter().map(|step| {
        format!(
            "  {:<9} {:>5.1} % of positions determined   {:>5.1} % of samples right   SSIM {:.3}",
            counted(step.pairs, "pair"),
            100.0 * step.determined,
            100.0 * step.right,
            step.ssim
        )
    }));
    show(&Shown { attack: "known", attacker: ATTACKER, lines }, shared, &target, &finding, out)
}
