//! `imgveil attack key-space`.

use crate::args::SchemeArgs;
use crate::exit::{DONE, Outcome};
use crate::output::{Output, wrapped};
use imgveil::internal::image::Geometry;
use imgveil_attack::key_space::{KEYS_PER_SECOND, Search, search};
use serde_json::json;

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
    let space = scheme.key_space(args.size)?;
    let key = search(space.bits());
    let tables = space.tables.filter(|tables| *tables != space.bits()).map(search);
    let verdict = if key.feasible() {
        format!("OPEN. Trying all keys ends {}", time(&key))
    } else {
        format!(
            "RESISTS this attack: trying keys takes {}. That says nothing about attacks which try none: see `imgveil \
             attack chosen` and `imgveil schemes {}`",
            time(&key),
            scheme.name
        )
    };
    let of = |search: &Search| json!({ "bits": search.bits, "log10_years": search.log10_years });
    if args.json {
        out.json(&json!({
            "tool": imgveil_data::set::manifest::TOOL, "attack": "key-space", "scheme": scheme,
            "geometry": args.size.to_string(), "keys_per_second": KEYS_PER_SECOND, "key": of(&key),
            "tables": tables.as_ref().map(of), "resists": !key.feasible(), "verdict": verdict,
        }))?;
        return Ok(DONE);
    }
    out.say(&format!("attacked: {}, images of {}", scheme.describe(), args.size));
    out.say(&format!("attacker: tries keys on one encrypted image, {KEYS_PER_SECOND:.0e} a second"));
    for stage in &scheme.stages {
        let bits = stage.key_space(args.size)?;
        out.say(&format!("  {:<60} {bits} bits", stage.to_string()));
    }
    out.say(&format!("  keys that do different things: 2^{:.1}; trying half of them: {}", key.bits, time(&key)));
    if let Some(tables) = tables {
        out.say(&format!("  written-out tables: 2^{:.1}", tables.bits));
    }
    out.say_lines(&wrapped("verdict:  ", &verdict));
    Ok(DONE)
}

fn time(search: &Search) -> String {
    match search.log10_years {
        None => "at once: there is one key".to_owned(),
        Some(years) if years > 0.0 => format!("10^{years:.1} years"),
        Some(_) => "within a year".to_owned(),
    }
}
