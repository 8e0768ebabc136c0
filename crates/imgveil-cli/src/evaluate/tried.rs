//! The attacks that are tried, and how each is run for the report.

use super::cell::{Cell, Done, Figures};
use super::pictures::{Picture, Strip, strips};
use super::subject::Subject;
use crate::attack::{self, BlackBox, Finding, Target};
use crate::error::Error as OwnError;
use crate::exit::Failure;
use imgveil::internal::image::Geometry;
use imgveil_attack::ciphertext::Prior;
use imgveil_attack::{Batch, Error, Progress};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Instant;

/// An attack of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tried {
    Appearance,
    Ciphertext,
    Labels,
    KeySpace,
    Known,
    Chosen,
    Reidentify,
    /// Only where it was asked for: it trains a network.
    Learned,
}

/// All attacks, in the order of the report. The last one only where `learn` says so.
pub fn attacks(learn: bool) -> Vec<Tried> {
    let last = learn.then_some(Tried::Learned);
    TRIED.into_iter().chain(last).collect()
}

/// The attacks that need no training, in the order of the report.
const TRIED: [Tried; 7] = [
    Tried::Appearance,
    Tried::Ciphertext,
    Tried::Labels,
    Tried::KeySpace,
    Tried::Known,
    Tried::Chosen,
    Tried::Reidentify,
];

/// The order in which they are run: what takes longest comes last, so that a small budget gives a row for every scheme.
const ORDER: [Tried; 8] = [
    Tried::KeySpace,
    Tried::Appearance,
    Tried::Labels,
    Tried::Chosen,
    Tried::Reidentify,
    Tried::Known,
    Tried::Ciphertext,
    Tried::Learned,
];

/// The attacks of `tried` in the order in which they are run.
pub fn in_order(tried: &[Tried]) -> impl Iterator<Item = Tried> {
    ORDER.into_iter().filter(|attack| tried.contains(attack))
}

/// The most pairs that an attacker has.
const PAIRS: usize = 16;

impl Tried {
    /// The name in files and on the command line.
    pub fn id(self) -> &'static str {
        match self {
            Self::Appearance => "appearance",
            Self::Ciphertext => "ciphertext",
            Self::Labels => "labels",
            Self::KeySpace => "key-space",
            Self::Known => "known",
            Self::Chosen => "chosen",
            Self::Reidentify => "reidentify",
            Self::Learned => "learned",
        }
    }

    /// Whether it is after images, or after which image is which.
    pub fn is_after_images(self) -> bool {
        matches!(self, Self::Ciphertext | Self::Known | Self::Chosen | Self::Reidentify)
    }

    /// The heading of its column.
    pub fn title(self) -> &'static str {
        match self {
            Self::Appearance => "By eye",
            Self::Ciphertext => "Encrypted images alone",
            Self::Labels => "Labels",
            Self::KeySpace => "Trying keys",
            Self::Known => "Known pairs",
            Self::Chosen => "Chosen images",
            Self::Reidentify => "Recognition",
            Self::Learned => "A network",
        }
    }

    /// What is done, in a sentence.
    pub fn what(self) -> &'static str {
        match self {
            Self::Appearance => "Nothing is attacked: encrypted images are compared with the plain ones as they are.",
            Self::Ciphertext => {
                "Images are recovered from encrypted images of one key and size, by what is true of most images."
            }
            Self::Labels => {
                "One number of an encrypted image, the spread inside blocks of 4x4 pixels, tells its label."
            }
            Self::KeySpace => "Keys are tried on one encrypted image, 10^15 a second.",
            Self::Known => {
                "Plain images with their encryptions, which the attacker did not choose, tell what moves where."
            }
            Self::Chosen => {
                "A few images of the attacker's choice are encrypted, and the key's table is read off them."
            }
            Self::Reidentify => {
                "A plain image, and another export of it (cut by 4 %, 5 % brighter, JPEG 50), is looked for among the \
                 encrypted ones."
            }
            Self::Learned => {
                "A network is trained to undo the encryption: from pairs where all images share a key, and else from \
                 other plain images, which the attacker encrypts under keys of his own."
            }
        }
    }

    /// When it counts as open, and when as open in part. Otherwise the scheme resists it.
    pub fn rules(self) -> [String; 2] {
        let area = |area: f64| format!("an AUC of {area:.2} or more");
        let ssim = |ssim: f64| format!("a mean SSIM of {ssim:.2} or more");
        match self {
            Self::Appearance => [
                format!("encrypted images have {} to the plain ones", ssim(attack::CIPHERTEXT_ENOUGH)),
                format!(
                    "they have {}, or contrast and brightness of cells of the image correlate by {:.2} or more",
                    ssim(attack::CIPHERTEXT_SOME),
                    attack::OUTLINES
                ),
            ],
            Self::Ciphertext => [
                format!("images come back with {}", ssim(attack::CIPHERTEXT_ENOUGH)),
                format!(
                    "they come back with {} and 0.1 above that of encrypted ones, or are plain to see to that extent",
                    ssim(attack::CIPHERTEXT_SOME)
                ),
            ],
            Self::Labels => [
                format!("a label is told with {}", area(attack::LABELS_ENOUGH)),
                format!("with {}, and three standard errors above guessing", area(0.5 + attack::LABELS_SOME)),
            ],
            Self::KeySpace => ["half of the keys are tried within a year".to_owned(), "never".to_owned()],
            Self::Known => [
                format!("other images are decrypted to {} by {PAIRS} pairs or fewer", ssim(attack::KNOWN_ENOUGH)),
                format!(
                    "{:.0} % of the positions are determined, or the SSIM is 0.1 above that of encrypted ones",
                    100.0 * attack::KNOWN_SOME
                ),
            ],
            Self::Chosen => {
                ["a table is found that predicts how other images are encrypted".to_owned(), "never".to_owned()]
            }
            Self::Reidentify => [
                format!("another export finds its image at first rank in {:.0} % of cases", 100.0 * attack::OFTEN),
                "the image itself finds its encryption five times as often as guessing, and 2 % more".to_owned(),
            ],
            Self::Learned => {
                let above = format!("{:.2} above that of the mean of the attacker's images", attack::LEARNED_SOME);
                [
                    format!(
                        "images that it has not seen come back with a median SSIM of {:.2} or more, and {above}",
                        attack::LEARNED_ENOUGH
                    ),
                    format!("with a median SSIM that is {above}"),
                ]
            }
        }
    }
}

/// What all attacks of a report share.
pub struct Trial<'a> {
    pub plain: &'a Batch,
    pub geometry: Geometry,
    pub patients: Option<&'a [Option<String>]>,
    pub seed: u64,
    /// Where pictures belong to, for messages.
    pub folder: &'a Path,
    pub progress: &'a dyn Progress,
}

/// Runs an attack. `open` encrypts the images under the scheme. `neighbour` makes the black box of a key that differs
/// in one bit.
pub fn tried(
    attack: Tried,
    subject: &Subject,
    trial: &Trial<'_>,
    open: impl FnOnce() -> Result<Target, Failure>,
    neighbour: impl FnOnce() -> Result<BlackBox, Failure>,
) -> Result<Cell, Failure> {
    let started = Instant::now();
    if attack == Tried::KeySpace {
        return Ok(match attack::key_space(&subject.scheme, trial.geometry) {
            Ok(finding) if finding.figures.key.bits == 0.0 => Cell::NotApplicable { reason: "there is no key".into() },
            Ok(finding) => done(finding, Figures::KeySpace, Vec::new(), started),
            Err(error) => Cell::NotApplicable { reason: error.to_string() },
        });
    }
    if let Some(reason) = &subject.unfit {
        return Ok(Cell::NotApplicable { reason: reason.clone() });
    }
    let target = open()?;
    let bad_picture = |reason: String| Failure::from(OwnError::cannot_encode(trial.folder, &reason));
    let (plain, seed, progress) = (trial.plain, trial.seed, trial.progress);
    /// A finished cell with so many rows of pictures.
    macro_rules! cell {
        ($found:expr, $figures:path, $rows:expr) => {
            match $found {
                Ok(finding) => {
                    let strips = strips(&finding.pictures, $rows).map_err(bad_picture)?;
                    Ok(done(finding, $figures, strips, started))
                }
                Err(error) => refused(error),
            }
        };
    }
    match attack {
        // These are run without a target.
        Tried::KeySpace | Tried::Learned => Ok(Cell::NotReached),
        Tried::Appearance => {
            cell!(attack::appearance(&target, plain, Some(&neighbour()?)), Figures::Appearance, 1)
        }
        Tried::Chosen => cell!(attack::chosen(&target, seed), Figures::Chosen, 1),
        Tried::Known => cell!(attack::known(&target, plain, PAIRS, seed, progress), Figures::Known, 1),
        Tried::Reidentify => {
            cell!(attack::reidentify(&target, plain, trial.patients, progress), Figures::Reidentify, 1)
        }
        Tried::Labels => {
            let told: Option<Vec<u32>> = target.labels.iter().copied().collect();
            let Some(told) = told else {
                return Ok(Cell::NotApplicable { reason: "the images have no labels".into() });
            };
            let cell = cell!(attack::labels(&target, &told), Figures::Labels, 2)?;
            Ok(in_one_strip(cell))
        }
        Tried::Ciphertext => {
            match attack::ciphertext(&target, plain, Prior::Natural, plain.len(), progress) {
                Ok((finding, firsts)) => {
                    let mut strips = strips(&finding.pictures, 1).map_err(bad_picture)?;
                    // In place of what all images recover, what each number of them does.
                    for strip in &mut strips {
                        strip.pictures.truncate(2);
                        for (step, first) in finding.figures.steps.iter().zip(&firsts) {
                            let caption = format!("from {}", step.images);
                            strip.pictures.push(Picture::of(&caption, first, 0).map_err(bad_picture)?);
                        }
                        strip.note.clear();
                    }
                    Ok(done(finding, Figures::Ciphertext, strips, started))
                }
                Err(error) => refused(error),
            }
        }
    }
}

/// An image of each class beside each other.
fn in_one_strip(mut cell: Cell) -> Cell {
    if let Cell::Done(done) = &mut cell {
        let captioned = |strip: Strip| {
            let note = strip.note;
            strip
                .pictures
                .into_iter()
                .map(move |picture| Picture { caption: format!("{note}, {}", picture.caption), ..picture })
        };
        let pictures: Vec<Picture> = std::mem::take(&mut done.strips).into_iter().flat_map(captioned).collect();
        if !pictures.is_empty() {
            let name = "a typical image of each class, with its number".to_owned();
            done.strips = vec![Strip { name, note: String::new(), pictures }];
        }
    }
    cell
}

/// A finished cell with a row of pictures.
#[cfg(feature = "train")]
pub fn done_with_pictures<F>(
    finding: Finding<F>,
    figures: fn(F) -> Figures,
    folder: &Path,
    started: Instant,
) -> Result<Cell, Failure> {
    let strips = strips(&finding.pictures, 1).map_err(|reason| OwnError::cannot_encode(folder, &reason))?;
    Ok(done(finding, figures, strips, started))
}

fn done<F>(finding: Finding<F>, figures: fn(F) -> Figures, strips: Vec<Strip>, started: Instant) -> Cell {
    let Finding { figures: found, grade, verdict, .. } = finding;
    let seconds = started.elapsed().as_secs_f64();
    Cell::Done(Box::new(Done { grade, verdict, figures: figures(found), seconds, strips }))
}

/// What becomes of an attack that gave nothing.
fn refused(error: Error) -> Result<Cell, Failure> {
    match error {
        Error::Stopped => Ok(Cell::NotReached),
        // The encryption failed: nothing was tried.
        error @ Error::Oracle(_) => Err(error.into()),
        error => Ok(Cell::NotApplicable { reason: error.to_string() }),
    }
}
