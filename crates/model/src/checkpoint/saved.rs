//! A matrix that can be saved answers these questions of a checkpoint.

use burn::Tensor;
use serde_json::Value;

use super::file::Checkpoint;

/// A matrix that a checkpoint keeps.
pub(crate) trait Saved: Sized {
    /// Its tensors with their names; `index` is its place among the matrices of the run, `before` those in front of it.
    fn tensors(&self, index: usize, before: &[&Self]) -> Vec<(String, Tensor<2>)>;

    /// Every number that is in no tensor.
    fn state(&self, before: &[&Self]) -> Value;

    /// Whether every number that is in no tensor is finite.
    fn is_finite(&self) -> bool;

    /// The matrix that this one, at time 0, had become.
    ///
    /// # Errors
    /// What cannot be read.
    fn restored(&self, index: usize, before: &[Self], state: &Value, source: &mut Checkpoint) -> Result<Self, String>;

    /// Becomes the restored matrix, also for those that share something with it.
    fn become_restored(&mut self, restored: Self) {
        *self = restored;
    }
}
