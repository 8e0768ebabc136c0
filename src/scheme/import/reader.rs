//! From tables to the keys of stages.

use super::published;
use crate::image::Geometry;
use crate::scheme::axes::Axes;
use crate::scheme::convention::{Convention, Digits, Part};
use crate::scheme::stage::{Shape, Stage, StageKey};
use crate::scheme::{CompileError, ImportError, NamedArray, Scheme};
use crate::tables::{Array, Tables, index};
use std::collections::BTreeMap;

/// Reads arrays as the keys of one stage after another.
pub(super) struct Reader<'a> {
    scheme: &'a Scheme,
    geometry: Geometry,
    convention: Convention,
    arrays: BTreeMap<&'a str, &'a Array>,
    /// The names that the scheme knows, in the order of its stages.
    known: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Reads the tables of `scheme` for images of `geometry`.
    pub fn new(scheme: &'a Scheme, tables: &'a Tables, geometry: Geometry) -> Self {
        let (convention, arrays) = (Convention::of(scheme), tables.said().collect());
        Self { scheme, geometry, convention, arrays, known: Vec::new() }
    }

    /// The key of a stage, which has this shape.
    pub fn stage(&mut self, number: usize, stage: &Stage, shape: Shape) -> Result<StageKey, CompileError> {
        let (convention, stage) = (self.convention, *stage);
        let axes = convention.axes(&stage, self.geometry)?;
        let named = |part| NamedArray { name: convention.name(number, &stage, part), number, stage };
        let mut key = StageKey::default();
        if let Some((_, n)) = shape.permutations {
            key.permutations = self.permutations(named(Part::Permutations), &axes, n)?;
        }
        if let Some((_, n)) = shape.flips {
            key.flips = self.flips(named(Part::Flips), &axes, n, &key.permutations)?;
        }
        if let Some(written) = convention.digits(&stage) {
            let array = named(Part::Digits);
            match shape.digits {
                Some((below, _)) => key.digits = self.digits(array, written, &axes, below)?,
                // Grey: there may be an array, and nobody looks at it.
                None => drop(self.find(&array.name)),
            }
        }
        Ok(key)
    }

    /// Permutations of `n`, one behind the other.
    fn permutations(&mut self, array: NamedArray, axes: &Axes, n: usize) -> Result<Vec<u32>, ImportError> {
        let values = self.values(&array, axes, u32::try_from(n).unwrap_or(u32::MAX))?;
        for (row, permutation) in values.chunks(n).enumerate() {
            let mut seen = vec![None; n];
            for (at, &value) in permutation.iter().enumerate() {
                if let Some(first) = seen[value as usize].replace(at) {
                    let index = |at| index(&axes.shape(), row * n + at);
                    return Err(ImportError::NotPermutation { array, index: index(at), first: index(first), value });
                }
            }
        }
        Ok(values.to_vec())
    }

    /// Flips, `n` a key; `permutations` are those of the same stage.
    fn flips(
        &mut self,
        array: NamedArray,
        axes: &Axes,
        n: usize,
        permutations: &[u32],
    ) -> Result<Vec<bool>, ImportError> {
        let given = self.find(&array.name).is_some();
        match self.convention {
            Convention::Le | Convention::Ele if !given => return Ok(published::above_half(permutations, n)),
            Convention::Np => match (self.find("key").is_some(), given) {
                (true, true) => {
                    return Err(ImportError::Both { one: "key", other: "flip", scheme: self.scheme.name.clone() });
                }
                (true, false) => {
                    let key = self.permutations(NamedArray { name: "key".into(), ..array }, axes, n)?;
                    return Ok(published::above_half(&key, n));
                }
                (false, false) => {
                    return Err(ImportError::Missing { array, instead: Some("key"), expected: axes.to_string() });
                }
                (false, true) => {}
            },
            _ => {}
        }
        let flips = u32::from(!self.convention.inverts_flips());
        Ok(self.values(&array, axes, 2)?.iter().map(|&value| value == flips).collect())
    }

    /// Digits below `below`.
    fn digits(&mut self, array: NamedArray, written: Digits, axes: &Axes, below: u32) -> Result<Vec<u32>, ImportError> {
        match written {
            Digits::Symmetries => {
                let rotate = self.values(&array, axes, 4)?;
                let flip = self.values(&NamedArray { name: "flip".into(), ..array }, axes, 3)?;
                Ok(rotate.iter().zip(flip).map(|(&rotate, &flip)| published::symmetry(rotate, flip)).collect())
            }
            Digits::Orders => {
                Ok(self.values(&array, axes, below)?.iter().map(|&order| published::order(order)).collect())
            }
            Digits::Plain => Ok(self.values(&array, axes, below)?.to_vec()),
        }
    }

    /// The array of this name. From now on the scheme knows the name.
    fn find(&mut self, name: &str) -> Option<&'a Array> {
        if self.known.iter().all(|known| known != name) {
            self.known.push(name.to_owned());
        }
        self.arrays.get(name).copied()
    }

    /// The values of an array of this shape, all below `below`.
    fn values(&mut self, array: &NamedArray, axes: &Axes, below: u32) -> Result<&'a [u32], ImportError> {
        let (named, expected) = (array.clone(), axes.to_string());
        let Some(array) = self.find(&named.name) else {
            return Err(ImportError::Missing { array: named, instead: None, expected });
        };
        if array.shape() != axes.shape() {
            let found = array.shape().to_vec();
            return Err(ImportError::Shape { array: named, found, expected, geometry: self.geometry });
        }
        match array.values().iter().position(|&value| value >= below) {
            Some(number) => {
                let (index, value) = (index(array.shape(), number), array.values()[number]);
                Err(ImportError::Range { array: named, index, value, below })
            }
            None => Ok(array.values()),
        }
    }

    /// Refuses arrays that no stage has asked for. A scheme that ignores half of its key is not the one that was meant.
    pub fn finish(self) -> Result<(), ImportError> {
        match self.arrays.keys().find(|&&name| self.known.iter().all(|known| known != name)) {
            Some(&array) => {
                let (array, scheme) = (array.to_owned(), self.scheme.name.clone());
                Err(ImportError::Unknown { array, scheme, known: self.known })
            }
            None => Ok(()),
        }
    }
}
