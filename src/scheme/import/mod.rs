//! Written-out tables (`docs/SCHEDULE.md`, "Written-out tables"): named arrays, as published experiments keep their
//! keys, become the keys of a scheme's stages (`reader`), and back (`export`). Arrays come from outside. Whatever they
//! hold, the result is a key of the stage's shape, or an error that names the array.

mod export;
mod published;
mod reader;

pub use export::export;

use super::compile::compile_written_out;
use super::stage::{Shape, StageKey};
use super::{CompileError, ImportError, Scheme};
use crate::engine::Program;
use crate::image::Geometry;
use crate::tables::Tables;
use reader::Reader;

/// Compiles `scheme` under written-out tables.
pub(super) fn compile_tables(scheme: &Scheme, tables: &Tables, geometry: Geometry) -> Result<Program, CompileError> {
    compile_written_out(scheme, &import(scheme, tables, geometry)?, geometry)
}

/// The shapes of all stages' keys, where tables can hold them.
fn shapes(scheme: &Scheme, geometry: Geometry) -> Result<Vec<Shape>, CompileError> {
    if let Some((number, &stage)) = scheme.stages.iter().enumerate().find(|(_, stage)| stage.keyed_per_image()) {
        return Err(ImportError::PerImage { scheme: scheme.name.clone(), number, stage }.into());
    }
    let shapes =
        scheme.stages.iter().map(|stage| Shape::of(stage, geometry)).collect::<Result<Vec<_>, CompileError>>()?;
    // A secret derived from nothing would be no secret, and the ids and hashes of a set need one.
    if shapes.iter().all(|shape| *shape == Shape::default()) {
        return Err(ImportError::Keyless { scheme: scheme.name.clone(), geometry }.into());
    }
    Ok(shapes)
}

/// The keys of all stages, each of its stage's shape, as the tables give them.
fn import(scheme: &Scheme, tables: &Tables, geometry: Geometry) -> Result<Vec<StageKey>, CompileError> {
    let shapes = shapes(scheme, geometry)?;
    let mut reader = Reader::new(scheme, tables, geometry);
    let mut keys = Vec::with_capacity(shapes.len());
    for (number, (stage, shape)) in scheme.stages.iter().zip(shapes).enumerate() {
        keys.push(reader.stage(number, stage, shape)?);
    }
    reader.finish()?;
    Ok(keys)
}

#[cfg(test)]
mod tests;
