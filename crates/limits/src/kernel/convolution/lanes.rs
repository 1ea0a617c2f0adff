//! Steps of the recursion run on lanes: each lane is a pair of images, and entries of an array are pairs of positions.
//!
//! ```text
//! weights   K ← v box(K) + b,     Θ ← t box(K) + s + v box(Θ),     g ← v box(g)
//! φ         Θ ← E[φ'φ'] Θ,        K ← E[φφ],                       g ← J(0) (a1 − a2)² + 2 a1 a2 (J(0) − J(θ))
//! ```
//!
//! (docs/theory/convolutions.md §3.1, §3.4.) `g = q1 + q2 − 2 K` is the squared distance of two pre-activations. Homogeneous activations take their
//! angle from it, `1 − cos θ = (g − (√q1 − √q2)²)/(2 √(q1 q2))`, so that nearly equal patches lose no digits.

use multiversion::multiversion;
use widenet_core::scaling::KernelLayer;

use super::program::{Pair, Sums};
use crate::kernel::dual::{
    ArcCosine, Dual,
    arc::{LANES, Lanes},
    hermite::Coefficients,
};

/// Both kernels at the pairs of a node.
#[derive(Debug, Default, Clone)]
pub(super) struct Values {
    /// K.
    pub(super) covariance: Vec<Lanes>,
    /// Θ.
    pub(super) tangent: Vec<Lanes>,
    /// g; empty in stages without homogeneous activation.
    pub(super) distance: Vec<Lanes>,
}

impl Values {
    pub(super) fn zeros(pairs: usize, has_distance: bool) -> Values {
        let zeros = |pairs| vec![[0.0; LANES]; pairs];
        Values {
            covariance: zeros(pairs),
            tangent: zeros(pairs),
            distance: zeros(if has_distance { pairs } else { 0 }),
        }
    }

    /// Changes the number of pairs; what the entries hold is left open.
    pub(super) fn resize(&mut self, pairs: usize, has_distance: bool) {
        self.covariance.resize(pairs, [0.0; LANES]);
        self.tangent.resize(pairs, [0.0; LANES]);
        self.distance.resize(if has_distance { pairs } else { 0 }, [0.0; LANES]);
    }
}

/// Variances of a node, per side and position.
#[derive(Debug, Default)]
pub(super) struct Variances {
    /// q.
    pub(super) values: [Vec<Lanes>; 2],
    /// √q, before homogeneous activations.
    pub(super) roots: [Vec<Lanes>; 2],
}

/// One layer of weights.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
pub(super) fn weights(sums: &Sums, layer: &KernelLayer, variances: &Variances, from: &Values, to: &mut Values) {
    let [variance, tangent] = [layer.weight_variance, layer.weight_tangent].map(|factor| factor * sums.scale);
    for (entry, (covariance_to, tangent_to)) in to.covariance.iter_mut().zip(&mut to.tangent).enumerate() {
        let (mut covariances, mut tangents) = ([0.0; LANES], [0.0; LANES]);
        for slot in sums.both.of(entry) {
            add(&mut covariances, &from.covariance[*slot as usize]);
            add(&mut tangents, &from.tangent[*slot as usize]);
        }
        for l in 0..LANES {
            tangent_to[l] = tangent * covariances[l] + layer.bias_tangent + variance * tangents[l];
            covariance_to[l] = variance * covariances[l] + layer.bias_variance;
        }
    }
    for (entry, distance) in to.distance.iter_mut().enumerate() {
        let mut distances = [0.0; LANES];
        for slot in sums.both.of(entry) {
            add(&mut distances, &from.distance[*slot as usize]);
        }
        for (alone, variances) in sums.alone.iter().zip(&variances.values) {
            for position in alone.of(entry) {
                add(&mut distances, &variances[*position as usize]);
            }
        }
        for l in 0..LANES {
            distance[l] = variance * distances[l];
        }
    }
}

#[inline(always)]
fn add(sum: &mut Lanes, term: &Lanes) {
    for l in 0..LANES {
        sum[l] += term[l];
    }
}

/// The sum of two branches.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
pub(super) fn sum(slots: &[Vec<u32>; 2], branches: [&Values; 2], to: &mut Values) {
    let [first, second] = branches;
    let arrays = [
        (&first.covariance, &second.covariance, &mut to.covariance),
        (&first.tangent, &second.tangent, &mut to.tangent),
        (&first.distance, &second.distance, &mut to.distance),
    ];
    for (first, second, to) in arrays {
        for (to, (i, j)) in to.iter_mut().zip(slots[0].iter().zip(&slots[1])) {
            *to = first[*i as usize];
            add(to, &second[*j as usize]);
        }
    }
}

/// What an activation acts on.
#[derive(Clone, Copy)]
pub(super) struct Activated<'a> {
    pub(super) from: &'a Values,
    /// Positions of the pairs of `from`.
    pub(super) pairs: &'a [Pair],
    /// Entries of `from`, in the order of the result.
    pub(super) slots: &'a [u32],
    /// Variances before the activation.
    pub(super) before: &'a Variances,
    /// Variances behind it.
    pub(super) behind: &'a Variances,
    /// For activations without closed form: their coefficients, and for both sides the image of each lane times the number of positions.
    pub(super) series: Option<(&'a Coefficients, &'a [[usize; LANES]; 2])>,
}

/// An activation.
pub(super) fn activation(dual: Dual, input: &Activated<'_>, to: &mut Values) {
    match dual {
        Dual::ArcCosine(ArcCosine::PiecewiseLinear { bend: 0.0, slope }) => linear(slope, input, to),
        Dual::ArcCosine(activation) => arc_cosine(activation, input, to),
        Dual::Erf | Dual::Sin | Dual::Gelu | Dual::Series(_) => smooth(dual, input, to),
    }
}

fn linear(slope: f64, input: &Activated<'_>, to: &mut Values) {
    let arrays = [
        (&input.from.covariance, &mut to.covariance),
        (&input.from.tangent, &mut to.tangent),
        (&input.from.distance, &mut to.distance),
    ];
    for (from, to) in arrays {
        for (to, slot) in to.iter_mut().zip(input.slots) {
            *to = from[*slot as usize].map(|value| slope * value);
        }
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn arc_cosine(activation: ArcCosine, input: &Activated<'_>, to: &mut Values) {
    let at_zero = activation.at_zero();
    for (entry, slot) in input.slots.iter().enumerate() {
        let slot = *slot as usize;
        let [p, other] = input.pairs[slot].map(|position| position as usize);
        let (left, right) = (&input.before.roots[0][p], &input.before.roots[1][other]);
        let (distance, tangent) = (&input.from.distance[slot], &input.from.tangent[slot]);
        let mut e = [0.0; LANES];
        for l in 0..LANES {
            let (difference, product) = (left[l] - right[l], left[l] * right[l]);
            let ratio = 0.5 * (distance[l] - difference * difference).max(0.0) / product;
            // A patch of zeros is at right angles to all others.
            e[l] = if product > 0.0 { ratio } else { 1.0 };
        }
        let angular = activation.angular(&e);
        let (covariance_to, tangent_to) = (&mut to.covariance[entry], &mut to.tangent[entry]);
        let distance_to = &mut to.distance[entry];
        for l in 0..LANES {
            let (a, b) = (activation.amplitude(left[l]), activation.amplitude(right[l]));
            let derivative = activation.derivative_amplitude(left[l] * right[l]) * angular.derivative[l];
            covariance_to[l] = a * b * angular.value[l];
            tangent_to[l] = derivative * tangent[l];
            distance_to[l] = at_zero * (a - b) * (a - b) + 2.0 * a * b * angular.missing[l];
        }
    }
}

fn smooth(dual: Dual, input: &Activated<'_>, to: &mut Values) {
    for (entry, slot) in input.slots.iter().enumerate() {
        let slot = *slot as usize;
        let [p, other] = input.pairs[slot].map(|position| position as usize);
        let (left, right) = (&input.before.values[0][p], &input.before.values[1][other]);
        for l in 0..LANES {
            let (q1, q2) = (left[l], right[l]);
            let root = (q1 * q2).sqrt();
            // Sums of rounded numbers may exceed what a covariance can be.
            let c = input.from.covariance[slot][l].clamp(-root, root);
            let expectations = match input.series {
                Some((coefficients, images)) => {
                    let correlation = if root > 0.0 { c / root } else { 0.0 };
                    coefficients.sum(images[0][l] + p, images[1][l] + other, c, correlation)
                }
                None => dual.pair(q1, q2, c),
            };
            to.covariance[entry][l] = expectations.value;
            to.tangent[entry][l] = expectations.derivative * input.from.tangent[slot][l];
        }
        if let Some(distance) = to.distance.get_mut(entry) {
            let (left, right) = (&input.behind.values[0][p], &input.behind.values[1][other]);
            for l in 0..LANES {
                let difference = left[l] + right[l] - 2.0 * to.covariance[entry][l];
                // Equal pre-activations stay equal.
                distance[l] = if input.from.distance[slot][l] == 0.0 { 0.0 } else { difference.max(0.0) };
            }
        }
    }
}
