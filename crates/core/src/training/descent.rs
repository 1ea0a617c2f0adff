//! This is the loop of gradient descent, full batch or minibatch, written once for every network.

use super::{
    progress::{Control, Progress},
    rule::Step,
};
use crate::{
    problem::{LearningRates, Problem},
    trajectory::Status,
};

/// What descent asks of a network and of the records taken of it.
pub(super) trait Descend {
    /// What a record and a step share: passes through the network as it is.
    type Evaluation;
    /// What is kept of a moment of the plan.
    type Record;

    /// Evaluates the network on the samples of a step.
    fn evaluate(&mut self, step: u64) -> Self::Evaluation;

    /// Whether training can go on from here.
    fn is_finite(&mut self, evaluation: &Self::Evaluation, step: u64, time: f64) -> bool;

    /// Records everything the problem asks for.
    fn record(&mut self, evaluation: &Self::Evaluation, step: u64, time: f64) -> Self::Record;

    /// How training ends if it does with the last of these records, before its last step.
    fn stop_at(&self, records: &[Self::Record]) -> Option<Status>;

    /// Takes one step by the rule of the problem.
    fn update(&mut self, evaluation: Self::Evaluation, step: Step);
}

/// How many steps a descent has, and their sizes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps(LearningRates);

impl Steps {
    /// The steps of a problem trained by descent.
    pub(super) fn of(problem: &Problem) -> Option<Steps> {
        problem.optimizer.learning_rates().map(Steps)
    }
}

/// Descends from a step and the records taken before it, recording at the steps `at`; `observe` is called after every step.
pub(super) fn descend<D: Descend>(
    trainee: &mut D,
    Steps(rates): Steps,
    at: &[f64],
    (mut step, mut records): (u64, Vec<D::Record>),
    observe: &mut dyn FnMut(&Progress<'_, D::Record>, &mut D) -> Control,
) -> (Vec<D::Record>, Status) {
    loop {
        let time = rates.time(step as f64);
        let evaluation = trainee.evaluate(step);
        if !trainee.is_finite(&evaluation, step, time) {
            return (records, Status::Diverged { step, time });
        }
        if at.get(records.len()).is_some_and(|&due| step as f64 >= due) {
            records.push(trainee.record(&evaluation, step, time));
            if let Some(stopped) = trainee.stop_at(&records) {
                return (records, stopped);
            }
        }
        if step == rates.steps {
            return (records, Status::Done);
        }
        trainee.update(evaluation, Step::after(step, &rates));
        step += 1;
        let progress = Progress {
            step,
            time: rates.time(step as f64),
            fraction: step as f64 / rates.steps as f64,
            step_size: None,
            records: &records,
        };
        if let Control::Stop = observe(&progress, trainee) {
            return (records, Status::Interrupted { step });
        }
    }
}
