//! For homogeneous activations the recursion runs in `e = 1 − cos θ`, where nothing cancels.
//!
//! ```text
//! E[φφ] = a1 a2 J(θ),      a = q^{n/2},      q' = v J(0) a² + b
//! √(q1' q2') e' = v a1 a2 (J(0) − J(θ)) + v J(0) b (a1 − a2)²/(√(q1' q2') + v J(0) a1 a2 + b)
//! ```
//!
//! with the degree n and J of the activation ([`ArcCosine`]; docs/theory/ntk.md §10.2, Eq. cosine). The squared distance of that section is
//! divided by `√(q1 q2)` here; all terms are ≥ 0, so e keeps its digits however close the inputs are. In the first layer e comes from the Gram
//! matrix, or where that would cancel from the inputs themselves.

use multiversion::multiversion;
use widenet_core::scaling::KernelLayer;

use super::sides::Recursion;
use crate::kernel::dual::{
    ArcCosine,
    arc::{LANES, Lanes},
};

/// Pairs with `1 − |cos θ|` below this take it from their inputs.
const NEAR: f64 = 1e-3;

/// Both kernels, from `values = K^1` and `tangent = Θ^1`.
pub(super) fn strip(
    recursion: &Recursion<'_>,
    activation: ArcCosine,
    (first_row, column): (usize, usize),
    values: &mut [f64],
    tangent: &mut [f64],
) {
    let (left, right) = (&recursion.left.layers[0], &recursion.right.layers[0]);
    let inverse = right.inverse_roots[column];
    for (i, value) in values.iter_mut().enumerate() {
        *value = 1.0 - *value * left.inverse_roots[first_row + i] * inverse;
    }
    let rows = values.len().min(recursion.left.len() - first_row);
    for (i, e) in values[..rows].iter_mut().enumerate() {
        if *e < NEAR {
            *e = half_squared_distance(recursion, first_row + i, column, 1.0);
        } else if *e > 2.0 - NEAR {
            *e = 2.0 - half_squared_distance(recursion, first_row + i, column, -1.0);
        }
    }
    let layers = recursion.network.layers.windows(2).enumerate().map(|(l, pair)| {
        let (left, right) = (&recursion.left.layers[l..l + 2], &recursion.right.layers[l..l + 2]);
        Layer {
            next: pair[1],
            rows: [&left[0].roots[first_row..], &left[1].roots[first_row..], &left[1].inverse_roots[first_row..]],
            column: [right[0].roots[column], right[1].roots[column], right[1].inverse_roots[column]],
        }
    });
    through_layers(&layers.collect::<Vec<_>>(), activation, values, tangent);
}

/// `‖ξ − sign ξ'‖²/2` of the normalised inputs `ξ = (√(v/d) x, √b)/√q` of the first layer: `1 − sign cos θ`.
fn half_squared_distance(recursion: &Recursion<'_>, row: usize, column: usize, sign: f64) -> f64 {
    let first = recursion.network.layers[0];
    let (x, y) = (recursion.left.inputs.row(row), recursion.right.inputs.row(column));
    let a = recursion.left.layers[0].inverse_roots[row];
    let b = sign * recursion.right.layers[0].inverse_roots[column];
    let sum: f64 = x.iter().zip(y.iter()).map(|(x, y)| (x * a - y * b).powi(2)).sum();
    0.5 * (first.weight_variance / x.len() as f64 * sum + first.bias_variance * (a - b) * (a - b))
}

/// One activation and the layer behind it.
struct Layer<'a> {
    next: KernelLayer,
    /// `√q` before, `√q` and `1/√q` behind it, of the rows of the strip.
    rows: [&'a [f64]; 3],
    /// The same of its column.
    column: [f64; 3],
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn through_layers(layers: &[Layer<'_>], activation: ArcCosine, values: &mut [f64], tangent: &mut [f64]) {
    let at_zero = activation.at_zero();
    let (values, _) = values.as_chunks_mut::<LANES>();
    let (tangents, _) = tangent.as_chunks_mut::<LANES>();
    for (chunk, (value, tangent)) in values.iter_mut().zip(tangents).enumerate() {
        let mut e: Lanes = *value;
        for layer in layers {
            let rows = layer.rows.map(|row| lanes(row, chunk));
            let angular = activation.angular(&e);
            let next = layer.next;
            for l in 0..LANES {
                let root_of_product = rows[0][l] * layer.column[0];
                let amplitudes = [activation.amplitude(rows[0][l]), activation.amplitude(layer.column[0])];
                let scale = amplitudes[0] * amplitudes[1];
                let product = scale * angular.value[l];
                let derivative = activation.derivative_amplitude(root_of_product) * angular.derivative[l];
                tangent[l] =
                    next.weight_tangent * product + next.bias_tangent + next.weight_variance * derivative * tangent[l];
                value[l] = next.weight_variance * product + next.bias_variance;
                let mut remaining = next.weight_variance * scale * angular.missing[l];
                if next.bias_variance > 0.0 {
                    let weight = next.weight_variance * at_zero;
                    let difference = amplitudes[0] - amplitudes[1];
                    remaining += weight * next.bias_variance * difference * difference
                        / (rows[1][l] * layer.column[1] + weight * scale + next.bias_variance);
                }
                // In this order, as the product of the inverses may overflow.
                e[l] = remaining * rows[2][l] * layer.column[2];
            }
        }
    }
}

#[inline(always)]
fn lanes(values: &[f64], chunk: usize) -> &Lanes {
    &values.as_chunks::<LANES>().0[chunk]
}
