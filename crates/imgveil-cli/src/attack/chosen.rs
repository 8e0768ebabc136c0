//! Chosen plaintext: the key is read off a few images of the attacker's choice.

use super::finding::{Finding, Grade, Pictures};
use super::target::Target;
use crate::output::counted;
use imgveil_attack::chosen::{self, generic, structured};
use imgveil_attack::{Batch, Error, metric};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// The figures of the attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// The ways in which it was tried.
    pub ways: Vec<Way>,
}

/// What one way of the attack gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// What the attacker knows of the scheme.
    pub attacker: String,
    /// The images that he had encrypted.
    pub images_chosen: usize,
    pub seconds: f64,
    /// Whether a table was found that predicts how others are encrypted.
    pub opened: bool,
    /// The images of the set that are decrypted to the byte.
    pub exact: usize,
    /// The mean SSIM of the set as it was decrypted, or as it is where it was not. `None` for images that are too small
    /// for SSIM.
    pub ssim: Option<f64>,
}

/// Attacks with images of the attacker's choice. The target must have a black box.
pub fn chosen(target: &Target, seed: u64) -> Result<Finding<Chosen>, Error> {
    let (Some(black_box), Some(plain)) = (&target.black_box, &target.plain) else {
        return Err(Error::NotApplicable("images of the attacker's choice cannot be encrypted".to_owned()));
    };
    let (shape, max) = (plain.shape(), plain.max());
    let started = Instant::now();
    let blind = generic(black_box, shape, max, seed)?;
    let mut ways = vec![measured(target, plain, "knows nothing of the scheme", blind, started)?];
    if let Some(layout) = target.layout {
        let started = Instant::now();
        let found = structured(black_box, layout, shape, max, seed)?;
        if found.images > 0 {
            ways.push(measured(target, plain, "knows the scheme's name and blocks", found, started)?);
        }
    }
    let opened = ways.iter().filter(|(way, _)| way.opened).min_by_key(|(way, _)| way.images_chosen);
    let verdict = match opened {
        Some((way, _)) if way.exact == plain.len() => format!(
            "OPEN. {} of the attacker's choice decrypt{} every other image of this key and size to the byte",
            counted(way.images_chosen, "image"),
            if way.images_chosen == 1 { "s" } else { "" }
        ),
        Some((way, _)) => format!(
            "OPEN. The table of the scheme is found with {} of the attacker's choice. It loses samples; the others are \
             decrypted{}",
            counted(way.images_chosen, "image"),
            way.ssim.map_or(String::new(), |ssim| format!(" (mean SSIM {ssim:.3})"))
        ),
        None => "RESISTS this attack. No fixed table of moves and negations predicts how images are encrypted: there \
                 is none that a few images could give away"
            .to_owned(),
    };
    let all: Vec<usize> = (0..plain.len()).collect();
    let (mut pictures, numbers) = Pictures::of(&all, &target.names);
    pictures.column("plain", plain, &numbers);
    pictures.column("encrypted", &target.encrypted, &numbers);
    if let Some(back) = opened.and_then(|(_, back)| back.as_ref()) {
        pictures.column("recovered", back, &numbers);
    }
    let grade = if opened.is_some() { Grade::Open } else { Grade::Resists };
    Ok(Finding { figures: Chosen { ways: ways.into_iter().map(|(way, _)| way).collect() }, grade, verdict, pictures })
}

/// What a table is worth: the images as it decrypts them, compared with the plain ones.
fn measured(
    target: &Target,
    plain: &Batch,
    attacker: &str,
    found: chosen::Chosen,
    started: Instant,
) -> Result<(Way, Option<Batch>), Error> {
    let decrypted = found.table.map(|table| table.decrypt(&target.encrypted)).transpose()?;
    let seconds = started.elapsed().as_secs_f64();
    let exact = decrypted.as_ref().map_or(0, |back| back.iter().zip(plain.iter()).filter(|(a, b)| a == b).count());
    let shown = decrypted.as_ref().unwrap_or(&target.encrypted);
    let ssim = metric::ssim(plain, shown).ok().map(|all| metric::mean(&all));
    let opened = decrypted.is_some();
    Ok((Way { attacker: attacker.to_owned(), images_chosen: found.images, seconds, opened, exact, ssim }, decrypted))
}
