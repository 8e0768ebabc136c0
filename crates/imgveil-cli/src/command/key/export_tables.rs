//! `imgveil key export-tables`.

use crate::args::SchemeArgs;
use crate::exit::{DONE, Outcome};
use crate::output::Output;
use crate::secret::KeyArgs;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::export;
use imgveil::internal::tables::{Array, PLAN, PLAN_BITS, dimensions};
use imgveil_data::{Memory, tables_file};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  imgveil key export-tables -k hospital.key -s le --size 32x32x3 -o tables.npz
  imgveil key export-tables -k hospital.key --block 8 --scramble --size 224x224x3 -o tables.json
  imgveil encrypt --tables tables.npz -s le images encrypted

`plan` encrypts an image (8 bits, height x width x channels) without imgveil. Where plan_bits is 8:
  s, p = image.reshape(-1), numpy.load(\"tables.npz\")[\"plan\"]
  s = s[p & 0x7fffffff] ^ (p >> 31).astype(numpy.uint8) * 255
  encrypted = s.reshape(image.shape)
Where it is 4, the elements are nibbles, the low one of a sample first:
  s, p = numpy.stack([image & 15, image >> 4], -1).reshape(-1), numpy.load(\"tables.npz\")[\"plan\"]
  s = s[p & 0x7fffffff] ^ (p >> 31).astype(numpy.uint8) * 15
  encrypted = (s[0::2] | s[1::2] << 4).reshape(image.shape)";

/// Write a scheme's tables: the key's permutations and signs as named arrays.
///
/// The arrays have the names that published code gives them (docs/SCHEDULE.md, "Written-out tables"), so that it can be
/// run with an imgveil key. A scheme that only moves and flips samples also gets the array `plan`, which is all of it
/// in one table: for each element of the output the number of the element of the input (bits 0 to 30) and whether it is
/// flipped (bit 31). Schemes with a key for every image have no tables.
///
/// Keep the file as secret as the key. `imgveil encrypt --tables` gives the same pixels as the key does, but the set
/// has another fingerprint, so that it must be decrypted with the tables.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    scheme: SchemeArgs,
    /// Size of the images as they are encrypted, resized and padded: HEIGHTxWIDTHxCHANNELS, and x16 behind it for
    /// 16-bit samples
    #[arg(long, value_name = "SIZE")]
    size: Geometry,
    /// New file: .npz for numpy, or .json
    #[arg(short, long, default_value = "tables.npz", value_name = "FILE")]
    output: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let scheme = args.scheme.scheme()?;
    let key = args.key.require(out)?;
    out.detail(&format!("scheme: {}", scheme.describe()));
    tables_file::check_room(&scheme, args.size, Memory::default())?;
    let tables = export(&scheme, &key, args.size)?.with_salt_of(&key);
    tables_file::save(&tables, &args.output)?;
    let fingerprint = tables.key().fingerprint().to_string();
    let bits = tables.arrays().get(PLAN_BITS).and_then(|bits| bits.values().first());
    if args.json {
        let shapes: serde_json::Map<String, serde_json::Value> =
            tables.arrays().iter().map(|(name, array)| (name.clone(), array.shape().into())).collect();
        out.json(&serde_json::json!({
            "file": args.output, "fingerprint": fingerprint, "scheme": scheme, "size": args.size.to_string(),
            "arrays": shapes, "plan_bits": bits,
        }))?;
        return Ok(DONE);
    }
    let named = |(name, array): (&str, &Array)| format!("{name} {}", dimensions(array.shape()));
    let mut arrays: Vec<String> = tables.said().map(named).collect();
    if let (Some(plan), Some(bits)) = (tables.arrays().get(PLAN), bits) {
        arrays.push(format!("{PLAN} {} of elements of {bits} bits", dimensions(plan.shape())));
    }
    out.say(&format!("wrote {}, fingerprint {fingerprint}: {}", args.output.display(), arrays.join(", ")));
    out.note("These tables are as secret as the key: whoever holds them can decrypt what either has encrypted.");
    Ok(DONE)
}
