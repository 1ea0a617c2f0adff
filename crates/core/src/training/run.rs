//! This is a network in training, whatever its kind.

use super::progress::{Control, Progress, Start};
use crate::trajectory::{Record, Status};

/// A network in training, from time 0 or from where a checkpoint left it.
pub trait Training {
    /// Its weight matrices.
    type Matrix;

    /// Every matrix of the run's state, in an order that stays.
    fn matrices(&self) -> Vec<&Self::Matrix>;

    /// The same, to be changed.
    fn matrices_mut(&mut self) -> Vec<&mut Self::Matrix>;

    /// Trains and records what the problem asks for. A run that diverges returns what was recorded before. `observe` is called after
    /// every step with [`Training::matrices`] and may stop the run.
    fn run(
        &mut self,
        start: Start,
        observe: &mut dyn FnMut(&Progress<'_>, &[&Self::Matrix]) -> Control,
    ) -> (Vec<Record>, Status);
}
