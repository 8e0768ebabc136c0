//! From a key to tables.

use super::published;
use super::shapes;
use crate::engine::Step;
use crate::image::Geometry;
use crate::key::Key;
use crate::plan::Plan;
use crate::scheme::compile::{compile_written_out, write_out};
use crate::scheme::convention::{Convention, Digits, Part};
use crate::scheme::{CompileError, Scheme};
use crate::tables::{Array, PLAN, PLAN_BITS, Tables};
use std::collections::BTreeMap;

/// The tables that hold what `key` gives `scheme` for images of `geometry`, under their published names. Where the
/// scheme is one gather, they hold that gather too, as [`PLAN`] and [`PLAN_BITS`].
///
/// # Errors
/// When the scheme has no tables, or cannot be compiled for this geometry.
pub fn export(scheme: &Scheme, key: &Key, geometry: Geometry) -> Result<Tables, CompileError> {
    let shapes = shapes(scheme, geometry)?;
    let convention = Convention::of(scheme);
    let keys = write_out(scheme, key, geometry)?;
    let mut arrays = BTreeMap::new();
    for (number, ((stage, key), shape)) in scheme.stages.iter().zip(&keys).zip(shapes).enumerate() {
        let shape_of_arrays = convention.axes(stage, geometry)?.shape();
        let mut put = |name: String, values: Vec<u32>| {
            arrays.insert(name, Array::counted(shape_of_arrays.clone(), values));
        };
        let name = |part| convention.name(number, stage, part);
        if shape.permutations.is_some() {
            put(name(Part::Permutations), key.permutations.clone());
        }
        if shape.flips.is_some() {
            let inverted = convention.inverts_flips();
            put(name(Part::Flips), key.flips.iter().map(|&flip| u32::from(flip != inverted)).collect());
        }
        let digits = |written: fn(u32) -> u32| key.digits.iter().map(|&digit| written(digit)).collect();
        match convention.digits(stage) {
            None => {}
            // Grey: nothing is drawn, but programs that read the array find it.
            Some(_) if shape.digits.is_none() => {
                put(name(Part::Digits), vec![0; shape_of_arrays.iter().product::<u32>() as usize]);
            }
            Some(Digits::Symmetries) => {
                put(name(Part::Digits), digits(published::rotate));
                put("flip".into(), digits(published::flip));
            }
            Some(Digits::Orders) => put(name(Part::Digits), digits(published::published_order)),
            Some(Digits::Plain) => put(name(Part::Digits), key.digits.clone()),
        }
    }
    let program = compile_written_out(scheme, &keys, geometry)?;
    let identity = Plan::identity(geometry);
    let plan = match program.steps() {
        [] => Some(&identity),
        [Step::Permute(plan)] => Some(plan),
        _ => None,
    };
    if let Some(plan) = plan {
        let table = plan.table().to_vec();
        arrays.insert(PLAN.to_owned(), Array::counted(vec![table.len() as u32], table));
        arrays.insert(PLAN_BITS.to_owned(), Array::counted(vec![], vec![plan.bits()]));
    }
    Ok(Tables::new(arrays))
}
