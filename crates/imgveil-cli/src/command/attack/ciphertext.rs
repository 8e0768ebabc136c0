//! `imgveil attack ciphertext`.

use crate::attack::{Attacked, Column, DataArgs, ElsewhereArgs, KeyArgs, prior_images, recovery, write_report};
use crate::exit::{Failure, Outcome, USAGE};
use crate::output::{ImageBar, Output, counted, wrapped};
use imgveil_attack::ciphertext::Prior;
use imgveil_attack::{metric, nearest_variant};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

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
/// For 1, 4, 16, 64 and all images it prints the SSIM of what is recovered. What a person sets right at a glance does
/// not count against the attack: the result may be turned, negative, or its channels in another order.
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
    data: DataArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    elsewhere: ElsewhereArgs,
    /// Images to encrypt here and attack: folder, .npz, .npy, .tar, or a file of images
    #[arg(value_name = "IN")]
    input: Option<PathBuf>,
}

/// What a number of images gave.
struct Step {
    images: usize,
    ssim: f64,
    seconds: f64,
    exact: usize,
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
    let structure = recovery(target.scheme.as_ref()).map_err(|words| Failure { words, code: USAGE })?;
    let known = args.prior.as_deref().map(|path| prior_images(path, &args.data)).transpose()?;
    let prior = known.as_ref().map_or(Prior::Natural, Prior::Images);
    let most = args.images.map_or(plain.len(), |images| (images as usize).min(plain.len()));
    let mut counts: Vec<usize> = [1, 4, 16, 64].into_iter().filter(|&count| count < most).collect();
    counts.push(most);
    let bar = ImageBar::new("attacking");
    let (mut steps, mut last) = (Vec::new(), None);
    for &count in &counts {
        let taken: Vec<usize> = (0..count).map(|number| number * plain.len() / count).collect();
        let (shown, hidden) = (plain.select(&taken), target.encrypted.select(&taken));
        let started = Instant::now();
        let recovered = structure.recover(&hidden, prior, &bar)?;
        let seconds = started.elapsed().as_secs_f64();
        let (recovered, scores) = nearest_variant(&recovered, &shown, structure.ambiguity())?;
        let exact = recovered.iter().zip(shown.iter()).filter(|(a, b)| a == b).count();
        steps.push(Step { images: count, ssim: metric::mean(&scores), seconds, exact });
        last = Some((taken, recovered, scores));
    }
    bar.finish();
    let encrypted = metric::mean(&metric::ssim(plain, &target.encrypted)?);
    let best = steps.iter().map(|step| step.ssim).fold(f64::NEG_INFINITY, f64::max);
    let enough = steps.iter().find(|step| step.ssim >= 0.8);
    let verdict = match enough {
        _ if encrypted >= 0.3 => format!(
            "PLAIN TO SEE. Encrypted images as they are have a mean SSIM of {encrypted:.3}; what is left of them needs \
             no attack"
        ),
        Some(step) => format!(
            "OPEN. With {} and nothing else, images are recovered to a mean SSIM of {:.3}",
            counted(step.images, "encrypted image"),
            step.ssim
        ),
        None if best >= 0.3 && best > encrypted + 0.1 => format!(
            "OPENS IN PART. With {} and nothing else, images are recovered to a mean SSIM of {best:.3}",
            counted(most, "encrypted image")
        ),
        None => format!(
            "RESISTS this attack. With {}, what comes back has a mean SSIM of {best:.3}; encrypted images have \
             {encrypted:.3}",
            counted(most, "encrypted image")
        ),
    };
    let mut report = target.report("ciphertext", args.data.seed);
    let step =
        |step: &Step| json!({ "images": step.images, "ssim": step.ssim, "exact": step.exact, "seconds": step.seconds });
    report["steps"] = steps.iter().map(step).collect::<Vec<Value>>().into();
    report["encrypted_ssim"] = json!(encrypted);
    report["resists"] = json!(verdict.starts_with("RESISTS"));
    report["verdict"] = json!(verdict);
    if args.data.json {
        out.json(&report)?;
    } else {
        target.head(ATTACKER, out);
        out.say(&format!("  {} as they are encrypted: SSIM {encrypted:.3}", counted(plain.len(), "image")));
        for step in &steps {
            out.say(&format!(
                "  {:<20} SSIM {:>6.3}   {} to the byte   {:.2} s",
                counted(step.images, "encrypted image"),
                step.ssim,
                step.exact,
                step.seconds
            ));
        }
        out.say_lines(&wrapped("verdict:  ", &verdict));
    }
    if let Some((taken, recovered, scores)) = &last {
        let rows: Vec<usize> = (0..taken.len()).collect();
        let notes: Vec<String> = scores.iter().map(|score| format!("SSIM {score:.3}")).collect();
        let columns = [
            Column { heading: "plain", images: plain, numbers: taken },
            Column { heading: "encrypted", images: &target.encrypted, numbers: taken },
            Column { heading: "recovered", images: recovered, numbers: &rows },
        ];
        write_report(args.data.output.as_deref(), &target, &columns, &notes, &report, out)?;
    }
    Ok(target.code())
}
