//! What people look at: sheets of images, curves of a training run. Never computes what it shows.

mod canvas;
mod contact_sheet;
#[cfg(feature = "train")]
mod curves;
mod gallery;

pub use canvas::{Cell, SheetError};
pub use contact_sheet::{Row, contact_sheet};
#[cfg(feature = "train")]
pub use curves::{CurvesError, Panel, Series, curves_svg};
pub use gallery::{Captioned, gallery};
