//! What a set is encrypted with: a key, or tables that say what a key would have said.

use super::{CompileError, Scheme, check, compile, import};
use crate::engine::Program;
use crate::image::Geometry;
use crate::key::Key;
use crate::tables::Tables;

/// What a set is encrypted with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Secret {
    /// A key, from which every stage draws.
    Key(Key),
    /// Written-out tables, such as those of a published experiment.
    Tables(Tables),
}

impl Secret {
    /// The key of ids, hashes and the fingerprint. That of tables is derived from them (`docs/SCHEDULE.md`,
    /// "Written-out tables"), so that other tables are found out exactly as another key is.
    pub fn key(&self) -> &Key {
        match self {
            Self::Key(key) => key,
            Self::Tables(tables) => tables.key(),
        }
    }

    /// Whether ids, hashes and the fingerprint depend on enough random bits. Those of tables without a salt depend on
    /// the tables alone, which may be so few that all of them can be tried.
    pub fn is_hard_to_guess(&self) -> bool {
        match self {
            Self::Key(_) => true,
            Self::Tables(tables) => tables.is_salted(),
        }
    }

    /// The same secret with some salt, for runs that write nothing.
    pub fn salted_for_a_dry_run(self) -> Self {
        match self {
            Self::Tables(tables) if !tables.is_salted() => tables.with_salt([0; 32]).into(),
            secret => secret,
        }
    }

    /// The secret as sets of format 1 know it, if it differs: tables without their salt.
    pub fn of_format_1(&self) -> Option<Self> {
        match self {
            Self::Tables(tables) if tables.is_salted() => Some(tables.without_salt().into()),
            _ => None,
        }
    }

    /// Whether [`Secret::compile`] can do it; no table of a whole image is made to find out, but where tables were
    /// given.
    ///
    /// # Errors
    /// Those of compiling.
    pub fn check(&self, scheme: &Scheme, geometry: Geometry) -> Result<(), CompileError> {
        match self {
            Self::Key(_) => check(scheme, geometry),
            Self::Tables(tables) => import::compile_tables(scheme, tables, geometry).map(drop),
        }
    }

    /// Compiles `scheme` for images of `geometry`.
    ///
    /// # Errors
    /// As [`compile()`]; and when the tables are not those of this scheme at this geometry.
    pub fn compile(&self, scheme: &Scheme, geometry: Geometry) -> Result<Program, CompileError> {
        match self {
            Self::Key(key) => compile(scheme, key, geometry),
            Self::Tables(tables) => import::compile_tables(scheme, tables, geometry),
        }
    }
}

impl From<Key> for Secret {
    fn from(key: Key) -> Self {
        Self::Key(key)
    }
}

impl From<Tables> for Secret {
    fn from(tables: Tables) -> Self {
        Self::Tables(tables)
    }
}

impl From<&Key> for Secret {
    fn from(key: &Key) -> Self {
        Self::Key(key.clone())
    }
}

impl From<&Secret> for Secret {
    fn from(secret: &Secret) -> Self {
        secret.clone()
    }
}
