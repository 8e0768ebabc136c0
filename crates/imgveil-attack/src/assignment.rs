//! Linear assignment.

/// The assignment of rows to columns of the smallest total cost: entry i is the column of row i.
///
/// `cost` has `side` rows of `side` finite values. Shortest augmenting paths with potentials, O(side^3).
///
/// Source: Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment
/// problems", Computing 38, 1987.
///
/// # Panics
///
/// If `cost` has other than `side * side` values.
#[must_use]
pub fn assign(cost: &[f32], side: usize) -> Vec<usize> {
    assert_eq!(cost.len(), side * side, "the costs are a square");
    const FREE: usize = usize::MAX;
    // Column `side` stands for the row that is being assigned.
    let mut row_of = vec![FREE; side + 1];
    let (mut of_rows, mut of_columns) = (vec![0.0_f32; side], vec![0.0_f32; side + 1]);
    for row in 0..side {
        row_of[side] = row;
        let mut column = side;
        let mut shortest = vec![f32::INFINITY; side];
        let mut before = vec![side; side];
        let mut done = vec![false; side + 1];
        while row_of[column] != FREE {
            done[column] = true;
            let current = row_of[column];
            let (mut step, mut next) = (f32::INFINITY, side);
            for other in (0..side).filter(|&other| !done[other]) {
                let reduced = cost[current * side + other] - of_rows[current] - of_columns[other];
                if reduced < shortest[other] {
                    (shortest[other], before[other]) = (reduced, column);
                }
                if next == side || shortest[other] < step {
                    (step, next) = (shortest[other], other);
                }
            }
            for other in 0..=side {
                if done[other] {
                    of_rows[row_of[other]] += step;
                    of_columns[other] -= step;
                } else if other < side {
                    shortest[other] -= step;
                }
            }
            column = next;
        }
        while column != side {
            row_of[column] = row_of[before[column]];
            column = before[column];
        }
    }
    let mut columns = vec![0; side];
    (0..side).for_each(|column| columns[row_of[column]] = column);
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheapest(cost: &[f32], side: usize, row: usize, used: u32) -> f32 {
        if row == side {
            return 0.0;
        }
        let free = (0..side).filter(|column| used & (1 << column) == 0);
        free.map(|column| cost[row * side + column] + cheapest(cost, side, row + 1, used | (1 << column)))
            .fold(f32::INFINITY, f32::min)
    }

    #[test]
    fn no_other_assignment_is_cheaper() {
        let mut state = 7_u32;
        for side in [1, 2, 3, 6, 7] {
            for _ in 0..20 {
                let cost: Vec<f32> = (0..side * side)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 24) as f32 - 128.0
                    })
                    .collect();
                let columns = assign(&cost, side);
                let total: f32 = (0..side).map(|row| cost[row * side + columns[row]]).sum();
                assert_eq!(total, cheapest(&cost, side, 0, 0));
                let mut sorted = columns.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..side).collect::<Vec<_>>());
            }
        }
    }
}
