//! One-hidden-layer classifiers with logistic loss have these limits, for the 13 classes of stable scalings and for IC-MF.
//!
//! ```text
//! F_k = lim f⁽ᵏ⁾/n^B,      g_0 = G(sign A, F_init),      g_k = G(sign B, F_k)
//! kernel stays (classes 1–8):           F ← F − ⟨g_i K̂(·, x_i)⟩
//! particles move (9–13 and IC-MF):      F(x) = S ∫ â φ(ŵ·x) dμ,   â ← â − α⟨g_i φ(ŵ·x_i)⟩,   ŵ ← ŵ − β⟨g_i â φ'(ŵ·x_i) x_i⟩
//! ```
//!
//! (docs/theory/scaling-limits.md §3.3, §4, Eq. gradient, Eq. stationary, Eq. particles.) M = m + m_t counts inputs, the m training inputs
//! first; every vector over inputs has this order. A finite network is a set of particles too ([`ParticleSystem`]), and one loop trains
//! them all.

mod average;
mod constants;
mod inputs;
mod model;
mod particles;
mod solve;
mod source;
mod start;
mod stationary;
mod tangent;
mod training;
mod unit;

pub use constants::{Constants, ReferenceNetwork};
pub use inputs::Inputs;
pub use model::{Model, loss_gradient};
pub use particles::{ParticleSystem, Particles, Rates, Weights};
pub use solve::{ParticleClassifier, solve_particles, solve_stationary, train_network};
pub use source::{LARGEST_SET, Source};
pub use start::{StartDistribution, StartKernels};
pub use tangent::Tangent;
pub use training::{End, KernelRecord, Push, Record, Replica, Solution, StepBatches, Training};
pub use unit::Unit;
