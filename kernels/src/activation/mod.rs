//! Activations change neurons entry by entry, forwards and backwards.
//!
//! For preactivations H (P × n) and signals G (kP × n) of k outputs,
//!
//! ```text
//! activate:          H ← φ(H)            times_derivative:  G_c ← G_c φ'(H) for each of the k blocks G_c (P × n) of G
//! ```
//!
//! with φ an [`Activation`]. On the CPU, and in `f32` on a GPU, functions are polynomials after a reduction of the argument, in the
//! float type of the tensors. On the CPU values and derivatives are off by at most four units in the last place, also where they
//! are small: tanh u ≈ u near 0, tanh' u ≈ 4 e^{−2|u|} far out. Only near the zeros of silu' and gelu' are they units of the larger
//! of the two terms.

mod composed;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod ops;

pub use ops::{activate, times_derivative};
