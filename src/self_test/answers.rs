//! Known answers: a hash of the encrypted image for every scheme, at depths of 8 to 16 bits, grey and RGB.

use crate::hex;
use crate::image::{Depth, Geometry};
use crate::schedule::ImageId;
use crate::scheme::Scheme;

/// The answers as text. `tests/vectors.rs` derives them from `assets/vectors/schemes.json`, which an independent
/// program made.
pub const ANSWERS: &str = include_str!("../../assets/answers.txt");

/// A known answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The secret.
    pub secret: [u8; 32],
    /// The id of the image.
    pub id: ImageId,
    /// The geometry of the image.
    pub geometry: Geometry,
    /// The scheme.
    pub scheme: Scheme,
    /// The BLAKE3 hash of the encrypted image.
    pub hash: [u8; 32],
}

impl Answer {
    /// One line of [`ANSWERS`]: hash, secret, id, geometry and the stages.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(5, ' ');
        let mut next = || words.next();
        let hash = hex::decode(next()?)?;
        let secret = hex::decode(next()?)?;
        let id = ImageId(hex::decode(next()?)?);
        let geometry = next()?.parse().ok()?;
        let stages = match next()? {
            "none" => Vec::new(),
            stages => stages.split("; ").map(|stage| stage.parse().ok()).collect::<Option<_>>()?,
        };
        Some(Self { secret, id, geometry, scheme: Scheme { name: "known answer".to_owned(), stages }, hash })
    }

    /// The line that [`Answer::parse`] reads.
    pub fn line(&self) -> String {
        let stages = if self.scheme.stages.is_empty() { "none".to_owned() } else { self.scheme.canonical() };
        let (hash, secret, id) = (hex::encode(&self.hash), hex::encode(&self.secret), hex::encode(&self.id.0));
        format!("{hash} {secret} {id} {} {stages}", self.geometry)
    }

    /// The image that is encrypted: samples are the upper bits of `j * 2654435761 mod 2^32`.
    pub fn image(&self) -> Vec<u8> {
        let depth = self.geometry.depth();
        let sample = |j: u32| j.wrapping_mul(2_654_435_761) >> (32 - depth.bits());
        let samples = (0..self.geometry.samples() as u32).map(sample);
        match depth {
            Depth::U8 => samples.map(|sample| sample as u8).collect(),
            _ => samples.flat_map(|sample| (sample as u16).to_le_bytes()).collect(),
        }
    }
}

/// All known answers. Lines that cannot be read are left out; a test counts them.
pub fn answers() -> impl Iterator<Item = Answer> {
    ANSWERS.lines().filter_map(Answer::parse)
}
