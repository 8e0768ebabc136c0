//! Brute force: how long it takes to try all keys, honestly.

/// The keys that an attacker may try in a second: a thousand million a GPU, on a million GPUs.
pub const KEYS_PER_SECOND: f64 = 1e15;

/// A search through a key space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// The keys that do different things to an image, as a logarithm to base 2.
    pub bits: f64,
    /// The time to try half of them, as a logarithm to base 10 of years. `None` if there is nothing to try.
    pub log10_years: Option<f64>,
}

/// The search through keys of so many bits.
#[must_use]
pub fn search(bits: f64) -> Search {
    let seconds = (bits - 1.0) * std::f64::consts::LOG10_2 - KEYS_PER_SECOND.log10();
    let log10_years = (bits > 0.0).then(|| seconds - (365.25f64 * 86400.0).log10());
    Search { bits, log10_years }
}

impl Search {
    /// Whether a search of a year finds the key.
    #[must_use]
    pub fn feasible(&self) -> bool {
        self.log10_years.is_none_or(|years| years <= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_takes_as_long_as_it_takes() {
        // 2^55 keys are tried in 36 s, half of them in 18 s.
        let years = search(55.0).log10_years.unwrap();
        assert!((10f64.powf(years) * 365.25 * 86400.0 - 18.0).abs() < 0.1);
        assert!(search(0.0).feasible() && search(72.0).feasible() && !search(128.0).feasible());
        // The edge: 2^76 / 10^15 s is 2.39 years.
        assert!((10f64.powf(search(77.0).log10_years.unwrap()) - 2.394).abs() < 0.01);
    }
}
