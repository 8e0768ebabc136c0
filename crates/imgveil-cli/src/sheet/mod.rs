//! Sheets of images, for people to look at. Draws what it is given.

mod canvas;
mod contact_sheet;
mod gallery;

pub use canvas::{Cell, SheetError};
pub use contact_sheet::{Row, contact_sheet};
pub use gallery::{Captioned, gallery};
