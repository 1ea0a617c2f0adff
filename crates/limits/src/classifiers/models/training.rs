//! This loop of gradient descent serves stationary kernels, particles and finite networks.
//!
//! ```text
//! g_0 = G(sign A, F_init),   g_k = G(sign B, F_k),      F_{k+1} from the pushes s_k g_i/|batch| of the samples of batch k
//! ```
//!
//! (docs/theory/scaling-limits.md §3.3, Eq. gradient.) Models learn at the peak of the learning rate, of which step k has the share `s_k`.

use std::{
    cmp::Ordering,
    sync::{Mutex, PoisonError},
};

use widenet_core::{
    Matrix, Result,
    problem::{LearningRates, Schedule},
    training::{Batches, Control},
};

use super::{model::loss_gradient, tangent::Tangent};
use crate::error::invalid;

/// Outputs larger than this have diverged, though they may still be finite.
const DIVERGED: f64 = 1e100;

/// How a classifier is trained and what is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// y = ±1 of the training inputs, m.
    pub labels: &'a [f64],
    /// Number of steps.
    pub steps: u64,
    /// Training inputs that each step sees; without it all of them.
    pub batches: Option<StepBatches<'a>>,
    /// Steps at which to record, ascending.
    pub at: &'a [u64],
    /// Tangent kernels to record.
    pub kernels: KernelRecord,
    /// Shares of the learning rate, step by step.
    pub schedule: Schedule,
}

/// Which training inputs (from 0) each step sees.
#[derive(Debug, Clone, Copy)]
pub enum StepBatches<'a> {
    /// One list per step at least.
    Listed(&'a [Vec<usize>]),
    /// Drawn when their step comes: a long run never holds all of them.
    Drawn(&'a Mutex<Batches>),
}

impl StepBatches<'_> {
    fn with<T>(self, step: u64, read: impl FnOnce(&[usize]) -> T) -> T {
        match self {
            StepBatches::Listed(batches) => read(&batches[step as usize]),
            StepBatches::Drawn(batches) => read(batches.lock().unwrap_or_else(PoisonError::into_inner).at(step)),
        }
    }
}

/// What a record holds of the tangent kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelRecord {
    /// Nothing.
    #[default]
    Nothing,
    /// `K(x, x)` of all inputs.
    Diagonals,
    /// The kernel of all inputs, and its diagonals.
    Whole,
}

/// How hard a step pushes the output of a training input down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Push {
    /// Index of the training input.
    pub sample: usize,
    /// `s_k g_i` over the size of the batch.
    pub gradient: f64,
}

/// A moment of training.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Steps taken.
    pub step: u64,
    /// `F_k` on all inputs, M; the mean over replicas.
    pub outputs: Vec<f64>,
    /// Standard error of that mean, M, where there is more than one replica. It does not know of the bias of order 1/N of N
    /// particles, which replicas share.
    pub standard_errors: Option<Vec<f64>>,
    /// `K(x, x)`, M; the mean over replicas.
    pub diagonals: Option<Tangent<Vec<f64>>>,
    /// `K`, M × M; the mean over replicas.
    pub kernel: Option<Tangent<Matrix>>,
    /// What the replicas found, one by one, where there is more than one: standard errors of functions of the means follow from them.
    pub replicas: Vec<Replica>,
}

/// What a replica found at a moment of training.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica {
    /// `F_k` on all inputs, M.
    pub outputs: Vec<f64>,
    /// `K`, M × M, where it is recorded.
    pub kernel: Option<Matrix>,
}

/// How training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All steps were taken.
    Done,
    /// Outputs were no longer finite, or beyond 1e100.
    Diverged {
        /// Steps taken before it was noticed.
        step: u64,
    },
    /// `watch` said stop.
    Stopped {
        /// Steps taken.
        step: u64,
    },
}

/// Records of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Those asked for, up to the end.
    pub records: Vec<Record>,
    /// How it ended.
    pub end: End,
    /// The step from which on nothing moves, because logits diverge and every training input is classified right.
    pub settled: Option<u64>,
}

impl Training<'_> {
    /// Refuses what does not fit the inputs.
    pub(super) fn check(&self, inputs: usize) -> Result<()> {
        if self.labels.len() != inputs {
            return Err(invalid(format!("{} labels for {inputs} training inputs", self.labels.len())));
        }
        if let Some(i) = self.labels.iter().position(|label| label.abs() != 1.0) {
            return Err(invalid(format!(
                "the label of training input {} is {}; the logistic loss needs −1 or +1",
                i + 1,
                self.labels[i]
            )));
        }
        let ascending = self.at.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || self.at.last().is_some_and(|last| *last > self.steps) {
            return Err(invalid(format!(
                "records at {:?}: the steps must ascend and end at {} or before",
                self.at, self.steps
            )));
        }
        let Some(StepBatches::Listed(batches)) = self.batches else { return Ok(()) };
        if (batches.len() as u64) < self.steps {
            return Err(invalid(format!("{} batches for {} steps", batches.len(), self.steps)));
        }
        for (step, batch) in batches.iter().enumerate() {
            if batch.is_empty() {
                return Err(invalid(format!("the batch of step {step} is empty")));
            }
            if let Some(sample) = batch.iter().find(|sample| **sample >= inputs) {
                return Err(invalid(format!("the batch of step {step} holds sample {sample} of {inputs}")));
            }
        }
        Ok(())
    }

    /// The pushes of step k with these outputs under G of this sign; samples that are not pushed are left out.
    fn pushes(&self, step: u64, sign: Ordering, outputs: &[f64]) -> Vec<Push> {
        let rates = LearningRates { peak: 1.0, schedule: self.schedule, steps: self.steps };
        let scale = rates.scale(step);
        let push = |sample: usize, share: f64| {
            let gradient = scale * share * loss_gradient(sign, self.labels[sample], outputs[sample]);
            (gradient != 0.0).then_some(Push { sample, gradient })
        };
        match self.batches {
            Some(batches) => batches.with(step, |batch| {
                batch.iter().filter_map(|sample| push(*sample, 1.0 / batch.len() as f64)).collect()
            }),
            None => {
                let count = self.labels.len();
                (0..count).filter_map(|sample| push(sample, 1.0 / count as f64)).collect()
            }
        }
    }
}

/// A function of the inputs that learns from pushes.
pub(super) trait Dynamics {
    /// The function on all inputs, M.
    fn outputs(&self) -> &[f64];

    /// One step of descent.
    fn step(&mut self, pushes: &[Push]);

    /// `K(x, x)`, M.
    fn diagonals(&self) -> Tangent<Vec<f64>>;

    /// `K`, M × M.
    fn kernel(&self) -> Tangent<Matrix>;
}

/// How the loss sees the outputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    /// Signs of the exponents of logits at step 0 and later.
    pub(super) signs: (Ordering, Ordering),
    /// What is added to the function, always, M.
    pub(super) offset: Option<&'a [f64]>,
    /// What the first step sees instead of the outputs, M.
    pub(super) first: Option<&'a [f64]>,
}

/// Refuses a vector that is not one finite number per input.
pub(super) fn check_function(name: &str, values: Option<&[f64]>, inputs: usize) -> Result<()> {
    let Some(values) = values else { return Ok(()) };
    if values.len() != inputs {
        return Err(invalid(format!(
            "the {name} has {} values; it needs one for each of the {inputs} inputs, training inputs first",
            values.len()
        )));
    }
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(invalid(format!("the {name} holds {value}; all values must be finite"))),
        None => Ok(()),
    }
}

/// Trains; `watch` is called after every step with the share of steps taken.
pub(super) fn run(
    dynamics: &mut dyn Dynamics,
    view: View<'_>,
    training: &Training<'_>,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Solution {
    let (mut records, mut settled) = (Vec::new(), None);
    let mut step = 0;
    let end = loop {
        let mut outputs = dynamics.outputs().to_vec();
        if let Some(offset) = view.offset {
            outputs.iter_mut().zip(offset).for_each(|(output, offset)| *output += offset);
        }
        // Written so that NaN has diverged as well.
        if !outputs.iter().all(|output| output.abs() < DIVERGED) {
            break End::Diverged { step };
        }
        let right = || training.labels.iter().zip(&outputs).all(|(label, output)| label * output >= 0.0);
        if settled.is_none() && step > 0 && view.signs.1 == Ordering::Greater && right() {
            settled = Some(step);
        }
        let (sign, seen) = match step {
            0 => (view.signs.0, view.first.unwrap_or(&outputs)),
            _ => (view.signs.1, &outputs[..]),
        };
        let pushes = if step < training.steps { training.pushes(step, sign, seen) } else { Vec::new() };
        if training.at.get(records.len()) == Some(&step) {
            records.push(record(dynamics, step, outputs, training.kernels));
        }
        if step == training.steps {
            break End::Done;
        }
        if !pushes.is_empty() {
            dynamics.step(&pushes);
        }
        step += 1;
        if watch(step as f64 / training.steps as f64) == Control::Stop {
            break End::Stopped { step };
        }
    };
    Solution { records, end, settled }
}

fn record(dynamics: &dyn Dynamics, step: u64, outputs: Vec<f64>, kernels: KernelRecord) -> Record {
    Record {
        step,
        outputs,
        standard_errors: None,
        diagonals: (kernels != KernelRecord::Nothing).then(|| dynamics.diagonals()),
        kernel: (kernels == KernelRecord::Whole).then(|| dynamics.kernel()),
        replicas: Vec::new(),
    }
}
