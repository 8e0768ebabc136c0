//! Schemes of one's own. A TOML text becomes a [`Scheme`], and every error names the line. This module opens no file.
//!
//! ```toml
//! name = "my-scheme"            # else the file's name
//! [[stage]]
//! stage = "pixel-shuffling"     # a kind of `KINDS`, and its fields
//! block = 4
//! key = "block"
//! ```

use super::name::{self, NameError};
use super::{KINDS, MOST_STAGES, Scheme, Stage, StageError};
use crate::plain::Plain;
use std::borrow::Cow;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The most bytes that the text of a scheme may have: a thousand bytes for each of the most stages.
pub const LONGEST_SCHEME: usize = 1 << 16;

/// Why a text is no scheme, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
#[non_exhaustive]
pub struct CustomError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: CustomProblem,
}

/// What is wrong with the text of a scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomProblem {
    /// Not TOML.
    #[error("this is no TOML: {0}")]
    Syntax(String),
    /// Not UTF-8.
    #[error("this is no text: it has bytes that are not UTF-8")]
    NotText,
    /// More than any scheme needs.
    #[error("this is too long for a scheme: more than {LONGEST_SCHEME} bytes")]
    Long,
    /// A key that means nothing.
    #[error("`{}` means nothing here; a scheme has a name and stages ([[stage]])", .0.plain())]
    Key(String),
    /// Stages in another form.
    #[error("write every stage below a line [[stage]], with two brackets")]
    Form,
    /// No stage.
    #[error(
        "the scheme has no stage; write a line [[stage]] and below it stage = \"{}\" and what that needs",
        KINDS[0].0
    )]
    Empty,
    /// More stages than a scheme may have.
    #[error("a scheme has at most {MOST_STAGES} stages, and this is one more")]
    Stages,
    /// A stage that does not say what it is.
    #[error(
        "this stage does not say what it is; write stage = \"...\" with one of {}",
        KINDS.map(|(name, _)| name).join(", ")
    )]
    NoKind,
    /// A value that is neither text nor a whole number.
    #[error("`{key}` has a value of the type {found}; write {wanted}")]
    Type {
        /// The key.
        key: String,
        /// The value's type.
        found: &'static str,
        /// What would do.
        wanted: &'static str,
    },
    /// A stage that is none.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A stage after mixing.
    #[error("mixing gives floats, so it must be the last stage; {0} comes after it")]
    AfterMixing(Stage),
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The file's name, taken for the scheme's, is none.
    #[error("{0} (this is the file's own name; a line name = \"...\" above the stages gives another)")]
    FileName(NameError),
}

impl Scheme {
    /// The scheme that a TOML text describes. `file` is where the text comes from: it stands in errors, and its stem is
    /// the scheme's name unless the text gives one.
    ///
    /// # Errors
    /// When the text is not TOML, has keys or values that mean nothing, no stage or a stage after mixing, or a name
    /// that is a preset's.
    pub fn from_toml(text: &[u8], file: &str) -> Result<Self, CustomError> {
        let scheme = match std::str::from_utf8(text) {
            _ if text.len() > LONGEST_SCHEME => Err((0, CustomProblem::Long)),
            Ok(text) => read(text, file),
            Err(error) => Err((error.valid_up_to(), CustomProblem::NotText)),
        };
        scheme.map_err(|(at, problem)| {
            let line = 1 + text.iter().take(at).filter(|&&byte| byte == b'\n').count();
            CustomError { file: file.to_owned(), line, problem }
        })
    }
}

/// A problem and its place in the text.
type Misplaced = (usize, CustomProblem);

fn read(text: &str, file: &str) -> Result<Scheme, Misplaced> {
    let end = text.trim_end().len();
    let syntax = |error: toml::de::Error| {
        let words = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        // What is missing at the end has no place.
        (error.span().map_or(end, |span| span.start), CustomProblem::Syntax(words))
    };
    let table = DeTable::parse(text).map_err(syntax)?.into_inner();
    let mut name = None;
    let mut stages = Vec::new();
    for (key, value) in in_order(&table) {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("name", DeValue::String(given)) => {
                name::check_own(given).map_err(|error| (value.span().start, error.into()))?;
                name = Some(given.clone().into_owned());
            }
            ("name", other) => {
                let problem = wrong_type("name", other, "a text in quotes, such as \"my-scheme\"");
                return Err((value.span().start, problem));
            }
            ("stage", DeValue::Array(tables)) => {
                for table in tables.iter() {
                    let DeValue::Table(fields) = table.get_ref() else {
                        return Err((table.span().start, CustomProblem::Form));
                    };
                    if stages.len() == MOST_STAGES {
                        return Err((table.span().start, CustomProblem::Stages));
                    }
                    stages.push((table.span().start, stage(fields, table.span().start)?));
                }
            }
            ("stage", _) => return Err((value.span().start, CustomProblem::Form)),
            (other, _) => return Err((key.span().start, CustomProblem::Key(other.to_owned()))),
        }
    }
    if stages.is_empty() {
        return Err((end, CustomProblem::Empty));
    }
    let mixing = stages.iter().position(|(_, stage)| stage.mixes());
    if let Some((at, stage)) = mixing.and_then(|mixing| stages.get(mixing + 1)) {
        return Err((*at, CustomProblem::AfterMixing(*stage)));
    }
    let name = match name {
        Some(name) => name,
        None => {
            let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            name::check_own(&stem).map_err(|error| (0, CustomProblem::FileName(error)))?;
            stem
        }
    };
    Ok(Scheme { name, stages: stages.into_iter().map(|(_, stage)| stage).collect() })
}

/// One stage from its fields; `header` is the place of the line above them.
fn stage(fields: &DeTable<'_>, header: usize) -> Result<Stage, Misplaced> {
    const WANTED: &str = "a whole number, or a text in quotes";
    let kind = fields.get("stage").ok_or((header, CustomProblem::NoKind))?;
    let DeValue::String(name) = kind.get_ref() else {
        return Err((kind.span().start, wrong_type("stage", kind.get_ref(), "a text in quotes")));
    };
    let known = KINDS.iter().find(|(known, _)| known == name).map_or(&[][..], |(_, fields)| fields);
    let mut given = Vec::new();
    for (key, value) in in_order(fields) {
        let field = key.get_ref().as_ref();
        let text = match value.get_ref() {
            DeValue::String(text) => text.clone().into_owned(),
            // In decimal digits, however it is written.
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).map_or(n.to_string(), |n| n.to_string()),
            other if known.contains(&field) => return Err((value.span().start, wrong_type(field, other, WANTED))),
            // A field that the stage has not is refused for that.
            _ => String::new(),
        };
        if field != "stage" {
            given.push((field, text));
        }
    }
    let given: Vec<(&str, &str)> = given.iter().map(|(field, text)| (*field, text.as_str())).collect();
    Stage::from_fields(name, &given).map_err(|error| {
        let at = error.field().and_then(|field| fields.get_key_value(field));
        (at.map_or(header, |(key, _)| key.span().start), error.into())
    })
}

fn wrong_type(key: &str, value: &DeValue<'_>, wanted: &'static str) -> CustomProblem {
    CustomProblem::Type { key: key.to_owned(), found: value.type_str(), wanted }
}

/// A table's entries from top to bottom, so that the first error told is the first in the file.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Spanned<Cow<'i, str>>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::{Options, Preset};
    use proptest::prelude::*;

    proptest! {
        /// Pieces of a scheme in any order: an error has a line of the text, and nothing panics.
        #[test]
        fn any_text_is_a_scheme_or_refused_at_a_line(
            pieces in proptest::collection::vec(0..PIECES.len(), 0..24),
            cut: u8,
        ) {
            let mut text: Vec<u8> = pieces.iter().flat_map(|&piece| PIECES[piece].bytes()).collect();
            text.truncate(text.len().saturating_sub(usize::from(cut % 8)));
            let lines = 1 + text.iter().filter(|&&byte| byte == b'\n').count();
            match Scheme::from_toml(&text, "mine.toml") {
                Ok(scheme) => prop_assert!(!scheme.stages.is_empty()),
                Err(error) => prop_assert!((1..=lines).contains(&error.line), "{error}"),
            }
        }
    }

    const PIECES: [&str; 16] = [
        "[[stage]]\n",
        "stage = ",
        "\"keystream\"\n",
        "\"sign-flip\"\n",
        "block = ",
        "4\n",
        "\"4x8\"\n",
        "name = ",
        "\"a\"\n",
        "[",
        "]",
        "\n",
        "key = \"block\"\n",
        "\"\"\"",
        "é",
        "{ a.b = 1e9 }",
    ];

    fn words(text: &str) -> String {
        Scheme::from_toml(text.as_bytes(), "dir/mine.toml").unwrap_err().to_string()
    }

    /// The words for a text below a first line with a name; they begin with the line.
    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(words(&format!("name = \"mine\"\n{text}")), format!("dir/mine.toml:{expected}"), "{text}");
    }

    #[test]
    fn a_scheme_is_its_stages_in_order() {
        let text = r#"
            name = "ours"
            [[stage]]
            stage = "pixel-shuffling"
            block = 4
            key = "block"
            [[stage]]
            block = "4x8"
            stage = "block-scrambling"
            [[stage]]
            stage = "colour-shuffling"
            block = 0x10
            orders = "as-published"
            [[stage]]
            images = 3
            stage = "mixing"
        "#;
        let scheme = Scheme::from_toml(text.as_bytes(), "mine.toml").unwrap();
        assert_eq!(
            scheme.describe(),
            "ours [pixel-shuffling block=4x4 key=block; block-scrambling block=4x8; colour-shuffling block=16x16 \
             key=block orders=as-published; mixing images=3 key=image]"
        );
    }

    #[test]
    fn without_a_name_it_has_the_files() {
        let text = b"\xef\xbb\xbf# a comment\r\n[[stage]]\r\nstage = 'keystream'\r\n";
        assert_eq!(Scheme::from_toml(text, "dir.d/mine.v2.toml").unwrap().name, "mine.v2");
        let inline = b"stage = [{ stage = 'keystream', key = 'image' }]";
        assert_eq!(Scheme::from_toml(inline, "mine.toml").unwrap().stages, ["keystream key=image".parse().unwrap()]);
    }

    #[test]
    fn every_preset_can_be_written_as_toml() {
        for preset in crate::scheme::PRESETS {
            let stages = preset.scheme(Options::default()).unwrap().stages;
            let mut text = String::new();
            for stage in &stages {
                let canonical = stage.to_string();
                let (kind, fields) = canonical.split_once(' ').unwrap();
                text += &format!("[[stage]]\nstage = \"{kind}\"\n");
                for field in fields.split(' ') {
                    let (field, value) = field.split_once('=').unwrap();
                    text += &format!("{field} = \"{value}\"\n");
                }
            }
            match Scheme::from_toml(text.as_bytes(), "mine.toml") {
                Ok(scheme) => assert_eq!(scheme.stages, stages),
                Err(error) => assert_eq!((preset, error.problem), (Preset::None, CustomProblem::Empty)),
            }
        }
    }

    #[test]
    fn what_is_no_toml_is_refused_where_it_stops_being_some() {
        refused("[[stage]\nstage = \"keystream\"", "2: this is no TOML: unclosed array table, expected `]`");
        refused(
            "[[stage]]\nstage = keystream",
            "3: this is no TOML: string values must be quoted, expected literal string",
        );
        refused("\n[[stage]]\nstage = \"keystream", "4: this is no TOML: invalid basic string, expected `\"`");
        refused("name = \"twice\"", "2: this is no TOML: duplicate key");
        refused("[[stage]]\nstage =\n", "3: this is no TOML: string values must be quoted, expected literal string");
        let error = Scheme::from_toml(b"# one\n# caf\xe9\n", "mine.toml").unwrap_err();
        assert_eq!(error.to_string(), "mine.toml:2: this is no text: it has bytes that are not UTF-8");
        assert_eq!(words(&"#".repeat(65_537)), "dir/mine.toml:1: this is too long for a scheme: more than 65536 bytes");
    }

    #[test]
    fn keys_that_mean_nothing_are_refused() {
        let form = |key: &str| format!("`{key}` means nothing here; a scheme has a name and stages ([[stage]])");
        refused("block = 4\n[[stage]]\nstage = \"keystream\"", &format!("2: {}", form("block")));
        refused("[[stages]]\nstage = \"keystream\"", &format!("2: {}", form("stages")));
        refused("[[stage]]\nstage = \"keystream\"\n\n[other.table]", &format!("5: {}", form("other")));
        refused(
            "[[stage]]\nstage = \"keystream\"\n[[stage]]\nstage = \"block-scrambling\"\nblock = 4\norder = \"x\"",
            "7: block-scrambling has no field `order`; it has block, key",
        );
        // Its type does not matter where the field itself does not.
        refused("[[stage]]\nstage = \"keystream\"\nname = [1]", "4: keystream has no field `name`; it has key");
        refused("[[stage]]\nstage = \"keystream\"\n[stage.deep]", "4: keystream has no field `deep`; it has key");
    }

    #[test]
    fn a_scheme_without_stages_is_none() {
        let empty = "the scheme has no stage; write a line [[stage]] and below it stage = \"pixel-shuffling\" and \
                     what that needs";
        refused("\n# nothing\n\n", &format!("3: {empty}"));
        refused("stage = []", &format!("2: {empty}"));
        assert_eq!(words(""), format!("dir/mine.toml:1: {empty}"));
        let form = "write every stage below a line [[stage]], with two brackets";
        refused("[stage]\nstage = \"keystream\"", &format!("2: {form}"));
        refused("stage = \"keystream\"", &format!("2: {form}"));
        refused("stage = [\n\"keystream\"]", &format!("3: {form}"));
    }

    #[test]
    fn stages_that_are_none_are_refused() {
        let kinds = "pixel-shuffling, sign-flip, nibble-shuffling, rotation-inversion, negative-positive, \
                     pixel-negative-positive, colour-shuffling, block-scrambling, block-statistic, mixing, \
                     gaussian-blur, laplace-noise, keystream";
        refused(
            "[[stage]]\nblock = 4\nstage = \"shuffle\"",
            &format!("4: `shuffle` is not a stage; the stages are {kinds}"),
        );
        refused(
            "\n[[stage]]\n\nblock = 4",
            &format!("3: this stage does not say what it is; write stage = \"...\" with one of {kinds}"),
        );
        refused("[[stage]]\nstage = 4", "3: `stage` has a value of the type integer; write a text in quotes");
        refused("\n[[stage]]\nkey = \"block\"\nstage = \"sign-flip\"", "3: sign-flip needs the field `block`");
        refused("[[stage]]\nstage = \"mixing\"", "2: mixing needs the field `images`");
        refused("[[stage]]\nstage = \"block-statistic\"\nblock = 4", "2: block-statistic needs the field `statistic`");
    }

    #[test]
    fn values_that_mean_nothing_are_refused() {
        let size = |given: &str| {
            format!(
                "`{given}` is not a block size: write 4 for 4x4 pixels, or HEIGHTxWIDTH such as 4x8 (1 to 65535 a side)"
            )
        };
        let stage = |kind: &str, rest: &str| format!("[[stage]]\nstage = \"{kind}\"\n{rest}");
        for (given, shown) in
            [("0", "0"), ("-4", "-4"), ("\"4 x 4\"", "4 x 4"), ("99999999999999999999", "99999999999999999999")]
        {
            refused(&stage("sign-flip", &format!("block = {given}")), &format!("4: {}", size(shown)));
        }
        for (given, found) in [("4.0", "float"), ("[4, 8]", "array"), ("true", "boolean"), ("{ height = 4 }", "table")]
        {
            refused(
                &stage("sign-flip", &format!("block = {given}")),
                &format!("4: `block` has a value of the type {found}; write a whole number, or a text in quotes"),
            );
        }
        refused(
            &stage("sign-flip", "block = 4\nkey = \"all\""),
            "5: `all` is not a key scope: write `shared` (one key for all blocks), `block` (a key per block) or \
             `image` (a key per image)",
        );
        refused(
            &stage("pixel-negative-positive", "key = \"block\""),
            "4: pixel-negative-positive has no key scope `block`, only shared and image",
        );
        refused(
            &stage("sign-flip", "block = 4\norder = \"hwc\""),
            "5: `hwc` is not an order: write `row-column-channel` or `channel-row-column`",
        );
        refused(
            &stage("colour-shuffling", "block = 4\norders = 6"),
            "5: `6` is not a channel table: write `permutations` or `as-published`",
        );
        refused(
            &stage("colour-shuffling", "block = 4\nkey = \"image\"\norders = \"as-published\""),
            "5: colour-shuffling with a key per image has the six permutations only: leave the orders out",
        );
        refused(
            &stage("block-statistic", "block = 4\nstatistic = \"mode\""),
            "5: `mode` is not a statistic: write median, mean, max or min",
        );
        refused(&stage("mixing", "images = 9"), "4: `9` is not a number of images to mix: write 2 to 8");
        refused(
            &stage("rotation-inversion", "block = \"4x8\""),
            "4: rotation-inversion turns blocks, so they must be squares, and 4x8 is none",
        );
    }

    #[test]
    fn mixing_comes_last() {
        refused(
            "[[stage]]\nstage = \"mixing\"\nimages = 4\n\n[[stage]]\nstage = \"keystream\"",
            "6: mixing gives floats, so it must be the last stage; keystream key=image comes after it",
        );
    }

    #[test]
    fn names_are_checked_where_they_stand() {
        let stage = "[[stage]]\nstage = \"keystream\"\n";
        let named = |name: &str| words(&format!("\nname = {name}\n{stage}"));
        assert_eq!(
            named("\"LE\""),
            "dir/mine.toml:2: `LE` is the name of a built-in scheme; choose another, so that nobody mixes their \
             results up"
        );
        assert_eq!(
            named("\"a\\u0007b\""),
            "dir/mine.toml:2: the name `a\\u{7}b` has a `\\u{7}`: write letters, digits, `-`, `_` and `.` of ASCII only"
        );
        assert_eq!(
            named(&format!("\"{}\"", "x".repeat(65))),
            "dir/mine.toml:2: the name has 65 characters, and at most 64 are allowed"
        );
        assert_eq!(named("\"\""), "dir/mine.toml:2: the name `` does not begin with a letter or digit of ASCII");
        assert_eq!(
            named("4"),
            "dir/mine.toml:2: `name` has a value of the type integer; write a text in quotes, such as \"my-scheme\""
        );
        let from = |file: &str| Scheme::from_toml(stage.as_bytes(), file).unwrap_err().to_string();
        let own = "(this is the file's own name; a line name = \"...\" above the stages gives another)";
        assert_eq!(
            from("schemes/etc.toml"),
            format!(
                "schemes/etc.toml:1: `etc` is the name of a built-in scheme; choose another, so that nobody mixes \
                 their results up {own}"
            )
        );
        assert_eq!(
            from("my scheme.toml"),
            format!(
                "my scheme.toml:1: the name `my scheme` has a ` `: write letters, digits, `-`, `_` and `.` of ASCII \
                 only {own}"
            )
        );
    }
}
