//! A layer's random kernel has triangular factors.
//!
//! ```text
//! K_L = R T_1 ⋯ T_L (T_1 ⋯ T_L)ᵀ Rᵀ,    (T_l)_jj = χ_{N_l−j+1}/√N_l,    (T_l)_ij = N(0, 1)/√N_l for i > j,    0 above
//! ```
//!
//! (docs/theory/proportional-limit.md §2.1, Eq. 2.1; M. S. Bartlett, "On the theory of statistical regression" (1933).) `T_l` has as many
//! rows as `T_{l−1}` has columns, and at most N_l columns. The law of the product does not depend on the order of the layers: narrow ones
//! come first here, which leaves the smallest factors.

use rand::Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};
use widenet_core::Matrix;

use super::{
    error::{Result, invalid},
    layers::LayerGroup,
};

/// Returns one factor, `rows × min(rows, width)`, from χ² variables with `width, width − 1, …` degrees of freedom and from standard normals
/// below the diagonal, column by column.
///
/// # Errors
/// A width of 0, wrong numbers of variables, χ² variables that are negative or not finite, normals that are not finite.
pub fn bartlett_factor(
    rows: usize,
    width: u64,
    chi2_diagonal: &[f64],
    normals_column_by_column: &[f64],
) -> Result<Matrix> {
    if width == 0 {
        return Err(invalid("a hidden layer of width 0: it must be at least 1"));
    }
    let columns = usize::try_from(width).map_or(rows, |width| width.min(rows));
    let below = columns * rows - columns * (columns + 1) / 2;
    if chi2_diagonal.len() != columns || normals_column_by_column.len() != below {
        return Err(invalid(format!(
            "{} chi-square variables and {} normals for a {rows} × {columns} factor, which needs {columns} and {below}",
            chi2_diagonal.len(),
            normals_column_by_column.len()
        )));
    }
    if let Some(bad) = chi2_diagonal.iter().find(|x| !(x.is_finite() && **x >= 0.0)) {
        return Err(invalid(format!("a chi-square variable of {bad}: it must be a finite number ≥ 0")));
    }
    if let Some(bad) = normals_column_by_column.iter().find(|x| !x.is_finite()) {
        return Err(invalid(format!("a normal variable of {bad}: it must be finite")));
    }
    let unit = 1.0 / (width as f64).sqrt();
    let mut normals = normals_column_by_column.iter();
    let mut factor = Matrix::zeros(rows, columns);
    for j in 0..columns {
        factor[(j, j)] = chi2_diagonal[j].sqrt() * unit;
        for (i, normal) in (j + 1..rows).zip(&mut normals) {
            factor[(i, j)] = normal * unit;
        }
    }
    Ok(factor)
}

/// A lower trapezoidal product of factors, times `e^{log_scale}`: entries stay near 1 at any depth.
#[derive(Debug, Clone, Default)]
pub(super) struct Product {
    rows: usize,
    columns: usize,
    /// Column by column; the columns after the first `columns` are no longer part of it.
    entries: Vec<f64>,
    log_scale: f64,
}

/// Factors after which a product is brought back near 1. A factor changes the size of entries by less than 1e±15 but for an event
/// of probability below 1e-15.
const RENORMALISE: u64 = 16;

impl Product {
    /// The identity of this size.
    pub(super) fn reset(&mut self, size: usize) {
        (self.rows, self.columns, self.log_scale) = (size, size, 0.0);
        self.entries.clear();
        self.entries.resize(size * size, 0.0);
        (0..size).for_each(|i| self.entries[i * size + i] = 1.0);
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    pub(super) fn log_scale(&self) -> f64 {
        self.log_scale
    }

    /// Entry without the scale.
    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        self.entries[j * self.rows + i]
    }

    /// Multiplies by a lower triangle with unit diagonal, column by column without zeros, times `diag(e^{logs})`.
    pub(super) fn multiply_unit_triangle(&mut self, triangle: &[f64], logs: &[f64]) {
        let (rows, size) = (self.rows, self.columns);
        // The largest column sets the scale; others may vanish beside it.
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut at = 0;
        for j in 0..size {
            let (left, right) = self.entries.split_at_mut((j + 1) * rows);
            let column = &mut left[j * rows..];
            for i in j + 1..size {
                at += 1;
                let source = &right[(i - j - 1) * rows..(i - j) * rows];
                column.iter_mut().zip(source).for_each(|(x, y)| *x += triangle[at] * y);
            }
            at += 1;
            let factor = (logs[j] - largest).exp();
            column.iter_mut().for_each(|x| *x *= factor);
        }
        self.log_scale += if size == 0 { 0.0 } else { largest };
    }

    /// Multiplies by a square matrix of two columns, given by rows.
    pub(super) fn multiply_pair(&mut self, factor: [[f64; 2]; 2]) {
        let (first, second) = self.entries.split_at_mut(self.rows);
        for (x, y) in first.iter_mut().zip(second) {
            (*x, *y) = (*x * factor[0][0] + *y * factor[1][0], *x * factor[0][1] + *y * factor[1][1]);
        }
    }

    /// Multiplies by a number.
    pub(super) fn scale(&mut self, log_factor: f64) {
        self.log_scale += log_factor;
    }

    /// Takes the size out of the entries, by a power of two so that nothing is rounded.
    fn renormalise(&mut self) {
        let entries = &mut self.entries[..self.rows * self.columns];
        let largest = entries.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        if largest > 0.0 && largest.is_finite() {
            let exponent = largest.log2().round();
            let factor = (-exponent).exp2();
            entries.iter_mut().for_each(|x| *x *= factor);
            self.log_scale += exponent * std::f64::consts::LN_2;
        }
    }
}

/// The random factors of layers of one width (any number above the size minus one, in the approximation of the limit).
#[derive(Debug, Clone)]
pub(super) struct BartlettLayers {
    diagonal: Vec<ChiSquared<f64>>,
    unit: f64,
    count: u64,
}

impl BartlettLayers {
    /// `count` layers of this width that act on `size` columns.
    pub(super) fn new(size: usize, width: f64, count: u64) -> Result<Self> {
        let columns = if width < size as f64 && width.fract() == 0.0 { width as usize } else { size };
        let diagonal = (0..columns).map(|j| {
            ChiSquared::new(width - j as f64).map_err(|_| {
                invalid(format!("a width of {width} is too small for {size} columns of a triangular factor"))
            })
        });
        Ok(Self { diagonal: diagonal.collect::<Result<_>>()?, unit: 1.0 / width.sqrt(), count })
    }

    /// One [`Self`] per group, narrowest first, for a product that starts with `size` columns.
    pub(super) fn chain(size: usize, groups: &[LayerGroup]) -> Result<Vec<Self>> {
        let mut columns = size;
        let mut chain = Vec::with_capacity(groups.len());
        for group in groups {
            let layers = Self::new(columns, group.width as f64, group.count)?;
            columns = layers.columns();
            chain.push(layers);
        }
        Ok(chain)
    }

    /// Columns of the product afterwards.
    pub(super) fn columns(&self) -> usize {
        self.diagonal.len()
    }

    /// Multiplies a product by fresh factors.
    pub(super) fn multiply(&self, product: &mut Product, rng: &mut impl Rng) {
        for layer in 0..self.count {
            self.multiply_one(product, rng);
            if layer % RENORMALISE == RENORMALISE - 1 {
                product.renormalise();
            }
        }
        product.renormalise();
    }

    fn multiply_one(&self, product: &mut Product, rng: &mut impl Rng) {
        let (rows, before) = (product.rows, product.columns);
        // Column j of the new product needs the columns from j on of the old one, so it can replace it.
        for (j, chi_square) in self.diagonal.iter().enumerate() {
            let diagonal = self.unit * chi_square.sample(rng).sqrt();
            let (left, right) = product.entries.split_at_mut((j + 1) * rows);
            // Rows above the diagonal are 0.
            let column = &mut left[j * rows + j..];
            column.iter_mut().for_each(|x| *x *= diagonal);
            for i in j + 1..before {
                let normal: f64 = StandardNormal.sample(rng);
                let source = &right[(i - j - 1) * rows + j..(i - j) * rows];
                column.iter_mut().zip(source).for_each(|(x, y)| *x += self.unit * normal * y);
            }
        }
        product.columns = self.diagonal.len();
    }
}
