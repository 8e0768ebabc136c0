//! Written-out keys: named arrays of integers in place of a key (`docs/SCHEDULE.md`, "Written-out tables"), their text,
//! and the secret that is derived from them. The module `scheme` knows the meaning of the arrays; this module does not.

use crate::key::Key;
use crate::plain::Plain;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The array of an exported file that holds the whole scheme as one gather, for programs that do not know schemes.
pub const PLAN: &str = "plan";
/// Bits of an element of [`PLAN`].
pub const PLAN_BITS: &str = "plan_bits";

/// The array of a file of tables that holds their salt: 32 random bytes.
pub const SALT: &str = "salt";

/// Whether the array only repeats what the others say. Such an array is neither read nor hashed.
pub fn is_derived(name: &str) -> bool {
    [PLAN, PLAN_BITS].contains(&name)
}

/// An array of integers; the last index runs fastest. Invariant: it has as many values as its shape says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Array {
    shape: Vec<u32>,
    values: Vec<u32>,
}

/// An array as it is written in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    shape: Vec<u32>,
    values: Vec<u32>,
}

/// The number of values does not match the shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its shape is {}, but it has {values} values", dimensions(.shape))]
#[non_exhaustive]
pub struct ShapeError {
    /// The shape stated.
    pub shape: Vec<u32>,
    /// How many values there are.
    pub values: usize,
}

impl Array {
    /// An array of this shape.
    ///
    /// # Errors
    /// When there are more or fewer values than the shape says.
    pub fn new(shape: Vec<u32>, values: Vec<u32>) -> Result<Self, ShapeError> {
        // The numbers come from outside: the product must not overflow.
        let product = shape.iter().try_fold(1u128, |product, &length| product.checked_mul(u128::from(length)));
        if product == Some(values.len() as u128) {
            Ok(Self { shape, values })
        } else {
            Err(ShapeError { shape, values: values.len() })
        }
    }

    /// An array whose number of values is known to match its shape.
    pub(crate) fn counted(shape: Vec<u32>, values: Vec<u32>) -> Self {
        debug_assert_eq!(shape.iter().map(|&length| length as usize).product::<usize>(), values.len());
        Self { shape, values }
    }

    /// The length of every dimension.
    pub fn shape(&self) -> &[u32] {
        &self.shape
    }

    /// The values, the last index running fastest.
    pub fn values(&self) -> &[u32] {
        &self.values
    }
}

impl TryFrom<Written> for Array {
    type Error = ShapeError;

    fn try_from(written: Written) -> Result<Self, ShapeError> {
        Self::new(written.shape, written.values)
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        self.values.zeroize();
    }
}

impl ZeroizeOnDrop for Array {}

impl fmt::Debug for Array {
    // The values are not printed: they are the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Array{}", dimensions(&self.shape))
    }
}

/// A shape as text: `(49, 16)`.
pub fn dimensions(shape: &[u32]) -> String {
    let lengths: Vec<String> = shape.iter().map(u32::to_string).collect();
    format!("({})", lengths.join(", "))
}

/// The index of value number `number` in an array of this shape: `[3, 15]`.
pub fn index(shape: &[u32], mut number: usize) -> String {
    let mut places = Vec::with_capacity(shape.len());
    for &length in shape.iter().rev() {
        let length = (length as usize).max(1);
        places.push((number % length).to_string());
        number /= length;
    }
    places.reverse();
    format!("[{}]", places.join(", "))
}

/// The salt of a file of tables is not 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("array `salt`: a salt is 32 integers from 0 to 255")]
pub struct SaltError;

/// A new salt from random bytes of the operating system or the browser.
///
/// # Errors
/// When no random bytes are available.
pub fn random_salt() -> Result<Zeroizing<[u8; 32]>, getrandom::Error> {
    let mut salt = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *salt)?;
    Ok(salt)
}

/// Named arrays that replace a key.
#[derive(Clone)]
pub struct Tables {
    arrays: BTreeMap<String, Array>,
    /// Random bytes that enter the secret, because the arrays may hold few bits: all of them could be tried.
    salt: Option<Zeroizing<[u8; 32]>>,
    /// Derived once, because hashing a large set of tables takes a while.
    key: Key,
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.arrays).finish()
    }
}

impl Tables {
    /// Tables of these arrays. [`PLAN`] and [`PLAN_BITS`] may be among them; they have no effect.
    pub fn new(arrays: BTreeMap<String, Array>) -> Self {
        let key = derive(&arrays, None);
        Self { arrays, salt: None, key }
    }

    /// Tables from the arrays of a file. [`SALT`] among them is the salt.
    ///
    /// # Errors
    /// When the salt is not 32 bytes.
    pub fn from_file(mut arrays: BTreeMap<String, Array>) -> Result<Self, SaltError> {
        match arrays.remove(SALT) {
            None => Ok(Self::new(arrays)),
            Some(array) => {
                let bytes: Option<Vec<u8>> = array.values().iter().map(|&value| u8::try_from(value).ok()).collect();
                let salt = bytes.map(Zeroizing::new).and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
                Ok(Self::new(arrays).with_salt(salt.ok_or(SaltError)?))
            }
        }
    }

    /// The same tables with a salt.
    #[must_use]
    pub fn with_salt(self, salt: [u8; 32]) -> Self {
        let salt = Zeroizing::new(salt);
        let key = derive(&self.arrays, Some(&salt));
        Self { salt: Some(salt), key, ..self }
    }

    /// The same tables with the salt that a key gives them. Exporting tables again gives the same secret.
    #[must_use]
    pub fn with_salt_of(self, key: &Key) -> Self {
        let salt = key.derive("imgveil v2 tables salt", self.key.fingerprint().to_string().as_bytes());
        self.with_salt(*salt)
    }

    /// The same tables without a salt, as sets of format 1 were encrypted.
    #[must_use]
    pub fn without_salt(&self) -> Self {
        Self::new(self.arrays.clone())
    }

    /// Whether the tables have a salt.
    pub fn is_salted(&self) -> bool {
        self.salt.is_some()
    }

    /// The arrays of a file of these tables: all of them, and the salt.
    pub fn written(&self) -> impl Iterator<Item = (&str, Array)> {
        let salt = self.salt.as_ref().map(|salt| {
            (SALT, Array::counted(vec![salt.len() as u32], salt.iter().map(|&byte| u32::from(byte)).collect()))
        });
        self.arrays.iter().map(|(name, array)| (name.as_str(), array.clone())).chain(salt)
    }

    /// The arrays by their names.
    pub fn arrays(&self) -> &BTreeMap<String, Array> {
        &self.arrays
    }

    /// The arrays that have an effect, by their names: all but [`PLAN`] and [`PLAN_BITS`].
    pub fn said(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.arrays.iter().map(|(name, array)| (name.as_str(), array)).filter(|(name, _)| !is_derived(name))
    }

    /// The secret of a set that is encrypted with these tables. Ids and hashes use it, and its fingerprint tells these
    /// tables from others.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Reads the JSON text of tables, `{"NAME": {"shape": [...], "values": [...]}, ...}`. Ignores [`PLAN`] and
    /// [`PLAN_BITS`], whatever they contain.
    ///
    /// # Errors
    /// When the text does not have this form; the error names the array.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// The JSON text, one array per line.
    ///
    /// # Errors
    /// Never for arrays of integers.
    pub fn to_text(&self) -> Result<Zeroizing<String>, serde_json::Error> {
        let line = |(name, array): (&str, Array)| {
            Ok(format!("  {}: {}", serde_json::to_string(name)?, serde_json::to_string(&array)?))
        };
        let lines = self.written().map(line);
        let lines: Vec<String> = lines.collect::<Result<_, serde_json::Error>>()?;
        Ok(Zeroizing::new(format!("{{\n{}\n}}\n", lines.join(",\n"))))
    }
}

/// The derived secret. Lengths fit 32 bits: no file that was read holds a name of 4 GiB.
fn derive(arrays: &BTreeMap<String, Array>, salt: Option<&[u8; 32]>) -> Key {
    let context = if salt.is_some() { "imgveil v2 tables" } else { "imgveil v1 tables" };
    let mut hasher = blake3::Hasher::new_derive_key(context);
    if let Some(salt) = salt {
        hasher.update(salt);
    }
    for (name, array) in arrays.iter().filter(|(name, _)| !is_derived(name)) {
        hasher.update(&(name.len() as u32).to_le_bytes()).update(name.as_bytes());
        hasher.update(&(array.shape.len() as u32).to_le_bytes());
        for part in [&array.shape, &array.values] {
            part.iter().for_each(|number| {
                hasher.update(&number.to_le_bytes());
            });
        }
    }
    Key::from_bytes(*hasher.finalize().as_bytes())
}

impl<'de> Deserialize<'de> for Tables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Arrays;

        impl<'de> Visitor<'de> for Arrays {
            type Value = BTreeMap<String, Array>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("arrays by their names")
            }

            // Written by hand for its errors: they name the array, and a duplicate name is an error.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut arrays = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if is_derived(&name) {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let array =
                        map.next_value().map_err(|e| A::Error::custom(format!("array `{}`: {e}", name.plain())))?;
                    if arrays.contains_key(&name) {
                        return Err(A::Error::custom(format!("array `{}` comes twice", name.plain())));
                    }
                    arrays.insert(name, array);
                }
                Ok(arrays)
            }
        }

        deserializer.deserialize_map(Arrays).and_then(|arrays| Self::from_file(arrays).map_err(D::Error::custom))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_do_not_print_their_values_and_wipe_them() {
        let array = Array::new(vec![2], vec![77, 78]).unwrap();
        assert_eq!(format!("{array:?}"), "Array(2)");
        fn wiped<T: ZeroizeOnDrop>(_: &T) {}
        wiped(&array);
    }

    fn array(shape: &[u32], values: &[u32]) -> Array {
        Array::new(shape.to_vec(), values.to_vec()).unwrap()
    }

    fn tables(arrays: &[(&str, Array)]) -> Tables {
        Tables::new(arrays.iter().map(|(name, array)| ((*name).to_owned(), array.clone())).collect())
    }

    #[test]
    fn shapes_and_values_agree() {
        assert!(Array::new(vec![2, 3], vec![0; 6]).is_ok());
        assert!(Array::new(vec![], vec![0]).is_ok());
        assert!(Array::new(vec![0, 7], vec![]).is_ok());
        let error = Array::new(vec![2, 3], vec![0; 5]).unwrap_err();
        assert_eq!(error.to_string(), "its shape is (2, 3), but it has 5 values");
        assert!(Array::new(vec![u32::MAX; 9], vec![]).is_err());
        assert_eq!(index(&[4, 3], 11), "[3, 2]");
        assert_eq!(index(&[], 0), "[]");
    }

    #[test]
    fn what_the_plan_says_is_no_part_of_the_secret_and_everything_else_is() {
        let perm = || array(&[2], &[1, 0]);
        let one = tables(&[("perm", perm())]);
        let fingerprint = one.key().fingerprint();
        let planned = tables(&[("perm", perm()), (PLAN, array(&[1], &[5])), (PLAN_BITS, array(&[], &[8]))]);
        assert_eq!(planned.key().fingerprint(), fingerprint);
        assert_eq!(planned.said().count(), 1);
        for other in [
            tables(&[]),
            tables(&[("perm", array(&[2], &[0, 1]))]),
            tables(&[("perm", array(&[2, 1], &[1, 0]))]),
            tables(&[("prem", perm())]),
            tables(&[("perm", perm()), ("flip", perm())]),
        ] {
            assert_ne!(other.key().fingerprint(), fingerprint, "{other:?}");
        }
    }

    #[test]
    fn a_salt_enters_the_secret_and_the_text() {
        let bare = tables(&[("perm", array(&[2], &[1, 0]))]);
        let (one, other) = (bare.clone().with_salt([1; 32]), bare.clone().with_salt([2; 32]));
        let fingerprint = |tables: &Tables| tables.key().fingerprint();
        assert!(fingerprint(&one) != fingerprint(&bare) && fingerprint(&one) != fingerprint(&other));
        let back = Tables::parse(one.to_text().unwrap().as_bytes()).unwrap();
        assert!(back.is_salted() && !back.arrays().contains_key(SALT));
        assert_eq!(fingerprint(&back), fingerprint(&one));
        assert_eq!(fingerprint(&back.without_salt()), fingerprint(&bare));
        let key = Key::from_bytes([1; 32]);
        assert_eq!(fingerprint(&bare.clone().with_salt_of(&key)), fingerprint(&bare.clone().with_salt_of(&key)));
        assert_ne!(
            fingerprint(&bare.clone().with_salt_of(&Key::from_bytes([2; 32]))),
            fingerprint(&bare.with_salt_of(&key))
        );
        for wrong in [r#"{"salt": {"shape": [1], "values": [1]}}"#.to_owned(), {
            let values: Vec<u32> = (0..32).map(|i| i + 225).collect();
            format!(r#"{{"salt": {{"shape": [32], "values": {values:?}}}}}"#)
        }] {
            let error = Tables::parse(wrong.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("a salt is 32 integers from 0 to 255"), "{error}");
        }
    }

    #[test]
    fn the_text_round_trips() {
        let one =
            tables(&[("perm", array(&[2, 2], &[1, 0, 0, 1])), ("\"", array(&[], &[7])), (PLAN, array(&[1], &[5]))]);
        let text = one.to_text().unwrap();
        assert_eq!(text.lines().count(), 5);
        let back = Tables::parse(text.as_bytes()).unwrap();
        assert_eq!(back.key().fingerprint(), one.key().fingerprint());
        assert_eq!(back.arrays().keys().collect::<Vec<_>>(), ["\"", "perm"]);
        assert_eq!(tables(&[]).to_text().unwrap().as_str(), "{\n\n}\n");
        assert!(Tables::parse(b"{\n\n}\n").unwrap().arrays().is_empty());
    }

    #[test]
    fn texts_that_are_no_tables_are_refused_by_the_name_of_the_array() {
        let refused = |text: &str| Tables::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            refused(r#"{"perm": {"shape": [2], "values": [1, -1]}}"#),
            "array `perm`: invalid value: integer `-1`, expected u32 at line 1 column 40"
        );
        assert!(
            refused(r#"{"perm": {"shape": [2], "values": [1.5, 0]}}"#).contains("`perm`: invalid type: floating point")
        );
        assert!(refused(r#"{"perm": {"shape": [2], "values": [4294967296, 0]}}"#).contains("4294967296"));
        assert!(
            refused(r#"{"perm": {"shape": [3], "values": [1, 0]}}"#).contains("`perm`: its shape is (3), but it has 2")
        );
        assert!(refused(r#"{"perm": {"shape": [0], "values": [], "dtype": 1}}"#).contains("unknown field `dtype`"));
        assert!(refused(r#"{"perm": [1, 0]}"#).contains("`perm`"));
        assert!(refused(r#"{"a": {"shape": [0], "values": []}, "a": {"shape": [0], "values": []}}"#).contains("twice"));
        assert!(refused("[]").contains("arrays by their names"));
        assert!(refused("{").contains("EOF"));
        assert!(refused("").contains("EOF"));
        // The plan of another program may have any form.
        assert!(Tables::parse(br#"{"plan": [1, 2.5], "plan_bits": "eight"}"#).unwrap().arrays().is_empty());
    }

    #[test]
    fn debug_shows_no_values() {
        let shown = format!("{:?}", tables(&[("perm", array(&[2], &[171, 172]))]));
        assert_eq!(shown, "{\"perm\": Array(2)}");
    }
}
