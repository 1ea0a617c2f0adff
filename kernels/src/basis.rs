//! Orthonormal bases of a long space grow block by block.
//!
//! ```text
//! C = Qᵀ X,  X ← X − Q C,  G = Xᵀ X ≈ (P L)(P L)ᵀ,  Q̂ = X P L⁻ᵀ,  Q̂ ← (I − Q Qᵀ) Q̂ (Q̂ᵀQ̂)^(-1/2),  Q ← [Q Q̂]
//! ```
//!
//! (docs/theory/conditioning.md §2, Eq. orthonormal: block Gram–Schmidt, a rank-revealing factor of the small Gram matrix, one more pass.)
//! What a vector has outside the basis is new if it is longer than a tolerance times the vector. A Gram matrix shows directions down to the
//! square root of its precision, so the loop repeats on what is left until nothing new remains. A vector inside the basis costs two
//! passes over Q, a new one four.

use std::ops::RangeInclusive;

use burn::{
    Tensor,
    tensor::{DType, TensorData},
};
use nalgebra::DMatrix;

use crate::split::SplitVectors;

/// The loop runs this often at most: every round divides what is left by a thousand (inner products in `f32`) or a million (in `f64`), down
/// to a tolerance above rounding.
const ROUNDS: usize = 6;
/// A vector is new if what it has outside the basis exceeds so many roundings of the float type, or of a sum over the basis.
const ROUNDINGS: f64 = 8.0;
const ROUNDINGS_OF_SUM: f64 = 2.0;
/// Roundings of inner products below which a direction, relative to the largest one and squared, is not told from rounding.
const RESOLUTION: f64 = 64.0;
/// Squared lengths that need no scaling: of vectors in either float type whose inner products are `f64`, and where they are `f32`.
const SQUARES: [RangeInclusive<f64>; 2] = [1e-24..=1e24, 1e-8..=1e8];
/// Share of the squared length of a direction that must be outside the basis once the basis is projected out again.
const OUTSIDE: f64 = 0.5;

/// Orthonormal vectors of one long space, in blocks.
#[derive(Debug, Clone)]
pub struct Basis {
    dimension: u64,
    blocks: Vec<SplitVectors>,
}

/// What [`Basis::explore`] found.
#[derive(Debug, Clone)]
pub struct Projection {
    /// Coordinates of the vectors in the basis as it is now, rank × P.
    pub coordinates: DMatrix<f64>,
    /// The directions that were new, the last ones of the basis.
    pub new: Option<SplitVectors>,
    /// The longest part of a vector that was left out, relative to the vector.
    pub dropped: f64,
}

impl Basis {
    /// Vectors per stored block, unless more come at once: products run over blocks, and a GPU copies at most so many to append some.
    pub const BLOCK: usize = 128;

    /// Makes a basis without directions, of a space of `dimension`.
    pub fn empty(dimension: u64) -> Self {
        Self { dimension, blocks: Vec::new() }
    }

    /// Makes a basis of stored blocks of orthonormal vectors.
    pub fn from_blocks(dimension: u64, blocks: Vec<SplitVectors>) -> Self {
        Self { dimension, blocks }
    }

    /// Returns the vectors in blocks, first to last.
    pub fn blocks(&self) -> &[SplitVectors] {
        &self.blocks
    }

    /// Returns the number of directions.
    pub fn rank(&self) -> usize {
        self.blocks.iter().map(SplitVectors::count).sum()
    }

    /// Returns `Qᵀ X`, rank × P, in `f64`.
    pub fn gram(&self, x: &SplitVectors) -> DMatrix<f64> {
        let mut products = DMatrix::zeros(self.rank(), x.count());
        for (first, block) in self.numbered() {
            products.rows_mut(first, block.count()).copy_from(&block.gram(x));
        }
        products
    }

    /// Returns `X + Q C`, for C (rank × P).
    #[must_use]
    pub fn add(&self, x: SplitVectors, coefficients: &DMatrix<f64>) -> SplitVectors {
        self.numbered().fold(x, |x, (first, block)| x.add(block, &coefficients.rows(first, block.count()).into_owned()))
    }

    /// Returns `Q C`, or `None` if there is no direction.
    pub fn times(&self, coefficients: &DMatrix<f64>) -> Option<SplitVectors> {
        let (_, first) = self.numbered().next()?;
        let start = first.times(&coefficients.rows(0, first.count()).into_owned());
        let rest = self.numbered().skip(1);
        Some(rest.fold(start, |x, (first, block)| x.add(block, &coefficients.rows(first, block.count()).into_owned())))
    }

    /// Adds orthonormal directions that are orthogonal to the basis; nobody checks that they are.
    pub fn append(&mut self, directions: SplitVectors) {
        match self.blocks.pop() {
            Some(last) if last.count() + directions.count() <= Self::BLOCK => {
                self.blocks.push(last.append(&directions, Self::BLOCK))
            }
            last => self.blocks.extend(last.into_iter().chain([directions])),
        }
    }

    /// Extends the basis by what vectors have outside it, and returns their coordinates in it. A part counts as new if it is longer than
    /// `tolerance` times its vector, and than eight roundings of the float type (more for large ranks). If the vectors are not finite the
    /// basis stays as it was and the result is `None`.
    pub fn explore(&mut self, x: &SplitVectors, tolerance: f64) -> Option<Projection> {
        let (mut rest, mut gram) = (x.clone(), x.self_gram());
        let mut scales = None;
        let squares = if x.gram_epsilon() > f64::EPSILON { &SQUARES[1] } else { &SQUARES[0] };
        if !gram.diagonal().iter().all(|square| squares.contains(square)) {
            let lengths = power_of_two_scales(x);
            rest = scaled(rest, &lengths);
            gram = rest.self_gram();
            scales = Some(lengths);
        }
        let lengths: Vec<f64> = gram.diagonal().iter().map(|square| square.sqrt()).collect();
        if !scales.iter().flatten().chain(&lengths).all(|number| number.is_finite()) {
            return None;
        }
        let resolution = RESOLUTION * rest.gram_epsilon();
        let precision = if x.pieces()[0].dtype() == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
        let mut coordinates = DMatrix::zeros(self.rank(), x.count());
        let mut new: Option<SplitVectors> = None;
        for round in 0..ROUNDS {
            if self.rank() > 0 {
                let inside = self.gram(&rest);
                (rest, gram) = self.subtract(rest, &inside);
                coordinates = coordinates.resize_vertically(self.rank(), 0.0) + inside;
            }
            let relative = DMatrix::from_fn(x.count(), x.count(), |i, j| {
                let size = lengths[i] * lengths[j];
                if size > 0.0 { gram[(i, j)] / size } else { 0.0 }
            });
            let room = usize::try_from(self.dimension).unwrap_or(usize::MAX).saturating_sub(self.rank());
            // What is left of a vector is a sum of as many rounded terms as there are directions.
            let rounding = ROUNDINGS.max(ROUNDINGS_OF_SUM * (self.rank() as f64).sqrt()) * precision;
            let tolerance = tolerance.max(rounding);
            let found = pivoted_factor(&relative, tolerance * tolerance, resolution, room);
            if found.ncols() == 0 || round + 1 == ROUNDS {
                break;
            }
            let by_length = DMatrix::from_fn(found.nrows(), found.ncols(), |i, j| {
                if lengths[i] > 0.0 { found[(i, j)] / lengths[i] } else { 0.0 }
            });
            let Some(directions) = self.orthonormalised(rest.times(&by_length)) else { break };
            let along = directions.gram(&rest);
            (rest, gram) = rest.add_gram(&directions, &-&along);
            coordinates = coordinates.resize_vertically(self.rank() + along.nrows(), 0.0);
            let mut of_new = coordinates.rows_mut(self.rank(), along.nrows());
            of_new += along;
            self.append(directions.clone());
            new = Some(match new {
                None => directions,
                Some(before) => before.append(&directions, 0),
            });
            if longest(&gram, &lengths) <= tolerance {
                break;
            }
        }
        let dropped = longest(&gram, &lengths);
        for (mut column, scale) in coordinates.column_iter_mut().zip(scales.iter().flatten()) {
            column *= *scale;
        }
        Some(Projection { coordinates, new, dropped })
    }

    /// Returns `max |QᵀQ − I|`, which is 0 for an exact basis.
    pub fn orthogonality_loss(&self) -> f64 {
        let mut loss: f64 = 0.0;
        for (column, block) in self.numbered() {
            let products = self.gram(block);
            for j in 0..products.ncols() {
                for i in 0..products.nrows() {
                    let identity = if i == column + j { 1.0 } else { 0.0 };
                    loss = loss.max((products[(i, j)] - identity).abs());
                }
            }
        }
        loss
    }

    /// `X − Q C` with the inner products of what is left.
    fn subtract(&self, x: SplitVectors, coefficients: &DMatrix<f64>) -> (SplitVectors, DMatrix<f64>) {
        let part = |first: usize, block: &SplitVectors| -coefficients.rows(first, block.count());
        let blocks: Vec<_> = self.numbered().collect();
        let Some(((first, last), before)) = blocks.split_last() else {
            let gram = x.self_gram();
            return (x, gram);
        };
        let x = before.iter().fold(x, |x, (first, block)| x.add(block, &part(*first, block)));
        x.add_gram(last, &part(*first, last))
    }

    /// Nearly orthonormal directions, made orthogonal to the basis and to each other, without those that were mostly rounding errors
    /// inside the basis; `None` if all were.
    fn orthonormalised(&self, directions: SplitVectors) -> Option<SplitVectors> {
        let (directions, gram) = match self.rank() {
            0 => {
                let gram = directions.self_gram();
                (directions, gram)
            }
            _ => {
                let inside = self.gram(&directions);
                self.subtract(directions, &inside)
            }
        };
        let root = inverse_root(gram);
        if root.ncols() == 0 {
            return None;
        }
        let first = directions.times(&root);
        if first.gram_epsilon() <= f64::EPSILON {
            return Some(first);
        }
        let gram = first.self_gram();
        Some(first.times(&inverse_root(gram)))
    }

    /// Blocks with the index of their first vector.
    fn numbered(&self) -> impl Iterator<Item = (usize, &SplitVectors)> {
        let mut first = 0;
        self.blocks.iter().map(move |block| {
            first += block.count();
            (first - block.count(), block)
        })
    }
}

/// The longest of what is left of some vectors, by its inner products, relative to the vectors' lengths.
fn longest(gram: &DMatrix<f64>, lengths: &[f64]) -> f64 {
    let relative = |(c, length): (usize, &f64)| gram[(c, c)].max(0.0).sqrt() / length;
    lengths.iter().enumerate().filter(|(_, length)| **length > 0.0).map(relative).fold(0.0, f64::max)
}

/// For every vector a power of two near its largest absolute entry, so that dividing by it is exact; NaN where an entry is not finite. The
/// reciprocal is a normal number of the float type too, which leaves vectors of subnormal numbers short, but with squares that are normal.
fn power_of_two_scales(x: &SplitVectors) -> Vec<f64> {
    let most = if x.pieces()[0].dtype() == DType::F64 { 1022 } else { 126 };
    let scale = |largest: f64| {
        if largest.is_finite() { 2f64.powi((largest.log2().floor() as i32).clamp(-most, most)) } else { f64::NAN }
    };
    largest_entries(x).into_iter().map(scale).collect()
}

/// The largest absolute entry of every vector; 1 for vectors of zeros.
fn largest_entries(x: &SplitVectors) -> Vec<f64> {
    let mut largest = vec![0.0f64; x.count()];
    for piece in x.pieces() {
        let entries = piece.clone().abs().max_dim(1).into_data_as::<f64>();
        let entries: Vec<f64> =
            entries.try_to_vec().unwrap_or_else(|error| panic!("largest entries of {:?}: {error}", piece.dims()));
        largest.iter_mut().zip(entries).for_each(|(largest, entry)| {
            // `max` would lose NaN.
            if entry > *largest || entry.is_nan() {
                *largest = entry;
            }
        });
    }
    largest.into_iter().map(|entry| if entry == 0.0 { 1.0 } else { entry }).collect()
}

/// Every vector divided by its scale.
fn scaled(x: SplitVectors, scales: &[f64]) -> SplitVectors {
    let factors: Vec<f64> = scales.iter().map(|scale| 1.0 / scale).collect();
    x.map(|piece| {
        let data = TensorData::new(factors.clone(), [factors.len(), 1]).convert_dtype(piece.dtype());
        let factors = Tensor::<2>::from_data(data, (&piece.device(), piece.dtype()));
        piece.mul(factors)
    })
}

/// Of nearly equal pivots the first is taken: vectors of length 1 are all equal, and rounding should not choose among them.
const NEARLY: f64 = 0.999;

/// Columns T (P × rank) with `Tᵀ G T = I` on the directions of G (positive semidefinite) that a Cholesky factorisation with pivoting
/// finds, as long as pivots exceed `smallest`, and `resolution` times the first one; at most `most` of them.
fn pivoted_factor(gram: &DMatrix<f64>, smallest: f64, resolution: f64, most: usize) -> DMatrix<f64> {
    let size = gram.nrows();
    let mut rest: Vec<f64> = gram.diagonal().iter().copied().collect();
    let mut pivots: Vec<usize> = Vec::new();
    let mut factor = DMatrix::<f64>::zeros(size, size);
    let mut first = 0.0;
    while pivots.len() < size.min(most) {
        let step = pivots.len();
        let free = || (0..size).filter(|i| !pivots.contains(i));
        let largest = free().map(|i| rest[i]).fold(0.0, f64::max);
        let Some(pivot) = free().find(|i| rest[*i] >= NEARLY * largest) else { break };
        if step == 0 {
            first = rest[pivot];
        }
        if !(rest[pivot] > smallest && rest[pivot] > resolution * first) {
            break;
        }
        pivots.push(pivot);
        let root = rest[pivot].sqrt();
        for i in 0..size {
            let known: f64 = (0..step).map(|j| factor[(i, j)] * factor[(pivot, j)]).sum();
            factor[(i, step)] = (gram[(i, pivot)] - known) / root;
            rest[i] -= factor[(i, step)].powi(2);
        }
    }
    let rank = pivots.len();
    let lower = DMatrix::from_fn(rank, rank, |i, j| if i >= j { factor[(pivots[i], j)] } else { 0.0 });
    let inverse = lower.solve_lower_triangular(&DMatrix::identity(rank, rank));
    let inverse = inverse.unwrap_or_else(|| unreachable!("pivots are positive"));
    let mut columns = DMatrix::zeros(size, rank);
    for (i, pivot) in pivots.iter().enumerate() {
        columns.row_mut(*pivot).copy_from(&inverse.column(i).transpose());
    }
    columns
}

/// Columns T with `Tᵀ G T = I` on the eigenvectors of a Gram matrix near the identity whose eigenvalues exceed [`OUTSIDE`]: `G^(-1/2)` if
/// all do.
fn inverse_root(gram: DMatrix<f64>) -> DMatrix<f64> {
    let symmetric = (&gram + gram.transpose()) * 0.5;
    let eigen = symmetric.symmetric_eigen();
    let kept: Vec<usize> = (0..gram.nrows()).filter(|i| eigen.eigenvalues[*i] > OUTSIDE).collect();
    let vectors = eigen.eigenvectors.select_columns(&kept);
    let roots =
        DMatrix::from_fn(
            kept.len(),
            kept.len(),
            |i, j| {
                if i == j { 1.0 / eigen.eigenvalues[kept[i]].sqrt() } else { 0.0 }
            },
        );
    let columns = &vectors * roots;
    // Symmetric, so that directions stay close to what they were.
    if kept.len() == gram.nrows() { columns * vectors.transpose() } else { columns }
}
