//! WebDataset: images in shards, which are tar files such as `train-000000.tar`. A WebDataset sample is a run of
//! members with one key: `3f9a.png` with `3f9a.cls` (its class) or `3f9a.json`. An encrypted set is a folder of shards
//! with `imgveil.json`.

mod class;
mod keys;
mod scan;
mod shard_list;
mod sink;
mod source;
mod verify;

pub(super) use shard_list::{is_folder_of_shards, is_pattern};
pub use sink::ShardSink;
pub(super) use source::open;

use std::path::Path;

/// The member that holds a sample's class.
const CLASS: &str = "cls";

/// Splits a member's path at the first dot of its file name into the sample's key and the member's kind, in lower case.
/// `None` if one of the two is missing, as in `notes` or `.hidden`.
fn key_and_kind(path: &str) -> Option<(&str, String)> {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name + path.get(name..)?.find('.')?;
    let (key, kind) = (path.get(..dot)?, path.get(dot + 1..)?);
    (dot > name && !kind.is_empty()).then(|| (key, kind.to_ascii_lowercase()))
}

/// Whether a member of this kind is the sample's image. `seg.png` is not: it belongs to an image.
fn is_image(kind: &str) -> bool {
    !kind.contains('.') && crate::format::picture::is_picture_name(Path::new(&format!("x.{kind}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_at_the_first_dot_of_the_last_part() {
        let cases = [
            ("a.png", Some(("a", "png"))),
            ("x.y/a.b.seg.PNG", Some(("x.y/a", "b.seg.png"))),
            ("./0001.cls", Some(("./0001", "cls"))),
            ("notes", None),
            ("x.y/notes", None),
            (".hidden", None),
            ("x/.hidden.png", None),
            ("a.", None),
            ("", None),
        ];
        for (path, expected) in cases {
            let found = key_and_kind(path);
            assert_eq!(found.as_ref().map(|(key, kind)| (*key, kind.as_str())), expected, "{path}");
        }
        assert!(is_image("png") && is_image("jpeg") && !is_image("seg.png") && !is_image("cls"));
    }
}
