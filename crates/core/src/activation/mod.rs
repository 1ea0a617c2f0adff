//! Activations of many entries at once, as polynomials in SIMD lanes of both float types.
//!
//! ```text
//! h ← φ(h)        g_c ← g_c φ'(h)
//! ```
//!
//! Values and derivatives are off by at most four units in the last place, also where they are small: tanh u ≈ u near 0, tanh' u ≈ 4 e^{−2|u|}
//! far out; only near the zeros of silu' and gelu' they are units of the larger of the two terms (docs/theory/numerics.md §1).
//! [`Activation::value`](crate::problem::Activation::value) is the plain twin.

mod functions;
mod lanes;

pub use functions::Lane;
pub use lanes::Neuron;
