//! Cuts rows of samples: of the networks of a group, one network after the other, and of many samples, some at a time.

use std::borrow::Cow;

use crate::matrix::Matrix;

/// Samples sent through a perceptron at a time where only their outputs are wanted.
pub const SAMPLES_AT_A_TIME: usize = 1024;

/// Outputs (P × k, of a group N P × k) of inputs (P × d), so many samples at a time.
pub(super) fn in_chunks(
    inputs: &Matrix,
    networks: usize,
    at_a_time: usize,
    mut outputs: impl FnMut(&Matrix) -> Matrix,
) -> Matrix {
    let samples = inputs.nrows();
    if samples <= at_a_time {
        return outputs(inputs);
    }
    let mut rows = vec![Vec::with_capacity(samples); networks];
    for first in (0..samples).step_by(at_a_time) {
        let chunk = inputs.rows(first, at_a_time.min(samples - first)).into_owned();
        let outputs = outputs(&chunk);
        for (network, rows) in rows.iter_mut().enumerate() {
            rows.extend(outputs.rows(network * chunk.nrows(), chunk.nrows()).row_iter().map(|row| row.into_owned()));
        }
    }
    Matrix::from_rows(&rows.concat())
}

/// Rows once for each network of a group.
pub(super) fn repeated(rows: &Matrix, networks: usize) -> Cow<'_, Matrix> {
    if networks == 1 {
        return Cow::Borrowed(rows);
    }
    let count = rows.nrows();
    Cow::Owned(Matrix::from_fn(networks * count, rows.ncols(), |row, column| rows[(row % count, column)]))
}

/// The rows of one network of a group.
pub(super) fn of_network(rows: &Matrix, network: usize, networks: usize) -> Matrix {
    let count = rows.nrows() / networks;
    rows.rows(network * count, count).into_owned()
}
