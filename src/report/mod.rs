//! What people look at: sheets of images, curves of a training run, scores of many. Never computes what it shows.

mod canvas;
#[cfg(feature = "train")]
mod chart;
mod contact_sheet;
#[cfg(feature = "train")]
mod curves;
#[cfg(feature = "train")]
mod dots;
mod gallery;

pub use canvas::{Cell, SheetError};
#[cfg(feature = "train")]
pub use chart::ChartError;
pub use contact_sheet::{Row, contact_sheet};
#[cfg(feature = "train")]
pub use curves::{Panel, Series, curves_svg};
#[cfg(feature = "train")]
pub use dots::{DotPanel, DotRow, dots_svg};
pub use gallery::{Captioned, gallery};
