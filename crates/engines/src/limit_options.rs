//! How exactly limits by quadrature are asked for.

use widenet_core::{Problem, Width};
use widenet_limits::{Regime, nonlinear::Options};
use widenet_system::memory;

/// How exactly mean-field limits of perceptrons are evaluated. `None` is the usual.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LimitOptions {
    /// Half-width of 95 % intervals, relative to the largest number of each recorded quantity, in (0, 1); usually 1e-3.
    pub accuracy: Option<f64>,
    /// Independent draws of the nodes, 2 at least; usually 8.
    pub replicates: Option<usize>,
    /// Nodes per layer, a power of two, whatever accuracy comes of them.
    pub nodes: Option<u64>,
}

/// What tells the results of options apart: accuracy as bits, replicates, nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LimitKey {
    accuracy: u64,
    replicates: usize,
    nodes: Option<u64>,
}

impl LimitOptions {
    /// Says whether nothing is asked for.
    pub fn is_usual(&self) -> bool {
        *self == LimitOptions::default()
    }

    /// With the usual where nothing is said.
    pub(crate) fn resolved(self) -> Options {
        let usual = Options::default();
        let options = Options {
            accuracy: self.accuracy.unwrap_or(usual.accuracy),
            replicates: self.replicates.unwrap_or(usual.replicates),
            memory: memory::available().unwrap_or(usual.memory),
            ..usual
        };
        match self.nodes {
            // Whatever accuracy they have is the one that was asked for.
            Some(nodes) => {
                let log2 = nodes.max(1).ilog2();
                Options { accuracy: 1.0 - f64::EPSILON, log2_nodes: (log2, log2), grids: false, ..options }
            }
            None => options,
        }
    }

    /// Returns the number of independent draws of the nodes.
    pub fn replicates(&self) -> usize {
        self.resolved().replicates
    }

    pub(crate) fn key(self) -> LimitKey {
        let Options { accuracy, replicates, .. } = self.resolved();
        LimitKey { accuracy: accuracy.to_bits(), replicates, nodes: self.nodes }
    }

    /// Returns what the limit at a width makes use of: nothing, unless it is by quadrature.
    #[must_use]
    pub fn at(self, width: Width, problem: &Problem) -> LimitOptions {
        let is_used = width == Width::Infinite && matches!(Regime::of(problem), Ok(Regime::MeanField));
        if is_used { self } else { LimitOptions::default() }
    }
}
