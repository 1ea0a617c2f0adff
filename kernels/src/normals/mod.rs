//! Standard normal vectors need not be stored: every entry is a function of its address.
//!
//! With Philox words `w_0 … w_3` of the counter `(b mod 2³², ⌊b / 2³²⌋, j, tag)`, rows `4b … 4b + 3` of vector `ξ_j` are
//! two Box–Muller pairs,
//!
//! ```text
//! ξ = √(−2 ln u) (cos φ, sin φ),   u = (w_0 + ½) 2⁻³²,  φ = 2π w_1 2⁻³²      and the same of w_2, w_3
//! ```
//!
//! (docs/theory/randomness.md §2, Eq. normals). The products with `Ξ = (ξ_j)` make a tile of it, use it and forget it:
//!
//! ```text
//! normals_add:   x_c ← x_c + Σ_j C[j, c] ξ_j          normals_gram:   ξ_jᵀ x_c
//! ```
//!
//! Conditioned weights need no more than these to keep half of their state (docs/theory/conditioning.md §2).

mod composed;
pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod ops;
mod stream;

pub use ops::{normals, normals_add, normals_gram};
pub use stream::NormalStream;
