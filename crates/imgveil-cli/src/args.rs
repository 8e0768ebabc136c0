//! Flags that several subcommands share.

use crate::exit::{Failure, USAGE};
use crate::output::Output;
use crate::scheme_file::{is_scheme_file, read_scheme};
use imgveil::internal::engine::{Device, DeviceChoice, EngineError, NoDevice};
use imgveil::internal::image::Depth;
use imgveil::internal::scheme::{Block, KeyScope, Options, Orders, Preset, Scheme, Statistic};
use imgveil_data::Memory;
use imgveil_data::burnt_in::Region;
use imgveil_data::format::{Axis, Channels, ExifOrientation, ReadOptions, Window};
use imgveil_data::job::EncryptOptions;
use imgveil_data::set::names::Naming;
use imgveil_data::set::{Encoding, Resize, Side};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which scheme.
#[derive(clap::Args)]
pub struct SchemeArgs {
    /// Scheme: none, shuffle-flip, le, ele, etc, skk, skk-filter, shf, np, vit, etc-image, shuffle-flip-image,
    /// vit-image, instahide, pixelate, blur, dp-pix, keystream, or a FILE.toml of your own; `imgveil schemes` explains
    /// them. Options may follow the name, such as 'dp-pix epsilon=1' or 'blur radius=8' [default: etc-image]
    #[arg(short, long, value_name = "NAME")]
    pub scheme: Option<String>,
    #[command(flatten)]
    pub options: SchemeOptions,
}

/// Options of the built-in schemes.
#[derive(clap::Args, Default)]
pub struct SchemeOptions {
    /// Block of the scheme in pixels: 4, or HEIGHTxWIDTH such as 4x8 [default: 4; pixelate: 8; etc, vit and dp-pix: 16]
    #[arg(long, value_name = "SIZE")]
    pub block: Option<Block>,
    /// One key for all blocks (shared) or one for each (block): shuffle-flip. One for all images (shared) or one for
    /// each (image): skk, skk-filter [default: shared]
    #[arg(long, value_name = "SCOPE")]
    pub key_scope: Option<KeyScope>,
    /// Scramble the blocks too: shuffle-flip
    #[arg(long)]
    pub scramble: bool,
    /// Flip signs too: vit
    #[arg(long)]
    pub sign_flip: bool,
    /// What fills a block of skk-filter: median, mean, max or min [default: median]
    #[arg(long, value_name = "NAME")]
    pub statistic: Option<Statistic>,
    /// Orders of the channels of etc: permutations, or as-published (loses channels, as the published code does)
    /// [default: permutations]
    #[arg(long, value_name = "NAME")]
    pub channel_table: Option<Orders>,
}

impl SchemeArgs {
    /// The requested scheme, or the default one.
    pub fn scheme(&self) -> Result<Scheme, Failure> {
        self.options.of(self.scheme.as_deref().unwrap_or(Preset::DEFAULT.name()))
    }

    /// Whether any of these flags is on the command line.
    pub fn is_given(&self) -> bool {
        self.scheme.is_some() || self.options.first_given().is_some()
    }
}

impl SchemeOptions {
    /// The scheme of this name, text or file, with these options.
    pub fn of(&self, scheme: &str) -> Result<Scheme, Failure> {
        if is_scheme_file(scheme) {
            return match self.first_given() {
                None => read_scheme(scheme),
                Some(option) => Err(Failure {
                    words: format!(
                        "{option} is for the built-in schemes; {scheme} says by itself what its stages do: change it \
                        there, and leave {option} out"
                    ),
                    code: USAGE,
                }),
            };
        }
        if scheme.trim().contains(char::is_whitespace) {
            return match self.first_given() {
                None => Ok(scheme.parse::<Scheme>()?),
                Some(option) => {
                    let words = format!(
                        "the options of `{scheme}` follow its name: write all of them there, and leave {option} out"
                    );
                    Err(Failure { words, code: USAGE })
                }
            };
        }
        let options = Options {
            block: self.block,
            key_scope: self.key_scope,
            scramble: self.scramble,
            sign_flip: self.sign_flip,
            statistic: self.statistic,
            orders: self.channel_table,
            ..Options::default()
        };
        Ok(Preset::named(scheme)?.scheme(options)?)
    }

    /// The first of these flags that is on the command line.
    pub fn first_given(&self) -> Option<&'static str> {
        let given = [
            (self.block.is_some(), "--block"),
            (self.key_scope.is_some(), "--key-scope"),
            (self.scramble, "--scramble"),
            (self.sign_flip, "--sign-flip"),
            (self.statistic.is_some(), "--statistic"),
            (self.channel_table.is_some(), "--channel-table"),
        ];
        given.into_iter().find(|(is, _)| *is).map(|(_, option)| option)
    }
}

/// How images are resized.
#[derive(clap::Args)]
pub struct ResizeArgs {
    /// Resize every image: 224, or HEIGHTxWIDTH such as 192x256
    #[arg(long, value_name = "SIZE")]
    pub resize: Option<Side>,
    /// Grow images to the next multiple of the block; decryption cuts them back
    #[arg(long, conflicts_with = "crop")]
    pub pad: bool,
    /// Cut images to a multiple of the block; what is cut off is gone
    #[arg(long)]
    pub crop: bool,
}

impl ResizeArgs {
    /// The request for imgveil-data.
    pub fn fit(&self) -> Resize {
        Resize { size: self.resize, pad: self.pad, crop: self.crop }
    }
}

/// How much memory.
#[derive(clap::Args)]
pub struct MemoryArgs {
    /// The memory that the command may use, such as 512M or 8G; an image that does not fit is set aside [default: three
    /// quarters of what is available]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Memory>,
}

impl MemoryArgs {
    /// The bound for imgveil-data.
    pub fn bound(&self) -> Memory {
        self.memory.unwrap_or_default()
    }
}

/// How a set is read where its format allows several readings.
#[derive(clap::Args)]
pub struct ReadArgs {
    /// DICOM, NIfTI: the grey values that become 8 bits: auto (what the file asks for), or CENTRE,WIDTH in its units
    /// such as 40,400 [default: the full depth, as 16 bits]
    #[arg(long, value_name = "WINDOW", allow_hyphen_values = true)]
    pub window: Option<Window>,
    /// NIfTI: the axis along which a volume is cut into slices: x, y or z
    #[arg(long, value_name = "AXIS", default_value = "z")]
    pub axis: Axis,
    /// Follow links that lead out of IN
    #[arg(long)]
    pub follow_links: bool,
    /// CSV file with the columns name, label and, if you like, split; instead of what folders and arrays say
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Make a region black in every image, such as one with burnt-in text: X,Y,WIDTH,HEIGHT in pixels of the image as
    /// it is stored; may be given several times
    #[arg(long = "mask", value_name = "REGION")]
    pub masks: Vec<Region>,
    /// CSV file of regions that become black in single images, as `imgveil find-text --masks` writes it
    #[arg(long, value_name = "FILE")]
    pub mask_file: Option<PathBuf>,
    #[command(flatten)]
    pub pixels: PixelArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
}

/// How many bits samples use.
#[derive(clap::Args)]
pub struct DepthArgs {
    /// Samples of more than 8 bits: how many bits they use, 9 to 16; flips stay within them [default: what headers say,
    /// else as many as the largest sample needs]
    #[arg(long, value_name = "BITS", value_parser = depth)]
    pub depth: Option<Depth>,
}

/// What becomes of labels and splits.
#[derive(clap::Args)]
pub struct LabelArgs {
    /// Leave the labels out: images have no class in the output
    #[arg(long, conflicts_with_all = ["labels", "keep_names", "keep_classes"])]
    pub no_labels: bool,
    /// patient: divide the set into train, val and test (80, 10 and 10 of 100 patients), no patient in two of them; the
    /// file of labels needs a column `patient`
    #[arg(long, value_name = "WHAT", requires = "labels")]
    pub split_by: Option<SplitBy>,
}

/// What images of one split have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SplitBy {
    Patient,
}

impl LabelArgs {
    /// The request for imgveil-data, with these options beside.
    pub fn reading(&self, options: ReadOptions) -> ReadOptions {
        // The job puts a value of its key in.
        ReadOptions { no_labels: self.no_labels, by_patient: self.split_by.map(|_| [0; 32]), ..options }
    }
}

/// What decides the images and names of a set: options of `encrypt`, which `update` takes from the set.
#[derive(clap::Args)]
pub struct SetArgs {
    #[command(flatten)]
    pub scheme: SchemeArgs,
    #[command(flatten)]
    fit: ResizeArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    labelling: LabelArgs,
    #[command(flatten)]
    depth: DepthArgs,
    #[command(flatten)]
    pub format: FormatArgs,
    /// Members of webdataset samples to carry over as they are, such as json,txt: look at what they hold first
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    keep_members: Vec<String>,
    /// Encrypt every training image N times, each time as another image, for schemes in which every image has a key of
    /// its own; images of other splits are encrypted once
    #[arg(long, value_name = "N")]
    copies: Option<NonZeroU32>,
    /// Keep the names of files and classes in the output
    #[arg(long)]
    keep_names: bool,
    /// Keep the names of classes
    #[arg(long, conflicts_with = "keep_names")]
    keep_classes: bool,
    /// Where to write which image is which [default: OUT.names.csv]
    #[arg(long, value_name = "FILE", conflicts_with = "keep_names")]
    names: Option<PathBuf>,
}

impl SetArgs {
    /// The request for imgveil-data.
    pub fn options(&self) -> EncryptOptions {
        let naming = match (self.keep_names, self.keep_classes) {
            (true, _) => Naming::Kept,
            (_, true) => Naming::Classes,
            _ => Naming::Neutral,
        };
        let members = self.keep_members.clone();
        let read = ReadOptions { members, depth: self.depth.depth, copies: self.copies, ..self.read.reading() };
        EncryptOptions {
            resize: self.fit.fit(),
            read: self.labelling.reading(read),
            naming,
            names: self.names.clone(),
            ..EncryptOptions::default()
        }
    }
}

/// How pixels are changed when they are read.
#[derive(clap::Args, Clone, Copy)]
pub struct PixelArgs {
    /// Give all images one number of channels: 1 (RGB becomes grey by its luma) or 3 (grey is repeated)
    #[arg(long, value_name = "N")]
    pub channels: Option<Channels>,
    /// Pictures that their EXIF orientation says to turn: keep them as they are stored, or apply it
    #[arg(long, value_name = "WHAT", default_value = "keep")]
    pub exif_orientation: ExifOrientation,
}

impl ReadArgs {
    /// The request for imgveil-data.
    pub fn reading(&self) -> ReadOptions {
        ReadOptions {
            window: self.window,
            range: None,
            axis: self.axis,
            labels: self.labels.clone(),
            follow_links: self.follow_links,
            masks: self.masks.clone(),
            mask_file: self.mask_file.clone(),
            memory: self.memory.bound(),
            ..self.pixels.reading()
        }
    }
}

impl PixelArgs {
    /// The request for imgveil-data.
    pub fn reading(self) -> ReadOptions {
        ReadOptions { channels: self.channels, exif_orientation: self.exif_orientation, ..ReadOptions::default() }
    }
}

/// Reads a depth of more than 8 bits.
fn depth(text: &str) -> Result<Depth, String> {
    let bits = text.parse().ok().filter(|bits| (9..=16).contains(bits));
    bits.and_then(Depth::new).ok_or_else(|| "write a number of bits from 9 to 16".to_owned())
}

/// The form of the output.
#[derive(clap::Args)]
pub struct FormatArgs {
    /// Form of the output: png, jpeg, npz, npy (a folder of arrays that can be mapped into memory) or webdataset (tar
    /// shards) [default: npz if OUT ends so, else png]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Quality of JPEG files, 1 to 100
    #[arg(long, value_name = "Q", default_value = "90", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub jpeg_quality: u8,
    /// Samples of a webdataset shard
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    pub per_shard: u32,
}

/// The form of the output without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Png,
    Jpeg,
    Npz,
    Npy,
    Webdataset,
    /// The form of the originals: `decrypt --into` only.
    #[value(alias = "nifti", hide = true)]
    Dicom,
}

impl FormatArgs {
    /// The requested form.
    ///
    /// # Errors
    /// When the form does not match the name of the output.
    pub fn encoding(&self, output: &Path) -> Result<Encoding, Failure> {
        let extension = output.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let usage = |words: String| Err(Failure { words, code: USAGE });
        let out = output.display();
        if output == Path::new("-") {
            return usage(
                "the output is a set of files, and standard output holds one stream: name a folder, or a file that \
                 ends in .npz"
                    .into(),
            );
        }
        match (self.format, extension.as_deref().filter(|_| !output.is_dir())) {
            (_, Some("png" | "jpg" | "jpeg" | "tif" | "tiff" | "bmp" | "webp" | "dcm" | "nii" | "pgm" | "ppm")) => {
                return usage(format!("{out} is named like one image, and the output is a set: name a folder"));
            }
            (_, Some("zip" | "gz" | "tgz" | "bz2" | "xz" | "zst" | "7z" | "rar")) => {
                return usage(format!(
                    "{out} is named like a compressed archive, and encrypted pixels do not compress: name a folder, \
                     or a file that ends in .npz"
                ));
            }
            _ => {}
        }
        match (self.format, extension.as_deref()) {
            (None | Some(Format::Npz), Some("npz")) => Ok(Encoding::Npz),
            (Some(_), Some("npz")) => {
                usage(format!("{out} is named like an .npz file: leave --format out, or name a folder"))
            }
            (Some(Format::Npz), _) => {
                usage(format!("an .npz output is a file whose name ends in .npz, and {out} does not"))
            }
            (None, Some("npy")) => usage(format!(
                "{out} would be one array: name a folder and add --format npy, or a file that ends in .npz"
            )),
            (None, Some("tar")) => {
                usage(format!("{out} would be one shard: name a folder and add --format webdataset"))
            }
            (None | Some(Format::Png), _) => Ok(Encoding::Png),
            (Some(Format::Jpeg), _) => Ok(Encoding::Jpeg { quality: self.jpeg_quality }),
            (Some(Format::Npy), _) => Ok(Encoding::Npy),
            (Some(Format::Dicom), _) => {
                usage("DICOM objects and NIfTI volumes are written by `imgveil decrypt --into ORIGINALS`".into())
            }
            (Some(Format::Webdataset), _) => Ok(Encoding::WebDataset { per_shard: self.per_shard }),
        }
    }
}

/// Which device.
#[derive(clap::Args)]
pub struct DeviceArgs {
    /// auto (a hardware GPU, else the CPU), cpu, gpu (software adapters too), or an adapter's number or name
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: DeviceChoice,
    #[command(flatten)]
    pub timeout: DeviceTimeout,
}

/// The devices of a list of choices, each once. `all` stands for every adapter, and for `with_all` beside them. An
/// empty list is `auto`.
pub fn each_device(choices: &[DeviceChoice], with_all: &[DeviceChoice]) -> Result<Vec<DeviceChoice>, Failure> {
    if choices.is_empty() {
        return Ok(vec![DeviceChoice::Auto]);
    }
    let mut each: Vec<DeviceChoice> = Vec::new();
    for choice in choices {
        let named = match choice {
            DeviceChoice::Name(name) if name == "all" => {
                let adapters = Device::list()?;
                with_all
                    .iter()
                    .cloned()
                    .chain(adapters.iter().map(|adapter| DeviceChoice::Index(adapter.index)))
                    .collect()
            }
            choice => vec![choice.clone()],
        };
        for choice in named {
            if !each.contains(&choice) {
                each.push(choice);
            }
        }
    }
    if each.is_empty() {
        let wanted = "`all` names every adapter, and there is none".to_owned();
        return Err(EngineError::NoDevice(NoDevice { wanted, adapters: Vec::new() }).into());
    }
    Ok(each)
}

/// How long to wait for a device.
#[derive(clap::Args, Clone, Copy)]
pub struct DeviceTimeout {
    /// A device that does not answer within this time counts as hung, and the command fails
    #[arg(long, default_value = "60", value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..))]
    device_timeout: u32,
}

impl DeviceTimeout {
    pub fn time_limit(self) -> Duration {
        Duration::from_secs(self.device_timeout.into())
    }

    /// Opens a device that has this time limit.
    pub fn open(self, choice: &DeviceChoice) -> Result<Device, Failure> {
        Ok(Device::open_within(choice, self.time_limit())?)
    }
}

impl DeviceArgs {
    /// Opens the device.
    pub fn open(&self, out: &Output) -> Result<Device, Failure> {
        let device = self.timeout.open(&self.device)?;
        out.detail(&format!("device: {device}"));
        Ok(device)
    }
}
