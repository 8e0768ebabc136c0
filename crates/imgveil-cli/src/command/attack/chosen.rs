//! `imgveil attack chosen`.

use crate::attack::{Attacked, Column, DataArgs, KeyArgs, write_report};
use crate::exit::Outcome;
use crate::output::{Output, counted, wrapped};
use imgveil_attack::chosen::{Chosen, generic, structured};
use imgveil_attack::{Batch, metric};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

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
    data: DataArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Folder, .npz, .npy, .tar, or a file of images: what the black box encrypts, and the attacker then reads
    #[arg(value_name = "IN")]
    input: PathBuf,
}

/// What one way of the attack gave.
struct Way {
    name: &'static str,
    images: usize,
    seconds: f64,
    /// The images as they were decrypted.
    decrypted: Option<Batch>,
    exact: usize,
    ssim: f64,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let attacked =
        Attacked { data: &args.data, key: &args.key, elsewhere: None, input: Some(&args.input), needs_plain: true };
    let target = attacked.open(out)?;
    let (plain, encrypted) = (target.plain()?, &target.encrypted);
    let (shape, max, seed) = (plain.shape(), plain.max(), args.data.seed);
    let Some(black_box) = &target.black_box else { return Ok(target.code()) };
    let measured = |name, found: Chosen, started: Instant| -> Result<Way, crate::exit::Failure> {
        let decrypted = found.table.map(|table| table.decrypt(encrypted)).transpose()?;
        let seconds = started.elapsed().as_secs_f64();
        let exact = decrypted.as_ref().map_or(0, |back| back.iter().zip(plain.iter()).filter(|(a, b)| a == b).count());
        let shown = decrypted.as_ref().unwrap_or(encrypted);
        let ssim = metric::ssim(plain, shown).map_or(f64::NAN, |all| metric::mean(&all));
        Ok(Way { name, images: found.images, seconds, decrypted, exact, ssim })
    };
    let started = Instant::now();
    let mut ways = vec![measured("knows nothing of the scheme", generic(black_box, shape, max, seed)?, started)?];
    if let Some(layout) = target.layout {
        let started = Instant::now();
        let found = structured(black_box, layout, shape, max, seed)?;
        if found.images > 0 {
            ways.push(measured("knows the scheme's name and blocks", found, started)?);
        }
    }
    let opened = ways.iter().filter(|way| way.decrypted.is_some()).min_by_key(|way| way.images);
    let verdict = match opened {
        Some(way) if way.exact == plain.len() => format!(
            "OPEN. {} of the attacker's choice decrypt{} every other image of this key and size to the byte",
            counted(way.images, "image"),
            verb(way.images)
        ),
        Some(way) => format!(
            "OPEN. The table of the scheme is found with {} of the attacker's choice. It loses samples; the others are \
             decrypted (mean SSIM {:.3})",
            counted(way.images, "image"),
            way.ssim
        ),
        None => {
            "RESISTS this attack. No fixed table of moves and negations predicts how images are encrypted: there is \
                 none that a few images could give away"
                .to_owned()
        }
    };
    let mut report = target.report("chosen", seed);
    report["ways"] = ways.iter().map(way_json).collect();
    report["resists"] = json!(opened.is_none());
    report["verdict"] = json!(verdict);
    if args.data.json {
        out.json(&report)?;
    } else {
        target.head(ATTACKER, out);
        for way in &ways {
            let found = match &way.decrypted {
                Some(_) => format!("{} of {} decrypted to the byte", way.exact, counted(plain.len(), "image")),
                None => "no table found".to_owned(),
            };
            out.say(&format!(
                "  {:<35} {:<9} {:>7.2} s  {found}, SSIM {:.3}",
                way.name,
                counted(way.images, "image"),
                way.seconds,
                way.ssim
            ));
        }
        out.say_lines(&wrapped("verdict:  ", &verdict));
    }
    let numbers: Vec<usize> = (0..plain.len().min(6)).collect();
    let column = |heading, images| Column { heading, images, numbers: &numbers };
    let mut columns = vec![column("plain", plain), column("encrypted", encrypted)];
    if let Some(back) = opened.and_then(|way| way.decrypted.as_ref()) {
        columns.push(column("recovered", back));
    }
    write_report(args.data.output.as_deref(), &target, &columns, &[], &report, out)?;
    Ok(target.code())
}

/// The ending of a verb.
fn verb(number: usize) -> &'static str {
    if number == 1 { "s" } else { "" }
}

fn way_json(way: &Way) -> Value {
    json!({
        "attacker": way.name, "images_chosen": way.images, "seconds": way.seconds, "opened": way.decrypted.is_some(),
        "exact": way.exact, "ssim": way.ssim.is_finite().then_some(way.ssim),
    })
}
