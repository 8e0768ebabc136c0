//! numpy's `.npy` format: an array's header and values, and the header of a new array. Headers are not trusted: neither
//! their length nor their statements about the data.

use npyz::{DType, Endianness, NpyFile, NpyHeader, Order, WriterBuilder};
use std::io::{Read, Write};

pub use npyz::{AutoSerialize, Deserialize, TypeChar};

/// The longest header that is read, which is numpy's own limit for untrusted files. Headers of arrays of numbers have
/// 128 bytes.
const LONGEST: usize = 10_000;

/// How many brackets a header may open. Headers of arrays of numbers open two. The parser's time is exponential in the
/// depth of nested brackets: a few dozen levels would take years.
const BRACKETS: usize = 4;

/// What is wrong with an array.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// It cannot be read to its end.
    #[error("it is damaged ({0}); take the file from its source again")]
    Damaged(#[from] std::io::Error),
    /// It is not an array.
    #[error("it does not begin as an array of numpy's does; take the file from its source again")]
    Header,
    /// Its header opens too many brackets.
    #[error("its header describes more than an array of numbers: save every field of records as an array of its own")]
    Records,
    /// It is in Fortran order.
    #[error("it is in Fortran order, and only C order is read: save it with numpy.ascontiguousarray")]
    Fortran,
    /// The data is shorter or longer than the header states.
    #[error("its header says shape {shape}, but {bytes} bytes of data follow; take the file from its source again")]
    Length {
        /// The shape stated.
        shape: String,
        /// How many bytes of data there are.
        bytes: u64,
    },
}

/// The header of an array.
pub struct Header {
    inner: NpyHeader,
    offset: u64,
}

impl Header {
    /// Reads the header and nothing after it.
    ///
    /// # Errors
    /// If there is no header, or the array is in Fortran order.
    pub fn read(reader: &mut dyn Read) -> Result<Self, NpyError> {
        // Magic and version. The length of the text has two bytes in version 1 and four in later ones.
        let mut bytes = vec![0; 10];
        exact(reader, &mut bytes)?;
        if bytes.get(6) != Some(&1) {
            bytes.resize(12, 0);
            exact(reader, bytes.get_mut(10..).unwrap_or_default())?;
        }
        let digits = bytes.get(8..).unwrap_or_default();
        let length = digits.iter().rev().fold(0usize, |length, &digit| length << 8 | usize::from(digit));
        if length > LONGEST {
            return Err(NpyError::Header);
        }
        let text = bytes.len();
        bytes.resize(text + length, 0);
        exact(reader, bytes.get_mut(text..).unwrap_or_default())?;
        // Brackets within quotes count too, because only the parser knows where its quotes are.
        if bytes.iter().filter(|byte| b"([{".contains(byte)).count() > BRACKETS {
            return Err(NpyError::Records);
        }
        // The parser's error is not shown, because it repeats the whole header.
        let inner = NpyHeader::from_reader(bytes.as_slice()).map_err(|_| NpyError::Header)?;
        match inner.order() {
            Order::C => Ok(Self { inner, offset: bytes.len() as u64 }),
            _ => Err(NpyError::Fortran),
        }
    }

    /// Where the data begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The lengths of its axes.
    pub fn shape(&self) -> &[u64] {
        self.inner.shape()
    }

    /// The type of its values, and the number of bytes of one.
    pub fn kind(&self) -> (TypeChar, u64) {
        match self.inner.dtype() {
            DType::Plain(plain) => (plain.type_char(), plain.size_field()),
            _ => (TypeChar::Object, 0),
        }
    }

    /// Whether the most significant byte of a value comes first.
    pub fn is_big_endian(&self) -> bool {
        matches!(self.inner.dtype(), DType::Plain(plain) if plain.endianness() == Endianness::Big)
    }

    /// Its type in numpy's notation, such as `'<u2'`.
    pub fn described(&self) -> String {
        match self.inner.dtype() {
            plain @ DType::Plain(_) => plain.descr(),
            _ => "records".into(),
        }
    }

    /// Its shape for an error's text, shortened if there are many axes.
    pub fn shape_text(&self) -> String {
        let shown: Vec<String> = self.shape().iter().take(8).map(u64::to_string).collect();
        let more = if self.shape().len() > shown.len() { ", ..." } else { "" };
        format!("[{}{more}]", shown.join(", "))
    }

    /// Checks that `bytes` is the number of bytes that the shape needs.
    ///
    /// # Errors
    /// If it is not.
    pub fn check_length(&self, bytes: u64) -> Result<u64, NpyError> {
        let size = self.inner.dtype().num_bytes().unwrap_or(0) as u64;
        let expected = self.shape().iter().try_fold(size, |product, &side| product.checked_mul(side));
        if expected != Some(bytes) {
            return Err(NpyError::Length { shape: self.shape_text(), bytes });
        }
        Ok(bytes)
    }

    /// The values in `data`, of either byte order.
    ///
    /// # Errors
    /// If they are of another type, or `data` ends too early.
    pub fn values<T: Deserialize>(self, data: &[u8]) -> Result<Vec<T>, NpyError> {
        // The data has the length that the header states, so a wrong shape allocates nothing.
        self.check_length(data.len() as u64)?;
        Ok(NpyFile::with_header(self.inner, data).into_vec()?)
    }
}

/// Fills `bytes`. A header that ends early is not a header.
fn exact(reader: &mut dyn Read, bytes: &mut [u8]) -> Result<(), NpyError> {
    reader.read_exact(bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => NpyError::Header,
        _ => NpyError::Damaged(error),
    })
}

/// Splits an array in memory into its header and its data.
///
/// # Errors
/// As [`Header::read`].
pub fn parse(bytes: &[u8]) -> Result<(Header, &[u8]), NpyError> {
    let mut data = bytes;
    let header = Header::read(&mut data)?;
    Ok((header, data))
}

/// The header of an array of unsigned little-endian integers of `size` bytes. The data that follows begins at a
/// multiple of 64, so that numpy can map the file into memory.
///
/// # Errors
/// If there are no integers of that size.
pub fn header(size: usize, shape: &[u64]) -> std::io::Result<Vec<u8>> {
    let order = if size == 1 { '|' } else { '<' };
    let kind = format!("{order}u{size}").parse().map_err(std::io::Error::other)?;
    npyz::WriteOptions::new_header_only().dtype(DType::Plain(kind)).shape(shape).writer(Vec::new()).write_header_only()
}

/// Writes an array.
///
/// # Errors
/// If the writer fails, or there are more or fewer values than `shape` states.
pub fn write<T: AutoSerialize>(
    writer: impl Write,
    shape: &[u64],
    values: impl IntoIterator<Item = T>,
) -> std::io::Result<()> {
    let mut array = npyz::WriteOptions::new().default_dtype().shape(shape).writer(writer).begin_nd()?;
    array.extend(values)?;
    array.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn array() -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, &[2, 3], [5u16, 4, 3, 2, 1, 0]).unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = array();
        let (parsed, data) = parse(&bytes).unwrap();
        assert_eq!((parsed.shape(), parsed.kind(), parsed.offset()), (&[2, 3][..], (TypeChar::Uint, 2), 128));
        assert_eq!(parsed.described(), "'<u2'");
        assert_eq!(parsed.values::<u16>(data).unwrap(), [5, 4, 3, 2, 1, 0]);
        assert_eq!(header(2, &[2, 3]).unwrap(), bytes[..128]);
        assert_eq!(header(1, &[u64::MAX; 9]).unwrap().len() % 64, 0);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = array();
        for length in 0..whole.len() {
            let error = parse(&whole[..length]).and_then(|(header, data)| header.values::<u16>(data)).unwrap_err();
            if length < 128 {
                assert!(matches!(error, NpyError::Header), "{length}")
            } else {
                assert!(matches!(error, NpyError::Length { .. }), "{length}")
            }
        }
    }

    #[test]
    fn a_header_that_lies_about_its_length_allocates_nothing() {
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend(u32::MAX.to_le_bytes());
        assert!(matches!(parse(&bytes), Err(NpyError::Header)));
        let mut long = b"\x93NUMPY\x01\x00\xff\xff".to_vec();
        long.resize(long.len() + 65_535, b' ');
        assert!(matches!(parse(&long), Err(NpyError::Header)));
    }

    #[test]
    fn brackets_in_brackets_use_up_neither_the_stack_nor_the_day() {
        let nested = |brackets: usize, bracket: u8| {
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((LONGEST as u16).to_le_bytes());
            bytes.resize(bytes.len() + brackets, bracket);
            bytes.resize(10 + LONGEST, b' ');
            parse(&bytes).map(|_| ()).unwrap_err()
        };
        for bracket in *b"([{" {
            assert!(matches!(nested(LONGEST, bracket), NpyError::Records));
            assert!(matches!(nested(40, bracket), NpyError::Records));
            assert!(matches!(nested(BRACKETS, bracket), NpyError::Header));
        }
    }

    #[test]
    fn long_shapes_are_not_repeated() {
        let bytes = header(1, &[7; 60]).unwrap();
        let error = parse(&bytes).unwrap().0.check_length(1).unwrap_err().to_string();
        assert!(error.contains("shape [7, 7, 7, 7, 7, 7, 7, 7, ...], but 1 bytes"), "{error}");
    }

    proptest! {
        #[test]
        fn damaged_arrays_are_arrays_or_errors(changes in prop::collection::vec((0usize..140, any::<u8>()), 1..6)) {
            let mut bytes = array();
            for (place, byte) in changes {
                if let Some(place) = bytes.get_mut(place) {
                    *place = byte;
                }
            }
            if let Ok((header, data)) = parse(&bytes) {
                let count: u64 = header.shape().iter().fold(1, |product, side| product.saturating_mul(*side));
                if let Ok(values) = header.values::<u16>(data) {
                    prop_assert_eq!(values.len() as u64, count);
                }
            }
        }
    }
}
