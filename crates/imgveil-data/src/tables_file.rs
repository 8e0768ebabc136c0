//! Files of tables: numpy's `.npz` (`numpy.savez`) or JSON. Tables are as secret as a key and stored like one: mode
//! 0600, written whole or not at all, never over another file.
//!
//! Tables may hold a few bits only, so that all of them could be tried. Their salt, 32 random bytes, is the array
//! `salt` in the file, or for files of other programs a file beside it, `FILE.salt`.

use crate::Error;
use crate::Memory;
use crate::format::npy::{self, Header, NpyError, TypeChar};
use crate::limits::MOST_MEMBERS;
use crate::private_file::{NotWritten, others_can_read, write_private};
use crate::regular_file;
use crate::sealed;
pub use crate::secret_error::{ArrayError, TablesError, TablesFileError};
use crate::set::beside;
use imgveil::internal::hex;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::Scheme;
use imgveil::internal::tables::{Array, Tables, index, is_derived, random_salt};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Tables read from a file.
#[derive(Debug)]
pub struct LoadedTables {
    /// The tables.
    pub tables: Tables,
    /// A warning for the user, such as that others can read the file.
    pub warning: Option<String>,
    /// The file beside the tables that was made for their salt.
    pub salt_file: Option<PathBuf>,
}

/// The file that holds the salt of tables of other programs.
pub fn salt_path(tables: &Path) -> PathBuf {
    beside(tables, "salt")
}

/// Whether a file's name has this extension.
fn ends_in(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// Reads a file of tables. The file's name or its contents decide whether it is an archive or JSON.
///
/// # Errors
/// If it cannot be read, or holds no tables.
pub fn load(path: &Path) -> Result<LoadedTables, Error> {
    let longest = Memory::default().room() / 8;
    let read = || {
        let file = regular_file::open_named(path)?;
        // With room for all of it from the start, no copy of the secret stays behind when the buffer grows.
        let length = file.metadata()?.len().min(longest) + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(length as usize));
        file.take(longest + 1).read_to_end(&mut bytes).map(|_| bytes)
    };
    let bytes = read().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => TablesFileError::Missing(path.to_owned()),
        _ => TablesFileError::Io { doing: "read", path: path.to_owned(), source },
    })?;
    if bytes.len() as u64 > longest {
        return Err(TablesFileError::Invalid { path: path.to_owned(), source: TablesError::Large }.into());
    }
    let text = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let tables = if sealed::is_sealed(&bytes) {
        Err(TablesError::Sealed)
    } else if ends_in(path, "npz") || bytes.starts_with(b"PK") {
        from_npz(&bytes)
    } else if ends_in(path, "json") || text {
        Tables::parse(&bytes).map_err(TablesError::Json)
    } else {
        Err(TablesError::Foreign)
    };
    let mut tables = tables.map_err(|source| TablesFileError::Invalid { path: path.to_owned(), source })?;
    if !tables.is_salted()
        && let Some(salt) = read_salt(&salt_path(path))?
    {
        tables = tables.with_salt(*salt);
    }
    Ok(LoadedTables { tables, warning: others_can_read(path, "tables"), salt_file: None })
}

/// Reads a file of tables to encrypt with. Tables without a salt get one: a new file beside them, which must be kept
/// with them.
///
/// # Errors
/// As [`load`]. Also if the salt cannot be written.
pub fn load_to_encrypt(path: &Path) -> Result<LoadedTables, Error> {
    let loaded = load(path)?;
    if loaded.tables.is_salted() {
        return Ok(loaded);
    }
    let salt_path = salt_path(path);
    let io = |source| TablesFileError::Io { doing: "write the salt of", path: path.to_owned(), source };
    let salt = random_salt().map_err(|e| io(std::io::Error::other(e.to_string())))?;
    match write_private(&salt_path, salt_text(&salt).as_bytes()) {
        Ok(()) => {}
        // Another process was faster: its salt is the one.
        Err(NotWritten::Exists) => return load(path),
        Err(NotWritten::NoFolder(folder)) => return Err(TablesFileError::NoFolder(folder).into()),
        Err(NotWritten::Io(source)) => return Err(io(source).into()),
    }
    Ok(LoadedTables { tables: loaded.tables.with_salt(*salt), salt_file: Some(salt_path), ..loaded })
}

/// The text of a file of a salt.
fn salt_text(salt: &[u8; 32]) -> Zeroizing<String> {
    let words = "# The salt of the tables beside this file. Without it, what they encrypted cannot be decrypted.";
    Zeroizing::new(format!("{words}\n{}\n", hex::encode(salt)))
}

/// Reads a salt. `None` if there is no such file.
fn read_salt(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, TablesFileError> {
    let mut text = Zeroizing::new(String::new());
    let read = std::fs::File::open(path).and_then(|file| file.take(LONGEST_SALT).read_to_string(&mut text));
    match read {
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TablesFileError::Io { doing: "read", path: path.to_owned(), source }),
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let salt = lines.next().and_then(hex::decode).filter(|_| lines.next().is_none());
    let wrong = || TablesFileError::Invalid { path: path.to_owned(), source: TablesError::Salt };
    Ok(Some(Zeroizing::new(salt.ok_or_else(wrong)?)))
}

/// The most bytes of a file of a salt.
const LONGEST_SALT: u64 = 4096;

/// Bytes for each element of an image and each stage while tables are made: a stage's key as it is drawn and as it is
/// written, with a permutation and a flip each.
const OF_STAGE: u64 = 16;

/// Bytes for each element while tables are made: the plan while it is compiled and as it is written, and the file.
const OF_PLAN: u64 = 48;

/// Checks that the tables of a scheme for images of a size can be made and written.
///
/// # Errors
/// If they do not fit into the memory that may be used.
pub fn check_room(scheme: &Scheme, geometry: Geometry, memory: Memory) -> Result<(), Error> {
    let stages = (scheme.stages.len() as u64).saturating_mul(OF_STAGE);
    // A nibble is half a byte, and may be an element.
    let elements = 2 * geometry.bytes() as u64;
    let needed = elements.saturating_mul(stages.saturating_add(OF_PLAN));
    Ok(memory.check(needed).map_err(|source| TablesFileError::Memory { geometry, source })?)
}

/// Writes tables to a new file of mode 0600: an archive for numpy or JSON, depending on how its name ends.
///
/// # Errors
/// If the file exists or cannot be written, or its name ends in neither `.npz` nor `.json`.
pub fn save(tables: &Tables, path: &Path) -> Result<(), Error> {
    let io = |source| TablesFileError::Io { doing: "write", path: path.to_owned(), source };
    let bytes = if ends_in(path, "npz") {
        to_npz(tables).map(Zeroizing::new).map_err(io)?
    } else if ends_in(path, "json") {
        let mut text = tables.to_text().map_err(|e| io(e.into()))?;
        Zeroizing::new(std::mem::take(&mut *text).into_bytes())
    } else {
        return Err(TablesFileError::Format(path.to_owned()).into());
    };
    Ok(write_private(path, &bytes).map_err(|error| match error {
        NotWritten::Exists => TablesFileError::Exists(path.to_owned()),
        NotWritten::NoFolder(folder) => TablesFileError::NoFolder(folder),
        NotWritten::Io(source) => io(source),
    })?)
}

/// Reads the arrays of an archive, except the plan, which is derived from them.
fn from_npz(bytes: &[u8]) -> Result<Tables, TablesError> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes))?;
    if zip.has_duplicate_names() {
        return Err(TablesError::Twice);
    }
    if zip.len() > MOST_MEMBERS {
        return Err(TablesError::Large);
    }
    let mut arrays = BTreeMap::new();
    // Values of 8 bits become 32.
    let mut left = Memory::default().room() / 8;
    for number in 0..zip.len() {
        let mut member = zip.by_index(number)?;
        let file = String::from_utf8_lossy(member.name_raw()).into_owned();
        let name = file.strip_suffix(".npy").ok_or_else(|| TablesError::Member(file.clone()))?;
        if is_derived(name) {
            continue;
        }
        let wrong = |source| TablesError::Array { array: name.to_owned(), source };
        // The buffer grows with the data, so a wrong size in the header allocates nothing.
        let mut data = Zeroizing::new(Vec::new());
        member.by_ref().take(left + 1).read_to_end(&mut data).map_err(|e| wrong(NpyError::from(e).into()))?;
        left = left.checked_sub(data.len() as u64).ok_or(TablesError::Large)?;
        arrays.insert(name.to_owned(), from_npy(&data).map_err(wrong)?);
    }
    Tables::from_file(arrays).map_err(|_| TablesError::Salt)
}

fn from_npy(bytes: &[u8]) -> Result<Array, ArrayError> {
    let (header, data) = npy::parse(bytes)?;
    let kind = header.kind();
    if !matches!(kind.0, TypeChar::Bool | TypeChar::Int | TypeChar::Uint) {
        return Err(ArrayError::Dtype(header.described()));
    }
    header.check_length(data.len() as u64)?;
    let shape = header.shape().iter().map(|&side| u32::try_from(side)).collect::<Result<Vec<u32>, _>>();
    let length = |_| NpyError::Length { shape: header.shape_text(), bytes: data.len() as u64 };
    let shape = shape.map_err(length)?;
    let values = match kind {
        (TypeChar::Bool, 1) => header.values::<bool>(data)?.into_iter().map(u32::from).collect(),
        (TypeChar::Uint, 1) => narrowed::<u8>(header, data, &shape)?,
        (TypeChar::Uint, 2) => narrowed::<u16>(header, data, &shape)?,
        (TypeChar::Uint, 4) => narrowed::<u32>(header, data, &shape)?,
        (TypeChar::Uint, 8) => narrowed::<u64>(header, data, &shape)?,
        (TypeChar::Int, 1) => narrowed::<i8>(header, data, &shape)?,
        (TypeChar::Int, 2) => narrowed::<i16>(header, data, &shape)?,
        (TypeChar::Int, 4) => narrowed::<i32>(header, data, &shape)?,
        (TypeChar::Int, 8) => narrowed::<i64>(header, data, &shape)?,
        _ => return Err(ArrayError::Dtype(header.described())),
    };
    Ok(Array::new(shape, values)?)
}

/// Converts the values to the 32-bit integers that tables consist of.
fn narrowed<T>(header: Header, data: &[u8], shape: &[u32]) -> Result<Vec<u32>, ArrayError>
where
    T: npy::Deserialize + Copy + Display + TryInto<u32>,
{
    let entry = |(number, value): (usize, T)| {
        value.try_into().map_err(|_| ArrayError::Entry { index: index(shape, number), value: value.to_string() })
    };
    header.values::<T>(data)?.into_iter().enumerate().map(entry).collect()
}

fn to_npz(tables: &Tables) -> std::io::Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    // No time stamps, so that the same tables have the same bytes, and no compression, because random numbers do not
    // compress.
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .large_file(true);
    for (name, array) in tables.written() {
        zip.start_file(format!("{name}.npy"), options)?;
        let shape: Vec<u64> = array.shape().iter().map(|&side| u64::from(side)).collect();
        npy::write(&mut zip, &shape, array.values().iter().copied())?;
    }
    zip.flush()?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::load as load_tables;
    use super::*;
    use crate::{Detail, ErrorKind};
    use imgveil::internal::tables::{PLAN, PLAN_BITS};
    use npyz::{Order, WriterBuilder};
    use proptest::prelude::*;

    fn tables() -> Tables {
        let array = |shape: &[u32], values: &[u32]| Array::new(shape.to_vec(), values.to_vec()).unwrap();
        let arrays =
            [("keys", array(&[2, 3], &[2, 0, 1, 1, 2, 0])), (PLAN, array(&[1], &[0])), (PLAN_BITS, array(&[], &[8]))];
        Tables::new(arrays.map(|(name, array)| (name.to_owned(), array)).into())
    }

    fn npy<T: npyz::AutoSerialize>(order: Order, shape: &[u64], values: Vec<T>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().order(order).shape(shape);
        let mut array = options.writer(&mut bytes).begin_nd().unwrap();
        array.extend(values).unwrap();
        array.finish().unwrap();
        bytes
    }

    fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, bytes) in members {
            zip.start_file(*name, stored).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn kind<T>(result: Result<T, Error>) -> ErrorKind {
        result.map(|_| ()).unwrap_err().kind()
    }

    /// Reads `bytes` as the file called `name`.
    fn load(name: &str, bytes: &[u8]) -> Result<LoadedTables, Error> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), bytes).unwrap();
        load_tables(&folder.path().join(name))
    }

    #[test]
    fn saved_tables_load_in_both_formats_and_are_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.npz", "a.json", "b.NPZ"] {
            let path = folder.path().join(name);
            save(&tables(), &path).unwrap();
            let loaded = load_tables(&path).unwrap();
            assert_eq!(loaded.warning, None);
            assert_eq!(loaded.tables.key().fingerprint(), tables().key().fingerprint());
            assert_eq!(loaded.tables.arrays().keys().collect::<Vec<_>>(), ["keys"]);
            assert_eq!(kind(save(&tables(), &path)), ErrorKind::AlreadyExists);
            // The contents alone also show the format.
            let bytes = std::fs::read(&path).unwrap();
            assert!(load("tables", &bytes).is_ok());
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
                assert!(load_tables(&path).unwrap().warning.unwrap().contains("0640: other users can read the tables"));
            }
        }
        let at = |name: &str| folder.path().join(name);
        assert_eq!(kind(save(&tables(), &at("a.txt"))), ErrorKind::InvalidRequest);
        assert_eq!(kind(save(&tables(), &at("no/a.npz"))), ErrorKind::NotFound);
        assert_eq!(kind(load_tables(&at("no.npz"))), ErrorKind::NotFound);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn integers_and_booleans_of_any_width_and_byte_order_are_read() {
        fn loaded(npy: Vec<u8>) -> Vec<u32> {
            let tables = load("t.npz", &npz(&[("x.npy", npy)])).unwrap().tables;
            assert_eq!(tables.arrays()["x"].shape(), [3]);
            tables.arrays()["x"].values().to_vec()
        }
        let c = |values| npy(Order::C, &[3], values);
        assert_eq!(loaded(c(vec![7u8, 0, 255])), [7, 0, 255]);
        assert_eq!(loaded(npy(Order::C, &[3], vec![7u16, 0, 65_535])), [7, 0, 65_535]);
        assert_eq!(loaded(npy(Order::C, &[3], vec![7u32, 0, u32::MAX])), [7, 0, u32::MAX]);
        assert_eq!(loaded(npy(Order::C, &[3], vec![7u64, 0, u32::MAX.into()])), [7, 0, u32::MAX]);
        assert_eq!(loaded(npy(Order::C, &[3], vec![7i8, 0, 127])), [7, 0, 127]);
        assert_eq!(loaded(npy(Order::C, &[3], vec![7i16, 0, 32_767])), [7, 0, 32_767]);
        assert_eq!(loaded(npy(Order::C, &[3], vec![7i32, 0, i32::MAX])), [7, 0, i32::MAX as u32]);
        assert_eq!(loaded(npy(Order::C, &[3], vec![7i64, 0, u32::MAX.into()])), [7, 0, u32::MAX]);
        assert_eq!(loaded(npy(Order::C, &[3], vec![true, false, true])), [1, 0, 1]);
        // Big-endian, as some machines write it.
        let mut big = npy(Order::C, &[3], vec![7u16.swap_bytes(), 0, 513u16.swap_bytes()]);
        let order = big.iter().position(|&byte| byte == b'<').unwrap();
        big[order] = b'>';
        assert_eq!(loaded(big), [7, 0, 513]);
    }

    #[test]
    fn files_that_are_no_tables_are_refused_with_the_reason() {
        let words = |name: &str, bytes: &[u8]| match load(name, bytes).unwrap_err().into_detail() {
            Detail::TablesFile(TablesFileError::Invalid { source, .. }) => source.to_string(),
            other => panic!("{other:?}"),
        };
        let refused = |npy: Vec<u8>| words("t.npz", &npz(&[("x.npy", npy)]));
        assert_eq!(
            refused(npy(Order::Fortran, &[2, 2], vec![1u8; 4])),
            "array `x`: it is in Fortran order, and only C order is read: save it with numpy.ascontiguousarray"
        );
        assert!(refused(npy(Order::C, &[2], vec![1.0f64; 2])).contains("`x`: it holds '<f8'; tables are integers"));
        assert_eq!(
            refused(npy(Order::C, &[2, 2], vec![1i64, 0, 3, -1])),
            "array `x`: entry [1, 1] is -1; entries are integers from 0 to 4294967295"
        );
        assert!(refused(npy(Order::C, &[1], vec![1u64 << 32])).contains("[0] is 4294967296"));
        let mut lying = npy(Order::C, &[2, 2], vec![1u8; 4]);
        let shape = lying.windows(3).position(|text| text == b"(2,").unwrap();
        lying[shape + 1] = b'9';
        assert!(refused(lying).contains("`x`: its header says shape [9, 2], but 4 bytes of data follow"));
        let mut whole = npy(Order::C, &[4], vec![1u8; 4]);
        whole.pop();
        assert!(refused(whole).contains("3 bytes of data follow"));
        let words_of_no_array =
            "array `x`: it does not begin as an array of numpy's does; take the file from its source again";
        assert_eq!(refused(b"no array".to_vec()), words_of_no_array);
        assert_eq!(refused(Vec::new()), words_of_no_array);
        // A deeply nested header must not exhaust the stack.
        let mut deep = b"\x93NUMPY\x01\x00\xff\xff".to_vec();
        deep.resize(deep.len() + 65_535, b'(');
        assert_eq!(refused(deep), words_of_no_array);
        assert!(
            words("t.npz", &npz(&[("imgveil.json", b"{}".to_vec())])).contains("`imgveil.json`, which is no array")
        );
        assert!(words("t.npz", b"no archive").contains("archive is damaged"));
        assert!(words("t", b"PK\x03\x04 cut").contains("archive is damaged"));
        assert!(words("t.json", b"no text").contains("\"shape\""));
        assert!(words("t", b"no text").contains("neither an .npz file nor JSON"));
        assert!(words("t", b"").contains("neither an .npz file nor JSON"));
        // A flipped bit of an array is caught by the archive's own checksum.
        let mut bytes = npz(&[("x.npy", npy(Order::C, &[64], vec![9u8; 64]))]);
        let data = bytes.windows(64).position(|part| part == [9; 64]).unwrap();
        bytes[data] ^= 1;
        assert!(words("t.npz", &bytes).contains("`x`: it is damaged"));
    }

    #[test]
    fn tables_without_a_salt_get_one_to_encrypt_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.npz");
        save(&tables(), &path).unwrap();
        let bare = load_tables(&path).unwrap().tables;
        assert!(!bare.is_salted());
        let made = load_to_encrypt(&path).unwrap();
        assert_eq!(made.salt_file, Some(folder.path().join("t.npz.salt")));
        let again = [load_tables(&path).unwrap(), load_to_encrypt(&path).unwrap()];
        for loaded in &again {
            assert_eq!(loaded.tables.key().fingerprint(), made.tables.key().fingerprint());
            assert_eq!(loaded.salt_file, None);
        }
        assert_ne!(bare.key().fingerprint(), made.tables.key().fingerprint());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join("t.npz.salt")).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600);
        }
        for wrong in ["", "00", "x\ny\n"] {
            std::fs::write(folder.path().join("t.npz.salt"), wrong).unwrap();
            assert_eq!(kind(load_tables(&path)), ErrorKind::InvalidSecret, "{wrong}");
        }
        // A file that holds its salt needs no other.
        for name in ["s.npz", "s.json"] {
            let path = folder.path().join(name);
            save(&made.tables, &path).unwrap();
            assert_eq!(load_to_encrypt(&path).unwrap().salt_file, None);
            assert_eq!(load_tables(&path).unwrap().tables.key().fingerprint(), made.tables.key().fingerprint());
        }
    }

    proptest! {
        #[test]
        fn damaged_arrays_are_arrays_or_errors(changes in prop::collection::vec((0usize..140, any::<u8>()), 1..6)) {
            let mut bytes = npy(Order::C, &[2, 3], vec![5u16, 4, 3, 2, 1, 0]);
            for (place, byte) in changes {
                if let Some(place) = bytes.get_mut(place) {
                    *place = byte;
                }
            }
            if let Ok(array) = from_npy(&bytes) {
                prop_assert_eq!(array.shape().iter().product::<u32>() as usize, array.values().len());
            }
        }
    }
}
