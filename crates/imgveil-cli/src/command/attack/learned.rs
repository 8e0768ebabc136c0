//! `imgveil attack learned`.

use crate::attack::learned::{self, Method, Spread, Training};
use crate::attack::{AttackArgs, Shown, show};
use crate::exit::{FAILED, Failure, Outcome, USAGE};
use crate::output::{Output, TimedLines, counted, duration};
use imgveil_attack::{Batch, Oracle};
use imgveil_data::Size;
use imgveil_train::inverse::{InverseConfig, InverseEpoch};
use imgveil_train::{Backend, Room};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const AFTER_HELP: &str = "\
Examples:
  imgveil attack learned -s skk --key-scope image --resize 32 images
  imgveil attack learned -s le --resize 32 --public other-images -o report images
  imgveil attack learned -s etc --block 4 --resize 32 --method sia-gan --epochs 100 images
  imgveil attack learned -s keystream --resize 32 images         # the control: it resists

Where one key encrypts all images, `attack ciphertext` needs no training and gets more. Published figures are of \
32x32 images of CIFAR-10 after 100 epochs or more on a GPU; on a CPU a smaller --discriminator and fewer --epochs \
show the direction only.";

const ITN: &str = "holds plain images of the same kind with their encryptions under the key that is attacked, and \
                   trains a network to undo it";
const OWN_KEYS: &str = "holds plain images of the same kind, encrypts them under keys of his own (the scheme is \
                        public, and every image has a key of its own), and trains a network to undo it";
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
    let mut target = args.attack.open(out)?;
    let public = match &args.public {
        Some(path) => args.attack.other_images(path)?,
        None => target.keep_every_second()?,
    };
    let plain = target.plain()?.clone();
    if public.shape() != plain.shape() || public.max() != plain.max() {
        let words = format!(
            "the attacker's images are {} and those that are attacked {}: bring them to one size with --resize",
            public.shape(),
            plain.shape()
        );
        return Err(Failure { words, code: USAGE });
    }
    refuse(&plain, &public, args.method)?;
    let Some(scheme) = target.scheme.clone() else {
        return Err(Failure { words: "name a scheme".into(), code: USAGE });
    };
    let own_keys = learned::keyed_per_image(&scheme);
    let pairs: Option<Batch> = match (&target.black_box, args.method) {
        (Some(black_box), Method::Itn) if !own_keys => Some(black_box.encrypt(&public)?),
        _ => None,
    };
    let attacker = match (args.method, own_keys) {
        (Method::SiaGan, _) => SIA_GAN,
        (Method::Itn, true) => OWN_KEYS,
        (Method::Itn, false) => ITN,
    };
    let backend = Backend::open(args.attack.open_device(out)?)?;
    let config = InverseConfig {
        block: learned::block(&scheme, target.geometry()),
        epochs: args.epochs as usize,
        batch: args.batch as usize,
        width: args.width as usize,
        discriminator: args.discriminator as usize,
        seed: args.attack.seed,
    };
    if backend.uses_host_memory() {
        let smaller = InverseConfig { batch: config.batch.min(public.len().max(plain.len())), ..config };
        fits(smaller.least_memory(target.geometry(), args.method == Method::SiaGan), Room::now())?;
    }
    let training = Training { method: args.method, config, backend: &backend, public: &public, pairs: pairs.as_ref() };
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
    let finding = learned::learned(&target, &plain, &training, &mut hear);
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
            "  {} in {} of training on {}, loss {:.4}; {} attacked, encrypted: SSIM {:.3}",
            counted(figures.epochs, "epoch"),
            duration(figures.seconds),
            counted(figures.public_images, "image"),
            figures.loss,
            counted(figures.attacked_images, "image"),
            figures.encrypted_ssim
        ),
        line("restored", figures.ssim, figures.psnr),
        line("mean image", figures.mean_image_ssim, figures.mean_image_psnr),
    ];
    show(&Shown { attack: "learned", attacker, lines }, &args.attack, &target, &finding, out)
}

/// Refuses images with which nothing can be trained.
fn refuse(attacked: &Batch, public: &Batch, method: Method) -> Result<(), Failure> {
    let failure = |words: String| Err(Failure { words, code: USAGE });
    let shape = attacked.shape();
    if attacked.len().min(public.len()) < 2 {
        return failure(format!(
            "training needs two images or more on both sides: {} of the attacker's, {} attacked",
            public.len(),
            attacked.len()
        ));
    }
    if method == Method::SiaGan && shape.height.min(shape.width) < 8 {
        return failure(format!("sia-gan needs sides of 8 pixels or more, and the images are {shape}"));
    }
    Ok(())
}

/// Refuses networks and steps that surely do not fit into memory: an allocation that fails ends the process.
fn fits(needed: u64, room: Room) -> Result<(), Failure> {
    match room.least() {
        Some(available) if needed > available => Err(Failure {
            words: format!(
                "training takes {} of memory or more, and {} is available: take smaller images (--resize), a smaller \
                 block, --width or --batch",
                Size(needed),
                Size(available)
            ),
            code: FAILED,
        }),
        _ => Ok(()),
    }
}

fn bar(epochs: u64) -> ProgressBar {
    let bar = ProgressBar::new(epochs);
    // The template is constant and well formed. If it ever is not, the default style remains.
    if let Ok(style) = ProgressStyle::with_template("training {wide_bar} {pos}/{len} epochs, {msg}") {
        bar.set_style(style);
    }
    bar
}
