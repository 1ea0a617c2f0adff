//! A few vectors of one long space are split by rows into pieces that each fit one buffer.
//!
//! ```text
//! X = [x_1 … x_P] ∈ R^(n × P),    piece i = rows n_i … n_{i+1} of X, stored with every vector contiguous (P × (n_{i+1} − n_i))
//! ```
//!
//! All blocks of a space are split alike, so every product is a sum over pieces, added in order.

use burn::Tensor;
use nalgebra::DMatrix;

use crate::tall::{tall_add, tall_add_gram, tall_append, tall_gram, tall_gram_epsilon, tall_self_gram, tall_times};

/// P vectors of one space, in one piece or more.
#[derive(Debug, Clone)]
pub struct SplitVectors(Vec<Tensor<2>>);

impl SplitVectors {
    /// Joins pieces (P × rows of the piece), in order of rows.
    ///
    /// # Panics
    /// If there is none, or they differ in P.
    pub fn new(pieces: Vec<Tensor<2>>) -> Self {
        let counts: Vec<usize> = pieces.iter().map(|piece| piece.dims()[0]).collect();
        assert!(
            counts.first().is_some_and(|first| counts.iter().all(|count| count == first)),
            "pieces of {counts:?} vectors"
        );
        Self(pieces)
    }

    /// Returns the pieces in order of rows.
    pub fn pieces(&self) -> &[Tensor<2>] {
        &self.0
    }

    /// Gives the pieces away, in order of rows.
    pub fn into_pieces(self) -> Vec<Tensor<2>> {
        self.0
    }

    /// Returns P.
    pub fn count(&self) -> usize {
        self.0[0].dims()[0]
    }

    /// Changes every piece by `f`.
    #[must_use]
    pub fn map(self, f: impl FnMut(Tensor<2>) -> Tensor<2>) -> Self {
        Self(self.0.into_iter().map(f).collect())
    }

    /// Every piece changed by `f`, in place where `f` is.
    pub fn update(&mut self, f: impl FnMut(Tensor<2>) -> Tensor<2>) {
        self.0 = std::mem::take(&mut self.0).into_iter().map(f).collect();
    }

    /// Every piece changed by `f` with the same piece of other vectors, in place where `f` is.
    ///
    /// # Panics
    /// If the pieces differ in number.
    pub fn update_with(&mut self, other: &Self, mut f: impl FnMut(Tensor<2>, &Tensor<2>) -> Tensor<2>) {
        assert_eq!(self.0.len(), other.0.len(), "vectors split into different numbers of pieces");
        let pairs = std::mem::take(&mut self.0).into_iter().zip(&other.0);
        self.0 = pairs.map(|(piece, other)| f(piece, other)).collect();
    }

    /// Returns the inner products of the vectors with those of `other`, P × (vectors of `other`), in `f64`.
    ///
    /// # Panics
    /// If the pieces differ in their rows.
    pub fn gram(&self, other: &Self) -> DMatrix<f64> {
        let mut products = self.pairs(other).map(|(q, x)| tall_gram(q, x));
        let first = products.next().unwrap_or_else(|| DMatrix::zeros(self.count(), other.count()));
        products.fold(first, |sum, product| sum + product)
    }

    /// Returns the inner products of the vectors with each other, P × P, with relative errors of a few [`SplitVectors::gram_epsilon`].
    pub fn self_gram(&self) -> DMatrix<f64> {
        let products = self.0.iter().map(tall_self_gram);
        products.fold(DMatrix::zeros(self.count(), self.count()), |sum, product| sum + product)
    }

    /// Returns the rounding of [`SplitVectors::self_gram`] and [`SplitVectors::add_gram`].
    pub fn gram_epsilon(&self) -> f64 {
        tall_gram_epsilon(&self.0[0])
    }

    /// Returns the vectors `Σ_j C[j, c] self_j`, for C (P × new vectors).
    #[must_use]
    pub fn times(&self, coefficients: &DMatrix<f64>) -> Self {
        Self(self.0.iter().map(|q| tall_times(q, coefficients)).collect())
    }

    /// Returns `self_c + Σ_j C[j, c] q_j`, in the memory of `self` unless it is shared.
    #[must_use]
    pub fn add(self, q: &Self, coefficients: &DMatrix<f64>) -> Self {
        let pairs = self.0.into_iter().zip(&q.0);
        Self(pairs.map(|(x, q)| tall_add(x, q, coefficients)).collect())
    }

    /// Does the same and returns the inner products of the result too, in one pass.
    pub fn add_gram(self, q: &Self, coefficients: &DMatrix<f64>) -> (Self, DMatrix<f64>) {
        let mut gram = DMatrix::zeros(self.count(), self.count());
        let pieces = self.0.into_iter().zip(&q.0).map(|(x, q)| {
            let (x, products) = tall_add_gram(x, q, coefficients);
            gram += products;
            x
        });
        (Self(pieces.collect()), gram)
    }

    /// Returns the vectors of `self`, then those of `other`: in the memory of `self` where it has room ([`tall_append`]).
    #[must_use]
    pub fn append(self, other: &Self, most: usize) -> Self {
        let pairs = self.0.into_iter().zip(&other.0);
        Self(pairs.map(|(first, second)| tall_append(first, second, most)).collect())
    }

    fn pairs<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a Tensor<2>, &'a Tensor<2>)> {
        assert_eq!(self.0.len(), other.0.len(), "vectors split into different numbers of pieces");
        self.0.iter().zip(&other.0)
    }
}
