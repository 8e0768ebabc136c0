//! A plain set with black regions, which hide text that is burnt into pixels.

use super::error::SetError;
use super::list_file::{self, Lines};
use super::source::Source;
use super::wrapper::Wrapper;
use crate::burnt_in::Region;
use crate::format::{ReadError, ReadOptions};
use imgveil::internal::image::Image;
use std::collections::HashMap;
use std::path::Path;

/// A set with black regions.
struct Masked {
    source: Box<dyn Source>,
    /// In every image.
    everywhere: Vec<Region>,
    /// In single images, by their numbers.
    single: HashMap<usize, Vec<Region>>,
}

/// The set with the regions that the options ask for. They are in pixels of the images as they are stored.
///
/// # Errors
/// If the file of regions cannot be read, or names an image that the set has not: text would be left where the user
/// believes that it is gone.
pub(super) fn masked(source: Box<dyn Source>, options: &ReadOptions) -> Result<Box<dyn Source>, SetError> {
    let everywhere = options.masks.clone();
    let single = match &options.mask_file {
        Some(path) => regions_of(path, source.as_ref(), options)?,
        None => HashMap::new(),
    };
    if everywhere.is_empty() && single.is_empty() {
        return Ok(source);
    }
    Ok(Box::new(Masked { source, everywhere, single }))
}

/// The regions of a file with the columns name, x, y, width and height.
fn regions_of(
    path: &Path,
    source: &dyn Source,
    options: &ReadOptions,
) -> Result<HashMap<usize, Vec<Region>>, SetError> {
    let wrong = |reason: String| SetError::Masks { path: path.to_owned(), reason };
    let bytes = list_file::read(path, options.memory)?;
    let mut format = csv::ReaderBuilder::new();
    format.trim(csv::Trim::All);
    let mut lines = Lines::new(&format, &bytes);
    let header = lines.header().map_err(wrong)?;
    let columns = ["name", "x", "y", "width", "height"].map(|name| header.iter().position(|column| column == name));
    let [Some(name), Some(x), Some(y), Some(width), Some(height)] = columns else {
        return Err(wrong("its first line has not the columns name, x, y, width and height".into()));
    };
    let numbers: HashMap<&str, usize> =
        source.items().iter().enumerate().map(|(number, item)| (item.name.as_str(), number)).collect();
    let mut regions = HashMap::<usize, Vec<Region>>::new();
    for (line, record) in (2..).zip(lines) {
        let record = record.map_err(wrong)?;
        let field = |column: usize| record.get(column).unwrap_or_default();
        let text = [x, y, width, height].map(field).join(",");
        let region = text.parse().map_err(|error| wrong(format!("line {line}: {error}")))?;
        let Some(&number) = numbers.get(field(name)) else {
            return Err(wrong(format!("line {line} names `{}`, which is no image of the set", field(name))));
        };
        regions.entry(number).or_default().push(region);
    }
    Ok(regions)
}

impl Wrapper for Masked {
    fn inner(&self) -> &dyn Source {
        self.source.as_ref()
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        let image = self.source.read(index)?;
        let single = self.single.get(&index).into_iter().flatten();
        Ok(self.everywhere.iter().chain(single).fold(image, |image, region| region.blanked(image)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::picture;
    use crate::set::open_with;
    use imgveil::internal::image::Geometry;

    fn set(options: impl Fn(&Path) -> ReadOptions) -> Result<Vec<Vec<u8>>, String> {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("in");
        std::fs::create_dir(&images).unwrap();
        for name in ["a", "b"] {
            let image = Image::new(Geometry::new(2, 3, 1).unwrap(), vec![1, 2, 3, 4, 5, 6]).unwrap();
            std::fs::write(images.join(format!("{name}.png")), picture::encode_png(&image).unwrap()).unwrap();
        }
        let opened = open_with(&images, &options(folder.path())).map_err(|error| error.to_string())?;
        Ok((0..2).map(|index| opened.source.read(index).unwrap().into_samples()).collect())
    }

    fn with_file(text: &'static str) -> Result<Vec<Vec<u8>>, String> {
        set(move |folder| {
            let path = folder.join("masks.csv");
            std::fs::write(&path, text).unwrap();
            ReadOptions { mask_file: Some(path), ..ReadOptions::default() }
        })
    }

    #[test]
    fn regions_are_black_in_all_images_or_in_single_ones() {
        let all = set(|_| ReadOptions { masks: vec!["1,0,9,1".parse().unwrap()], ..ReadOptions::default() });
        assert_eq!(all.unwrap(), [[1, 0, 0, 4, 5, 6], [1, 0, 0, 4, 5, 6]]);
        let single = with_file("name,x,y,width,height\nb,0,1,1,1\nb,2,0,1,2\n");
        assert_eq!(single.unwrap(), [[1, 2, 3, 4, 5, 6], [1, 2, 0, 0, 5, 0]]);
    }

    #[test]
    fn what_would_leave_text_in_place_is_refused() {
        let refused = |text| with_file(text).unwrap_err();
        assert!(
            refused("name,x,y,width,height\nc,0,1,1,1\n").contains("line 2 names `c`, which is no image of the set")
        );
        assert!(refused("name,x,y,w,h\n").contains("columns name, x, y, width and height"));
        assert!(refused("name,x,y,width,height\na,0,1,0,1\n").contains("line 2: `0,1,0,1` is no region"));
    }
}
