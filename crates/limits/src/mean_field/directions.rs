//! Keeps orthonormal bases of what has been probed, and finds what a new probe adds to them.

use widenet_core::Matrix;

/// Orthonormal columns in a space whose dimension grows.
#[derive(Debug, Clone)]
pub(super) struct Directions(Matrix);

impl Directions {
    pub(super) fn empty() -> Self {
        Self(Matrix::zeros(0, 0))
    }

    /// All of R^n.
    pub(super) fn complete(dimension: usize) -> Self {
        Self(Matrix::identity(dimension, dimension))
    }

    /// `(I − Q Qᵀ) x`; rows of `x` beyond the basis' own are unchanged.
    pub(super) fn project_out(&self, x: &mut Matrix) {
        let rows = self.0.nrows().min(x.nrows());
        if rows == 0 || self.0.ncols() == 0 {
            return;
        }
        let known = self.0.rows(0, rows);
        let coefficients = known.tr_mul(&x.rows(0, rows));
        x.rows_mut(0, rows).gemm(-1.0, &known, &coefficients, 1.0);
    }

    /// Orthonormal directions of the columns of `x` outside the basis: what is left of a column after projection counts if
    /// it is longer than `tolerance` times the column. They are not yet part of the basis.
    ///
    /// Projection is done twice ("twice is enough"), then pivoted Gram–Schmidt reveals the rank among the columns.
    pub(super) fn new_directions(&self, x: &Matrix, tolerance: f64) -> Option<Matrix> {
        let (rows, rank) = self.0.shape();
        if rank == rows && rows >= x.nrows() {
            return None;
        }
        if rank == 0 && has_unit_columns(x) {
            return Some(x.clone());
        }
        let mut rest = x.clone();
        for mut column in rest.column_iter_mut() {
            // The columns of one probe may differ in length by many orders (residuals of several outputs), and their
            // squares may be too small for a float.
            let largest = column.amax();
            if largest > 0.0 {
                column /= largest;
                let length = column.norm();
                column /= length;
            }
        }
        self.project_out(&mut rest);
        if rest.column_iter().all(|column| column.norm() <= tolerance) {
            return None;
        }
        self.project_out(&mut rest);
        let mut found = Vec::new();
        while found.len() < rest.ncols() {
            let Some((pivot, length)) = rest
                .column_iter()
                .map(|column| column.norm())
                .enumerate()
                .max_by(|(_, a), (_, b)| a.total_cmp(b))
                .filter(|(_, length)| *length > tolerance)
            else {
                break;
            };
            let mut direction = rest.columns(pivot, 1) / length;
            self.project_out(&mut direction);
            direction /= direction.norm();
            for mut column in rest.column_iter_mut() {
                for _ in 0..2 {
                    let along = direction.column(0).dot(&column);
                    column.axpy(-along, &direction.column(0), 1.0);
                }
            }
            rest.column_mut(pivot).fill(0.0);
            found.push(direction.column(0).into_owned());
        }
        (!found.is_empty()).then(|| Matrix::from_columns(&found))
    }

    /// Appends orthonormal columns, orthogonal to those there.
    pub(super) fn extend(&mut self, directions: &Matrix) {
        let (rows, rank) = (directions.nrows().max(self.0.nrows()), self.0.ncols());
        let mut grown =
            std::mem::replace(&mut self.0, Matrix::zeros(0, 0)).resize(rows, rank + directions.ncols(), 0.0);
        grown.view_mut((0, rank), directions.shape()).copy_from(directions);
        self.0 = grown;
    }

    /// Columns from `first` on.
    #[cfg(test)]
    pub(super) fn columns_from(&self, first: usize) -> Matrix {
        self.0.columns_range(first..).into_owned()
    }

    #[cfg(test)]
    pub(super) fn rank(&self) -> usize {
        self.0.ncols()
    }

    /// `max |QᵀQ − I|`.
    #[cfg(test)]
    pub(super) fn orthogonality_loss(&self) -> f64 {
        (self.0.tr_mul(&self.0) - Matrix::identity(self.0.ncols(), self.0.ncols())).amax()
    }
}

/// Whether the columns are distinct coordinate directions, which need no orthogonalisation (all inputs probed at once).
fn has_unit_columns(x: &Matrix) -> bool {
    let mut taken = vec![false; x.nrows()];
    x.column_iter().all(|column| {
        let mut entries = column.iter().enumerate().filter(|(_, entry)| **entry != 0.0);
        match (entries.next(), entries.next()) {
            (Some((row, &1.0)), None) => !std::mem::replace(&mut taken[row], true),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(rows: usize, columns: usize) -> Matrix {
        Matrix::from_fn(rows, columns, |i, j| ((i * 7 + j * j * 3 + 1) as f64 * 0.37).sin())
    }

    #[test]
    fn directions_are_orthonormal_and_span_the_probe() {
        let mut basis = Directions::empty();
        basis.extend(&basis.new_directions(&wave(12, 3), 1e-12).unwrap());
        let probe = wave(15, 5);
        let new = basis.new_directions(&probe, 1e-12).unwrap();
        basis.extend(&new);
        assert!(basis.orthogonality_loss() < 1e-14);
        let mut rest = probe.clone();
        basis.project_out(&mut rest);
        assert!(rest.amax() < 1e-13, "{}", rest.amax());
    }

    #[test]
    fn coordinates_are_their_own_directions_unless_they_repeat() {
        let identity = Matrix::identity(5, 5);
        assert_eq!(Directions::empty().new_directions(&identity, 1e-12), Some(identity.clone()));
        let mut repeated = identity;
        repeated.set_column(4, &repeated.column(3).into_owned());
        assert_eq!(Directions::empty().new_directions(&repeated, 1e-12).unwrap().ncols(), 4);
    }

    #[test]
    fn dependent_and_zero_columns_add_nothing() {
        let mut probe = wave(10, 4);
        let copy = probe.column(0) * 1e8 + probe.column(1);
        probe.set_column(2, &copy);
        probe.column_mut(3).fill(0.0);
        let new = Directions::empty().new_directions(&probe, 1e-12).unwrap();
        assert_eq!(new.ncols(), 2);
        assert!(Directions::complete(10).new_directions(&probe, 1e-12).is_none());
    }
}
