//! `imgveil attack learned`.

use crate::attack::learned::{self, Training};
use crate::attack::{AttackArgs, Method, Shown, Spread, show};
use crate::exit::{Failure, Outcome, USAGE};
use crate::output::{Output, TimedLines, counted, duration};
use imgveil_train::Backend;
use imgveil_train::inverse::{InverseConfig, InverseEpoch};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const AFTER_HELP: &str = "\
Examples:
  imgveil attack learned -s skk --key-scope image --resize 32 images
  imgveil attack learned -s le --resize 32 --public other-images -o report images
  imgveil attack learned -s etc --block 4 --resize 32 --method sia-gan --epochs 100 images
  imgveil attack learned -s instahide --resize 32 images         # mixtures: the strongest image of each
  imgveil attack learned -s keystream --resize 32 images         # the control: it resists

Where one key encrypts all images, `attack ciphertext` needs no training and gets more. Published figures are of \
32x32 images of CIFAR-10 after 100 epochs or more on a GPU; on a CPU a smaller --discriminator and fewer --epochs \
show the direction only.";

const ITN: &str = "holds plain images of the same kind with their encryptions under the key that is attacked, and \
                   trains a network to undo it";
const OWN_KEYS: &str = "holds plain images of the same kind, encrypts them under keys of his own (the scheme is \
                        public, and every image has a key of its own), and trains a network to undo it";
const OWN_MIXTURES: &str = "holds plain images of the same kind, mixes them as the scheme does (it is public, and \
                            every mixture is drawn anew), and trains a network to tell from the absolute values of a \
                            mixture the image with the largest weight in it";
const SIA_GAN: &str = "holds the encrypted images and other, plain images of the same kind, and trains a network whose \
                       results a second network cannot tell from plain images";

/// Train a network to turn encrypted images back into plain ones, and measure it on images that it has not seen.
///
/// Every second image is the attacker's, unless --public names images of his own; the others are attacked. Prints SSIM
/// and PSNR of the worst, the median and the best restored image, beside those of the mean of the attacker's images:
/// what does not exceed the mean image has restored nothing.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// How the network is trained
    #[arg(long, value_enum, default_value_t = Method::Itn)]
    method: Method,
    /// Plain images of the attacker's own, read as those that are attacked [default: every second image of IN]
    #[arg(long, value_name = "IN")]
    public: Option<PathBuf>,
    /// Passes over the images
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    epochs: u32,
    /// Images of a step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=65_536))]
    batch: u32,
    /// Channels of the network that restores. The paper has 64
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(4..=1024))]
    width: u32,
    /// Channels of the discriminator's last map, a multiple of 64. The paper has 1024
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(64..=4096))]
    discriminator: u32,
    /// Stop after this time, at the end of an epoch
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    budget: Option<Duration>,
    #[command(flatten)]
    attack: AttackArgs,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    if !args.discriminator.is_multiple_of(64) {
        return Err(Failure { words: "--discriminator must be a multiple of 64".into(), code: USAGE });
    }
    let scheme = args.attack.scheme()?;
    let own = args.public.as_deref().map(|path| args.attack.other_images(path)).transpose()?;
    let (read, secret) = args.attack.read(&scheme, out)?;
    let device = args.attack.open_device(out)?;
    let backend = Backend::open(device.clone())?;
    let prepared = learned::prepare(&scheme, secret, read, own, args.method, &backend, &device)?;
    let target = &prepared.target;
    target.tell(out);
    let attacker = match (args.method, learned::needs_no_pairs(&scheme)) {
        (Method::SiaGan, _) => SIA_GAN,
        (Method::Itn, true) if scheme.mixes() => OWN_MIXTURES,
        (Method::Itn, true) => OWN_KEYS,
        (Method::Itn, false) => ITN,
    };
    let config = InverseConfig {
        block: learned::block(&scheme, target.geometry()),
        epochs: args.epochs as usize,
        batch: args.batch as usize,
        width: args.width as usize,
        discriminator: args.discriminator as usize,
        seed: args.attack.seed,
    };
    let training = Training { method: args.method, config, backend: &backend };
    let started = Instant::now();
    let bar = bar(args.epochs.into());
    let mut lines = TimedLines::new();
    let mut hear = |told: InverseEpoch| {
        let judged = told.discriminator.map_or(String::new(), |loss| format!(", discriminator {loss:.4}"));
        let words = format!("loss {:.4}{judged}", told.loss);
        if std::io::stderr().is_terminal() {
            bar.set_position(told.epoch as u64);
            bar.set_message(words);
        } else if lines.due() {
            out.note(&format!("training: epoch {} of {}, {words}", told.epoch, args.epochs));
        }
        args.budget.is_none_or(|budget| started.elapsed() < budget)
    };
    let finding = learned::learned(&prepared, &training, &mut hear);
    bar.finish_and_clear();
    let finding = finding?;
    let figures = &finding.figures;
    let line = |what: &str, ssim: Spread, psnr: Spread| {
        format!(
            "  {what:<11} SSIM {:.3} worst  {:.3} median  {:.3} best   PSNR {:.1} worst  {:.1} median  {:.1} best",
            ssim.worst, ssim.median, ssim.best, psnr.worst, psnr.median, psnr.best
        )
    };
    let lines = vec![
        format!(
            "  {} in {} of training on {}, loss {}; {} attacked, encrypted: SSIM {:.3}",
            counted(figures.epochs, "epoch"),
            duration(figures.seconds),
            counted(figures.public_images, "image"),
            figures.loss.map_or("is no number".to_owned(), |loss| format!("{loss:.4}")),
            counted(figures.attacked_images, "image"),
            figures.encrypted_ssim
        ),
        line("restored", figures.ssim, figures.psnr),
        line("mean image", figures.mean_image_ssim, figures.mean_image_psnr),
    ];
    show(&Shown { attack: "learned", attacker, lines }, &args.attack, target, &finding, out)
}

fn bar(epochs: u64) -> ProgressBar {
    let bar = ProgressBar::new(epochs);
    // The template is constant and well formed. If it ever is not, the default style remains.
    if let Ok(style) = ProgressStyle::with_template("training {wide_bar} {pos}/{len} epochs, {msg}") {
        bar.set_style(style);
    }
    bar
}
