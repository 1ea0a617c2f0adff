//! Images of the directions asked about, stored, or made again of their normals.
//!
//! ```text
//! M = Ξ + Q S        Ξ: fresh normals of a stream, one per direction;  S: coefficients on the other side's basis Q
//! M c + Q k = Ξ c + Q (S c + k),      Mᵀ q = Ξᵀ q  for q ⟂ Q
//! ```
//!
//! (conditioning page §2, half the memory.) Both forms give the same numbers up to rounding; the second keeps only S.

use std::ops::Range;

use widenet_core::Matrix;
use widenet_kernels::{Basis, NormalStream, SplitVectors, normals_add, normals_gram};

use super::block::Layout;

/// Images made at once where all are looked at.
const AT_A_TIME: usize = 64;

/// M_A or M_G.
#[derive(Debug, Clone)]
pub(crate) enum Images {
    /// As vectors.
    Stored(Basis),
    /// By their normals.
    Regenerated(Box<Regenerated>),
}

/// What replaces stored images.
#[derive(Debug, Clone)]
pub(crate) struct Regenerated {
    pub(crate) stream: NormalStream,
    pub(crate) std: f64,
    /// Of the vectors.
    pub(crate) length: usize,
    pub(crate) layout: Layout,
    /// S: rank of the other side when the last image came × images.
    pub(crate) coefficients: Matrix,
}

impl Regenerated {
    /// None yet.
    pub(crate) fn new(stream: NormalStream, std: f64, length: usize, layout: Layout) -> Self {
        Self { stream, std, length, layout, coefficients: Matrix::zeros(0, 0) }
    }

    /// Some of the images.
    fn vectors(&self, images: Range<usize>, basis: &Basis) -> SplitVectors {
        let fresh = self.layout.normals(self.stream, images.clone(), self.length, self.std);
        let coefficients = self.coefficients.clone().resize_vertically(basis.rank(), 0.0);
        basis.add(fresh, &coefficients.columns_range(images).into_owned())
    }

    /// `X + Ξ c`.
    fn add_normals(&self, x: SplitVectors, c: &Matrix) -> SplitVectors {
        let c = c * self.std;
        let mut starts = self.layout.pieces(self.length).map(|(start, _)| start as u64);
        x.map(|piece| normals_add(piece, self.stream, 0..c.nrows() as u32, starts.next().unwrap_or(0), &c))
    }

    /// `Ξᵀ X`.
    fn gram_of_normals(&self, x: &SplitVectors) -> Matrix {
        let count = self.coefficients.ncols();
        let starts = self.layout.pieces(self.length).map(|(start, _)| start as u64);
        let products = x.pieces().iter().zip(starts);
        let products = products.map(|(piece, start)| normals_gram(piece, self.stream, 0..count as u32, start));
        products.fold(Matrix::zeros(count, x.count()), |sum, product| sum + product) * self.std
    }
}

impl Images {
    /// How many.
    pub(crate) fn count(&self) -> usize {
        match self {
            Images::Stored(vectors) => vectors.rank(),
            Images::Regenerated(images) => images.coefficients.ncols(),
        }
    }

    /// Adds the images `ξ + Q correction`.
    pub(crate) fn append(&mut self, fresh: SplitVectors, correction: &Matrix, basis: &Basis) {
        match self {
            Images::Stored(vectors) => vectors.append(basis.add(fresh, correction)),
            Images::Regenerated(images) => {
                let (old, count) = (images.coefficients.ncols(), correction.ncols());
                let mut grown = images.coefficients.clone().resize(correction.nrows(), old + count, 0.0);
                grown.columns_mut(old, count).copy_from(correction);
                images.coefficients = grown;
            }
        }
    }

    /// `M c + Q k`; `None` where nothing has been asked and nothing learned.
    pub(crate) fn times(&self, c: &Matrix, basis: &Basis, k: &Matrix) -> Option<SplitVectors> {
        match self {
            Images::Stored(vectors) => match vectors.times(c) {
                Some(image) => Some(basis.add(image, k)),
                None => basis.times(k),
            },
            Images::Regenerated(images) => {
                let known = images.coefficients.clone().resize_vertically(basis.rank(), 0.0) * c + k;
                let inside = basis
                    .times(&known)
                    .unwrap_or_else(|| images.layout.vectors(&Matrix::zeros(images.length, c.ncols())));
                Some(images.add_normals(inside, c))
            }
        }
    }

    /// `Mᵀ X` for X orthogonal to the other side's basis, images × vectors.
    pub(crate) fn gram_outside(&self, x: &SplitVectors) -> Matrix {
        match self {
            Images::Stored(vectors) => vectors.gram(x),
            Images::Regenerated(images) => images.gram_of_normals(x),
        }
    }

    /// `Qᵀ M`, and `‖M‖²`.
    pub(crate) fn inside(&self, basis: &Basis) -> (Matrix, f64) {
        let mut products = Matrix::zeros(basis.rank(), self.count());
        let (mut norm, mut first) = (0.0, 0);
        let mut add = |block: &SplitVectors| {
            products.columns_mut(first, block.count()).copy_from(&basis.gram(block));
            norm += block.gram(block).trace();
            first += block.count();
        };
        match self {
            Images::Stored(vectors) => vectors.blocks().iter().for_each(add),
            Images::Regenerated(images) => {
                for start in (0..self.count()).step_by(AT_A_TIME) {
                    add(&images.vectors(start..self.count().min(start + AT_A_TIME), basis));
                }
            }
        }
        (products, norm)
    }
}
