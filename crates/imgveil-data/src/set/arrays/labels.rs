//! Arrays of labels.

use crate::format::npy::{self, Header, NpyError, TypeChar};

/// The longest array of labels for `count` images, its header included.
pub(super) fn longest_labels(count: usize) -> u64 {
    count as u64 * 8 + (1 << 17)
}

/// Reads the labels from an array in memory.
pub(super) fn labels(bytes: &[u8]) -> Result<Vec<u32>, String> {
    let (header, data) = npy::parse(bytes).map_err(|e| e.to_string())?;
    match *header.shape() {
        [_] | [_, 1] => {}
        [_, several] => {
            return Err(format!("{several} labels an image; only sets with one class an image are supported"));
        }
        _ => return Err(format!("its shape is {}; expected N or N x 1", header.shape_text())),
    }
    let values = match header.kind() {
        (TypeChar::Uint, 1) => widened::<u8>(header, data),
        (TypeChar::Uint, 2) => widened::<u16>(header, data),
        (TypeChar::Uint, 4) => widened::<u32>(header, data),
        (TypeChar::Uint, 8) => widened::<u64>(header, data),
        (TypeChar::Int, 1) => widened::<i8>(header, data),
        (TypeChar::Int, 2) => widened::<i16>(header, data),
        (TypeChar::Int, 4) => widened::<i32>(header, data),
        (TypeChar::Int, 8) => widened::<i64>(header, data),
        _ => return Err(format!("it holds {}, labels must be integers", header.described())),
    };
    // Every class has a name and an output of the network, so a label of a billion must be a mistake.
    let label = |n: i128| {
        u32::try_from(n).ok().filter(|&n| n < 65_536).ok_or(format!("label {n} is not a class number (0 to 65535)"))
    };
    values.map_err(|e| e.to_string())?.into_iter().map(label).collect()
}

fn widened<T: npy::Deserialize + Into<i128>>(header: Header, data: &[u8]) -> Result<Vec<i128>, NpyError> {
    Ok(header.values::<T>(data)?.into_iter().map(Into::into).collect())
}
