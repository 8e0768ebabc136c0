//! Looks for text that is burnt into the pixels of a plain set.

use super::progress::Progress;
use super::summary::{Failure, in_order};
use crate::Error;
use crate::burnt_in::{Region, text_like};
use crate::format::{BurntIn, ReadOptions};
use crate::set::{Source, open_with};
use rayon::prelude::*;
use serde::Serialize;
use std::path::Path;

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct FoundText {
    /// The number of images that were looked at.
    pub images: usize,
    /// Images whose file says that text is burnt in.
    pub stated: Vec<String>,
    /// Images of a kind that often has text, by their file's header.
    pub likely: Vec<String>,
    /// Images with what looks like lines of letters near the border, and where.
    pub seen: Vec<SeenText>,
    /// Images that could not be read.
    pub failed: Vec<Failure>,
}

/// What looks like text in an image.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SeenText {
    /// The image.
    pub name: String,
    /// Where, in pixels of the image as it is stored.
    pub regions: Vec<Region>,
}

/// Looks for burnt-in text in a plain set: in the headers of DICOM files, and in the pixels of all images. It does not
/// find all text, and takes some other marks for text.
///
/// # Errors
/// If the set cannot be opened.
pub fn find_text(input: &Path, options: &ReadOptions, progress: &dyn Progress) -> Result<FoundText, Error> {
    let source = open_with(input, options)?.source;
    let items = source.items();
    progress.start(items.len());
    let looked: Vec<Result<(BurntIn, Vec<Region>), Failure>> = (0..items.len())
        .into_par_iter()
        .map(|index| {
            let looked = look(source.as_ref(), index).map_err(Failure::from);
            match &looked {
                Ok((_, bytes, _)) => progress.advance(1, *bytes),
                Err(_) => progress.set_aside(),
            }
            looked.map(|(header, _, regions)| (header, regions))
        })
        .collect();
    let (mut found, mut failed) = (FoundText::default(), Vec::new());
    for (index, (item, looked)) in items.iter().zip(looked).enumerate() {
        let name = item.name.clone();
        match looked {
            Err(failure) => failed.push((index, failure)),
            Ok((header, regions)) => {
                found.images += 1;
                match header {
                    BurntIn::Stated => found.stated.push(name.clone()),
                    BurntIn::Likely => found.likely.push(name.clone()),
                    BurntIn::Denied | BurntIn::Unsaid => {}
                }
                if !regions.is_empty() {
                    found.seen.push(SeenText { name, regions });
                }
            }
        }
    }
    Ok(FoundText { failed: in_order(failed), ..found })
}

fn look(source: &dyn Source, index: usize) -> Result<(BurntIn, u64, Vec<Region>), crate::format::ReadError> {
    let image = source.read(index)?;
    let bytes = image.geometry().bytes() as u64;
    Ok((source.burnt_in(index), bytes, text_like(&image)))
}
