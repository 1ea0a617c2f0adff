//! Computes activations on slices, in lanes of entries.
//!
//! ```text
//! h ← φ(h)        g_c ← g_c φ'(h)
//! ```
//!
//! (docs/theory/numerics.md §1.) Every entry goes through the same instructions wherever it stands, the last ones in lanes filled up with zeros.

use multiversion::multiversion;

use super::functions::{self, Lane};
use crate::problem::Activation;

/// Entries per step: long enough that the loop over them is the one that the compiler vectorises.
const LANES: usize = 64;

/// The float types of activations.
pub trait Neuron: Lane {
    /// `h ← φ(h)`.
    fn values(h: &mut [Self], activation: Activation);

    /// `g_c ← g_c φ'(h)` for all `g_c`, which are as long as h.
    fn times_derivatives(g: &mut [&mut [Self]], h: &[Self], activation: Activation);
}

/// `u[lane] ← value` in terms of the entry. A loop in place, for closures would not be compiled for the machine found at run time.
macro_rules! for_lanes {
    ($u:ident, $entry:ident => $value:expr) => {
        for lane in 0..LANES {
            let $entry = $u[lane];
            $u[lane] = $value;
        }
    };
}

/// The first entries, and zeros if there are too few.
#[inline(always)]
fn padded<T: Lane>(entries: &[T]) -> [T; LANES] {
    let mut lanes = [T::ZERO; LANES];
    lanes[..entries.len()].copy_from_slice(entries);
    lanes
}

/// Angles too large for the parts of π/2, one by one with all their digits.
#[inline(always)]
fn large_angles<T: Lane>(angles: &[T; LANES], results: &mut [T; LANES], f: fn(f64) -> f64) {
    let mut any = false;
    for angle in angles {
        any |= angle.abs() > T::LARGEST_ANGLE;
    }
    if any {
        for lane in 0..LANES {
            if angles[lane].abs() > T::LARGEST_ANGLE {
                results[lane] = T::of(f(angles[lane].wide()));
            }
        }
    }
}

/// `φ` in each lane.
#[inline(always)]
fn value<T: Lane>(u: &mut [T; LANES], activation: Activation) {
    match activation {
        Activation::Identity => {}
        Activation::Relu => for_lanes!(u, entry => if entry < T::ZERO { T::ZERO } else { entry }),
        Activation::LeakyRelu { negative_slope } => {
            let slope = T::of(negative_slope);
            for_lanes!(u, entry => if entry < T::ZERO { slope * entry } else { entry });
        }
        Activation::Abs => for_lanes!(u, entry => entry.abs()),
        Activation::Erf => for_lanes!(u, entry => functions::erf(entry)),
        Activation::Sin => {
            let angles = *u;
            for_lanes!(u, entry => functions::sin(entry));
            large_angles(&angles, u, f64::sin);
        }
        Activation::Gelu => for_lanes!(u, entry => functions::gelu(entry)),
        Activation::Tanh => for_lanes!(u, entry => functions::tanh(entry)),
        Activation::Sigmoid => for_lanes!(u, entry => functions::sigmoid(entry)),
        Activation::Softplus => for_lanes!(u, entry => functions::softplus(entry)),
        Activation::Silu => for_lanes!(u, entry => functions::silu(entry)),
        // In terms of the entry, so that NaN stays NaN.
        Activation::Step => {
            for_lanes!(u, entry => if entry > T::ZERO { T::of(1.0) } else if entry <= T::ZERO { T::ZERO } else { entry });
        }
        Activation::SquaredRelu => for_lanes!(u, entry => if entry < T::ZERO { T::ZERO } else { entry * entry }),
    }
}

/// `φ'` in each lane.
#[inline(always)]
fn derivative<T: Lane>(u: &mut [T; LANES], activation: Activation) {
    if let Some((below, above)) = activation.slopes() {
        let (below, above) = (T::of(below), T::of(above));
        for_lanes!(u, entry => if entry > T::ZERO { above } else { below });
    }
    match activation {
        Activation::Identity | Activation::Relu | Activation::LeakyRelu { .. } | Activation::Abs => {}
        Activation::Erf => for_lanes!(u, entry => functions::erf_derivative(entry)),
        Activation::Sin => {
            let angles = *u;
            for_lanes!(u, entry => functions::cos(entry));
            large_angles(&angles, u, f64::cos);
        }
        Activation::Gelu => for_lanes!(u, entry => functions::gelu_derivative(entry)),
        Activation::Tanh => for_lanes!(u, entry => functions::tanh_derivative(entry)),
        Activation::Sigmoid => for_lanes!(u, entry => functions::sigmoid_derivative(entry)),
        Activation::Softplus => for_lanes!(u, entry => functions::sigmoid(entry)),
        Activation::Silu => for_lanes!(u, entry => functions::silu_derivative(entry)),
        Activation::Step => *u = [T::ZERO; LANES],
        Activation::SquaredRelu => for_lanes!(u, entry => if entry > T::ZERO { entry + entry } else { T::ZERO }),
    }
}

#[inline(always)]
fn values<T: Lane>(h: &mut [T], activation: Activation) {
    let (whole, rest) = h.as_chunks_mut();
    for lanes in whole {
        value(lanes, activation);
    }
    if !rest.is_empty() {
        let mut lanes = padded(rest);
        value(&mut lanes, activation);
        rest.copy_from_slice(&lanes[..rest.len()]);
    }
}

#[inline(always)]
fn times_derivatives<T: Lane>(g: &mut [&mut [T]], h: &[T], activation: Activation) {
    for (step, h) in h.chunks(LANES).enumerate() {
        let mut lanes = padded(h);
        derivative(&mut lanes, activation);
        for g in g.iter_mut() {
            let g = &mut g[step * LANES..][..h.len()];
            for lane in 0..g.len() {
                g[lane] = g[lane] * lanes[lane];
            }
        }
    }
}

macro_rules! neuron {
    ($type:ty, $values:ident, $times_derivatives:ident) => {
        #[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
        fn $values(h: &mut [$type], activation: Activation) {
            values(h, activation);
        }

        #[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
        fn $times_derivatives(g: &mut [&mut [$type]], h: &[$type], activation: Activation) {
            times_derivatives(g, h, activation);
        }

        impl Neuron for $type {
            fn values(h: &mut [Self], activation: Activation) {
                $values(h, activation);
            }

            fn times_derivatives(g: &mut [&mut [Self]], h: &[Self], activation: Activation) {
                $times_derivatives(g, h, activation);
            }
        }
    };
}

neuron!(f32, values_f32, times_derivatives_f32);
neuron!(f64, values_f64, times_derivatives_f64);
