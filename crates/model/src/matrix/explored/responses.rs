//! Responses to the directions probed consist of fresh parts, stored or recomputed from their counters, and coefficients.
//!
//! ```text
//! M = σ Ξ + Q S        Ξ: one fresh vector per direction;  S: coefficients on the other side's basis Q
//! M c + Q k = σ Ξ c + Q (S c + k),      Mᵀ q = σ Ξᵀ q  for q ⟂ Q
//! ```
//!
//! (docs/theory/conditioning.md §2, Eq. coefficients.) The responses themselves are never formed. Fresh parts that are normals of a stream
//! need not be stored, which halves the memory; both forms give the same numbers up to rounding.

use std::ops::Range;

use widenet_core::Matrix;
use widenet_kernels::{Basis, NormalStream, SplitVectors, normals_add, normals_gram};

use super::coefficients::Coefficients;
use crate::vectors::Layout;

/// Fresh parts made at once where all are looked at.
const AT_A_TIME: usize = 64;

/// M_A or M_G.
#[derive(Debug, Clone)]
pub(crate) struct Responses {
    pub(crate) fresh: FreshParts,
    /// σ.
    pub(crate) std: f64,
    /// S: rank of the other side when the last image came × responses.
    pub(crate) coefficients: Coefficients,
}

/// Ξ.
#[derive(Debug, Clone)]
pub(crate) enum FreshParts {
    /// As vectors.
    Stored(Basis),
    /// By the counters of their normals.
    Recomputed(Box<Recomputed>),
}

/// What replaces stored vectors.
#[derive(Debug, Clone)]
pub(crate) struct Recomputed {
    pub(crate) stream: NormalStream,
    /// Of the vectors.
    pub(crate) length: usize,
    pub(crate) layout: Layout,
}

impl Recomputed {
    /// Where the pieces of a vector start.
    fn starts(&self) -> impl Iterator<Item = u64> + use<> {
        self.layout.pieces(self.length).map(|(start, _)| start as u64)
    }

    /// Some of the vectors.
    fn vectors(&self, ids: Range<usize>) -> SplitVectors {
        self.layout.normals(self.stream, ids, self.length)
    }

    /// `X + Ξ c`.
    fn add(&self, x: SplitVectors, c: &Matrix) -> SplitVectors {
        let mut starts = self.starts();
        x.map(|piece| normals_add(piece, self.stream, 0..c.nrows() as u32, starts.next().unwrap_or(0), c))
    }

    /// `Ξᵀ X`, of so many vectors.
    fn gram(&self, count: usize, x: &SplitVectors) -> Matrix {
        let products = x.pieces().iter().zip(self.starts());
        let products = products.map(|(piece, start)| normals_gram(piece, self.stream, 0..count as u32, start));
        products.fold(Matrix::zeros(count, x.count()), |sum, product| sum + product)
    }
}

impl Responses {
    /// None yet.
    pub(crate) fn none(fresh: FreshParts, std: f64) -> Self {
        Self { fresh, std, coefficients: Coefficients::none() }
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.coefficients.columns()
    }

    /// How many fresh parts are stored, if they are.
    pub(crate) fn stored(&self) -> Option<usize> {
        match &self.fresh {
            FreshParts::Stored(vectors) => Some(vectors.rank()),
            FreshParts::Recomputed(_) => None,
        }
    }

    /// Adds the responses `σ ξ + Q correction`.
    pub(crate) fn append(&mut self, fresh: SplitVectors, correction: &Matrix) {
        self.coefficients.append(correction);
        if let FreshParts::Stored(vectors) = &mut self.fresh {
            vectors.append(fresh);
        }
    }

    /// `M c + Q k`; `None` where nothing has been probed and nothing learned.
    pub(crate) fn times(&self, c: &Matrix, basis: &Basis, k: Matrix) -> Option<SplitVectors> {
        let mut inside = k.resize_vertically(basis.rank(), 0.0);
        let mut known = inside.rows_mut(0, self.coefficients.rows());
        known += self.coefficients.times(c);
        let c = &(c * self.std);
        // Where W_0 has no share, as in a linearised network at its start.
        if c.iter().all(|coefficient| *coefficient == 0.0) {
            return basis.times(&inside);
        }
        match &self.fresh {
            FreshParts::Stored(vectors) => match vectors.times(c) {
                Some(outside) => Some(basis.add(outside, &inside)),
                None => basis.times(&inside),
            },
            FreshParts::Recomputed(normals) => {
                let inside = basis.times(&inside);
                let nothing = || normals.layout.vectors(&Matrix::zeros(normals.length, c.ncols()));
                Some(normals.add(inside.unwrap_or_else(nothing), c))
            }
        }
    }

    /// `Mᵀ X` for X orthogonal to the other side's basis, responses × vectors.
    pub(crate) fn gram_outside(&self, x: &SplitVectors) -> Matrix {
        let products = match &self.fresh {
            FreshParts::Stored(vectors) => vectors.gram(x),
            FreshParts::Recomputed(normals) => normals.gram(self.count(), x),
        };
        products * self.std
    }

    /// `Qᵀ M = σ Qᵀ Ξ + S`, and `‖M‖² = σ² ‖Ξ‖² + ⟨S, 2 σ Qᵀ Ξ + S⟩`.
    pub(crate) fn inside(&self, basis: &Basis) -> (Matrix, f64) {
        let mut products = Matrix::zeros(basis.rank(), self.count());
        let (mut norm, mut first) = (0.0, 0);
        let mut add = |block: &SplitVectors| {
            products.columns_mut(first, block.count()).copy_from(&basis.gram(block));
            norm += block.self_gram().trace();
            first += block.count();
        };
        match &self.fresh {
            FreshParts::Stored(vectors) => vectors.blocks().iter().for_each(add),
            FreshParts::Recomputed(normals) => {
                for start in (0..self.count()).step_by(AT_A_TIME) {
                    add(&normals.vectors(start..self.count().min(start + AT_A_TIME)));
                }
            }
        }
        let known = self.coefficients.to_matrix().resize_vertically(basis.rank(), 0.0);
        products *= self.std;
        let norm = norm * self.std.powi(2) + (&products * 2.0 + &known).dot(&known);
        (products + known, norm)
    }
}
