//! What people look at: contact sheets of images, curves of a training run. Never computes what it shows.

mod contact_sheet;
#[cfg(feature = "train")]
mod curves;

pub use contact_sheet::{Cell, ContactSheetError, Row, contact_sheet};
#[cfg(feature = "train")]
pub use curves::{CurvesError, Panel, Series, curves_svg};
