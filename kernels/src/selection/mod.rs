//! Selections stack or sum vectors of each sample: patches of images, averages over windows, and their transposes.
//!
//! For vectors X of samples of `inputs` positions each (samples inputs × n), and a [`widenet_core::training::Selection`] s with q slots,
//!
//! ```text
//! selection_stack:  y_p = (x_{s(p,1)}; …; x_{s(p,q)})        selection_sum:  y_p = Σ_j x_{s(p,j)}
//! ```
//!
//! (docs/theory/convolutions.md §1, Eq. patch.) Vectors are copied whole, so the channels of a position should be contiguous, as they are.

mod composed;
mod cpu;
mod ops;

pub use ops::{selection_stack, selection_sum};
