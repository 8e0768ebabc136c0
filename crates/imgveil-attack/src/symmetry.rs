//! The eight symmetries of the square.

/// A turn and perhaps a mirroring, as an integer matrix that acts on (row, column) from the centre of a square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Symmetry([[i8; 2]; 2]);

impl Symmetry {
    /// Leaves everything where it is.
    pub(crate) const IDENTITY: Self = Self([[1, 0], [0, 1]]);

    /// All eight, the identity first.
    pub(crate) const ALL: [Self; 8] = [
        Self::IDENTITY,
        Self([[0, -1], [1, 0]]),
        Self([[-1, 0], [0, -1]]),
        Self([[0, 1], [-1, 0]]),
        Self([[1, 0], [0, -1]]),
        Self([[0, 1], [1, 0]]),
        Self([[-1, 0], [0, 1]]),
        Self([[0, -1], [-1, 0]]),
    ];

    /// The map with the given images of (1, 0) and (0, 1), which are orthogonal unit vectors.
    pub(crate) fn from_columns(first: (i32, i32), second: (i32, i32)) -> Self {
        Self([[first.0 as i8, second.0 as i8], [first.1 as i8, second.1 as i8]])
    }

    /// Its number in [`Symmetry::ALL`].
    #[cfg(test)]
    pub(crate) fn index(self) -> usize {
        Self::ALL.iter().position(|&other| other == self).expect("one of the eight")
    }

    /// Where a vector goes.
    pub(crate) fn apply(self, (row, column): (i32, i32)) -> (i32, i32) {
        let [[a, b], [c, d]] = self.0.map(|row| row.map(i32::from));
        (a * row + b * column, c * row + d * column)
    }

    /// First `other`, then this one.
    pub(crate) fn after(self, other: Self) -> Self {
        Self::from_columns(self.apply(other.apply((1, 0))), self.apply(other.apply((0, 1))))
    }

    /// What undoes it: the transposed matrix.
    pub(crate) fn inverse(self) -> Self {
        let [[a, b], [c, d]] = self.0;
        Self([[a, c], [b, d]])
    }

    /// Whether rows become columns.
    pub(crate) fn transposes(self) -> bool {
        self.0[0][0] == 0
    }

    /// The place in a rectangle of `height` x `width` (before) from which place (row, column) of the result comes.
    pub(crate) fn source(self, row: usize, column: usize, height: usize, width: usize) -> (usize, usize) {
        let (height, width) = (height as i32 - 1, width as i32 - 1);
        let (high, wide) = if self.transposes() { (width, height) } else { (height, width) };
        // Twice the coordinates from the centre are integers.
        let (y, x) = self.inverse().apply((2 * row as i32 - high, 2 * column as i32 - wide));
        (((y + height) / 2) as usize, ((x + width) / 2) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_a_group() {
        for a in Symmetry::ALL {
            assert_eq!(a.after(a.inverse()), Symmetry::IDENTITY);
            assert_eq!(Symmetry::ALL[a.index()], a);
            for b in Symmetry::ALL {
                assert_eq!(a.after(b).apply((2, 5)), a.apply(b.apply((2, 5))));
            }
        }
    }

    #[test]
    fn places_of_a_rectangle_go_through_once_each() {
        for symmetry in Symmetry::ALL {
            let (rows, columns) = if symmetry.transposes() { (5, 3) } else { (3, 5) };
            let mut seen = [[false; 5]; 3];
            for row in 0..rows {
                for column in 0..columns {
                    let (y, x) = symmetry.source(row, column, 3, 5);
                    assert!(!std::mem::replace(&mut seen[y][x], true));
                }
            }
        }
        // A quarter turn counter-clockwise takes the right end of the first row to the left one.
        assert_eq!(Symmetry::ALL[1].source(0, 0, 3, 5), (0, 4));
    }
}
