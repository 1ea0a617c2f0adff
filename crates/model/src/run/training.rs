//! Trains one network, with its checkpoints.

use widenet_core::{
    training::Training,
    trajectory::{Record, Status},
};

use super::keeper::Keeper;
use crate::{checkpoint::Saved, error::ModelError};

/// Records, how the run ended, and what there is to tell.
pub(super) type Trained = (Vec<Record>, Status, Vec<String>);

/// Trains a network at time 0, from where a checkpoint left it if there is one.
///
/// # Errors
/// [`ModelError::Checkpoint`].
pub(super) fn train<T: Training<Matrix: Saved>>(training: &mut T, keeper: Keeper<'_>) -> Result<Trained, ModelError> {
    let (mut keeper, start) = keeper.open(training.matrices_mut());
    let (records, status) = training.run(start, &mut |progress, matrices| keeper.keep(progress, matrices));
    keeper.close().map(|notes| (records, status, notes))
}
