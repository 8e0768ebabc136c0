//! `imgveil attack key-space`.

use crate::args::SchemeArgs;
use crate::attack::{Grade, key_space};
use crate::exit::{DONE, FAILED, Failure, Outcome};
use crate::output::{Output, wrapped};
use imgveil::internal::image::Geometry;
use serde_json::{Value, json};

const AFTER_HELP: &str = "\
Examples:
  imgveil attack key-space -s np --size 224x224x1
  imgveil attack key-space -s ele --size 32x32x3
  imgveil attack key-space -s keystream                       # the control: it resists";

/// Count the keys of a scheme, and say how long it takes to try them.
///
/// Honestly: a large key space protects against trying keys and against nothing else. Most of these schemes have one,
/// and fall to attacks that try none.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    scheme: SchemeArgs,
    /// Size of the images: HEIGHTxWIDTHxCHANNELS, and x16 behind it for 16-bit samples
    #[arg(long, default_value = "224x224x3", value_name = "SIZE")]
    size: Geometry,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let scheme = args.scheme.scheme()?;
    let finding = key_space(&scheme, args.size)?;
    let figures = &finding.figures;
    if args.json {
        let mut report = json!({
            "tool": imgveil_data::set::manifest::TOOL, "attack": "key-space", "scheme": scheme,
            "geometry": args.size.to_string(), "resists": finding.grade == Grade::Resists, "verdict": finding.verdict,
        });
        let figures = serde_json::to_value(figures)
            .map_err(|error| Failure { words: format!("cannot write JSON: {error}"), code: FAILED })?;
        if let (Value::Object(report), Value::Object(figures)) = (&mut report, figures) {
            report.extend(figures);
        }
        out.json(&report)?;
        return Ok(DONE);
    }
    out.say(&format!("attacked: {}, images of {}", scheme.describe(), args.size));
    out.say(&format!("attacker: tries keys on one encrypted image, {:.0e} a second", figures.keys_per_second));
    for stage in &scheme.stages {
        let bits = stage.key_space(args.size)?;
        out.say(&format!("  {:<60} {bits} bits", stage.to_string()));
    }
    let (bits, time) = (figures.key.bits, figures.key.time());
    out.say(&format!("  keys that do different things: 2^{bits:.1}; trying half of them: {time}"));
    if let Some(tables) = &figures.tables {
        out.say(&format!("  written-out tables: 2^{:.1}", tables.bits));
    }
    out.say_lines(&wrapped("verdict:  ", &finding.verdict));
    Ok(DONE)
}
