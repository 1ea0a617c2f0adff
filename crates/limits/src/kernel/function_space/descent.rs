//! Steps of descent in function space are exactly those of the linearized network: heavy ball, Nesterov and minibatches.

use widenet_core::{
    Matrix,
    training::{Batches, Control, is_finite},
};

use super::{
    dynamics::Descent,
    run::{End, Run},
};
use crate::linear_algebra::{product, transpose_product};

pub(super) fn run(
    run: &Run<'_>,
    Descent { rates, momentum, nesterov, batch_size }: Descent,
    moments: &[f64],
    visit: &mut dyn FnMut(usize, &Matrix, &Matrix),
    watch: &mut dyn FnMut(f64) -> Control,
) -> End {
    let mut batches = batch_size.map(|size| Batches::new(run.seed, run.kernel.nrows(), size));
    let last = moments.iter().copied().fold(0.0, f64::max) as u64;
    let mut z = Matrix::zeros(run.start.nrows(), run.start.ncols());
    let mut velocity = z.clone();
    // Kept up to date by full-batch steps only; minibatches compute what they need.
    let mut outputs = run.start.clone();
    let mut due = 0;
    for step in 0..=last {
        if moments.get(due).is_some_and(|moment| step as f64 >= *moment) {
            if batches.is_some() {
                outputs = run.outputs(&z);
            }
            if !is_finite(&outputs) {
                return End::Diverged { step, time: rates.time(step as f64) };
            }
            visit(due, &z, &outputs);
            due += 1;
        }
        if step == last {
            break;
        }
        let update = |velocity: &mut Matrix, gradient: Matrix| {
            // W ← W − s_t u, or W ← W − s_t (η ∇ + μ u) with the new u.
            *velocity = &*velocity * momentum + &gradient * rates.peak;
            let moved = if nesterov { &*velocity * momentum + gradient * rates.peak } else { velocity.clone() };
            moved * rates.scale(step)
        };
        match &mut batches {
            None => {
                let moved = update(&mut velocity, run.gradient.full(&outputs));
                outputs -= product(run.kernel, &moved);
                z += moved;
                if !is_finite(&outputs) {
                    return End::Diverged { step: step + 1, time: rates.time((step + 1) as f64) };
                }
            }
            Some(batches) => {
                let samples = batches.at(step);
                let columns = run.kernel.select_columns(samples);
                let own = run.start.select_rows(samples) - transpose_product(&columns, &z);
                if !is_finite(&own) {
                    return End::Diverged { step, time: rates.time(step as f64) };
                }
                let batch_gradient = run.gradient.batch(&own, samples);
                let mut gradient = Matrix::zeros(z.nrows(), z.ncols());
                for (row, sample) in samples.iter().enumerate() {
                    gradient.row_mut(*sample).copy_from(&batch_gradient.row(row));
                }
                z += update(&mut velocity, gradient);
            }
        }
        if watch((step + 1) as f64 / last as f64) == Control::Stop {
            return End::Stopped { step: step + 1 };
        }
    }
    End::Done
}
