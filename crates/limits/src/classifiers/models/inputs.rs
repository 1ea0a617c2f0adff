//! Holds the inputs of a classifier with their Gram matrix.

use widenet_core::{Matrix, Result};

use crate::{error::invalid, linear_algebra::product_transpose};

/// M = m + m_t inputs, the m training inputs first.
#[derive(Debug, Clone)]
pub struct Inputs {
    rows: Matrix,
    train: usize,
    gram: Matrix,
}

impl Inputs {
    /// Takes training inputs (m × d_x) and test inputs (m_t × d_x), one per row.
    ///
    /// # Errors
    /// No training inputs, inputs of dimension 0, of different dimensions, or not finite.
    pub fn new(train: &Matrix, test: Option<&Matrix>) -> Result<Self> {
        let (m, dimension) = train.shape();
        if m == 0 || dimension == 0 {
            return Err(invalid(format!("the training inputs are {m} × {dimension}; neither may be 0")));
        }
        if let Some(test) = test.filter(|test| test.ncols() != dimension) {
            return Err(invalid(format!(
                "the training inputs have dimension {dimension} and the test inputs {}; they must be the same",
                test.ncols()
            )));
        }
        let mut rows = Matrix::zeros(m + test.map_or(0, Matrix::nrows), dimension);
        rows.rows_mut(0, m).copy_from(train);
        if let Some(test) = test {
            rows.rows_mut(m, test.nrows()).copy_from(test);
        }
        let gram = product_transpose(&rows, &rows);
        if let Some(i) = gram.diagonal().iter().position(|square| !square.is_finite()) {
            return Err(invalid(format!("|x|² of input {} is {}; it must be finite", i + 1, gram[(i, i)])));
        }
        Ok(Self { rows, train: m, gram })
    }

    /// Returns M, the number of inputs.
    pub fn count(&self) -> usize {
        self.rows.nrows()
    }

    /// Returns m, the number of training inputs.
    pub fn train(&self) -> usize {
        self.train
    }

    /// Returns d_x, the dimension of the inputs.
    pub fn dimension(&self) -> usize {
        self.rows.ncols()
    }

    /// Returns all inputs, M × d_x.
    pub fn rows(&self) -> &Matrix {
        &self.rows
    }

    /// Returns `x_i·x_j`, M × M.
    pub fn gram(&self) -> &Matrix {
        &self.gram
    }
}
