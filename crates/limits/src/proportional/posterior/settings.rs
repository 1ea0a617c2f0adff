//! Settings of a posterior, and what is said of how it was computed: effective sample size `(Σ w)²/Σ w²`, errors and acceptance
//! (docs/theory/proportional-limit.md §8).

use super::error::{Result, invalid};

/// A way to integrate over mixing matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Quadrature where there is one, otherwise importance sampling, and tempering where that is unreliable.
    #[default]
    Automatic,
    /// Deterministic: one output, inputs of rank one, the Gaussian process, or the limit of 2 × 2 mixing matrices.
    Quadrature,
    /// Shapes from the prior, weighted by their likelihood.
    Importance,
    /// Sequential Monte Carlo from the prior to the posterior through powers of the likelihood.
    Tempered,
}

/// How a posterior is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Way to integrate.
    pub method: Method,
    /// Shapes of importance sampling, ≥ 2.
    pub draws: u64,
    /// Particles of one run of sequential Monte Carlo, ≥ 10.
    pub particles: u64,
    /// Independent runs of it, ≥ 2: their scatter is the error.
    pub runs: u64,
    /// Moves of every particle per temperature, ≥ 1.
    pub sweeps: u64,
    /// Steps of the splitting scheme of the limit, `max(16, 16 α)` if not given.
    pub steps: Option<u64>,
    /// Seed of all random numbers.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { method: Method::Automatic, draws: 20_000, particles: 500, runs: 8, sweeps: 8, steps: None, seed: 0 }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<()> {
        for (name, value, least) in [
            ("draws", self.draws, 2),
            ("particles", self.particles, 10),
            ("runs", self.runs, 2),
            ("sweeps", self.sweeps, 1),
            ("steps", self.steps.unwrap_or(1), 1),
        ] {
            if value < least || value > 1 << 32 {
                return Err(invalid(format!("{name} = {value}: it must be between {least} and 2^32")));
            }
        }
        Ok(())
    }
}

/// How a posterior was computed, and whether it can be relied on.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostics {
    /// Way it was integrated: never [`Method::Automatic`].
    pub method: Method,
    /// Shapes, nodes or particles of all runs.
    pub draws: u64,
    /// `(Σ w)²/Σ w²` over draws, or over runs of sequential Monte Carlo.
    pub effective_sample_size: Option<f64>,
    /// Smallest share of the particles that a temperature left effective.
    pub smallest_incremental: Option<f64>,
    /// Temperatures of the longest run, 1 excluded.
    pub temperatures: u64,
    /// Share of accepted moves at every temperature of the first run (Metropolis moves; of slice moves, accepted per tried point).
    pub acceptance: Vec<f64>,
    /// Standard error of the log evidence; for quadrature, the change in its last refinement.
    pub log_evidence_error: f64,
    /// Why the result must not be relied on; `None` if it may.
    pub unreliable: Option<String>,
}

impl Diagnostics {
    /// Says whether the result may be relied on.
    pub fn reliable(&self) -> bool {
        self.unreliable.is_none()
    }
}

/// Log evidence of an architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// `log p(Y)`.
    pub log_evidence: f64,
    /// How it was computed.
    pub diagnostics: Diagnostics,
}
