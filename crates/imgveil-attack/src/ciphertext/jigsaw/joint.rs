//! How two pieces meet: which sides, read in which direction.

use crate::symmetry::Symmetry;
use crate::variants::ORDERS;

/// Sides of a piece, clockwise from the top. Each is read clockwise too.
pub(super) const SIDES: usize = 4;

/// The direction out of each side.
pub(super) const OUTWARD: [(i32, i32); SIDES] = [(-1, 0), (0, 1), (1, 0), (0, -1)];

/// The direction in which each side is read.
const READING: [(i32, i32); SIDES] = [(0, 1), (1, 0), (0, -1), (-1, 0)];

/// What may have been done to a piece besides moving it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freedom {
    /// Turned and mirrored.
    pub(crate) turned: bool,
    /// Negated.
    pub(crate) negated: bool,
    /// Its channels put in another order.
    pub(crate) reordered: bool,
}

/// What is to be done to a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) symmetry: Symmetry,
    pub(crate) negative: bool,
    /// Channel g of the result is channel `ORDERS[order][g]` of the piece.
    pub(crate) order: usize,
}

impl State {
    pub(crate) const UNCHANGED: Self = Self { symmetry: Symmetry::IDENTITY, negative: false, order: 0 };

    /// First `other`, then this one.
    pub(super) fn after(self, other: Self) -> Self {
        Self {
            symmetry: self.symmetry.after(other.symmetry),
            negative: self.negative != other.negative,
            order: composed(other.order, self.order),
        }
    }

    pub(super) fn inverse(self) -> Self {
        Self { symmetry: self.symmetry.inverse(), negative: self.negative, order: inverted(self.order) }
    }

    /// All states that the freedom allows.
    pub(super) fn all(freedom: Freedom) -> Vec<Self> {
        let symmetries = &Symmetry::ALL[..if freedom.turned { 8 } else { 1 }];
        let mut states = Vec::new();
        for &symmetry in symmetries {
            for negative in [false, true].into_iter().take(1 + usize::from(freedom.negated)) {
                let orders = 0..if freedom.reordered { ORDERS.len() } else { 1 };
                states.extend(orders.map(|order| Self { symmetry, negative, order }));
            }
        }
        states
    }
}

fn number(order: [usize; 3]) -> usize {
    ORDERS.iter().position(|&other| other == order).expect("an order of three channels")
}

/// Channel g comes from channel `second[g]` of what comes from `first` of the piece.
fn composed(first: usize, second: usize) -> usize {
    number(ORDERS[second].map(|channel| ORDERS[first][channel]))
}

fn inverted(order: usize) -> usize {
    let mut inverse = [0; 3];
    (0..3).for_each(|channel| inverse[ORDERS[order][channel]] = channel);
    number(inverse)
}

/// How one side of a piece meets one of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Joint {
    /// The side of the first piece.
    pub(super) first: usize,
    /// The side of the second.
    pub(super) second: usize,
    /// Both are read in the same direction, so that one piece is mirrored relative to the other.
    pub(super) mirrored: bool,
    /// One is negative relative to the other.
    pub(super) negative: bool,
    /// Channel c of the first meets channel `ORDERS[order][c]` of the second.
    pub(super) order: usize,
}

impl Joint {
    /// How two pieces in given states meet, the second in direction `direction` of the first.
    pub(super) fn of(first: State, direction: (i32, i32), second: State) -> Self {
        let side = |state: State, outward: (i32, i32)| {
            let own = state.symmetry.inverse().apply(outward);
            OUTWARD.iter().position(|&out| out == own).expect("one of four directions")
        };
        let (a, b) = (side(first, direction), side(second, (-direction.0, -direction.1)));
        let mirrored = first.symmetry.apply(READING[a]) == second.symmetry.apply(READING[b]);
        let order = composed(second.order, inverted(first.order));
        Self { first: a, second: b, mirrored, negative: first.negative != second.negative, order }
    }

    /// The state of the second piece relative to the first: what is done to it before it is put beside it.
    pub(super) fn relative(self) -> State {
        let negated = |(row, column): (i32, i32)| (-row, -column);
        let (out_a, out_b) = (negated(OUTWARD[self.first]), OUTWARD[self.second]);
        let read_a = if self.mirrored { READING[self.first] } else { negated(READING[self.first]) };
        let read_b = READING[self.second];
        // The map that takes out_b to out_a and read_b to read_a; both are orthogonal unit vectors.
        let image = |unit: (i32, i32)| {
            let along = |(row, column): (i32, i32)| row * unit.0 + column * unit.1;
            let (p, q) = (along(out_b), along(read_b));
            (p * out_a.0 + q * read_a.0, p * out_a.1 + q * read_a.1)
        };
        State {
            symmetry: Symmetry::from_columns(image((1, 0)), image((0, 1))),
            negative: self.negative,
            order: self.order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joint_gives_back_the_states_that_made_it() {
        let all = State::all(Freedom { turned: true, negated: true, reordered: true });
        assert_eq!(all.len(), 96);
        for &first in &all {
            assert_eq!(first.after(first.inverse()), State::UNCHANGED);
            for (k, &second) in all.iter().enumerate() {
                let joint = Joint::of(first, OUTWARD[k % 4], second);
                assert_eq!(first.after(joint.relative()), second, "{first:?} {second:?} {joint:?}");
                assert_eq!(first.symmetry.apply(OUTWARD[joint.first]), OUTWARD[k % 4]);
            }
        }
    }
}
