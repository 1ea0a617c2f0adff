//! A step and a record share passes through the network as it is.

use super::network::Forward;
use crate::matrix::Matrix;

/// Passes of the samples of a step; their outputs are corrected where the problem's are.
pub(in crate::training) struct Passes<B> {
    pub(super) forward: Forward<B>,
    /// The pass at θ_0 and `f_lin`.
    pub(super) linearised: Option<(Forward<B>, Matrix)>,
    /// Their targets, of minibatches.
    pub(super) targets: Option<Matrix>,
}

impl<B> Passes<B> {
    /// Whether these are passes of all training samples.
    pub(super) fn is_full_batch(&self) -> bool {
        self.targets.is_none()
    }
}
