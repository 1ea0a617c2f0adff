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
mod importance;
mod integral;
mod marginal;
mod quadrature;
mod regression;
mod scale;
mod shape;
mod slope;
mod summary;
mod tempered;

pub use integral::{Diagnostics, Evidence, Method, Settings};
pub use marginal::Marginal;
pub use regression::Regression;
pub use summary::{MeanMixing, Posterior};

/// What can stop the computation of a posterior.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// An argument is wrong or has no answer; the message names it.
    #[error(transparent)]
    Invalid(#[from] widenet_core::Error),
    /// `watch` said stop.
    #[error("stopped on request")]
    Stopped,
}

/// Result with this module's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// An [`Error::Invalid`] with this message.
fn invalid(message: impl Into<String>) -> Error {
    Error::Invalid(super::invalid(message))
}

/// The numbers by which all answers about posteriors leave: what is not finite is never reliable.
fn finite<'v>(name: &str, values: impl IntoIterator<Item = &'v f64>) -> Result<()> {
    match values.into_iter().find(|value| !value.is_finite()) {
        None => Ok(()),
        Some(value) => Err(invalid(format!(
            "the {name} came out as {value}: targets, noise and network are too far apart for double precision"
        ))),
    }
}

/// Asks `watch` whether to go on.
fn check(watch: &mut dyn FnMut(f64) -> widenet_core::training::Control, share: f64) -> Result<()> {
    match watch(share) {
        widenet_core::training::Control::Continue => Ok(()),
        widenet_core::training::Control::Stop => Err(Error::Stopped),
    }
}
