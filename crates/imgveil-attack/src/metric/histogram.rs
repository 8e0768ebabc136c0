//! How often samples have which value.

/// How often each value from 0 to `max` occurs.
pub(super) fn histogram(image: &[u16], max: u16) -> Vec<u64> {
    let mut counts = vec![0; usize::from(max) + 1];
    image.iter().for_each(|&sample| counts[usize::from(sample)] += 1);
    counts
}

/// The Shannon entropy of counts, in bits.
pub(super) fn entropy_of(counts: &[u64]) -> f64 {
    let total = counts.iter().sum::<u64>() as f64;
    let terms = counts.iter().filter(|&&count| count > 0).map(|&count| {
        let share = count as f64 / total;
        -share * share.log2()
    });
    terms.sum::<f64>().max(0.0)
}
