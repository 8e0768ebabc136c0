//! The area under the ROC curve.

/// The probability that a random positive has a larger score than a random negative; ties count half. `None` without a
/// positive or a negative, or with a score that is no number.
///
/// Source: Hanley & McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC) curve",
/// Radiology 143(1), 1982.
#[must_use]
pub fn auc(positive: &[f64], negative: &[f64]) -> Option<f64> {
    if positive.is_empty() || negative.is_empty() || positive.iter().chain(negative).any(|score| score.is_nan()) {
        return None;
    }
    let mut all: Vec<(f64, bool)> = positive.iter().map(|&score| (score, true)).collect();
    all.extend(negative.iter().map(|&score| (score, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut sum, mut below) = (0.0, 0.0);
    for equal in all.chunk_by(|a, b| a.0 == b.0) {
        let positives = equal.iter().filter(|(_, positive)| *positive).count() as f64;
        let negatives = equal.len() as f64 - positives;
        sum += positives * (below + negatives / 2.0);
        below += negatives;
    }
    Some(sum / (positive.len() as f64 * negative.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_those_of_counting_pairs() {
        assert_eq!(auc(&[3.0, 4.0], &[1.0, 2.0]), Some(1.0));
        assert_eq!(auc(&[1.0], &[2.0, 3.0]), Some(0.0));
        assert_eq!(auc(&[1.0, 1.0], &[1.0]), Some(0.5));
        // Of six pairs four are in order and one is a tie.
        assert_eq!(auc(&[2.0, 5.0], &[1.0, 2.0, 4.0]), Some(4.5 / 6.0));
        assert_eq!((auc(&[], &[1.0]), auc(&[f64::NAN], &[1.0])), (None, None));
    }
}
