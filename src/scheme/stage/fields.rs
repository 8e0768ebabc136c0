//! The fields of a stage as a canonical text or a scheme's file gives them.

use super::StageError;
use super::value::KeyScope;
use crate::scheme::Block;
use std::str::FromStr;

/// Fields and their values. Every field is one that the stage has.
pub(super) struct Fields<'a> {
    stage: &'static str,
    given: &'a [(&'a str, &'a str)],
}

impl<'a> Fields<'a> {
    /// The fields `given` of the kind `stage`, which has the fields `known`.
    ///
    /// # Errors
    /// When a field is not one of the known ones.
    pub fn new(
        stage: &'static str,
        known: &'static [&'static str],
        given: &'a [(&'a str, &'a str)],
    ) -> Result<Self, StageError> {
        match given.iter().find(|(field, _)| !known.contains(field)) {
            Some((field, _)) => Err(StageError::Field { stage, field: (*field).to_owned(), known }),
            None => Ok(Self { stage, given }),
        }
    }

    fn value(&self, field: &str) -> Option<&'a str> {
        self.given.iter().find(|(name, _)| *name == field).map(|(_, value)| *value)
    }

    /// The text of a field that the stage needs.
    pub fn needed(&self, field: &'static str) -> Result<&'a str, StageError> {
        self.value(field).ok_or(StageError::Missing { stage: self.stage, field })
    }

    /// The value of a field that may be left out.
    pub fn or_default<T: FromStr<Err = StageError> + Default>(&self, field: &str) -> Result<T, StageError> {
        self.value(field).map_or(Ok(T::default()), str::parse)
    }

    /// The field `block`.
    pub fn block(&self) -> Result<Block, StageError> {
        self.needed("block")?.parse()
    }

    /// The field `key`, one of `known`. The first of them is the default.
    pub fn scope(&self, known: &'static [&'static str]) -> Result<KeyScope, StageError> {
        let given = self.value("key").unwrap_or(known[0]);
        let scope: KeyScope = given.parse()?;
        if known.contains(&given) { Ok(scope) } else { Err(StageError::Scope { stage: self.stage, scope, known }) }
    }
}
