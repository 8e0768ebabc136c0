//! Names of members: the key of a WebDataset sample, and the kind of the member.

use std::path::Path;

/// The member that holds a sample's class.
pub(super) const CLASS: &str = "cls";

/// Splits a member's path at the first dot of its file name into the sample's key and the member's kind, in lower case.
/// `None` if one of the two is missing, as in `notes` or `.hidden`.
pub(super) fn key_and_kind(path: &str) -> Option<(&str, String)> {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name + path.get(name..)?.find('.')?;
    let (key, kind) = (path.get(..dot)?, path.get(dot + 1..)?);
    (dot > name && !kind.is_empty()).then(|| (key, kind.to_ascii_lowercase()))
}

/// Whether a member of this kind is the sample's image. `seg.png` is not: it belongs to an image.
pub(super) fn is_image(kind: &str) -> bool {
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
