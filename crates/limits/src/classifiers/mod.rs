//! Solves classifiers of one hidden layer by simulated particles: the limit that their scaling has, and networks of any width.
//!
//! ```text
//! f(x) = σ Σ_r â_r φ(ŵ_r·x),      σ = σ* n^q_σ,   η̂_a = η̂*_a n^q̃_a,   η̂_w = η̂*_w n^q̃_w,      n = d/d*
//! ```
//!
//! (docs/theory/scaling-limits.md §1, §4.) What the exponents alone say is in [`crate::scaling`].

mod classifier;
pub mod models;
mod record;
mod solve;

pub use classifier::{Classifier, ClassifierLimit};
pub use record::{left_out, records_all};
pub use solve::{cost, solve};
