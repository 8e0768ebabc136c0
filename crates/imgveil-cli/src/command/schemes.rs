//! `imgveil schemes`.

use crate::args::{DeviceArgs, SchemeOptions};
use crate::command::preview::{Wanted, show};
use crate::exit::{DATASET, DONE, Failure, Outcome, USAGE};
use crate::output::{Output, wrapped};
use crate::passphrase::PassphraseArgs;
use crate::preview::Exhibit;
use crate::scheme_file::is_scheme_file;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::{Choice, CompileError, KeySpace, Options, PRESETS, Preset, Risk, Scheme};
use imgveil_data::format::{ReadOptions, is_image_file};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  imgveil schemes
  imgveil schemes le
  imgveil schemes etc --block 8 --size 512x512x1
  imgveil schemes examples/scheme.toml
  imgveil schemes --for images -k hospital.key -o sheet.png    # your own image under every scheme";

/// The meaning of the figures of a key space.
const KEY_SPACE: &str = "Key space: log2 of the number of different things that keys can do to an image. A secret has \
                         256 bits, so no key reaches more; what written-out tables could do beyond that is given as \
                         (tables: ...). It says nothing about attacks which need no search, and most of these schemes \
                         fall to one";

/// The text for a scheme without a known attack.
const UNKNOWN: &str = "not known to imgveil: nobody has tried. Where all images share a key, expect it to be read off \
                       a few plain images with their encryptions";

/// List the schemes, or explain one.
///
/// Without NAME, a table of the built-in schemes. With one, or with a FILE.toml of your own: what it does stage by
/// stage, its options, where it comes from, what breaks it, and how many keys it has for images of a size.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The scheme to explain, or a FILE.toml of your own
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Size of the images that keys are counted for: HEIGHTxWIDTHxCHANNELS, and x16 behind it for 16-bit samples
    #[arg(long, default_value = "224x224x3", value_name = "SIZE")]
    size: Geometry,
    #[command(flatten)]
    options: SchemeOptions,
    /// Draw a picture of yours, or the first one of a folder, under every scheme, each with what its attackers get
    #[arg(long = "for", value_name = "IMAGES", conflicts_with = "name")]
    images: Option<PathBuf>,
    /// With --for: key file; - is standard input [default: a random key that is not kept]
    #[arg(short, long, value_name = "FILE", requires = "images")]
    key: Option<PathBuf>,
    /// With --for: new PNG file for the sheet
    #[arg(short, long, default_value = "schemes.png", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    if let Some(images) = &args.images {
        return draw(&first_image(images)?, args, out);
    }
    match (&args.name, args.options.first_given()) {
        (Some(name), _) => explain(name, args, out),
        (None, None) => list(args, out),
        (None, Some(option)) => Err(Failure {
            words: format!("{option} is an option of one scheme: name it, as in `imgveil schemes shuffle-flip`"),
            code: USAGE,
        }),
    }
}

/// Draws a picture under every scheme.
fn draw(image: &Path, args: &Args, out: &Output) -> Outcome {
    let wanted = Wanted {
        image,
        reading: &ReadOptions::default(),
        output: &args.output,
        key: args.key.as_deref(),
        passphrase: &args.passphrase,
        place: None,
        exhibits: Exhibit::all(),
        device: &args.device,
        json: args.json,
    };
    show(wanted, out)
}

/// The image at a path, or the first one in the folder there.
fn first_image(path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut inside: Vec<PathBuf> = folder.read_dir().into_iter().flatten().flatten().map(|e| e.path()).collect();
        inside.sort();
        if let Some(image) = inside.iter().find(|path| is_image_file(path)) {
            return Ok(image.clone());
        }
        let real = |path: &PathBuf| path.is_dir() && !path.is_symlink();
        folders.extend(inside.into_iter().filter(real).rev());
    }
    let words = format!("there is no image in {}: name one, such as a PNG file", path.display());
    Err(Failure { words, code: DATASET })
}

/// Prints a table of the presets with their default options.
fn list(args: &Args, out: &Output) -> Outcome {
    let mut rows = Vec::new();
    for preset in PRESETS {
        rows.push((preset, preset.scheme(Options::default())?));
    }
    if args.json {
        let row = |(preset, scheme): &(Preset, Scheme)| {
            let about = preset.about();
            json!({
                "name": preset.name(), "summary": about.summary, "source": about.source,
                "inverse": scheme.has_inverse(),
                "key_space": key_space_json(scheme.key_space(args.size).as_ref().ok()),
                "jpeg": scheme.jpeg(args.size).friendly, "key_per_image": preset.keyed_per_image(),
            })
        };
        out.json(&rows.iter().map(row).collect::<Vec<_>>())?;
        return Ok(DONE);
    }
    out.say(&format!(
        "{:<18} {:<8} {:<24} {:<5} {:<14} {}",
        "scheme", "inverse", "key space", "JPEG", "key per image", "source"
    ));
    let mut without = Vec::new();
    for (preset, scheme) in &rows {
        let key_space = scheme.key_space(args.size).map_or_else(
            |error| {
                without.push((preset.name(), error));
                "-".to_owned()
            },
            |space| space.to_string(),
        );
        out.say(&format!(
            "{:<18} {:<8} {key_space:<24} {:<5} {:<14} {}",
            preset.name(),
            if scheme.has_inverse() { "yes" } else { "lossy" },
            if scheme.jpeg(args.size).friendly { "yes" } else { "no" },
            preset.keyed_per_image(),
            preset.about().source
        ));
    }
    out.say("");
    out.say_lines(&wrapped(
        "",
        &format!("For images of {}. {KEY_SPACE}: `imgveil schemes NAME` tells to which.", args.size),
    ));
    for (name, error) in without {
        out.say_lines(&wrapped("", &format!("- {name}: {}.", cannot(&error))));
    }
    out.say_lines(&wrapped(
        "",
        "JPEG: whether encrypted images still compress as JPEG and survive it. Key per image: all images share a key \
         unless they need not (option) or cannot (yes).",
    ));
    Ok(DONE)
}

/// Prints everything about one scheme.
fn explain(name: &str, args: &Args, out: &Output) -> Outcome {
    let scheme = args.options.of(name)?;
    let preset = if is_scheme_file(name) { None } else { Some(Preset::named(name)?) };
    let size = args.size;
    let key_space = scheme.key_space(size);
    let jpeg = scheme.jpeg(size);
    if args.json {
        let stage = |stage: &imgveil::internal::scheme::Stage| {
            json!({
                "stage": stage, "does": stage.explain(), "idle": stage.idle(size),
                "key_space": key_space_json(stage.key_space(size).as_ref().ok()),
            })
        };
        out.json(&json!({
            "name": scheme.name, "size": size.to_string(),
            "stages": scheme.stages.iter().map(stage).collect::<Vec<_>>(),
            "inverse": scheme.has_inverse(), "key_per_image": scheme.keyed_per_image(),
            "jpeg": { "friendly": jpeg.friendly, "why": jpeg.why },
            "key_space": key_space_json(key_space.as_ref().ok()),
            "options": preset.map(|preset| preset.choices().iter().map(choice_json).collect::<Vec<_>>()),
            "risks": scheme.risks(), "about": preset.map(|preset| preset.about()),
        }))?;
        return Ok(DONE);
    }
    match preset {
        Some(preset) => out.say_lines(&wrapped("", &format!("{}: {}", scheme.name, preset.about().summary))),
        None => out.say(&format!("{}: a scheme of your own, from {name}", scheme.name)),
    }
    if !scheme.stages.is_empty() {
        out.say("");
        out.say("Stages, in the order in which they encrypt");
    }
    for (number, stage) in (1..).zip(&scheme.stages) {
        out.say(&format!("  {number}. {stage}"));
        let idle = stage.idle(size).map_or(String::new(), |why| format!(" (does nothing to images of {size}: {why})"));
        out.say_lines(&wrapped("     ", &format!("{}{idle}", stage.explain())));
    }
    let choices = preset.map_or(Vec::new(), |preset| preset.choices());
    if !choices.is_empty() {
        out.say("");
        out.say("Options");
    }
    for choice in choices {
        out.say_lines(&wrapped(
            &format!("  {:<22} ", flag(choice.option)),
            &format!("{} [default: {}]", choice.what, choice.default),
        ));
    }
    let yes = |is: bool| if is { "yes" } else { "no" };
    let fact = |name: &str, words: &str| out.say_lines(&wrapped(&format!("{name:<15} "), words));
    out.say("");
    if let Some(preset) = preset {
        fact("Source", preset.about().reference);
    }
    fact(
        "Inverse",
        if scheme.has_inverse() {
            "yes: decryption gives every pixel back exactly"
        } else {
            "no: what is encrypted cannot be decrypted again"
        },
    );
    fact(
        "Key per image",
        match (scheme.keyed_per_image(), preset.is_none() || !scheme.stages.is_empty()) {
            (true, _) => "yes: from the image's name and pixels",
            (false, true) => "no: all images share the key",
            (false, false) => "no: there is no key",
        },
    );
    fact("JPEG", &format!("{}: {}", yes(jpeg.friendly), jpeg.why));
    let at_most = if preset.is_some() { "" } else { "at most " };
    match &key_space {
        Ok(space) => fact("Key space", &format!("{at_most}{space}, in bits, for images of {size}")),
        Err(error) => fact("Key space", &format!("- for images of {size}: {}", cannot(error))),
    }
    if let Ok(KeySpace { tables: Some(bits), .. }) = &key_space
        && *bits > 0.0
    {
        fact("Tables", &tables_of(*bits, at_most));
    }
    let about = preset.map(|preset| preset.about());
    fact("What breaks it", about.map_or(UNKNOWN, |about| about.broken_by));
    let risks = scheme.risks();
    if !risks.is_empty() {
        fact("Measured", &format!("{} ({MEASURED})", risk_words(&risks)));
    }
    if let Some(open) = about.and_then(|about| about.open) {
        // The library names the option as the text of a scheme does.
        fact("Left open", &open.replace("orders=as-published", "--channel-table as-published"));
    }
    out.say("");
    out.say_lines(&wrapped("", &format!("{KEY_SPACE}.")));
    Ok(DONE)
}

/// On what the figures were measured.
const MEASURED: &str = "grey X-rays of 224x224; `imgveil attack` measures yours";

/// What attackers get, in one line.
pub fn risk_words(risks: &[Risk]) -> String {
    risks.iter().map(Risk::to_string).collect::<Vec<_>>().join("; ")
}

/// How many bits a file of tables holds, and what that means.
fn tables_of(bits: f64, at_most: &str) -> String {
    let searched = if bits < 80.0 { ": few enough to try all of them" } else { "" };
    format!(
        "written out (--tables), the key has {at_most}{} bits{searched}. Names and hashes also depend on the salt of \
         the tables, which has 256",
        bits.floor()
    )
}

/// The flag of an option of a scheme's text, with what its value is called.
fn flag(option: &'static str) -> &'static str {
    match option {
        "block" => "--block SIZE",
        "key" => "--key-scope SCOPE",
        "scramble" => "--scramble",
        "sign-flip" => "--sign-flip",
        "statistic" => "--statistic NAME",
        "orders" => "--channel-table NAME",
        other => other,
    }
}

fn choice_json(choice: &Choice) -> Value {
    json!({ "flag": flag(choice.option), "what": choice.what, "default": choice.default })
}

fn key_space_json(space: Option<&KeySpace>) -> Value {
    space.map_or(Value::Null, |space| json!({ "bits": space.bits(), "tables": space.tables }))
}

/// Why a scheme has no keys for a size, without advice about encryption.
fn cannot(error: &CompileError) -> String {
    match error {
        CompileError::Tiling { block, height, width } => {
            format!("blocks of {block} do not tile an image of {height}x{width}")
        }
        CompileError::Small { block, height, width } => {
            format!("blocks of {block} are larger than an image of {height}x{width}")
        }
        other => other.to_string(),
    }
}
