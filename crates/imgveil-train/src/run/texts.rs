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
    use imgveil::internal::image::Depth;
    use imgveil_data::format::ReadOptions;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::path::PathBuf;

    #[derive(Serialize, Deserialize)]
    struct Fields {
        window: Option<String>,
        range: Option<(f64, f64)>,
        axis: String,
        #[serde(default)]
        depth: Option<u32>,
        labels: Option<PathBuf>,
        #[serde(default)]
        follow_links: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channels: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exif_orientation: Option<String>,
    }

    /// Writes the fields.
    pub fn serialize<S: Serializer>(reading: &ReadOptions, serializer: S) -> Result<S::Ok, S::Error> {
        let &ReadOptions { window, range, axis, depth, ref labels, follow_links, channels, exif_orientation, .. } =
            reading;
        let fields = Fields {
            window: window.map(|window| window.to_string()),
            range,
            axis: axis.to_string(),
            depth: depth.map(Depth::bits),
            labels: labels.clone(),
            follow_links,
            channels: channels.map(|channels| channels.to_string()),
            exif_orientation: Some(exif_orientation).filter(|it| *it != Default::default()).map(|it| it.to_string()),
        };
        fields.serialize(serializer)
    }

    /// Parses the fields.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ReadOptions, D::Error> {
        let Fields { window, range, axis, depth, labels, follow_links, channels, exif_orientation } =
            Fields::deserialize(deserializer)?;
        let wrong = serde::de::Error::custom;
        let depth = match depth {
            Some(bits) => Some(Depth::new(bits).ok_or_else(|| wrong("no depth of 8 to 16 bits".to_owned()))?),
            None => None,
        };
        Ok(ReadOptions {
            window: window.map(|text| text.parse()).transpose().map_err(serde::de::Error::custom)?,
            range,
            axis: axis.parse().map_err(serde::de::Error::custom)?,
            depth,
            labels,
            follow_links,
            channels: channels.map(|text| text.parse()).transpose().map_err(serde::de::Error::custom)?,
            exif_orientation: exif_orientation
                .map(|text| text.parse())
                .transpose()
                .map_err(serde::de::Error::custom)?
                .unwrap_or_default(),
            ..ReadOptions::default()
        })
    }
}
