//! Averages over replicas, with standard errors.

use widenet_core::Matrix;

use super::{
    tangent::Tangent,
    training::{End, Replica, Solution},
};

/// Sums over the replicas seen so far, as running means and squared deviations from them (Welford).
#[derive(Debug, Default)]
pub(super) struct ReplicaAverage {
    count: f64,
    mean: Option<Solution>,
    squares: Vec<Vec<f64>>,
    /// Of every record.
    replicas: Vec<Vec<Replica>>,
}

impl ReplicaAverage {
    /// Adds a replica. The mean exists up to the first divergence.
    pub(super) fn add(&mut self, solution: Solution) {
        self.count += 1.0;
        self.replicas.resize_with(solution.records.len().max(self.replicas.len()), Vec::new);
        for (replicas, record) in self.replicas.iter_mut().zip(&solution.records) {
            let kernel = record.kernel.as_ref().map(Tangent::<Matrix>::total);
            replicas.push(Replica { outputs: record.outputs.clone(), kernel });
        }
        let Some(mean) = &mut self.mean else {
            self.squares = solution.records.iter().map(|record| vec![0.0; record.outputs.len()]).collect();
            self.mean = Some(solution);
            return;
        };
        if mean.end == End::Done {
            mean.end = solution.end;
        }
        mean.settled = mean.settled.zip(solution.settled).map(|(a, b)| a.max(b));
        mean.records.truncate(solution.records.len());
        let share = 1.0 / self.count;
        for ((mean, record), squares) in mean.records.iter_mut().zip(&solution.records).zip(&mut self.squares) {
            for ((mean, value), square) in mean.outputs.iter_mut().zip(&record.outputs).zip(squares) {
                let before = value - *mean;
                *mean += share * before;
                *square += before * (value - *mean);
            }
            if let (Some(mean), Some(diagonals)) = (&mut mean.diagonals, &record.diagonals) {
                move_diagonals(mean, diagonals, share);
            }
            if let (Some(mean), Some(kernel)) = (&mut mean.kernel, &record.kernel) {
                move_kernel(mean, kernel, share);
            }
        }
    }

    /// The means; standard errors where there are two replicas or more.
    pub(super) fn finish(self) -> Option<Solution> {
        let mut mean = self.mean?;
        if self.count > 1.0 {
            let degrees = self.count * (self.count - 1.0);
            for ((record, squares), replicas) in mean.records.iter_mut().zip(self.squares).zip(self.replicas) {
                record.standard_errors = Some(squares.iter().map(|square| (square / degrees).sqrt()).collect());
                record.replicas = replicas;
            }
        }
        Some(mean)
    }
}

fn move_diagonals(mean: &mut Tangent<Vec<f64>>, to: &Tangent<Vec<f64>>, share: f64) {
    for (mean, to) in [(&mut mean.readout, &to.readout), (&mut mean.input, &to.input)] {
        mean.iter_mut().zip(to).for_each(|(mean, to)| *mean += share * (to - *mean));
    }
}

fn move_kernel(mean: &mut Tangent<Matrix>, to: &Tangent<Matrix>, share: f64) {
    for (mean, to) in [(&mut mean.readout, &to.readout), (&mut mean.input, &to.input)] {
        mean.zip_apply(to, |mean, to| *mean += share * (to - *mean));
    }
}
