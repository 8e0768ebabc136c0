//! `imgveil attack ciphertext`.

use crate::attack::{Shown, TargetArgs, ciphertext, show};
use crate::exit::Outcome;
use crate::output::{ImageBar, Output, counted};
use imgveil_attack::ciphertext::Prior;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  imgveil attack ciphertext -s shuffle-flip --resize 224 images
  imgveil attack ciphertext -s etc --resize 224 --images 4 -o report images
  imgveil attack ciphertext --encrypted theirs --plain ours -s vit
  imgveil attack ciphertext -s keystream images               # the control: it resists";

const ATTACKER: &str = "has encrypted images of one key and size, and knows the scheme's name and blocks; no plain \
                        image, no pair";

/// Recover images from encrypted images alone.
///
/// For 1, 4, 16, 64 and all images it prints the SSIM of what is recovered. Where each image is a jigsaw of its own, as
/// under etc-image, it stops at 4 images. What a person sets right at a glance does not count against the attack: the
/// result may be turned, negative, or its channels in another order.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The most encrypted images that the attacker has [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    images: Option<u32>,
    /// Plain images of the same kind, from elsewhere, that tell the attacker how neighbours correlate [default: what is
    /// true of most images]
    #[arg(long, value_name = "IN")]
    prior: Option<PathBuf>,
    #[command(flatten)]
    target: TargetArgs,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let target = args.target.open(true, out)?;
    let (shared, plain) = (&args.target.attack, target.plain()?);
    let known = args.prior.as_deref().map(|path| shared.other_images(path)).transpose()?;
    let prior = known.as_ref().map_or(Prior::Natural, Prior::Images);
    let most = args.images.map_or(plain.len(), |images| images as usize);
    let bar = ImageBar::new("attacking");
    let found = ciphertext(&target, plain, prior, most, &bar);
    bar.finish();
    let (finding, _) = found?;
    let figures = &finding.figures;
    let mut lines =
        vec![format!("  {} as they are encrypted: SSIM {:.3}", counted(plain.len(), "image"), figures.encrypted_ssim)];
    lines.extend(figures.steps.iter().map(|step| {
        format!(
            "  {:<20} SSIM {:>6.3}   {} to the byte   {:.2} s",
            counted(step.images, "encrypted image"),
            step.ssim,
            step.exact,
            step.seconds
        )
    }));
    show(&Shown { attack: "ciphertext", attacker: ATTACKER, lines }, shared, &target, &finding, out)
}
