//! Computes posteriors of random deep linear networks under Gaussian observation noise, at any widths and in the limit.
//!
//! ```text
//! Y = F + ε,   ε ~ N(0, τ²),    vec(F) | Q ~ N(0, g K0 ⊗ Q)    ⇒    p(F* | Y) = ∫ p(Q | Y) p(F* | Q, Y) dQ
//! ```
//!
//! (docs/theory/proportional-limit.md §8, Eq. 2.3; Hanin, Zlokapa, arXiv 2212.14457 for one output.) A posterior is a mixture of those of
//! Gaussian processes. `Q = e^u Q̂`: the scale u is always integrated by quadrature, the shape Q̂ in closed form, by quadrature or by Monte
//! Carlo.

mod conditional;
mod error;
mod importance;
mod integral;
mod marginal;
mod mixture;
mod quadrature;
mod regression;
mod scale;
mod settings;
mod shape;
mod slope;
mod summary;
mod tempered;

pub use error::{Error, Result};
pub use marginal::Marginal;
pub use regression::Regression;
pub use settings::{Diagnostics, Evidence, Method, Settings};
pub use summary::{MeanMixing, Posterior};
