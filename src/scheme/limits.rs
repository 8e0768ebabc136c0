//! The limits of a scheme that is read from a file. Every stage costs a pass over the table of the image, so that the
//! number of stages decides how long a scheme takes to compile.

use super::Stage;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::fmt;

/// The most stages that a scheme may have. Published schemes have up to five.
pub const MOST_STAGES: usize = 64;

/// Reads the stages of a scheme. Stops at the first stage too many, so that a long list is not held in memory.
pub(super) fn stages<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Stage>, D::Error> {
    struct Stages;

    impl<'de> Visitor<'de> for Stages {
        type Value = Vec<Stage>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of stages")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Stage>, A::Error> {
            let mut stages = Vec::new();
            while let Some(stage) = list.next_element()? {
                if stages.len() == MOST_STAGES {
                    return Err(A::Error::custom(format!("a scheme of more than {MOST_STAGES} stages")));
                }
                stages.push(stage);
            }
            Ok(stages)
        }
    }

    deserializer.deserialize_seq(Stages)
}

#[cfg(test)]
mod tests {
    use super::MOST_STAGES;
    use crate::scheme::Scheme;

    #[test]
    fn a_scheme_has_a_bounded_number_of_stages() {
        let json = |stages: usize| {
            let stages = vec!["\"keystream key=image\""; stages].join(",");
            serde_json::from_str::<Scheme>(&format!("{{\"name\":\"mine\",\"stages\":[{stages}]}}"))
        };
        assert_eq!(json(MOST_STAGES).unwrap().stages.len(), MOST_STAGES);
        assert!(json(MOST_STAGES + 1).unwrap_err().to_string().contains("more than 64 stages"));
        let toml = |stages: usize| {
            let text = format!("name = \"mine\"\n{}", "[[stage]]\nstage = \"keystream\"\n".repeat(stages));
            Scheme::from_toml(text.as_bytes(), "mine.toml")
        };
        assert_eq!(toml(MOST_STAGES).unwrap().stages.len(), MOST_STAGES);
        assert_eq!(
            toml(MOST_STAGES + 1).unwrap_err().to_string(),
            "mine.toml:130: a scheme has at most 64 stages, and this is one more"
        );
    }
}
