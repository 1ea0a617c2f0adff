//! Vectors of a hidden space are kept by their coordinates in the part of it explored so far.

use widenet_core::{Matrix, training::Block};

/// Columns of coordinates. Spaces only grow: a block made earlier has zeros in the coordinates found since.
#[derive(Debug, Clone, PartialEq)]
pub struct Coordinates(pub(super) Matrix);

impl Coordinates {
    /// Coordinates, explored dimension at the time × columns.
    pub fn matrix(&self) -> &Matrix {
        &self.0
    }
}

impl Block for Coordinates {
    fn gram(&self, other: &Self) -> Matrix {
        let common = self.0.nrows().min(other.0.nrows());
        self.0.rows(0, common).tr_mul(&other.0.rows(0, common))
    }

    fn times(&self, coefficients: &Matrix) -> Self {
        Self(&self.0 * coefficients)
    }

    fn add_scaled(&mut self, scale: f64, other: &Self) {
        let rows = other.0.nrows();
        if self.0.nrows() < rows {
            self.0.resize_vertically_mut(rows, 0.0);
        }
        let mut view = self.0.rows_mut(0, rows);
        view.zip_apply(&other.0, |x, y| *x += scale * y);
    }

    fn scale(&mut self, factor: f64) {
        self.0 *= factor;
    }

    fn to_matrix(&self) -> Matrix {
        self.0.clone()
    }
}
