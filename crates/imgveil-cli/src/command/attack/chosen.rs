//! `imgveil attack chosen`.

use crate::attack::{AttackArgs, Shown, Way, chosen, show};
use crate::exit::Outcome;
use crate::output::{Output, counted};

const AFTER_HELP: &str = "\
Examples:
  imgveil attack chosen -s shuffle-flip --resize 224 images
  imgveil attack chosen -s examples/scheme.toml --pad images
  imgveil attack chosen -s keystream images                   # the control: it resists";

const ATTACKER: &str = "can have images of his own encrypted under the key, and sees the results";

/// Read the key off a few images of the attacker's choice, and decrypt everything else with it.
///
/// The attacker knows nothing of the scheme: his images hold the digits of each place's own number. What he finds is
/// kept only if it also predicts how random images are encrypted. With the public structure of the scheme he needs one
/// or two images; both ways are tried.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    attack: AttackArgs,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let target = args.attack.open(out)?;
    let finding = chosen(&target, args.attack.seed)?;
    let images = counted(target.plain()?.len(), "image");
    let line = |way: &Way| {
        let found = match way.opened {
            true => format!("{} of {images} decrypted to the byte", way.exact),
            false => "no table found".to_owned(),
        };
        format!(
            "  {:<35} {:<9} {:>7.2} s  {found}, SSIM {:.3}",
            way.attacker,
            counted(way.images_chosen, "image"),
            way.seconds,
            way.ssim.unwrap_or(f64::NAN)
        )
    };
    let lines = finding.figures.ways.iter().map(line).collect();
    show(&Shown { attack: "chosen", attacker: ATTACKER, lines }, &args.attack, &target, &finding, out)
}
