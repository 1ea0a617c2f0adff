//! Minibatches say which samples a step sees.

use rand::seq::SliceRandom;

use crate::{
    problem::Problem,
    seed::{Purpose, stream},
};

/// Batches without replacement within an epoch; a shorter last batch is dropped and its samples wait for the next epoch.
///
/// The batch of a step depends only on `(seed, step)`, so a resumed run sees the same batches.
#[derive(Debug, Clone)]
pub struct Batches {
    seed: u64,
    samples: usize,
    size: usize,
    epoch: Option<u64>,
    order: Vec<usize>,
}

impl Batches {
    /// Batches of `size ≤ samples`.
    pub fn new(seed: u64, samples: usize, size: usize) -> Self {
        Self { seed, samples, size, epoch: None, order: Vec::new() }
    }

    /// Makes the batches of a problem; none if it is trained on all samples at once.
    pub fn of(problem: &Problem, seed: u64) -> Option<Self> {
        problem.optimizer.batch_size().map(|size| Self::new(seed, problem.data.train.inputs.nrows(), size))
    }

    /// Returns the sample indices of a step.
    pub fn at(&mut self, step: u64) -> &[usize] {
        let per_epoch = (self.samples / self.size) as u64;
        let (epoch, batch) = (step / per_epoch, (step % per_epoch) as usize);
        if self.epoch != Some(epoch) {
            self.order = (0..self.samples).collect();
            self.order.shuffle(&mut stream(self.seed, Purpose::Batches, epoch));
            self.epoch = Some(epoch);
        }
        &self.order[batch * self.size..(batch + 1) * self.size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_visits_no_sample_twice_and_does_not_depend_on_history() {
        let mut forward = Batches::new(3, 10, 3);
        let first: Vec<Vec<usize>> = (0..6).map(|step| forward.at(step).to_vec()).collect();
        let mut seen: Vec<usize> = first[..3].concat();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 9);
        assert_ne!(first[..3], first[3..], "epochs are reshuffled");
        assert_eq!(Batches::new(3, 10, 3).at(5), first[5]);
    }
}
