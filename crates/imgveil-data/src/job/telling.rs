//! Classes that look like patients or studies. Labels go with the encrypted images, so that they would say which images
//! belong together, and perhaps whose they are.

use crate::set::{Advice, Remark};
use imgveil::internal::plain::Plain;

/// A set with fewer classes is not suspected because of their number.
const MANY: usize = 10;

/// Words that stand before a number in the name of a patient's or a study's folder.
const WORDS: [&str; 10] =
    ["patient", "patientid", "pat", "subject", "subj", "sub", "study", "accession", "mrn", "case"];

/// A remark if the classes look like patients or studies.
pub(super) fn remark(classes: &[String], images: usize) -> Option<Remark> {
    let named: Vec<&String> = classes.iter().filter(|class| is_telling(class)).collect();
    let count = classes.len();
    let words = match named.first() {
        Some(first) if named.len() > 1 => {
            format!(
                "{} of {count} classes are called like patients or studies, such as `{}`",
                named.len(),
                first.plain()
            )
        }
        _ if count >= MANY && count * 10 >= images => {
            format!("there are {count} classes for {images} images, as if each were a patient or a study")
        }
        _ => return None,
    };
    Some(
        Remark::new(format!("{words}: labels are not encrypted and say which images belong together"))
            .with(Advice::Labels),
    )
}

/// Whether a name is a DICOM UID, a DICOM name of a person, or a word such as `patient` with a number.
fn is_telling(class: &str) -> bool {
    let uid = class.len() >= 12
        && class.bytes().filter(|&byte| byte == b'.').count() >= 4
        && class.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit());
    let letters: String = class.chars().take_while(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    let rest = class.get(letters.len()..).unwrap_or_default().trim_start_matches(['-', '_', ' ', '#']);
    let numbered = WORDS.contains(&letters.as_str()) && rest.starts_with(|c: char| c.is_ascii_digit());
    uid || numbered || class.contains('^')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_look_like_patients_are_told() {
        let told = |classes: &[&str], images| {
            let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
            remark(&classes, images).map(|remark| remark.to_string())
        };
        for telling in [
            ["PATIENT001", "PATIENT002"],
            ["Doe^Jane", "Roe^Rick"],
            ["sub-01", "sub-02"],
            ["1.2.840.113619.2.55", "1.2.840.113619.2.56"],
            ["case 7", "case 8"],
        ] {
            assert!(told(&telling, 1000).unwrap().starts_with("2 of 2 classes are called like"), "{telling:?}");
        }
        for harmless in [["normal", "sick"], ["1.0", "2.0"], ["case", "control"], ["subtle", "patiently"]] {
            assert_eq!(told(&harmless, 20), None, "{harmless:?}");
        }
        let many: Vec<String> = (0..12).map(|i| format!("c{i}")).collect();
        assert!(remark(&many, 120).is_some() && remark(&many, 121).is_none());
    }
}
