//! Random orders.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The numbers below `n` in an order that depends on the seed alone.
pub(crate) fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, (random.next_u64() % (i as u64 + 1)) as usize);
    }
    order
}
