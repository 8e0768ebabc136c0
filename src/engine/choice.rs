//! Which device a user wants.

use std::str::FromStr;
use std::time::Duration;

/// The default time limit of every wait for a device.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A choice of a device: `auto`, `cpu`, `gpu`, the number of an adapter or a part of its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A hardware GPU if there is one, else the CPU. Software adapters are slower than the CPU engine and are not used.
    #[default]
    Auto,
    /// The CPU engine.
    Cpu,
    /// The best adapter, including software adapters.
    Gpu,
    /// The adapter with this number in [`Device::list`](super::Device::list).
    Index(usize),
    /// The first adapter whose name contains this text. Case does not matter.
    Name(String),
}

impl FromStr for DeviceChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "gpu" => Self::Gpu,
            _ => text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index),
        })
    }
}
