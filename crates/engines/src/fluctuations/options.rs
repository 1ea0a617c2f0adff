//! How many small networks fluctuations are measured from, and how small.

use std::num::NonZeroUsize;

use widenet_core::{Problem, Width, humanized};
use widenet_system::memory;

use crate::{limit_options::LimitOptions, solver::SolveError};

/// Widest small networks; their law is that of wider ones long before.
const WIDEST: u64 = 1 << 20;
/// Most networks of a width.
const MOST_NETWORKS: usize = 1_000_000;

/// Which networks fluctuations are measured from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FluctuationOptions {
    /// m_0 ≥ 4, usually 64 … 256.
    pub small_width: u64,
    /// R_0 ≥ 2, the networks of each of the widths m_0 and 2 m_0; usually hundreds.
    pub networks: usize,
    /// Seed of the limit; the networks have those that follow it.
    pub seed: u64,
    /// How exactly limits by quadrature are evaluated.
    pub limit: LimitOptions,
    /// Networks that train at once.
    pub threads: NonZeroUsize,
}

impl FluctuationOptions {
    /// Refuses numbers out of range, and more records than fit into memory.
    ///
    /// # Errors
    /// [`SolveError::Refused`] with the option, its value, and what would be right.
    pub fn check(&self, problem: &Problem) -> Result<(), SolveError> {
        let FluctuationOptions { small_width, networks, .. } = *self;
        problem.network.check_fully_connected("the spread of finite networks")?;
        if !(4..=WIDEST).contains(&small_width) {
            return Err(SolveError::Refused(format!(
                "small width = {small_width} must lie between 4 and {WIDEST}: the width of the networks that are trained; 64 is usual"
            )));
        }
        if !(2..=MOST_NETWORKS).contains(&networks) {
            return Err(SolveError::Refused(format!(
                "networks = {networks} must lie between 2 and {MOST_NETWORKS}: spreads are over them; some hundreds are usual"
            )));
        }
        let bytes = problem.record_bytes(Width::Finite(2 * small_width)).0.max(1);
        let needed = bytes.saturating_mul(2 * networks as u64);
        match memory::available() {
            Some(available) if needed > available => Err(SolveError::Refused(format!(
                "networks = {networks}: their records need {}, and {} are available; {} networks fit, or set record.at or \
                 record.quantities to less",
                humanized::bytes(needed),
                humanized::bytes(available),
                available / bytes / 2
            ))),
            _ => Ok(()),
        }
    }
}
