//! The state of a run after an epoch: everything that it needs to continue. It is one file, so that all its parts
//! belong to the same epoch whenever a run is interrupted. The file has a line of JSON, the weights and the optimiser's
//! state as burn packs them, and a BLAKE3 hash of all of it.

use crate::outcome::Epoch;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The file's name in a run's folder.
pub(super) const STATE: &str = "state.bin";

/// The version of this file.
const VERSION: u32 = 1;

/// The state of a run after an epoch.
#[derive(Debug, PartialEq)]
pub(super) struct State {
    /// The finished epochs.
    pub epochs: Vec<Epoch>,
    /// The seconds spent so far.
    pub seconds: f64,
    /// The weights after the last epoch.
    pub last: Vec<u8>,
    /// The weights after the best epoch. `None` if the last epoch is the best.
    pub best: Option<Vec<u8>>,
    /// The optimiser's state.
    pub optimiser: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    epochs: Value,
    seconds: Value,
    last: usize,
    best: Option<usize>,
    optimiser: usize,
}

impl State {
    /// Encodes the state.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let head = Head {
            version: VERSION,
            epochs: serde_json::to_value(&self.epochs).map(spelled).map_err(|e| e.to_string())?,
            seconds: spelled(self.seconds.into()),
            last: self.last.len(),
            best: self.best.as_ref().map(Vec::len),
            optimiser: self.optimiser.len(),
        };
        let mut bytes = serde_json::to_vec(&head).map_err(|e| e.to_string())?;
        bytes.push(b'\n');
        for part in [&self.last, self.best.as_ref().unwrap_or(&Vec::new()), &self.optimiser] {
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(blake3::hash(&bytes).as_bytes());
        Ok(bytes)
    }

    /// Decodes a state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let Some((body, hash)) = bytes.split_last_chunk::<32>() else { return Err("it is too short".into()) };
        if blake3::hash(body).as_bytes() != hash {
            return Err("its hash is not that of its contents".into());
        }
        let line = body.iter().position(|&byte| byte == b'\n').ok_or("it has no first line")?;
        let (head, mut rest) = body.split_at(line + 1);
        let head: Head = serde_json::from_slice(head).map_err(|e| e.to_string())?;
        if head.version != VERSION {
            return Err(format!("it is of version {} and this is version {VERSION}", head.version));
        }
        let mut part = |length: usize| {
            let (part, others) = rest.split_at_checked(length).ok_or("a part is missing")?;
            rest = others;
            Ok::<_, String>(part.to_vec())
        };
        Ok(Self {
            epochs: serde_json::from_value(read(head.epochs)).map_err(|e| e.to_string())?,
            seconds: serde_json::from_value(read(head.seconds)).map_err(|e| e.to_string())?,
            last: part(head.last)?,
            best: head.best.map(&mut part).transpose()?,
            optimiser: part(head.optimiser)?,
        })
    }
}

/// Replaces fractions by text. serde_json does not read numbers of 17 digits exactly, and a resumed run needs the same
/// bits.
fn spelled(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => Value::String(number.to_string()),
        Value::Array(values) => values.into_iter().map(spelled).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, spelled(value))).collect(),
        other => other,
    }
}

/// The inverse of [`spelled`]. The state has no other text.
fn read(value: Value) -> Value {
    match value {
        Value::String(text) => text.parse::<f64>().map_or(Value::Null, Value::from),
        Value::Array(values) => values.into_iter().map(read).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, read(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Evaluation;

    fn state(seed: u64) -> State {
        // Fractions that use all 53 bits.
        let mut number = seed;
        let mut fraction = || {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (number >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut epoch = |epoch| Epoch {
            epoch,
            learning_rate: fraction(),
            train_loss: fraction() * 1e3,
            val: (epoch > 1).then(|| Evaluation {
                images: 7,
                loss: fraction(),
                accuracy: 1.0,
                balanced_accuracy: fraction(),
                auc: (epoch > 2).then(&mut fraction),
                confusion: vec![vec![3, 1], vec![0, 3]],
                absent: vec![],
            }),
            images_per_second: fraction() * 1e5,
            seconds: fraction(),
            device_bytes: (epoch > 1).then_some(1 << 40),
        };
        let epochs = vec![epoch(1), epoch(2), epoch(3)];
        let best = seed.is_multiple_of(2).then(|| b"best\nbest".to_vec());
        State { epochs, seconds: 12.5, last: vec![1, 2, 3], best, optimiser: vec![10; 100] }
    }

    #[test]
    fn every_bit_comes_back() {
        for seed in 0..2000 {
            let state = state(seed);
            assert_eq!(State::from_bytes(&state.to_bytes().unwrap()), Ok(state));
        }
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let bytes = state(2).to_bytes().unwrap();
        for length in 0..bytes.len() {
            assert!(State::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(State::from_bytes(&changed).is_err(), "byte {at}");
        }
    }
}
