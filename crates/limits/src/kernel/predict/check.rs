//! Says what is wrong with a question.

use std::collections::HashMap;

use widenet_core::{
    Matrix, Problem,
    data::Samples,
    humanized,
    problem::{Annealing, Loss, Rule},
    scaling::LayerScaling,
};

use super::layout::Layout;
use super::question::{GivenKernel, GivenKernels, Initial, Moment, Question, Ridge, Spread, Trained};
use crate::kernel::{
    blocks::{Inputs, Need, TrainingKernel},
    ensemble::Prior,
    error::{Result, invalid},
    factorization::check_symmetric,
    filter::has_closed_form,
    rates::largest_rate_for,
    refusal::refuse_weight_decay,
};

/// Largest step that is an exact `f64`.
const MAX_STEP: f64 = 9_007_199_254_740_992.0;

/// Refuses a question that has no answer for the problem.
pub(super) fn question(problem: &Problem, question: &Question) -> Result<()> {
    problem.check_kernel_training()?;
    refuse_weight_decay(problem)?;
    let squared = matches!(problem.loss, Loss::Squared { .. });
    let descent = problem.optimizer.has_steps();
    for moment in &question.moments {
        match moment {
            Moment::At(time) if !(*time >= 0.0 && *time <= MAX_STEP) => {
                return Err(invalid(format!("moment {time} must be a finite number ≥ 0")));
            }
            Moment::At(step) if descent && step.fract() != 0.0 => {
                return Err(invalid(format!(
                    "moment {step} must be a whole number of steps: the optimizer is descent"
                )));
            }
            Moment::At(step) if !problem.optimizer.schedule.is_constant() && *step > problem.optimizer.horizon() => {
                return Err(invalid(format!(
                    "moment {step} is after the last step of optimizer.schedule, {}; give an earlier one, or more `optimizer.steps`",
                    problem.optimizer.horizon()
                )));
            }
            Moment::Infinity if !squared => {
                let why = match problem.loss {
                    Loss::Hinge => "hinge loss: where training ends depends on its steps",
                    Loss::Squared { .. } | Loss::Logistic | Loss::CrossEntropy => {
                        "logistic loss or the cross-entropy: outputs grow like ln t for ever"
                    }
                };
                return Err(invalid(format!("t = infinity has no answer with the {why}; give a finite moment")));
            }
            Moment::Infinity if !matches!(problem.optimizer.schedule.annealing, Annealing::Constant) => {
                return Err(invalid(
                    "t = infinity has no answer with this optimizer.schedule, which lets learning rates fall to the last step; give a finite moment, \
                     or a schedule of kind \"constant\""
                        .into(),
                ));
            }
            Moment::At(_) | Moment::Infinity => {}
        }
    }
    if let Some(ridge) = question.ridge {
        let (Ridge::Absolute(value) | Ridge::Relative(value)) = ridge;
        if !(value.is_finite() && value >= 0.0) {
            return Err(invalid(format!("ridge = {value} must be a finite number ≥ 0")));
        }
        if !has_closed_form(problem) {
            return Err(invalid(format!(
                "ridge = {value} has a meaning for the squared loss on full batches only; leave it out"
            )));
        }
    }
    if question.cutoff && !question.moments.contains(&Moment::Infinity) {
        return Err(invalid("cutoff belongs to t = infinity, which is not among the moments".into()));
    }
    let law = question.initial == Initial::Ensemble;
    if law && !squared {
        return Err(invalid(
            "the law of an ensemble has a closed form for the squared loss only; start from a sample, from zero or from given outputs"
                .into(),
        ));
    }
    let starts_at_zero = |bias: &LayerScaling| bias.init_std.constant == 0.0 && bias.learning_rate.constant > 0.0;
    if question.trained == Trained::ReadoutOnly
        && question.given.is_none()
        && problem.scaling().biases.last().is_some_and(|bias| bias.as_ref().is_some_and(starts_at_zero))
    {
        return Err(invalid(
            "the biases of the readout start at 0 and are trained, so that training the readout alone is no regression with the NNGP kernel; let \
             them have a standard deviation at the start, freeze them (`bias_rates`), or train all layers"
                .into(),
        ));
    }
    if !law && question.spread != Spread::None {
        return Err(invalid("a spread is over initialisations: it needs the start `ensemble`".into()));
    }
    Ok(())
}

/// Refuses the end of a descent that does not converge on `kernel + ridge I`.
pub(super) fn converges(problem: &Problem, kernel: &Matrix, ridge: f64) -> Result<()> {
    let Rule::Descent { learning_rate, .. } = problem.optimizer.rule else { return Ok(()) };
    let largest = largest_rate_for(problem, kernel, ridge)?;
    if learning_rate > largest {
        return Err(invalid(format!(
            "t = infinity has no answer: learning rate {} is above {largest:e}, the largest that is stable for this kernel, \
             and training diverges",
            humanized::exact(learning_rate)
        )));
    }
    Ok(())
}

/// The blocks of given kernels, after checking that they fit the data and each other.
pub(super) fn given(
    problem: &Problem,
    inputs: Inputs<'_>,
    question: &Question,
    given: &GivenKernels,
    need: Need,
) -> Result<(TrainingKernel, Option<Prior>)> {
    let (name, training) = match question.trained {
        Trained::All => ("ntk", &given.tangent),
        Trained::ReadoutOnly => ("nngp", &given.nngp),
    };
    let absent = |name: &str, why: &str| invalid(format!("the given `{name}` kernel is missing: {why}"));
    let training = training.as_ref().ok_or_else(|| absent(name, "training needs it"))?;
    let layout = match question.trained {
        Trained::All => Layout::of(training.train.nrows(), inputs.0.nrows(), problem.data.output_dimension()),
        Trained::ReadoutOnly => Layout::Samples,
    };
    check_blocks(inputs, training, name, layout)?;
    if layout != Layout::Samples {
        check_one_network(problem, question)?;
    }
    let kernel = TrainingKernel { train: training.train.clone(), test_train: training.test_train.clone() };
    if need == Need::Nothing {
        return Ok((kernel, None));
    }
    let nngp = given.nngp.as_ref().ok_or_else(|| absent("nngp", "the law of the outputs at the start needs it"))?;
    check_blocks(inputs, nngp, "nngp", Layout::Samples)?;
    let tests = |block: &Option<Matrix>| block.as_ref().map(Matrix::nrows);
    if tests(&kernel.test_train) != tests(&nngp.test_train) {
        return Err(invalid("the given kernels have test blocks of different sizes, or only one has them".into()));
    }
    if nngp.test_train.is_some() && nngp.test_test.is_none() {
        return Err(absent("nngp", "its block among test inputs is needed for spreads and sampled starts"));
    }
    let prior = Prior {
        train: nngp.train.clone(),
        test_train: nngp.test_train.clone(),
        test_diagonal: nngp.test_test.as_ref().map(|block| block.diagonal().iter().copied().collect()),
        test: nngp.test_test.clone(),
    };
    Ok((kernel, Some(prior)))
}

/// Refuses what the kernel of one network between all samples and outputs does not answer.
fn check_one_network(problem: &Problem, question: &Question) -> Result<()> {
    const KERNEL: &str = "the given `ntk` kernel has a row for every sample and output, as that of one network has";
    if matches!(question.initial, Initial::Ensemble | Initial::Samples { .. }) {
        return Err(invalid(format!(
            "{KERNEL}, so that there is no law of outputs at the start; give those of the network (`predict.initial = {{ outputs = … }}`), or \"zero\""
        )));
    }
    match has_closed_form(problem) {
        true => Ok(()),
        false => Err(invalid(format!("{KERNEL}, and predictions by it are those of the squared loss on full batches"))),
    }
}

fn check_blocks((train, test): Inputs<'_>, kernel: &GivenKernel, name: &str, layout: Layout) -> Result<()> {
    let samples = layout.rows(train.nrows());
    let wrong = |block: &str, matrix: &Matrix, rows: usize, columns: usize| {
        invalid(format!(
            "the given `{name}` kernel {block} is {} × {}; it must be {rows} × {columns}",
            matrix.nrows(),
            matrix.ncols()
        ))
    };
    if kernel.train.shape() != (samples, samples) {
        return Err(wrong("among training inputs", &kernel.train, samples, samples));
    }
    check_symmetric(&kernel.train, &format!("the given `{name}` kernel among training inputs"))?;
    let expected = test.map(|test| layout.rows(test.nrows()));
    let Some(block) = &kernel.test_train else {
        return match expected {
            Some(tests) => Err(invalid(format!(
                "the given `{name}` kernel has no block between the {tests} test inputs and the training inputs, and test predictions are asked for"
            ))),
            None => Ok(()),
        };
    };
    let tests = expected.unwrap_or(block.nrows());
    if block.shape() != (tests, samples) {
        return Err(wrong("between test and training inputs", block, tests, samples));
    }
    if let Some(value) = block.iter().find(|value| !value.is_finite()) {
        return Err(invalid(format!(
            "the given `{name}` kernel between test and training inputs holds {value}; all entries must be finite"
        )));
    }
    match &kernel.test_test {
        Some(among) if among.shape() != (tests, tests) => Err(wrong("among test inputs", among, tests, tests)),
        Some(among) => check_symmetric(among, &format!("the given `{name}` kernel among test inputs")),
        None => Ok(()),
    }
}

/// Says which equal inputs have different targets, if any.
pub(super) fn conflicting_duplicates(samples: &Samples) -> Option<String> {
    let mut first = HashMap::new();
    for (row, (inputs, targets)) in samples.inputs.row_iter().zip(samples.targets.row_iter()).enumerate() {
        // −0 and 0 are the same input.
        let key: Vec<u64> = inputs.iter().map(|x| (x + 0.0).to_bits()).collect();
        let (earlier, expected) = first.entry(key).or_insert((row, targets.clone_owned()));
        if *expected != targets {
            return Some(format!(
                "training samples {} and {} have the same inputs and different targets, so t = infinity cannot fit both: the kernel is \
                 singular; give a ridge",
                *earlier + 1,
                row + 1
            ));
        }
    }
    None
}
