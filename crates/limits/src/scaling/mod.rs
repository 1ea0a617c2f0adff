//! The exponents of a width scaling alone say which limit neural classifiers have.
//!
//! ```text
//! f(x) = σ Σ_r â_r φ(ŵ_r·x),      σ = σ* n^q_σ,   η̂_a = η̂*_a n^q̃_a,   η̂_w = η̂*_w n^q̃_w,      n = d/d*
//! ```
//!
//! (docs/theory/scaling-limits.md §1, Eq. network, Eq. exponents.)

mod class;
mod classify;
mod condition;
mod deep;
mod golikov_deep;
mod predicted;
mod rms_prop;
mod yang_hu;

pub use class::{Increments, LimitClass};
pub use classify::{Classification, Growth, Layer, Property, Stability};
pub use condition::Condition;
pub use deep::DeepExponents;
pub use golikov_deep::{DeepFactors, DeepLearning, DeepScaling, Update};
pub use predicted::{Decomposition, KernelChange, PredictedExponents};
pub use rms_prop::RmsPropClassification;
pub use yang_hu::{YangHu, YangHuVerdict};
