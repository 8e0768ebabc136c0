//! Names of members: the key of a WebDataset sample, and the kind of the member.

use std::path::Path;

/// The member that holds a sample's image, as imgveil writes it.
pub(super) const IMAGE: &str = "png";

/// The member that holds a sample's class, as imgveil writes it.
pub(super) const CLASS: &str = "cls";

/// Kinds of members that hold a sample's class, the first that exists.
pub(super) const CLASSES: [&str; 8] =
    [CLASS, "class", "label", "target", "target.cls", "output.cls", "label.cls", "class.cls"];

/// Kinds of members that may hold a class, and may hold something else. They are not read.
pub(super) const PERHAPS_CLASSES: [&str; 8] = ["index", "idx", "id", "txt", "text", "labels", "category", "y"];

/// Words in front of an image's ending that name the image of a sample which has no other: `input.jpg`.
const IMAGE_WORDS: [&str; 3] = ["input", "image", "img"];

/// Splits a member's path at the first dot of its file name into the sample's key and the member's kind, in lower case.
/// `None` if one of the two is missing, as in `notes` or `.hidden`.
pub(super) fn key_and_kind(path: &str) -> Option<(&str, String)> {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name + path.get(name..)?.find('.')?;
    let (key, kind) = (path.get(..dot)?, path.get(dot + 1..)?);
    (dot > name && !kind.is_empty()).then(|| (key, kind.to_ascii_lowercase()))
}

/// Whether a member is hidden, as the members that macOS adds to archives are: `._0001.png`.
pub(super) fn is_hidden(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.') && part != "." && part != "..")
}

/// Whether a member of this kind is the sample's image. `seg.png` is not: it belongs to an image.
pub(super) fn is_image(kind: &str) -> bool {
    !kind.contains('.') && crate::format::picture::is_picture_name(Path::new(&format!("x.{kind}")))
}

/// Whether a member of this kind is the sample's image if there is no other: `input.jpg`.
pub(super) fn is_image_with_word(kind: &str) -> bool {
    kind.split_once('.').is_some_and(|(word, ending)| IMAGE_WORDS.contains(&word) && is_image(ending))
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
        assert!(is_image_with_word("input.jpg") && !is_image_with_word("jpg") && !is_image_with_word("seg.png"));
        assert!(is_hidden("._a.png") && is_hidden("x/.a/b.png") && !is_hidden("./a.png") && !is_hidden("a.b.png"));
    }
}
