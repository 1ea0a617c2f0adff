//! A centered network is trained as its function less that at the start: its predictor is `β − β_0`.

use std::borrow::Cow;

use super::network::LinearNetwork;
use crate::{
    matrix::Matrix,
    problem::Problem,
    training::{matrix::WeightMatrix, runge_kutta::Point},
};

/// `β_0`, k × d, of a network that is centered.
#[derive(Debug, Clone)]
pub(super) struct Origin(Option<Matrix>);

impl Origin {
    /// That of a problem whose network is this one at its start.
    pub(super) fn of<W: WeightMatrix>(problem: &Problem, initial: &mut LinearNetwork<W>) -> Origin {
        Origin(problem.network.centered.then(|| {
            let chain = initial.backward(&Point::OWN, &[]);
            initial.predictor(&chain)
        }))
    }

    /// The predictor as the loss and the records see it.
    pub(super) fn seen<'a>(&self, predictor: &'a Matrix) -> Cow<'a, Matrix> {
        match &self.0 {
            None => Cow::Borrowed(predictor),
            Some(origin) => Cow::Owned(predictor - origin),
        }
    }
}
