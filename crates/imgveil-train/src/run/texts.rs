//! Serde forms for types of other crates that have a text form only.

/// A device choice as the text that is parsed into it.
pub mod device {
    use imgveil::internal::engine::DeviceChoice;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the text.
    pub fn serialize<S: Serializer>(choice: &DeviceChoice, serializer: S) -> Result<S::Ok, S::Error> {
        match choice {
            DeviceChoice::Auto => "auto".serialize(serializer),
            DeviceChoice::Cpu => "cpu".serialize(serializer),
            DeviceChoice::Gpu => "gpu".serialize(serializer),
            DeviceChoice::Index(index) => index.to_string().serialize(serializer),
            DeviceChoice::Name(name) => name.serialize(serializer),
        }
    }

    /// Parses the text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeviceChoice, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A resize request as a structure of texts and flags.
pub mod resize {
    use imgveil_data::set::Resize;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Fields {
        resize: Option<String>,
        pad: bool,
        crop: bool,
    }

    /// Writes the fields.
    pub fn serialize<S: Serializer>(resize: &Resize, serializer: S) -> Result<S::Ok, S::Error> {
        let Resize { size: resize, pad, crop } = *resize;
        Fields { resize: resize.map(|side| side.to_string()), pad, crop }.serialize(serializer)
    }

    /// Parses the fields.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Resize, D::Error> {
        let Fields { resize, pad, crop } = Fields::deserialize(deserializer)?;
        let resize = resize.map(|text| text.parse()).transpose().map_err(serde::de::Error::custom)?;
        Ok(Resize { size: resize, pad, crop })
    }
}

/// The options of reading as a structure of texts. Members of shards are not read for training. How much memory may be
/// used is left out: it belongs to the machine, and a run may be resumed on another one.
pub mod reading {
    use imgveil_data::format::ReadOptions;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::path::PathBuf;

    #[derive(Serialize, Deserialize)]
    struct Fields {
        window: Option<String>,
        range: Option<(f64, f64)>,
        axis: String,
        labels: Option<PathBuf>,
        #[serde(default)]
        follow_links: bool,
    }

    /// Writes the fields.
    pub fn serialize<S: Serializer>(reading: &ReadOptions, serializer: S) -> Result<S::Ok, S::Error> {
        let &ReadOptions { window, range, axis, ref labels, follow_links, .. } = reading;
        let window = window.map(|window| window.to_string());
        let fields = Fields { window, range, axis: axis.to_string(), labels: labels.clone(), follow_links };
        fields.serialize(serializer)
    }

    /// Parses the fields.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ReadOptions, D::Error> {
        let Fields { window, range, axis, labels, follow_links } = Fields::deserialize(deserializer)?;
        let window = window.map(|text| text.parse()).transpose().map_err(serde::de::Error::custom)?;
        let axis = axis.parse().map_err(serde::de::Error::custom)?;
        Ok(ReadOptions { window, range, axis, labels, follow_links, ..ReadOptions::default() })
    }
}
