//! Classification metrics from predicted class probabilities.
//!
//! Accuracy, balanced accuracy, area under the ROC curve, confusion matrix and log loss, with the definitions of
//! scikit-learn. They are computed on the host.

use thiserror::Error;

/// The distance from 0..=1 at which a value still counts as a probability. A softmax in half precision stays within it;
/// a logit passed by mistake usually does not.
const PROBABILITY_SLACK: f32 = 1e-2;

/// Why [`Scores::new`] refused its input.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ScoresError {
    /// There must be at least one class.
    #[error("the number of classes is zero")]
    NoClasses,
    /// There must be at least one sample. No metric is defined without samples.
    #[error("there are no samples to score")]
    NoSamples,
    /// The probabilities are not one per sample and class.
    #[error("{probabilities} probabilities do not make {samples} rows (one per label) of {classes} classes")]
    LengthMismatch {
        /// The number of probabilities.
        probabilities: usize,
        /// The number of labels.
        samples: usize,
        /// The number of classes.
        classes: usize,
    },
    /// A label names no class.
    #[error("label {label} of sample {sample} is not below {classes}, the number of classes")]
    LabelOutOfRange {
        /// The sample's position.
        sample: usize,
        /// Its label.
        label: u32,
        /// The number of classes.
        classes: usize,
    },
    /// A probability is NaN, infinite, or well outside 0..=1 (a logit, perhaps).
    #[error("{value} for class {class} of sample {sample} is not a probability")]
    NotAProbability {
        /// The sample's position.
        sample: usize,
        /// The class.
        class: usize,
        /// The value.
        value: f32,
    },
}

/// Predicted probabilities of a labelled set, and the metrics over them.
///
/// [`Scores::new`] checks that the fields agree. The metrics rely on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// The number of classes.
    pub classes: usize,
    /// One row per sample, one column per class, row-major.
    pub probabilities: Vec<f32>,
    /// The true class of each sample.
    pub labels: Vec<u32>,
}

impl Scores {
    /// Scores of `labels.len()` samples, from `labels.len() x classes` probabilities in row-major order.
    ///
    /// # Errors
    ///
    /// [`ScoresError`] where there are no classes or no samples, the lengths disagree, a label is not below
    /// `classes`, or a value is not finite or lies outside 0..=1 by more than rounding.
    pub fn new(classes: usize, probabilities: Vec<f32>, labels: Vec<u32>) -> Result<Self, ScoresError> {
        if classes == 0 {
            return Err(ScoresError::NoClasses);
        }
        if labels.len().checked_mul(classes) != Some(probabilities.len()) {
            return Err(ScoresError::LengthMismatch {
                probabilities: probabilities.len(),
                samples: labels.len(),
                classes,
            });
        }
        if labels.is_empty() {
            return Err(ScoresError::NoSamples);
        }
        for (sample, &label) in labels.iter().enumerate() {
            if label as usize >= classes {
                return Err(ScoresError::LabelOutOfRange { sample, label, classes });
            }
        }
        // `contains` is false for NaN too.
        let accepted = -PROBABILITY_SLACK..=1.0 + PROBABILITY_SLACK;
        if let Some(at) = probabilities.iter().position(|p| !accepted.contains(p)) {
            return Err(ScoresError::NotAProbability {
                sample: at / classes,
                class: at % classes,
                value: probabilities[at],
            });
        }
        Ok(Self { classes, probabilities, labels })
    }

    /// Each sample's true class and row of probabilities.
    fn rows(&self) -> impl Iterator<Item = (usize, &[f32])> {
        // The fields are public, and chunks of size 0 would panic.
        self.labels.iter().map(|&label| label as usize).zip(self.probabilities.chunks_exact(self.classes.max(1)))
    }

    /// The share of samples whose most probable class is the true one. Of equally probable classes the lowest
    /// counts as predicted.
    pub fn accuracy(&self) -> f64 {
        let right = self.rows().filter(|&(label, row)| predicted(row) == label).count();
        right as f64 / self.labels.len() as f64
    }

    /// The mean, over the classes that occur among the labels, of the share of that class's samples that were
    /// predicted right (recall). Unlike accuracy it does not reward always naming the larger class.
    pub fn balanced_accuracy(&self) -> f64 {
        let mut sum = 0.0;
        let mut present = 0u64;
        for (class, row) in self.confusion().iter().enumerate() {
            let samples: u64 = row.iter().sum();
            if samples > 0 {
                sum += row[class] as f64 / samples as f64;
                present += 1;
            }
        }
        sum / present as f64
    }

    /// The area under the ROC curve: the probability that a random positive sample scores above a random
    /// negative one, ties counted half.
    ///
    /// With two classes, the score is class 1's probability. With more, the result is the unweighted mean of
    /// one class against the rest, over the classes that have both positive and negative samples. `None` where
    /// no class has both, and with a single class.
    pub fn auc(&self) -> Option<f64> {
        let scored = match self.classes {
            0 | 1 => return None,
            2 => 1..2,
            more => 0..more,
        };
        let mut sum = 0.0;
        let mut defined = 0u64;
        for class in scored {
            if let Some(auc) = self.auc_of(class) {
                sum += auc;
                defined += 1;
            }
        }
        (defined > 0).then(|| sum / defined as f64)
    }

    /// The area under the ROC curve of `class` against the rest.
    fn auc_of(&self, class: usize) -> Option<f64> {
        let mut samples: Vec<(f32, bool)> = self.rows().map(|(label, row)| (row[class], label == class)).collect();
        // total_cmp keeps -0.0 and 0.0 side by side, so grouping by `==` below still sees them as one tie.
        samples.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));

        // Half pairs are counted as integers, so that the result is exact and does not depend on the order of the
        // samples.
        let mut half_pairs = 0u64;
        let (mut positives, mut negatives) = (0u64, 0u64);
        for tie in samples.chunk_by(|a, b| a.0 == b.0) {
            let tied_positives = tie.iter().filter(|sample| sample.1).count() as u64;
            let tied_negatives = tie.len() as u64 - tied_positives;
            half_pairs += tied_positives * (2 * negatives + tied_negatives);
            positives += tied_positives;
            negatives += tied_negatives;
        }
        (positives > 0 && negatives > 0).then(|| half_pairs as f64 / (2 * positives * negatives) as f64)
    }

    /// The confusion matrix: the number of samples of each true class (rows) that were predicted as each class
    /// (columns).
    pub fn confusion(&self) -> Vec<Vec<u64>> {
        let mut counts = vec![vec![0u64; self.classes]; self.classes];
        for (label, row) in self.rows() {
            if let Some(count) = counts.get_mut(label).and_then(|row_of_counts| row_of_counts.get_mut(predicted(row))) {
                *count += 1;
            }
        }
        counts
    }

    /// The mean over samples of `-ln p`, where `p` is the probability of the true class, taken as at least
    /// `f32::EPSILON` so that one confident mistake stays finite (as scikit-learn does for 32-bit floats).
    pub fn log_loss(&self) -> f64 {
        let sum: f64 = self
            .rows()
            .filter_map(|(label, row)| row.get(label))
            .map(|&p| -f64::from(p.clamp(f32::EPSILON, 1.0)).ln())
            .sum();
        sum / self.labels.len() as f64
    }
}

/// The most probable class of a row. Of equally probable classes, the lowest.
pub(super) fn predicted(row: &[f32]) -> usize {
    let mut best = 0;
    for (class, &p) in row.iter().enumerate() {
        if p > row[best] {
            best = class;
        }
    }
    best
}

/// The softmax of each row of `classes` logits (row-major), row by row.
///
/// The row's largest logit is subtracted first, so large logits neither overflow nor lose the row. A row with
/// a NaN or +infinity, or of -infinity only, has no softmax and becomes NaN, which [`Scores::new`] refuses. A
/// length that is not a whole number of rows leaves a short last row, which it refuses too. No logits, or no
/// classes, give an empty vector.
pub fn softmax_rows(logits: &[f32], classes: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(logits.len());
    if classes == 0 {
        return out;
    }
    for row in logits.chunks(classes) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let start = out.len();
        out.extend(row.iter().map(|&logit| (logit - largest).exp()));
        let exponentials = &mut out[start..];
        // The sum is in f64. Over many classes an f32 sum would drift by more than the rounding of the row.
        let sum: f64 = exponentials.iter().map(|&e| f64::from(e)).sum();
        for e in exponentials {
            *e = (f64::from(*e) / sum) as f32;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn binary(class_one: &[f32], labels: &[u32]) -> Scores {
        let probabilities = class_one.iter().flat_map(|&p| [1.0 - p, p]).collect();
        Scores::new(2, probabilities, labels.to_vec()).unwrap()
    }

    /// The definition: every pair of a positive and a negative sample, ties counted half.
    fn auc_by_pairs(scores: &Scores, class: usize) -> Option<f64> {
        let of = |i: usize| scores.probabilities[i * scores.classes + class];
        let (mut won, mut pairs) = (0.0, 0.0);
        for i in 0..scores.labels.len() {
            for j in 0..scores.labels.len() {
                let positive = scores.labels[i] as usize == class;
                let negative = scores.labels[j] as usize != class;
                if positive && negative {
                    pairs += 1.0;
                    if of(i) > of(j) {
                        won += 1.0;
                    } else if of(i) == of(j) {
                        won += 0.5;
                    }
                }
            }
        }
        (pairs > 0.0).then(|| won / pairs)
    }

    #[test]
    fn known_values_of_a_binary_set() {
        // The example of scikit-learn's roc_auc_score page: 0.75.
        let scores = binary(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1]);
        assert_eq!(scores.auc(), Some(0.75));
        assert_eq!(scores.accuracy(), 0.75);
        assert_eq!(scores.balanced_accuracy(), 0.75);
        assert_eq!(scores.confusion(), [[2, 0], [1, 1]]);
        let expected = -(0.9f64.ln() + 0.6f64.ln() + 0.35f64.ln() + 0.8f64.ln()) / 4.0;
        // The probabilities are rounded to 32 bits.
        assert!((scores.log_loss() - expected).abs() < 1e-6);
    }

    #[test]
    fn known_values_of_three_classes() {
        let probabilities = vec![
            0.7, 0.2, 0.1, //
            0.4, 0.5, 0.1, //
            0.1, 0.8, 0.1, //
            0.2, 0.2, 0.6, //
            0.3, 0.4, 0.3,
        ];
        let scores = Scores::new(3, probabilities, vec![0, 0, 1, 2, 2]).unwrap();
        assert_eq!(scores.accuracy(), 3.0 / 5.0);
        assert_eq!(scores.balanced_accuracy(), (0.5 + 1.0 + 0.5) / 3.0);
        assert_eq!(scores.confusion(), [[1, 1, 0], [0, 1, 0], [0, 1, 1]]);
        // Each class ranks its own samples first.
        assert_eq!(scores.auc(), Some(1.0));
    }

    #[test]
    fn balanced_accuracy_leaves_out_classes_without_samples() {
        let probabilities = vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let scores = Scores::new(3, probabilities, vec![0, 0, 1, 1]).unwrap();
        assert_eq!(scores.balanced_accuracy(), (1.0 + 0.5) / 2.0);
    }

    #[test]
    fn auc_at_its_limits() {
        assert_eq!(binary(&[0.1, 0.2, 0.9], &[0, 0, 1]).auc(), Some(1.0));
        assert_eq!(binary(&[0.9, 0.8, 0.1], &[0, 0, 1]).auc(), Some(0.0));
        assert_eq!(binary(&[0.5, 0.5, 0.5], &[0, 0, 1]).auc(), Some(0.5));
        assert_eq!(binary(&[0.0, -0.0], &[0, 1]).auc(), Some(0.5));
    }

    #[test]
    fn auc_is_undefined_without_both_kinds() {
        assert_eq!(binary(&[0.1, 0.9], &[1, 1]).auc(), None);
        assert_eq!(binary(&[0.1, 0.9], &[0, 0]).auc(), None);
        let one_class = Scores::new(1, vec![1.0, 1.0], vec![0, 0]).unwrap();
        assert_eq!(one_class.auc(), None);
        let one_of_three = Scores::new(3, vec![0.2, 0.3, 0.5], vec![2]).unwrap();
        assert_eq!(one_of_three.auc(), None);
    }

    #[test]
    fn auc_leaves_out_classes_without_samples() {
        let probabilities = vec![0.6, 0.3, 0.1, 0.5, 0.4, 0.1, 0.55, 0.35, 0.1];
        let scores = Scores::new(3, probabilities, vec![0, 1, 0]).unwrap();
        assert_eq!(scores.auc(), Some(1.0));
    }

    #[test]
    fn equal_probabilities_predict_the_lowest_class() {
        let scores = Scores::new(3, vec![0.2, 0.4, 0.4], vec![1]).unwrap();
        assert_eq!(scores.accuracy(), 1.0);
    }

    #[test]
    fn a_confident_mistake_has_a_finite_log_loss() {
        let loss = binary(&[0.0], &[1]).log_loss();
        assert!((loss + f64::from(f32::EPSILON).ln()).abs() < 1e-9);
    }

    #[test]
    fn bad_input_is_refused_by_name() {
        assert_eq!(Scores::new(0, vec![], vec![]), Err(ScoresError::NoClasses));
        assert_eq!(Scores::new(2, vec![], vec![]), Err(ScoresError::NoSamples));
        assert_eq!(
            Scores::new(2, vec![0.5; 3], vec![0, 1]),
            Err(ScoresError::LengthMismatch { probabilities: 3, samples: 2, classes: 2 })
        );
        assert!(matches!(Scores::new(usize::MAX, vec![0.5; 3], vec![0, 1]), Err(ScoresError::LengthMismatch { .. })));
        assert_eq!(
            Scores::new(2, vec![0.5; 4], vec![0, 2]),
            Err(ScoresError::LabelOutOfRange { sample: 1, label: 2, classes: 2 })
        );
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3.0, -1.0] {
            assert!(matches!(
                Scores::new(2, vec![0.5, 0.5, 0.5, value], vec![0, 1]),
                Err(ScoresError::NotAProbability { sample: 1, class: 1, .. })
            ));
        }
    }

    #[test]
    fn softmax_known_values() {
        let out = softmax_rows(&[0.0, 0.0, 1000.0, 0.0, -1000.0, f32::NEG_INFINITY], 2);
        assert_eq!(out, [0.5, 0.5, 1.0, 0.0, 1.0, 0.0]);
        let out = softmax_rows(&[1.0, 2.0, 3.0], 3);
        for (got, expected) in out.iter().zip([0.090_030_57, 0.244_728_48, 0.665_240_94]) {
            // Some roundings of 32 bits.
            assert!((got - expected).abs() < 1e-6);
        }
        assert!(softmax_rows(&[], 3).is_empty());
        assert!(softmax_rows(&[1.0], 0).is_empty());
    }

    #[test]
    fn softmax_of_what_has_none_is_nan() {
        for row in [[f32::NAN, 0.0], [f32::INFINITY, 0.0], [f32::NEG_INFINITY; 2]] {
            let out = softmax_rows(&row, 2);
            assert!(out.iter().any(|p| p.is_nan()));
            assert!(Scores::new(2, out, vec![0]).is_err());
        }
    }

    /// Probabilities from a coarse grid, so that ties are common, and labels.
    fn scored_set() -> impl Strategy<Value = Scores> {
        (1usize..6, 1usize..40).prop_flat_map(|(classes, samples)| {
            let probabilities = prop::collection::vec(0u8..=6, classes * samples);
            let labels = prop::collection::vec(0..classes as u32, samples);
            (probabilities, labels).prop_map(move |(probabilities, labels)| {
                let probabilities = probabilities.iter().map(|&p| f32::from(p) / 6.0).collect();
                Scores::new(classes, probabilities, labels).unwrap()
            })
        })
    }

    proptest! {
        #[test]
        fn auc_equals_the_pair_count(scores in scored_set()) {
            let classes = match scores.classes {
                1 => 0..0,
                2 => 1..2,
                more => 0..more,
            };
            let defined: Vec<f64> = classes.filter_map(|c| auc_by_pairs(&scores, c)).collect();
            match scores.auc() {
                None => prop_assert!(defined.is_empty()),
                Some(auc) => {
                    let expected = defined.iter().sum::<f64>() / defined.len() as f64;
                    // Sums of 64-bit floats in another order.
                    prop_assert!((auc - expected).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn confusion_and_accuracy_agree(scores in scored_set()) {
            let confusion = scores.confusion();
            let total: u64 = confusion.iter().flatten().sum();
            prop_assert_eq!(total, scores.labels.len() as u64);
            let right: u64 = (0..scores.classes).map(|c| confusion[c][c]).sum();
            prop_assert_eq!(scores.accuracy(), right as f64 / total as f64);
            prop_assert!((0.0..=1.0).contains(&scores.balanced_accuracy()));
            prop_assert!(scores.log_loss() >= 0.0);
        }

        #[test]
        fn softmax_rows_sum_to_one(
            logits in prop::collection::vec(-1e4f32..1e4, 1..60),
            classes in 1usize..8,
        ) {
            let whole = logits.len() / classes * classes;
            let out = softmax_rows(&logits[..whole], classes);
            prop_assert_eq!(out.len(), whole);
            for row in out.chunks(classes) {
                let sum: f32 = row.iter().sum();
                // At most seven terms, each rounded to 32 bits.
                prop_assert!((sum - 1.0).abs() < 1e-5);
            }
        }
    }
}
