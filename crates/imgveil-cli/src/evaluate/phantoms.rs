//! The set that is evaluated where none is named: drawn X-rays.

use crate::error::Error;
use crate::exit::{FAILED, Failure};
use crate::phantom::{PhantomClass, phantom};
use imgveil::internal::image::{Geometry, Image};
use imgveil_data::format::picture::encode_png;
use imgveil_data::set::write_atomically;
use std::path::Path;

/// Side of an image.
const SIDE: usize = 128;
/// Images of each class.
const COUNT: u64 = 48;

/// Draws the set into a folder as class folders. Images that are there already are left as they are.
pub fn draw(folder: &Path) -> Result<(), Failure> {
    let geometry = Geometry::new(SIDE as u32, SIDE as u32, 1).map_err(Error::from)?;
    for class in PhantomClass::ALL {
        let of_class = folder.join(class.name());
        std::fs::create_dir_all(&of_class)
            .map_err(|error| Failure { words: format!("cannot make {}: {error}", of_class.display()), code: FAILED })?;
        for index in 0..COUNT {
            let path = of_class.join(format!("{index:03}.png"));
            if path.exists() {
                continue;
            }
            let image =
                Image::new(geometry, phantom(index, class, SIDE)).ok_or_else(|| Error::not_exact("a phantom"))?;
            let png = encode_png(&image).map_err(|reason| Error::cannot_encode(&path, &reason))?;
            write_atomically(&path, &png)?;
        }
    }
    Ok(())
}
