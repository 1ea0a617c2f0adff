//! For smooth activations the recursion runs in the covariance itself, which loses nothing for nearly equal inputs.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, PI};

use multiversion::multiversion;
use widenet_core::scaling::KernelLayer;

use super::sides::{LayerOfSide, Recursion};
use crate::kernel::dual::{
    Dual,
    arc::{LANES, Lanes, arcsine_of_root},
    closed_forms::sin,
    hermite::Coefficients,
};

/// One activation and the layer behind it, as a strip sees it.
struct Layer<'a> {
    next: KernelLayer,
    /// Variances before the activation of the rows, and of the column.
    variances: (&'a [f64], f64),
}

/// Both kernels, from `values = K^1` and `tangent = Θ^1`.
pub(super) fn strip(
    recursion: &Recursion<'_>,
    (first_row, column): (usize, usize),
    values: &mut [f64],
    tangent: &mut [f64],
) {
    for (l, pair) in recursion.network.layers.windows(2).enumerate() {
        let (left, right) = (&recursion.left.layers[l], &recursion.right.layers[l]);
        let layer = Layer { next: pair[1], variances: (&left.variances[first_row..], right.variances[column]) };
        match recursion.dual {
            Dual::Erf => erf(&layer, values, tangent),
            Dual::Gelu => gelu(&layer, values, tangent),
            Dual::Sin => scalar(&layer, values, tangent),
            Dual::Series(_) => {
                if let (Some(rows), Some(columns)) = (&left.series, &right.series) {
                    let series = Series::new((left, rows, first_row), (right, columns, column));
                    through_series(&layer, &series, values, tangent);
                }
            }
            Dual::ArcCosine(_) => {}
        }
    }
}

/// `K` and `Θ` behind the next layer, from the expectations.
#[inline(always)]
fn advance(next: &KernelLayer, value: f64, derivative: f64, c: &mut f64, tangent: &mut f64) {
    *tangent = next.weight_tangent * value + next.bias_tangent + next.weight_variance * derivative * *tangent;
    *c = next.weight_variance * value + next.bias_variance;
}

fn scalar(layer: &Layer<'_>, values: &mut [f64], tangent: &mut [f64]) {
    let (rows, column) = layer.variances;
    for ((c, tangent), q) in values.iter_mut().zip(tangent).zip(rows) {
        let expectations = sin(*q, column, *c);
        advance(&layer.next, expectations.value, expectations.derivative, c, tangent);
    }
}

/// `asin w` for w = c/√P with `1 − w² = rest/P`, without cancellation near |w| = 1 or 0.
#[inline(always)]
fn arcsine(c: &Lanes, product: &Lanes, rest: &Lanes) -> Lanes {
    let mut z = [0.0; LANES];
    let mut steep = [false; LANES];
    for l in 0..LANES {
        let square = c[l] * c[l] / product[l];
        steep[l] = square > 0.5;
        z[l] = if steep[l] { 0.5 * rest[l] / (product[l] * (1.0 + square.sqrt())) } else { square };
    }
    let mut angle = arcsine_of_root(&z);
    for l in 0..LANES {
        let positive = if steep[l] { FRAC_PI_2 - 2.0 * angle[l] } else { angle[l] };
        angle[l] = if c[l] < 0.0 { -positive } else { positive };
    }
    angle
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn erf(layer: &Layer<'_>, values: &mut [f64], tangent: &mut [f64]) {
    let (rows, q2) = layer.variances;
    let chunks = values.as_chunks_mut::<LANES>().0.iter_mut().zip(tangent.as_chunks_mut::<LANES>().0);
    for ((c, tangent), q1) in chunks.zip(rows.as_chunks::<LANES>().0) {
        let (mut doubled, mut product, mut rest) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for l in 0..LANES {
            doubled[l] = 2.0 * c[l];
            product[l] = (1.0 + 2.0 * q1[l]) * (1.0 + 2.0 * q2);
            rest[l] = 1.0 + 2.0 * (q1[l] + q2) + 4.0 * (q1[l] * q2 - c[l] * c[l]).max(0.0);
        }
        let angle = arcsine(&doubled, &product, &rest);
        for l in 0..LANES {
            advance(&layer.next, FRAC_2_PI * angle[l], 4.0 / PI / rest[l].sqrt(), &mut c[l], &mut tangent[l]);
        }
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn gelu(layer: &Layer<'_>, values: &mut [f64], tangent: &mut [f64]) {
    let (rows, q2) = layer.variances;
    let chunks = values.as_chunks_mut::<LANES>().0.iter_mut().zip(tangent.as_chunks_mut::<LANES>().0);
    for ((c, tangent), q1) in chunks.zip(rows.as_chunks::<LANES>().0) {
        let (mut product, mut rest) = ([0.0; LANES], [0.0; LANES]);
        for l in 0..LANES {
            product[l] = (1.0 + q1[l]) * (1.0 + q2);
            rest[l] = 1.0 + q1[l] + q2 + (q1[l] * q2 - c[l] * c[l]).max(0.0);
        }
        let angle = arcsine(c, &product, &rest);
        for l in 0..LANES {
            let (root, both) = (rest[l].sqrt(), q1[l] * q2);
            let ratio = (c[l] * c[l] + both * rest[l]) / (product[l] * root);
            let value = 0.25 * c[l] + (ratio + c[l] * angle[l]) / (2.0 * PI);
            let factor = 1.0 / rest[l] + (1.0 - both) / product[l] + 1.0;
            let derivative = 0.25 + (angle[l] + c[l] / root * factor) / (2.0 * PI);
            advance(&layer.next, value, derivative, &mut c[l], &mut tangent[l]);
        }
    }
}

/// Hermite coefficients of the rows of a strip and of its column.
struct Series<'a> {
    /// Of all inputs of the left side.
    rows: &'a Coefficients,
    first_row: usize,
    inverse_roots: (&'a [f64], f64),
    constant: f64,
    /// `b_m` of the column.
    column: Vec<f64>,
}

impl<'a> Series<'a> {
    fn new(
        (left, rows, first_row): (&'a LayerOfSide, &'a Coefficients, usize),
        (right, columns, column): (&LayerOfSide, &Coefficients, usize),
    ) -> Self {
        Self {
            rows,
            first_row,
            inverse_roots: (&left.inverse_roots[first_row..], right.inverse_roots[column]),
            constant: columns.constants[column],
            column: (0..columns.terms).map(|r| columns.table[r * columns.stride + column]).collect(),
        }
    }
}

/// Terms between two looks at whether the rest can be left out.
const TERMS_PER_LOOK: usize = 16;

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn through_series(layer: &Layer<'_>, series: &Series<'_>, values: &mut [f64], tangent: &mut [f64]) {
    let constants = series.rows.constants[series.first_row..].as_chunks::<LANES>().0;
    let inverses = series.inverse_roots.0.as_chunks::<LANES>().0;
    let chunks = values.as_chunks_mut::<LANES>().0.iter_mut().zip(tangent.as_chunks_mut::<LANES>().0);
    for (chunk, (c, tangent)) in chunks.enumerate() {
        let mut correlation = [0.0; LANES];
        for l in 0..LANES {
            correlation[l] = (c[l] * inverses[chunk][l] * series.inverse_roots.1).clamp(-1.0, 1.0);
        }
        let factor = if series.rows.step == 2 { correlation.map(|rho| rho * rho) } else { correlation };
        let mut power: Lanes = [1.0; LANES];
        let (mut value, mut derivative): (Lanes, Lanes) = ([0.0; LANES], [0.0; LANES]);
        for (r, column) in series.column.iter().enumerate() {
            if r % TERMS_PER_LOOK == 0 {
                let largest = power.iter().fold(0.0, |largest: f64, p| largest.max(p.abs()));
                if largest * series.rows.tails[r].powi(2) < f64::EPSILON * 1e-2 {
                    break;
                }
            }
            let row = &series.rows.table[r * series.rows.stride + series.first_row..];
            let row = &row.as_chunks::<LANES>().0[chunk];
            let weight = 1.0 / (r * series.rows.step + 1) as f64;
            for l in 0..LANES {
                let term = row[l] * column * power[l];
                derivative[l] += term;
                value[l] += weight * term;
                power[l] *= factor[l];
            }
        }
        for l in 0..LANES {
            let mean = constants[chunk][l] * series.constant + c[l] * value[l];
            advance(&layer.next, mean, derivative[l], &mut c[l], &mut tangent[l]);
        }
    }
}
