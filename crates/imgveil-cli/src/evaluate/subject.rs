//! The schemes that are evaluated.

use crate::args::SchemeOptions;
use crate::exit::{Failure, USAGE};
use crate::scheme_file::is_scheme_file;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::{Scheme, check};

/// The schemes that are evaluated where none are named.
const USUAL: [&str; 17] = [
    "shuffle-flip",
    "shuffle-flip key=block scramble",
    "le",
    "ele",
    "etc",
    "vit",
    "shf",
    "np",
    "skk",
    "skk key=image",
    "skk-filter",
    "etc-image",
    "shuffle-flip-image",
    "vit-image",
    "pixelate",
    "blur",
    "dp-pix",
];

/// The ends of the scale, which are always evaluated.
const CONTROLS: [&str; 2] = ["none", "keystream"];

/// A scheme that is evaluated.
#[derive(Clone)]
pub struct Subject {
    /// How it was named: the text of a scheme, or a file.
    pub text: String,
    pub scheme: Scheme,
    /// Whether it is an end of the scale.
    pub control: bool,
    /// Why it cannot encrypt these images, if it cannot.
    pub unfit: Option<String>,
}

/// These schemes without repetition, or the usual ones if there are none, and then the controls.
pub fn subjects(named: &[String]) -> Result<Vec<Subject>, Failure> {
    let usual: Vec<String> = USUAL.map(str::to_owned).into();
    let named = if named.is_empty() { &usual } else { named };
    let mut found: Vec<Subject> = Vec::new();
    for (text, listed) in named.iter().map(|text| (text.trim(), true)).chain(CONTROLS.map(|text| (text, false))) {
        if text.is_empty() {
            let words = "a scheme has no name: write them with commas between them, such as le,ele,'etc block=8'";
            return Err(Failure { words: words.to_owned(), code: USAGE });
        }
        let scheme = SchemeOptions::default().of(text)?;
        let control = CONTROLS.contains(&scheme.to_string().as_str());
        if found.iter().any(|other| other.scheme == scheme) || listed && control {
            continue;
        }
        let text = if is_scheme_file(text) { text.to_owned() } else { scheme.to_string() };
        found.push(Subject { text, scheme, control, unfit: None });
    }
    Ok(found)
}

impl Subject {
    /// Finds out whether the scheme can encrypt images of a size.
    ///
    /// # Errors
    /// When it cannot, and `named` says that the user asked for it.
    pub fn fit(&mut self, geometry: Geometry, named: bool) -> Result<(), Failure> {
        if self.scheme.mixes() {
            self.unfit = Some(crate::attack::mixtures(&self.scheme));
            return Ok(());
        }
        match check(&self.scheme, geometry) {
            Err(error) if named && !self.control => Err(error.into()),
            Err(error) => {
                self.unfit = Some(error.to_string());
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// A scheme that has the stages of all of these which make images: whatever fits it fits all of them.
pub fn joint(subjects: &[Subject]) -> Scheme {
    let stages = subjects.iter().filter(|subject| !subject.scheme.mixes()).flat_map(|subject| &subject.scheme.stages);
    Scheme { name: "all".to_owned(), stages: stages.cloned().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(named: &[&str]) -> Vec<(String, bool)> {
        let named: Vec<String> = named.iter().map(|text| (*text).to_owned()).collect();
        subjects(&named).unwrap().into_iter().map(|subject| (subject.text, subject.control)).collect()
    }

    #[test]
    fn controls_are_always_there_and_nothing_is_there_twice() {
        let scheme = |text: &str| (text.to_owned(), false);
        let controls = CONTROLS.map(|text| (text.to_owned(), true));
        assert_eq!(texts(&[])[..17], USUAL.map(scheme));
        assert_eq!(texts(&[])[17..], controls);
        let some = texts(&["le", " ele", "none", "le block=4", "le block=8"]);
        assert_eq!(some[..3], ["le", "ele", "le block=8x8"].map(scheme));
        assert_eq!(some[3..], controls);
    }

    #[test]
    fn what_does_not_fit_is_an_error_only_where_it_was_asked_for() {
        let mut etc = subjects(&["etc".to_owned()]).unwrap().remove(0);
        let odd = Geometry::new(28, 28, 1).unwrap();
        assert!(etc.fit(odd, true).unwrap_err().words.contains("--pad"));
        etc.fit(odd, false).unwrap();
        assert!(etc.unfit.unwrap().contains("16x16"));
    }
}
