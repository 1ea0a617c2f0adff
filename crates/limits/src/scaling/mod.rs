//! Width scalings of neural classifiers: which limit exponents lead to, and that limit.
//!
//! ```text
//! f(x) = σ Σ_r â_r φ(ŵ_r·x),      σ = σ* n^q_σ,   η̂_a = η̂*_a n^q̃_a,   η̂_w = η̂*_w n^q̃_w,      n = d/d*
//! ```
//!
//! (docs/theory/scaling-limits.md §1, Eq. network, Eq. exponents.)

mod class;
mod classifier;
mod classify;
mod condition;
mod deep;
mod golikov_deep;
pub mod models;
mod predictions;
mod record;
mod rms_prop;
mod solve;
mod yang_hu;

pub use class::{Increments, LimitClass};
pub use classifier::{Classifier, ClassifierLimit};
pub use classify::{Classification, Growth, Layer, Property, Verdict};
pub use condition::Condition;
pub use deep::DeepExponents;
pub use golikov_deep::{DeepFactors, DeepLearning, DeepScaling, Update};
pub use predictions::{Decomposition, KernelChange, Predictions};
pub use record::left_out;
pub use rms_prop::RmsPropClassification;
pub use solve::{cost, solve};
pub use yang_hu::{YangHu, YangHuVerdict};
