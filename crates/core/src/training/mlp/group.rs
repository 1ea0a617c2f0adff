//! A group is N networks of one problem that differ in their seeds and train as one.
//!
//! ```text
//! f = (f_1; …; f_N), N P × k,    ∂/∂f Σ_i R(f_i) = (∂R/∂f_1; …; ∂R/∂f_N)
//! ```
//!
//! (docs/theory/training.md §3, Eq. group.) Every network sees the batches of its own seed, has the loss it has alone, and diverges alone.

use super::{
    network::Mlp,
    passes::Passes,
    rows::of_network,
    training::{Course, MlpTraining},
};
use crate::{
    error::{Error, Result},
    problem::Problem,
    training::{
        descent::{Descend, Steps, descend},
        matrix::{EntryMatrix, NormalizedUpdate},
        progress::{Control, is_finite},
        rule::{Step, StepRule},
    },
    trajectory::{Record, Status},
};

/// A group in training.
pub struct MlpGroup<'p, W: EntryMatrix + NormalizedUpdate> {
    training: MlpTraining<'p, W, StepRule>,
    steps: Steps,
    rule: StepRule,
    networks: usize,
    /// The step and time at which each network diverged.
    diverged: Vec<Option<(u64, f64)>>,
}

impl<'p, W: EntryMatrix + NormalizedUpdate> MlpGroup<'p, W> {
    /// Prepares for a run that starts from networks at time 0; each has its seed, which keys the order of its minibatches.
    ///
    /// # Errors
    /// [`Error::Invalid`]: what one network is not trained by, and quantities that are not functions of the outputs.
    pub fn new(problem: &'p Problem, networks: Mlp<W>, seeds: &[u64]) -> Result<Self> {
        if let Some(quantity) = problem.record.quantities.iter().find(|quantity| !quantity.is_of_outputs()) {
            return Err(Error::Invalid(format!(
                "record.quantities: `{}` is not a function of the outputs, and networks trained as a group record no other",
                quantity.name()
            )));
        }
        let course = Course::of(problem, StepRule::of(&problem.optimizer))?;
        let Course::Steps { steps, rule } = course else {
            return Err(Error::Invalid(
                "optimizer.kind = \"flow\": each network of an ensemble would choose steps of its own; use \"gd\" with a small learning rate, or \
                 the width inf"
                    .into(),
            ));
        };
        let training = MlpTraining::prepared(problem, networks, course, seeds)?;
        Ok(Self { training, steps, rule, networks: seeds.len(), diverged: vec![None; seeds.len()] })
    }

    /// Trains all networks; what each recorded and how it ended, in their order. `observe` is called after every step and may stop
    /// the run.
    pub fn run(mut self, observe: &mut dyn FnMut() -> Control) -> Vec<(Vec<Record>, Status)> {
        let (at, steps) = (&self.training.problem.record.at, self.steps);
        let (records, status) = descend(&mut self, steps, at, (0, Vec::new()), &mut |_, _| observe());
        let of_network = |(network, diverged): (usize, &Option<(u64, f64)>)| {
            let records = records.iter().map(|records| records[network].clone());
            match *diverged {
                Some((step, time)) => {
                    (records.take_while(|record| record.step < step).collect(), Status::Diverged { step, time })
                }
                None => (records.collect(), status),
            }
        };
        self.diverged.iter().enumerate().map(of_network).collect()
    }
}

impl<W: EntryMatrix + NormalizedUpdate> Descend for MlpGroup<'_, W> {
    type Evaluation = Passes<W::Block>;
    type Record = Vec<Record>;

    fn evaluate(&mut self, step: u64) -> Self::Evaluation {
        self.training.evaluate(step)
    }

    /// As long as one network is.
    fn is_finite(&mut self, passes: &Self::Evaluation, step: u64, time: f64) -> bool {
        for (network, diverged) in self.diverged.iter_mut().enumerate() {
            if diverged.is_none() && !is_finite(&of_network(&passes.forward.outputs, network, self.networks)) {
                *diverged = Some((step, time));
            }
        }
        self.diverged.iter().any(Option::is_none)
    }

    fn record(&mut self, passes: &Self::Evaluation, step: u64, time: f64) -> Self::Record {
        self.training.take_records(passes, step, time)
    }

    /// An ensemble stops by its mean, which one group does not know.
    fn stop_at(&self, _: &[Self::Record]) -> Option<Status> {
        None
    }

    fn update(&mut self, passes: Self::Evaluation, step: Step) {
        self.training.step(passes, self.rule, step);
    }
}
