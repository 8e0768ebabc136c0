//! `imgveil evaluate`.

use crate::args::DeviceArgs;
use crate::attack::{ImageArgs, PatientArgs, Read};
#[cfg(feature = "train")]
use crate::evaluate::Learn;
use crate::evaluate::{
    ATTACKERS, Bench, Evaluation, Options, Provenance, Run, Store, Study, attacks, draw, joint, key_of, page, quoted,
    run as attack, subjects,
};
use crate::exit::{DONE, FAILED, Failure, Outcome, PARTLY};
use crate::output::{Output, counted};
use imgveil_data::format::{Axis, Channels, ExifOrientation};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const AFTER_HELP: &str = "\
Examples:
  imgveil evaluate                                            # drawn X-rays, the usual schemes
  imgveil evaluate --data images --resize 224 -o report
  imgveil evaluate --data images --resize 224 --schemes ele,'dp-pix epsilon=1',mine.toml
  imgveil evaluate --data images --resize 224 --study study --bench today.json --budget 1h
  imgveil evaluate --data images --resize 32 --schemes etc-image,instahide --learn 30
  imgveil evaluate --data images --patient-pattern 'person([0-9]+)_' --json

The folder gets evaluation.html, one page that needs nothing else and opens from a file, and evaluation.json; with \
--study also frontier.svg, accuracy against leak. Each \
finished attack is a file in cells/: a run that was cut, or whose budget ended, goes on with the same command. \
--budget, --study and --bench may then be others, every other option must be the same. Exit code 3 says that the \
budget ended before all attacks were run. A training that has begun goes on to its end.";

/// Run every attack on every scheme, and write one report.
///
/// What each scheme leaks to whom, and what it costs, on one page. Encrypts the images under each scheme as a black
/// box, runs the attacks of `imgveil attack` without the key, and says for each kind of attacker what he gets. The
/// schemes none and keystream are always there: they show what the ends of the scale look like. What the budget does
/// not reach is marked, and is no verdict. The key is made from the seed, so that the same command gives the same
/// figures. With --learn a network is trained against each scheme too, as `imgveil attack learned` does from pairs or
/// from keys of the attacker's own. That takes minutes to hours, and its figures depend on the device a little.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Plain images: folder, .npz, .npy, .tar, or a file of images [default: 96 X-rays that are drawn into the output]
    #[arg(long, value_name = "IN")]
    data: Option<PathBuf>,
    /// Schemes with commas between them, options behind a name, such as le,'etc block=8','dp-pix epsilon=1', or
    /// FILE.toml [default: all, in their usual forms]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    schemes: Vec<String>,
    /// The folder of `imgveil study` or `imgveil train`, for what networks learn
    #[arg(long, value_name = "RUN")]
    study: Option<PathBuf>,
    /// What `imgveil bench --json` printed, for speed
    #[arg(long, value_name = "FILE")]
    bench: Option<PathBuf>,
    /// When to stop, such as 90s, 10m or 2h; 0 only writes the report of what was done before
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = budget)]
    budget: Duration,
    /// The seed of the key and of everything random in the attacks
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Use no more than N images, evenly spread over the set
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(2..))]
    limit: u32,
    #[cfg(feature = "train")]
    #[command(flatten)]
    learn: LearnArgs,
    /// Folder of the report
    #[arg(short, long, value_name = "OUT", default_value = "evaluation")]
    output: PathBuf,
    /// Print evaluation.json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    patients: PatientArgs,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// The attack that trains networks.
#[cfg(feature = "train")]
#[derive(clap::Args)]
struct LearnArgs {
    /// Train a network against each scheme too, with this many passes over the attacker's images
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    learn: Option<u32>,
    /// Plain images of the attacker's own for --learn, read as --data [default: every second image of --data]
    #[arg(long, value_name = "IN", requires = "learn")]
    public: Option<PathBuf>,
}

/// Reads a budget.
fn budget(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text).map_err(|_| "write a time such as 90s, 10m or 2h".to_owned())
}

/// The file of the throwaway key.
const KEY: &str = "throwaway.key";
/// The folder of drawn images.
const PHANTOMS: &str = "phantoms";

impl Args {
    /// Whether networks are trained.
    fn learns(&self) -> bool {
        #[cfg(feature = "train")]
        return self.learn.learn.is_some();
        #[cfg(not(feature = "train"))]
        false
    }
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let mut subjects = subjects(&args.schemes)?;
    let study = args.study.as_deref().map(Study::read).transpose()?;
    let bench = args.bench.as_deref().map(Bench::read).transpose()?;
    let patients = args.patients.read()?;
    let mut options = options(args);
    let joint = joint(&subjects);
    let images = |path: &Path| args.images.images(path, Some(&joint), args.images.fit.fit(), Some(args.limit as usize));
    // Images of the user are read before anything is written; drawn ones are in the folder.
    let own = args.data.as_deref().map(images).transpose()?;
    if let Some(read) = &own {
        options.images = Some(hash(read));
        for subject in &mut subjects {
            subject.fit(read.geometry, !args.schemes.is_empty())?;
        }
        patients.of(&read.names)?;
    }
    let device = args.device.open(out)?;
    let (store, _) = Store::open(&args.output, &options)?;
    let data = args.data.clone().unwrap_or_else(|| store.path(PHANTOMS));
    let read = match own {
        Some(read) => read,
        None => {
            draw(&data)?;
            let read = images(&data)?;
            options.images = Some(hash(&read));
            for subject in &mut subjects {
                subject.fit(read.geometry, !args.schemes.is_empty())?;
            }
            store.note_images(&options)?;
            read
        }
    };
    for (name, reason) in read.failed.iter().take(20) {
        out.warn(&format!("{name} was set aside: {reason}"));
    }
    #[cfg(feature = "train")]
    let own = args.learn.public.as_deref().map(|path| args.images.images(path, None, args.images.fit.fit(), None));
    #[cfg(feature = "train")]
    let own = own.transpose()?.map(|read| read.images);
    #[cfg(feature = "train")]
    let backend = args.learn.learn.map(|_| imgveil_train::Backend::open(device.clone())).transpose()?;
    #[cfg(feature = "train")]
    let learn = args.learn.learn.zip(backend.as_ref()).map(|(epochs, backend)| Learn {
        epochs: epochs as usize,
        public: own.as_ref(),
        backend,
    });
    let attacks = attacks(args.learns());
    let patients = patients.of(&read.names)?;
    let key = key_of(args.seed);
    if !store.path(KEY).exists() {
        imgveil_data::key_file::save(&key, &store.path(KEY))?;
    }
    let to_run = Run {
        subjects: &subjects,
        attacks: &attacks,
        #[cfg(feature = "train")]
        learn,
        read: &read,
        patients: patients.as_deref(),
        seed: args.seed,
        budget: args.budget,
        device: &device,
        store: &store,
    };
    let rows = attack(&to_run, out)?;
    let schemes: Vec<_> = subjects.iter().map(|subject| (&subject.scheme, subject.text.as_str())).collect();
    let provenance = Provenance {
        command: format!("imgveil evaluate {}", options.words(&[]).join(" ")),
        tool: options.tool.clone(),
        commit: option_env!("IMGVEIL_COMMIT").map(str::to_owned),
        seed: args.seed,
        data: described(args, &read),
        images: read.images.len(),
        geometry: read.geometry.to_string(),
        classes: read.classes.clone(),
        images_hash: options.images.clone().unwrap_or_default(),
        key: key.fingerprint().to_string(),
        study: study.as_ref().map(|study| study.path.display().to_string()),
        bench: bench.as_ref().map(|bench| format!("{}: {}", bench.path.display(), bench.made_by())),
        study_others: study.as_ref().map_or(Vec::new(), |study| study.others(&schemes)),
        repeat: repeat(&options, &store, &data, false),
        repeat_learned: repeat(&options, &store, &data, true),
        device: device.to_string(),
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
    };
    let evaluation = Evaluation::new(provenance, attacks, subjects, rows, study.as_ref(), bench.as_ref());
    let json = evaluation.json();
    let text = serde_json::to_string_pretty(&json)
        .map_err(|error| Failure { words: format!("cannot write JSON: {error}"), code: FAILED })?;
    store.write_text("evaluation.json", &format!("{text}\n"))?;
    let path = store.write_text("evaluation.html", &page(&evaluation))?;
    #[cfg(feature = "train")]
    if let Some(svg) = crate::evaluate::frontier(&evaluation) {
        store.write_text("frontier.svg", &svg)?;
    }
    if args.json {
        out.json(&json)?;
    } else {
        table(&evaluation, out);
    }
    out.note(&format!("wrote {}", path.display()));
    let missing = evaluation.not_reached();
    if missing > 0 {
        out.warn(&format!(
            "{} of {} not reached within the budget of {}, and count as no verdict; the same command goes on",
            counted(missing, "attack"),
            if missing == 1 { "the report was" } else { "the report were" },
            humantime::format_duration(args.budget)
        ));
    }
    Ok(if missing == 0 && read.failed.is_empty() { DONE } else { PARTLY })
}

/// The flags that the figures depend on.
fn options(args: &Args) -> Options {
    let mut options = Options::new();
    let path = |path: &PathBuf| path.display().to_string();
    options.flag("--data", args.data.as_ref().map(path));
    options.flag("--schemes", (!args.schemes.is_empty()).then(|| args.schemes.join(",")));
    options.flag("--seed", Some(args.seed));
    options.flag("--limit", Some(args.limit));
    let ImageArgs { fit, read, depth } = &args.images;
    options.flag("--resize", fit.resize);
    options.switch("--pad", fit.pad);
    options.switch("--crop", fit.crop);
    options.flag("--window", read.window);
    options.flag(
        "--axis",
        match read.axis {
            Axis::X => Some("x"),
            Axis::Y => Some("y"),
            Axis::Z => None,
        },
    );
    options.switch("--follow-links", read.follow_links);
    options.flag("--labels", read.labels.as_ref().map(path));
    options.flag(
        "--channels",
        read.pixels.channels.map(|channels| match channels {
            Channels::Grey => 1,
            Channels::Rgb => 3,
        }),
    );
    let apply = read.pixels.exif_orientation == ExifOrientation::Apply;
    options.flag("--exif-orientation", apply.then_some("apply"));
    options.flag("--depth", depth.depth.map(|depth| depth.bits()));
    options.flag("--patient-pattern", args.patients.patient_pattern.as_ref());
    options.flag("--patients", args.patients.patients.as_ref().map(path));
    #[cfg(feature = "train")]
    {
        options.flag("--learn", args.learn.learn);
        options.flag("--public", args.learn.public.as_ref().map(path));
    }
    options
}

/// What repeats an attack of the report, behind its name and the scheme. `learned` is the one that trains a network.
fn repeat(options: &Options, store: &Store, data: &Path, learned: bool) -> String {
    let path = |path: &Path| quoted(&path.display().to_string());
    let mut words = vec!["-k".to_owned(), path(&store.path(KEY))];
    let mut without = vec!["--data", "--schemes", "--patient-pattern", "--patients", "--learn"];
    if learned {
        words.extend(options.value("--learn").map(|epochs| format!("--epochs {epochs}")));
    } else {
        without.push("--public");
    }
    words.extend(options.words(&without));
    words.push(path(data));
    words.join(" ")
}

/// The images in words.
fn described(args: &Args, read: &Read) -> String {
    let count = counted(read.images.len(), "image");
    let geometry = read.geometry;
    let classes = match read.classes.len() {
        0 => String::new(),
        classes => format!(", {}", counted(classes, "class").replace("classs", "classes")),
    };
    match &args.data {
        Some(path) => format!("{}: {count} of {geometry}{classes}", path.display()),
        None => format!("Drawn chest X-rays: {count} of {geometry}{classes}"),
    }
}

/// A hash of the names and samples of all images.
fn hash(read: &Read) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(read.geometry.to_string().as_bytes());
    for (name, image) in read.names.iter().zip(read.images.iter()) {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        let bytes: Vec<u8> = image.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        hasher.update(&bytes);
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// Prints the verdicts.
fn table(evaluation: &Evaluation, out: &Output) {
    const HEADINGS: [&str; 5] = ["only trains", "leaked pairs", "chosen images", "a plain image", "the key"];
    let width = evaluation.schemes.iter().map(|scheme| scheme.subject.text.chars().count()).max().unwrap_or(0).max(6);
    let head: Vec<String> = HEADINGS.iter().map(|heading| format!("{heading:<14}")).collect();
    out.say(&evaluation.provenance.data);
    out.say(format!("{:<width$}  {}", "scheme", head.join("  ")).trim_end());
    for scheme in &evaluation.schemes {
        let lights = scheme.verdicts.iter().map(|verdict| format!("{:<14}", verdict.light.word()));
        let line = format!("{:<width$}  {}", scheme.subject.text, lights.collect::<Vec<_>>().join("  "));
        out.say(line.trim_end());
    }
    debug_assert_eq!(HEADINGS.len(), ATTACKERS.len());
}
