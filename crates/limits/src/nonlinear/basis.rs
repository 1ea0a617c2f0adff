//! Orthonormal bases of what a matrix has been probed with grow block by block, the largest direction of a block first.
//!
//! ```text
//! C = ⟨Q, X⟩,  X ← X − Q C,    ⟨X, X⟩ = v λ vᵀ,    Q̂ = X v λ^(-1/2)  for √λ above the tolerance,    Q̂ ← Q̂ − Q ⟨Q, Q̂⟩,    Q ← [Q Q̂]
//! ```
//!
//! (docs/theory/nonlinear-mean-field.md §3; docs/theory/conditioning.md §2, Eq. orthonormal.) Columns of X are scaled to length 1, so a tolerance is
//! relative to the vector.

use widenet_core::Matrix;

use super::{
    products::{Columns, Measure, product},
    space::orthonormal,
};
use crate::linear_algebra::{eigendecomposition, scale_columns};

/// Orthonormal vectors in the inner product of a layer.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    vectors: Columns,
    measure: Measure,
}

/// What a probe has outside a basis, and where it lies inside.
#[derive(Debug)]
pub(super) struct Projection {
    /// Coordinates of the probe in the basis as it is now, rank × columns.
    pub(super) coordinates: Matrix,
    /// How many directions were new: the last ones of the basis.
    pub(super) new: usize,
    /// The longest part of a vector that was left out, relative to the vector.
    pub(super) dropped: f64,
}

impl Basis {
    pub(super) fn empty(nodes: usize, measure: Measure) -> Self {
        Self { vectors: Columns::none(nodes), measure }
    }

    pub(super) fn rank(&self) -> usize {
        self.vectors.count()
    }

    pub(super) fn vectors(&self) -> &Columns {
        &self.vectors
    }

    /// `⟨Q, X⟩`.
    pub(super) fn gram(&self, x: &Matrix) -> Matrix {
        self.measure.gram_of(&self.vectors, x)
    }

    /// Largest entry of `|⟨Q, Q⟩ − I|`.
    pub(super) fn orthogonality_loss(&self) -> f64 {
        let rank = self.rank();
        if rank == 0 { 0.0 } else { (self.gram(&self.vectors.last(0)) - Matrix::identity(rank, rank)).amax() }
    }

    /// Extends the basis by what vectors have outside it; `None` if they are not finite.
    pub(super) fn explore(&mut self, x: &Matrix, tolerance: f64) -> Option<Projection> {
        let lengths = self.lengths(x);
        if !lengths.iter().all(|length| length.is_finite()) {
            return None;
        }
        let mut rest = x.clone();
        let inverse: Vec<f64> = lengths.iter().map(|length| if *length > 0.0 { 1.0 / length } else { 0.0 }).collect();
        scale_columns(&mut rest, &inverse);
        let mut coordinates = Matrix::zeros(self.rank(), x.ncols());
        if self.rank() > 0 {
            coordinates = self.gram(&rest);
            self.vectors.add_product(&mut rest, &coordinates, -1.0);
        }
        let gram = self.measure.gram(&rest, &rest);
        let directions = self.directions(&rest, &gram, tolerance)?;
        let new = directions.as_ref().map_or(0, Matrix::ncols);
        let mut left = gram.diagonal();
        if let Some(directions) = directions {
            let inside = self.measure.gram(&directions, &rest);
            for (left, inside) in left.iter_mut().zip(inside.column_iter()) {
                *left -= inside.norm_squared();
            }
            self.vectors.append(&directions);
            let known = coordinates.nrows();
            coordinates.resize_vertically_mut(self.rank(), 0.0);
            coordinates.rows_mut(known, new).copy_from(&inside);
        }
        scale_columns(&mut coordinates, &lengths);
        Some(Projection { coordinates, new, dropped: left.max().max(0.0).sqrt() })
    }

    fn lengths(&self, x: &Matrix) -> Vec<f64> {
        let length = |column: nalgebra::DVectorView<'_, f64>| {
            self.measure.mean_square(&Matrix::from_column_slice(x.nrows(), 1, column.as_slice())).sqrt()
        };
        x.column_iter().map(length).collect()
    }

    /// Orthonormal directions of what is left of a probe, the largest first; `None` without convergence.
    fn directions(&self, rest: &Matrix, gram: &Matrix, tolerance: f64) -> Option<Option<Matrix>> {
        let (values, vectors) = eigendecomposition(gram)?;
        let kept: Vec<usize> = (0..values.len()).rev().filter(|i| values[*i] > tolerance * tolerance).collect();
        if kept.is_empty() {
            return Some(None);
        }
        let mut combination = vectors.select_columns(&kept);
        scale_columns(&mut combination, &kept.iter().map(|i| values[*i].sqrt().recip()).collect::<Vec<_>>());
        let mut directions = product(rest, &combination);
        if self.rank() > 0 {
            let inside = self.gram(&directions);
            self.vectors.add_product(&mut directions, &inside, -1.0);
        }
        Some(Some(orthonormal(&directions, &self.measure)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waves of different frequencies, which are independent.
    fn wave(rows: usize, columns: usize, shift: f64) -> Matrix {
        Matrix::from_fn(rows, columns, |i, j| (i as f64 * (0.37 * (j + 1) as f64 + 0.3 * shift) + 1.0).sin())
    }

    #[test]
    fn bases_are_orthonormal_and_hold_their_probes() {
        let mut basis = Basis::empty(60, Measure::Mean);
        for shift in [0.0, 0.4, 0.8] {
            let mut probe = wave(60, 5, shift);
            probe.column_mut(1).scale_mut(1e-9);
            let copy = probe.column(0) * 1e3 + probe.column(2);
            probe.set_column(3, &copy);
            probe.column_mut(4).fill(0.0);
            let found = basis.explore(&probe, 1e-6).expect("finite");
            assert_eq!(found.new, 3);
            let inside = product(&basis.vectors().last(0), &found.coordinates);
            for (inside, probe) in inside.column_iter().zip(probe.column_iter()) {
                assert!((inside - probe).norm() <= 1e-7 * probe.norm());
            }
        }
        assert_eq!(basis.rank(), 9);
        assert!(basis.orthogonality_loss() < 1e-13, "{}", basis.orthogonality_loss());
        let broken = Matrix::from_element(60, 1, f64::NAN);
        assert!(basis.explore(&broken, 1e-6).is_none());
    }

    /// On both sides of the tolerance.
    #[test]
    fn short_directions_are_left_out_and_told() {
        for (outside, new) in [(3e-5, 1), (3e-6, 0)] {
            let mut basis = Basis::empty(60, Measure::Mean);
            basis.explore(&wave(60, 1, 0.0), 1e-5).expect("finite");
            let mut probe = wave(60, 1, 1.0);
            let known = basis.vectors().last(0);
            probe -= &known * basis.gram(&probe);
            let length = (probe.norm_squared() / 60.0).sqrt();
            let mixed = known + probe * (outside / length);
            let found = basis.explore(&mixed, 1e-5).expect("finite");
            assert_eq!(found.new, new, "{outside}");
            let left_out = if new == 0 { outside } else { 0.0 };
            assert!((found.dropped - left_out).abs() < 1e-7, "{}", found.dropped);
        }
    }
}
