//! Products of matrices on all cores.

use ndarray::{ArrayView2, Axis, Slice};
use rayon::prelude::*;

/// Columns of a product that one task sums up. Short enough for 32-bit floats, and for the cache.
const STRIP: usize = 4096;

/// `X X^T` for `rows` rows of equal length, in row-major order.
pub(crate) fn gram(values: &[f32], rows: usize) -> Vec<f64> {
    let length = values.len() / rows;
    let x = view(values, rows);
    let strips: Vec<usize> = (0..length).step_by(STRIP).collect();
    let zero = || vec![0.0; rows * rows];
    let add = |mut sum: Vec<f64>, other: Vec<f64>| {
        sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
        sum
    };
    let one = |mut sum: Vec<f64>, &start: &usize| {
        let strip = x.slice_axis(Axis(1), Slice::from(start..(start + STRIP).min(length)));
        let product = strip.dot(&strip.t());
        sum.iter_mut().zip(&product).for_each(|(sum, &value)| *sum += f64::from(value));
        sum
    };
    strips.par_iter().fold(zero, one).reduce(zero, add)
}

/// `A B^T`: the inner products of all rows of `a` with all rows of `b`, each `length` long.
pub(crate) fn inner_products(a: &[f32], b: &[f32], length: usize) -> Vec<f32> {
    let (rows, columns) = (a.len() / length, b.len() / length);
    let b = view(b, columns);
    let mut products = vec![0.0; rows * columns];
    products.par_chunks_mut(columns * 64).zip(a.par_chunks(length * 64)).for_each(|(out, a)| {
        let count = a.len() / length;
        let mut out = ndarray::ArrayViewMut2::from_shape((count, columns), out).expect("a strip of the product");
        ndarray::linalg::general_mat_mul(1.0, &view(a, count), &b.t(), 0.0, &mut out);
    });
    products
}

fn view(values: &[f32], rows: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, values.len() / rows), values).expect("rows of equal length")
}

/// The eigenvector of the largest eigenvalue of a symmetric matrix, by power iteration on `A + shift I`.
pub(crate) fn leading_eigenvector(matrix: &[f64], side: usize) -> Vec<f64> {
    // The column of the largest norm is not orthogonal to it in practice.
    let norm = |row: &[f64]| row.iter().map(|value| value * value).sum::<f64>().sqrt();
    let first = matrix.chunks_exact(side).max_by(|a, b| norm(a).total_cmp(&norm(b)));
    let mut vector = first.map(<[f64]>::to_vec).unwrap_or_default();
    for _ in 0..200 {
        let scale = norm(&vector).max(1e-30);
        vector.iter_mut().for_each(|value| *value /= scale);
        let next: Vec<f64> =
            matrix.chunks_exact(side).map(|row| row.iter().zip(&vector).map(|(a, b)| a * b).sum()).collect();
        let length = norm(&next).max(1e-30);
        let change: f64 = next.iter().zip(&vector).map(|(a, b)| (a / length - b).powi(2)).sum();
        vector = next;
        if change < 1e-14 {
            break;
        }
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_definition() {
        let (rows, length) = (5, 2 * STRIP + 3);
        let values: Vec<f32> = (0..rows * length).map(|i| (i * 7919 % 13) as f32 - 6.0).collect();
        let row = |i: usize| &values[i * length..(i + 1) * length];
        let product = |i, j| row(i).iter().zip(row(j)).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let (squares, products) = (gram(&values, rows), inner_products(&values, &values[..2 * length], length));
        for i in 0..rows {
            assert!((0..rows).all(|j| (squares[i * rows + j] - product(i, j)).abs() < 1e-3));
            assert!((0..2).all(|j| (f64::from(products[i * 2 + j]) - product(i, j)).abs() < 1.0));
        }
    }

    #[test]
    fn the_leading_eigenvector_has_the_signs_of_its_matrix() {
        let signs = [1.0, -1.0, -1.0, 1.0];
        let matrix: Vec<f64> =
            (0..16).map(|i| if i / 4 == i % 4 { 1.0 } else { 0.6 * signs[i / 4] * signs[i % 4] }).collect();
        let vector = leading_eigenvector(&matrix, 4);
        assert!((0..4).all(|i| (vector[i] * vector[0]).signum() == signs[i] * signs[0]));
    }
}
